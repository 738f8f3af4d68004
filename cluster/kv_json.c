/* kv_json.c - requests to etcd's JSON gateway, byte by byte. Replies: kv_json_reply.c. */
#include "cluster/kv_json.h"

#include <inttypes.h>

static void field64(struct vr_buf *out, const char *name, struct vr_bytes value)
{
    vr_buf_printf(out, "\"%s\":\"", name);
    vr_kv_base64(out, value);
    vr_buf_text(out, "\"");
}

/* The first key behind all that begin with `prefix`: its last byte + 1, where 0xff carries. No such
 * key: "\0", which etcd takes as "to the end". */
static void range_end(struct vr_buf *out, struct vr_bytes prefix)
{
    struct vr_buf end = {0};
    size_t size = prefix.size;

    while (size > 0 && prefix.data[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        vr_buf_append(&end, "", 1);
    } else {
        vr_buf_append(&end, prefix.data, size);
        if (!end.failed) {
            end.data[size - 1]++;
        }
    }
    out->failed = out->failed || end.failed;
    vr_buf_text(out, ",");
    field64(out, "range_end", vr_buf_bytes(&end));
    vr_buf_deinit(&end);
}

/* The empty key names nothing in etcd; "\0" is the first there can be. */
static void key_from(struct vr_buf *out, struct vr_bytes key)
{
    field64(out, "key", key.size == 0 ? vr_bytes("", 1) : key);
}

static void compare(struct vr_buf *out, const struct vr_kv_compare *cmp)
{
    const char *target = cmp->kind == VR_KV_MOD_IS     ? "MOD"
                         : cmp->kind == VR_KV_VALUE_IS ? "VALUE"
                                                       : "CREATE";

    vr_buf_printf(out, "{\"target\":\"%s\",\"result\":\"%s\",", target,
                  cmp->kind == VR_KV_EXISTS ? "GREATER" : "EQUAL");
    field64(out, "key", cmp->key);
    switch (cmp->kind) {
    case VR_KV_ABSENT:
    case VR_KV_EXISTS:
        vr_buf_text(out, ",\"create_revision\":\"0\"");
        break;
    case VR_KV_MOD_IS:
        vr_buf_printf(out, ",\"mod_revision\":\"%" PRId64 "\"", cmp->revision);
        break;
    case VR_KV_VALUE_IS:
        vr_buf_text(out, ",");
        field64(out, "value", cmp->value);
        break;
    }
    vr_buf_text(out, "}");
}

static void operation(struct vr_buf *out, const struct vr_kv_op *op)
{
    switch (op->kind) {
    case VR_KV_PUT:
        vr_buf_text(out, "{\"request_put\":{");
        field64(out, "key", op->key);
        vr_buf_text(out, ",");
        field64(out, "value", op->value);
        if (op->lease != 0) {
            vr_buf_printf(out, ",\"lease\":\"%" PRId64 "\"", op->lease);
        }
        break;
    case VR_KV_DELETE:
    case VR_KV_DELETE_PREFIX:
        vr_buf_text(out, "{\"request_delete_range\":{");
        key_from(out, op->key);
        if (op->kind == VR_KV_DELETE_PREFIX) {
            range_end(out, op->key);
        }
        break;
    case VR_KV_GET:
    case VR_KV_GET_PREFIX:
        vr_buf_text(out, "{\"request_range\":{");
        key_from(out, op->key);
        if (op->kind == VR_KV_GET_PREFIX) {
            range_end(out, op->key);
        }
        break;
    }
    vr_buf_text(out, "}}");
}

static void branch(struct vr_buf *out, const char *name, const struct vr_kv_op *ops, uint32_t count)
{
    vr_buf_printf(out, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        operation(out, &ops[i]);
    }
    vr_buf_text(out, "]");
}

void vr_kv_json_txn(struct vr_buf *out, const struct vr_kv_txn *txn)
{
    vr_buf_text(out, "{\"compare\":[");
    for (uint32_t i = 0; i < txn->compare_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        compare(out, &txn->compares[i]);
    }
    vr_buf_text(out, "]");
    branch(out, "success", txn->then, txn->then_count);
    branch(out, "failure", txn->otherwise, txn->otherwise_count);
    vr_buf_text(out, "}");
}

void vr_kv_json_range(struct vr_buf *out, struct vr_bytes from, struct vr_bytes prefix,
                      int64_t revision, uint32_t limit)
{
    vr_buf_text(out, "{");
    key_from(out, from);
    range_end(out, prefix);
    vr_buf_printf(out, ",\"limit\":\"%" PRIu32 "\"", limit);
    if (revision != 0) {
        vr_buf_printf(out, ",\"revision\":\"%" PRId64 "\"", revision);
    }
    vr_buf_text(out, "}");
}

void vr_kv_json_watch(struct vr_buf *out, struct vr_bytes prefix, int64_t revision)
{
    vr_buf_text(out, "{\"create_request\":{");
    key_from(out, prefix);
    range_end(out, prefix);
    vr_buf_printf(out, ",\"start_revision\":\"%" PRId64 "\"}}", revision);
}

void vr_kv_json_grant(struct vr_buf *out, int64_t seconds)
{
    vr_buf_printf(out, "{\"TTL\":\"%" PRId64 "\"}", seconds);
}

void vr_kv_json_lease(struct vr_buf *out, int64_t lease)
{
    vr_buf_printf(out, "{\"ID\":\"%" PRId64 "\"}", lease);
}
