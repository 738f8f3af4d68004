/* people.c - clients: they join, resume at another node when theirs is gone, act one thing at a
 * time, repeat it with the same command id until its outcome is certain, and note what was said. */
#include "cluster/simulate/simulate.h"

#define PATIENCE VR_SECONDS(4) /* for an answer; then it is asked again elsewhere */
#define DEAF VR_SECONDS(8)
#define NOTE_EVERY VR_SECONDS(10)

/** A question under way; outlives the person's interest in it. */
struct question {
    struct person *person;
    uint64_t number;
    enum vr_command_kind kind;
    uint32_t node;
    struct vr_id session;
    bool announces;
    uint64_t floor_epoch, floor_sequence;
};

static struct world *the_world; /* sessions have no other way to it */

static struct place *place_of(const struct person *person)
{
    return &person->world->places[person->room];
}

/* The session is gone with its node, or its socket is. */
static bool is_cut_off(const struct person *person)
{
    return person->node == 0 || !is_up(person->world, person->node) ||
           person->world->lives[person->node] != person->node_life;
}

static struct fact *fact_of(struct person *person, const struct vr_command *act, int *value)
{
    struct person *target = person;

    for (uint32_t i = 0; act->target_user[0] != '\0' && i < PEOPLE; i++) {
        if (strcmp(person->world->people[person->room][i].user, act->target_user) == 0) {
            target = &person->world->people[person->room][i];
        }
    }
    *value = act->kind == VR_CMD_MUTE || act->kind == VR_CMD_PROMOTE || act->kind == VR_CMD_BAN ||
             act->kind == VR_CMD_HAND_RAISE;
    if (act->kind == VR_CMD_MUTE || act->kind == VR_CMD_UNMUTE) {
        return target == person ? &target->muted : &target->mod_muted;
    }
    return act->kind == VR_CMD_PROMOTE || act->kind == VR_CMD_DEMOTE          ? &target->role
           : act->kind == VR_CMD_BAN || act->kind == VR_CMD_UNBAN             ? &target->ban
           : act->kind == VR_CMD_HAND_RAISE || act->kind == VR_CMD_HAND_LOWER ? &target->hand
                                                                              : NULL;
}

const struct fact *people_acts_on(struct person *person)
{
    int value = 0;

    return person->act == NULL ? NULL : fact_of(person, person->act, &value);
}

/* Out of the room: what he was about to do is no more. */
static void thrown_out(struct person *person)
{
    int value = 0;
    struct fact *fact = person->act == NULL ? NULL : fact_of(person, person->act, &value);

    if (fact != NULL) {
        fact->known = false;
    }
    vr_command_free(person->act);
    person->act = NULL;
    person->asking = 0;
    person->gap = false;
    person->in = false;
    person->node = 0;
    person->next_at =
        now_of(person->world) + draw_time(person->world, VR_SECONDS(1), VR_SECONDS(6));
}

static struct person *person_of(struct vr_id session)
{
    uint32_t room = (uint32_t)(session.hi >> 8) & 0xff;
    uint32_t number = (uint32_t)session.hi & 0xff;

    return room < ROOMS && number < PEOPLE ? &the_world->people[room][number] : NULL;
}

static enum vr_err on_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
                              struct vr_why *why)
{
    struct vr_address self = vr_actor_address(actor);
    struct person *person = person_of(self.id);
    struct vr_msg pong = {.kind = VR_MSG_PONG};

    (void)state;
    (void)why;
    if (person == NULL || !vr_id_equal(person->session, self.id) || is_cut_off(person)) {
        return VR_OK; /* a session that is over */
    }
    if (msg->kind == VR_MSG_PING) {
        vr_reply(vr_actor_system(actor), msg, &pong);
    } else if (msg->kind == VR_MSG_CLUSTER && msg->as.note.type == VR_NOTE_OWNER) {
        person->announce_at = now_of(person->world);
    } else if (msg->kind == VR_MSG_EVENT) {
        person_hears(person, msg);
        if (msg->as.event.last && person->in) {
            tell(person->world, "%s is thrown out: %.60s", person->user,
                 vr_blob_text(msg->as.event.json));
            thrown_out(person);
        }
    }
    return VR_OK;
}

const struct vr_actor_class *people_session(void)
{
    static const struct vr_actor_class class = {.kind = VR_ACTOR_SESSION,
                                                .name = "session",
                                                .worker = VR_WORKER_CONTROL,
                                                .handle = on_session};

    return &class;
}

/* ---- what is answered ---- */

static void note_fact(struct person *person, const struct vr_answer *answer, uint32_t copy)
{
    int value = 0;
    struct fact *fact = fact_of(person, person->act, &value);

    if (fact == NULL) {
        return;
    }
    if (fact == &person->hand && !(fact->known && fact->value == 1 && value == 1)) {
        bool clean = value == 1 && fact->known && fact->copy == 0 && !person->act_unknown;

        person->hand_asked = person->act_first_at; /* raised anew: its place is the last */
        person->hand_told = clean ? now_of(person->world) : 0;
    }
    fact->value = value;
    fact->known = true;
    fact->copy = copy;
    fact->life = person->world->lives[copy];
    fact->journaled = answer->provisional;
    fact->epoch = answer->epoch;
    fact->told = now_of(person->world);
}

static void act_over(struct person *person)
{
    vr_command_free(person->act);
    person->act = NULL;
    person->next_at = now_of(person->world) + draw_time(person->world, 0, VR_SECONDS(12));
}

/* Effects of one room are ordered: none that was begun after another was acknowledged comes before
 * it. */
static void check_order(struct person *person, const struct question *question,
                        const struct vr_answer *answer)
{
    struct world *world = person->world;
    struct place *place = place_of(person);
    const char *name = vr_command_name(question->kind);

    if (answer->epoch < question->floor_epoch) {
        broken(world, "%s of %s acknowledged in epoch %llx after one in %llx was", name,
               person->user, (unsigned long long)answer->epoch,
               (unsigned long long)question->floor_epoch);
    } else if (answer->epoch == question->floor_epoch &&
               answer->sequence < question->floor_sequence) {
        broken(world, "%s of %s acknowledged at %llu, %llu was acknowledged before", name,
               person->user, (unsigned long long)answer->sequence,
               (unsigned long long)question->floor_sequence);
    }
    if (answer->epoch > place->top_epoch) {
        place->top_epoch = answer->epoch;
        place->top_sequence = answer->sequence;
    } else if (answer->epoch == place->top_epoch && answer->sequence > place->top_sequence) {
        place->top_sequence = answer->sequence;
    }
}

static bool is_certain(enum vr_err err)
{
    int status = vr_err_status(err);

    return status < 500 && err != VR_E_GONE && err != VR_E_STALE && err != VR_E_IN_PROGRESS &&
           err != VR_E_UNAUTHORIZED;
}

static void act_refused(struct person *person, enum vr_err err)
{
    int value = 0;
    struct fact *fact = fact_of(person, person->act, &value);

    if (person->act_unknown && fact != NULL) {
        fact->known = false;
    }
    tell(person->world, "%s is refused %s: %s", person->user, vr_command_name(person->act->kind),
         vr_err_code(err));
    act_over(person);
}

/* Somewhere else, after a moment; the act waits for the new session. */
static void move_away(struct person *person)
{
    if (person->node != 0) {
        tell(person->world, "%s leaves node %u", person->user, person->node);
    }
    person->node = 0;
    person->announce_at = 0;
    person->down_since = now_of(person->world);
    person->next_at = now_of(person->world) + draw_time(person->world, VR_MS(100), VR_SECONDS(2));
}

/* `copy`: the node that answered without an owner, or 0. */
static void act_answered(struct person *person, enum vr_err err, const struct vr_answer *answer,
                         uint32_t copy)
{
    struct world *world = person->world;

    if (err == VR_OK) {
        tell(world, "%s %s %s: %s%sepoch %llx sequence %llu", person->user,
             vr_command_name(person->act->kind), person->act->target_user,
             copy != 0 ? "by a copy, " : "", answer->provisional ? "provisional, " : "",
             (unsigned long long)answer->epoch, (unsigned long long)answer->sequence);
        place_of(person)->acknowledged++;
        place_of(person)->provisional += answer->provisional ? 1 : 0;
        note_fact(person, answer, copy);
        if (person->act->kind == VR_CMD_LEAVE) {
            thrown_out(person);
        } else {
            act_over(person);
        }
        return;
    }
    if (is_certain(err)) {
        act_refused(person, err);
        return;
    }
    person->act_unknown = true;
    person->next_at = now_of(world) + draw_time(world, VR_MS(100), VR_MS(1500));
    if (++person->act_failures % 4 == 0 || err == VR_E_GONE) {
        move_away(person);
    }
    if (person->act_failures > 200) {
        act_refused(person, err);
    }
}

static void entry_answered(struct person *person, enum vr_err err, const struct vr_answer *answer)
{
    struct world *world = person->world;
    bool resumed = person->entry->kind == VR_CMD_RESUME;

    vr_command_free(person->entry);
    person->entry = NULL;
    person->next_at = now_of(world) + draw_time(world, VR_MS(200), VR_SECONDS(2));
    tell(world, "%s %s at node %u: %s, participant %u", person->user, resumed ? "resumes" : "joins",
         person->node, vr_err_code(err), answer == NULL ? 0 : answer->participant);
    if (err == VR_OK) {
        person->participant = answer->participant;
        person->generation = answer->generation;
        person->in = true;
        person->heard_at = now_of(world);
        person->banned = false;
        if (answer->epoch > person->epoch ||
            (answer->epoch == person->epoch && answer->sequence >= person->sequence)) {
            person_stands_at(person, answer->epoch, answer->sequence);
        }
        person->gap = false;
        return;
    }
    if (err == VR_E_GONE || err == VR_E_UNAUTHORIZED) {
        person->in = false; /* anew */
    }
    if (err == VR_E_BANNED) {
        thrown_out(person);
        person->banned = true;
        person->next_at = now_of(world) + VR_SECONDS(3);
    }
    person->node = 0;
}

static bool is_over(enum vr_err err)
{
    return err == VR_E_GONE || err == VR_E_BANNED || err == VR_E_UNAUTHORIZED ||
           err == VR_E_NOT_FOUND || err == VR_E_CONFLICT || err == VR_E_FORBIDDEN;
}

/* As actors/session/announce.c: again until an owner has judged it. */
static void announced(struct person *person, const struct question *question, enum vr_err err)
{
    if (person->announcing != question->number) {
        return;
    }
    person->announcing = 0;
    if (!vr_id_equal(person->session, question->session) || person->entry != NULL ||
        person->node == 0 || !person->in) {
        return; /* a resume overtook it */
    }
    if (err != VR_OK && is_over(err)) {
        tell(person->world, "%s has lost his place: %s", person->user, vr_err_code(err));
        thrown_out(person);
    } else if (err != VR_OK) {
        person->announce_at = now_of(person->world) + VR_SECONDS(1);
    }
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct question *question = ctx;
    struct person *person = question->person;
    const struct vr_answer *answer =
        err == VR_OK && msg->kind == VR_MSG_ANSWER ? msg->as.answer : NULL;
    enum vr_err result = err != VR_OK ? err : answer == NULL ? VR_E_INTERNAL : answer->err;
    uint32_t copy = answer != NULL && msg->from.kind == VR_ACTOR_REPLICA ? msg->from.sub : 0;

    if (question->announces) {
        announced(person, question, result);
        free(question);
        return;
    }
    /* Also what comes too late for him was acknowledged. */
    if (result == VR_OK && copy == 0 &&
        (question->kind != VR_CMD_CHAT || now_of(person->world) >= person->world->praised_till) &&
        question->kind != VR_CMD_JOIN && question->kind != VR_CMD_RESUME &&
        question->kind != VR_CMD_SNAPSHOT) {
        check_order(person, question, answer);
    }
    if (person->asking == question->number) {
        person->asking = 0;
        if (person->entry != NULL) {
            entry_answered(person, result, answer);
        } else if (question->kind == VR_CMD_SNAPSHOT) {
            if (result == VR_OK) {
                person_stands_at(person, answer->epoch, answer->sequence);
                person->gap = false;
            } else if (result == VR_E_GONE || result == VR_E_NOT_FOUND ||
                       result == VR_E_FORBIDDEN) {
                move_away(person);
            }
        } else if (person->act != NULL) {
            act_answered(person, result, answer, copy);
        }
    }
    free(question);
}

/* ---- asking ---- */

static struct question *pose(struct person *person, const struct vr_command *command)
{
    struct world *world = person->world;
    struct question *question = calloc(1, sizeof(*question));
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(place_of(person)->id)};

    vr_assert(question != NULL);
    *question = (struct question){.person = person,
                                  .number = ++world->questions,
                                  .kind = command->kind,
                                  .node = person->node,
                                  .session = person->session,
                                  .floor_epoch = person->act_floor_epoch,
                                  .floor_sequence = person->act_floor_sequence};
    world->tally->commands++;
    msg.as.command = vr_command_copy(command);
    vr_ask(vr_system_worker(vr_sim_node_system(world->kit->nodes[person->node].sim),
                            VR_WORKER_CONTROL, 0),
           &msg, PATIENCE, on_answer, question);
    return question;
}

static void ask(struct person *person, const struct vr_command *command)
{
    person->asking = pose(person, command)->number;
    person->act_sent_at = now_of(person->world);
}

static struct vr_command *command_of(struct person *person, enum vr_command_kind kind)
{
    struct vr_command *command = ck_command(person->world->kit, kind, person->user);

    if (kind != VR_CMD_JOIN) {
        command->by.participant = person->participant;
        command->by.generation = person->generation;
    }
    return command;
}

/* A session that never ended, to an owner who may not know. */
static void announce(struct person *person)
{
    struct vr_command *command = command_of(person, VR_CMD_RESUME);
    struct question *question;

    command->flag = true;
    command->session = vr_session_address_at(person->session, person->node);
    command->shard = vr_shard_address(place_of(person)->id, vr_shard_number(person->node, 0));
    person->announce_at = 0;
    question = pose(person, command);
    question->announces = true;
    person->announcing = question->number;
    vr_command_free(command);
}

/* As a session does: events reach it by its node's copy of the room. */
static void note_session(struct person *person)
{
    struct world *world = person->world;
    struct vr_msg here = {.kind = VR_MSG_CLUSTER,
                          .to = vr_replica_address(place_of(person)->id, person->node),
                          .from = vr_session_address_at(person->session, person->node),
                          .deadline = VR_NEVER};

    here.as.note.type = VR_NOTE_SESSION;
    vr_system_post(vr_sim_node_system(world->kit->nodes[person->node].sim), &here);
    person->noted_at = now_of(world);
}

static void enter(struct person *person)
{
    struct world *world = person->world;

    person->node = any_node(world);
    if (person->node == 0) {
        person->next_at = now_of(world) + VR_MS(500);
        return;
    }
    person->node_life = world->lives[person->node];
    person->session = vr_random_id(vr_sim_random(world->kit->sim));
    person->session.hi = 0x5e0000 | (uint64_t)person->room << 8 | person->number;
    person->announce_at = 0;
    person->announcing = 0;
    person->entry = command_of(person, person->in ? VR_CMD_RESUME : VR_CMD_JOIN);
    person->entry->session = vr_session_address_at(person->session, person->node);
    person->entry->shard = vr_shard_address(place_of(person)->id, vr_shard_number(person->node, 0));
    note_session(person);
    ask(person, person->entry);
}

/* ---- acting ---- */

static struct vr_command *host_act(struct person *host)
{
    static const enum vr_command_kind kinds[] = {
        VR_CMD_MUTE,    VR_CMD_MUTE,   VR_CMD_MUTE,    VR_CMD_UNMUTE, VR_CMD_UNMUTE,
        VR_CMD_PROMOTE, VR_CMD_DEMOTE, VR_CMD_PROMOTE, VR_CMD_DEMOTE, VR_CMD_KICK,
        VR_CMD_BAN,     VR_CMD_UNBAN,  VR_CMD_CHAT,
    };
    struct world *world = host->world;
    enum vr_command_kind kind = kinds[draw(world, sizeof(kinds) / sizeof(kinds[0]))];
    uint32_t who = kind == VR_CMD_MUTE || kind == VR_CMD_UNMUTE      ? 1 + (uint32_t)draw(world, 7)
                   : kind == VR_CMD_PROMOTE || kind == VR_CMD_DEMOTE ? 1 + (uint32_t)draw(world, 3)
                   : kind == VR_CMD_KICK                             ? 8
                                                                     : 9;
    struct person *target = &world->people[host->room][who];
    struct vr_command *act;

    if (target->participant == 0) {
        return NULL;
    }
    act = command_of(host, kind);
    if (kind == VR_CMD_CHAT) {
        return act;
    }
    act->target = kind == VR_CMD_UNBAN ? 0 : target->participant;
    snprintf(act->target_user, sizeof(act->target_user), "%s", target->user);
    return act;
}

static struct vr_command *own_act(struct person *person)
{
    static const enum vr_command_kind kinds[] = {VR_CMD_CHAT,       VR_CMD_MUTE,
                                                 VR_CMD_UNMUTE,     VR_CMD_HAND_RAISE,
                                                 VR_CMD_HAND_RAISE, VR_CMD_HAND_LOWER};
    struct world *world = person->world;
    enum vr_command_kind kind = kinds[draw(world, person->number <= 3   ? 5
                                                  : person->number <= 7 ? 6
                                                                        : 3)];

    if (person->number == 8 && draw(world, 6) == 0) {
        kind = VR_CMD_LEAVE;
    }
    return command_of(person, kind);
}

static void act(struct person *person)
{
    struct world *world = person->world;

    person->act = person->number == 0 ? host_act(person) : own_act(person);
    if (person->act == NULL) {
        person->next_at = now_of(world) + VR_SECONDS(1);
        return;
    }
    person->act_failures = 0;
    person->act_unknown = false;
    person->act_first_at = now_of(world);
    person->act_floor_epoch = place_of(person)->top_epoch;
    person->act_floor_sequence = place_of(person)->top_sequence;
}

static void send_act(struct person *person)
{
    struct vr_command *act = person->act;

    act->by.participant = person->participant;
    act->by.generation = person->generation;
    act->session = vr_session_address_at(person->session, person->node);
    act->by.order = (uint64_t)person->generation << 32 | ++person->said;
    if (act->kind == VR_CMD_CHAT) { /* tells the attempts apart: a repeat may be told again */
        char text[60];

        snprintf(text, sizeof(text), "%s %llx %u", person->user, (unsigned long long)act->id.lo,
                 person->act_failures);
        vr_blob_release(act->text);
        act->text = vr_blob_new(vr_bytes_of(text));
    }
    ask(person, act);
}

static void ask_snapshot(struct person *person)
{
    struct vr_command *snapshot = command_of(person, VR_CMD_SNAPSHOT);

    person->gap_at = now_of(person->world) + VR_MS(500);
    ask(person, snapshot);
    vr_command_free(snapshot);
}

static void turn(struct person *person)
{
    struct world *world = person->world;
    vr_time_us now = now_of(world);

    if (person->node != 0 && is_cut_off(person)) {
        if (person->asking != 0 && person->entry == NULL && person->act != NULL) {
            person->act_unknown = true;
        }
        person->asking = 0;
        vr_command_free(person->entry);
        person->entry = NULL;
        move_away(person);
    }
    if (person->asking != 0 && now >= person->act_sent_at + PATIENCE + VR_SECONDS(1)) {
        person->asking = 0; /* its own clock stands still, or the answer was lost */
        person->act_unknown = person->act_unknown || person->entry == NULL;
        vr_command_free(person->entry);
        person->entry = NULL;
        move_away(person);
    }
    if (person->node != 0 && person->in && person->entry == NULL && person->announce_at != 0 &&
        now >= person->announce_at && person->announcing == 0) {
        announce(person);
    }
    if (person->asking == 0 && person->gap && person->node != 0 && now >= person->gap_at) {
        ask_snapshot(person);
        return;
    }
    if (person->asking != 0 || now < person->next_at) {
        return;
    }
    if (person->node == 0) {
        if (!person->out_wanted) {
            enter(person);
        }
        return;
    }
    if (now >= person->noted_at + NOTE_EVERY) {
        note_session(person);
    }
    if (now >= person->heard_at + DEAF && is_joined(world, person->node) &&
        person->behind_since != VR_NEVER) {
        world->tally->deaf++; /* a page would ask too */
        tell(world, "%s hears nothing", person->user);
        move_away(person);
        return;
    }
    if (person->act == NULL && !world->healing) {
        act(person);
    }
    if (person->act != NULL) {
        send_act(person);
    }
}

void people_turn(struct world *world)
{
    for (uint32_t r = 0; r < ROOMS; r++) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            turn(&world->people[r][i]);
        }
    }
}

void people_init(struct world *world)
{
    the_world = world;
    for (uint32_t r = 0; r < ROOMS; r++) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            struct person *person = &world->people[r][i];

            *person = (struct person){.world = world, .room = r, .number = i};
            snprintf(person->user, sizeof(person->user), "r%u-%s%u", r, i == 0 ? "host" : "p", i);
            person->muted.known = person->mod_muted.known = person->role.known = true;
            person->hand.known = person->ban.known = true;
        }
    }
}

void people_end(struct world *world)
{
    for (uint32_t r = 0; r < ROOMS; r++) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            struct person *person = &world->people[r][i];

            person->asking = 0;
            vr_command_free(person->entry);
            vr_command_free(person->act);
            person->entry = person->act = NULL;
        }
    }
}

/* Kept out by a ban; not of one who knows nothing yet of his ban's end. */
bool people_kept_out(const struct person *person)
{
    return person->banned && !person->in && (!person->ban.known || person->ban.value == 1);
}

bool people_at_rest(const struct world *world)
{
    for (uint32_t r = 0; r < ROOMS; r++) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            const struct person *person = &world->people[r][i];

            if (!people_kept_out(person) &&
                (person->act != NULL || person->gap || person->entry != NULL || !person->in ||
                 person->node == 0)) {
                return false;
            }
        }
    }
    return true;
}
