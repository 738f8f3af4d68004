/* actor_lives.c - sessions on other nodes of which nobody tells that they ended: their process has
 * died.
 *
 * A node that is there again in another life (its transports were kept, or it was quick) has the
 * sessions that it could keep, and knows nothing of the others; a node that stays away has none.
 * Both are asked for each session here, and who is not there is lost: his grace time runs. Whoever
 * lives all the same, behind a network that is cut, is back with his next word or with that of his
 * node (actors/session/announce.c). */
#include "actors/room/actor_state.h"

#define LOOK_EVERY VR_SECONDS(1)
/* Longer than a node needs to be there again; its lease ends before. */
#define AWAY VR_SECONDS(10)
/* And this to have its sessions back. */
#define BEGUN VR_SECONDS(4)
#define MISSED_MAX 2 /* times; one of them could be a way that is not there yet */
#define PONG_WAIT VR_SECONDS(2)

static uint64_t life_of(const struct room_actor *self, uint32_t node)
{
    return self->services->life == NULL ? 0 : self->services->life(self->services->ctx, node);
}

static bool is_elsewhere(const struct room_actor *self, uint32_t shard)
{
    uint32_t node = vr_shard_node(shard);

    return self->services->contact != NULL && node != 0 &&
           node != vr_system_node(vr_actor_system(self->actor));
}

uint64_t contact_with(const struct room_actor *self, uint32_t shard)
{
    return is_elsewhere(self, shard)
               ? self->services->contact(self->services->ctx, vr_shard_node(shard))
               : 0;
}

bool is_out_of_reach(const struct room_actor *self, uint32_t shard)
{
    return is_elsewhere(self, shard) && contact_with(self, shard) == 0;
}

/* Between nodes nothing is kept for one that cannot be reached: gates that were set meanwhile did
 * not come there, and the same owner does not set them again. Three times, since the way there may
 * come back later than the way from there. */
static void look_at_shard(struct room_actor *self, struct told_shard *shard, vr_time_us now)
{
    uint64_t contact = contact_with(self, shard->number);

    if (contact != 0 && contact != shard->contact) {
        shard->contact = contact;
        shard->contact_at = now;
        shard->repeat_at = now + LOOK_EVERY;
        shard_repeat(self, shard);
    } else if (now >= shard->repeat_at) {
        shard->repeat_at = now < shard->contact_at + BEGUN ? shard->contact_at + BEGUN : VR_NEVER;
        shard_repeat(self, shard);
    }
}

static struct told_node *node_find(struct room_actor *self, uint32_t number)
{
    for (uint32_t i = 0; i < self->life_count; i++) {
        if (self->lives[i].number == number) {
            return &self->lives[i];
        }
    }
    return NULL;
}

/* It answered that there is no such session, or nothing while its node is away. */
static bool is_gone(const struct room_actor *self, const struct told_person *told, enum vr_err err,
                    const struct vr_msg *answer)
{
    if (err == VR_OK && answer->kind == VR_MSG_ANSWER) {
        err = answer->as.answer->err;
    }
    return err == VR_E_GONE || err == VR_E_NOT_FOUND || life_of(self, told->session.sub) == 0;
}

static enum vr_err on_pong(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                           struct vr_msg *answer, struct vr_why *why)
{
    struct room_actor *self = state;
    struct told_person *told = told_find(self, (vr_participant_id)(tag >> 32));
    struct vr_effects effects = {0};
    struct told_node *node = NULL;
    enum vr_err begun = VR_OK;

    (void)why;
    if (self->disowned || self->failed != VR_OK || told == NULL ||
        told->generation != (uint32_t)tag || !is_far(self, told->session)) {
        return VR_OK; /* he has come or gone meanwhile */
    }
    node = node_find(self, told->session.sub);
    if (err == VR_OK && answer->kind == VR_MSG_PONG) {
        told->missed = 0;
    } else if (is_gone(self, told, err, answer) && ++told->missed >= MISSED_MAX) {
        vr_room_session_gone(self->room, told->participant, (uint32_t)tag, actor_instant(self),
                             &effects);
        begun = steps_begin(self, NULL, NULL, &effects, 0);
        actor_arm(self);
    } else if (node != NULL) {
        node->ask_at = vr_actor_now(actor) + BEGUN;
    }
    return begun;
}

static void ask_all(struct room_actor *self, uint32_t node)
{
    for (uint32_t i = 0; i < self->people_count; i++) {
        const struct told_person *told = &self->people[i];
        struct vr_msg ping = {.kind = VR_MSG_PING, .to = told->session};

        if (told->session.kind == VR_ACTOR_SESSION && told->session.sub == node) {
            vr_actor_ask(self->actor, &ping, PONG_WAIT, on_pong,
                         (uint64_t)told->participant << 32 | told->generation);
        }
    }
}

static void look_at(struct room_actor *self, struct told_node *node, vr_time_us now)
{
    uint64_t life = life_of(self, node->number);

    if (life == 0) {
        if (now - node->there_at >= AWAY) {
            node->there_at = now; /* who lives all the same is asked again after as long */
            ask_all(self, node->number);
        }
        return;
    }
    node->there_at = now;
    if (node->life != life) {
        node->life = life;
        node->ask_at = now + BEGUN; /* what it kept may not be there quite yet */
    } else if (now >= node->ask_at) {
        node->ask_at = VR_NEVER;
        ask_all(self, node->number);
    }
}

bool lives_are_due(struct room_actor *self)
{
    vr_time_us now = vr_actor_now(self->actor);

    if (self->services->life == NULL || now < self->lives_due) {
        return false;
    }
    self->lives_due = now + LOOK_EVERY;
    return true;
}

void lives_look(struct room_actor *self)
{
    struct told_node before[VR_SHARDS_MAX];
    uint32_t count = self->life_count;
    vr_time_us now = vr_actor_now(self->actor);

    for (uint32_t s = 0; s < self->shard_count; s++) {
        look_at_shard(self, &self->shards[s], now);
    }
    memcpy(before, self->lives, count * sizeof(before[0]));
    self->life_count = told_nodes(self);
    for (uint32_t i = 0; i < self->life_count; i++) {
        struct told_node *node = &self->lives[i];
        uint32_t k = 0;

        *node = (struct told_node){.number = self->nodes[i],
                                   .life = life_of(self, self->nodes[i]),
                                   .there_at = now,
                                   .ask_at = VR_NEVER};
        while (k < count && before[k].number != node->number) {
            k++;
        }
        if (k < count) {
            *node = before[k];
            look_at(self, node, now);
        }
    }
}
