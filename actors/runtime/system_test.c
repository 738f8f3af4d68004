/* Goal: what system.h promises about sending, asking, activation, turns, timers and supervision,
 * with a clock that only moves when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/system.h"

/* ---- a node whose actors do what the ping's number says ---- */

enum act {
    ACT_NOTE = 1,      /* 1000 + n: write n down */
    ACT_FAIL = 2,      /* the handler fails */
    ACT_STOP = 3,      /* sleep */
    ACT_ECHO = 4,      /* answer with PONG */
    ACT_KEEP = 5,      /* an ask that is never answered */
    ACT_SEND_SELF = 6, /* post NOTE 77 to itself, then stop */
    ACT_ARM = 7,       /* timer in 50 ms */
    ACT_FAIL_OPEN = 8, /* the next opens fail */
    ACT_ASK_OTHER = 9, /* vr_actor_ask to room 2: ECHO */
    ACT_ASK_AND_STOP = 10,
    ACT_FLOOD = 11, /* post itself a NOTE for ever */
};

struct log {
    char text[4096];
};

struct actor_state {
    char *heap; /* shows a forgotten close as a leak */
};

static struct node {
    vr_time_us now;
    struct vr_clock clock;
    struct vr_random_seeded random;
    struct vr_system *system;
    struct vr_worker *control;
    struct vr_worker *media;
    struct log log;
    uint32_t wakes;
    uint32_t given_up;
    int open_fails;       /* so many opens fail */
    enum vr_err open_err; /* with this */
    uint64_t handled[8];  /* by id.lo */
    bool no_class;
    vr_time_us opened_at;
} node;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    size_t used = strlen(node.log.text);
    va_list args;

    va_start(args, format);
    vsnprintf(node.log.text + used, sizeof(node.log.text) - used, format, args);
    va_end(args);
}

static struct vr_address room(uint64_t number)
{
    return vr_room_address((struct vr_id){0, number});
}

static enum vr_err send(struct vr_address to, uint64_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = to, .as.number = number};
    enum vr_err err = vr_system_send(node.system, &msg);

    if (err == VR_OK) {
        assert_int_equal(msg.to.kind, VR_ACTOR_NONE); /* taken */
    }
    return err;
}

static enum vr_err actor_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    struct actor_state *self = state;

    assert_null(self->heap); /* zeroed, each time */
    self->heap = strdup("x");
    node.opened_at = vr_actor_now(actor);
    note("open ");
    if (node.open_fails > 0) {
        node.open_fails--;
        return vr_fail(why, node.open_err, "as told");
    }
    return VR_OK;
}

static void actor_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    static const char *const names[] = {"idle", "done", "drain", "failed", "stop"};
    struct actor_state *self = state;

    (void)actor;
    free(self->heap);
    note("close:%s ", names[reason]);
}

static enum vr_err actor_timer(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)state;
    (void)why;
    note("timer@%d ", (int)(vr_actor_now(actor) / 1000));
    return VR_OK;
}

static enum vr_err on_reply(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                            struct vr_msg *answer, struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    note("reply:%d:%s:%d ", (int)tag, vr_err_code(err), answer == NULL ? -1 : (int)answer->kind);
    return VR_OK;
}

static void ask_other(struct vr_actor *actor)
{
    struct vr_msg ask = {.kind = VR_MSG_PING, .to = room(2), .as.number = ACT_ECHO};

    vr_actor_ask(actor, &ask, VR_SECONDS(1), on_reply, 5);
}

static void post_self(struct vr_actor *actor, uint64_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = vr_actor_address(actor), .as.number = number};

    vr_system_post(vr_actor_system(actor), &msg);
}

static enum vr_err actor_act(struct vr_actor *actor, struct vr_msg *msg, struct vr_why *why)
{
    struct vr_msg answer = {.kind = VR_MSG_PONG, .as.number = 4};

    switch ((enum act)msg->as.number) {
    case ACT_FAIL:
        return vr_fail(why, VR_E_DAMAGED, "told to fail");
    case ACT_STOP:
        vr_actor_stop(actor, VR_CLOSE_IDLE);
        break;
    case ACT_ECHO:
        vr_reply(vr_actor_system(actor), msg, &answer);
        break;
    case ACT_SEND_SELF:
        post_self(actor, 1077);
        vr_actor_stop(actor, VR_CLOSE_IDLE);
        break;
    case ACT_ARM:
        vr_actor_arm(actor, vr_actor_now(actor) + VR_MS(50));
        break;
    case ACT_FAIL_OPEN:
        node.open_fails = 100;
        return vr_fail(why, VR_E_INTERNAL, "and so will open");
    case ACT_ASK_AND_STOP:
        ask_other(actor);
        vr_actor_stop(actor, VR_CLOSE_IDLE);
        break;
    case ACT_ASK_OTHER:
        ask_other(actor);
        break;
    case ACT_FLOOD:
        post_self(actor, ACT_FLOOD);
        break;
    case ACT_NOTE:
    case ACT_KEEP:
        break;
    }
    return VR_OK;
}

static enum vr_err actor_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                struct vr_why *why)
{
    (void)state;
    node.handled[vr_actor_address(actor).id.lo & 7]++;
    if (msg->kind == VR_MSG_RELAY) {
        note("relay:%d ", (int)msg->as.relay->timestamp);
        return VR_OK;
    }
    if (msg->kind == VR_MSG_STORED) {
        note("stored:%d ", (int)msg->as.stored.ticket);
        return VR_OK;
    }
    if (msg->kind == VR_MSG_PING && msg->as.number >= 1000) {
        note("%d ", (int)msg->as.number - 1000);
        return VR_OK;
    }
    return actor_act(actor, msg, why);
}

static const struct vr_actor_class room_class = {
    .kind = VR_ACTOR_ROOM,
    .name = "room",
    .state_size = sizeof(struct actor_state),
    .worker = VR_WORKER_CONTROL,
    .open = actor_open,
    .handle = actor_handle,
    .timer = actor_timer,
    .close = actor_close,
    .mailbox_max = 100,
};
static const struct vr_actor_class shard_class = {
    .kind = VR_ACTOR_SHARD,
    .name = "shard",
    .state_size = sizeof(struct actor_state),
    .worker = VR_WORKER_MEDIA,
    .open = actor_open,
    .handle = actor_handle,
    .timer = actor_timer,
    .close = actor_close,
};

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    if (node.no_class) {
        return NULL;
    }
    return address->kind == VR_ACTOR_ROOM    ? &room_class
           : address->kind == VR_ACTOR_SHARD ? &shard_class
                                             : NULL;
}

static vr_time_us fake_now(void *ctx)
{
    (void)ctx;
    return node.now;
}

static void on_given_up(void *ctx, const struct vr_address *address, const struct vr_why *why)
{
    (void)ctx;
    assert_int_equal(address->kind, VR_ACTOR_ROOM);
    assert_string_not_equal(why->text, "");
    node.given_up++;
}

static void on_wake(void *ctx)
{
    (void)ctx;
    node.wakes++;
}

static int set_up(void **state)
{
    struct vr_system_conf conf = {
        .control_workers = 1,
        .media_workers = 1,
        .node = 1,
        .classify = classify,
        .failed = on_given_up,
        .inbox_media_max = 8,
    };

    (void)state;
    node = (struct node){.now = VR_SECONDS(1), .open_err = VR_E_DAMAGED};
    node.clock = (struct vr_clock){fake_now, fake_now, NULL};
    vr_random_seeded_init(&node.random, 7);
    conf.clock = &node.clock;
    conf.random = &node.random.random;
    vr_log_set_level(VR_LOG_OFF);
    if (vr_system_new(&conf, &node.system) != VR_OK) {
        return -1;
    }
    node.control = vr_system_worker(node.system, VR_WORKER_CONTROL, 0);
    node.media = vr_system_worker(node.system, VR_WORKER_MEDIA, 0);
    vr_worker_set_wake(node.control, on_wake, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vr_system_free(node.system);
    return 0;
}

/* Turn until there is nothing left to do at this time; returns when it wants to be called again. */
static vr_time_us settle(void)
{
    vr_time_us next = node.now;

    for (int i = 0; i < 1000 && next <= node.now; i++) {
        next = vr_worker_turn(node.control, node.now);
        vr_worker_turn(node.media, node.now);
    }
    return next;
}

static void advance(vr_time_us step)
{
    node.now += step;
    settle();
}

static void assert_log(const char *expected)
{
    assert_string_equal(node.log.text, expected);
    node.log.text[0] = '\0';
}

static struct vr_runtime_stats stats(void)
{
    struct vr_runtime_stats out;

    vr_system_stats(node.system, &out);
    return out;
}

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

/* ---- asking ---- */

static struct replied {
    int count;
    enum vr_err err;
    uint64_t number;
} replied;

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    assert_ptr_equal(ctx, &replied);
    replied.count++;
    replied.err = err;
    replied.number = answer == NULL ? 0 : answer->as.number;
    assert_true((err == VR_OK) == (answer != NULL));
}

static void ask(struct vr_address to, uint64_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = to, .as.number = number};

    replied = (struct replied){0};
    vr_ask(node.control, &msg, VR_MS(100), on_answer, &replied);
    assert_int_equal(replied.count, 0); /* never from within vr_ask */
}

static void test_ask_and_answer(void **state)
{
    (void)state;
    ask(room(1), ACT_ECHO);
    assert_int_equal(settle(), VR_NEVER); /* the deadline is disarmed */
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_OK);
    assert_int_equal(replied.number, 4);
    advance(VR_SECONDS(1));
    assert_int_equal(replied.count, 1);
}

static void test_ask_times_out_and_late_reply_is_dropped(void **state)
{
    (void)state;
    ask(room(1), ACT_ECHO);
    node.now += VR_MS(100); /* the worker was away all that time */
    settle();
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_TIMEOUT);
    assert_int_equal(stats().asks_timed_out, 1);
    assert_int_equal(stats().late_replies, 1);

    ask(room(1), ACT_KEEP);
    settle();
    assert_int_equal(replied.count, 0);
    advance(VR_MS(99));
    assert_int_equal(replied.count, 0);
    advance(VR_MS(1));
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_TIMEOUT);
}

static void test_ask_that_cannot_be_sent(void **state)
{
    (void)state;
    ask(vr_session_address((struct vr_id){0, 9}), ACT_ECHO);
    assert_int_equal(node.wakes, 1); /* the loop must come round */
    vr_worker_turn(node.control, node.now);
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_NOT_FOUND);
}

static void test_ask_of_a_failing_actor(void **state)
{
    (void)state;
    ask(room(1), ACT_FAIL);
    settle();
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_INTERNAL);
    assert_log("open close:failed ");
}

static void test_actor_asks(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), ACT_ASK_OTHER), VR_OK);
    settle();
    assert_log("open open reply:5:ok:18 ");
    assert_int_equal(VR_MSG_PONG, 18);
    assert_int_equal(send(room(1), ACT_ASK_AND_STOP), VR_OK);
    assert_int_equal(settle(), VR_NEVER);
    assert_log("close:idle "); /* no reply to who has gone */
    assert_int_equal(stats().late_replies, 1);
}

/* ---- supervision ---- */

static void test_restart_keeps_the_mailbox(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), 1001), VR_OK);
    assert_int_equal(send(room(1), ACT_FAIL), VR_OK);
    assert_int_equal(send(room(1), 1002), VR_OK);
    settle();
    assert_log("open 1 close:failed ");
    assert_int_equal(send(room(1), 1003), VR_OK); /* it waits as well */
    settle();
    vr_time_us failed_at = node.now;
    advance(VR_MS(50));
    assert_log("open 2 3 "); /* what failed is not handled again */
    assert_in_range(node.opened_at - failed_at, 0, VR_MS(50));
    assert_int_equal(stats().restarts, 1);
    assert_int_equal(node.given_up, 0);
}

static void test_restarts_without_mail(void **state)
{
    (void)state;
    assert_int_equal(send(room(1), ACT_FAIL), VR_OK);
    settle();
    advance(VR_MS(50));
    assert_log("open close:failed open "); /* its timers must run again */
}

static void fail_three_times(void)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(room(1), ACT_FAIL), VR_OK);
        settle();
        if (i < 2) {
            advance(VR_MS(50));
        }
    }
}

static void test_third_failure_gives_up(void **state)
{
    (void)state;
    fail_three_times();
    assert_log("open close:failed open close:failed open close:failed ");
    assert_int_equal(node.given_up, 1);
    assert_int_equal(stats().given_up, 1);
    assert_int_equal(send(room(1), 1001), VR_E_GONE);
    assert_int_equal(send(room(2), 1001), VR_OK); /* the node lives on */
    advance(VR_SECONDS(59));
    assert_int_equal(send(room(1), 1002), VR_E_GONE);
    advance(VR_SECONDS(1));
    assert_int_equal(send(room(1), 1003), VR_OK);
    settle();
    assert_log("open 1 open 3 ");
}

static void test_slow_failures_go_on(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(send(room(1), ACT_FAIL), VR_OK);
        settle();
        advance(VR_SECONDS(5) + 1); /* the third comes just after ten seconds */
    }
    assert_int_equal(node.given_up, 0);
    assert_int_equal(stats().restarts, 6);
}

static void test_open_that_keeps_failing(void **state)
{
    (void)state;
    node.open_fails = 100;
    ask(room(1), ACT_ECHO);
    settle();
    advance(VR_MS(20));
    advance(VR_MS(20));
    assert_log("open close:failed open close:failed open close:failed ");
    assert_int_equal(node.given_up, 1);
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_INTERNAL);
}

static void test_open_that_finds_nothing(void **state)
{
    (void)state;
    node.open_fails = 1;
    node.open_err = VR_E_NOT_FOUND;
    ask(room(1), ACT_ECHO);
    settle();
    assert_int_equal(replied.err, VR_E_NOT_FOUND);
    assert_log("open close:done ");
    assert_int_equal(stats().restarts, 0);
    ask(room(1), ACT_ECHO); /* there now */
    settle();
    assert_int_equal(replied.err, VR_OK);
}

/* ---- spawning ---- */

static enum vr_err seeded_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)state;
    if (vr_actor_seed(actor) == NULL) {
        return VR_E_NOT_FOUND;
    }
    note("seed:%s ", (const char *)vr_actor_seed(actor));
    return strcmp(vr_actor_seed(actor), "bad") == 0 ? vr_fail(why, VR_E_CONFLICT, "bad") : VR_OK;
}

static const struct vr_actor_class session_class = {
    .kind = VR_ACTOR_SESSION,
    .name = "session",
    .state_size = 8,
    .worker = VR_WORKER_CONTROL,
    .open = seeded_open,
    .handle = actor_handle,
};

static enum vr_err run_body(struct vr_actor *actor, void *state, void *ctx, struct vr_why *why)
{
    (void)state;
    (void)why;
    note("body ");
    if (ctx != NULL) {
        vr_actor_stop(actor, VR_CLOSE_DONE);
    }
    return VR_OK;
}

static void test_spawn_and_run(void **state)
{
    struct vr_address address = vr_session_address((struct vr_id){1, 5});
    char good[] = "good";
    char bad[] = "bad";

    (void)state;
    assert_int_equal(send(address, 1001), VR_E_NOT_FOUND);
    assert_int_equal(vr_actor_spawn(node.control, &session_class, &address, bad, NULL),
                     VR_E_CONFLICT);
    assert_int_equal(stats().restarts, 0);
    assert_int_equal(vr_actor_spawn(node.control, &session_class, &address, good, NULL), VR_OK);
    assert_int_equal(vr_actor_spawn(node.control, &session_class, &address, good, NULL),
                     VR_E_EXISTS);
    assert_int_equal(send(address, 1001), VR_OK);
    settle();
    assert_int_equal(vr_actor_run(node.control, &address, run_body, NULL, NULL), VR_OK);
    assert_int_equal(vr_actor_run(node.control, &address, run_body, good, NULL), VR_OK);
    assert_int_equal(vr_actor_run(node.control, &address, run_body, NULL, NULL), VR_E_NOT_FOUND);
    assert_log("seed:bad seed:good 1 body body ");
    assert_int_equal(send(address, 1001), VR_E_NOT_FOUND); /* not woken by a message */
}

static void test_failed_spawn_is_not_reborn(void **state)
{
    struct vr_address address = vr_session_address((struct vr_id){1, 5});
    char good[] = "good";

    (void)state;
    assert_int_equal(vr_actor_spawn(node.control, &session_class, &address, good, NULL), VR_OK);
    assert_int_equal(send(address, ACT_FAIL), VR_OK);
    settle();
    advance(VR_MS(50));
    assert_int_equal(send(address, 1001), VR_E_NOT_FOUND);
    assert_int_equal(stats().actors[VR_ACTOR_SESSION], 0);
}

/* ---- the end ---- */

static void test_close_tells_who_waits(void **state)
{
    (void)state;
    ask(room(1), ACT_KEEP);
    settle();
    assert_int_equal(send(room(1), 1001), VR_OK); /* still on its way */
    vr_worker_close(node.control);
    assert_int_equal(replied.count, 1);
    assert_int_equal(replied.err, VR_E_GONE);
    assert_log("open close:stop ");
    assert_int_equal(send(room(1), 1001), VR_E_GONE);
    assert_int_equal(send(room(3), 1001), VR_E_GONE);
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_message_wakes_in_order),
        TEST(test_nobody_there),
        TEST(test_control_bound),
        TEST(test_media_drops_oldest),
        TEST(test_busy_actor_starves_nobody),
        TEST(test_many_busy_actors_share_the_turn),
        TEST(test_speech_passes_a_busy_shard),
        TEST(test_gate_before_speech),
        TEST(test_lane_keeps_room_for_replies),
        TEST(test_sleep_and_wake),
        TEST(test_message_while_closing_is_not_lost),
        TEST(test_timer_of_an_actor),
        TEST(test_ask_and_answer),
        TEST(test_ask_times_out_and_late_reply_is_dropped),
        TEST(test_ask_that_cannot_be_sent),
        TEST(test_ask_of_a_failing_actor),
        TEST(test_actor_asks),
        TEST(test_restart_keeps_the_mailbox),
        TEST(test_restarts_without_mail),
        TEST(test_third_failure_gives_up),
        TEST(test_slow_failures_go_on),
        TEST(test_open_that_keeps_failing),
        TEST(test_open_that_finds_nothing),
        TEST(test_spawn_and_run),
        TEST(test_failed_spawn_is_not_reborn),
        TEST(test_close_tells_who_waits),
        TEST(test_timers_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
