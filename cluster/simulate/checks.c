/* checks.c - what must hold: one owner at any moment and one node per epoch all along; in the end
 * one state everywhere, with everything that was acknowledged in it. */
#include "cluster/simulate/simulate.h"

#include <jansson.h>

#include "actors/room/copy.h"

#define LOOK_EVERY VR_SECONDS(5)
#define ROSTER VR_SECONDS(5) /* all shards and their owner tell the same within */

/* ---- all along ---- */

/* From when on everybody at a node must have heard of the room again. */
static void note_clear(struct world *world, uint32_t r, uint32_t owner, bool changed)
{
    struct place *place = &world->places[r];

    for (uint32_t i = 1; i <= world->kit->count; i++) {
        if (owner == 0 || changed || !is_joined(world, owner) || !is_joined(world, i) ||
            !faults_spare(world, owner, i)) {
            place->clear_since[i] = now_of(world);
        }
    }
}

/* Others were told of something long ago, with nothing in the way to him. */
static void check_heard(struct world *world, struct person *person)
{
    const struct place *place = &world->places[person->room];
    vr_time_us since = place->clear_since[person->node];

    if (person->epoch == place->heard_epoch && person->sequence == place->heard_sequence) {
        person->behind_since = VR_NEVER;
        return;
    }
    if (person->behind_since == VR_NEVER) {
        person->behind_since = now_of(world);
    }
    if (!person->in || person->node == 0 || person->entry != NULL || person->gap ||
        world->healing || !is_joined(world, person->node)) {
        return;
    }
    since = since > person->behind_since ? since : person->behind_since;
    if (now_of(world) > person->heard_at + DEAF_MAX && now_of(world) > since + DEAF_MAX) {
        broken(world, "%s at node %u hears nothing for %lld ms, owner is node %u", person->user,
               person->node, (long long)((now_of(world) - person->heard_at) / 1000),
               world->places[person->room].held_by);
    }
}

static void check_holder(struct world *world, uint32_t r)
{
    struct place *place = &world->places[r];
    struct ck *kit = world->kit;
    uint32_t found = 0;
    uint64_t before = place->held_epoch;

    for (uint32_t i = 1; i <= kit->count; i++) {
        struct vr_cluster_owner owner = {0};

        if (kit->nodes[i].cluster == NULL ||
            !vr_cluster_owner(kit->nodes[i].cluster, place->id, &owner) || owner.node != i ||
            !vr_cluster_holds(kit->nodes[i].cluster, place->id, owner.epoch)) {
            continue;
        }
        /* A revoked lease that etcd praises is held until the deadline: who takes meanwhile seals
         * the copy without which nothing is acknowledged. What is acknowledged is judged, in
         * people.c. */
        if (now_of(world) < world->praised_till) {
            if (owner.epoch < place->held_epoch) {
                continue;
            }
            found = 0;
        }
        if (found != 0) {
            broken(world, "room %u is held by nodes %u and %u", r, found, i);
        }
        found = i;
        if (owner.epoch < place->held_epoch ||
            (owner.epoch == place->held_epoch && place->held_by != i)) {
            broken(world, "room %u: node %u holds epoch %llx, node %u held %llx", r, i,
                   (unsigned long long)owner.epoch, place->held_by,
                   (unsigned long long)place->held_epoch);
        }
        if (owner.epoch != place->held_epoch) {
            world->tally->takes++;
            tell(world, "room %u: node %u owns it, epoch %llx", r, i,
                 (unsigned long long)owner.epoch);
        }
        place->held_epoch = owner.epoch;
        place->held_by = i;
    }
    note_clear(world, r, found, place->held_epoch != before);
}

/* Known, and not lost with the memory of the one node that acknowledged it without an owner. */
static bool fact_holds(const struct world *world, const struct fact *fact)
{
    return fact->known && fact->told != 0 &&
           (fact->copy == 0 || fact->journaled || world->lives[fact->copy] == fact->life);
}

/* What was acknowledged last is what there is, whoever acknowledged it. */
static void check_fact(struct world *world, const char *user, const char *what,
                       const struct fact *fact, int value)
{
    if (!fact_holds(world, fact) || fact->value == value) {
        return;
    }
    broken(world, "%s of %s is %d, %d was acknowledged at %lld ms in epoch %llx by %s %u", what,
           user, value, fact->value, (long long)((fact->told - VR_SECONDS(1000)) / 1000),
           (unsigned long long)fact->epoch, fact->copy == 0 ? "the owner" : "the copy of node",
           fact->copy);
}

/* Whose hand was up, for certain, before another was raised stands before him. Positions by number
 * of person; 0: not to be judged. */
static void check_hands(struct world *world, uint32_t r, const uint32_t positions[PEOPLE])
{
    for (uint32_t i = 0; i < 16; i++) {
        const struct person *first = &world->people[r][4 + i / 4];
        const struct person *second = &world->people[r][4 + i % 4];
        uint32_t at = positions[4 + i / 4], after = positions[4 + i % 4];

        if (at != 0 && after != 0 && fact_holds(world, &first->hand) &&
            fact_holds(world, &second->hand) && first->hand_told != 0 && second->hand_told != 0 &&
            first->hand_told < second->hand_asked && at > after) {
            broken(world, "the hand of %s was up before that of %s, and stands behind it",
                   first->user, second->user);
        }
    }
}

/* What the owner has on disk is what it acknowledged, where nobody waits for an answer just now. */
static void check_stored(struct world *world, uint32_t r)
{
    struct place *place = &world->places[r];
    struct ck_node *node = &world->kit->nodes[place->held_by];
    const struct fact *hosts = people_acts_on(&world->people[r][0]);
    uint32_t positions[PEOPLE] = {0};
    struct vr_room *room;

    if (place->lost_both || ck_holder(world->kit, place->id, NULL) != place->held_by) {
        return;
    }
    room = vr_room_copy_load(vr_sim_node_system(node->sim), place->id, place->held_epoch,
                             (struct vr_instant){now_of(world), 0}, NULL);
    for (uint32_t i = 0; room != NULL && i < 8 && !world->failed; i++) {
        struct person *person = &world->people[r][i];
        const struct fact *own = people_acts_on(person);
        struct vr_person_view view;

        if (!vr_room_person(room, person->participant, &view) || !view.present) {
            continue;
        }
        if (own != &person->muted && person->muted.copy == 0) {
            check_fact(world, person->user, "own mute", &person->muted, view.muted_by_self);
        }
        if (own != &person->hand && person->hand.copy == 0 && i >= 4) {
            check_fact(world, person->user, "hand", &person->hand, view.hand != 0);
            positions[i] = view.hand;
        }
        if (hosts != &person->mod_muted && person->mod_muted.copy == 0) {
            check_fact(world, person->user, "moderator's mute", &person->mod_muted,
                       view.muted_by_moderator);
        }
        if (hosts != &person->role && i >= 1 && i <= 3) {
            check_fact(world, person->user, "role", &person->role, view.role > VR_ROLE_LISTENER);
        }
    }
    check_hands(world, r, positions);
    vr_room_free(room);
}

void check_turn(struct world *world)
{
    uint64_t epoch;
    bool look = now_of(world) >= world->looked_at + LOOK_EVERY;

    world->looked_at = look ? now_of(world) : world->looked_at;
    for (uint32_t r = 0; r < ROOMS; r++) {
        epoch = world->places[r].held_epoch;
        check_holder(world, r);
        if (look || epoch != world->places[r].held_epoch) {
            check_stored(world, r);
        }
        for (uint32_t i = 0; i < PEOPLE; i++) {
            check_heard(world, &world->people[r][i]);
        }
    }
}

/* ---- one state ---- */

static bool same_store(struct world *world, uint32_t r, uint32_t node, char *why, size_t size)
{
    uint64_t epoch[2] = {0};
    uint64_t revision[2] = {0};
    uint32_t owner = world->places[r].held_by;

    vr_assert(vr_records_head(vr_sim_node_records(world->kit->nodes[owner].sim),
                              world->places[r].id, &epoch[0], &revision[0]) == VR_OK);
    vr_assert(vr_records_head(vr_sim_node_records(world->kit->nodes[node].sim), world->places[r].id,
                              &epoch[1], &revision[1]) == VR_OK);
    if (epoch[0] != epoch[1] || revision[0] != revision[1]) {
        snprintf(why, size, "room %u: node %u has %llx/%llu, owner %u has %llx/%llu", r, node,
                 (unsigned long long)epoch[1], (unsigned long long)revision[1], owner,
                 (unsigned long long)epoch[0], (unsigned long long)revision[0]);
        return false;
    }
    return true;
}

static bool room_converged(struct world *world, uint32_t r, char *why, size_t size)
{
    struct place *place = &world->places[r];
    uint64_t epoch = 0;
    const struct person *host = &world->people[r][0];
    uint32_t holder = ck_holder(world->kit, place->id, &epoch);

    if (holder == 0) {
        snprintf(why, size, "room %u has no owner", r);
        return false;
    }
    for (uint32_t i = 0; i < PEOPLE; i++) {
        const struct person *person = &world->people[r][i];

        if (people_kept_out(person)) {
            continue;
        }
        if (!same_store(world, r, person->node, why, size)) {
            return false;
        }
        if (person->epoch != epoch || person->sequence != host->sequence) {
            snprintf(why, size, "%s at node %u has heard up to %llx/%llu, the host %llx/%llu",
                     person->user, person->node, (unsigned long long)person->epoch,
                     (unsigned long long)person->sequence, (unsigned long long)epoch,
                     (unsigned long long)host->sequence);
            return false;
        }
    }
    return true;
}

static void say_who_waits(const struct world *world, char *why, size_t size)
{
    snprintf(why, size, "somebody still waits for an answer or a place");
    for (uint32_t r = 0; r < ROOMS; r++) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            const struct person *p = &world->people[r][i];

            if (p->act != NULL || p->gap || ((!p->in || p->node == 0) && !p->banned)) {
                snprintf(why, size, "%s at node %u still waits: %s%s%s", p->user, p->node,
                         p->act != NULL ? vr_command_name(p->act->kind) : "",
                         p->gap ? " snapshot" : "", p->in ? "" : " out");
            }
        }
    }
}

bool check_converged(struct world *world, char *why, size_t size)
{
    if (!ck_all_joined(world->kit)) {
        snprintf(why, size, "not all nodes are in and see each other");
        return false;
    }
    if (!people_at_rest(world)) {
        say_who_waits(world, why, size);
        return false;
    }
    for (uint32_t r = 0; r < ROOMS; r++) {
        if (!room_converged(world, r, why, size)) {
            return false;
        }
    }
    return true;
}

/* ---- nothing acknowledged is lost ---- */

struct reading {
    bool done;
    enum vr_err err;
    char *body;
};

static void on_reading(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct reading *reading = ctx;
    const struct vr_answer *answer =
        err == VR_OK && msg->kind == VR_MSG_ANSWER ? msg->as.answer : NULL;

    reading->done = true;
    reading->err = answer == NULL ? (err == VR_OK ? VR_E_INTERNAL : err) : answer->err;
    if (answer != NULL && answer->body != NULL) {
        reading->body = strdup(vr_blob_text(answer->body));
    }
}

static bool is_read(void *ctx)
{
    return ((struct reading *)ctx)->done;
}

static json_t *read_people(struct world *world, uint32_t r)
{
    struct reading *reading = calloc(1, sizeof(*reading)); /* outlives the question */
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(world->places[r].id)};
    json_t *json;

    msg.as.command = ck_show(world->kit, "admin", VR_SHOW_PARTICIPANTS);
    vr_ask(vr_system_worker(vr_sim_node_system(world->kit->nodes[any_node(world)].sim),
                            VR_WORKER_CONTROL, 0),
           &msg, VR_SECONDS(5), on_reading, reading);
    (void)vr_sim_run_until(world->kit->sim, is_read, reading, VR_SECONDS(10));
    if (reading->err != VR_OK || reading->body == NULL) {
        broken(world, "room %u cannot be read: %s", r, vr_err_code(reading->err));
        free(reading);
        return NULL;
    }
    json = json_loads(reading->body, 0, NULL);
    free(reading->body);
    free(reading);
    vr_assert(json != NULL);
    return json;
}

static const json_t *find_user(const json_t *people, const char *user)
{
    const json_t *one;
    size_t i;

    json_array_foreach(people, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "user"));

        if (name != NULL && strcmp(name, user) == 0) {
            return one;
        }
    }
    return NULL;
}

static bool all_listed(const struct world *world, uint32_t r, const json_t *body)
{
    const json_t *people = json_object_get(body, "participants");

    for (uint32_t i = 0; i < PEOPLE; i++) {
        if (world->people[r][i].in && find_user(people, world->people[r][i].user) == NULL) {
            return false;
        }
    }
    return true;
}

/* A plain listener is known to the shard where he is (docs/architecture.md, presence): an owner
 * that has just read its room anew, after a commit of unknown outcome, hears of him from his
 * session. */
static json_t *read_with_listeners(struct world *world, uint32_t r)
{
    vr_time_us limit = now_of(world) + ROSTER;
    json_t *body = read_people(world, r);

    while (body != NULL && !all_listed(world, r, body) && now_of(world) < limit) {
        json_decref(body);
        people_turn(world);
        ck_run(world->kit, VR_MS(40));
        body = read_people(world, r);
    }
    return body;
}

static bool flag(const json_t *one, const char *name)
{
    return json_is_true(json_object_get(one, name));
}

static uint32_t position_of(const json_t *one)
{
    return (uint32_t)json_integer_value(json_object_get(json_object_get(one, "hand"), "position"));
}

static void check_room(struct world *world, uint32_t r)
{
    json_t *body = read_with_listeners(world, r);
    const json_t *people = json_object_get(body, "participants");
    bool lost = world->places[r].lost_both;
    uint32_t positions[PEOPLE] = {0};

    for (uint32_t i = 0; i < PEOPLE && body != NULL; i++) {
        const struct person *person = &world->people[r][i];
        const json_t *one = find_user(people, person->user);
        const char *role = json_string_value(json_object_get(one, "role"));

        if (i == 9) {
            check_fact(world, person->user, "ban", &person->ban, one == NULL);
        }
        if (one == NULL) {
            if (person->in) {
                broken(world, "%s is in, and not in the list", person->user);
            }
            continue;
        }
        if (lost || i > 7) {
            continue;
        }
        check_fact(world, person->user, "own mute", &person->muted, flag(one, "muted_by_self"));
        check_fact(world, person->user, "moderator's mute", &person->mod_muted,
                   flag(one, "muted_by_moderator"));
        if (i >= 1 && i <= 3) {
            check_fact(world, person->user, "role", &person->role, strcmp(role, "listener") != 0);
        } else if (i >= 4) {
            check_fact(world, person->user, "hand", &person->hand, position_of(one) != 0);
            positions[i] = position_of(one);
        }
    }
    if (body != NULL && !lost) {
        check_hands(world, r, positions);
    }
    json_decref(body);
}

void check_end(struct world *world)
{
    for (uint32_t r = 0; r < ROOMS && !world->failed; r++) {
        check_room(world, r);
    }
}
