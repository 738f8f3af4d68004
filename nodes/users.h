/* users.h - everything that the store has about one user, in one place; and the end of it.
 *
 * Rows are found by the user's ref, so this walks whole tables: on the chores' thread, not on a
 * loop. */
#ifndef VR_NODES_USERS_H
#define VR_NODES_USERS_H

#include <jansson.h>

#include "nodes/deployment.h"

/** {"user", "known", "rooms", "places", "bans", "deployment_bans", "reports_by", "reports_about",
 * "audit"}; at most `most` of each list, the newest of the audit log. NULL: memory is out, or the
 * store failed. */
json_t *vr_user_gather(struct vr_records *records, struct vr_deployment *deployment,
                       struct vr_personal *personal, const char *user, size_t most);

/** Rooms that hold a place of his: their ids, malloc'd; NULL with a count of 0. */
struct vr_id *vr_user_rooms(struct vr_records *records, struct vr_id ref, size_t *count);

#endif
