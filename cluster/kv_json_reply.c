/* kv_json_reply.c - replies of etcd's JSON gateway: what a server (or whoever poses as one) says.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/kv_json.h"

#define PAIRS_MAX 100000u /* of one reply */

static json_t *load(struct vr_bytes body)
{
    return json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
}

/* 64-bit numbers are text; absent is 0. False: malformed. */
static bool number(const json_t *object, const char *name, uint64_t *out, bool is_signed)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    char *end = NULL;

    *out = 0;
    if (value == NULL) {
        return true;
    }
    if (json_is_integer(value)) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (text == NULL || *text == 0 || strlen(text) != json_string_length(value)) {
        return false;
    }
    errno = 0;
    *out = is_signed ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
    return errno == 0 && *end == 0;
}

static bool signed_number(const json_t *object, const char *name, int64_t *out)
{
    uint64_t raw;
    bool good = number(object, name, &raw, true);

    *out = (int64_t)raw;
    return good;
}

/* Bytes go to `memory`, which was reserved and never moves. */
static bool text_bytes(const json_t *object, const char *name, struct vr_buf *memory,
                       struct vr_bytes *out)
{
    const json_t *value = json_object_get(object, name);
    size_t before = memory->size;

    *out = vr_bytes("", 0);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) ||
        !vr_kv_base64_decode(memory, json_string_value(value), json_string_length(value))) {
        return false;
    }
    if (memory->size > before) {
        *out = vr_bytes(memory->data + before, memory->size - before);
    }
    return !memory->failed;
}

/* Decoded bytes are always fewer than those of the body. */
static bool reserve(struct vr_buf *memory, size_t size)
{
    memory->data = malloc(size + 1);
    memory->capacity = memory->data == NULL ? 0 : size + 1;
    return memory->data != NULL;
}

static bool read_pair(const json_t *kv, struct vr_buf *memory, struct vr_kv_pair *pair)
{
    return json_is_object(kv) && text_bytes(kv, "key", memory, &pair->key) &&
           text_bytes(kv, "value", memory, &pair->value) &&
           signed_number(kv, "create_revision", &pair->create_revision) &&
           signed_number(kv, "mod_revision", &pair->mod_revision) &&
           signed_number(kv, "lease", &pair->lease) && pair->key.size > 0;
}

static enum vr_err add_pairs(struct vr_kv_reply *reply, const json_t *range)
{
    const json_t *kvs = json_object_get(range, "kvs");
    size_t count = json_array_size(kvs);
    struct vr_kv_pair *grown;

    if (kvs != NULL && !json_is_array(kvs)) {
        return VR_E_BAD_WIRE;
    }
    if (count == 0) {
        return VR_OK;
    }
    if (count > PAIRS_MAX - reply->pair_count) {
        return VR_E_BAD_WIRE;
    }
    grown = realloc(reply->pairs, (reply->pair_count + count) * sizeof(*grown));
    if (grown == NULL) {
        return VR_E_NO_MEMORY;
    }
    reply->pairs = grown;
    for (size_t i = 0; i < count; i++) {
        if (!read_pair(json_array_get(kvs, i), &reply->memory, &grown[reply->pair_count])) {
            return VR_E_BAD_WIRE;
        }
        reply->pair_count++;
    }
    return VR_OK;
}

static bool read_header(const json_t *root, int64_t *revision, uint64_t *cluster_id)
{
    const json_t *header = json_object_get(root, "header");

    return json_is_object(header) && signed_number(header, "revision", revision) &&
           number(header, "cluster_id", cluster_id, false);
}

static enum vr_err read_txn(const json_t *root, struct vr_kv_reply *reply)
{
    const json_t *responses = json_object_get(root, "responses");
    enum vr_err err = VR_OK;

    reply->succeeded = json_is_true(json_object_get(root, "succeeded"));
    for (size_t i = 0; err == VR_OK && i < json_array_size(responses); i++) {
        const json_t *range = json_object_get(json_array_get(responses, i), "response_range");

        err = range == NULL ? VR_OK : add_pairs(reply, range);
    }
    return err;
}

static enum vr_err read_range(const json_t *root, struct vr_kv_reply *reply)
{
    reply->more = json_is_true(json_object_get(root, "more"));
    return add_pairs(reply, root);
}

static enum vr_err read_lease(const json_t *root, struct vr_kv_reply *reply)
{
    return signed_number(root, "ID", &reply->lease) && signed_number(root, "TTL", &reply->ttl)
               ? VR_OK
               : VR_E_BAD_WIRE;
}

static enum vr_err parse(struct vr_bytes body, struct vr_kv_reply *reply,
                         enum vr_err (*read)(const json_t *, struct vr_kv_reply *))
{
    json_t *root = load(body);
    const json_t *inner = json_object_get(root, "result"); /* keepalive wraps its answer */
    enum vr_err err = VR_E_BAD_WIRE;

    *reply = (struct vr_kv_reply){0};
    inner = inner == NULL ? root : inner;
    if (!reserve(&reply->memory, body.size)) {
        err = VR_E_NO_MEMORY;
    } else if (json_is_object(inner) && read_header(inner, &reply->revision, &reply->cluster_id)) {
        err = read(inner, reply);
    }
    json_decref(root);
    if (err != VR_OK) {
        vr_kv_reply_deinit(reply);
    }
    return err;
}

enum vr_err vr_kv_json_txn_reply(struct vr_bytes body, struct vr_kv_reply *reply)
{
    return parse(body, reply, read_txn);
}

enum vr_err vr_kv_json_range_reply(struct vr_bytes body, struct vr_kv_reply *reply)
{
    return parse(body, reply, read_range);
}

enum vr_err vr_kv_json_lease_reply(struct vr_bytes body, struct vr_kv_reply *reply)
{
    return parse(body, reply, read_lease);
}

void vr_kv_reply_deinit(struct vr_kv_reply *reply)
{
    free(reply->pairs);
    vr_buf_deinit(&reply->memory);
    *reply = (struct vr_kv_reply){0};
}

static enum vr_err read_events(const json_t *events, struct vr_kv_watch_line *out)
{
    size_t count = json_array_size(events);

    if (events != NULL && (!json_is_array(events) || count > PAIRS_MAX)) {
        return VR_E_BAD_WIRE;
    }
    out->events = count == 0 ? NULL : calloc(count, sizeof(*out->events));
    if (count > 0 && out->events == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *event = json_array_get(events, i);
        const char *type = json_string_value(json_object_get(event, "type")); /* PUT is left out */
        struct vr_kv_event *into = &out->events[i];

        into->deleted = type != NULL && strcmp(type, "DELETE") == 0;
        if (!read_pair(json_object_get(event, "kv"), &out->memory, &into->pair) ||
            into->pair.mod_revision <= 0) {
            return VR_E_BAD_WIRE;
        }
        out->event_count++;
    }
    return VR_OK;
}

static enum vr_err read_watch(const json_t *root, struct vr_kv_watch_line *out)
{
    const json_t *result = json_object_get(root, "result");
    uint64_t cluster_id;

    if (json_is_object(json_object_get(root, "error"))) {
        out->failed = true;
        return VR_OK;
    }
    if (!json_is_object(result)) {
        return VR_E_BAD_WIRE;
    }
    out->created = json_is_true(json_object_get(result, "created"));
    out->canceled = json_is_true(json_object_get(result, "canceled"));
    if (!read_header(result, &out->revision, &cluster_id) ||
        !signed_number(result, "compact_revision", &out->compact_revision)) {
        return VR_E_BAD_WIRE;
    }
    return read_events(json_object_get(result, "events"), out);
}

enum vr_err vr_kv_json_watch_line(struct vr_bytes line, struct vr_kv_watch_line *out)
{
    json_t *root = load(line);
    enum vr_err err;

    *out = (struct vr_kv_watch_line){0};
    err = reserve(&out->memory, line.size) ? read_watch(root, out) : VR_E_NO_MEMORY;
    json_decref(root);
    if (err != VR_OK) {
        vr_kv_watch_line_deinit(out);
    }
    return err;
}

void vr_kv_watch_line_deinit(struct vr_kv_watch_line *line)
{
    free(line->events);
    vr_buf_deinit(&line->memory);
    *line = (struct vr_kv_watch_line){0};
}

/* What the gRPC codes mean to us. With the has-leader header etcd refuses before it proposes; any
 * other "unavailable" (14) may come from a proposal that is still on its way. */
void vr_kv_json_refusal(int status, struct vr_bytes body, struct vr_kv_refusal *out)
{
    json_t *root = load(body);
    const char *text = json_string_value(json_object_get(root, "message"));
    int code = (int)json_integer_value(json_object_get(root, "code"));

    *out = (struct vr_kv_refusal){.err = VR_E_TIMEOUT};
    text = text != NULL ? text : json_string_value(json_object_get(root, "error"));
    text = text != NULL ? text : "";
    snprintf(out->text, sizeof(out->text), "%s", text);
    if (code == 5 && strstr(text, "lease not found") != NULL) {
        out->err = VR_E_GONE;
    } else if (strstr(text, "too large") != NULL || strstr(text, "larger than max") != NULL) {
        out->err = VR_E_TOO_LARGE;
    } else if (code == 11) {
        out->err = VR_E_BUSY;
        out->compacted = strstr(text, "compacted") != NULL;
    } else if (code == 8 || strcmp(text, "etcdserver: no leader") == 0) {
        out->err = VR_E_BUSY; /* too many requests, no space, no leader */
        out->nothing = true;
    } else if (status >= 400 && status < 500 && status != 408) {
        out->err = VR_E_BAD_REQUEST;
    }
    json_decref(root);
}
