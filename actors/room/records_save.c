/* records_save.c - what changed in a room, as puts and removes of one commit. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/audit_chain.h"
#include "actors/room/outbox.h"
#include "actors/room/records_put.h"
#include "actors/room/state.h"

/* One save; the first error sticks. */
struct save {
    struct put put;
    struct vr_room *room;
};

/* Room id and more: the key of every row but two. */
static struct vr_bytes key_of(const struct vr_room *room, uint8_t key[32], struct vr_bytes rest)
{
    vr_id_put(key, room->id);
    if (rest.size > 0) {
        memcpy(key + 16, rest.data, rest.size);
    }
    return vr_bytes(key, 16 + rest.size);
}

static void save_room(struct save *save)
{
    struct vr_room *room = save->room;
    struct settings *settings = &room->settings;
    Vr__RoomRecord record = VR__ROOM_RECORD__INIT;
    uint8_t invited[VR_INVITED_MAX * 16];
    char *tags[VR_TAGS_MAX];
    struct vr_id creator = {0};
    struct vr_buf name = {0};
    uint8_t ref[16];
    uint8_t key[32];

    for (uint32_t i = 0; i < settings->tag_count; i++) {
        tags[i] = settings->tags[i];
    }
    for (uint32_t i = 0; i < settings->invited_count; i++) {
        vr_id_put(invited + (size_t)i * 16, settings->invited[i]);
    }
    record.title = settings->title;
    record.topic = settings->topic;
    record.description = settings->description;
    record.language = settings->language;
    record.tags = tags;
    record.n_tags = settings->tag_count;
    record.visibility = settings->visibility;
    record.locked = settings->locked;
    record.capacity = settings->capacity;
    record.speaker_capacity = settings->speaker_capacity;
    record.slow_hand_s = settings->slow_hand_s;
    record.entry = settings->entry;
    if (settings->has_passcode) {
        record.passcode_salt = put_binary(vr_bytes(settings->passcode_salt, 16));
        record.passcode_hash = put_binary(vr_bytes(settings->passcode_hash, 32));
    }
    record.starts_at = settings->starts_at_wall;
    record.invited = put_binary(vr_bytes(invited, (size_t)settings->invited_count * 16));
    record.phase = room->phase;
    record.revision = room->revision;
    record.creator_ref = put_ref(&save->put, room->creator_user, &creator, ref);
    record.creator_name = put_sealed(&save->put, creator, room->creator_name, &name);
    record.created_at = room->created_wall;
    record.started_at = room->started_wall;
    record.ended_at = room->ended_wall;
    record.end_reason = room->end_reason;
    put_message(&save->put, VR_TABLE_ROOMS, key_of(room, key, (struct vr_bytes){0}), &record.base);
    vr_buf_deinit(&name);
    room->settings_dirty = false;
}

static void save_counters(struct save *save)
{
    const struct counters *counters = &save->room->counters;
    Vr__CountersRecord record = VR__COUNTERS_RECORD__INIT;
    uint8_t key[32];

    record.sequence = counters->sequence;
    record.hand_order = counters->hand_order;
    record.served = counters->served;
    record.audits = counters->audits;
    record.remembered = counters->remembered;
    record.last_participant = counters->last_participant;
    record.host = counters->host;
    record.host_given = counters->host_given;
    record.host_seen = counters->host_seen;
    record.joins = counters->joins;
    record.unique = counters->unique;
    record.peak = counters->peak;
    record.stays = counters->stays;
    record.stay_us = counters->stay_us;
    record.hands_raised = counters->hands_raised;
    record.reactions = counters->reactions;
    record.chats = counters->chats;
    record.audit_head = put_binary(vr_bytes(counters->audit_head, VR_AUDIT_HASH));
    put_message(&save->put, VR_TABLE_ANALYTICS, key_of(save->room, key, (struct vr_bytes){0}),
                &record.base);
    save->room->flush_due = VR_NEVER;
}

static void fill_person(Vr__PersonRecord *record, const struct person *person, uint8_t session[16])
{
    vr_id_put(session, person->session.id);
    record->role = person->role;
    record->present = person_present(person);
    record->lost = person->presence == PERSON_LOST && !person->unheard;
    record->guest = person->guest;
    record->hidden = person->hidden;
    record->no_publish = person->no_publish;
    record->no_subscribe = person->no_subscribe;
    record->no_request = person->no_request;
    record->demoted = person->demoted;
    record->spoke_unheard = person->spoke_unheard;
    record->muted_by_self = person->muted_by_self;
    record->muted_by_moderator = person->muted_by_moderator;
    record->mute_version = person->mute_version;
    record->gate_version = person->gate_version;
    record->generation = person->generation;
    record->resume_floor = person->resume_floor;
    record->session = (ProtobufCBinaryData){16, session};
    record->session_node = person->session.sub;
    record->shard = person->shard.sub;
    record->has_shard = person->shard.kind == VR_ACTOR_SHARD;
    record->joined_at = person->joined_wall;
    record->served = person->served;
    record->hand_order = person->hand_order;
    record->hand_at = person->hand_wall;
    record->hand_last_at = person->hand_last_wall;
    record->invited_until = person->invited_until_wall;
    record->joins = person->joins;
    record->stay_us = person->stay_us;
    record->spoke_ms = person->spoke_ms;
}

static void save_person(struct save *save, struct person *person)
{
    Vr__PersonRecord record = VR__PERSON_RECORD__INIT;
    struct vr_id user = {0};
    struct vr_buf name = {0};
    uint8_t session[16];
    uint8_t ref[16];
    uint8_t id[4];
    uint8_t key[32];

    fill_person(&record, person, session);
    record.user_ref = put_ref(&save->put, person->user, &user, ref);
    record.name = put_sealed(&save->put, user, person->name, &name);
    vr_put32(id, person->id);
    put_message(&save->put, VR_TABLE_PARTICIPANTS, key_of(save->room, key, vr_bytes(id, 4)),
                &record.base);
    vr_buf_deinit(&name);
    person->dirty = false;
}

static void save_people(struct save *save)
{
    struct vr_room *room = save->room;
    uint8_t key[32];

    for (uint32_t i = 0; i < room->forgotten_count; i++) {
        uint8_t id[4];

        vr_put32(id, room->forgotten[i]);
        vr_commit_remove(save->put.commit, VR_TABLE_PARTICIPANTS,
                         key_of(room, key, vr_bytes(id, 4)));
    }
    room->forgotten_count = 0;
    for (uint32_t i = 0; room->people_dirty && i < room->people_count; i++) {
        if (room->people[i]->dirty) {
            save_person(save, room->people[i]);
        }
    }
    room->people_dirty = false;
}

static void save_ban(struct save *save, struct ban *ban)
{
    Vr__BanRecord record = VR__BAN_RECORD__INIT;
    struct vr_id user = {0};
    struct vr_id by = {0};
    struct vr_buf name = {0};
    struct vr_buf reason = {0};
    struct vr_buf by_name = {0};
    uint8_t id[16], ref[16], by_ref[16], address[16];
    uint8_t key[32];

    vr_id_put(id, ban->id);
    record.id = (ProtobufCBinaryData){16, id};
    if (!vr_id_is_zero(ban->address_ref)) {
        vr_id_put(address, ban->address_ref);
        record.address_ref = (ProtobufCBinaryData){16, address};
    }
    (void)put_ref(&save->put, ban->user, &user, ref);
    record.name = put_sealed(&save->put, user, ban->name, &name);
    record.reason = put_sealed(&save->put, user, ban->reason, &reason);
    record.by_ref = put_ref(&save->put, ban->by_user, &by, by_ref);
    record.by_name = put_sealed(&save->put, by, ban->by_name, &by_name);
    record.at = ban->at_wall;
    record.until = ban->until_wall;
    vr_id_put(ref, ban->user_ref);
    put_message(&save->put, VR_TABLE_BANS, key_of(save->room, key, vr_bytes(ref, 16)),
                &record.base);
    vr_buf_deinit(&name);
    vr_buf_deinit(&reason);
    vr_buf_deinit(&by_name);
    ban->dirty = false;
}

static void save_bans(struct save *save)
{
    struct vr_room *room = save->room;
    uint8_t key[32];

    for (uint32_t i = 0; i < room->unbanned_count; i++) {
        uint8_t ref[16];

        vr_id_put(ref, room->unbanned[i]);
        vr_commit_remove_durable(save->put.commit, VR_TABLE_BANS,
                                 key_of(room, key, vr_bytes(ref, 16)));
    }
    room->unbanned_count = 0;
    for (uint32_t i = 0; room->bans_dirty && i < room->ban_count; i++) {
        if (room->bans[i].dirty) {
            save_ban(save, &room->bans[i]);
        }
    }
    room->bans_dirty = false;
}

static void save_answer(struct save *save, struct remembered *kept)
{
    Vr__AnswerRecord record = VR__ANSWER_RECORD__INIT;
    uint8_t id[16];
    uint8_t key[32];

    record.number = kept->number;
    record.by = kept->by;
    record.kind = (char *)(uintptr_t)vr_command_name(kept->kind);
    record.epoch = kept->answer.epoch;
    record.sequence = kept->answer.sequence;
    record.revision = kept->answer.revision;
    record.participant = kept->answer.participant;
    record.generation = kept->answer.generation;
    record.role = kept->answer.role;
    record.subject = kept->subject;
    record.order = kept->order;
    if (kept->kind == VR_CMD_MUTE_ALL) {
        record.body = put_binary(vr_blob_bytes(kept->answer.body));
    }
    vr_id_put(id, kept->command);
    put_message(&save->put, VR_TABLE_COMMANDS, key_of(save->room, key, vr_bytes(id, 16)),
                &record.base);
    kept->dirty = false;
}

static void save_memory(struct save *save)
{
    struct vr_room *room = save->room;
    uint8_t key[32];

    for (uint32_t i = 0; i < room->unremembered_count; i++) {
        uint8_t id[16];

        vr_id_put(id, room->unremembered[i]);
        vr_commit_remove(save->put.commit, VR_TABLE_COMMANDS, key_of(room, key, vr_bytes(id, 16)));
    }
    room->unremembered_count = 0;
    for (uint32_t i = 0; room->memory_dirty && i < VR_REMEMBERED_MAX; i++) {
        if (room->memory[i] != NULL && room->memory[i]->dirty) {
            save_answer(save, room->memory[i]);
        }
    }
    room->memory_dirty = false;
}

enum vr_err vr_room_save(struct vr_room *room, const struct vr_effects *effects,
                         const struct vr_vault *vault, struct vr_commit *commit)
{
    struct save save = {{vault, commit, VR_OK}, room};

    for (uint32_t i = 0; i < effects->audit_count && save.put.err == VR_OK; i++) {
        const struct vr_audit *entry = &effects->audits[i];

        save.put.err = vr_audit_put(commit, vault, room->id, entry, room->counters.audit_head);
        if (save.put.err == VR_OK && !vr_id_is_zero(entry->report)) {
            save.put.err = report_put(room, entry, vault, commit);
        }
    }
    if (room->settings_dirty) {
        save_room(&save);
    }
    save_counters(&save); /* after the audit, whose newest hash stands in it */
    save_people(&save);
    save_bans(&save);
    save_memory(&save);
    if (save.put.err == VR_OK && room->conf.outbox != NULL && atomic_load(room->conf.outbox)) {
        save.put.err = outbox_put(room, effects, vault, commit);
    }
    return save.put.err;
}

void vr_room_save_deletion(const struct vr_room *room, struct vr_commit *commit)
{
    /* clang-format off */
    static const enum vr_table tables[] = {
        VR_TABLE_ROOMS, VR_TABLE_PARTICIPANTS, VR_TABLE_BANS, VR_TABLE_ANALYTICS, VR_TABLE_AUDIT,
        VR_TABLE_COMMANDS, VR_TABLE_GRANTS, VR_TABLE_MARKS,
    };
    /* clang-format on */
    uint8_t key[16];

    vr_id_put(key, room->id);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        bool durable_kind = tables[i] == VR_TABLE_ROOMS || tables[i] == VR_TABLE_BANS ||
                            tables[i] == VR_TABLE_GRANTS;

        if (durable_kind) {
            vr_commit_remove_prefix_durable(commit, tables[i], vr_bytes(key, sizeof(key)));
        } else {
            vr_commit_remove_prefix(commit, tables[i], vr_bytes(key, sizeof(key)));
        }
    }
}
