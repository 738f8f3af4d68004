/* audit_json.c - the audit log of a room, from the store to JSON: newest first. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/records.h"
#include "actors/room/state.h"
#include "actors/wire/client_json.h"
#include "room_record.pb-c.h"

#define ENTRIES_MAX 200

/* The last entries seen, as JSON each; a ring, since the store walks upwards. */
struct tail {
    const struct vr_vault *vault;
    struct vr_buf entries[ENTRIES_MAX];
    uint64_t count;
};

static void member(struct vr_buf *out, const char *name, struct vr_bytes text)
{
    char plain[512];

    vr_buf_printf(out, ",\"%s\":", name);
    if (text.size == 0 || text.size >= sizeof(plain)) {
        vr_buf_text(out, "null");
        return;
    }
    memcpy(plain, text.data, text.size);
    plain[text.size] = 0;
    vr_json_text(out, plain);
}

static void sealed_member(const struct tail *tail, struct vr_buf *out, const char *name,
                          ProtobufCBinaryData ref, ProtobufCBinaryData sealed)
{
    struct vr_buf plain = {0};

    if (ref.len == 16 && sealed.len > 0 &&
        tail->vault->open(tail->vault->ctx, vr_id_get(ref.data), vr_bytes(sealed.data, sealed.len),
                          &plain) != VR_OK) {
        vr_buf_deinit(&plain); /* erased: what happened stays, to whom does not */
        plain = (struct vr_buf){0};
    }
    member(out, name, vr_buf_bytes(&plain));
    vr_buf_deinit(&plain);
}

static void hash_member(struct vr_buf *out, ProtobufCBinaryData hash)
{
    vr_buf_text(out, hash.len == 0 ? ",\"hash\":null" : ",\"hash\":\"");
    for (size_t i = 0; i < hash.len; i++) {
        vr_buf_printf(out, "%02x", hash.data[i]);
    }
    vr_buf_text(out, hash.len == 0 ? "" : "\"");
}

static void write_entry(const struct tail *tail, uint64_t number, const Vr__AuditRecord *record,
                        struct vr_buf *out)
{
    vr_buf_printf(out, "{\"number\":%llu,\"at\":", (unsigned long long)number);
    vr_json_time(out, record->at);
    sealed_member(tail, out, "by", record->by_ref, record->by_name);
    member(out, "act", vr_bytes_of(record->act));
    sealed_member(tail, out, "target", record->target_ref, record->target_name);
    if (record->target_ref.len > 0) {
        sealed_member(tail, out, "reason", record->target_ref, record->reason);
    } else {
        member(out, "reason", vr_bytes(record->reason.data, record->reason.len));
    }
    member(out, "request_id", vr_bytes_of(record->request_id));
    vr_buf_printf(out, ",\"epoch\":%llu,\"sequence\":%llu", (unsigned long long)record->epoch,
                  (unsigned long long)record->sequence);
    hash_member(out, record->hash);
    vr_buf_text(out, "}");
}

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct tail *tail = ctx;
    Vr__AuditRecord *record = vr__audit_record__unpack(NULL, value.size, value.data);
    struct vr_buf *out = &tail->entries[tail->count % ENTRIES_MAX];
    uint64_t number = key.size == 24 ? vr_get64(key.data + 16) : 0;

    if (number == 0) { /* retention's anchor */
        if (record != NULL) {
            vr__audit_record__free_unpacked(record, NULL);
        }
        return true;
    }
    if (record == NULL) {
        return true; /* one damaged entry does not hide the others */
    }
    vr_buf_deinit(out);
    *out = (struct vr_buf){0};
    write_entry(tail, number, record, out);
    tail->count++;
    vr__audit_record__free_unpacked(record, NULL);
    return true;
}

enum vr_err vr_room_audit_json(struct vr_records *records, const struct vr_vault *vault,
                               struct vr_id room, uint64_t newest, struct vr_buf *out)
{
    struct tail *tail = calloc(1, sizeof(*tail));
    uint8_t key[24];
    enum vr_err err;
    uint64_t shown;

    if (tail == NULL) {
        return VR_E_NO_MEMORY;
    }
    tail->vault = vault;
    vr_id_put(key, room);
    vr_put64(key + 16, newest > ENTRIES_MAX ? newest - ENTRIES_MAX + 1 : 0);
    err = vr_records_scan(records, VR_TABLE_AUDIT, vr_bytes(key, 16), vr_bytes(key, sizeof(key)),
                          visit, tail);
    err = err == VR_E_NOT_FOUND ? VR_OK : err;
    shown = tail->count < ENTRIES_MAX ? tail->count : ENTRIES_MAX;
    vr_buf_text(out, "{\"entries\":[");
    for (uint64_t i = 0; i < shown; i++) {
        const struct vr_buf *entry = &tail->entries[(tail->count - 1 - i) % ENTRIES_MAX];

        vr_buf_text(out, i == 0 ? "" : ",");
        vr_buf_append(out, entry->data, entry->size);
    }
    vr_buf_text(out, "]}");
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        vr_buf_deinit(&tail->entries[i]);
    }
    free(tail);
    return err;
}
