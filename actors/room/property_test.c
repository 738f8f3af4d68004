/* Goal: whatever a random crowd does, what must hold holds after each step; a client that follows
 * the events computes the server's digest; and a reload from the records brings back the same room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "actors/room/room_kit.h"
#include "store/memory.h"

#define PEOPLE 12
#define STEPS 1500
#define ROUNDS 12

/* A client's own copy of the room, made of a snapshot and events only. */
struct mirror {
    json_t *people; /* participant number as text -> participant object */
    json_t *room;
    uint64_t sequence;
};

struct world {
    struct kit kit;
    struct mirror mirror;
    struct vr_records *records;
    struct kit_vault vault_data;
    struct vr_vault vault;
    struct {
        vr_participant_id id;
        uint32_t generation;
        bool muted_by_moderator;
        bool there;
    } who[PEOPLE];
    uint64_t revision; /* of the store's head */
    uint32_t commits;
};

static const char *const users[PEOPLE] = {"ana", "ben", "cleo", "dan", "eva", "fay",
                                          "gus", "hal", "ida",  "jon", "kim", "lea"};

static uint64_t below(struct world *world, uint64_t bound)
{
    return vr_random_below(&world->kit.random.random, bound);
}

static json_t *parse(const struct vr_blob *blob)
{
    json_t *json = json_loadb((const char *)blob->data, blob->size, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    return json;
}

static void mirror_person(struct mirror *mirror, json_t *person)
{
    char key[16];

    snprintf(key, sizeof(key), "%lld",
             (long long)json_integer_value(json_object_get(person, "participant")));
    json_object_set(mirror->people, key, person);
}

static void mirror_hands(struct mirror *mirror, const json_t *hands)
{
    const char *key;
    json_t *person;
    size_t i;
    json_t *hand;

    json_object_foreach(mirror->people, key, person)
    {
        json_object_set_new(person, "hand", json_null());
    }
    json_array_foreach(hands, i, hand)
    {
        char number[16];

        assert_int_equal(json_integer_value(json_object_get(hand, "position")), i + 1);
        snprintf(number, sizeof(number), "%lld",
                 (long long)json_integer_value(json_object_get(hand, "participant")));
        person = json_object_get(mirror->people, number);
        assert_non_null(person);
        json_object_set(person, "hand", hand);
    }
}

static void mirror_reset(struct world *world)
{
    struct vr_buf text = {0};
    struct vr_blob *blob;
    json_t *json;
    json_t *person;
    size_t i;

    vr_room_snapshot_json(world->kit.room, false, &text);
    blob = vr_blob_new(vr_buf_bytes(&text));
    json = parse(blob);
    json_decref(world->mirror.people);
    json_decref(world->mirror.room);
    world->mirror.people = json_object();
    world->mirror.room = json_incref(json_object_get(json, "room"));
    world->mirror.sequence = (uint64_t)json_integer_value(json_object_get(json, "sequence"));
    json_array_foreach(json_object_get(json, "participants"), i, person)
    {
        mirror_person(&world->mirror, person);
    }
    json_decref(json);
    vr_blob_release(blob);
    vr_buf_deinit(&text);
}

static void mirror_apply(struct mirror *mirror, const struct vr_effect *effect)
{
    json_t *json = parse(effect->as.event.json);
    const char *type = json_string_value(json_object_get(json, "type"));
    uint64_t sequence = (uint64_t)json_integer_value(json_object_get(json, "sequence"));
    json_t *person = json_object_get(json, "participant");
    char key[16];

    assert_int_equal(sequence, effect->as.event.sequence);
    if (effect->as.event.only == 0 && sequence != mirror->sequence) {
        assert_int_equal(sequence, mirror->sequence + 1); /* no gap for who hears everything */
        mirror->sequence = sequence;
    } else {
        assert_int_equal(sequence, mirror->sequence); /* what passes repeats the current one */
    }
    if (strcmp(type, "room:participant-left") == 0) {
        snprintf(key, sizeof(key), "%lld",
                 (long long)json_integer_value(json_object_get(json, "who")));
        assert_int_equal(json_object_del(mirror->people, key), 0);
    } else if (json_is_object(person)) {
        mirror_person(mirror, person);
    } else if (json_object_get(json, "hands") != NULL) {
        mirror_hands(mirror, json_object_get(json, "hands"));
    } else if (strcmp(type, "room:updated") == 0) {
        json_decref(mirror->room);
        mirror->room = json_incref(json_object_get(json, "room"));
    }
    json_decref(json);
}

static uint64_t fnv(uint64_t hash, const char *text)
{
    return kit_hash(text, hash);
}

static int number_of(const json_t *person, const char *name)
{
    return json_is_true(json_object_get(person, name)) ? 1 : 0;
}

/* docs/protocol.md, "Digest", as a client would do it. */
static uint64_t mirror_digest(const struct mirror *mirror, vr_participant_id last)
{
    char line[128];
    uint64_t hash;

    snprintf(line, sizeof(line), "%lld|%s|%d\n",
             (long long)json_integer_value(json_object_get(mirror->room, "revision")),
             json_string_value(json_object_get(mirror->room, "phase")),
             number_of(mirror->room, "locked"));
    hash = fnv(0xcbf29ce484222325ull, line);
    for (vr_participant_id id = 1; id <= last; id++) {
        const json_t *person;

        snprintf(line, sizeof(line), "%u", id);
        person = json_object_get(mirror->people, line);
        if (person == NULL) {
            continue;
        }
        snprintf(
            line, sizeof(line), "%u|%s|%d|%d|%d|%s\n", id,
            json_string_value(json_object_get(person, "role")), number_of(person, "muted_by_self"),
            number_of(person, "muted_by_moderator"),
            (int)json_integer_value(json_object_get(json_object_get(person, "hand"), "position")),
            json_string_value(json_object_get(person, "state")));
        hash = fnv(hash, line);
    }
    return hash;
}

static void save(struct world *world)
{
    struct vr_commit *commit;

    if (!world->kit.effects.durable) {
        return;
    }
    commit = vr_commit_new(KIT_ROOM, 3, world->revision);
    assert_int_equal(vr_room_save(world->kit.room, &world->kit.effects, &world->vault, commit),
                     VR_OK);
    assert_int_equal(vr_records_commit(world->records, commit, &world->revision), VR_OK);
    world->commits++;
}

/* What must always hold. `banned` people are judged by the caller who knows them. */
static void check(struct world *world)
{
    struct vr_room *room = world->kit.room;
    uint32_t hosts = 0;
    uint32_t hands = 0;
    uint32_t places = 0;
    struct vr_room_counts counts = vr_room_counts(room);

    for (vr_participant_id id = vr_room_next(room, 0); id != 0; id = vr_room_next(room, id)) {
        struct vr_person_view view = kit_person(&world->kit, id);

        hosts += view.role == VR_ROLE_HOST ? 1 : 0;
        hands += view.hand != 0 ? 1 : 0;
        places += view.hand;
        assert_true(view.hand == 0 || view.role == VR_ROLE_LISTENER);
        assert_true(view.generation > 0);
    }
    assert_true(hosts <= 1);
    assert_int_equal(hands, counts.hands);
    assert_int_equal(places, hands * (hands + 1) / 2); /* positions 1..n, each once */
}

static json_t *normal(struct vr_room *room)
{
    struct vr_buf text = {0};
    json_t *json;
    json_t *person;
    size_t i;

    vr_room_snapshot_json(room, true, &text);
    json = json_loadb((const char *)text.data, text.size, 0, NULL);
    assert_non_null(json);
    json_array_foreach(json_object_get(json, "participants"), i, person)
    {
        json_object_del(person, "state");
    }
    json_object_del(json, "digest"); /* it covers the state */
    vr_buf_deinit(&text);
    return json;
}

static void check_reload(struct world *world)
{
    struct vr_room_conf conf = kit_conf(&world->kit.random.random);
    struct vr_room *loaded = vr_room_new(KIT_ROOM, &conf, 3);
    json_t *before = normal(world->kit.room);
    json_t *after;

    assert_int_equal(vr_room_load(world->records, &world->vault, loaded, world->kit.at, NULL),
                     VR_OK);
    after = normal(loaded);
    if (json_equal(before, after) == 0) {
        json_dumpf(before, stderr, JSON_INDENT(1));
        json_dumpf(after, stderr, JSON_INDENT(1));
        fail_msg("the room came back different");
    }
    for (vr_participant_id id = vr_room_next(world->kit.room, 0); id != 0;
         id = vr_room_next(world->kit.room, id)) {
        struct vr_person_view was = kit_person(&world->kit, id);
        struct vr_person_view now;

        assert_true(vr_room_person(loaded, id, &now));
        assert_true(now.reconnecting);
        assert_int_equal(was.generation, now.generation);
        assert_int_equal(was.gate_version, now.gate_version);
        if (!was.reconnecting) {
            assert_true(vr_room_attach(loaded, id, was.generation));
        }
    }
    assert_true(vr_room_digest(loaded) == vr_room_digest(world->kit.room));
    json_decref(before);
    json_decref(after);
    vr_room_free(loaded);
}

static enum vr_command_kind pick_kind(struct world *world)
{
    /* clang-format off */
    static const enum vr_command_kind kinds[] = {
        VR_CMD_JOIN, VR_CMD_JOIN, VR_CMD_JOIN, VR_CMD_JOIN, VR_CMD_RESUME, VR_CMD_RESUME,
        VR_CMD_LEAVE, VR_CMD_LOST, VR_CMD_LOST, VR_CMD_HAND_RAISE, VR_CMD_HAND_RAISE,
        VR_CMD_HAND_RAISE, VR_CMD_HAND_LOWER, VR_CMD_MUTE, VR_CMD_MUTE, VR_CMD_UNMUTE,
        VR_CMD_UNMUTE, VR_CMD_MUTE_ALL, VR_CMD_ASK_UNMUTE, VR_CMD_PROMOTE, VR_CMD_PROMOTE,
        VR_CMD_PROMOTE, VR_CMD_DEMOTE, VR_CMD_INVITE, VR_CMD_INVITE, VR_CMD_ACCEPT,
        VR_CMD_ACCEPT, VR_CMD_DECLINE, VR_CMD_MAKE_MODERATOR, VR_CMD_TRANSFER_HOST, VR_CMD_KICK,
        VR_CMD_BAN, VR_CMD_UNBAN, VR_CMD_UNBAN, VR_CMD_LOCK, VR_CMD_UPDATE, VR_CMD_REPORT,
        VR_CMD_REACTION, VR_CMD_CHAT, VR_CMD_SNAPSHOT, VR_CMD_QUALITY,
    };
    /* clang-format on */

    return kinds[below(world, sizeof(kinds) / sizeof(kinds[0]))];
}

static struct vr_command *random_command(struct world *world, uint32_t who)
{
    enum vr_command_kind kind = pick_kind(world);
    struct kit *kit = &world->kit;
    struct vr_command *cmd;

    if (kind == VR_CMD_JOIN) {
        cmd = kit_join_command(kit, users[who]);
        cmd->by.granted = below(world, 6) == 0 ? VR_ROLE_SPEAKER : VR_ROLE_LISTENER;
    } else {
        cmd = kit_command(kind, users[who]);
        cmd->by.participant = world->who[who].id;
        cmd->by.generation = world->who[who].generation;
        cmd->session = vr_session_address((struct vr_id){9, ++kit->sessions});
    }
    if (below(world, 2) == 0) {
        cmd->target = world->who[below(world, PEOPLE)].id;
    }
    if (kind == VR_CMD_UNBAN) {
        snprintf(cmd->target_user, sizeof(cmd->target_user), "%s", users[below(world, PEOPLE)]);
    }
    if (kind == VR_CMD_UPDATE) {
        cmd->settings = kit_settings("changed");
        cmd->settings->set |= VR_SET_SLOW_HAND;
        cmd->settings->slow_hand_s = (uint32_t)below(world, 2) * 3;
    }
    cmd->flag = cmd->kind != VR_CMD_RESUME && below(world, 3) == 0;
    cmd->duration_s = (uint32_t)below(world, 3) * 30;
    kit_text(cmd, "text");
    if (below(world, 3) == 0) {
        cmd->id = vr_random_id(&kit->random.random);
    }
    return cmd;
}

static bool banned(struct world *world, const char *user)
{
    struct vr_command *cmd = kit_command(VR_CMD_SHOW, "operator");
    struct vr_answer answer = {0};
    struct vr_effects effects = {0};
    char part[64];
    bool found;

    cmd->by.admin = true;
    cmd->want = VR_SHOW_BANS;
    assert_int_equal(vr_room_step(world->kit.room, cmd, world->kit.at, &effects, &answer), VR_OK);
    snprintf(part, sizeof(part), "\"user\":\"%s\"", user);
    found = strstr(vr_blob_text(answer.body), part) != NULL;
    vr_blob_release(answer.body);
    vr_effects_deinit(&effects);
    vr_command_free(cmd);
    return found;
}

static void note_mutes(struct world *world, uint32_t by, enum vr_command_kind kind)
{
    for (uint32_t i = 0; i < PEOPLE; i++) {
        struct vr_person_view view = kit_person(&world->kit, world->who[i].id);

        if (world->who[i].muted_by_moderator && !view.muted_by_moderator) {
            assert_int_equal(kind, VR_CMD_UNMUTE);
            assert_true(i != by); /* never lifted by himself */
        }
        world->who[i].muted_by_moderator = view.muted_by_moderator;
    }
}

static void apply_effects(struct world *world)
{
    for (uint32_t i = 0; i < world->kit.effects.count; i++) {
        if (world->kit.effects.items[i].kind == VR_EFFECT_EVENT) {
            mirror_apply(&world->mirror, &world->kit.effects.items[i]);
        }
    }
    assert_false(world->kit.effects.failed);
    assert_true(mirror_digest(&world->mirror, PEOPLE + 2) == vr_room_digest(world->kit.room));
    assert_int_equal(world->mirror.sequence, vr_room_sequence(world->kit.room));
}

static void one_step(struct world *world)
{
    uint32_t who = (uint32_t)below(world, PEOPLE);
    struct vr_command *cmd = random_command(world, who);
    enum vr_command_kind kind = cmd->kind;
    uint32_t present = vr_room_counts(world->kit.room).participants;
    bool was_there = kit_person(&world->kit, world->who[who].id).present;
    enum vr_err err = kit_do(&world->kit, cmd);

    if (err == VR_OK && (kind == VR_CMD_JOIN || kind == VR_CMD_RESUME)) {
        assert_true(world->who[who].id == 0 || world->who[who].id == world->kit.answer.participant);
        assert_true(world->kit.answer.generation > world->who[who].generation);
        world->who[who].id = world->kit.answer.participant;
        world->who[who].generation = world->kit.answer.generation;
        assert_true(was_there || present < 8); /* never beyond capacity */
        assert_true(strcmp(users[who], "ana") == 0 || !banned(world, users[who]));
    }
    note_mutes(world, who, kind);
    apply_effects(world);
    save(world);
    check(world);
    if (below(world, 4) == 0) {
        kit_pass(&world->kit, VR_MS(below(world, 9000)));
        kit_tick(&world->kit);
        apply_effects(world);
        save(world);
        check(world);
    }
}

static void crowd(uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vr_settings *settings = kit_settings("a crowd");

    kit_init(&world->kit, seed);
    world->vault = kit_vault_of(&world->vault_data);
    assert_int_equal(vr_memory_new(&world->records), VR_OK);
    vr_memory_set_immediate(world->records, true);
    settings->set |= VR_SET_CAPACITY | VR_SET_SPEAKERS;
    settings->capacity = 8;
    settings->speaker_capacity = 4;
    assert_int_equal(kit_create(&world->kit, "ana", settings), VR_OK);
    save(world);
    mirror_reset(world);
    for (int i = 0; i < STEPS; i++) {
        one_step(world);
        if (i % 50 == 0) {
            check_reload(world);
        }
    }
    assert_true(world->commits > STEPS / 10);
    json_decref(world->mirror.people);
    json_decref(world->mirror.room);
    vr_memory_free(world->records);
    kit_deinit(&world->kit);
    free(world);
}

static void test_crowds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        crowd(seed);
    }
}

/* Left alone for long enough, a room with people always has a host again. */
static void test_someone_is_host(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct world world = {0};
        uint32_t hosts = 0;

        kit_init(&world.kit, seed);
        assert_int_equal(kit_create(&world.kit, users[0], NULL), VR_OK);
        for (uint32_t i = 0; i < 6; i++) {
            world.who[i].id = kit_join(&world.kit, users[i]);
        }
        for (int i = 0; i < 40; i++) {
            uint32_t who = (uint32_t)below(&world, 6);

            (void)kit_do(&world.kit,
                         kit_by(&world.kit, below(&world, 2) ? VR_CMD_LEAVE : VR_CMD_MAKE_MODERATOR,
                                world.who[who].id, world.who[below(&world, 6)].id));
            (void)kit_join(&world.kit, users[below(&world, 6)]);
        }
        kit_pass(&world.kit, VR_SECONDS(120));
        kit_tick(&world.kit);
        for (vr_participant_id id = vr_room_next(world.kit.room, 0); id != 0;
             id = vr_room_next(world.kit.room, id)) {
            hosts += kit_person(&world.kit, id).role == VR_ROLE_HOST ? 1 : 0;
        }
        assert_int_equal(hosts, vr_room_counts(world.kit.room).participants > 0 ? 1 : 0);
        kit_deinit(&world.kit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowds),
        cmocka_unit_test(test_someone_is_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
