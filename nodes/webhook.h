/* webhook.h - Standard Webhooks (version 1): what is signed and how, when to try again, what a URL
 * may look like. Pure. */
#ifndef VR_NODES_WEBHOOK_H
#define VR_NODES_WEBHOOK_H

#include "actors/base/clock.h"
#include "actors/base/random.h"
#include "nodes/deployment.h"

#define VR_WEBHOOK_SECRET_TEXT 52 /* "whsec_", base64 of 32 bytes, the 0 */
#define VR_WEBHOOK_SIGNATURE_TEXT 48

/** RFC 4648, 4, with padding. Appends. */
void vr_base64_write(struct vr_bytes in, struct vr_buf *out);

void vr_webhook_secret_text(const uint8_t secret[VR_WEBHOOK_SECRET],
                            char out[VR_WEBHOOK_SECRET_TEXT]);

/** "v1,<base64>" of HMAC-SHA-256 over "id.timestamp.body". False when memory is out. */
bool vr_webhook_sign(const uint8_t secret[VR_WEBHOOK_SECRET], const char *id, int64_t timestamp_s,
                     struct vr_bytes body, char out[VR_WEBHOOK_SIGNATURE_TEXT]);

/** How long to wait after the attempt of this number (1: the first): 1 s, 5 s, 30 s, 2 min, 10 min,
 * 30 min, 2 h, then 6 h; each a fifth more or less by chance, so that a receiver that comes back is
 * not met by all at once. */
vr_time_us vr_webhook_wait(uint32_t attempt, const struct vr_random *random);

/** http:// or https://, a host, no user, no fragment, at most VR_WEBHOOK_URL_MAX bytes of printable
 * ASCII. `why` may be NULL. */
bool vr_webhook_url_valid(const char *url, struct vr_why *why);
/** The address in a URL that names one instead of a host: judged before it is kept. */
bool vr_webhook_url_address(const char *url, struct vr_net_address *out);

/** May a request go to this address? Public ones, and those listed; with clear text listed ones
 * only. */
bool vr_webhook_may_reach(const struct vr_net_address *address, bool clear,
                          const struct vr_net_range *listed, size_t count);

/** "a.b_c": the form of Standard Webhooks' types. */
bool vr_webhook_type_valid(const char *type);

#endif
