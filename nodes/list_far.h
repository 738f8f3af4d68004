/* list_far.h - the list of rooms over the nodes of a cluster: each tells those that it owns.
 *
 *     the one that was asked --VR_NOTE_LISTING: the query--> the lobbies of the others
 *                            <-- places and room objects of one page --
 *
 * A node that does not answer in time is left out: its rooms are shown as the copy here has them,
 * or, without one, not. */
#ifndef VR_NODES_LIST_FAR_H
#define VR_NODES_LIST_FAR_H

#include "nodes/list_wire.h"

typedef void (*vr_list_far_fn)(void *ctx, const struct vr_list_far *far);

/** Ask all others that live; `done` is called once, on `worker`'s thread (at once where there is
 * nobody to ask), and `far` is gone after it. Thread: `worker`'s. */
void vr_list_far_ask(struct vr_node *node, struct vr_worker *worker,
                     const struct vr_list_query *query, vr_list_far_fn done, void *ctx);
/** The reply to VR_NOTE_LISTING. Thread: the control worker's. */
void vr_list_far_tell(struct vr_node *node, const struct vr_msg *asked);

#endif
