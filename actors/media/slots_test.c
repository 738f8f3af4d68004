/* Goal: the loudest hold slots without flapping, and whatever the uplink does a receiver sees no
 * number twice and no gap that was not on the uplink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/base/random.h"
#include "actors/media/slots.h"

#define START VR_SECONDS(100)

static void tell(struct vr_slots *slots, struct vr_talker *talker, uint8_t level, vr_time_us now)
{
    vr_slots_level(slots, talker, level, now);
}

/* ---- the choice, as a script: at a time, somebody is so loud; who holds the two slots then ----
 */

struct line {
    int ms;
    int who; /* 0-2 */
    uint8_t level;
    int repeat;  /* packets 20 ms apart */
    int slot[2]; /* holders afterwards, -1: free */
};

static void choice(void **state)
{
    static const struct line lines[] = {
        {0, 0, 95, 5, {-1, -1}},  /* noise below what is heard takes nothing */
        {200, 0, 40, 1, {0, -1}}, /* free slot first */
        {220, 1, 60, 1, {0, 1}},
        {240, 2, 50, 3, {0, 1}},  /* both are taken and fresh: 2 is not 10 dB louder than 1 yet */
        {300, 0, 40, 10, {0, 1}}, /* 1 falls silent */
        {500, 2, 50, 1, {0, 1}},  /* for less than 400 ms */
        {640, 2, 55, 1, {0, 2}},  /* now his slot goes */
        {660, 0, 40, 1, {0, 2}},
        {680, 1, 46, 1, {0, 2}}, /* loud, but his smoothed level must get there */
        {700, 1, 20, 4, {0, 1}}, /* the weaker holder (2) gives way, not 0 */
        {790, 0, 40, 1, {0, 1}},
        {800, 2, 45, 2, {0, 1}}, /* and 2 does not flap back */
    };
    struct vr_slots slots;
    struct vr_talker talkers[3];

    (void)state;
    vr_slots_init(&slots, 2, 42);
    for (uint32_t i = 0; i < 3; i++) {
        vr_talker_init(&talkers[i], i + 1);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        for (int k = 0; k < lines[i].repeat; k++) {
            tell(&slots, &talkers[lines[i].who], lines[i].level,
                 START + VR_MS(lines[i].ms + 20 * k));
        }
        for (int k = 0; k < 2; k++) {
            int holder = slots.holders[k] == NULL ? -1 : (int)slots.holders[k]->participant - 1;

            if (holder != lines[i].slot[k]) {
                fail_msg("line %zu: slot %d held by %d, expected %d", i, k, holder,
                         lines[i].slot[k]);
            }
        }
    }
    vr_slots_release(&slots, &talkers[0]);
    assert_null(slots.holders[0]);
    assert_int_equal(slots.slots[0].holder, 0);
}

static void reachable_agrees_with_the_choice(void **state)
{
    struct vr_slots slots;
    struct vr_talker holder;
    struct vr_talker other;

    (void)state;
    vr_slots_init(&slots, 1, 1);
    vr_talker_init(&holder, 1);
    vr_talker_init(&other, 2);
    assert_false(vr_slots_reachable(&slots, &other, 127, START));
    assert_true(vr_slots_reachable(&slots, &other, 30, START));
    for (int i = 0; i < 20; i++) {
        tell(&slots, &holder, 40, START + VR_MS(20 * i));
    }
    assert_true(vr_slots_reachable(&slots, &holder, 127, START + VR_MS(400))); /* holders always */
    assert_false(vr_slots_reachable(&slots, &other, 35, START + VR_MS(400)));
    assert_true(vr_slots_reachable(&slots, &other, 29, START + VR_MS(400)));
    assert_true(
        vr_slots_reachable(&slots, &other, 80, START + VR_MS(900))); /* the holder is silent */
}

/* ---- the numbers, as tables of one speaker ---- */

struct arrival {
    uint64_t index;
    uint32_t ts;
    int ms;
    uint8_t level;
    enum vr_number verdict;
    int out;    /* index relative to the first */
    int ts_out; /* likewise */
};

static void run(const struct arrival *arrivals, size_t count)
{
    struct vr_slots slots;
    struct vr_talker talker;
    uint64_t base = 0;
    uint32_t base_ts = 0;

    vr_slots_init(&slots, 1, 99);
    vr_talker_init(&talker, 1);
    for (size_t i = 0; i < count; i++) {
        const struct arrival *a = &arrivals[i];
        struct vr_packet_in in = {a->index, a->ts, a->level, false};
        struct vr_packet_out out;
        enum vr_number verdict;

        vr_slots_level(&slots, &talker, a->level, START + VR_MS(a->ms));
        verdict = vr_slots_number(&slots, &talker, &in, START + VR_MS(a->ms), &out);
        if (verdict != a->verdict) {
            fail_msg("arrival %zu: verdict %d, expected %d", i, verdict, a->verdict);
        }
        if (verdict != VR_NUMBER_SEND) {
            continue;
        }
        if (i == 0) {
            base = out.index;
            base_ts = out.ts;
            assert_true(out.marker);
        }
        if ((int)(out.index - base) != a->out || (int)(out.ts - base_ts) != a->ts_out) {
            fail_msg("arrival %zu: out %d ts %d, expected %d %d", i, (int)(out.index - base),
                     (int)(out.ts - base_ts), a->out, a->ts_out);
        }
    }
}
#define RUN(arrivals) run(arrivals, sizeof(arrivals) / sizeof((arrivals)[0]))

static void numbers(void **state)
{
    static const struct arrival late[] = {
        {70000, 100, 0, 30, VR_NUMBER_SEND, 0, 0},
        {70001, 1060, 20, 30, VR_NUMBER_SEND, 1, 960},
        {70003, 2980, 60, 30, VR_NUMBER_SEND, 3, 2880}, /* the hole stays */
        {70002, 2020, 65, 30, VR_NUMBER_SEND, 2, 1920}, /* and is filled */
        {70002, 2020, 66, 30, VR_NUMBER_REPEATED, 0, 0},
        {69999, 0, 70, 30, VR_NUMBER_TOO_LATE, 0, 0}, /* before his turn */
        {70004, 3940, 80, 30, VR_NUMBER_SEND, 4, 3840},
    };
    static const struct arrival silence[] = {
        {10, 0, 0, 30, VR_NUMBER_SEND, 0, 0},
        {11, 960, 20, 127, VR_NUMBER_SEND, 1, 960}, /* hang-over */
        {12, 1920, 500, 127, VR_NUMBER_LEFT_OUT, 0, 0},
        {13, 2880, 520, 127, VR_NUMBER_LEFT_OUT, 0, 0},
        {15, 4800, 560, 127, VR_NUMBER_LEFT_OUT, 0, 0}, /* 14 is lost in the silence */
        {16, 5760, 580, 30, VR_NUMBER_SEND, 3, 5760},   /* one hole is left: 14's */
        {14, 3840, 590, 127, VR_NUMBER_SEND, 2, 3840},  /* which it fills when it comes after all */
        {17, 6720, 600, 30, VR_NUMBER_SEND, 4, 6720},
    };
    static const struct arrival replace_track[] = {
        {5, 0, 0, 30, VR_NUMBER_SEND, 0, 0},
        {6, 960, 20, 30, VR_NUMBER_SEND, 1, 960},
        {7, 1920, 3020, 30, VR_NUMBER_SEND, 2,
         960 + 3000 * 48}, /* 3 s without a track: ts stood still */
        {8, 2880, 3040, 30, VR_NUMBER_SEND, 3, 1920 + 3000 * 48},
    };
    static const struct arrival dtx[] = {
        {5, 0, 0, 30, VR_NUMBER_SEND, 0, 0},
        {6, 19200, 400, 30, VR_NUMBER_SEND, 1, 19200}, /* the sender's own pause is kept as it is */
        {7, 20160, 460, 30, VR_NUMBER_SEND, 2, 20160}, /* jitter changes nothing */
    };
    static const struct arrival wrap[] = {
        {65534, 4294966336u, 0, 30, VR_NUMBER_SEND, 0, 0},
        {65535, 0, 20, 30, VR_NUMBER_SEND, 1, 960},
        {65536, 960, 40, 30, VR_NUMBER_SEND, 2, 1920},
        {65538, 2880, 80, 30, VR_NUMBER_SEND, 4, 3840},
        {65537, 1920, 85, 30, VR_NUMBER_SEND, 3, 2880},
    };

    (void)state;
    RUN(late);
    RUN(silence);
    RUN(replace_track);
    RUN(dtx);
    RUN(wrap);
}

/* ---- the property ---- */

#define TALKERS 7
#define SLOTS 3
#define AIR_MAX (TALKERS * 8)
#define SPAN 20000 /* numbers of a slot that a run may use */

struct line_state {
    uint64_t index;
    uint32_t ts;
    bool loud;
};

struct flight { /* a packet on its way up */
    int who;
    struct vr_packet_in in;
    vr_time_us arrives;
};

struct uplink {
    uint32_t loss_percent;
    uint32_t reorder_percent;
};

struct world {
    struct vr_random_seeded random;
    struct flight air[AIR_MAX];
    uint32_t in_air;
    struct vr_slots slots;
    struct vr_talker talkers[TALKERS];
    struct line_state lines[TALKERS];
    uint64_t base[SLOTS];
    uint8_t got[SLOTS][SPAN];
    uint32_t ts[SLOTS][SPAN];
    uint64_t top[SLOTS];
    uint64_t sent;
    uint64_t troubled; /* lost, or overtaken by a later one */
};

static void arrive(struct world *world, const struct flight *flight)
{
    struct vr_talker *talker = &world->talkers[flight->who];
    struct vr_packet_out out;
    uint64_t at;

    world->troubled += talker->heard && flight->in.index < talker->highest;
    vr_slots_level(&world->slots, talker, flight->in.level, flight->arrives);
    if (vr_slots_number(&world->slots, talker, &flight->in, flight->arrives, &out) !=
        VR_NUMBER_SEND) {
        return;
    }
    assert_in_range(out.slot, 0, SLOTS - 1);
    assert_true(out.index > world->base[out.slot]);
    at = out.index - world->base[out.slot] - 1;
    assert_true(at < SPAN);
    assert_int_equal(world->got[out.slot][at], 0); /* no number twice */
    world->got[out.slot][at] = 1;
    world->ts[out.slot][at] = out.ts;
    world->top[out.slot] = at + 1 > world->top[out.slot] ? at + 1 : world->top[out.slot];
    world->sent++;
}

static void begin(struct world *world, uint64_t seed)
{
    vr_random_seeded_init(&world->random, seed);
    vr_slots_init(&world->slots, SLOTS, vr_random_u64(&world->random.random));
    for (uint32_t i = 0; i < SLOTS; i++) {
        world->base[i] = world->slots.slots[i].index;
    }
    for (uint32_t i = 0; i < TALKERS; i++) {
        vr_talker_init(&world->talkers[i], i + 1);
        world->lines[i].index = 60000 + vr_random_below(&world->random.random, 10000);
        world->lines[i].ts = (uint32_t)vr_random_u64(&world->random.random);
    }
}

static bool happens(struct world *world, uint32_t percent)
{
    return vr_random_below(&world->random.random, 100) < percent;
}

/* Everybody's next packet goes on its way, or is lost. */
static void speak(struct world *world, vr_time_us now, const struct uplink *uplink)
{
    for (int i = 0; i < TALKERS; i++) {
        struct line_state *line = &world->lines[i];
        bool slow;

        line->loud ^= vr_random_below(&world->random.random, 50) == 0;
        line->index++;
        line->ts += 960;
        if (happens(world, uplink->loss_percent)) {
            world->troubled++;
            continue;
        }
        if (world->in_air == AIR_MAX) {
            continue;
        }
        slow = happens(world, uplink->reorder_percent);
        world->air[world->in_air++] = (struct flight){
            .who = i,
            .in = {line->index, line->ts, (uint8_t)(line->loud ? 20 + 5 * i : 127), false},
            .arrives =
                now + (slow ? VR_MS(10 + vr_random_below(&world->random.random, 70)) : VR_MS(1))};
    }
}

static void deliver(struct world *world, vr_time_us until)
{
    for (uint32_t k = 0; k < world->in_air;) {
        if (world->air[k].arrives > until) {
            k++;
            continue;
        }
        arrive(world, &world->air[k]);
        world->in_air--;
        world->air[k] = world->air[world->in_air];
        k = 0;
    }
}

/* The numbers of a slot that never came; time runs forward over those that did. */
static uint64_t gaps_of(const struct world *world, uint32_t slot)
{
    uint32_t last_ts = 0;
    bool started = false;
    uint64_t gaps = 0;

    for (uint64_t at = 0; at < world->top[slot]; at++) {
        if (!world->got[slot][at]) {
            gaps++;
            continue;
        }
        assert_true(!started || (int32_t)(world->ts[slot][at] - last_ts) > 0);
        last_ts = world->ts[slot][at];
        started = true;
    }
    return gaps;
}

static void property(uint64_t seed, const struct uplink *uplink)
{
    struct world *world = calloc(1, sizeof *world);
    uint64_t gaps = 0;

    assert_non_null(world);
    begin(world, seed);
    for (vr_time_us now = START; now < START + VR_SECONDS(60); now += VR_MS(20)) {
        speak(world, now, uplink);
        deliver(world, now + VR_MS(20));
        if (vr_random_below(&world->random.random, 200) == 0) { /* muted, or back from a move */
            uint32_t who = (uint32_t)vr_random_below(&world->random.random, TALKERS);

            vr_slots_release(&world->slots, &world->talkers[who]);
        }
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        gaps += gaps_of(world, slot);
    }
    assert_true(world->sent > 2000);
    assert_true(gaps <= world->troubled);
    if (uplink->loss_percent == 0 && uplink->reorder_percent == 0) {
        assert_int_equal(gaps, 0);
    }
    free(world);
}

static void receivers_see_what_the_uplink_did(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        property(seed, &(struct uplink){0, 0});
        property(seed, &(struct uplink){5, 0});
        property(seed, &(struct uplink){0, 10});
        property(seed, &(struct uplink){10, 20});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice),
        cmocka_unit_test(reachable_agrees_with_the_choice),
        cmocka_unit_test(numbers),
        cmocka_unit_test(receivers_see_what_the_uplink_did),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
