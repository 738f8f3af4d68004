/* Goal: what kv.h promises holds with three real etcd members: transactions, lists at one revision,
 * leases and watches; a killed leader, a stopped member, lost quorum, compaction and strangers are
 * answered in time and truly: never a "done" that was not, never a second sending of a write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <uv.h>

#include "actors/base/log.h"
#include "cluster/etcd_rig.h"
#include "cluster/kv_etcd.h"

#define B(text) vr_bytes_of(text)

static struct etcd_rig rig;
static uv_loop_t loop;
static uv_timer_t limit;
static struct vr_kv *kv;

struct answer {
    bool there;
    enum vr_err err;
    bool succeeded;
    int64_t revision, lease;
    vr_time_us ttl;
    uint64_t cluster_id;
    uint32_t pair_count;
    char first[64], last[64]; /* keys */
    char value[64];           /* of the first pair */
    vr_time_us took;
};

static vr_time_us now_us(void)
{
    return (vr_time_us)(uv_hrtime() / 1000);
}

static void copy_text(char out[64], struct vr_bytes bytes)
{
    snprintf(out, 64, "%.*s", (int)bytes.size, (const char *)bytes.data);
}

static void on_done(void *ctx, const struct vr_kv_result *result)
{
    struct answer *got = ctx;

    assert_false(got->there); /* exactly once */
    got->there = true;
    got->err = result->err;
    got->succeeded = result->succeeded;
    got->revision = result->revision;
    got->cluster_id = result->cluster_id;
    got->pair_count = result->pair_count;
    if (result->pair_count > 0) {
        copy_text(got->first, result->pairs[0].key);
        copy_text(got->value, result->pairs[0].value);
        copy_text(got->last, result->pairs[result->pair_count - 1].key);
    }
}

static void on_lease(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct answer *got = ctx;

    assert_false(got->there);
    got->there = true;
    got->err = err;
    got->lease = lease;
    got->ttl = ttl;
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("what was waited for did not come");
}

static void run_until(const bool *flag)
{
    uv_update_time(&loop);
    uv_timer_start(&limit, on_limit, 20000, 0);
    while (!*flag) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&limit);
}

static void on_slept(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void run_for(uint64_t ms)
{
    bool over = false;

    limit.data = &over;
    uv_update_time(&loop);
    uv_timer_start(&limit, on_slept, ms, 0);
    while (!over) {
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static struct answer run_txn(struct vr_kv *at, const struct vr_kv_txn *txn)
{
    struct answer got = {0};
    vr_time_us before = now_us();

    at->ops->txn(at, txn, on_done, &got);
    assert_false(got.there); /* never inside of the call */
    run_until(&got.there);
    got.took = now_us() - before;
    assert_true(got.took < VR_KV_CALL_MAX + VR_MS(1500)); /* a slow machine wakes us late */
    return got;
}

static struct answer put_with(const char *key, const char *value, int64_t lease)
{
    struct vr_kv_op put = {.kind = VR_KV_PUT, .key = B(key), .value = B(value), .lease = lease};

    return run_txn(kv, &(struct vr_kv_txn){.then = &put, .then_count = 1});
}

static struct answer put(const char *key, const char *value)
{
    return put_with(key, value, 0);
}

static struct answer get(const char *key)
{
    struct vr_kv_op op = {.kind = VR_KV_GET, .key = B(key)};

    return run_txn(kv, &(struct vr_kv_txn){.then = &op, .then_count = 1});
}

static struct answer list(const char *prefix)
{
    struct answer got = {0};

    kv->ops->list(kv, B(prefix), on_done, &got);
    run_until(&got.there);
    return got;
}

static struct answer lease_call(void (*call)(struct vr_kv *, int64_t, vr_kv_lease_fn, void *),
                                int64_t number)
{
    struct answer got = {0};

    call(kv, number, on_lease, &got);
    run_until(&got.there);
    return got;
}

/* Until writes go through again; returns how long it took. Every answer on the way is a true one.
 */
static vr_time_us wait_writable(void)
{
    vr_time_us before = now_us();

    for (;;) {
        struct answer got = put("/ready", "yes");

        if (got.err == VR_OK) {
            return now_us() - before;
        }
        assert_true(got.err == VR_E_BUSY || got.err == VR_E_TIMEOUT);
        assert_true(now_us() - before < VR_SECONDS(30));
        run_for(50);
    }
}

static struct vr_kv *open_kv(uint32_t count, uint32_t first, const char *ca, const char *cert,
                             const char *key)
{
    struct vr_kv_etcd_conf conf = {.loop = &loop,
                                   .endpoints = rig.endpoints,
                                   .endpoint_count = count,
                                   .ca_file = ca,
                                   .cert_file = cert,
                                   .key_file = key,
                                   .first = first};
    struct vr_kv *made;

    assert_int_equal(vr_kv_etcd_new(&conf, &made, NULL), VR_OK);
    return made;
}

static void close_kv(struct vr_kv *open)
{
    open->ops->close(open);
}

static int set_up(bool tls, uint32_t count)
{
    signal(SIGPIPE, SIG_IGN);
    vr_log_set_level(VR_LOG_OFF);
    if (!rig_make(&rig, count, tls) || uv_loop_init(&loop) != 0) {
        return -1;
    }
    uv_timer_init(&loop, &limit);
    for (uint32_t i = 0; i < count; i++) {
        rig_start(&rig, i);
    }
    kv = open_kv(count, 0, tls ? rig.ca : NULL, tls ? rig.cert : NULL, tls ? rig.key : NULL);
    wait_writable();
    return 0;
}

static int set_up_plain(void **state)
{
    (void)state;
    return set_up(false, 3);
}

static int set_up_tls(void **state)
{
    (void)state;
    return set_up(true, 1);
}

static int tear_down(void **state)
{
    (void)state;
    close_kv(kv);
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    rig_end(&rig);
    return 0;
}

/* --- watches --- */

struct seen {
    bool any, lost, enough;
    uint32_t calls, events, deleted, wanted;
    int64_t last;
};

static void on_watch(void *ctx, bool lost, int64_t revision, const struct vr_kv_event *events,
                     uint32_t count)
{
    struct seen *seen = ctx;

    assert_false(seen->lost); /* nothing comes after it */
    if (lost) {
        seen->lost = true;
        return;
    }
    assert_true(revision > seen->last); /* in order, none twice */
    seen->last = revision;
    seen->any = true;
    seen->calls++;
    seen->events += count;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(events[i].pair.mod_revision, revision);
        seen->deleted += events[i].deleted;
    }
    seen->enough = seen->events >= seen->wanted;
}

static void expect_events(struct seen *seen, uint32_t wanted)
{
    seen->wanted = wanted;
    seen->enough = seen->events >= wanted;
    run_until(&seen->enough);
    assert_int_equal(seen->events, wanted);
}

/* --- tests --- */

static void test_one_winner(void **state)
{
    struct vr_kv_compare absent = {.kind = VR_KV_ABSENT, .key = B("/owner")};
    struct vr_kv_op take = {.kind = VR_KV_PUT, .key = B("/owner"), .value = B("a")};
    struct vr_kv_op holder = {.kind = VR_KV_GET, .key = B("/owner")};
    struct vr_kv_txn txn = {&absent, 1, &take, 1, &holder, 1};
    struct answer won, lost, moved;

    (void)state;
    won = run_txn(kv, &txn);
    assert_int_equal(won.err, VR_OK);
    assert_true(won.succeeded);
    assert_true(won.cluster_id != 0);
    take.value = B("b");
    lost = run_txn(kv, &txn);
    assert_int_equal(lost.err, VR_OK);
    assert_false(lost.succeeded);
    assert_int_equal(lost.pair_count, 1);
    assert_string_equal(lost.value, "a");
    absent =
        (struct vr_kv_compare){.kind = VR_KV_MOD_IS, .key = B("/owner"), .revision = won.revision};
    moved = run_txn(kv, &txn);
    assert_true(moved.succeeded);
    assert_true(moved.revision > won.revision);
    assert_false(run_txn(kv, &txn).succeeded); /* mod_revision has grown */
}

static void test_refused(void **state)
{
    struct vr_kv_op twice[] = {{.kind = VR_KV_PUT, .key = B("/t"), .value = B("1")},
                               {.kind = VR_KV_PUT, .key = B("/t"), .value = B("2")}};
    struct vr_kv_txn txn = {.then = twice, .then_count = 2};
    static struct vr_kv_op many[VR_KV_OPS_MAX + 1];
    static char large[VR_KV_VALUE_MAX + 1];

    (void)state;
    assert_int_equal(run_txn(kv, &txn).err, VR_E_BAD_REQUEST);
    assert_int_equal(put_with("/t", "x", 4711).err, VR_E_GONE);
    txn = (struct vr_kv_txn){.then = many, .then_count = VR_KV_OPS_MAX + 1};
    assert_int_equal(run_txn(kv, &txn).err, VR_E_BAD_REQUEST);
    twice[0].value = vr_bytes(large, sizeof(large));
    txn = (struct vr_kv_txn){.then = twice, .then_count = 1};
    assert_int_equal(run_txn(kv, &txn).err, VR_E_TOO_LARGE);
    assert_int_equal(get("/t").pair_count, 0);
}

static void test_list_is_of_one_revision(void **state)
{
    char keys[VR_KV_OPS_MAX][32];
    struct vr_kv_op ops[VR_KV_OPS_MAX];
    struct answer got, late;
    int64_t last = 0;

    (void)state;
    for (uint32_t batch = 0; batch < 10; batch++) {
        struct vr_kv_txn txn = {.then = ops, .then_count = 120};

        for (uint32_t i = 0; i < 120; i++) {
            snprintf(keys[i], sizeof(keys[i]), "/list/%05u", batch * 120 + i);
            ops[i] = (struct vr_kv_op){.kind = VR_KV_PUT, .key = B(keys[i]), .value = B("v")};
        }
        last = run_txn(kv, &txn).revision;
    }
    got = (struct answer){0};
    late = (struct answer){0};
    kv->ops->list(kv, B("/list/"), on_done, &got);
    /* written while the pages are read: not to be seen */
    ops[0].key = B("/list/99999");
    kv->ops->txn(kv, &(struct vr_kv_txn){.then = ops, .then_count = 1}, on_done, &late);
    run_until(&got.there);
    run_until(&late.there);
    assert_int_equal(got.err, VR_OK);
    assert_string_equal(got.first, "/list/00000");
    if (got.revision < late.revision) {
        assert_int_equal(got.pair_count, 1200);
        assert_string_equal(got.last, "/list/01199");
        assert_int_equal(got.revision, last);
    }
    assert_int_equal(list("/list/").pair_count, 1201);
    assert_int_equal(list("/nothing/").pair_count, 0);
}

static void test_lease_runs_out(void **state)
{
    struct answer lease = lease_call(kv->ops->lease_grant, VR_SECONDS(2)), got;
    struct seen seen = {0};
    vr_time_us before = now_us();
    void *watch;

    (void)state;
    assert_int_equal(lease.err, VR_OK);
    assert_true(lease.ttl == VR_SECONDS(2));
    got = put_with("/mine", "x", lease.lease);
    watch = kv->ops->watch(kv, B("/mine"), got.revision + 1, on_watch, &seen);
    assert_int_equal(lease_call(kv->ops->lease_renew, lease.lease).err, VR_OK);
    expect_events(&seen, 1);
    assert_int_equal(seen.deleted, 1);
    assert_true(now_us() - before >= VR_MS(1900));
    assert_int_equal(lease_call(kv->ops->lease_renew, lease.lease).err, VR_E_GONE);
    assert_int_equal(lease_call(kv->ops->lease_revoke, lease.lease).err, VR_E_GONE);
    lease = lease_call(kv->ops->lease_grant, VR_SECONDS(30));
    assert_int_equal(put_with("/mine", "x", lease.lease).err, VR_OK);
    assert_int_equal(lease_call(kv->ops->lease_revoke, lease.lease).err, VR_OK);
    assert_int_equal(get("/mine").pair_count, 0);
    kv->ops->unwatch(kv, watch);
}

static void test_one_call_for_a_transaction(void **state)
{
    struct vr_kv_op ops[] = {{.kind = VR_KV_PUT, .key = B("/w/1"), .value = B("1")},
                             {.kind = VR_KV_PUT, .key = B("/w/2"), .value = B("2")},
                             {.kind = VR_KV_PUT, .key = B("/x/1"), .value = B("1")}};
    int64_t revision = put("/w/0", "0").revision;
    struct seen seen = {0};
    void *watch = kv->ops->watch(kv, B("/w/"), revision, on_watch, &seen);

    (void)state;
    run_txn(kv, &(struct vr_kv_txn){.then = ops, .then_count = 3});
    expect_events(&seen, 3);
    assert_int_equal(seen.calls, 2);
    kv->ops->unwatch(kv, watch);
    put("/w/3", "3");
    run_for(50);
    assert_int_equal(seen.events, 3);
}

/* etcdctl says who leads; this test does not stand on our own code for that. */
static uint32_t leader(void)
{
    char command[512], line[512];
    uint32_t found = UINT32_MAX;

    for (uint32_t i = 0; i < rig.count && found == UINT32_MAX; i++) {
        snprintf(command, sizeof(command),
                 "ETCDCTL_API=3 etcdctl --endpoints %s endpoint status -w simple 2>&1",
                 rig.endpoint[i]);
        FILE *out = popen(command, "r");
        while (out != NULL && fgets(line, sizeof(line), out) != NULL) {
            if (strstr(line, ", true, ") != NULL) {
                found = i;
            }
        }
        if (out != NULL) {
            pclose(out);
        }
    }
    assert_true(found < rig.count);
    return found;
}

static void test_leader_killed(void **state)
{
    uint32_t victim = leader(), done = 0;
    struct vr_kv *other = open_kv(3, victim, NULL, NULL, NULL); /* its endpoint is the victim */
    struct seen seen = {0};
    struct vr_kv *own = kv;
    vr_time_us gone, took = 0;
    char key[32];
    void *watch;

    (void)state;
    kv = other;
    watch = kv->ops->watch(kv, B("/k/"), put("/ready", "0").revision + 1, on_watch, &seen);
    rig_kill(&rig, victim);
    gone = now_us();
    for (uint32_t i = 0; i < 40 || now_us() - gone < VR_SECONDS(1); i++) {
        struct answer got;

        snprintf(key, sizeof(key), "/k/%05u", i);
        got = put(key, "x");
        assert_true(got.err == VR_OK || got.err == VR_E_BUSY || got.err == VR_E_TIMEOUT);
        done += got.err == VR_OK;
        took = got.err == VR_OK && took == 0 ? now_us() - gone : took;
        if (got.err == VR_OK) {
            assert_int_equal(get(key).pair_count, 1); /* what was acknowledged is there */
        }
    }
    wait_writable();
    printf("measured: etcd's leader killed: %u writes done, the first after %.0f ms\n", done,
           (double)took / 1000);
    /* the watch was on the victim, and still tells all and each once */
    expect_events(&seen, list("/k/").pair_count);
    assert_false(seen.lost);
    kv->ops->unwatch(kv, watch);
    close_kv(other);
    kv = own;
    rig_start(&rig, victim);
    wait_writable();
}

static void test_silent_member(void **state)
{
    struct vr_kv *own = kv;
    uint32_t silent = (leader() + 1) % 3; /* a follower: the others go on */
    struct seen seen = {0};
    struct answer got;
    void *watch;

    (void)state;
    kv = open_kv(3, silent, NULL, NULL, NULL);
    watch = kv->ops->watch(kv, B("/s/"), put("/ready", "1").revision + 1, on_watch, &seen);
    run_for(100);
    kill(rig.pid[silent], SIGSTOP);
    got = list("/s/"); /* a reading is tried again elsewhere */
    assert_int_equal(got.err, VR_OK);
    assert_int_equal(put("/s/1", "x").err, VR_OK);
    expect_events(&seen, 1);
    kill(rig.pid[silent], SIGCONT);
    kv->ops->unwatch(kv, watch);
    close_kv(kv);
    kv = own;
}

static void test_outcome_unknown(void **state)
{
    struct vr_kv *own = kv;
    uint32_t silent = (leader() + 1) % 3;
    const char *only[1] = {rig.endpoints[silent]};
    struct vr_kv_etcd_conf conf = {.loop = &loop, .endpoints = only, .endpoint_count = 1};
    struct answer got;

    (void)state;
    assert_int_equal(vr_kv_etcd_new(&conf, &kv, NULL), VR_OK);
    assert_int_equal(put("/u/0", "x").err, VR_OK); /* a connection is there */
    kill(rig.pid[silent], SIGSTOP);
    got = put("/u/1", "x");
    kill(rig.pid[silent], SIGCONT);
    assert_int_equal(got.err, VR_E_TIMEOUT); /* and not BUSY: it may still happen */
    close_kv(kv);
    kv = own;
}

static void test_no_quorum(void **state)
{
    struct seen seen = {0};
    void *watch;
    struct answer got;
    vr_time_us before;

    (void)state;
    watch = kv->ops->watch(kv, B("/q/"), put("/ready", "2").revision + 1, on_watch, &seen);
    run_for(100);
    rig_kill(&rig, 1);
    rig_kill(&rig, 2);
    before = now_us();
    do { /* the last leader believes in itself for one election time-out */
        got = put("/q/1", "x");
        assert_true(got.err == VR_E_BUSY || got.err == VR_E_TIMEOUT);
    } while (got.err != VR_E_BUSY && now_us() - before < VR_SECONDS(15));
    assert_int_equal(got.err, VR_E_BUSY);
    assert_int_equal(lease_call(kv->ops->lease_grant, VR_SECONDS(5)).err, VR_E_BUSY);
    assert_int_equal(list("/").err, VR_E_BUSY);
    run_until(&seen.lost);
    kv->ops->unwatch(kv, watch);
    rig_start(&rig, 1);
    rig_start(&rig, 2);
    wait_writable();
}

static void test_compacted(void **state)
{
    struct seen seen = {0};
    char revision[32];
    void *watch;
    struct answer got;

    (void)state;
    put("/c/1", "x");
    got = put("/c/1", "y");
    snprintf(revision, sizeof(revision), "%lld", (long long)got.revision);
    setenv("ETCDCTL_API", "3", 1);
    assert_true(rig_run(&rig, (const char *const[]){"etcdctl", "--endpoints", rig.endpoint[0],
                                                    "compaction", revision, NULL}));
    watch = kv->ops->watch(kv, B("/c/"), 1, on_watch, &seen);
    run_until(&seen.lost);
    assert_false(seen.any);
    kv->ops->unwatch(kv, watch);
    seen = (struct seen){0};
    got = list("/c/");
    watch = kv->ops->watch(kv, B("/c/"), got.revision + 1, on_watch, &seen);
    put("/c/1", "z");
    expect_events(&seen, 1);
    kv->ops->unwatch(kv, watch);
}

static void test_closed_with_calls_under_way(void **state)
{
    struct vr_kv *own = kv;
    struct answer got = {0};
    struct seen seen = {0};

    (void)state;
    kv = open_kv(3, 1, NULL, NULL, NULL);
    kv->ops->list(kv, B("/"), on_done, &got);
    assert_non_null(kv->ops->watch(kv, B("/"), 1, on_watch, &seen));
    vr_kv_etcd_stop(kv);
    run_for(100);
    close_kv(kv);
    assert_false(got.there);
    assert_false(seen.any || seen.lost);
    kv = own;
}

static void test_mutual_tls(void **state)
{
    struct vr_kv *own = kv;

    (void)state;
    assert_int_equal(put("/tls", "x").err, VR_OK);
    assert_int_equal(get("/tls").pair_count, 1);
    kv = open_kv(1, 0, rig.ca, NULL, NULL); /* without a certificate */
    assert_int_not_equal(put("/tls", "no").err, VR_OK);
    close_kv(kv);
    kv = open_kv(1, 0, rig.ca, rig.stranger_cert, rig.stranger_key);
    assert_int_not_equal(put("/tls", "no").err, VR_OK);
    close_kv(kv);
    kv = open_kv(1, 0, rig.stranger_cert, rig.cert, rig.key); /* a server that we do not know */
    assert_int_equal(put("/tls", "no").err, VR_E_BUSY);
    close_kv(kv);
    kv = own;
    assert_string_equal(get("/tls").value, "x");
}

static void test_bad_conf(void **state)
{
    struct vr_kv_etcd_conf conf = {.loop = &loop};
    const char *one[] = {"https://127.0.0.1:1"};
    struct vr_kv *made;
    struct vr_why why;

    (void)state;
    assert_int_equal(vr_kv_etcd_new(&conf, &made, &why), VR_E_BAD_REQUEST);
    conf.endpoints = one;
    conf.endpoint_count = 1;
    conf.ca_file = "/nonexistent/ca.pem";
    assert_int_equal(vr_kv_etcd_new(&conf, &made, &why), VR_E_BAD_REQUEST);
    assert_non_null(strstr(why.text, "ca.pem"));
}

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(test_one_winner),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_list_is_of_one_revision),
        cmocka_unit_test(test_lease_runs_out),
        cmocka_unit_test(test_one_call_for_a_transaction),
        cmocka_unit_test(test_compacted),
        cmocka_unit_test(test_closed_with_calls_under_way),
        cmocka_unit_test(test_bad_conf),
        cmocka_unit_test(test_silent_member),
        cmocka_unit_test(test_outcome_unknown),
        cmocka_unit_test(test_leader_killed),
        cmocka_unit_test(test_no_quorum),
    };
    const struct CMUnitTest tls[] = {cmocka_unit_test(test_mutual_tls)};
    int failed = cmocka_run_group_tests_name("kv_etcd", plain, set_up_plain, tear_down);

    return failed + cmocka_run_group_tests_name("kv_etcd_tls", tls, set_up_tls, tear_down);
}
