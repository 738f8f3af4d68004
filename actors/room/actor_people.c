/* actor_people.c - who was told what: subscribers in order of their participant ids. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/actor_state.h"

static uint32_t place_of(const struct room_actor *self, vr_participant_id participant)
{
    uint32_t low = 0;
    uint32_t high = self->people_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (self->people[middle].participant < participant) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct told_person *told_find(struct room_actor *self, vr_participant_id participant)
{
    uint32_t place = place_of(self, participant);

    return place < self->people_count && self->people[place].participant == participant
               ? &self->people[place]
               : NULL;
}

static struct told_person *told_add(struct room_actor *self, vr_participant_id participant)
{
    uint32_t place = place_of(self, participant);

    if (self->people_count == self->people_capacity) {
        uint32_t capacity = self->people_capacity == 0 ? 16 : self->people_capacity * 2;
        struct told_person *people = realloc(self->people, capacity * sizeof(*people));

        if (people == NULL) {
            return NULL;
        }
        self->people = people;
        self->people_capacity = capacity;
    }
    memmove(&self->people[place + 1], &self->people[place],
            (self->people_count - place) * sizeof(*self->people));
    self->people_count++;
    self->people[place] = (struct told_person){.participant = participant};
    return &self->people[place];
}

static void told_remove(struct room_actor *self, vr_participant_id participant)
{
    uint32_t place = place_of(self, participant);

    if (place < self->people_count && self->people[place].participant == participant) {
        memmove(&self->people[place], &self->people[place + 1],
                (self->people_count - place - 1) * sizeof(*self->people));
        self->people_count--;
    }
}

/* The session of somebody who has come or gone; false: no memory. */
static bool apply(struct room_actor *self, const struct vr_effect *effect)
{
    vr_participant_id participant = effect->as.subscriber.participant;
    struct told_person *told = told_find(self, participant);

    if (effect->kind == VR_EFFECT_UNSUBSCRIBE) {
        if (effect->as.subscriber.gone) {
            told_remove(self, participant);
        } else if (told != NULL) {
            told->session = (struct vr_address){0};
        }
        return true;
    }
    if (told == NULL) {
        told = told_add(self, participant);
    }
    if (told == NULL) {
        return false;
    }
    told->missed = 0;
    told->generation = effect->as.subscriber.generation;
    told->session = effect->as.subscriber.session;
    told->shard = effect->as.subscriber.shard;
    return true;
}

bool told_apply(struct room_actor *self, const struct vr_effect *effect)
{
    self->nodes_old = true;
    return apply(self, effect);
}

bool is_far(const struct room_actor *self, struct vr_address session)
{
    return session.sub != 0 && session.sub != vr_system_node(vr_actor_system(self->actor));
}

static void add_node(struct room_actor *self, uint32_t node)
{
    uint32_t i = 0;

    while (i < self->node_count && self->nodes[i] != node) {
        i++;
    }
    if (i == self->node_count && i < VR_SHARDS_MAX) {
        self->nodes[self->node_count++] = node;
    }
}

/* Where else people are. Somebody whose session is gone stays in: a node too much does no harm. */
static void look_at_nodes(struct room_actor *self)
{
    if (!self->nodes_old) {
        return;
    }
    self->nodes_old = false;
    self->node_count = 0;
    for (uint32_t i = 0; i < self->people_count; i++) {
        struct vr_address session = self->people[i].session;

        if (session.kind == VR_ACTOR_SESSION && is_far(self, session)) {
            add_node(self, session.sub);
        }
    }
}

uint32_t told_nodes(struct room_actor *self)
{
    look_at_nodes(self);
    return self->node_count;
}

static void send_event(struct room_actor *self, struct vr_address to, struct vr_id session,
                       const struct vr_effect *effect)
{
    struct vr_msg msg = {.kind = VR_MSG_EVENT, .to = to};

    msg.as.event.sequence = effect->as.event.sequence;
    msg.as.event.only = effect->as.event.only;
    msg.as.event.last = effect->as.event.last;
    msg.as.event.media_goes_on = effect->as.event.media_goes_on;
    msg.as.event.session = session;
    msg.as.event.json = vr_blob_retain(effect->as.event.json);
    actor_send(self, &msg);
}

/* Through the node's replica, so that one node hears all in the order in which it was sent. */
static void tell_one(struct room_actor *self, struct vr_address session,
                     const struct vr_effect *effect)
{
    if (session.kind != VR_ACTOR_SESSION) {
        return;
    }
    if (is_far(self, session)) {
        send_event(self, vr_replica_address(vr_room_id(self->room), session.sub), session.id,
                   effect);
    } else {
        send_event(self, session, (struct vr_id){0}, effect);
    }
}

void told_event(struct room_actor *self, const struct vr_effect *effect)
{
    if (effect->as.event.only != 0) {
        const struct told_person *told = told_find(self, effect->as.event.only);

        if (told != NULL) {
            tell_one(self, told->session, effect);
        }
        return;
    }
    for (uint32_t i = 0; i < self->people_count; i++) {
        if (!is_far(self, self->people[i].session)) {
            tell_one(self, self->people[i].session, effect);
        }
    }
    look_at_nodes(self);
    for (uint32_t i = 0; i < self->node_count; i++) {
        send_event(self, vr_replica_address(vr_room_id(self->room), self->nodes[i]),
                   (struct vr_id){0}, effect);
    }
}

void told_to_all(struct room_actor *self, struct vr_blob *json)
{
    struct vr_effect effect = {.kind = VR_EFFECT_EVENT};

    effect.as.event.sequence = self->sequence_told;
    effect.as.event.json = json;
    told_event(self, &effect);
}

void told_clear(struct room_actor *self)
{
    self->people_count = 0;
    self->nodes_old = true;
}
