#include "bench/rig/crowd_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_US 3000
#define TICK_JOIN_US 1000
#define TURNS 7        /* ticks that the reading of all takes at least */
#define SPEAK_EVERY 32 /* members read between two looks at the clock */
#define MUTED_STEP 20  /* Opus DTX: a frame every 400 ms */

vr_time_us vr_crowd_now(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static int64_t wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- making ---- */

static bool in_this_process(const struct vr_crowd_conf *conf, uint32_t listener)
{
    return listener % conf->processes == conf->process;
}

static void add(struct vr_crowd *crowd, enum vr_part part, uint32_t room, uint32_t number)
{
    struct vr_member *member = &crowd->members[crowd->count++];

    *member = (struct vr_member){.fd = -1, .part = part, .room = room};
    member->report_at = crowd->conf.reports ? 1 : 0;
    member->seat.part = part;
    member->seat.number = number;
    member->seat.speaker_count = crowd->conf.speakers;
}

static void add_all(struct vr_crowd *crowd)
{
    const struct vr_crowd_conf *conf = &crowd->conf;
    uint32_t stage = conf->speakers + conf->muted;
    uint32_t sampled = 0;

    for (uint32_t i = 0; conf->process == 0 && i < conf->rooms * conf->speakers; i++) {
        add(crowd, VR_PART_SPEAKER, i / conf->speakers, i);
    }
    for (uint32_t i = 0; conf->process == 0 && i < conf->rooms * conf->muted; i++) {
        add(crowd, VR_PART_MUTED, i / conf->muted, conf->rooms * conf->speakers + i);
    }
    crowd->first_listener = crowd->count;
    for (uint32_t i = 0; i < conf->rooms * conf->listeners; i++) {
        if (in_this_process(conf, i)) {
            add(crowd, VR_PART_LISTENER, i / conf->listeners, conf->rooms * stage + i);
            crowd->members[crowd->count - 1].sampled =
                conf->process == 0 && sampled++ < conf->sampled;
        }
    }
}

/* A muted client still sends what its encoder makes of silence; the voices' own DTX frames are
 * used for it, in the order in which they come. */
static void add_talks(struct vr_crowd *crowd)
{
    const struct vr_crowd_conf *conf = &crowd->conf;

    for (uint32_t i = 0; i < crowd->first_listener; i++) {
        struct vr_talk *talk = &crowd->talks[crowd->talk_count++];
        uint32_t speaker = i % (conf->speakers == 0 ? 1 : conf->speakers);
        uint32_t room = crowd->members[i].room;

        talk->member = &crowd->members[i];
        talk->speech = &crowd->voices[speaker % VR_CROWD_VOICES];
        talk->start = (room * 97) % talk->speech->count;
        talk->offset_us = (speaker * conf->stagger_us + room * (VR_SPEECH_STEP_US / conf->rooms)) %
                          VR_SPEECH_STEP_US;
        if (crowd->members[i].part == VR_PART_MUTED) {
            talk->offset_us = i * 7919 % (VR_SPEECH_STEP_US * MUTED_STEP);
        }
        talk->seq = (uint16_t)(1000 + i);
        talk->ts = 48000 * i;
    }
}

bool vr_crowd_init(struct vr_crowd *crowd, const struct vr_crowd_conf *conf,
                   const struct vr_driver *driver)
{
    uint32_t most = conf->rooms * (conf->speakers + conf->muted + conf->listeners);

    *crowd = (struct vr_crowd){.conf = *conf, .driver = driver};
    crowd->members = calloc(most, sizeof(*crowd->members));
    crowd->busy = calloc(most, sizeof(*crowd->busy));
    crowd->talks = calloc(conf->rooms * (conf->speakers + conf->muted) + 1, sizeof(*crowd->talks));
    crowd->kit.delay_max = conf->process == 0 ? 8000000 : 0;
    crowd->kit.delays_ms = calloc(crowd->kit.delay_max + 1, sizeof(float));
    crowd->kit.marks = vr_marks_new();
    crowd->kit.maker = vr_keys_maker_new(driver->profiles);
    crowd->kit.drop = conf->drop;
    if (crowd->members == NULL || crowd->busy == NULL || crowd->talks == NULL ||
        crowd->kit.delays_ms == NULL || crowd->kit.marks == NULL || crowd->kit.maker == NULL) {
        fprintf(stderr, "voiceroom-bench: memory is out\n");
        return false;
    }
    for (uint32_t i = 0; i < VR_CROWD_VOICES; i++) {
        if (!vr_speech_load(&crowd->voices[i], conf->speech_folder, i)) {
            return false;
        }
    }
    add_all(crowd);
    add_talks(crowd);
    for (uint32_t i = 0; i < crowd->count; i++) {
        if (!vr_member_open(&crowd->members[i], &crowd->kit, conf->address)) {
            perror("voiceroom-bench: socket");
            return false;
        }
    }
    crowd->tick_at = vr_crowd_now();
    return true;
}

void vr_crowd_deinit(struct vr_crowd *crowd)
{
    if (crowd->driver_state != NULL) {
        crowd->driver->close(crowd->driver_state);
    }
    for (uint32_t i = 0; i < crowd->count; i++) {
        vr_member_close(&crowd->members[i]);
    }
    for (uint32_t i = 0; i < VR_CROWD_VOICES; i++) {
        vr_speech_deinit(&crowd->voices[i]);
    }
    vr_marks_free(crowd->kit.marks);
    vr_keys_maker_free(crowd->kit.maker);
    free(crowd->kit.delays_ms);
    free(crowd->members);
    free(crowd->talks);
    free(crowd->busy);
}

/* ---- speech ---- */

/* Whether a frame was loud is told by the low bit of its time (member.c). */
static void say(struct vr_crowd *crowd, struct vr_talk *talk)
{
    const struct vr_speech_step *step = &talk->speech->steps[talk->at];
    struct vr_bytes frames[VR_SPEECH_FRAMES_MAX];
    struct vr_member_speech speech = {.opus = vr_bytes(step->opus, step->size),
                                      .seq = talk->seq,
                                      .ts = talk->ts,
                                      .level = step->level,
                                      .marker = step->marker};
    bool loud = step->level < VR_SPEECH_LOUD && step->size >= 2 * VR_MARK_BYTES_MIN;
    uint32_t count;

    if (step->size == 0) {
        return;
    }
    count = vr_speech_frames(speech.opus, frames);
    for (uint32_t i = 0; i < count; i++) {
        vr_marks_put(crowd->kit.marks, talk->member->room, frames[i],
                     (wall_ns() & ~(int64_t)1) | loud);
    }
    talk->seq++;
    talk->sent++;
    talk->loud += vr_member_speak(talk->member, &speech) && loud;
}

static void next_step(const struct vr_crowd *crowd, struct vr_talk *talk)
{
    do {
        talk->at = (talk->at + 1) % talk->speech->count;
    } while (crowd->conf.steady && talk->speech->steps[talk->at].size == 0);
}

/* A sign of life every 400 ms, at the level of silence. */
static void hum(struct vr_talk *talk)
{
    static const uint8_t quiet[] = {0x78, 0xff, 0xfe};
    struct vr_member_speech speech = {
        .opus = vr_bytes(quiet, sizeof(quiet)), .seq = talk->seq++, .ts = talk->ts, .level = 127};

    (void)vr_member_speak(talk->member, &speech);
    talk->ts += VR_SPEECH_TICKS * (MUTED_STEP - 1);
    talk->next_at += VR_SPEECH_STEP_US * (MUTED_STEP - 1);
}

void vr_crowd_speak_due(struct vr_crowd *crowd)
{
    vr_time_us now = vr_crowd_now();

    for (uint32_t i = 0; i < crowd->talk_count; i++) {
        struct vr_talk *talk = &crowd->talks[i];

        while (talk->next_at <= now) {
            bool able = crowd->talking && talk->member->state == VR_MEMBER_UP;

            if (talk->member->part == VR_PART_MUTED) {
                if (able) {
                    hum(talk);
                }
            } else if (able) {
                say(crowd, talk);
                next_step(crowd, talk);
            }
            talk->ts += VR_SPEECH_TICKS;
            talk->next_at += VR_SPEECH_STEP_US;
        }
    }
}

static vr_time_us next_speech(const struct vr_crowd *crowd)
{
    vr_time_us next = VR_NEVER;

    for (uint32_t i = 0; i < crowd->talk_count; i++) {
        next = crowd->talks[i].next_at < next ? crowd->talks[i].next_at : next;
    }
    return next;
}

void vr_crowd_talk(struct vr_crowd *crowd, bool on)
{
    vr_time_us now = vr_crowd_now();

    crowd->talking = on;
    for (uint32_t i = 0; on && i < crowd->talk_count; i++) {
        struct vr_talk *talk = &crowd->talks[i];
        vr_time_us gone = talk->next_at == 0 ? 0 : now - talk->next_at;

        talk->at = talk->start;
        if (crowd->conf.steady && talk->speech->steps[talk->at].size == 0) {
            next_step(crowd, talk);
        }
        talk->ts += (uint32_t)(gone / VR_SPEECH_STEP_US) * VR_SPEECH_TICKS;
        talk->next_at = now + 20000 + talk->offset_us;
    }
}

/* ---- the tick ---- */

/* How many are due, so that each is read once a turn. A tick's length is not asked: while people
 * join ticks are short, and reading thousands of silent sockets in each would leave the server
 * no processor. Behind, a tick takes a tick's part of all and no more. */
static uint32_t due_to_read(struct vr_crowd *crowd, vr_time_us now)
{
    vr_time_us turn = crowd->conf.read_us;
    uint32_t most = crowd->count / TURNS + 1;
    vr_time_us due = (now - crowd->read_at) * crowd->count / turn;

    if (due >= most) {
        crowd->read_at = now;
        return most;
    }
    crowd->read_at += crowd->count > 0 ? due * turn / crowd->count : 0;
    return (uint32_t)due;
}

static void read_in_turn(struct vr_crowd *crowd, vr_time_us now)
{
    bool joining = !vr_crowd_joined(crowd);
    uint32_t share = due_to_read(crowd, now);

    for (uint32_t i = 0; i < share && i < crowd->count; i++) {
        struct vr_member *member = &crowd->members[crowd->cursor];

        if (!joining || member->state != VR_MEMBER_IDLE) {
            vr_member_drain(member, now);
            vr_member_care(member, now);
        }
        if (crowd->conf.leave_after_us > 0) {
            vr_crowd_maybe_leave(crowd, member, now);
        }
        crowd->cursor = (crowd->cursor + 1) % crowd->count;
        if (i % SPEAK_EVERY == 0) {
            vr_crowd_speak_due(crowd);
        }
    }
}

static void sleep_until(vr_time_us at)
{
    vr_time_us left = at - vr_crowd_now();
    struct timespec ts = {left / 1000000, left % 1000000 * 1000};

    if (left > 0) {
        nanosleep(&ts, NULL);
    }
}

void vr_crowd_tick(struct vr_crowd *crowd)
{
    bool joining = !vr_crowd_joined(crowd);
    vr_time_us now = vr_crowd_now();

    vr_crowd_ask_more(crowd, now);
    if (crowd->driver_state != NULL) {
        crowd->driver->turn(crowd->driver_state);
    }
    vr_crowd_care_for_busy(crowd, now);
    read_in_turn(crowd, now);
    vr_crowd_speak_due(crowd);
    crowd->tick_at += joining ? TICK_JOIN_US : TICK_US;
    now = vr_crowd_now();
    if (crowd->tick_at < now - 20000) {
        crowd->tick_at = now; /* behind: no use in catching up */
    }
    while (vr_crowd_now() < crowd->tick_at) {
        vr_time_us speech = next_speech(crowd);

        sleep_until(speech < crowd->tick_at ? speech : crowd->tick_at);
        vr_crowd_speak_due(crowd);
    }
}

void vr_crowd_run(struct vr_crowd *crowd, double seconds)
{
    vr_time_us end = vr_crowd_now() + (vr_time_us)(seconds * 1e6);

    while (vr_crowd_now() < end) {
        vr_crowd_tick(crowd);
    }
}

void vr_crowd_measure(struct vr_crowd *crowd, bool on)
{
    crowd->kit.measuring = on;
    for (uint32_t i = 0; on && i < crowd->count; i++) {
        crowd->members[i].counts = (struct vr_member_counts){0};
    }
    for (uint32_t i = 0; on && i < crowd->talk_count; i++) {
        crowd->talks[i].sent = crowd->talks[i].loud = 0;
    }
    crowd->kit.delay_count = on ? 0 : crowd->kit.delay_count;
}
