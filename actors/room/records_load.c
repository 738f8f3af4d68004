/* records_load.c - a room back from its records. What is read is judged like any bytes from
 * outside: a value out of range is VR_E_DAMAGED, a field that a user's erasure made unreadable is
 * empty. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/records.h"
#include "actors/room/state.h"
#include "room_record.pb-c.h"

static struct vr_bytes bytes_of(ProtobufCBinaryData data)
{
    return vr_bytes(data.data, data.len);
}

static struct vr_id id_of(ProtobufCBinaryData data)
{
    return data.len == 16 ? vr_id_get(data.data) : (struct vr_id){0};
}

/* Text that fits and holds no 0 inside. */
static bool copy(char *out, size_t size, struct vr_bytes text)
{
    if (text.size >= size || (text.size > 0 && memchr(text.data, 0, text.size) != NULL)) {
        return false;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = 0;
    return true;
}

#define COPY_TEXT(to, from) copy(to, sizeof(to), vr_bytes_of(from))

/* A sealed field opened; "" when its user was erased. False: damaged. */
static bool unseal(const struct vr_vault *vault, struct vr_id ref, ProtobufCBinaryData field,
                   char *out, size_t size)
{
    struct vr_buf plain = {0};
    enum vr_err err;
    bool fine;

    out[0] = 0;
    if (field.len == 0) {
        return true;
    }
    err = vault->open(vault->ctx, ref, bytes_of(field), &plain);
    fine = err == VR_E_NOT_FOUND ||
           (err == VR_OK && !plain.failed && copy(out, size, vr_buf_bytes(&plain)));
    vr_buf_deinit(&plain);
    return fine;
}

static bool user_of(const struct vr_vault *vault, struct vr_id ref, char *out, size_t size)
{
    struct vr_buf plain = {0};
    enum vr_err err;
    bool fine;

    out[0] = 0;
    if (vr_id_is_zero(ref)) {
        return true;
    }
    err = vault->user(vault->ctx, ref, &plain);
    fine = err == VR_E_NOT_FOUND ||
           (err == VR_OK && !plain.failed && copy(out, size, vr_buf_bytes(&plain)));
    vr_buf_deinit(&plain);
    return fine;
}

/* The settings and dates that listing and room share. */
static bool listing_fields(const Vr__RoomRecord *record, struct vr_room_listing *out)
{
    bool fine = COPY_TEXT(out->title, record->title) && COPY_TEXT(out->topic, record->topic) &&
                COPY_TEXT(out->description, record->description) &&
                COPY_TEXT(out->language, record->language) &&
                COPY_TEXT(out->end_reason, record->end_reason) && record->n_tags <= VR_TAGS_MAX &&
                record->visibility <= VR_PRIVATE && record->phase <= VR_ENDED &&
                record->entry <= VR_ENTRY_SPEAKS && record->invited.len % 16 == 0 &&
                record->invited.len / 16 <= VR_INVITED_MAX &&
                (record->passcode_hash.len == 0 || record->passcode_hash.len == 32) &&
                record->passcode_salt.len == record->passcode_hash.len / 2;

    for (size_t i = 0; fine && i < record->n_tags; i++) {
        fine = COPY_TEXT(out->tags[i], record->tags[i]);
    }
    if (!fine) {
        return false;
    }
    out->tag_count = (uint32_t)record->n_tags;
    out->visibility = (enum vr_visibility)record->visibility;
    out->phase = (enum vr_phase)record->phase;
    out->locked = record->locked;
    out->has_passcode = record->passcode_hash.len == 32;
    out->capacity = record->capacity;
    out->speaker_capacity = record->speaker_capacity;
    out->slow_hand_s = record->slow_hand_s;
    out->entry = (enum vr_speak_on_entry)record->entry;
    out->revision = record->revision;
    out->created_wall = record->created_at;
    out->starts_wall = record->starts_at;
    out->started_wall = record->started_at;
    out->ended_wall = record->ended_at;
    out->creator_ref = id_of(record->creator_ref);
    out->invited_count = (uint32_t)(record->invited.len / 16);
    for (uint32_t i = 0; i < out->invited_count; i++) {
        out->invited[i] = vr_id_get(record->invited.data + (size_t)i * 16);
    }
    return true;
}

enum vr_err vr_room_listing_decode(struct vr_bytes value, const struct vr_vault *vault,
                                   struct vr_room_listing *out)
{
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);
    bool fine;

    *out = (struct vr_room_listing){0};
    if (record == NULL) {
        return VR_E_DAMAGED;
    }
    fine = listing_fields(record, out) && unseal(vault, out->creator_ref, record->creator_name,
                                                 out->creator_name, sizeof(out->creator_name));
    vr__room_record__free_unpacked(record, NULL);
    return fine ? VR_OK : VR_E_DAMAGED;
}

static void take_settings(struct vr_room *room, const struct vr_room_listing *from)
{
    struct settings *to = &room->settings;

    memcpy(to->title, from->title, sizeof(to->title));
    memcpy(to->topic, from->topic, sizeof(to->topic));
    memcpy(to->description, from->description, sizeof(to->description));
    memcpy(to->language, from->language, sizeof(to->language));
    memcpy(to->tags, from->tags, sizeof(to->tags));
    to->tag_count = from->tag_count;
    to->visibility = from->visibility;
    to->locked = from->locked;
    to->capacity = from->capacity;
    to->speaker_capacity = from->speaker_capacity;
    to->slow_hand_s = from->slow_hand_s;
    to->entry = from->entry;
    to->has_passcode = from->has_passcode;
    to->starts_at_wall = from->starts_wall;
    room->phase = from->phase;
    room->revision = from->revision;
    room->created_wall = from->created_wall;
    room->started_wall = from->started_wall;
    room->ended_wall = from->ended_wall;
    memcpy(room->end_reason, from->end_reason, sizeof(room->end_reason));
}

static enum vr_err fill_room(struct vr_room *room, const struct vr_vault *vault,
                             const Vr__RoomRecord *record, struct vr_room_listing *listing)
{
    if (room->exists || !listing_fields(record, listing) ||
        !user_of(vault, listing->creator_ref, room->creator_user, sizeof(room->creator_user)) ||
        !unseal(vault, listing->creator_ref, record->creator_name, room->creator_name,
                sizeof(room->creator_name))) {
        return VR_E_DAMAGED;
    }
    if (listing->invited_count > 0) {
        room->settings.invited = calloc(listing->invited_count, sizeof(struct vr_id));
        if (room->settings.invited == NULL) {
            return VR_E_NO_MEMORY;
        }
        memcpy(room->settings.invited, listing->invited,
               listing->invited_count * sizeof(struct vr_id));
        room->settings.invited_count = listing->invited_count;
    }
    take_settings(room, listing);
    if (listing->has_passcode) {
        memcpy(room->settings.passcode_salt, record->passcode_salt.data, 16);
        memcpy(room->settings.passcode_hash, record->passcode_hash.data, 32);
    }
    room->exists = true;
    return VR_OK;
}

static enum vr_err load_room(struct vr_room *room, const struct vr_vault *vault,
                             struct vr_bytes value)
{
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);
    struct vr_room_listing *listing = calloc(1, sizeof(*listing));
    enum vr_err err = VR_E_NO_MEMORY;

    if (record == NULL) {
        err = VR_E_DAMAGED;
    } else if (listing != NULL) {
        err = fill_room(room, vault, record, listing);
    }
    free(listing);
    vr__room_record__free_unpacked(record, NULL);
    return err;
}

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
    vr__counters_record__free_unpacked(record, NULL);
    return VR_OK;
}

static void fill_person(struct vr_room *room, struct person *person, const Vr__PersonRecord *record)
{
    person->role = (enum vr_role)record->role;
    person->presence = record->present ? PERSON_LOST : PERSON_GONE;
    person->was_lost = record->present && record->lost;
    person->guest = record->guest;
    person->hidden = record->hidden;
    person->demoted = record->demoted;
    person->muted_by_self = record->muted_by_self;
    person->muted_by_moderator = record->muted_by_moderator;
    person->mute_version = record->mute_version;
    person->gate_version = record->gate_version;
    person->generation = record->generation;
    person->resume_floor = record->resume_floor;
    person->session = vr_session_address(id_of(record->session));
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
    ref = id_of(record->user_ref);
    if (!user_of(vault, ref, user, sizeof(user))) {
        goto done;
    }
    person = person_load(room, vr_get32(key.data + 16), user);
    if (person == NULL || !unseal(vault, ref, record->name, person->name, sizeof(person->name))) {
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
    by = id_of(record->by_ref);
    ban->id = id_of(record->id);
    ban->user_ref = vr_id_get(key.data + 16);
    ban->address_ref = id_of(record->address_ref);
    ban->at_wall = record->at;
    ban->until_wall = record->until;
    if (user_of(vault, ban->user_ref, ban->user, sizeof(ban->user)) &&
        unseal(vault, ban->user_ref, record->name, ban->name, sizeof(ban->name)) &&
        unseal(vault, ban->user_ref, record->reason, ban->reason, sizeof(ban->reason)) &&
        user_of(vault, by, ban->by_user, sizeof(ban->by_user)) &&
        unseal(vault, by, record->by_name, ban->by_name, sizeof(ban->by_name))) {
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
    kept = memory_place(room, record->number);
    if (kept == NULL) {
        err = VR_E_NO_MEMORY;
        goto done;
    }
    kept->command = vr_id_get(key.data + 16);
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
    if (record->body.len > 0) {
        kept->answer.body = vr_blob_new(bytes_of(record->body));
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
        return load_room(room, vault, value);
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

        if (person->id > room->counters.last_participant) {
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
