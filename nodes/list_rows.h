/* list_rows.h - the order of the list of rooms, and its cursor. Pure.
 *
 * A cursor is the place of the last row given: it names no server state, so it survives restarts
 * and works on every node. Rooms that move while somebody pages may be seen twice or not at all;
 * those that stay are seen once. */
#ifndef VR_NODES_LIST_ROWS_H
#define VR_NODES_LIST_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/ids.h"
#include "actors/messages/command.h"

#define VR_LIST_MAX 100 /* rows of one page */
#define VR_CURSOR_MAX 512

enum vr_list_sort { VR_LIST_LIVE, VR_LIST_CREATED, VR_LIST_STARTS, VR_LIST_TITLE, VR_LIST_SORTS };
bool vr_list_sort_parse(const char *word, enum vr_list_sort *out);
const char *vr_list_sort_name(enum vr_list_sort sort);

/** Where a room stands in the list: lower comes first. */
struct vr_list_place {
    int64_t first;
    int64_t second;
    char text[VR_TITLE_MAX + 1];
    struct vr_id room;
};

struct vr_list_facts {
    struct vr_id room;
    uint32_t participants;
    vr_time_us created_wall;
    vr_time_us starts_wall; /* 0: not scheduled, comes last */
    const char *title;
};
void vr_list_place(enum vr_list_sort sort, const struct vr_list_facts *facts,
                   struct vr_list_place *out);
int vr_list_compare(const struct vr_list_place *a, const struct vr_list_place *b);

/** The first `limit + 1` places after `after`, in order; the one too many tells that there is a
 * next page. */
struct vr_list_page {
    struct vr_list_place places[VR_LIST_MAX + 1];
    uint32_t count;
    uint32_t limit;
    const struct vr_list_place *after; /* NULL: from the start */
};
void vr_list_offer(struct vr_list_page *page, const struct vr_list_place *place);

/** Text that fits into a URL as it is. False when memory is out or it got too long. */
bool vr_list_cursor_write(enum vr_list_sort sort, const struct vr_list_place *place,
                          char out[VR_CURSOR_MAX]);
/** False: not a cursor of ours, or of another sort. */
bool vr_list_cursor_read(const char *text, enum vr_list_sort sort, struct vr_list_place *out);

#endif
