/* Goal: what system.h promises to who asks, about failing actors, spawned ones, and the end of a
 * worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/runtime/system_kit.h"

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

/* ---- all of it at once ---- */

static struct tally {
    uint32_t told; /* bit for each answer; a second one would be a failure */
    bool twice;
} tallies[400];

static void on_tally(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct tally *tally = ctx;

    tally->twice = tally->twice || tally->told != 0;
    tally->told = 1;
    assert_true((err == VR_OK) == (answer != NULL));
}

static void ask_anything(struct tally *tally)
{
    static const enum act acts[] = {ACT_ECHO, ACT_ECHO, ACT_ECHO,      ACT_FAIL,        ACT_STOP,
                                    ACT_KEEP, ACT_ARM,  ACT_ASK_OTHER, ACT_ASK_AND_STOP};
    const struct vr_random *random = &node.random.random;
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = room(vr_random_below(random, 6))};

    msg.as.number = acts[vr_random_below(random, sizeof(acts) / sizeof(acts[0]))];
    vr_ask(node.control, &msg, VR_MS(1 + (vr_time_us)vr_random_below(random, 300)), on_tally,
           tally);
}

static void test_every_ask_is_told_once(void **state)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        memset(tallies, 0, sizeof(tallies));
        vr_random_seeded_init(&node.random, seed);
        for (size_t i = 0; i < 400; i++) {
            ask_anything(&tallies[i]);
            if (vr_random_below(&node.random.random, 3) == 0) {
                node.now += (vr_time_us)vr_random_below(&node.random.random, 20000);
                vr_worker_turn(node.control, node.now);
                node.log.text[0] = '\0';
            }
        }
        if (seed % 2 == 0) {
            for (int i = 0; i < 1000; i++) { /* past every deadline and quarantine */
                node.now += VR_MS(100);
                settle();
                node.log.text[0] = '\0';
            }
            assert_int_equal(settle(), VR_NEVER); /* nothing is left that waits */
        } else {
            vr_worker_close(node.control); /* or all at once */
        }
        for (size_t i = 0; i < 400; i++) {
            assert_int_equal(tallies[i].told, 1);
            assert_false(tallies[i].twice);
        }
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(test_every_ask_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
