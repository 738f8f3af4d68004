/* Goal: a client is told when what it hears was said: of talkers in its own shard, in another one
 * of its node, and on another node; of whom that is not known nothing is told. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/messages/sound_clock.h"
#include "actors/session/session_rig.h"

#define SISTER 1u /* another worker of our node */
#define SSRC 0x56524f00u

static struct vr_sound_clock own;
static struct vr_sound_clock sister;
static struct vr_id asked_peer;
static uint32_t asked[2];
static bool sister_silent;

static void reply(struct world *world, const struct vr_msg *msg, struct vr_sound_clock *clock)
{
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};
    uint8_t bytes[VR_SOUND_CLOCK_MAX];

    clock->now = world->now;
    answer.as.note.type = VR_NOTE_SOUND_CLOCK;
    answer.as.note.bytes = vr_blob_new(vr_bytes(bytes, vr_sound_clock_write(clock, bytes)));
    vr_reply(world->system, msg, &answer);
}

static void on_note(struct world *world, struct vr_address shard, const struct vr_msg *msg)
{
    struct vr_bytes bytes = vr_blob_bytes(msg->as.note.bytes);

    assert_int_equal(msg->as.note.type, VR_NOTE_SOUND_CLOCK);
    asked[shard.sub == SISTER]++;
    if (shard.sub == SISTER) {
        assert_int_equal(bytes.size, 0);
        if (!sister_silent) {
            reply(world, msg, &sister);
        }
        return;
    }
    assert_int_equal(bytes.size, 16);
    asked_peer = vr_id_get(bytes.data);
    reply(world, msg, &own);
}

static void enter(struct world *world)
{
    own = (struct vr_sound_clock){
        .slot_count = 3,
        .slots = {{SSRC, 3, 1000, VR_SOUND_HERE},
                  {SSRC + 1, 4, 2000, SISTER},
                  {SSRC + 2, 5, 3000, SISTER}},
        .talker_count = 1,
        .talkers = {{3, UINT32_MAX, 40000}},
    };
    sister = (struct vr_sound_clock){.talker_count = 2, .talkers = {{4, 7, 60000}, {9, 8, 70000}}};
    sister_silent = false;
    memset(asked, 0, sizeof asked);
    world->note = on_note;
    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
}

static void all_who_are_known_are_told(void **state)
{
    struct world *world = *state;

    enter(world);
    say(world, "{\"type\":\"session:sound-clock\",\"id\":\"1\"}");
    assert_true(vr_id_equal(asked_peer, world->opened[0].peer));
    assert_int_equal(asked[0], 1);
    assert_int_equal(asked[1], 1); /* once, for two slots */
    /* At 100 s of our clock: said 40 and 60 ms before; RTP time of the slots, which wraps. */
    assert_true(was_sent(world,
                         "\"result\":{\"asked_ms\":100000.000,\"at_ms\":100000.000,\"slots\":["
                         "{\"ssrc\":1448234752,\"participant\":3,\"rtp\":999,"
                         "\"captured_ms\":99960.000},"
                         "{\"ssrc\":1448234753,\"participant\":4,\"rtp\":2007,"
                         "\"captured_ms\":99940.000}]}"));
}

static void who_does_not_answer_is_left_out(void **state)
{
    struct world *world = *state;

    enter(world);
    sister_silent = true;
    say(world, "{\"type\":\"session:sound-clock\",\"id\":\"1\"}");
    assert_false(was_sent(world, "at_ms"));
    pass(world, VR_SECONDS(2));
    assert_true(was_sent(world, "{\"asked_ms\":100000.000,\"at_ms\":101000.000,"));
    assert_true(was_sent(world, "\"slots\":[{\"ssrc\":1448234752,\"participant\":3,\"rtp\":999,"
                                "\"captured_ms\":99960.000}]}"));
}

static void without_an_answer_of_the_own_shard_it_is_refused(void **state)
{
    struct world *world = *state;

    enter(world);
    world->note = NULL;
    say(world, "{\"type\":\"session:sound-clock\",\"id\":\"1\"}");
    pass(world, VR_SECONDS(2));
    assert_true(was_sent(world, "\"code\":\"busy\""));
}

static void without_sound_there_is_no_clock(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    say(world, "{\"type\":\"session:sound-clock\",\"id\":\"1\"}");
    assert_true(was_sent(world, "\"code\":\"conflict\""));
}

/* The session is gone when the answer comes. */
static void nobody_waits_any_more(void **state)
{
    struct world *world = *state;

    enter(world);
    sister_silent = true;
    say(world, "{\"type\":\"session:sound-clock\",\"id\":\"1\"}");
    say(world, "{\"type\":\"room:leave\",\"id\":\"2\"}");
    pass(world, VR_SECONDS(2));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_false(was_sent(world, "at_ms"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(all_who_are_known_are_told),
        WITH_WORLD(who_does_not_answer_is_left_out),
        WITH_WORLD(without_an_answer_of_the_own_shard_it_is_refused),
        WITH_WORLD(without_sound_there_is_no_clock),
        WITH_WORLD(nobody_waits_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
