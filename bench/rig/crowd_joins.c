/* crowd_joins.c - how members of a crowd come in, and leave. */
#include "bench/rig/crowd_internal.h"

#include <stdio.h>

void vr_crowd_join(struct vr_crowd *crowd, uint32_t first, uint32_t end, enum vr_coming coming)
{
    crowd->coming = coming;
    crowd->join_next = first;
    crowd->join_end = end;
    crowd->join_at = vr_crowd_now();
}

bool vr_crowd_joined(const struct vr_crowd *crowd)
{
    return crowd->join_next >= crowd->join_end && crowd->busy_count == 0;
}

static void on_seated(void *ctx, const struct vr_remote *remote)
{
    struct vr_member *member = ctx;

    vr_member_seated(member, remote, vr_crowd_now());
}

static void ask(struct vr_crowd *crowd, uint32_t index)
{
    struct vr_member *member = &crowd->members[index];

    if (crowd->coming == VR_COMING_RESUME && !vr_member_renew(member)) {
        perror("voiceroom-bench: socket");
    }
    member->seat.coming = crowd->coming;
    member->seat.resume = crowd->coming == VR_COMING_JOIN ? NULL : member->remote.resume;
    member->seat.room = crowd->rooms[member->room];
    member->seat.ufrag = member->ufrag;
    member->seat.pwd = member->pwd;
    member->seat.fingerprint = vr_keys_fingerprint(crowd->kit.maker);
    member->seat.seated = on_seated;
    member->seat.ctx = member;
    member->state = VR_MEMBER_ASKED;
    member->asked_at = vr_crowd_now();
    crowd->busy[crowd->busy_count++] = index;
    crowd->driver->join(crowd->driver_state, &member->seat);
}

void vr_crowd_ask_more(struct vr_crowd *crowd, vr_time_us now)
{
    while (crowd->join_next < crowd->join_end) {
        if (crowd->conf.join_rate > 0 ? crowd->join_at > now
                                      : crowd->busy_count >= crowd->conf.window) {
            return;
        }
        if (crowd->conf.join_rate > 0) {
            crowd->join_at += (vr_time_us)(1e6 / crowd->conf.join_rate);
        }
        ask(crowd, crowd->join_next++);
    }
}

/* Members on their way in are read every tick; a listener counts as in when he has heard something,
 * or 500 ms after his keys. */
void vr_crowd_care_for_busy(struct vr_crowd *crowd, vr_time_us now)
{
    for (uint32_t i = 0; i < crowd->busy_count;) {
        struct vr_member *member = &crowd->members[crowd->busy[i]];
        bool done;

        vr_member_drain(member, now);
        vr_member_care(member, now);
        done = member->state == VR_MEMBER_FAILED || member->state == VR_MEMBER_LEFT ||
               (member->state == VR_MEMBER_UP &&
                (member->first_at > 0 || !crowd->talking || now - member->up_at > 500000));
        crowd->failed += member->state == VR_MEMBER_FAILED;
        if (done) {
            crowd->busy[i] = crowd->busy[--crowd->busy_count];
        } else {
            i++;
        }
        if (i % 8 == 0) {
            vr_crowd_speak_due(crowd);
        }
    }
}

void vr_crowd_maybe_leave(struct vr_crowd *crowd, struct vr_member *member, vr_time_us now)
{
    if (member->part == VR_PART_LISTENER && member->state == VR_MEMBER_UP &&
        now - member->up_at >= crowd->conf.leave_after_us && crowd->driver->leave != NULL) {
        member->state = VR_MEMBER_LEFT;
        crowd->left++;
        crowd->driver->leave(crowd->driver_state, &member->seat, &member->remote);
    }
}
