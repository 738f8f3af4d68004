/* kv_etcd_rig.h - for tests: a back end on a loop of its own, calls that wait for their answer, and
 * a watch that counts. Real members: etcd_rig.h. */
#ifndef VR_CLUSTER_KV_ETCD_RIG_H
#define VR_CLUSTER_KV_ETCD_RIG_H

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

static inline vr_time_us now_us(void)
{
    return (vr_time_us)(uv_hrtime() / 1000);
}

static inline void copy_text(char out[64], struct vr_bytes bytes)
{
    snprintf(out, 64, "%.*s", (int)bytes.size, (const char *)bytes.data);
}

static inline void on_done(void *ctx, const struct vr_kv_result *result)
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

static inline void on_lease(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct answer *got = ctx;

    assert_false(got->there);
    got->there = true;
    got->err = err;
    got->lease = lease;
    got->ttl = ttl;
}

static inline void on_limit(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("what was waited for did not come");
}

static inline void run_until(const bool *flag)
{
    uv_update_time(&loop);
    uv_timer_start(&limit, on_limit, 20000, 0);
    while (!*flag) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&limit);
}

static inline void on_slept(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static inline void run_for(uint64_t ms)
{
    bool over = false;

    limit.data = &over;
    uv_update_time(&loop);
    uv_timer_start(&limit, on_slept, ms, 0);
    while (!over) {
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static inline struct answer run_txn(struct vr_kv *at, const struct vr_kv_txn *txn)
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

static inline struct answer put_with(const char *key, const char *value, int64_t lease)
{
    struct vr_kv_op put = {.kind = VR_KV_PUT, .key = B(key), .value = B(value), .lease = lease};

    return run_txn(kv, &(struct vr_kv_txn){.then = &put, .then_count = 1});
}

static inline struct answer put(const char *key, const char *value)
{
    return put_with(key, value, 0);
}

static inline struct answer get(const char *key)
{
    struct vr_kv_op op = {.kind = VR_KV_GET, .key = B(key)};

    return run_txn(kv, &(struct vr_kv_txn){.then = &op, .then_count = 1});
}

static inline struct answer list(const char *prefix)
{
    struct answer got = {0};

    kv->ops->list(kv, B(prefix), on_done, &got);
    run_until(&got.there);
    return got;
}

static inline struct answer
lease_call(void (*call)(struct vr_kv *, int64_t, vr_kv_lease_fn, void *), int64_t number)
{
    struct answer got = {0};

    call(kv, number, on_lease, &got);
    run_until(&got.there);
    return got;
}

/* Until writes go through again; returns how long it took. Every answer on the way is a true one.
 */
static inline vr_time_us wait_writable(void)
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

static inline struct vr_kv *open_kv(uint32_t count, uint32_t first, const char *ca,
                                    const char *cert, const char *key)
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

static inline void close_kv(struct vr_kv *open)
{
    open->ops->close(open);
}

static inline int set_up(bool tls, uint32_t count)
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

/* One member holds no elections, whatever else the machine does. */
static inline int set_up_one(void **state)
{
    (void)state;
    return set_up(false, 1);
}

static inline int set_up_three(void **state)
{
    (void)state;
    return set_up(false, 3);
}

static inline int set_up_tls(void **state)
{
    (void)state;
    return set_up(true, 1);
}

static inline int tear_down(void **state)
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

static inline void on_watch(void *ctx, bool lost, int64_t revision,
                            const struct vr_kv_event *events, uint32_t count)
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

static inline void expect_events(struct seen *seen, uint32_t wanted)
{
    seen->wanted = wanted;
    seen->enough = seen->events >= wanted;
    run_until(&seen->enough);
    assert_int_equal(seen->events, wanted);
}

#endif
