#include "bench/rig/shared.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct vr_shared *vr_shared_new(void)
{
    void *memory = mmap(NULL, sizeof(struct vr_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void vr_shared_sum(struct vr_shared *shared, const struct vr_crowd *crowd)
{
    struct vr_sum *sum = &shared->sums[crowd->conf.process];
    struct rusage used;

    *sum = (struct vr_sum){.failed = crowd->failed};
    for (uint32_t i = 0; i < crowd->count; i++) {
        const struct vr_member *member = &crowd->members[i];
        struct vr_room_sum *room = &sum->rooms[member->room];

        sum->packets += member->counts.packets;
        sum->bytes += member->counts.bytes;
        sum->lost += member->counts.lost;
        sum->reordered += member->counts.reordered;
        sum->rtcp += member->counts.rtcp;
        sum->up += member->state == VR_MEMBER_UP;
        if (member->part == VR_PART_LISTENER) {
            sum->listener_packets += member->counts.packets;
            room->packets += member->counts.packets;
            room->listeners++;
            if (member->counts.packets > room->most) {
                room->most = member->counts.packets;
            }
        }
        if (member->sampled) {
            sum->sampled++;
            sum->frames += member->counts.frames;
            sum->loud += member->counts.loud;
            sum->unknown += member->counts.unknown;
        }
    }
    getrusage(RUSAGE_SELF, &used);
    sum->cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void vr_shared_times(struct vr_shared *shared, const struct vr_crowd *crowd)
{
    const struct vr_crowd_conf *conf = &crowd->conf;
    uint32_t first = conf->rooms * (conf->speakers + conf->muted);

    for (uint32_t i = crowd->first_listener; i < crowd->count; i++) {
        const struct vr_member *member = &crowd->members[i];
        uint32_t at = member->seat.number - first;
        vr_time_us asked = member->asked_at;

        if (member->state == VR_MEMBER_UP || member->state == VR_MEMBER_LEFT) {
            shared->answer_ms[at] = (float)(member->seated_at - asked) / 1000;
            shared->up_ms[at] = (float)(member->up_at - asked) / 1000;
            shared->first_ms[at] =
                member->first_at == 0 ? 0 : (float)(member->first_at - asked) / 1000;
        }
    }
}

bool vr_shared_await(struct vr_shared *shared, struct vr_crowd *crowd, enum vr_phase phase,
                     double seconds)
{
    vr_time_us end = vr_crowd_now() + (vr_time_us)(seconds * 1e6);

    for (uint32_t i = 1; i < crowd->conf.processes; i++) {
        while (atomic_load(&shared->reached[i]) < (int)phase) {
            if (vr_crowd_now() > end) {
                return false;
            }
            vr_crowd_tick(crowd);
        }
    }
    return true;
}

static void enter(struct vr_shared *shared, struct vr_crowd *crowd, int phase)
{
    switch (phase) {
    case VR_PHASE_JOIN:
        /* Somebody else talks: members wait for what they hear. When nobody does, waiting for it
         * would cost each window of joins half a second. */
        crowd->talking = !shared->quiet_joins;
        vr_crowd_join(crowd, 0, crowd->count, VR_COMING_JOIN);
        break;
    case VR_PHASE_MEASURE:
        vr_crowd_measure(crowd, true);
        break;
    case VR_PHASE_SUM:
        vr_shared_sum(shared, crowd);
        vr_shared_times(shared, crowd);
        break;
    default:
        break;
    }
}

void vr_shared_follow(struct vr_shared *shared, struct vr_crowd *crowd)
{
    int phase = VR_PHASE_SOCKETS;
    pid_t parent = getppid();

    while (phase != VR_PHASE_END && getppid() == parent) {
        int wanted = atomic_load(&shared->phase);

        vr_crowd_tick(crowd);
        if (wanted != phase) {
            phase = wanted;
            enter(shared, crowd, phase);
        }
        if (vr_crowd_joined(crowd)) {
            atomic_store(&shared->reached[crowd->conf.process], phase);
        }
    }
}
