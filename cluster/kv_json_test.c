/* Goal: the exact bytes that go to etcd (it ignores what it does not know, so a slip would weaken a
 * transaction in silence), and replies as etcd 3.4 gives them: defaults left out, numbers as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/kv_json.h"

#define B(text) vr_bytes(text, sizeof(text) - 1)

static void assert_built(struct vr_buf *buf, const char *wanted)
{
    assert_false(buf->failed);
    vr_buf_append(buf, "", 1);
    assert_string_equal((const char *)buf->data, wanted);
    vr_buf_deinit(buf);
}

static void test_transaction(void **state)
{
    struct vr_kv_compare compares[] = {
        {.kind = VR_KV_ABSENT, .key = B("/a")},
        {.kind = VR_KV_EXISTS, .key = B("/b")},
        {.kind = VR_KV_MOD_IS, .key = B("/c"), .revision = 9007199254740993},
        {.kind = VR_KV_VALUE_IS, .key = B("/d"), .value = B("x")},
    };
    struct vr_kv_op then[] = {
        {.kind = VR_KV_PUT, .key = B("/a"), .value = B("\xff\x00"), .lease = 7587877},
        {.kind = VR_KV_PUT, .key = B("/e"), .value = B("")},
        {.kind = VR_KV_DELETE, .key = B("/f")},
        {.kind = VR_KV_DELETE_PREFIX, .key = B("/g/")},
    };
    struct vr_kv_op otherwise[] = {
        {.kind = VR_KV_GET, .key = B("/a")},
        {.kind = VR_KV_GET_PREFIX, .key = B("/h/\xff")},
    };
    struct vr_kv_txn txn = {compares, 4, then, 4, otherwise, 2};
    struct vr_buf out = {0};

    (void)state;
    vr_kv_json_txn(&out, &txn);
    assert_built(
        &out,
        "{\"compare\":["
        "{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"key\":\"L2E=\",\"create_revision\":\"0\"},"
        "{\"target\":\"CREATE\",\"result\":\"GREATER\",\"key\":\"L2I=\",\"create_revision\":\"0\"},"
        "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"L2M=\","
        "\"mod_revision\":\"9007199254740993\"},"
        "{\"target\":\"VALUE\",\"result\":\"EQUAL\",\"key\":\"L2Q=\",\"value\":\"eA==\"}],"
        "\"success\":["
        "{\"request_put\":{\"key\":\"L2E=\",\"value\":\"/wA=\",\"lease\":\"7587877\"}},"
        "{\"request_put\":{\"key\":\"L2U=\",\"value\":\"\"}},"
        "{\"request_delete_range\":{\"key\":\"L2Y=\"}},"
        "{\"request_delete_range\":{\"key\":\"L2cv\",\"range_end\":\"L2cw\"}}],"
        "\"failure\":["
        "{\"request_range\":{\"key\":\"L2E=\"}},"
        "{\"request_range\":{\"key\":\"L2gv/w==\",\"range_end\":\"L2gw\"}}]}");
}

static void test_other_requests(void **state)
{
    struct vr_buf out = {0};

    (void)state;
    vr_kv_json_range(&out, B("/a/x"), B("/a/"), 0, 500);
    assert_built(&out, "{\"key\":\"L2EveA==\",\"range_end\":\"L2Ew\",\"limit\":\"500\"}");
    vr_kv_json_range(&out, B(""), B(""), 12, 3);
    assert_built(&out,
                 "{\"key\":\"AA==\",\"range_end\":\"AA==\",\"limit\":\"3\",\"revision\":\"12\"}");
    vr_kv_json_watch(&out, B("/a/"), 13);
    assert_built(&out, "{\"create_request\":{\"key\":\"L2Ev\",\"range_end\":\"L2Ew\","
                       "\"start_revision\":\"13\"}}");
    vr_kv_json_grant(&out, 6);
    assert_built(&out, "{\"TTL\":\"6\"}");
    vr_kv_json_lease(&out, INT64_MAX);
    assert_built(&out, "{\"ID\":\"9223372036854775807\"}");
}

static void test_transaction_reply(void **state)
{
    struct vr_kv_reply reply;

    (void)state;
    assert_int_equal(
        vr_kv_json_txn_reply(
            B("{\"header\":{\"cluster_id\":\"14841639068965178418\",\"revision\":\"7\"},"
              "\"succeeded\":true,\"responses\":[{\"response_put\":{\"header\":{}}},"
              "{\"response_range\":{\"kvs\":[{\"key\":\"L2E=\",\"create_revision\":\"5\","
              "\"mod_revision\":\"7\",\"value\":\"/wA=\",\"lease\":\"77\"}]}},"
              "{\"response_range\":{\"header\":{}}}]}"),
            &reply),
        VR_OK);
    assert_true(reply.succeeded);
    assert_int_equal(reply.revision, 7);
    assert_true(reply.cluster_id == 14841639068965178418u);
    assert_int_equal(reply.pair_count, 1);
    assert_true(vr_bytes_equal(reply.pairs[0].key, B("/a")));
    assert_true(vr_bytes_equal(reply.pairs[0].value, B("\xff\x00")));
    assert_int_equal(reply.pairs[0].create_revision, 5);
    assert_int_equal(reply.pairs[0].lease, 77);
    vr_kv_reply_deinit(&reply);
    /* a lost compare: the field is not there at all */
    assert_int_equal(vr_kv_json_txn_reply(B("{\"header\":{\"revision\":\"8\"}}"), &reply), VR_OK);
    assert_false(reply.succeeded);
    vr_kv_reply_deinit(&reply);
}

static void test_lease_reply(void **state)
{
    struct vr_kv_reply reply;

    (void)state;
    assert_int_equal(
        vr_kv_json_lease_reply(B("{\"result\":{\"header\":{\"revision\":\"7\"},\"ID\":\"12\","
                                 "\"TTL\":\"6\"}}"),
                               &reply),
        VR_OK);
    assert_int_equal(reply.lease, 12);
    assert_int_equal(reply.ttl, 6);
    vr_kv_reply_deinit(&reply);
    assert_int_equal(
        vr_kv_json_lease_reply(B("{\"result\":{\"header\":{},\"ID\":\"12\"}}"), &reply), VR_OK);
    assert_int_equal(reply.ttl, 0); /* dead */
    vr_kv_reply_deinit(&reply);
}

static void test_watch_lines(void **state)
{
    struct vr_kv_watch_line line;

    (void)state;
    assert_int_equal(
        vr_kv_json_watch_line(
            B("{\"result\":{\"header\":{\"revision\":\"9\"},\"events\":["
              "{\"kv\":{\"key\":\"L2E=\",\"mod_revision\":\"8\",\"value\":\"eA==\"}},"
              "{\"type\":\"DELETE\",\"kv\":{\"key\":\"L2I=\",\"mod_revision\":\"9\"}}]}}"),
            &line),
        VR_OK);
    assert_int_equal(line.event_count, 2);
    assert_false(line.events[0].deleted);
    assert_true(line.events[1].deleted);
    assert_int_equal(line.events[1].pair.mod_revision, 9);
    vr_kv_watch_line_deinit(&line);
    assert_int_equal(vr_kv_json_watch_line(B("{\"result\":{\"header\":{\"revision\":\"9\"},"
                                             "\"canceled\":true,\"compact_revision\":\"6\"}}"),
                                           &line),
                     VR_OK);
    assert_true(line.canceled);
    assert_int_equal(line.compact_revision, 6);
    vr_kv_watch_line_deinit(&line);
    assert_int_equal(vr_kv_json_watch_line(B("{\"error\":{\"grpc_code\":14,\"http_code\":503,"
                                             "\"message\":\"etcdserver: no leader\"}}"),
                                           &line),
                     VR_OK);
    assert_true(line.failed);
    vr_kv_watch_line_deinit(&line);
}

static void test_malformed(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"header\":7}",
        "{\"header\":{\"revision\":\"x\"}}",
        "{\"header\":{\"revision\":\"99999999999999999999\"}}",
        "{\"header\":{},\"kvs\":7}",
        "{\"header\":{},\"kvs\":[7]}",
        "{\"header\":{},\"kvs\":[{\"key\":\"L2E\"}]}",
        "{\"header\":{},\"kvs\":[{\"key\":\"L=E=\"}]}",
        "{\"header\":{},\"kvs\":[{\"value\":\"L2E=\"}]}",
        "{\"header\":{},\"header\":{}}",
    };
    struct vr_kv_reply reply;
    struct vr_kv_watch_line line;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(vr_kv_json_range_reply(vr_bytes_of(bodies[i]), &reply), VR_E_BAD_WIRE);
        assert_int_equal(vr_kv_json_watch_line(vr_bytes_of(bodies[i]), &line), VR_E_BAD_WIRE);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum vr_err err;
        bool nothing;
    } cases[] = {
        {404, "{\"message\":\"etcdserver: requested lease not found\",\"code\":5}", VR_E_GONE,
         false},
        {503, "{\"message\":\"etcdserver: no leader\",\"code\":14}", VR_E_BUSY, true},
        {503, "{\"message\":\"etcdserver: request timed out\",\"code\":14}", VR_E_TIMEOUT, false},
        {503, "{\"message\":\"etcdserver: leader changed\",\"code\":14}", VR_E_TIMEOUT, false},
        {500, "{\"message\":\"context deadline exceeded\",\"code\":2}", VR_E_TIMEOUT, false},
        {429, "{\"message\":\"etcdserver: too many requests\",\"code\":8}", VR_E_BUSY, true},
        {400, "{\"message\":\"etcdserver: duplicate key given in txn request\",\"code\":3}",
         VR_E_BAD_REQUEST, false},
        {400, "{\"message\":\"etcdserver: request is too large\",\"code\":3}", VR_E_TOO_LARGE,
         false},
        {502, "<html>", VR_E_TIMEOUT, false},
    };
    struct vr_kv_refusal refusal;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vr_kv_json_refusal(cases[i].status, vr_bytes_of(cases[i].body), &refusal);
        assert_int_equal(refusal.err, cases[i].err);
        assert_int_equal(refusal.nothing, cases[i].nothing);
    }
}

static void test_base64_there_and_back(void **state)
{
    uint8_t bytes[256];

    (void)state;
    for (size_t size = 0; size < sizeof(bytes); size++) {
        struct vr_buf text = {0}, back = {0};

        bytes[size] = (uint8_t)(size * 151);
        vr_kv_base64(&text, vr_bytes(bytes, size));
        assert_true(vr_kv_base64_decode(&back, (const char *)text.data, text.size));
        assert_true(vr_bytes_equal(vr_buf_bytes(&back), vr_bytes(bytes, size)));
        vr_buf_deinit(&text);
        vr_buf_deinit(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction),       cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_transaction_reply), cmocka_unit_test(test_lease_reply),
        cmocka_unit_test(test_watch_lines),       cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_refusals),          cmocka_unit_test(test_base64_there_and_back),
    };

    return cmocka_run_group_tests_name("kv_json", tests, NULL, NULL);
}
