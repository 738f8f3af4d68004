/* restore_judge.c - is a peer's record what a sound process would have left? */
#include "actors/media/engine_internal.h"

uint64_t vr_peer_sum(const struct vr_peer_cold *cold)
{
    struct vr_peer_cold copy;

    memcpy(&copy, cold, offsetof(struct vr_peer_cold, sum));
    memset(&copy.conf.session, 0, sizeof copy.conf.session);
    copy.conf.generation = 0;
    return vr_keep_sum(&copy, offsetof(struct vr_peer_cold, sum));
}

/* A byte that is neither 0 nor 1 must not be read as a bool. */
static bool is_flag(const bool *flag)
{
    uint8_t byte;

    memcpy(&byte, flag, sizeof byte);
    return byte <= 1;
}

static bool is_text(const char *text, size_t room)
{
    return memchr(text, 0, room) != NULL;
}

bool vr_peer_cold_is_sound(const struct vr_peer_cold *cold)
{
    const struct vr_peer_conf *conf = &cold->conf;

    if (cold->sum != vr_peer_sum(cold) || cold->used != 1 ||
        cold->last_flight_size > VR_DTLS_LAST_FLIGHT_MAX || conf->slot_count > VR_SLOTS_MAX ||
        conf->participant == 0 || vr_id_is_zero(conf->peer) || conf->ufrag[0] == 0 ||
        !is_flag(&conf->fingerprint_set) || !is_flag(&conf->may_send) || !is_flag(&conf->pack60) ||
        !is_flag(&conf->red_receive) || !is_text(conf->ufrag, sizeof conf->ufrag) ||
        !is_text(conf->pwd, sizeof conf->pwd) ||
        !is_text(conf->peer_ufrag, sizeof conf->peer_ufrag) ||
        !is_text(conf->peer_pwd, sizeof conf->peer_pwd)) {
        return false;
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        if (!is_text(conf->slot_mid[k], sizeof conf->slot_mid[k])) {
            return false;
        }
    }
    return cold->keys.profile == VR_SRTP_GCM || cold->keys.profile == VR_SRTP_SHA1_80;
}

/* The hot record has no sum: it is written too often. What is out of range is not believed. */
bool vr_peer_hot_is_sound(const struct vr_peer_hot *hot, vr_time_us now)
{
    if (hot->in_index > VR_RTP_INDEX_MASK || hot->in_count > VR_PEER_SSRCS || hot->in_started > 1 ||
        hot->checked_at < 0 || hot->checked_at > now || hot->rtcp_out > INT32_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < hot->in_count; i++) {
        if (hot->ins[i].rtp_next > VR_RTP_INDEX_MASK + 1) {
            return false;
        }
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        if (hot->slots[k].wire > VR_RTP_INDEX_MASK) {
            return false;
        }
    }
    return true;
}
