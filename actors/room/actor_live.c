/* actor_live.c - what changes all the time and is kept nowhere: who speaks now, and the room's line
 * in the list of rooms. */
#include <string.h>

#include "actors/room/actor_state.h"

#define SPEAKERS_SHOWN 16

void speakers_heard(struct room_actor *self, const struct vr_msg *msg)
{
    uint32_t count = msg->as.speakers.count;

    if (msg->from.kind != VR_ACTOR_SHARD || count > VR_SPOKE_MAX) {
        return;
    }
    for (uint32_t s = 0; s < self->shard_count; s++) {
        struct told_shard *shard = &self->shards[s];

        if (shard->number != msg->from.sub) {
            continue;
        }
        shard->heard_at = vr_actor_now(self->actor);
        shard->speaker_count = count;
        memcpy(shard->speakers, msg->as.speakers.items, count * sizeof(shard->speakers[0]));
        for (uint32_t i = 0; i < count; i++) {
            vr_room_spoke(self->room, shard->speakers[i].participant, shard->speakers[i].spoke_ms);
        }
        if (self->speakers_due == VR_NEVER) {
            self->speakers_due = self->speakers_at + SPEAKERS_GAP;
        }
    }
}

/* Insert by level, the loudest first; the quietest falls off a full list. */
static uint32_t insert(struct vr_speaker *list, uint32_t count, const struct vr_speaker *speaker)
{
    uint32_t place = count;

    while (place > 0 && list[place - 1].level > speaker->level) {
        place--;
    }
    if (place == SPEAKERS_SHOWN) {
        return count;
    }
    if (count == SPEAKERS_SHOWN) {
        count--;
    }
    memmove(&list[place + 1], &list[place], (count - place) * sizeof(*list));
    list[place] = *speaker;
    return count + 1;
}

static uint32_t merge(struct room_actor *self, vr_time_us now, struct vr_speaker *list)
{
    uint32_t count = 0;

    for (uint32_t s = 0; s < self->shard_count; s++) {
        const struct told_shard *shard = &self->shards[s];

        for (uint32_t i = 0; i < shard->speaker_count; i++) {
            const struct vr_speaker *speaker = &shard->speakers[i];
            const struct told_person *told = told_find(self, speaker->participant);

            if (now - shard->heard_at < SPEAKERS_STALE && speaker->level < 127 && told != NULL &&
                told->may_send) {
                count = insert(list, count, speaker);
            }
        }
    }
    return count;
}

static void write_speakers(struct room_actor *self, const struct vr_speaker *list, uint32_t count)
{
    struct vr_buf text = {0};
    struct vr_blob *json;
    char id[VR_ID_TEXT];

    vr_buf_printf(&text,
                  "{\"type\":\"room:active-speakers\",\"room\":\"%s\",\"epoch\":%llu,"
                  "\"sequence\":%llu,\"speakers\":[",
                  vr_id_format(vr_room_id(self->room), id),
                  (unsigned long long)vr_room_epoch(self->room),
                  (unsigned long long)self->sequence_told);
    for (uint32_t i = 0; i < count; i++) {
        vr_buf_printf(&text, "%s{\"participant\":%u,\"level\":%u}", i == 0 ? "" : ",",
                      list[i].participant, list[i].level);
    }
    vr_buf_text(&text, "]}");
    json = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (json != NULL) {
        told_to_all(self, json);
        vr_blob_release(json);
    }
}

/* Who has spoken in the last seconds, for the list of rooms: words have pauses, and a list that
 * changes with each is none. */
static uint32_t talking(const struct room_actor *self, vr_time_us now,
                        vr_participant_id out[TALKERS_SHOWN])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < TALKERS_SHOWN; i++) {
        if (self->talkers[i].who != 0 && now - self->talkers[i].at < TALKED_FOR) {
            out[count++] = self->talkers[i].who;
        }
    }
    return count;
}

static void note_talker(struct room_actor *self, vr_participant_id who, vr_time_us now)
{
    struct talker *place = &self->talkers[0];

    for (uint32_t i = 0; i < TALKERS_SHOWN; i++) {
        if (self->talkers[i].who == who) {
            place = &self->talkers[i];
            break;
        }
        if (self->talkers[i].at < place->at) {
            place = &self->talkers[i];
        }
    }
    *place = (struct talker){who, now};
}

/* True while somebody has spoken lately: then it is looked at again. */
static bool note_talkers(struct room_actor *self, const struct vr_speaker *list, uint32_t count,
                         vr_time_us now)
{
    vr_participant_id who[TALKERS_SHOWN];
    uint64_t hash = 0;
    uint32_t talkers;

    for (uint32_t i = 0; i < count && i < TALKERS_SHOWN && list[i].level < TALKING_LEVEL; i++) {
        note_talker(self, list[i].participant, now);
    }
    talkers = talking(self, now, who);
    for (uint32_t i = 0; i < talkers; i++) {
        hash += (who[i] + 1) * 0x9e3779b97f4a7c15ull;
    }
    if (hash != self->talkers_hash) {
        self->talkers_hash = hash;
        if (self->summary_due == VR_NEVER) {
            self->summary_due = self->summary_at + TALKERS_GAP;
        }
    }
    return talkers > 0;
}

void speakers_tick(struct room_actor *self)
{
    vr_time_us now = vr_actor_now(self->actor);
    struct vr_speaker list[SPEAKERS_SHOWN + 1];
    uint64_t hash = 0;
    uint32_t count;
    bool lately;

    if (now < self->speakers_due) {
        return;
    }
    count = merge(self, now, list);
    for (uint32_t i = 0; i < count; i++) { /* levels in steps of 6 dB: not every breath is news */
        hash += ((uint64_t)list[i].participant << 8 | list[i].level / 6) * 0x9e3779b97f4a7c15ull;
    }
    if (hash != self->speakers_hash) {
        self->speakers_hash = hash;
        self->speakers_at = now;
        write_speakers(self, list, count);
    }
    lately = note_talkers(self, list, count, now);
    self->speakers_due = count > 0 || lately ? now + SPEAKERS_STALE : VR_NEVER;
}

static void send_summary(struct room_actor *self, bool live)
{
    struct vr_room_counts counts = vr_room_counts(self->room);
    struct vr_msg msg = {.kind = VR_MSG_SUMMARY, .to = {.kind = VR_ACTOR_LOBBY}};
    struct vr_buf text = {0};
    vr_participant_id who[TALKERS_SHOWN];

    msg.as.summary.room = vr_room_id(self->room);
    msg.as.summary.live = live;
    if (live) {
        msg.as.summary.participants = counts.participants;
        msg.as.summary.speakers = counts.speakers;
        msg.as.summary.hands = counts.hands;
        vr_room_stage_live_json(self->room, who, talking(self, vr_actor_now(self->actor), who),
                                &text);
        msg.as.summary.json = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
        vr_buf_deinit(&text);
    }
    actor_send(self, &msg);
}

void summary_tick(struct room_actor *self)
{
    vr_time_us now = vr_actor_now(self->actor);

    if (now >= self->summary_due) {
        self->summary_at = now;
        self->summary_due = VR_NEVER;
        send_summary(self, true);
    }
}

void summary_gone(struct room_actor *self)
{
    self->summary_due = VR_NEVER;
    send_summary(self, false);
}
