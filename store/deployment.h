/* deployment.h - what every node of a deployment must know: bans, filter words, webhooks,
 * reminders. One table, one form.
 *
 *     VR_TABLE_DEPLOYMENT    | kind 1 | id 16 |  ->  | revision 8 | gone 1 | body ... |
 *
 * A removed record stays as a row that is `gone`, so that a copy learns of it. Rows are written
 * under the head of VR_DEPLOYMENT_ROOM, whose revision counts up by one with each change; of two
 * forms of one row the higher revision holds. So a cluster's back end copies the whole set by
 * sending rows as they are (vr_deployment_row_newer judges at the other end), and a node that was
 * away asks for those above the highest revision that it has. API keys and revoked tokens have
 * tables of their own (KEYS, REVOKED). */
#ifndef VR_STORE_DEPLOYMENT_H
#define VR_STORE_DEPLOYMENT_H

#include "store/records.h"

/** No room can have this id: ids of rooms are random. */
#define VR_DEPLOYMENT_ROOM ((struct vr_id){0, 1})
#define VR_DEPLOYMENT_KEY 17

/** Part of the format. */
enum vr_deployment_kind {
    VR_DEPLOYMENT_BAN = 'b',
    VR_DEPLOYMENT_FILTER = 'f',
    VR_DEPLOYMENT_WEBHOOK = 'w',
    VR_DEPLOYMENT_REMINDER = 'r',
};

struct vr_deployment_row {
    enum vr_deployment_kind kind;
    struct vr_id id;
    uint64_t revision;
    bool gone;
    struct vr_bytes body; /* protobuf; empty when gone */
};

void vr_deployment_row_put(struct vr_commit *commit, const struct vr_deployment_row *row);
/** False: not such a row. `body` borrows from `value`. A kind that is not known here is fine. */
bool vr_deployment_row_get(struct vr_bytes key, struct vr_bytes value,
                           struct vr_deployment_row *out);
/** Has the store no such row, or one of a lower revision? */
bool vr_deployment_row_newer(struct vr_records *records, const struct vr_deployment_row *row);

/** Walk the rows of one kind that are not gone. `visit` returns false to stop. */
typedef bool (*vr_deployment_visit_fn)(void *ctx, const struct vr_deployment_row *row);
VR_MUST_CHECK enum vr_err vr_deployment_scan(struct vr_records *records,
                                             enum vr_deployment_kind kind,
                                             vr_deployment_visit_fn visit, void *ctx);

#endif
