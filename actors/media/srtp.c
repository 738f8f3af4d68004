/* srtp.c - libsrtp at home: its types and its status codes go no further. */
#include "actors/media/srtp.h"

#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/bytes.h"
#include "actors/media/srtp_crypto.h"

#define REPLAY_WINDOW 128

struct vr_srtp {
    srtp_t in;
    srtp_t out;
};

enum vr_err vr_srtp_global_init(void)
{
    static bool done;
    enum vr_err err;

    if (done) {
        return VR_OK;
    }
    if (srtp_init() != srtp_err_status_ok) {
        return VR_E_INTERNAL;
    }
    err = vr_srtp_crypto_install();
    done = err == VR_OK;
    return err;
}

static bool open_context(srtp_t *out, enum vr_srtp_profile profile, const uint8_t key[30],
                         srtp_ssrc_type_t direction)
{
    srtp_policy_t policy;
    uint8_t copy[30];

    memset(&policy, 0, sizeof policy);
    if (profile == VR_SRTP_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    memcpy(copy, key, sizeof copy);
    policy.ssrc.type = direction;
    policy.key = copy;
    policy.window_size = REPLAY_WINDOW;
    return srtp_create(out, &policy) == srtp_err_status_ok;
}

static enum vr_err make(const struct vr_srtp_keys *keys, bool both, struct vr_srtp **out)
{
    struct vr_srtp *srtp;
    enum vr_srtp_profile profile = (enum vr_srtp_profile)keys->profile;

    *out = NULL;
    if (profile != VR_SRTP_GCM && profile != VR_SRTP_SHA1_80) {
        return VR_E_INTERNAL;
    }
    srtp = calloc(1, sizeof *srtp);
    if (srtp == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (!open_context(&srtp->in, profile, keys->theirs, ssrc_any_inbound) ||
        (both && !open_context(&srtp->out, profile, keys->ours, ssrc_any_outbound))) {
        vr_srtp_free(srtp);
        return VR_E_INTERNAL;
    }
    *out = srtp;
    return VR_OK;
}

enum vr_err vr_srtp_new(const struct vr_srtp_keys *keys, struct vr_srtp **out)
{
    return make(keys, true, out);
}

enum vr_err vr_srtp_new_in(const struct vr_srtp_keys *keys, struct vr_srtp **out)
{
    return make(keys, false, out);
}

void vr_srtp_free(struct vr_srtp *srtp)
{
    if (srtp == NULL) {
        return;
    }
    if (srtp->in != NULL) {
        srtp_dealloc(srtp->in);
    }
    if (srtp->out != NULL) {
        srtp_dealloc(srtp->out);
    }
    free(srtp);
}

/* ---- going on ----
 *
 * libsrtp has no call that sets an index. A packet that carries it does: one with sequence 0 makes
 * the stream, then the rollover counter is set (a jump of at least 65536, so that it is taken over
 * at once: a smaller one would be kept for later and break the next wrap), then one with the wanted
 * sequence. For what comes in these two are made with the other end's key. */

#define DUMMY 16

static size_t dummy(uint8_t packet[DUMMY + VR_SRTP_TAIL], uint32_t ssrc, uint16_t seq)
{
    memset(packet, 0, DUMMY + VR_SRTP_TAIL);
    packet[0] = 0x80;
    vr_put16(packet + 2, seq);
    vr_put32(packet + 8, ssrc);
    return DUMMY;
}

static bool step(srtp_t sender, srtp_t receiver, uint32_t ssrc, uint16_t seq)
{
    uint8_t packet[DUMMY + VR_SRTP_TAIL];
    int size = (int)dummy(packet, ssrc, seq);

    return srtp_protect(sender, packet, &size) == srtp_err_status_ok &&
           (receiver == NULL || srtp_unprotect(receiver, packet, &size) == srtp_err_status_ok);
}

static bool prime(srtp_t sender, srtp_t receiver, const struct vr_srtp_at *at)
{
    uint32_t rollover = (uint32_t)(at->index >> 16);

    if (!step(sender, receiver, at->ssrc, 0)) {
        return false;
    }
    if (at->index == 0) {
        return true;
    }
    if (rollover > 0 && (srtp_set_stream_roc(sender, at->ssrc, rollover) != srtp_err_status_ok ||
                         (receiver != NULL && srtp_set_stream_roc(receiver, at->ssrc, rollover) !=
                                                  srtp_err_status_ok))) {
        return false;
    }
    return step(sender, receiver, at->ssrc, (uint16_t)at->index);
}

bool vr_srtp_prime_in(struct vr_srtp *srtp, const struct vr_srtp_keys *keys,
                      const struct vr_srtp_at *at, uint32_t count)
{
    srtp_t sender = NULL;
    bool fine = count == 0 || open_context(&sender, (enum vr_srtp_profile)keys->profile,
                                           keys->theirs, ssrc_any_outbound);

    for (uint32_t i = 0; fine && i < count; i++) {
        fine = prime(sender, srtp->in, &at[i]);
    }
    if (sender != NULL) {
        srtp_dealloc(sender);
    }
    return fine;
}

bool vr_srtp_prime_out(struct vr_srtp *srtp, const struct vr_srtp_at *at, uint32_t count)
{
    bool fine = srtp->out != NULL || count == 0;

    for (uint32_t i = 0; fine && i < count; i++) {
        fine = prime(srtp->out, NULL, &at[i]);
    }
    return fine;
}

bool vr_srtp_prime_rtcp_out(struct vr_srtp *srtp, uint32_t ssrc, uint32_t sent)
{
    uint8_t packet[8 + VR_SRTP_TAIL];

    for (uint32_t i = 0; i < sent; i++) {
        int size = 8;

        memset(packet, 0, sizeof packet);
        packet[0] = 0x80;
        packet[1] = 201;
        packet[3] = 1;
        vr_put32(packet + 4, ssrc);
        if (srtp->out == NULL ||
            srtp_protect_rtcp(srtp->out, packet, &size) != srtp_err_status_ok) {
            return false;
        }
    }
    return true;
}

static enum vr_srtp_result judge(srtp_err_status_t status, int size, size_t *out)
{
    if (status == srtp_err_status_ok) {
        *out = (size_t)size;
        return VR_SRTP_OK;
    }
    if (status == srtp_err_status_auth_fail) {
        return VR_SRTP_AUTH;
    }
    if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old) {
        return VR_SRTP_REPLAY;
    }
    return VR_SRTP_MALFORMED;
}

enum vr_srtp_result vr_srtp_unprotect(struct vr_srtp *srtp, uint8_t *data, size_t *size)
{
    int n = (int)*size;
    srtp_err_status_t status = srtp_unprotect(srtp->in, data, &n);

    return judge(status, n, size);
}

enum vr_srtp_result vr_srtp_unprotect_rtcp(struct vr_srtp *srtp, uint8_t *data, size_t *size)
{
    int n = (int)*size;
    srtp_err_status_t status = srtp_unprotect_rtcp(srtp->in, data, &n);

    return judge(status, n, size);
}

bool vr_srtp_protect(struct vr_srtp *srtp, uint8_t *data, size_t *size)
{
    int n = (int)*size;

    if (srtp->out == NULL || srtp_protect(srtp->out, data, &n) != srtp_err_status_ok) {
        return false;
    }
    *size = (size_t)n;
    return true;
}

bool vr_srtp_protect_rtcp(struct vr_srtp *srtp, uint8_t *data, size_t *size)
{
    int n = (int)*size;

    if (srtp->out == NULL || srtp_protect_rtcp(srtp->out, data, &n) != srtp_err_status_ok) {
        return false;
    }
    *size = (size_t)n;
    return true;
}
