/* member_send.c - what a member says: speech and reports. */
#include "actors/base/random.h"
#include "actors/wire/rtcp.h"
#include "actors/wire/rtp.h"
#include "bench/rig/member.h"

static bool dropped(const struct vr_member *member)
{
    return member->kit->drop > 0 &&
           (double)vr_random_below(vr_random_system(), 1000000) < member->kit->drop * 1e6;
}

bool vr_member_speak(struct vr_member *member, const struct vr_member_speech *speech)
{
    uint8_t buffer[2048];
    uint8_t level = (uint8_t)((speech->level < VR_SPEECH_LOUD ? 0x80 : 0) | speech->level);
    struct vr_rtp_ext ext = {.id = member->remote.level_id, .size = 1, .data = &level};
    struct vr_rtp_head head = {.marker = speech->marker,
                               .pt = member->remote.opus_pt,
                               .seq = speech->seq,
                               .ts = speech->ts,
                               .ssrc = vr_seat_ssrc(&member->seat),
                               .ext_count = member->remote.level_id > 0,
                               .ext = &ext};
    size_t size = vr_rtp_head_write(&head, buffer, sizeof(buffer));
    int n = (int)(size + speech->opus.size);

    if (member->out == NULL || (size_t)n + 64 > sizeof(buffer)) {
        return false;
    }
    memcpy(buffer + size, speech->opus.data, speech->opus.size);
    member->sent_packets++;
    member->sent_bytes += (uint32_t)speech->opus.size;
    if (srtp_protect(member->out, buffer, &n) != srtp_err_status_ok || dropped(member)) {
        return false;
    }
    vr_member_send(member, vr_bytes(buffer, (size_t)n));
    return true;
}

void vr_member_report(struct vr_member *member, vr_time_us now)
{
    uint8_t buffer[512];
    struct vr_rtcp_writer writer = vr_rtcp_writer(buffer, 400);
    struct vr_rtcp_report reports[VR_MEMBER_STREAMS];
    uint32_t ssrc = vr_seat_ssrc(&member->seat);
    uint32_t count = 0;
    int n;

    (void)now;
    for (int i = 0; i < VR_MEMBER_STREAMS && member->streams[i].used != 0; i++) {
        reports[count++] = (struct vr_rtcp_report){.ssrc = member->streams[i].ssrc,
                                                   .lost = (int32_t)member->counts.lost,
                                                   .highest = member->streams[i].newest,
                                                   .jitter = 48};
    }
    vr_rtcp_write_rr(&writer, ssrc, reports, count);
    vr_rtcp_write_cname(&writer, &ssrc, 1, "bench");
    n = (int)writer.size;
    if (!writer.failed && member->out != NULL &&
        srtp_protect_rtcp(member->out, buffer, &n) == srtp_err_status_ok && !dropped(member)) {
        vr_member_send(member, vr_bytes(buffer, (size_t)n));
    }
}
