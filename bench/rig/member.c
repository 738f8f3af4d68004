#include "bench/rig/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/random.h"
#include "actors/wire/rtp.h"
#include "bench/rig/ice.h"

#define BATCH 16
#define CHECK_US 100000     /* until the keys are there */
#define CONSENT_US 2500000  /* what browsers do */
#define REPORT_US 5000000   /* audio RTCP of browsers */
#define GIVE_UP_US 20000000 /* from answer to keys */

static void random_text(char *out, size_t size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

    for (size_t i = 0; i + 1 < size; i++) {
        out[i] = letters[vr_random_below(vr_random_system(), 64)];
    }
    out[size - 1] = 0;
}

bool vr_member_open(struct vr_member *member, struct vr_member_kit *kit, struct in_addr address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = address};
    socklen_t size = sizeof(name);
    int on = 1;

    member->kit = kit;
    member->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (member->fd < 0 || bind(member->fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
        getsockname(member->fd, (struct sockaddr *)&name, &size) != 0) {
        return false;
    }
    if (member->sampled) {
        setsockopt(member->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    }
    member->port = ntohs(name.sin_port);
    member->seat.address = name;
    random_text(member->ufrag, sizeof(member->ufrag));
    random_text(member->pwd, sizeof(member->pwd));
    return true;
}

void vr_member_close(struct vr_member *member)
{
    vr_keys_free(member->keys);
    if (member->in != NULL) {
        srtp_dealloc(member->in);
    }
    if (member->out != NULL) {
        srtp_dealloc(member->out);
    }
    if (member->fd >= 0) {
        close(member->fd);
    }
    member->fd = -1;
    member->keys = NULL;
    member->in = member->out = NULL;
}

bool vr_member_renew(struct vr_member *member)
{
    vr_member_close(member);
    member->greeted = false;
    member->first_at = 0;
    memset(member->streams, 0, sizeof(member->streams));
    return vr_member_open(member, member->kit, member->seat.address.sin_addr);
}

void vr_member_send(void *ctx, struct vr_bytes datagram)
{
    struct vr_member *member = ctx;
    ssize_t sent =
        sendto(member->fd, datagram.data, datagram.size, 0,
               (struct sockaddr *)&member->remote.address, sizeof(member->remote.address));

    (void)sent; /* what a full socket loses shows in the figures */
}

static struct vr_ice_names names_of(const struct vr_member *member)
{
    return (struct vr_ice_names){member->ufrag, member->pwd, member->remote.ufrag,
                                 member->remote.pwd, member->remote.controlling};
}

static void send_check(struct vr_member *member)
{
    struct vr_ice_names names = names_of(member);
    uint8_t out[512];
    size_t size = vr_ice_check(&names, out, sizeof(out));

    if (size > 0) {
        vr_member_send(member, vr_bytes(out, size));
    }
}

/* A context costs 15 us a packet at thousands of them (Debian's libsrtp): only who needs one. */
static bool open_context(srtp_t *out, bool gcm, uint8_t *key, srtp_ssrc_type_t direction)
{
    srtp_policy_t policy;

    memset(&policy, 0, sizeof(policy));
    if (gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = 1024;
    return srtp_create(out, &policy) == srtp_err_status_ok;
}

static void on_keys(struct vr_member *member, struct vr_srtp_keys *keys, vr_time_us now)
{
    bool talks = member->part != VR_PART_LISTENER || member->report_at > 0;
    bool good = (!member->sampled ||
                 open_context(&member->in, keys->gcm, keys->theirs, ssrc_any_inbound)) &&
                (!talks || open_context(&member->out, keys->gcm, keys->ours, ssrc_any_outbound));

    vr_keys_free(member->keys);
    member->keys = NULL;
    member->state = good ? VR_MEMBER_UP : VR_MEMBER_FAILED;
    member->up_at = now;
    /* Spread, so that the checks of a crowd do not come in one burst. */
    member->check_at =
        now + CONSENT_US / 2 + (vr_time_us)vr_random_below(vr_random_system(), CONSENT_US / 2);
    if (member->report_at > 0) {
        member->report_at = now + (vr_time_us)vr_random_below(vr_random_system(), REPORT_US);
    }
}

static void handshake(struct vr_member *member, struct vr_bytes datagram, vr_time_us now)
{
    struct vr_srtp_keys keys;

    if (member->keys == NULL) {
        return;
    }
    switch (vr_keys_input(member->keys, datagram, &keys)) {
    case VR_KEYS_WAIT:
        break;
    case VR_KEYS_DONE:
        on_keys(member, &keys, now);
        break;
    case VR_KEYS_FAILED:
        member->state = VR_MEMBER_FAILED;
        break;
    }
}

void vr_member_seated(struct vr_member *member, const struct vr_remote *remote, vr_time_us now)
{
    member->seated_at = now;
    if (remote == NULL) {
        member->state = VR_MEMBER_FAILED;
        return;
    }
    if (member->seat.coming == VR_COMING_REBIND) { /* keys and path stay */
        memcpy(member->remote.session, remote->session, sizeof(member->remote.session));
        memcpy(member->remote.resume, remote->resume, sizeof(member->remote.resume));
        member->state = VR_MEMBER_UP;
        member->up_at = now;
        return;
    }
    member->remote = *remote;
    member->keys = vr_keys_new(member->kit->maker, remote->fingerprint, vr_member_send, member);
    member->state = member->keys == NULL ? VR_MEMBER_FAILED : VR_MEMBER_KEYS;
    if (member->keys != NULL) {
        send_check(member);
        member->check_at = now + CHECK_US;
    }
}

static struct vr_member_stream *stream_of(struct vr_member *member, uint32_t ssrc)
{
    for (int i = 0; i < VR_MEMBER_STREAMS; i++) {
        struct vr_member_stream *stream = &member->streams[i];

        if (stream->used != 0 && stream->ssrc == ssrc) {
            return stream;
        }
        if (stream->used == 0) {
            *stream = (struct vr_member_stream){.ssrc = ssrc};
            return stream;
        }
    }
    return NULL;
}

static void count_numbers(struct vr_member *member, uint32_t ssrc, uint16_t seq)
{
    struct vr_member_stream *stream = stream_of(member, ssrc);
    int16_t step;

    if (stream == NULL) {
        return;
    }
    step = (int16_t)(stream->used == 0 ? 1 : seq - stream->newest);
    stream->used = 1;
    if (step > 0) {
        stream->newest = seq;
        member->counts.lost += (uint32_t)(step - 1);
    } else {
        member->counts.reordered++;
        member->counts.lost -= member->counts.lost > 0 && step < 0;
    }
}

/* Which level a frame had is looked up as well: the low bit of the send time says "loud". */
static void measure(struct vr_member *member, struct vr_bytes payload)
{
    struct vr_member_kit *kit = member->kit;
    struct vr_bytes frames[VR_SPEECH_FRAMES_MAX];
    uint32_t count = vr_speech_frames(payload, frames);

    member->counts.frames += count;
    for (uint32_t i = 0; i < count; i++) {
        int64_t sent = vr_marks_find(kit->marks, member->room, frames[i]);

        if (sent == 0) {
            member->counts.unknown++;
            continue;
        }
        member->counts.loud += (uint32_t)(sent & 1);
        if (kit->measuring && kit->delay_count < kit->delay_max && member->stamp_ns > 0) {
            kit->delays_ms[kit->delay_count++] = (float)(member->stamp_ns - sent) / 1e6f;
        }
    }
}

static void media(struct vr_member *member, uint8_t *data, size_t size, vr_time_us now)
{
    struct vr_rtp rtp;
    int n = (int)size;

    if (size < 12 || member->state != VR_MEMBER_UP) {
        return;
    }
    if (data[1] >= 192 && data[1] <= 223) {
        member->counts.rtcp++;
        return;
    }
    if (member->first_at == 0) {
        member->first_at = now;
    }
    member->counts.packets++;
    member->counts.bytes += (uint32_t)size;
    count_numbers(member, vr_get32(data + 8), vr_get16(data + 2));
    if (member->in != NULL && srtp_unprotect(member->in, data, &n) == srtp_err_status_ok &&
        vr_rtp_parse(vr_bytes(data, (size_t)n), &rtp)) {
        measure(member, rtp.payload);
    }
}

static void input(struct vr_member *member, uint8_t *data, size_t size,
                  const struct sockaddr_storage *from, vr_time_us now)
{
    if (size == 0 || member->state < VR_MEMBER_KEYS) {
        return; /* of the floor */
    }
    if (data[0] < 4) {
        struct vr_ice_names names = names_of(member);
        uint8_t reply[512];
        size_t reply_size = sizeof(reply);

        switch (vr_ice_input(&names, vr_bytes(data, size), from, reply, &reply_size)) {
        case VR_ICE_ASKED:
            sendto(member->fd, reply, reply_size, 0, (const struct sockaddr *)from,
                   sizeof(struct sockaddr_in));
            break;
        case VR_ICE_ANSWERED: /* the path is there: as browsers do, DTLS comes now */
            if (!member->greeted) {
                member->greeted = true;
                handshake(member, vr_bytes(NULL, 0), now);
            }
            break;
        case VR_ICE_NOTHING:
            break;
        }
    } else if (data[0] >= 20 && data[0] <= 63) {
        handshake(member, vr_bytes(data, size), now);
    } else {
        media(member, data, size, now);
    }
}

static int64_t stamp_of(struct msghdr *head)
{
    struct timespec ts;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&ts, CMSG_DATA(c), sizeof(ts));
            return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
        }
    }
    return 0;
}

void vr_member_drain(struct vr_member *member, vr_time_us now)
{
    static uint8_t data[BATCH][2048];
    static char control[BATCH][64];
    static struct sockaddr_storage from[BATCH];
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    int count;

    do {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){data[i], sizeof(data[i])};
            heads[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
            heads[i].msg_hdr.msg_name = &from[i];
            heads[i].msg_hdr.msg_namelen = sizeof(from[i]);
            heads[i].msg_hdr.msg_control = member->sampled ? control[i] : NULL;
            heads[i].msg_hdr.msg_controllen = member->sampled ? sizeof(control[i]) : 0;
        }
        count = recvmmsg(member->fd, heads, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            member->stamp_ns = member->sampled ? stamp_of(&heads[i].msg_hdr) : 0;
            input(member, data[i], heads[i].msg_len, &from[i], now);
        }
    } while (count == BATCH);
}

void vr_member_care(struct vr_member *member, vr_time_us now)
{
    if (member->state == VR_MEMBER_KEYS) {
        if (now - member->seated_at > GIVE_UP_US) {
            member->state = VR_MEMBER_FAILED;
            return;
        }
        if (member->greeted) {
            vr_keys_repeat(member->keys);
        }
    }
    if (member->state >= VR_MEMBER_KEYS && member->state <= VR_MEMBER_UP &&
        member->check_at <= now) {
        send_check(member);
        member->check_at = now + (member->state == VR_MEMBER_UP ? CONSENT_US : CHECK_US);
    }
    if (member->state == VR_MEMBER_UP && member->report_at > 0 && member->report_at <= now) {
        vr_member_report(member, now);
        member->report_at = now + REPORT_US;
    }
}
