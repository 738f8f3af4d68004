#include "nodes/list_far.h"

#include <stdlib.h>

#include "nodes/list_wire.h"

#define ANSWER_WAIT VR_MS(700)
#define ANSWER_BYTES ((size_t)512 * 1024) /* an envelope takes 1 MB */

/* ---- the answer ---- */

/* Its own, and those without an owner: whoever has a copy may tell of them. */
static bool is_ours(void *ctx, struct vr_id room)
{
    struct vr_cluster *cluster = ctx;
    uint32_t owner = vr_cluster_owner_node(cluster, room);

    return owner == 0 || owner == vr_cluster_self(cluster);
}

static void write_answer(struct vr_node *node, const struct vr_list_query *query,
                         const struct vr_list_page *page, struct vr_buf *out)
{
    vr_buf_text(out, "1\n");
    for (uint32_t i = 0; i < page->count && !out->failed; i++) {
        char cursor[VR_CURSOR_MAX];
        size_t before = out->size;
        bool there = vr_list_cursor_write(query->sort, &page->places[i], cursor);

        vr_buf_text(out, there ? cursor : "");
        vr_buf_text(out, " ");
        if (!there || !vr_list_found_write(node, page->places[i].room, out)) {
            out->size = before;
            continue;
        }
        vr_buf_text(out, "\n");
        if (out->size > ANSWER_BYTES && i > 0 && !out->failed) {
            out->size = before;
            out->data[0] = '0';
            break;
        }
    }
}

void vr_list_far_tell(struct vr_node *node, const struct vr_msg *asked)
{
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};
    struct vr_list_query query;
    struct vr_list_page *page = calloc(1, sizeof(*page));
    struct vr_cluster *cluster = vr_node_cluster(node);
    struct vr_buf out = {0};
    enum vr_err err = page == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK &&
        (cluster == NULL || !vr_list_question_read(vr_blob_bytes(asked->as.note.bytes), &query))) {
        err = VR_E_BAD_REQUEST;
    }
    if (err == VR_OK) {
        page->limit = query.limit;
        page->after = query.has_cursor ? &query.cursor : NULL;
        err = vr_list_find(node, &query, is_ours, cluster, page);
    }
    if (err == VR_OK) {
        write_answer(node, &query, page, &out);
        answer.as.note.bytes = out.failed ? NULL : vr_blob_new(vr_buf_bytes(&out));
        err = answer.as.note.bytes == NULL ? VR_E_NO_MEMORY : VR_OK;
    }
    answer.as.note.type = VR_NOTE_LISTING;
    answer.as.note.err = err;
    vr_reply(vr_node_system(node), asked, &answer);
    vr_buf_deinit(&out);
    free(page);
}

/* ---- asking ---- */

struct asking {
    struct vr_list_far far;
    enum vr_list_sort sort;
    uint32_t waiting; /* answers, and one until all are asked */
    vr_list_far_fn done;
    void *ctx;
};

struct question {
    struct asking *asking;
    uint32_t node;
};

static void one_less(struct asking *asking)
{
    if (--asking->waiting > 0) {
        return;
    }
    asking->done(asking->ctx, &asking->far);
    for (uint32_t i = 0; i < asking->far.told_count; i++) {
        vr_blob_release(asking->far.answers[i]);
    }
    free(asking->far.rows);
    free(asking);
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct question question = *(struct question *)ctx;
    struct vr_list_far *far = &question.asking->far;

    free(ctx);
    if (err == VR_OK && msg->kind == VR_MSG_CLUSTER_DONE && msg->as.note.err == VR_OK &&
        msg->as.note.bytes != NULL) {
        far->answers[far->told_count] = vr_blob_retain(msg->as.note.bytes);
        far->told[far->told_count++] = question.node;
        vr_list_answer_read(vr_blob_bytes(msg->as.note.bytes), question.asking->sort, far);
    }
    one_less(question.asking);
}

static void ask_node(struct asking *asking, struct vr_worker *worker, uint32_t node,
                     struct vr_blob *text)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = {.kind = VR_ACTOR_LOBBY, .sub = node}};
    struct question *question = malloc(sizeof(*question));

    if (question == NULL) {
        return;
    }
    *question = (struct question){asking, node};
    asking->waiting++;
    msg.as.note.type = VR_NOTE_LISTING;
    msg.as.note.bytes = vr_blob_retain(text);
    vr_ask(worker, &msg, ANSWER_WAIT, on_answer, question);
}

void vr_list_far_ask(struct vr_node *node, struct vr_worker *worker,
                     const struct vr_list_query *query, vr_list_far_fn done, void *ctx)
{
    static const struct vr_list_far nobody;
    struct vr_cluster *cluster = vr_node_cluster(node);
    struct asking *asking = cluster == NULL ? NULL : calloc(1, sizeof(*asking));
    struct vr_cluster_node *nodes =
        cluster == NULL ? NULL : calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    struct vr_blob *text = cluster == NULL ? NULL : vr_list_question_write(query);
    uint32_t count = 0;

    if (asking == NULL || nodes == NULL || text == NULL) {
        free(asking);
        asking = NULL;
        done(ctx, &nobody);
    } else {
        asking->sort = query->sort;
        asking->waiting = 1;
        asking->done = done;
        asking->ctx = ctx;
        count = vr_cluster_nodes(cluster, nodes, VR_CLUSTER_NODES_MAX);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].alive && !nodes[i].self) {
            ask_node(asking, worker, nodes[i].number, text);
        }
    }
    vr_blob_release(text);
    free(nodes);
    if (asking != NULL) {
        one_less(asking);
    }
}
