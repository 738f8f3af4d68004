/* Goal: what kv.h promises holds with a real etcd: transactions, lists at one revision,
 * leases and watches, over mutual TLS as well; strangers get nothing. Faults: kv_etcd_fault_test.c.
 */
#include "cluster/kv_etcd_rig.h"

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
    struct answer lease = lease_call(kv->ops->lease_grant, VR_SECONDS(5)), got;
    struct seen seen = {0};
    vr_time_us before = now_us();
    void *watch;

    (void)state;
    assert_int_equal(lease.err, VR_OK);
    assert_true(lease.ttl == VR_SECONDS(5));
    got = put_with("/mine", "x", lease.lease);
    watch = kv->ops->watch(kv, B("/mine"), got.revision + 1, on_watch, &seen);
    assert_int_equal(lease_call(kv->ops->lease_renew, lease.lease).err, VR_OK);
    expect_events(&seen, 1);
    assert_int_equal(seen.deleted, 1);
    assert_true(now_us() - before >= VR_MS(4900));
    assert_int_equal(lease_call(kv->ops->lease_renew, lease.lease).err, VR_E_GONE);
    assert_int_equal(lease_call(kv->ops->lease_revoke, lease.lease).err, VR_E_GONE);
    assert_true(lease_call(kv->ops->lease_revoke, lease.lease).lease == lease.lease);
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

static void test_closed_with_calls_under_way(void **state)
{
    struct vr_kv *own = kv;
    struct answer got = {0};
    struct seen seen = {0};

    (void)state;
    kv = open_kv(1, 0, NULL, NULL, NULL);
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

int main(void)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(test_one_winner),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_list_is_of_one_revision),
        cmocka_unit_test(test_lease_runs_out),
        cmocka_unit_test(test_one_call_for_a_transaction),
        cmocka_unit_test(test_closed_with_calls_under_way),
        cmocka_unit_test(test_bad_conf),
        cmocka_unit_test(test_compacted),
    };
    const struct CMUnitTest tls[] = {cmocka_unit_test(test_mutual_tls)};
    int failed = cmocka_run_group_tests_name("kv_etcd", plain, set_up_one, tear_down);

    return failed + cmocka_run_group_tests_name("kv_etcd_tls", tls, set_up_tls, tear_down);
}
