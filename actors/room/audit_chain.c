#include "actors/room/audit_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/records_put.h"
#include "actors/wire/mac.h"

static const char label[] = "voicerooms audit 1"; /* part of the format */

/* SHA-256 over label, hash before, room, number and the record without its hash. */
static bool hash_of(const uint8_t before[VR_AUDIT_HASH], struct vr_id room, uint64_t number,
                    const Vr__AuditRecord *record, uint8_t out[VR_AUDIT_HASH])
{
    Vr__AuditRecord bare = *record;
    struct vr_buf text = {0};
    uint8_t fixed[VR_AUDIT_HASH + 24];
    uint8_t *packed;
    size_t size;
    bool fine = false;

    bare.hash = (ProtobufCBinaryData){0};
    size = vr__audit_record__get_packed_size(&bare);
    packed = malloc(size + 1);
    if (packed != NULL) {
        vr__audit_record__pack(&bare, packed);
        memcpy(fixed, before, VR_AUDIT_HASH);
        vr_id_put(fixed + VR_AUDIT_HASH, room);
        vr_put64(fixed + VR_AUDIT_HASH + 16, number);
        vr_buf_append(&text, label, sizeof(label));
        vr_buf_append(&text, fixed, sizeof(fixed));
        vr_buf_append(&text, packed, size);
        fine = !text.failed && vr_digest(vr_buf_bytes(&text), out);
    }
    free(packed);
    vr_buf_deinit(&text);
    return fine;
}

static struct vr_bytes row_key(uint8_t key[24], struct vr_id room, uint64_t number)
{
    vr_id_put(key, room);
    vr_put64(key + 16, number);
    return vr_bytes(key, 24);
}

enum vr_err vr_audit_put(struct vr_commit *commit, const struct vr_vault *vault, struct vr_id room,
                         const struct vr_audit *entry, uint8_t head[VR_AUDIT_HASH])
{
    struct put put = {vault, commit, VR_OK};
    Vr__AuditRecord record = VR__AUDIT_RECORD__INIT;
    struct vr_id by = {0};
    struct vr_id target = {0};
    struct vr_buf texts[3] = {{0}};
    uint8_t by_ref[16], target_ref[16];
    uint8_t key[24];
    uint8_t hash[VR_AUDIT_HASH];

    record.at = entry->at_wall;
    record.act = (char *)(uintptr_t)entry->act;
    record.by_ref = put_ref(&put, entry->by_user, &by, by_ref);
    record.by_name = put_sealed(&put, by, entry->by_name, &texts[0]);
    record.target_ref = put_ref(&put, entry->target_user, &target, target_ref);
    record.target_name = put_sealed(&put, target, entry->target_name, &texts[1]);
    record.reason = record.target_ref.len > 0 ? put_sealed(&put, target, entry->reason, &texts[2])
                                              : put_binary(vr_bytes_of(entry->reason));
    record.request_id = (char *)(uintptr_t)entry->request_id;
    record.epoch = entry->epoch;
    record.sequence = entry->sequence;
    if (put.err == VR_OK && !hash_of(head, room, entry->number, &record, hash)) {
        put.err = VR_E_NO_MEMORY;
    }
    if (put.err == VR_OK) {
        memcpy(head, hash, sizeof(hash));
        record.hash = put_binary(vr_bytes(hash, sizeof(hash)));
        put_message(&put, VR_TABLE_AUDIT, row_key(key, room, entry->number), &record.base);
    }
    for (size_t i = 0; i < 3; i++) {
        vr_buf_deinit(&texts[i]);
    }
    return put.err;
}

/* ---- verifying ---- */

struct walk {
    struct vr_id room;
    uint64_t known_number;
    const uint8_t *known;
    uint64_t until; /* the newest when the walk began: later ones are none of its business */
    bool began;     /* `before` is the hash of entry `expected - 1` */
    bool anchored;
    uint64_t expected;
    uint8_t before[VR_AUDIT_HASH];
    struct vr_audit_verdict *out;
};

static bool broken(struct walk *walk, uint64_t number, const char *why)
{
    walk->out->sound = false;
    walk->out->broken_at = number;
    snprintf(walk->out->why, sizeof(walk->out->why), "entry %llu %s", (unsigned long long)number,
             why);
    return false;
}

/* The entry fits to what came before it. */
static bool judge(struct walk *walk, uint64_t number, const Vr__AuditRecord *record)
{
    uint8_t hash[VR_AUDIT_HASH] = {0};

    if (record->hash.len != VR_AUDIT_HASH) {
        if (walk->began || record->hash.len != 0) {
            return broken(walk, number, "has lost its hash");
        }
        walk->out->unchained++;
        walk->expected = number + 1;
        return true;
    }
    if (!walk->began && !walk->anchored && walk->out->unchained == 0 && number != 1) {
        return broken(walk, number, "is not the first, but those before it are gone");
    }
    if ((walk->began || walk->anchored || walk->out->unchained > 0) && number != walk->expected) {
        return broken(walk, walk->expected, "is missing");
    }
    if (!hash_of(walk->before, walk->room, number, record, hash) ||
        !vr_mac_equal(hash, record->hash.data, sizeof(hash))) {
        return broken(walk, number, "was changed, or one before it");
    }
    if (number == walk->known_number && !vr_mac_equal(hash, walk->known, sizeof(hash))) {
        return broken(walk, number, "is another one than was noted");
    }
    memcpy(walk->before, hash, sizeof(hash));
    walk->began = true;
    walk->expected = number + 1;
    return true;
}

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct walk *walk = ctx;
    uint64_t number = key.size == 24 ? vr_get64(key.data + 16) : 0;
    Vr__AuditRecord *record = vr__audit_record__unpack(NULL, value.size, value.data);
    bool go_on = true;

    if (record == NULL || key.size != 24) {
        go_on = broken(walk, number, "cannot be read");
    } else if (number == 0) {
        walk->anchored = true;
        walk->expected = record->sequence + 1;
        walk->began = record->hash.len == VR_AUDIT_HASH;
        if (walk->began) {
            memcpy(walk->before, record->hash.data, VR_AUDIT_HASH);
        }
    } else if (number > walk->until) {
        go_on = false;
    } else {
        walk->out->first = walk->out->entries == 0 ? number : walk->out->first;
        walk->out->entries++;
        go_on = judge(walk, number, record);
    }
    if (record != NULL) {
        vr__audit_record__free_unpacked(record, NULL);
    }
    return go_on;
}

enum vr_err vr_audit_head(struct vr_records *records, struct vr_id room, uint64_t *number,
                          uint8_t head[VR_AUDIT_HASH])
{
    uint8_t key[16];
    struct vr_buf value = {0};
    Vr__CountersRecord *record = NULL;
    enum vr_err err;

    vr_id_put(key, room);
    err = vr_records_get(records, VR_TABLE_ANALYTICS, vr_bytes(key, 16), &value);
    if (err == VR_OK) {
        record = vr__counters_record__unpack(NULL, value.size, value.data);
        err = record == NULL ? VR_E_DAMAGED : VR_OK;
    }
    if (err == VR_OK) {
        *number = record->audits;
        memset(head, 0, VR_AUDIT_HASH);
        if (record->audit_head.len == VR_AUDIT_HASH) {
            memcpy(head, record->audit_head.data, VR_AUDIT_HASH);
        }
    }
    if (record != NULL) {
        vr__counters_record__free_unpacked(record, NULL);
    }
    vr_buf_deinit(&value);
    return err;
}

enum vr_err vr_audit_verify(struct vr_records *records, struct vr_id room, uint64_t number,
                            const uint8_t known[VR_AUDIT_HASH], struct vr_audit_verdict *out)
{
    struct walk walk = {
        .room = room, .known_number = number, .known = known, .expected = 1, .out = out};
    uint8_t key[24];
    enum vr_err err;

    *out = (struct vr_audit_verdict){.sound = true};
    err = vr_audit_head(records, room, &walk.until, out->head);
    if (err != VR_OK) {
        return err;
    }
    out->last = walk.until;
    row_key(key, room, 0);
    err = vr_records_scan(records, VR_TABLE_AUDIT, vr_bytes(key, 16), vr_bytes(key, 16), visit,
                          &walk);
    if (err != VR_OK || !out->sound) {
        return err;
    }
    if (walk.expected != walk.until + 1) {
        (void)broken(&walk, walk.expected, "is missing at the end");
    } else if (walk.began && !vr_mac_equal(walk.before, out->head, VR_AUDIT_HASH)) {
        (void)broken(&walk, walk.until, "is not the one that the room noted as its last");
    } else if (number != 0 && (number > walk.until || number < out->first)) {
        (void)broken(&walk, number, "is not there (or was retired)");
    }
    return VR_OK;
}

enum vr_err vr_audit_head_put(struct vr_commit *commit, struct vr_id room, uint64_t number,
                              const uint8_t head[VR_AUDIT_HASH])
{
    struct put put = {NULL, commit, VR_OK};
    Vr__CountersRecord record = VR__COUNTERS_RECORD__INIT;
    uint8_t key[16];

    vr_id_put(key, room);
    record.audits = number;
    record.audit_head = put_binary(vr_bytes(head, VR_AUDIT_HASH));
    put_message(&put, VR_TABLE_ANALYTICS, vr_bytes(key, 16), &record.base);
    return put.err;
}

/* ---- retention ---- */

struct retire {
    struct vr_id room;
    vr_time_us before;
    uint32_t most;
    uint64_t newest;
    struct vr_commit *commit;
    uint32_t count;
    uint64_t last;
    uint8_t hash[VR_AUDIT_HASH];
    bool chained;
};

static bool retire_one(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct retire *retire = ctx;
    uint64_t number = key.size == 24 ? vr_get64(key.data + 16) : 0;
    Vr__AuditRecord *record;
    bool old;

    if (number == 0) {
        return true;
    }
    record = vr__audit_record__unpack(NULL, value.size, value.data);
    old = record != NULL && record->at < retire->before && number < retire->newest &&
          retire->count < retire->most;
    if (old) {
        vr_commit_remove(retire->commit, VR_TABLE_AUDIT, key);
        retire->count++;
        retire->last = number;
        retire->chained = record->hash.len == VR_AUDIT_HASH;
        if (retire->chained) {
            memcpy(retire->hash, record->hash.data, VR_AUDIT_HASH);
        }
    }
    if (record != NULL) {
        vr__audit_record__free_unpacked(record, NULL);
    }
    return old;
}

uint32_t vr_audit_retire(struct vr_records *records, struct vr_id room, vr_time_us before,
                         uint32_t most, struct vr_commit *commit)
{
    struct retire retire = {.room = room, .before = before, .most = most, .commit = commit};
    struct put put = {NULL, commit, VR_OK};
    Vr__AuditRecord anchor = VR__AUDIT_RECORD__INIT;
    uint8_t head[VR_AUDIT_HASH];
    uint8_t key[24];

    row_key(key, room, 0);
    if (vr_audit_head(records, room, &retire.newest, head) != VR_OK ||
        vr_records_scan(records, VR_TABLE_AUDIT, vr_bytes(key, 16), vr_bytes(key, 16), retire_one,
                        &retire) != VR_OK ||
        retire.count == 0) {
        return 0;
    }
    anchor.act = (char *)(uintptr_t) "anchor";
    anchor.at = before;
    anchor.sequence = retire.last;
    if (retire.chained) {
        anchor.hash = put_binary(vr_bytes(retire.hash, VR_AUDIT_HASH));
    }
    put_message(&put, VR_TABLE_AUDIT, row_key(key, room, 0), &anchor.base);
    return retire.count;
}
