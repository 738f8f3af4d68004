/* list_wire.h - what nodes say to each other about the list of rooms, as bytes: the question is
 * JSON, the answer lines. Pure.
 *
 *     1                      or 0: that is not all
 *     CURSOR {"id":...}      a place, and the room object as clients get it */
#ifndef VR_NODES_LIST_WIRE_H
#define VR_NODES_LIST_WIRE_H

#include "cluster/cluster.h"
#include "nodes/list_find.h"

/** A row of another node; the bytes live as long as what they came in. */
struct vr_list_far_row {
    struct vr_list_place place;
    struct vr_bytes json;
};

struct vr_list_far {
    uint32_t told[VR_CLUSTER_NODES_MAX]; /* nodes that have answered */
    struct vr_blob *answers[VR_CLUSTER_NODES_MAX];
    uint32_t told_count;
    struct vr_list_far_row *rows; /* no room twice */
    uint32_t count, capacity;
    bool cut; /* one had more than fits: nothing is known behind `end` */
    struct vr_list_place end;
};

/** NULL: memory is out. The caller releases it. */
struct vr_blob *vr_list_question_write(const struct vr_list_query *query);
/** False: it is none. */
bool vr_list_question_read(struct vr_bytes in, struct vr_list_query *query);

/** Add the rows of an answer to `far`; the bytes stay the caller's, who keeps them as long as
 * `far`. What cannot be read is left out with all that comes after it, and counts as cut. */
void vr_list_answer_read(struct vr_bytes in, enum vr_list_sort sort, struct vr_list_far *far);
bool vr_list_far_told(const struct vr_list_far *far, uint32_t node);
/** NULL: nobody told of this room. */
const struct vr_list_far_row *vr_list_far_row_of(const struct vr_list_far *far, struct vr_id room);

#endif
