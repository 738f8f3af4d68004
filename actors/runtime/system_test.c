/* Goal: what system.h promises about sending, turns, sleeping and timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/runtime/system_kit.h"

/* ---- sending ---- */

static void test_first_message_wakes_in_order(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), 1001), VR_OK);
    assert_int_equal(send(room(1), 1002), VR_OK);
    assert_int_equal(send(room(1), 1003), VR_OK);
    assert_int_equal(node.wakes, 1); /* one wake until the next turn */
    assert_log("");                  /* nothing runs before it */
    assert_int_equal(settle(), VR_NEVER);
    assert_log("open 1 2 3 ");
    assert_int_equal(stats().actors[VR_ACTOR_ROOM], 1);
    assert_int_equal(send(room(1), 1004), VR_OK);
    assert_int_equal(node.wakes, 2);
    settle();
    assert_log("4 ");
}

static void test_nobody_there(void **state)
{
    (void)state;
    assert_int_equal(send(vr_session_address((struct vr_id){0, 9}), 1001), VR_E_NOT_FOUND);
    assert_int_equal(send((struct vr_address){0}, 1001), VR_E_BAD_REQUEST);
    struct vr_msg msg = {.kind = VR_MSG_EVENT,
                         .to = vr_session_address((struct vr_id){0, 9}),
                         .as.event.json = vr_blob_new(vr_bytes_of("{}"))};
    vr_system_post(node.system, &msg); /* cleared: the leak checker knows */
    assert_null(msg.as.event.json);
    assert_int_equal(stats().undelivered, 1);
}

static void test_control_bound(void **state)
{
    struct vr_msg stored = {.kind = VR_MSG_STORED, .to = room(1), .as.stored = {.ticket = 6}};

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(send(room(1), ACT_KEEP), VR_OK);
    }
    assert_int_equal(send(room(1), ACT_KEEP), VR_E_BUSY);
    assert_int_equal(send(room(2), ACT_KEEP), VR_OK);              /* only this one is full */
    assert_int_equal(vr_system_send(node.system, &stored), VR_OK); /* a commit's outcome comes in */
    assert_int_equal(stats().refused, 1);
    settle();
    assert_int_equal(node.handled[1], 101);
    assert_int_equal(stats().mailbox_length_max, 101);
    assert_int_equal(send(room(1), ACT_KEEP), VR_OK);
}

static void test_lane_keeps_room_for_replies(void **state)
{
    struct vr_system_conf conf = {
        .clock = &node.clock,
        .random = &node.random.random,
        .control_workers = 1,
        .media_workers = 1,
        .node = 1,
        .classify = classify,
        .inbox_control_max = 16,
    };
    struct vr_system *small;
    int sent = 0;

    (void)state;
    assert_int_equal(vr_system_new(&conf, &small), VR_OK);
    for (uint64_t i = 0; i < 20; i++) {
        struct vr_msg msg = {.kind = VR_MSG_PING, .to = room(i), .as.number = ACT_KEEP};
        sent += vr_system_send(small, &msg) == VR_OK;
    }
    assert_int_equal(sent, 14); /* seven eighths */
    for (int i = 0; i < 2; i++) {
        struct vr_msg msg = {.kind = VR_MSG_STORED, .to = room(1)};
        assert_int_equal(vr_system_send(small, &msg), VR_OK);
    }
    struct vr_msg msg = {.kind = VR_MSG_STORED, .to = room(1)};
    assert_int_equal(vr_system_send(small, &msg), VR_E_BUSY); /* there is an end to everything */
    vr_system_free(small);                                    /* with all of it on its way */
}

static struct vr_msg relay(uint32_t shard, uint32_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_RELAY, .to = vr_shard_address((struct vr_id){0, 3}, shard)};

    msg.as.relay = vr_relay_new();
    msg.as.relay->timestamp = number;
    return msg;
}

static void test_media_drops_oldest(void **state)
{
    (void)state;
    struct vr_msg lost = relay(0, 99);
    assert_int_equal(vr_system_send(node.system, &lost), VR_OK);
    settle();
    assert_log(""); /* speech wakes no shard */
    assert_int_equal(stats().undelivered, 1);

    assert_int_equal(send(vr_shard_address((struct vr_id){0, 3}, 0), 1001), VR_OK);
    settle();
    for (uint32_t i = 1; i <= 11; i++) {
        struct vr_msg msg = relay(0, i);
        assert_int_equal(vr_system_send(node.system, &msg), VR_OK);
    }
    settle();
    assert_log("open 1 relay:4 relay:5 relay:6 relay:7 relay:8 relay:9 relay:10 relay:11 ");
    assert_int_equal(stats().dropped_media, 3);
}

/* ---- turns ---- */

static void test_busy_actor_starves_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(send(room(1), ACT_FLOOD), VR_OK);
    }
    vr_worker_turn(node.control, node.now);
    assert_int_equal(send(room(2), 1001), VR_OK);
    assert_int_equal(vr_worker_turn(node.control, node.now), node.now); /* work is left */
    assert_int_equal(node.handled[2], 1);
    assert_in_range(node.handled[1], 1, 128); /* two turns of at most 64 */
    vr_worker_turn(node.control, node.now);
    assert_in_range(node.handled[1], 1, 192);
}

static void test_many_busy_actors_share_the_turn(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 40; i++) { /* 40 x 64 messages are more than one turn takes */
        for (int k = 0; k < 90; k++) {
            assert_int_equal(send(room(100 + i), ACT_FLOOD), VR_OK);
        }
    }
    for (int i = 0; i < 3; i++) {
        uint64_t before = stats().handled;

        assert_int_equal(vr_worker_turn(node.control, node.now), node.now);
        assert_in_range(stats().handled - before, 1, 1100); /* the loop gets its sockets back */
    }
    for (int i = 0; i < 8; i++) {
        assert_true(node.handled[i] > 0); /* 40 actors, eight counters: all had a share */
    }
    assert_int_equal(stats().actors[VR_ACTOR_ROOM], 40);
}

static void test_speech_passes_a_busy_shard(void **state)
{
    struct vr_address busy = vr_shard_address((struct vr_id){0, 1}, 0);

    (void)state;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send(busy, ACT_FLOOD), VR_OK);
    }
    assert_int_equal(send(vr_shard_address((struct vr_id){0, 3}, 0), ACT_KEEP), VR_OK);
    vr_worker_turn(node.media, node.now);
    node.log.text[0] = '\0';
    struct vr_msg msg = relay(0, 8);
    assert_int_equal(vr_system_send(node.system, &msg), VR_OK);
    vr_worker_turn(node.media, node.now);
    assert_log("relay:8 ");
}

static void test_gate_before_speech(void **state)
{
    struct vr_address shard = vr_shard_address((struct vr_id){0, 3}, 0);

    (void)state;
    assert_int_equal(send(shard, ACT_KEEP), VR_OK);
    settle();
    node.log.text[0] = '\0';
    struct vr_msg msg = relay(0, 8);
    assert_int_equal(vr_system_send(node.system, &msg), VR_OK);
    assert_int_equal(send(shard, 1001), VR_OK); /* sent later, but a gate must close first */
    settle();
    assert_log("1 relay:8 ");
}

/* ---- sleeping ---- */

static void test_sleep_and_wake(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), ACT_STOP), VR_OK);
    assert_int_equal(settle(), VR_NEVER);
    assert_log("open close:idle ");
    assert_int_equal(stats().actors[VR_ACTOR_ROOM], 0);
    assert_int_equal(send(room(1), 1005), VR_OK);
    settle();
    assert_log("open 5 ");
}

static void test_message_while_closing_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), ACT_STOP), VR_OK);
    assert_int_equal(send(room(1), 1006), VR_OK); /* waits behind the stop */
    settle();
    assert_log("open close:idle open 6 ");
    assert_int_equal(send(room(1), ACT_SEND_SELF), VR_OK);
    settle();
    assert_log("close:idle open 77 ");
}

static void test_timer_of_an_actor(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), ACT_ARM), VR_OK);
    assert_int_equal(settle(), node.now + VR_MS(50));
    advance(VR_MS(49));
    assert_log("open ");
    advance(VR_MS(1));
    assert_log("timer@1050 ");
    assert_int_equal(send(room(1), ACT_ARM), VR_OK);
    assert_int_equal(send(room(1), ACT_STOP), VR_OK);
    assert_int_equal(settle(), VR_NEVER); /* asleep: no timer */
    advance(VR_SECONDS(1));
    assert_log("close:idle ");
}

/* What a journal's thread tells late finds nobody, and nothing breaks over it. */
static void test_closed_takes_nothing(void **state)
{
    struct vr_msg late = {.kind = VR_MSG_STORED, .to = room(1), .as.stored = {.ticket = 6}};

    (void)state;
    assert_int_equal(send(room(1), 1001), VR_OK);
    settle();
    vr_system_close(node.system);
    assert_log("open 1 close:stop ");
    assert_int_equal(vr_system_send(node.system, &late), VR_E_GONE);
    assert_int_equal(send(room(2), 1002), VR_E_GONE);
    assert_log("");
}

/* ---- timers ---- */

struct probe {
    struct vr_timer timer;
    int number;
};

static void on_probe(struct vr_timer *timer, vr_time_us now)
{
    struct probe *probe = VR_OWNER(timer, struct probe, timer);

    assert_true(probe->timer.deadline <= now);
    note("%d ", probe->number);
}

static void test_timers_in_order(void **state)
{
    struct probe probes[200];
    char expected[2000] = "";

    (void)state;
    for (int i = 0; i < 200; i++) {
        probes[i] = (struct probe){.timer = {.fire = on_probe}, .number = i * 37 % 200};
        vr_timer_arm(node.control, &probes[i].timer, node.now + VR_MS(1 + probes[i].number));
    }
    for (int i = 0; i < 200; i++) { /* every third off, every fifth moved to the end and back */
        vr_time_us deadline = probes[i].timer.deadline;

        if (probes[i].number % 5 == 0) {
            vr_timer_arm(node.control, &probes[i].timer, deadline + VR_SECONDS(1));
            vr_timer_arm(node.control, &probes[i].timer, deadline);
        }
        if (probes[i].number % 3 == 0) {
            vr_timer_arm(node.control, &probes[i].timer, VR_NEVER);
            vr_timer_disarm(node.control, &probes[i].timer); /* twice is fine */
        }
    }
    for (int i = 0; i < 200; i++) {
        if (i % 3 != 0) {
            snprintf(expected + strlen(expected), 16, "%d ", i);
        }
    }
    assert_int_equal(settle(), node.now + VR_MS(2));
    advance(VR_MS(250));
    assert_log(expected);
    assert_int_equal(vr_worker_lag_take(node.control), VR_MS(248));
    assert_int_equal(vr_worker_lag_take(node.control), 0);
}

static void fires_late(int lag_ms)
{
    struct probe probe = {.timer = {.fire = on_probe}};

    vr_timer_arm(node.media, &probe.timer, node.now);
    advance(VR_MS(lag_ms));
}

static void test_lag_of_media_is_of_late(void **state)
{
    (void)state;
    assert_int_equal(vr_system_media_lag(node.system, node.now), 0);
    fires_late(70);
    fires_late(3); /* the worse one counts */
    assert_int_equal(vr_system_media_lag(node.system, node.now), VR_MS(70));
    assert_int_equal(vr_system_media_lag(node.system, node.now), VR_MS(70)); /* stays */
    advance(VR_MS(60));
    fires_late(1);
    assert_int_equal(vr_system_media_lag(node.system, node.now), VR_MS(70)); /* the window before */
    advance(VR_MS(60));
    fires_late(2);
    assert_int_equal(vr_system_media_lag(node.system, node.now), VR_MS(2));
    advance(VR_MS(110));
    assert_int_equal(vr_system_media_lag(node.system, node.now), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_message_wakes_in_order),
        TEST(test_nobody_there),
        TEST(test_control_bound),
        TEST(test_lane_keeps_room_for_replies),
        TEST(test_media_drops_oldest),
        TEST(test_busy_actor_starves_nobody),
        TEST(test_many_busy_actors_share_the_turn),
        TEST(test_speech_passes_a_busy_shard),
        TEST(test_gate_before_speech),
        TEST(test_sleep_and_wake),
        TEST(test_message_while_closing_is_not_lost),
        TEST(test_timer_of_an_actor),
        TEST(test_closed_takes_nothing),
        TEST(test_timers_in_order),
        TEST(test_lag_of_media_is_of_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
