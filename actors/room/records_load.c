/* records_load.c - a room back from its records. A value out of range is VR_E_DAMAGED, a field that
 * a user's erasure made unreadable is empty. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/records_internal.h"

static enum vr_err load_counters(struct vr_room *room, struct vr_bytes value)
{
    Vr__CountersRecord *record = vr__counters_record__unpack(NULL, value.size, value.data);

    if (record == NULL) {
        return VR_E_DAMAGED;
    }
    room->counters = (struct counters){
        .sequence = record->sequence,
        .hand_order = record->hand_order,
        .served = record->served,
        .audits = record->audits,
        .remembered = record->remembered,
        .last_participant = record->last_participant,
        .host = record->host,
        .host_given = record->host_given,
        .host_seen = record->host_seen,
        .joins = record->joins,
        .unique = record->unique,
        .peak = record->peak,
        .stays = record->stays,
        .stay_us = record->stay_us,
        .hands_raised = record->hands_raised,
        .reactions = record->reactions,
        .chats = record->chats,
    };
    if (record->audit_head.len == sizeof(room->counters.audit_head)) {
        memcpy(room->counters.audit_head, record->audit_head.data, record->audit_head.len);
    }
    vr__counters_record__free_unpacked(record, NULL);
    return VR_OK;
}

static void fill_person(struct vr_room *room, struct person *person, const Vr__PersonRecord *record)
{
    person->role = (enum vr_role)record->role;
    person->presence = record->present ? PERSON_LOST : PERSON_GONE;
    person->was_lost = record->present && record->lost;
    person->unheard = record->present && !record->lost;
    person->guest = record->guest;
    person->hidden = record->hidden;
    person->no_publish = record->no_publish;
    person->no_subscribe = record->no_subscribe;
    person->no_request = record->no_request;
    person->demoted = record->demoted;
    person->spoke_unheard = record->spoke_unheard;
    person->muted_by_self = record->muted_by_self;
    person->muted_by_moderator = record->muted_by_moderator;
    person->mute_version = record->mute_version;
    person->gate_version = record->gate_version;
    person->generation = record->generation;
    person->resume_floor = record->resume_floor;
    person->session = vr_session_address_at(record_id(record->session), record->session_node);
    if (record->has_shard) {
        person->shard = vr_shard_address(room->id, record->shard);
    }
    person->joined_wall = record->joined_at;
    person->served = record->served;
    person->hand_order = record->present ? record->hand_order : 0;
    person->hand_wall = record->hand_at;
    person->hand_last_wall = record->hand_last_at;
    person->invited_until_wall = record->invited_until;
    person->joins = record->joins;
    person->stay_us = record->stay_us;
    person->spoke_ms = record->spoke_ms;
}

static enum vr_err load_person(struct vr_room *room, const struct vr_vault *vault,
                               struct vr_bytes key, struct vr_bytes value)
{
    Vr__PersonRecord *record = vr__person_record__unpack(NULL, value.size, value.data);
    enum vr_err err = VR_E_DAMAGED;
    char user[VR_USER_MAX + 1];
    struct person *person;
    struct vr_id ref;

    if (record == NULL || key.size != 20 || record->role >= VR_ROLES) {
        goto done;
    }
    ref = record_id(record->user_ref);
    if (!record_user(vault, ref, user, sizeof(user))) {
        goto done;
    }
    person = person_load(room, vr_get32(key.data + 16), user);
    if (person == NULL ||
        !record_unseal(vault, ref, record->name, person->name, sizeof(person->name))) {
        goto done;
    }
    fill_person(room, person, record);
    if (person->hand_order != 0) {
        hand_restore(room, person);
    }
    err = VR_OK;
done:
    vr__person_record__free_unpacked(record, NULL);
    return err;
}

static enum vr_err load_ban(struct vr_room *room, const struct vr_vault *vault, struct vr_bytes key,
                            struct vr_bytes value)
{
    Vr__BanRecord *record = vr__ban_record__unpack(NULL, value.size, value.data);
    enum vr_err err = VR_E_DAMAGED;
    struct ban *ban;
    struct vr_id by;

    if (record == NULL || key.size != 32 || room->ban_count >= VR_BANS_MAX) {
        goto done;
    }
    ban = ban_add(room);
    if (ban == NULL) {
        err = VR_E_NO_MEMORY;
        goto done;
    }
    by = record_id(record->by_ref);
    ban->id = record_id(record->id);
    ban->user_ref = vr_id_get(key.data + 16);
    ban->address_ref = record_id(record->address_ref);
    ban->at_wall = record->at;
    ban->until_wall = record->until;
    if (record_user(vault, ban->user_ref, ban->user, sizeof(ban->user)) &&
        record_unseal(vault, ban->user_ref, record->name, ban->name, sizeof(ban->name)) &&
        record_unseal(vault, ban->user_ref, record->reason, ban->reason, sizeof(ban->reason)) &&
        record_user(vault, by, ban->by_user, sizeof(ban->by_user)) &&
        record_unseal(vault, by, record->by_name, ban->by_name, sizeof(ban->by_name))) {
        err = VR_OK;
    }
done:
    vr__ban_record__free_unpacked(record, NULL);
    return err;
}

static bool kind_of(const char *name, enum vr_command_kind *out)
{
    for (int kind = 0; kind < VR_CMD_KINDS; kind++) {
        if (strcmp(vr_command_name((enum vr_command_kind)kind), name) == 0) {
            *out = (enum vr_command_kind)kind;
            return true;
        }
    }
    return false;
}

static enum vr_err load_answer(struct vr_room *room, struct vr_bytes key, struct vr_bytes value)
{
    Vr__AnswerRecord *record = vr__answer_record__unpack(NULL, value.size, value.data);
    struct remembered *kept = NULL;
    enum vr_command_kind kind;
    enum vr_err err = VR_E_DAMAGED;

    if (record == NULL || key.size != 32 || record->number == 0 || record->role >= VR_ROLES) {
        goto done;
    }
    err = VR_OK;
    if (!kind_of(record->kind, &kind)) {
        goto done; /* a later version's: nobody repeats it to us */
    }
    kept = room->memory[record->number % VR_REMEMBERED_MAX];
    if (kept != NULL && kept->number >= record->number) {
        goto done;
    }
    kept = memory_place(room, record->number, vr_id_get(key.data + 16));
    if (kept == NULL) {
        err = VR_E_NO_MEMORY;
        goto done;
    }
    kept->by = record->by;
    kept->kind = kind;
    kept->durable = true;
    kept->loaded = true;
    kept->answer.epoch = record->epoch;
    kept->answer.sequence = record->sequence;
    kept->answer.revision = record->revision;
    kept->answer.participant = record->participant;
    kept->answer.generation = record->generation;
    kept->answer.role = (enum vr_role)record->role;
    kept->subject = record->subject;
    kept->order = record->order;
    if (record->body.len > 0) {
        kept->answer.body = vr_blob_new(record_bytes(record->body));
    }
done:
    vr__answer_record__free_unpacked(record, NULL);
    return err;
}

enum vr_err vr_room_load_record(struct vr_room *room, const struct vr_vault *vault,
                                enum vr_table table, struct vr_bytes key, struct vr_bytes value)
{
    if (key.size < 16) {
        return VR_E_DAMAGED;
    }
    switch (table) {
    case VR_TABLE_ROOMS:
        return record_load_room(room, vault, value);
    case VR_TABLE_ANALYTICS:
        return load_counters(room, value);
    case VR_TABLE_PARTICIPANTS:
        return load_person(room, vault, key, value);
    case VR_TABLE_BANS:
        return load_ban(room, vault, key, value);
    case VR_TABLE_COMMANDS:
        return load_answer(room, key, value);
    case VR_TABLE_META:
    case VR_TABLE_HEADS:
    case VR_TABLE_AUDIT:
    case VR_TABLE_USERS:
    case VR_TABLE_KEYS:
    case VR_TABLE_REVOKED:
    case VR_TABLE_IDEMPOTENCY:
    case VR_TABLE_DEPLOYMENT:
    case VR_TABLE_REPORTS:
    case VR_TABLE_OUTBOX:
    case VR_TABLE_MARKS:
    case VR_TABLE_GRANTS:
    case VR_TABLE_COUNT:
        break;
    }
    return VR_E_BAD_REQUEST;
}

void vr_room_loaded(struct vr_room *room, struct vr_instant at)
{
    const struct person *host;

    for (uint32_t i = 0; i < room->people_count; i++) {
        struct person *person = room->people[i];

        if (person->id > room->counters.last_participant && person->id < VR_PARTICIPANT_GIVEN) {
            room->counters.last_participant = person->id; /* an id is never used twice */
        }
        person->lost_at = at.now;
    }
    host = host_of(room);
    room->host_missing_since = VR_NEVER;
    if (room->phase == VR_ACTIVE && room->counters.host_seen && host != NULL &&
        vr_room_counts(room).participants > 0) {
        room->host_missing_since = at.now; /* until he is back, like everybody */
    }
    audience_loaded(room);
    room->digest_told_at = at.now;
    room->digest_told = room->counters.sequence;
}

struct loading {
    struct vr_room *room;
    const struct vr_vault *vault;
    enum vr_table table;
    enum vr_err err;
};

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct loading *loading = ctx;

    if (loading->table == VR_TABLE_ANALYTICS && key.size != 16) {
        return true;
    }
    loading->err = vr_room_load_record(loading->room, loading->vault, loading->table, key, value);
    return loading->err == VR_OK;
}

enum vr_err vr_room_load(struct vr_records *records, const struct vr_vault *vault,
                         struct vr_room *room, struct vr_instant at, struct vr_why *why)
{
    /* clang-format off */
    static const enum vr_table tables[] = {
        VR_TABLE_ROOMS, VR_TABLE_ANALYTICS, VR_TABLE_PARTICIPANTS, VR_TABLE_BANS, VR_TABLE_COMMANDS,
    };
    /* clang-format on */
    uint8_t key[16];

    vr_id_put(key, room->id);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct loading loading = {room, vault, tables[i], VR_OK};
        enum vr_err err = vr_records_scan(records, tables[i], vr_bytes(key, sizeof(key)),
                                          (struct vr_bytes){0}, visit, &loading);

        if (err == VR_OK || err == VR_E_NOT_FOUND) {
            err = loading.err;
        }
        if (err != VR_OK) {
            return vr_fail(why, err, "table %d of the room cannot be read: %s", (int)tables[i],
                           vr_err_text(err));
        }
        if (!room->exists) {
            return vr_fail(why, VR_E_NOT_FOUND, "no such room");
        }
    }
    vr_room_loaded(room, at);
    return VR_OK;
}
