/* room_json.c - a room's state as JSON: docs/protocol.md has the shapes. */
#include <stdio.h>

#include "actors/room/face.h"
#include "actors/room/state.h"
#include "actors/wire/client_json.h"

#define ON_STAGE_MAX 8

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

static bool talks(const vr_participant_id *talking, uint32_t count, vr_participant_id who)
{
    for (uint32_t i = 0; i < count; i++) {
        if (talking[i] == who) {
            return true;
        }
    }
    return false;
}

static void json_on_stage(const struct person *person, bool speaking, struct vr_buf *out)
{
    vr_buf_printf(out, "{\"participant\":%u,\"name\":", person->id);
    vr_json_text(out, person->name);
    vr_buf_printf(out, ",\"role\":\"%s\"%s}", vr_role_name(person->role),
                  speaking ? ",\"speaking\":true" : "");
}

void vr_room_stage_live_json(const struct vr_room *room, const vr_participant_id *talking,
                             uint32_t count, struct vr_buf *out)
{
    int shown = 0;

    vr_buf_text(out, "[");
    for (int speaking = count > 0; speaking >= 0; speaking--) {
        for (int role = VR_ROLE_HOST; role > VR_ROLE_LISTENER; role--) {
            for (uint32_t i = 0; i < room->people_count && shown < ON_STAGE_MAX; i++) {
                const struct person *person = room->people[i];

                if (person_listed(person) && (int)person->role == role &&
                    talks(talking, count, person->id) == (speaking == 1)) {
                    vr_buf_text(out, shown++ == 0 ? "" : ",");
                    json_on_stage(person, speaking == 1, out);
                }
            }
        }
    }
    vr_buf_text(out, "]");
}

void vr_room_on_stage_json(const struct vr_room *room, struct vr_buf *out)
{
    vr_room_stage_live_json(room, NULL, 0, out);
}

static void json_face(const struct vr_room *room, struct vr_buf *out)
{
    const struct settings *settings = &room->settings;
    const struct vr_room_face face = {
        .title = settings->title,
        .topic = settings->topic,
        .description = settings->description,
        .language = settings->language,
        .end_reason = room->end_reason,
        .tags = settings->tags,
        .tag_count = settings->tag_count,
        .visibility = settings->visibility,
        .phase = room->phase,
        .locked = settings->locked,
        .has_passcode = settings->has_passcode,
        .capacity = settings->capacity,
        .speaker_capacity = settings->speaker_capacity,
        .slow_hand_s = settings->slow_hand_s,
        .entry = settings->entry,
        .created_wall = room->created_wall,
        .starts_wall = settings->starts_at_wall,
        .started_wall = room->started_wall,
        .ended_wall = room->ended_wall,
    };

    vr_room_face_json(&face, out);
}

void json_room(const struct vr_room *room, struct vr_buf *out)
{
    struct vr_room_counts counts = vr_room_counts(room);
    const struct person *host = host_of(room);
    char id[VR_ID_TEXT];

    vr_buf_printf(out, "{\"id\":\"%s\"", vr_id_format(room->id, id));
    json_face(room, out);
    vr_buf_text(out, ",\"host\":{\"participant\":");
    if (host != NULL && person_present(host)) {
        vr_buf_printf(out, "%u", host->id);
    } else {
        vr_buf_text(out, "null");
    }
    vr_json_member_text(out, "name", host != NULL ? host->name : room->creator_name);
    vr_buf_printf(out,
                  "},\"revision\":%llu,\"counts\":{\"participants\":%u,\"speakers\":%u,"
                  "\"listeners\":%u,\"hands\":%u},\"on_stage\":",
                  (unsigned long long)room->revision, counts.participants, counts.speakers,
                  counts.participants - counts.speakers, counts.hands);
    vr_room_on_stage_json(room, out);
    vr_buf_text(out, "}");
}

static void json_pair(struct vr_buf *out, const char *name, const char *value)
{
    vr_buf_text(out, name);
    vr_buf_text(out, value);
}

/* Written for everybody at each join of a room that lists all: no printf here. */
void json_person(const struct vr_room *room, const struct person *person, bool with_user,
                 struct vr_buf *out)
{
    uint32_t position = hand_position(room, person);

    vr_buf_text(out, "{\"participant\":");
    vr_buf_unsigned(out, person->id);
    vr_json_member_text(out, "name", person->name);
    if (with_user) {
        vr_json_member_text(out, "user", person->user);
    }
    json_pair(out, ",\"role\":\"", vr_role_name(person->role));
    json_pair(out, "\",\"creator\":", yes(person->creator));
    json_pair(out, ",\"guest\":", yes(person->guest));
    json_pair(out, ",\"muted\":", yes(person->muted_by_self || person->muted_by_moderator));
    json_pair(out, ",\"muted_by_self\":", yes(person->muted_by_self));
    json_pair(out, ",\"muted_by_moderator\":", yes(person->muted_by_moderator));
    vr_buf_text(out, ",\"mute_version\":");
    vr_buf_unsigned(out, person->mute_version);
    json_pair(out, ",\"state\":\"", person->presence == PERSON_LIVE ? "live" : "reconnecting");
    vr_buf_text(out, "\",\"hand\":");
    if (position == 0) {
        vr_buf_text(out, "null");
    } else {
        vr_buf_printf(out, "{\"position\":%u,\"raised_at\":", position);
        vr_json_time(out, person->hand_wall);
        vr_buf_text(out, "}");
    }
    json_pair(out, ",\"invited\":", yes(person->invited_until_wall != 0));
    vr_json_member_time(out, "joined_at", person->joined_wall);
    vr_buf_text(out, "}");
}

uint32_t json_people(const struct vr_room *room, bool with_user, vr_participant_id after,
                     uint32_t limit, struct vr_buf *out)
{
    uint32_t count = 0;

    vr_buf_text(out, "[");
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (!person_listed(room->people[i]) || room->people[i]->id <= after) {
            continue;
        }
        if (limit != 0 && count == limit) {
            vr_buf_text(out, "]");
            return room->people[i]->id;
        }
        vr_buf_text(out, count++ == 0 ? "" : ",");
        json_person(room, room->people[i], with_user, out);
    }
    vr_buf_text(out, "]");
    return 0;
}

/* Whom clients hold in their list, and `self` in any case. */
static void json_shown(const struct vr_room *room, bool with_user, const struct person *self,
                       struct vr_buf *out)
{
    const char *comma = "";

    vr_buf_text(out, "[");
    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (person_shown(room, person) ||
            (self != NULL && person == self && person_listed(person))) {
            vr_buf_text(out, comma);
            json_person(room, person, with_user, out);
            comma = ",";
        }
    }
    vr_buf_text(out, "]");
}

void json_hand(const struct person *person, uint32_t position, struct vr_buf *out)
{
    vr_buf_printf(out, "{\"participant\":%u", person->id);
    vr_json_member_text(out, "name", person->name);
    vr_buf_printf(out, ",\"position\":%u", position);
    vr_json_member_time(out, "raised_at", person->hand_wall);
    vr_buf_text(out, "}");
}

void json_hands(const struct vr_room *room, struct vr_buf *out)
{
    vr_buf_text(out, "[");
    for (uint32_t i = 0; i < room->hand_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        json_hand(room->hands[i], i + 1, out);
    }
    vr_buf_text(out, "]");
}

void json_snapshot(const struct vr_room *room, bool with_user, const struct person *self,
                   struct vr_buf *out)
{
    vr_buf_text(out, "\"room\":");
    json_room(room, out);
    vr_buf_text(out, ",\"participants\":");
    json_shown(room, with_user, self, out);
    audience_json(room, out);
    vr_buf_text(out, ",\"hands\":");
    json_hands(room, out);
    vr_buf_printf(out, ",\"epoch\":%llu,\"sequence\":%llu,\"digest\":\"%016llx\"",
                  (unsigned long long)room->epoch, (unsigned long long)room->counters.sequence,
                  (unsigned long long)vr_room_digest(room));
}

void vr_room_snapshot_json(const struct vr_room *room, bool for_moderators, struct vr_buf *out)
{
    vr_buf_text(out, "{");
    json_snapshot(room, for_moderators, NULL, out);
    vr_buf_text(out, "}");
}

void vr_room_state_json(const struct vr_room *room, struct vr_buf *out)
{
    vr_buf_text(out, "{\"type\":\"room:state\",");
    json_snapshot(room, false, NULL, out);
    vr_buf_text(out, "}");
}

void json_ban(const struct ban *ban, struct vr_buf *out)
{
    char id[VR_ID_TEXT];

    vr_buf_printf(out, "{\"id\":\"%s\"", vr_id_format(ban->id, id));
    if (ban->user[0] != 0) {
        vr_json_member_text(out, "user", ban->user);
    }
    vr_json_member_text(out, "name", ban->name);
    vr_buf_printf(out, ",\"by_address\":%s", yes(!vr_id_is_zero(ban->address_ref)));
    vr_json_member_text(out, "reason", ban->reason);
    vr_json_member_text(out, "by", ban->by_name);
    vr_json_member_time(out, "at", ban->at_wall);
    vr_json_member_time(out, "until", ban->until_wall);
    vr_buf_text(out, "}");
}

void json_bans(const struct vr_room *room, struct vr_buf *out)
{
    vr_buf_text(out, "{\"bans\":[");
    for (uint32_t i = 0; i < room->ban_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        json_ban(&room->bans[i], out);
    }
    vr_buf_text(out, "]}");
}
