/* join_offer.c - a client's offer as a peer's configuration, and the SDP answer to it. */
#include "actors/session/join.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/wire/sdp.h"

/** `size` characters that ICE allows (RFC 8839, 5.4), 6 random bits each. */
static void random_ice_text(const struct vr_random *random, char *out, size_t size)
{
    static const char ice_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[64];

    vr_assert(size <= sizeof(bytes));
    random->fill(random->ctx, bytes, size);
    for (size_t i = 0; i < size; i++) {
        out[i] = ice_chars[bytes[i] & 63];
    }
    out[size] = '\0';
}

static void fill_local(struct vr_sdp_local *local, struct session *session, const struct join *join)
{
    const struct vr_env *env = session->env;
    const struct vr_media_place *media = NULL;

    local->ufrag = join->conf.ufrag;
    local->pwd = join->conf.pwd;
    local->fingerprint = env->fingerprint;
    local->session_id = session->id.lo >> 2; /* below 2^62, RFC 9429 5.2.1 */
    local->version = ++session->answers;
    local->red = true;
    if (env->media == NULL || env->media_count == 0) {
        return;
    }
    media = &env->media[vr_shard_worker(join->shard) % env->media_count];
    for (uint32_t i = 0; i < media->candidate_count && i < VR_CANDIDATES_MAX; i++) {
        local->candidates[i].address = media->candidates[i].address;
        local->candidates[i].port = media->candidates[i].port;
        local->candidate_count = i + 1;
    }
    local->tcp_port = media->tcp_port;
}

/** Read the offer, choose the place, write the answer: all that needs nobody else. */
enum vr_err join_prepare_peer(struct join *join, struct session *session, struct vr_bytes text,
                              const struct vr_client_msg *msg, struct vr_why *why)
{
    const struct vr_env *env = session->env;
    const struct vr_random *random = vr_system_random(vr_worker_system(session->worker));
    struct vr_sdp_offer *offer = calloc(1, sizeof(*offer));
    struct vr_sdp_local local = {0};
    struct vr_buf out = {0};
    enum vr_err err = VR_E_NO_MEMORY;

    if (offer == NULL) {
        return err;
    }
    err = vr_sdp_parse_offer(text, offer, why);
    if (err != VR_OK) {
        goto done;
    }
    if (env->slots != 0 && offer->slot_count > env->slots) {
        offer->slot_count = env->slots;
    }
    vr_sdp_to_peer(offer, &join->conf);
    join->conf.peer = vr_random_id(random);
    join->conf.room = session->room;
    join->conf.session = session_address(session->worker, session->id);
    join->conf.pack60 = msg != NULL && msg->pack60;
    join->conf.red_receive = msg == NULL ? join->conf.red_pt != VR_PT_NONE : msg->red;
    random_ice_text(random, join->conf.ufrag, 8);
    random_ice_text(random, join->conf.pwd, 32);
    fill_local(&local, session, join);
    err = vr_sdp_write_answer(offer, &local, &out);
    if (err == VR_OK && !out.failed) {
        join->sdp = vr_blob_new(vr_buf_bytes(&out));
    }
    if (err == VR_OK && join->sdp == NULL) {
        err = VR_E_NO_MEMORY;
    }
    join->offer = err == VR_OK;
done:
    vr_buf_deinit(&out);
    free(offer);
    return err;
}
