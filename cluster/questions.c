/* questions.c - what a new owner asks of other nodes. Each question is remembered with its room, so
 * that an answer to a room that was thrown back meanwhile is nothing, and nothing dangles at the
 * end. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

#define HEADS_WAIT VR_SECONDS(1)

struct question {
    struct vr_list link; /* cluster_room.questions; the room stays as long as there is one */
    struct cluster_room *room;
    uint32_t life;
    uint32_t node;
    void (*done)(struct cluster_room *room, enum vr_err err);
    void (*heads_done)(struct cluster_room *room);
};

static struct question *new_question(struct cluster_room *room)
{
    struct question *question = calloc(1, sizeof(*question));

    vr_assert(question != NULL);
    question->room = room;
    question->life = room->life;
    vr_list_init(&question->link);
    vr_list_push(&room->questions, &question->link);
    return question;
}

/* The room, if it still waits for this; the question is over. */
static struct cluster_room *close_question(struct question *question)
{
    struct cluster_room *room = question->room;
    bool waits = room->life == question->life;

    vr_list_remove(&question->link);
    free(question);
    return waits ? room : NULL;
}

static void on_copy(void *ctx, enum vr_err err)
{
    struct question *question = ctx;
    void (*done)(struct cluster_room *, enum vr_err) = question->done;
    struct cluster_room *room = close_question(question);

    if (room != NULL) {
        done(room, err);
    }
}

void question_seal(struct cluster_room *room, uint32_t from,
                   void (*done)(struct cluster_room *room, enum vr_err err))
{
    struct question *question = new_question(room);

    question->done = done;
    replica_seal(room->cluster, room->id, room->epoch, from, on_copy, question);
}

void question_install(struct cluster_room *room, const struct cluster_row *rows, uint32_t count,
                      void (*done)(struct cluster_room *room, enum vr_err err))
{
    struct question *question = new_question(room);

    question->done = done;
    replica_install(room->cluster, room->id, room->epoch, rows, count, on_copy, question);
}

/* ---- how new is your copy? ---- */

static void note_head(struct cluster_room *room, uint32_t node, uint64_t epoch, uint64_t revision)
{
    bool newer = epoch > room->newest.epoch ||
                 (epoch == room->newest.epoch && revision > room->newest.revision);

    if (newer) {
        room->newest.node = node;
        room->newest.epoch = epoch;
        room->newest.revision = revision;
    }
}

static void on_head(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct question *question = ctx;
    uint32_t node = question->node;
    void (*done)(struct cluster_room *) = question->heads_done;
    struct cluster_room *room = close_question(question);
    struct vr_bytes bytes = {0};
    Vr__Cluster__Head *head = NULL;

    if (room == NULL) {
        return;
    }
    if (err == VR_OK && answer->kind == VR_MSG_CLUSTER_DONE && answer->as.note.err == VR_OK) {
        bytes = vr_blob_bytes(answer->as.note.bytes);
        head = vr__cluster__head__unpack(NULL, bytes.size, bytes.data);
    }
    if (head != NULL) {
        note_head(room, node, head->epoch, head->revision);
        vr__cluster__head__free_unpacked(head, NULL);
    }
    if (--room->newest.waiting == 0) {
        done(room);
    }
}

static void ask_head(struct cluster_room *room, uint32_t node,
                     void (*done)(struct cluster_room *room))
{
    struct question *question = new_question(room);
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = vr_cluster_address(node)};
    uint8_t id[16];

    question->node = node;
    question->heads_done = done;
    vr_id_put(id, room->id);
    msg.as.note.type = VR__CLUSTER__NOTE_TYPE__NOTE_HEAD_GET;
    msg.as.note.bytes = vr_blob_new(vr_bytes(id, sizeof(id)));
    vr_ask(room->cluster->worker, &msg, HEADS_WAIT, on_head, question);
}

void question_heads(struct cluster_room *room, void (*done)(struct cluster_room *room))
{
    struct vr_cluster *cluster = room->cluster;
    uint64_t epoch = 0;
    uint64_t revision = 0;

    room->newest.node = 0;
    room->newest.epoch = 0;
    room->newest.revision = 0;
    room->newest.waiting = 1; /* ourselves, so that the last answer finds all asked */
    if (replica_has(cluster, room->id, &epoch, &revision)) {
        note_head(room, cluster->conf.number, epoch, revision);
    }
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        uint32_t number = cluster->member->nodes[i].number;

        if (number != 0 && number != cluster->conf.number) {
            room->newest.waiting++;
            ask_head(room, number, done);
        }
    }
    if (--room->newest.waiting == 0) {
        done(room);
    }
}

void question_on_head_get(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct vr_bytes bytes = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__Head head = VR__CLUSTER__HEAD__INIT;
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};
    uint8_t packed[32];

    answer.as.note.type = msg->as.note.type;
    answer.as.note.err = VR_E_NOT_FOUND;
    if (bytes.size == 16 &&
        replica_has(cluster, vr_id_get(bytes.data), &head.epoch, &head.revision)) {
        answer.as.note.err = VR_OK;
        answer.as.note.bytes =
            vr_blob_new(vr_bytes(packed, vr__cluster__head__pack(&head, packed)));
    }
    vr_reply(cluster->system, msg, &answer);
}

void questions_free(struct cluster_room *room)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&room->questions)) != NULL) {
        free(VR_OWNER(link, struct question, link));
    }
}
