/* srtp.c - libsrtp at home: its types and its status codes go no further. */
#include "actors/media/srtp.h"

#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

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
