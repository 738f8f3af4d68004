/* events.c - effects of a step: events as JSON, subscriptions, gates, audit lines. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/room/state.h"
#include "actors/wire/client_json.h"

void vr_effects_deinit(struct vr_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->items[i].kind == VR_EFFECT_EVENT) {
            vr_blob_release(effects->items[i].as.event.json);
        }
    }
    free(effects->items);
    free(effects->audits);
    *effects = (struct vr_effects){0};
}

/* Room for one more; NULL marks the effects as failed. */
static struct vr_effect *add(struct vr_effects *effects)
{
    if (effects->count == effects->capacity) {
        uint32_t capacity = effects->capacity == 0 ? 8 : effects->capacity * 2;
        struct vr_effect *items = realloc(effects->items, capacity * sizeof(*items));

        if (items == NULL) {
            effects->failed = true;
            return NULL;
        }
        effects->items = items;
        effects->capacity = capacity;
    }
    effects->items[effects->count] = (struct vr_effect){0};
    return &effects->items[effects->count++];
}

/* A change has a place of its own, but not one that a copy makes: the place is the owner's to give.
 */
void take_place(struct step *step)
{
    if (!step->room->conf.provisional) {
        step->room->counters.sequence++;
    }
    durable(step);
}

static const char *place_mark(const struct step *step)
{
    return step->room->conf.provisional ? ",\"provisional\":true" : "";
}

struct event event_begin(struct step *step, const char *type, bool state)
{
    struct event event = {0};
    struct vr_room *room = step->room;
    char id[VR_ID_TEXT];

    if (state) {
        take_place(step);
    }
    vr_buf_printf(&event.json,
                  "{\"type\":\"%s\",\"room\":\"%s\",\"epoch\":%llu,\"sequence\":%llu%s", type,
                  vr_id_format(room->id, id), (unsigned long long)room->epoch,
                  (unsigned long long)room->counters.sequence, place_mark(step));
    return event;
}

struct event event_begin_updated(struct step *step)
{
    struct event event = {0};
    struct vr_room *room = step->room;

    take_place(step);
    vr_buf_printf(&event.json,
                  "{\"type\":\"room:updated\",\"epoch\":%llu,\"sequence\":%llu%s,\"room\":",
                  (unsigned long long)room->epoch, (unsigned long long)room->counters.sequence,
                  place_mark(step));
    json_room(room, &event.json);
    return event;
}

void event_text(struct event *event, const char *name, const char *value)
{
    vr_buf_printf(&event->json, ",\"%s\":", name);
    if (value == NULL) {
        vr_buf_text(&event->json, "null");
    } else {
        vr_json_text(&event->json, value);
    }
}

void event_number(struct event *event, const char *name, uint64_t value)
{
    vr_buf_printf(&event->json, ",\"%s\":%llu", name, (unsigned long long)value);
}

void event_id(struct event *event, const char *name, vr_participant_id id)
{
    if (id == 0) {
        event_text(event, name, NULL);
    } else {
        event_number(event, name, id);
    }
}

void event_person(struct step *step, struct event *event, const struct person *person)
{
    vr_buf_text(&event->json, ",\"participant\":");
    json_person(step->room, person, false, &event->json);
}

struct vr_blob *json_blob(struct step *step, struct vr_buf *buf)
{
    struct vr_blob *blob = buf->failed ? NULL : vr_blob_new(vr_buf_bytes(buf));

    if (blob == NULL) {
        step->effects->failed = true;
    }
    vr_buf_deinit(buf);
    return blob;
}

static void send_blob(struct step *step, struct vr_blob *json, vr_participant_id only)
{
    struct vr_effect *effect = json == NULL ? NULL : add(step->effects);

    if (effect != NULL) {
        effect->kind = VR_EFFECT_EVENT;
        effect->as.event.sequence = step->room->counters.sequence;
        effect->as.event.only = only;
        effect->as.event.json = vr_blob_retain(json);
    }
}

void event_send(struct step *step, struct event *event, vr_participant_id only)
{
    event_send_last(step, event, only, true);
    if (step->effects->count > 0 && !step->effects->failed) {
        step->effects->items[step->effects->count - 1].as.event.last = false;
        step->effects->items[step->effects->count - 1].as.event.media_goes_on = false;
    }
}

void event_send_last(struct step *step, struct event *event, vr_participant_id only, bool media)
{
    struct vr_blob *json;

    vr_buf_text(&event->json, "}");
    json = json_blob(step, &event->json);
    send_blob(step, json, only);
    if (json != NULL && !step->effects->failed) {
        step->effects->items[step->effects->count - 1].as.event.last = true;
        step->effects->items[step->effects->count - 1].as.event.media_goes_on = media;
    }
    vr_blob_release(json);
}

void event_send_moderators(struct step *step, struct event *event, vr_participant_id one)
{
    struct vr_blob *json;

    vr_buf_text(&event->json, "}");
    json = json_blob(step, &event->json);
    send_blob(step, json, one);
    for (uint32_t i = 0; i < step->room->people_count; i++) {
        const struct person *person = step->room->people[i];

        if (person->presence == PERSON_LIVE && person->role >= VR_ROLE_MODERATOR &&
            person->id != one) {
            send_blob(step, json, person->id);
        }
    }
    vr_blob_release(json);
}

void effect_subscribe(struct step *step, const struct person *person)
{
    struct vr_effect *effect = add(step->effects);

    if (effect != NULL) {
        effect->kind = VR_EFFECT_SUBSCRIBE;
        effect->as.subscriber.participant = person->id;
        effect->as.subscriber.generation = person->generation;
        effect->as.subscriber.session = person->session;
        effect->as.subscriber.shard = person->shard;
    }
}

void effect_unsubscribe(struct step *step, vr_participant_id participant, bool gone)
{
    struct vr_effect *effect = add(step->effects);

    if (effect != NULL) {
        effect->kind = VR_EFFECT_UNSUBSCRIBE;
        effect->as.subscriber.participant = participant;
        effect->as.subscriber.gone = gone;
    }
}

void effect_gate(struct step *step, const struct vr_effect *gate)
{
    struct vr_effect *effect = add(step->effects);

    if (effect != NULL) {
        *effect = *gate;
    }
}

void durable(struct step *step)
{
    step->effects->durable = true;
    step->effects->summary = true;
}

static struct vr_audit *add_audit(struct vr_effects *effects)
{
    if (effects->audit_count == effects->audit_capacity) {
        uint32_t capacity = effects->audit_capacity == 0 ? 1 : effects->audit_capacity * 2;
        struct vr_audit *audits = realloc(effects->audits, capacity * sizeof(*audits));

        if (audits == NULL) {
            effects->failed = true;
            return NULL;
        }
        effects->audits = audits;
        effects->audit_capacity = capacity;
    }
    effects->audits[effects->audit_count] = (struct vr_audit){0};
    return &effects->audits[effects->audit_count++];
}

void audit(struct step *step, const char *act, const char *target_user, const char *target_name,
           const char *reason)
{
    struct vr_audit *entry = add_audit(step->effects);

    if (entry == NULL) {
        return;
    }
    durable(step);
    entry->number = ++step->room->counters.audits;
    entry->at_wall = step->at.wall;
    entry->act = act;
    entry->epoch = step->room->epoch;
    entry->sequence = step->room->counters.sequence;
    entry->by = self_id(step);
    entry->target = step->target != NULL ? step->target->id : 0;
    if (step->cmd != NULL) {
        const struct vr_actor_identity *by = &step->cmd->by;
        const char *name = step->self != NULL && by->name[0] == 0 ? step->self->name : by->name;

        snprintf(entry->by_user, sizeof(entry->by_user), "%s",
                 by->user[0] == 0 && step->self != NULL ? step->self->user : by->user);
        snprintf(entry->by_name, sizeof(entry->by_name), "%s", name);
        snprintf(entry->request_id, sizeof(entry->request_id), "%s", step->cmd->request_id);
    }
    snprintf(entry->target_user, sizeof(entry->target_user), "%s", target_user ? target_user : "");
    snprintf(entry->target_name, sizeof(entry->target_name), "%s", target_name ? target_name : "");
    snprintf(entry->reason, sizeof(entry->reason), "%s", reason ? reason : "");
}
