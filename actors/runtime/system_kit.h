/* system_kit.h - a node for the runtime's tests: actors that do what a message's number says, and a
 * clock that only moves when the test says so. Included after cmocka.h by one test program each. */
#ifndef VR_RUNTIME_SYSTEM_KIT_H
#define VR_RUNTIME_SYSTEM_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/system.h"

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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
