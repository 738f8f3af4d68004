#include "actors/room/outbox.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/records_put.h"
#include "actors/room/state.h"
#include "actors/wire/client_json.h"

#define REFS_MAX 4

/* clang-format off */
/* What is told, and as what: the type of Standard Webhooks has dots and underscores only. */
static const struct {
    const char *event;
    const char *type;
} events[] = {
    {"room:participant-joined", "room.participant_joined"},
    {"room:participant-left",   "room.participant_left"},
    {"room:role-changed",       "room.role_changed"},
    {"room:muted",              "room.participant_muted"},
    {"room:unmuted",            "room.participant_unmuted"},
    {"room:hand-raised",        "room.hand_raised"},
    {"room:hand-lowered",       "room.hand_lowered"},
    {"room:updated",            "room.updated"},
    {"room:ended",              "room.ended"},
};
static const struct {
    const char *act;
    const char *type;
} acts[] = {
    {"room:kick",   "moderation.kicked"},
    {"room:ban",    "moderation.banned"},
    {"room:unban",  "moderation.unbanned"},
    {"room:report", "moderation.reported"},
};
/* clang-format on */

struct out {
    const struct vr_room *room;
    struct put put;
    uint64_t epoch;
    uint64_t sequence;
    uint16_t n; /* several rows of one sequence */
    vr_time_us at;
    uint32_t people[REFS_MAX];
    uint8_t refs[REFS_MAX * 16];
    size_t count;
};

/* The number, and beside it whose it is. */
static void person_of(struct out *out, vr_participant_id id)
{
    const struct person *person = id == 0 ? NULL : person_by_id(out->room, id);
    struct vr_id ref = {0};

    if (person == NULL || out->count == REFS_MAX) {
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (out->people[i] == id) {
            return;
        }
    }
    if (put_ref(&out->put, person->user, &ref, out->refs + out->count * 16).len == 16) {
        out->people[out->count++] = id;
    }
}

static void row_put(struct out *out, const char *type, json_t *data)
{
    Vr__OutboxRecord record = VR__OUTBOX_RECORD__INIT;
    char *text = data == NULL ? NULL : json_dumps(data, JSON_COMPACT);
    uint8_t key[VR_OUTBOX_EVENT_KEY] = {0};

    if (text == NULL) {
        out->put.err = out->put.err == VR_OK ? VR_E_NO_MEMORY : out->put.err;
        return;
    }
    record.type = (char *)(uintptr_t)type;
    record.at = out->at;
    record.created = out->at;
    record.data = text;
    record.participants = out->people;
    record.n_participants = out->count;
    record.refs = put_binary(vr_bytes(out->refs, out->count * 16));
    vr_id_put(key + 1, out->room->id);
    vr_put64(key + 17, out->epoch);
    vr_put64(key + 25, out->sequence);
    vr_put16(key + 33, out->n++);
    put_message(&out->put, VR_TABLE_OUTBOX, vr_bytes(key, sizeof(key)), &record.base);
    free(text);
    out->count = 0;
}

static json_t *data_of(const struct out *out)
{
    char id[VR_ID_TEXT];

    return json_pack("{s:s, s:I, s:I}", "room", vr_id_format(out->room->id, id), "epoch",
                     (json_int_t)out->epoch, "sequence", (json_int_t)out->sequence);
}

/* The room as far as it names nobody. */
static void tell_room(const struct out *out, json_t *data)
{
    const struct vr_room *room = out->room;

    json_object_set_new(data, "title", json_string(room->settings.title));
    json_object_set_new(data, "phase", json_string(vr_phase_name(room->phase)));
    json_object_set_new(data, "visibility",
                        json_string(vr_visibility_name(room->settings.visibility)));
    json_object_set_new(data, "locked", json_boolean(room->settings.locked));
}

static void tell_number(struct out *out, json_t *data, const char *name, vr_participant_id id)
{
    json_object_set_new(data, name, id == 0 ? json_null() : json_integer(id));
    person_of(out, id);
}

/* Only these members are carried over: words of ours and numbers, no text that somebody wrote. */
static void from_event(struct out *out, const char *type, const json_t *event)
{
    json_t *data = data_of(out);
    const json_t *person = json_object_get(event, "participant");
    const json_t *who = json_is_object(person) ? json_object_get(person, "participant")
                                               : json_object_get(event, "who");

    if (json_is_integer(who)) {
        tell_number(out, data, "participant", (vr_participant_id)json_integer_value(who));
    }
    if (json_is_object(person)) {
        json_object_set(data, "role", json_object_get(person, "role"));
    }
    if (json_is_true(json_object_get(event, "returned"))) {
        json_object_set_new(data, "returned", json_true());
    }
    if (json_object_get(event, "by") != NULL) {
        tell_number(out, data, "by",
                    (vr_participant_id)json_integer_value(json_object_get(event, "by")));
    }
    if (json_is_string(json_object_get(event, "from"))) {
        json_object_set(data, "from", json_object_get(event, "from"));
    }
    if (json_is_integer(json_object_get(event, "who")) &&
        json_is_string(json_object_get(event, "reason"))) { /* one of a few words */
        json_object_set(data, "reason", json_object_get(event, "reason"));
    }
    if (strcmp(type, "room.updated") == 0 || strcmp(type, "room.ended") == 0) {
        tell_room(out, data);
    }
    row_put(out, type, data);
    json_decref(data);
}

static void event_put(struct out *out, const struct vr_effect *effect)
{
    struct vr_bytes text = vr_blob_bytes(effect->as.event.json);
    json_t *event = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "type"));

    for (size_t i = 0; name != NULL && i < sizeof(events) / sizeof(events[0]); i++) {
        if (strcmp(name, events[i].event) == 0) {
            if (effect->as.event.sequence != out->sequence) {
                out->sequence = effect->as.event.sequence;
                out->n = 0;
            }
            from_event(out, events[i].type, event);
        }
    }
    json_decref(event);
}

static void act_put(struct out *out, const struct vr_audit *entry)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(entry->act, acts[i].act) == 0) {
            json_t *data = data_of(out);
            char id[VR_ID_TEXT];

            /* An act raises no sequence: it stands behind the events of the one it found. */
            out->n = (uint16_t)(0x8000 | (entry->number & 0x7fff));
            tell_number(out, data, "participant", entry->target);
            tell_number(out, data, "by", entry->by);
            if (!vr_id_is_zero(entry->report)) {
                json_object_set_new(data, "report", json_string(vr_id_format(entry->report, id)));
            }
            row_put(out, acts[i].type, data);
            json_decref(data);
        }
    }
}

enum vr_err outbox_put(const struct vr_room *room, const struct vr_effects *effects,
                       const struct vr_vault *vault, struct vr_commit *commit)
{
    struct out out = {.room = room,
                      .put = {vault, commit, VR_OK},
                      .epoch = room->epoch,
                      .sequence = room->counters.sequence,
                      .at = effects->at_wall};

    if (effects->created) {
        json_t *data = data_of(&out);

        tell_room(&out, data);
        row_put(&out, "room.created", data);
        json_decref(data);
    }
    for (uint32_t i = 0; i < effects->count && out.put.err == VR_OK; i++) {
        if (effects->items[i].kind == VR_EFFECT_EVENT && effects->items[i].as.event.only == 0) {
            event_put(&out, &effects->items[i]);
        }
    }
    for (uint32_t i = 0; i < effects->audit_count && out.put.err == VR_OK; i++) {
        act_put(&out, &effects->audits[i]);
    }
    return out.put.err;
}

enum vr_err report_put(const struct vr_room *room, const struct vr_audit *entry,
                       const struct vr_vault *vault, struct vr_commit *commit)
{
    struct put put = {vault, commit, VR_OK};
    Vr__ReportRecord record = VR__REPORT_RECORD__INIT;
    struct vr_id by = {0};
    struct vr_id target = {0};
    struct vr_buf texts[3] = {{0}};
    uint8_t key[16], room_id[16], by_ref[16], target_ref[16];

    vr_id_put(room_id, room->id);
    record.room = put_binary(vr_bytes(room_id, 16));
    record.at = entry->at_wall;
    record.by_ref = put_ref(&put, entry->by_user, &by, by_ref);
    record.by_name = put_sealed(&put, by, entry->by_name, &texts[0]);
    record.by_participant = entry->by;
    record.target_ref = put_ref(&put, entry->target_user, &target, target_ref);
    record.target_name = put_sealed(&put, target, entry->target_name, &texts[1]);
    record.target_participant = entry->target;
    record.reason = put_sealed(&put, target, entry->reason, &texts[2]);
    record.request_id = (char *)(uintptr_t)entry->request_id;
    vr_id_put(key, entry->report);
    put_message(&put, VR_TABLE_REPORTS, vr_bytes(key, 16), &record.base);
    for (size_t i = 0; i < 3; i++) {
        vr_buf_deinit(&texts[i]);
    }
    return put.err;
}
