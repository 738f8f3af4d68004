/* list_find.h - which rooms of this node's store a list shows, and in which order. */
#ifndef VR_NODES_LIST_FIND_H
#define VR_NODES_LIST_FIND_H

#include "actors/base/err.h"
#include "actors/room/records.h"
#include "nodes/list_rows.h"
#include "nodes/node.h"

#define VR_LIST_QUERY_MAX 129

struct vr_list_query {
    uint32_t phases; /* bits 1 << enum vr_phase */
    char phase_text[40];
    char q[VR_LIST_QUERY_MAX];
    char topic[VR_TAG_MAX + 1];
    char tag[VR_TAG_MAX + 1];
    char language[17];
    enum vr_list_sort sort;
    uint32_t limit;
    bool has_cursor;
    struct vr_list_place cursor;
    bool all;           /* admin */
    struct vr_id asker; /* zero: nobody */
};

/** From `phase_text`; false: it names something else than active, scheduled, ended. */
bool vr_list_phases_read(struct vr_list_query *query);

/** Offer what the store has and the query asks for to `page`; `wanted` (NULL: all) may leave rooms
 * out. Nothing that is sealed is opened. Any thread. */
VR_MUST_CHECK enum vr_err vr_list_find(struct vr_node *node, const struct vr_list_query *query,
                                       bool (*wanted)(void *ctx, struct vr_id room), void *ctx,
                                       struct vr_list_page *page);
/** Append the room object of one that was found; false: it has gone meanwhile. Any thread. */
bool vr_list_found_write(struct vr_node *node, struct vr_id room, struct vr_buf *out);

#endif
