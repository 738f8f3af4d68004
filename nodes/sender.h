/* sender.h - the thread that carries events out of the outbox to webhooks.
 *
 *     room's commit --> | event | --fan out--> | delivery | --2xx--> gone
 *                                                  |  `--else--> later; after the last try | dead
 * letter |
 *
 * Every arrow is one commit of the store, so that a kill at any moment loses no event: at worst one
 * is sent twice, under the same webhook-id. Deliveries to one webhook about one room go out one
 * after another; a room whose first one fails waits. Redirects are not followed, proxies not used,
 * and the address that a connection is made to is judged then (vr_webhook_may_reach), so that no
 * name can be turned inwards. libcurl is used here only. */
#ifndef VR_NODES_SENDER_H
#define VR_NODES_SENDER_H

#include <jansson.h>

#include "nodes/deployment.h"

struct vr_sender;
struct vr_config_list;

struct vr_sender_conf {
    struct vr_records *records; /* borrowed, as the next three */
    struct vr_personal *personal;
    struct vr_deployment *deployment;
    const struct vr_config_list *allow; /* ranges that may be reached though not public */
    uint32_t attempts;
};

VR_MUST_CHECK enum vr_err vr_sender_new(const struct vr_sender_conf *conf, struct vr_sender **out);
/** Ends the thread; what was not delivered stays in the store. NULL is fine. */
void vr_sender_free(struct vr_sender *sender);

/** Events with a number above `after`, oldest first, at most `most`: {"events", "next", "lost"}.
 * They live in memory, the last thousand; `lost`: some after `after` are gone already. */
json_t *vr_sender_events(struct vr_sender *sender, uint64_t after, size_t most);

/** A delivery of type webhook.test, to this webhook alone. `id` is its webhook-id. Waits for the
 * commit: not on a loop. */
VR_MUST_CHECK enum vr_err vr_sender_test(struct vr_sender *sender, struct vr_id webhook,
                                         char id[32]);
/** {"deliveries": [...]}: those that wait, then dead letters, at most 500. */
json_t *vr_sender_deliveries(struct vr_sender *sender, struct vr_id webhook);
/** Dead letters of this webhook (`id` "": all; else one) are tried again; waits that have an error
 * are cut short. Returns how many. Waits for the commit. */
uint32_t vr_sender_redeliver(struct vr_sender *sender, struct vr_id webhook, const char *id);
/** A removed webhook's rows, at most a bounded number in one commit. */
void vr_sender_forget(struct vr_sender *sender, struct vr_id webhook, struct vr_commit *commit);

struct vr_sender_stats {
    uint64_t delivered;
    uint64_t failed; /* attempts */
    uint64_t dead;
    uint64_t refused; /* an address that may not be reached */
    uint64_t waiting; /* as of the last look */
};
void vr_sender_stats(const struct vr_sender *sender, struct vr_sender_stats *out);

#endif
