#include "nodes/list_find.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nodes/list_json.h"
#include "nodes/lobby.h"
#include "store/personal.h"
#include "store/records.h"

struct finding {
    struct vr_node *node;
    const struct vr_list_query *query;
    bool (*wanted)(void *ctx, struct vr_id room);
    void *ctx;
    struct vr_list_page *page;
    struct vr_room_listing row; /* 20 KB: not for the stack */
};

bool vr_list_phases_read(struct vr_list_query *query)
{
    char text[sizeof(query->phase_text)];
    char *rest = text;
    char *word = NULL;

    memcpy(text, query->phase_text, sizeof(text));
    query->phases = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (strcmp(word, "active") == 0) {
            query->phases |= 1u << VR_ACTIVE;
        } else if (strcmp(word, "scheduled") == 0) {
            query->phases |= 1u << VR_SCHEDULED;
        } else if (strcmp(word, "ended") == 0) {
            query->phases |= 1u << VR_ENDED;
        } else {
            return false;
        }
    }
    return true;
}

static bool may_list(const struct vr_list_query *query, const struct vr_room_listing *row)
{
    if (query->all || row->visibility == VR_PUBLIC) {
        return true;
    }
    if (vr_id_is_zero(query->asker)) {
        return false;
    }
    if (vr_id_equal(row->creator_ref, query->asker)) {
        return true;
    }
    for (uint32_t i = 0; i < row->invited_count; i++) {
        if (vr_id_equal(row->invited[i], query->asker)) {
            return true;
        }
    }
    return false;
}

static bool has_tag(const struct vr_room_listing *row, const char *tag)
{
    for (uint32_t i = 0; i < row->tag_count; i++) {
        if (strcasecmp(row->tags[i], tag) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds_text(const struct vr_room_listing *row, const char *q)
{
    if (strcasestr(row->title, q) != NULL || strcasestr(row->topic, q) != NULL ||
        strcasestr(row->description, q) != NULL) {
        return true;
    }
    for (uint32_t i = 0; i < row->tag_count; i++) {
        if (strcasestr(row->tags[i], q) != NULL) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct vr_list_query *query, const struct vr_room_listing *row)
{
    return (query->phases & (1u << row->phase)) != 0 && may_list(query, row) &&
           (query->topic[0] == '\0' || strcasecmp(row->topic, query->topic) == 0) &&
           (query->language[0] == '\0' || strcasecmp(row->language, query->language) == 0) &&
           (query->tag[0] == '\0' || has_tag(row, query->tag)) &&
           (query->q[0] == '\0' || holds_text(row, query->q));
}

static enum vr_err open_personal(void *ctx, struct vr_id ref, struct vr_bytes sealed,
                                 struct vr_buf *out)
{
    return vr_personal_open(ctx, ref, sealed, out);
}

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct finding *finding = ctx;
    const struct vr_list_query *query = finding->query;
    struct vr_list_facts facts = {0};
    struct vr_list_place place;
    struct vr_lobby_room live = {0};

    if (key.size != 16 || vr_room_listing_decode(value, &vr_vault_closed, &finding->row) != VR_OK ||
        !matches(query, &finding->row)) {
        return true;
    }
    facts.room = vr_id_get(key.data);
    if (finding->wanted != NULL && !finding->wanted(finding->ctx, facts.room)) {
        return true;
    }
    if (query->sort == VR_LIST_LIVE &&
        vr_lobby_find(vr_node_lobby(finding->node), facts.room, &live)) {
        facts.participants = live.participants;
        vr_blob_release(live.on_stage);
    }
    facts.created_wall = finding->row.created_wall;
    facts.starts_wall = finding->row.starts_wall;
    facts.title = finding->row.title;
    vr_list_place(query->sort, &facts, &place);
    vr_list_offer(finding->page, &place);
    return true;
}

enum vr_err vr_list_find(struct vr_node *node, const struct vr_list_query *query,
                         bool (*wanted)(void *ctx, struct vr_id room), void *ctx,
                         struct vr_list_page *page)
{
    struct finding *finding = calloc(1, sizeof(*finding));
    enum vr_err err = VR_E_NO_MEMORY;

    if (finding != NULL) {
        finding->node = node;
        finding->query = query;
        finding->wanted = wanted;
        finding->ctx = ctx;
        finding->page = page;
        err = vr_records_scan(vr_node_records(node), VR_TABLE_ROOMS, (struct vr_bytes){0},
                              (struct vr_bytes){0}, visit, finding);
    }
    free(finding);
    return err;
}

bool vr_list_found_write(struct vr_node *node, struct vr_id room, struct vr_buf *out)
{
    const struct vr_vault vault = {.open = open_personal, .ctx = vr_node_personal(node)};
    struct vr_room_listing *row = malloc(sizeof(*row));
    struct vr_buf value = {0};
    uint8_t key[16];
    bool there;

    vr_id_put(key, room);
    there = row != NULL &&
            vr_records_get(vr_node_records(node), VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)),
                           &value) == VR_OK &&
            vr_room_listing_decode(vr_buf_bytes(&value), &vault, row) == VR_OK;
    if (there) {
        vr_list_row_write(vr_node_lobby(node), room, row, out);
    }
    vr_buf_deinit(&value);
    free(row);
    return there;
}
