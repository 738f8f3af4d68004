/* crowd.h - the members of one process of the bench, and the tick that moves them.
 *
 * One thread. Sockets are never waited on: all listeners are read in turn, each every ~20 ms (a
 * huge crowd less often: an empty read costs a microsecond), so that waking a receiver is not
 * charged to the server (on loopback it would be). Speech goes out at its exact times in between.
 */
#ifndef VR_BENCH_CROWD_H
#define VR_BENCH_CROWD_H

#include "bench/rig/floor.h"
#include "bench/rig/member.h"

#define VR_CROWD_ROOMS_MAX 256
#define VR_CROWD_VOICES 8

struct vr_crowd_conf {
    uint32_t rooms;     /* 1 or more */
    uint32_t speakers;  /* of each room */
    uint32_t listeners; /* of each room */
    uint32_t muted;     /* of each room: speakers who send only DTX's sign of life */
    uint32_t processes, process;
    uint32_t sampled; /* listeners that measure, in process 0 */
    uint32_t stagger_us;
    uint32_t window;           /* joins in flight */
    double join_rate;          /* joins a second; 0: as fast as `window` allows */
    vr_time_us leave_after_us; /* after the keys; 0: stays */
    vr_time_us read_us;        /* each socket is read so often; never 0 */
    double drop;               /* share of media lost on the way up */
    bool reports;              /* RTCP from everybody */
    bool steady;               /* speech without its pauses */
    struct in_addr address;
    const char *speech_folder;
};

struct vr_talk { /* a speaker's place in his speech */
    struct vr_member *member;
    const struct vr_speech *speech;
    uint32_t at, start;
    uint32_t offset_us;
    vr_time_us next_at;
    uint16_t seq;
    uint32_t ts;
    uint32_t sent, loud; /* within the window */
};

struct vr_crowd {
    struct vr_crowd_conf conf;
    const struct vr_driver *driver;
    void *driver_state;
    struct vr_member_kit kit;
    struct vr_speech voices[VR_CROWD_VOICES];
    struct vr_member *members; /* speakers, then muted, then listeners */
    uint32_t count, first_listener;
    struct vr_talk *talks;
    uint32_t talk_count;
    bool talking;
    const char (*rooms)[VR_BENCH_ROOM_MAX];
    uint32_t *busy; /* members on their way in */
    uint32_t busy_count;
    uint32_t cursor; /* of the reading in turn */
    uint32_t join_next, join_end;
    enum vr_coming coming;
    vr_time_us join_at;
    uint32_t failed, left;
    vr_time_us tick_at, read_at;
};

/** Sockets are open afterwards. False with a line on stderr. */
bool vr_crowd_init(struct vr_crowd *crowd, const struct vr_crowd_conf *conf,
                   const struct vr_driver *driver);
void vr_crowd_deinit(struct vr_crowd *crowd);

/** One turn, and sleep until the next. */
void vr_crowd_tick(struct vr_crowd *crowd);
void vr_crowd_run(struct vr_crowd *crowd, double seconds);

/** Begin to join members [first, end); they come in by ticks. Those who come back are up. */
void vr_crowd_join(struct vr_crowd *crowd, uint32_t first, uint32_t end, enum vr_coming coming);
bool vr_crowd_joined(const struct vr_crowd *crowd);
/** Speakers of a room that a listener hears at once. */
uint32_t vr_crowd_heard(const struct vr_crowd *crowd);

/** Speakers begin at the start of their speech, at their places within the 20 ms. */
void vr_crowd_talk(struct vr_crowd *crowd, bool on);
/** Zero what was counted, and count delays from now on (or no more). */
void vr_crowd_measure(struct vr_crowd *crowd, bool on);

/** What the speakers will say in the first `steps`, as a plan for the floor. `pack` frames go into
 * one datagram. The arrays are the plan's. */
bool vr_crowd_plan(const struct vr_crowd *crowd, uint32_t steps, uint32_t pack,
                   const uint16_t *ports, struct vr_floor_plan *out);
void vr_crowd_plan_deinit(struct vr_floor_plan *plan);

vr_time_us vr_crowd_now(void);

#endif
