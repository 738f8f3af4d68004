/* Goal: without a valid owner people come back, leave and are silenced; every copy hears of a mark;
 * the next owner gets all of it as commands with their ids, and only then it is forgotten. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>

#include "actors/base/owner.h"
#include "cluster/copies_rig.h"

#define ANA 1u /* host, on node 1 */
#define BEN 2u /* speaker, on node 2 */
#define CAT 3u /* listener, on node 2 */

static uint32_t wanted;
static struct vr_answer *answered;
static enum vr_err outcome;

static bool all_told(void *ctx)
{
    (void)ctx;
    return rig->acknowledged + rig->refused >= wanted;
}

static bool is_answered(void *ctx)
{
    (void)ctx;
    return outcome != VR_E_IN_PROGRESS;
}

static struct vr_id id_of(uint64_t number)
{
    return (struct vr_id){0xc0, number};
}

static struct vr_command *command_of(enum vr_command_kind kind, const char *user,
                                     vr_participant_id participant, uint64_t number)
{
    struct vr_command *command = vr_command_new(kind);

    command->id = id_of(number);
    snprintf(command->by.user, sizeof(command->by.user), "%s", user);
    snprintf(command->by.name, sizeof(command->by.name), "%s", user);
    command->by.participant = participant;
    command->by.generation = participant == 0 ? 0 : 1;
    return command;
}

/* One step of the room on node 1, saved through its cluster's records. */
static void step(struct vr_room *room, struct vr_command *command)
{
    const struct vr_clock *clock = vr_sim_clock(rig->sim);
    struct vr_instant at = {clock->now(clock->ctx), clock->wall(clock->ctx)};
    struct vr_vault vault = vr_room_vault_of(&rig->nodes[1].services);
    struct vr_commit *commit = vr_commit_new(RIG_ROOM, rig->epoch, rig->head);
    struct vr_effects effects = {0};
    struct vr_answer answer = {0};

    assert_int_equal(vr_room_step(room, command, at, &effects, &answer), VR_OK);
    assert_int_equal(vr_room_save(room, &effects, &vault, commit), VR_OK);
    commit->expected_epoch = rig->head_epoch;
    rig->head_epoch = rig->epoch;
    rig->head++;
    wanted = rig->acknowledged + 1;
    vr_records_submit(rig->nodes[1].records, commit, rig_told, NULL);
    assert_true(rig_until(all_told, VR_SECONDS(5)));
    assert_int_equal(rig->refused, 0);
    vr_blob_release(answer.body);
    vr_effects_deinit(&effects);
    vr_command_free(command);
}

static struct vr_command *join_of(const char *user, enum vr_role role, uint32_t node,
                                  uint64_t number)
{
    struct vr_command *command = command_of(VR_CMD_JOIN, user, 0, number);

    command->by.granted = role;
    command->session = vr_session_address_at((struct vr_id){1, number}, node);
    command->shard = vr_shard_address(RIG_ROOM, vr_shard_number(node, 0));
    return command;
}

static void register_session(uint32_t node, uint64_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = vr_replica_address(RIG_ROOM, node),
                         .from = vr_session_address_at((struct vr_id){1, number}, node),
                         .deadline = VR_NEVER};

    msg.as.note.type = VR_NOTE_SESSION;
    vr_system_post(rig->nodes[node].cluster.system, &msg);
}

/* Three people on two nodes, copies on all three; then etcd is gone. */
static int set_up(void **state)
{
    struct vr_command *create;
    struct vr_room_conf conf;
    struct vr_room *room;

    (void)state;
    rig_new(11);
    rig_own(1, 5);
    conf = vr_room_conf_of(rig->nodes[1].cluster.system, &rig->nodes[1].env);
    room = vr_room_new(RIG_ROOM, &conf, 5);
    create = command_of(VR_CMD_CREATE, "ana", 0, 1);
    create->settings = calloc(1, sizeof(*create->settings));
    create->settings->set = VR_SET_TITLE;
    snprintf(create->settings->title, sizeof(create->settings->title), "Stage");
    step(room, create);
    step(room, join_of("ana", VR_ROLE_HOST, 1, 11));
    step(room, join_of("ben", VR_ROLE_SPEAKER, 2, 12));
    step(room, join_of("cat", VR_ROLE_LISTENER, 2, 13));
    vr_room_free(room);
    register_session(1, 11);
    register_session(2, 12);
    register_session(2, 13);
    rig_run(VR_SECONDS(6));
    rig->directory_gone = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vr_answer_free(answered);
    answered = NULL;
    rig_free();
    return 0;
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    (void)ctx;
    outcome = err;
    if (err == VR_OK && msg->kind == VR_MSG_ANSWER) {
        answered = msg->as.answer;
        msg->as.answer = NULL;
        outcome = answered->err;
    }
}

/* As route.c would: the room's message goes to the copy of this node, or of the one in sync. */
static enum vr_err ask_from(uint32_t from, uint32_t node, struct vr_command *command)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_replica_address(RIG_ROOM, node)};
    struct vr_worker *worker =
        vr_system_worker(rig->nodes[from].cluster.system, VR_WORKER_CONTROL, 0);

    vr_answer_free(answered);
    answered = NULL;
    outcome = VR_E_IN_PROGRESS;
    msg.as.command = command;
    vr_ask(worker, &msg, VR_SECONDS(5), on_answer, NULL);
    assert_true(rig_until(is_answered, VR_SECONDS(5)));
    return outcome;
}

static enum vr_err ask(uint32_t node, struct vr_command *command)
{
    return ask_from(node, node, command);
}

static bool has_mark(uint32_t node, uint64_t number)
{
    struct vr_buf out = {0};
    uint8_t key[32];
    bool found;

    vr_id_put(key, RIG_ROOM);
    vr_id_put(key + 16, id_of(number));
    found = vr_records_get(vr_sim_node_records(rig->nodes[node].sim), VR_TABLE_MARKS,
                           vr_bytes(key, 32), &out) == VR_OK;
    vr_buf_deinit(&out);
    return found;
}

static bool was_taken(uint64_t number)
{
    for (uint32_t i = 0; i < rig->taken_count; i++) {
        if (vr_id_equal(rig->taken[i], id_of(number))) {
            return true;
        }
    }
    return false;
}

static struct vr_command *with_target(struct vr_command *command, vr_participant_id target)
{
    command->target = target;
    return command;
}

static void a_mark_is_carried_out_everywhere(void **state)
{
    (void)state;
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 50), BEN)), VR_OK);
    assert_true(answered->provisional);
    assert_true(has_mark(1, 50)); /* in the journal before the answer */
    assert_true(rig->gates_shut[1] > 0 && rig->gates_shut[2] > 0);
    rig_run(VR_MS(200));
    assert_true(has_mark(2, 50) && has_mark(3, 50));
    assert_true(rig->events[2] >= 2); /* both people there see it */
}

/* The owner's own store has it already, or he asks once more: whether all have closed is asked
 * anew, so the answer knows who has not. */
static void what_is_muted_is_closed_again(void **state)
{
    uint32_t shut;

    (void)state;
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 50), BEN)), VR_OK);
    shut = rig->gates_shut[2];
    assert_true(shut > 0);
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 59), BEN)), VR_OK);
    assert_true(answered->provisional);
    assert_int_equal(rig->gates_shut[2], shut + 1);
}

/* The next owner opens no gate past what waits for him in his node's journal. */
static void a_mark_is_known_until_it_is_judged(void **state)
{
    struct vr_cluster *near = &rig->nodes[1].cluster;
    struct vr_command *ban = command_of(VR_CMD_BAN, "ana", ANA, 72);

    (void)state;
    snprintf(ban->target_user, sizeof(ban->target_user), "cat");
    assert_false(vr_cluster_marked(near, RIG_ROOM, BEN, "ben"));
    assert_int_equal(ask(2, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 71), BEN)), VR_OK);
    assert_int_equal(ask(2, ban), VR_OK);
    rig_run(VR_MS(200));
    assert_true(vr_cluster_marked(near, RIG_ROOM, BEN, "ben"));
    assert_true(vr_cluster_marked(near, RIG_ROOM, CAT, "cat"));
    assert_false(vr_cluster_marked(near, RIG_ROOM, ANA, "ana"));
    assert_false(vr_cluster_marked(near, (struct vr_id){7, 7}, BEN, "ben"));
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_true(was_taken(71) && was_taken(72));
    assert_false(vr_cluster_marked(near, RIG_ROOM, BEN, "ben"));
    assert_false(vr_cluster_marked(near, RIG_ROOM, CAT, "cat"));
}

/* Else it would hold him for ever, when this node owns the room later. */
static void a_judged_mark_leaves_a_full_disk(void **state)
{
    (void)state;
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 75), BEN)), VR_OK);
    rig_run(VR_MS(200));
    assert_true(has_mark(2, 75));
    vr_sim_fail_commits(rig->nodes[2].sim, 1000, VR_E_FULL);
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_true(was_taken(75));
    assert_true(has_mark(2, 75));
    vr_sim_fail_commits(rig->nodes[2].sim, 0, VR_OK);
    rig_run(VR_SECONDS(3));
    assert_false(has_mark(2, 75));
}

/* A copy that is read anew from the store, after a restart say, has not forgotten it. */
static void nobody_comes_back_past_a_mark(void **state)
{
    struct vr_command *resume;

    (void)state;
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_MUTE, "ana", ANA, 73), BEN)), VR_OK);
    rig_run(VR_MS(200));
    rig_crash(2);
    rig_up(2);
    register_session(2, 74);
    resume = command_of(VR_CMD_RESUME, "ben", BEN, 74);
    resume->session = vr_session_address_at((struct vr_id){1, 74}, 2);
    resume->shard = vr_shard_address(RIG_ROOM, vr_shard_number(2, 0));
    assert_int_equal(ask(2, resume), VR_OK);
    assert_true(rig->gates_open[2] > 0); /* he hears */
    assert_int_equal(rig->gates_speak[2], 0);
}

static void only_who_may_marks(void **state)
{
    (void)state;
    assert_int_equal(ask(2, with_target(command_of(VR_CMD_KICK, "cat", CAT, 51), BEN)),
                     VR_E_FORBIDDEN);
    assert_int_equal(ask(2, with_target(command_of(VR_CMD_PROMOTE, "ana", ANA, 52), CAT)),
                     VR_E_FROZEN); /* it opens */
    assert_true(answered->retry_after_ms > 0);
    assert_int_equal(ask(2, with_target(command_of(VR_CMD_UNMUTE, "ana", ANA, 53), BEN)),
                     VR_E_FROZEN);
    rig_run(VR_MS(200));
    assert_false(has_mark(2, 51));
    assert_int_equal(rig->gates_shut[1] + rig->gates_shut[2], 0);
}

static void who_is_kicked_is_told_on_his_node(void **state)
{
    (void)state;
    assert_int_equal(ask(1, with_target(command_of(VR_CMD_KICK, "ana", ANA, 54), BEN)), VR_OK);
    rig_run(VR_MS(200));
    assert_true(rig->lasts[2] >= 1);
    assert_int_equal(rig->lasts[1], 0);
    /* and does not come back on a node that heard of it */
    {
        struct vr_command *back = command_of(VR_CMD_UNMUTE, "ben", BEN, 55);

        back->kind = VR_CMD_MUTE;
        assert_int_not_equal(ask(2, back), VR_OK);
    }
}

static void listeners_join_and_come_back(void **state)
{
    struct vr_command *resume;
    vr_participant_id dan;

    (void)state;
    register_session(2, 56);
    assert_int_equal(ask(2, join_of("dan", VR_ROLE_HOST, 2, 56)), VR_OK);
    dan = answered->participant;
    assert_true(dan >= VR_PARTICIPANT_GIVEN);
    assert_int_equal(answered->role, VR_ROLE_LISTENER); /* whatever his token says */
    assert_int_equal(ask(2, join_of("dan", VR_ROLE_HOST, 2, 56)), VR_OK);
    assert_int_equal(answered->participant, dan); /* a repeat is no second person */
    resume = command_of(VR_CMD_RESUME, "ben", BEN, 57);
    resume->session = vr_session_address_at((struct vr_id){1, 57}, 2);
    resume->shard = vr_shard_address(RIG_ROOM, vr_shard_number(2, 0));
    assert_int_equal(ask(2, resume), VR_OK);
    assert_int_equal(answered->role, VR_ROLE_SPEAKER);
    assert_int_equal(answered->generation, 2);
    assert_true(rig->gates_open[2] > 0);
    assert_int_equal(ask(2, command_of(VR_CMD_LEAVE, "cat", CAT, 58)), VR_OK);
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_true(was_taken(56) && was_taken(58));
    assert_false(was_taken(57)); /* the session itself tells the owner that it lives */
    assert_int_equal(rig->taken_count, 2);
}

/* Where he is now, his next session says: what is over would only throw that one out. */
static void a_session_that_is_gone_again_is_not_handed_over(void **state)
{
    (void)state;
    assert_int_equal(ask(2, join_of("eve", VR_ROLE_LISTENER, 2, 61)), VR_OK);
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_false(was_taken(61));
}

/* He may have come back elsewhere, with a newer session, before the owner hears of what he did. */
static void ones_own_acts_outlive_ones_session(void **state)
{
    static const enum vr_command_kind kinds[] = {VR_CMD_MUTE, VR_CMD_HAND_LOWER};

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct vr_command *own =
            command_of(kinds[i], i == 0 ? "ben" : "cat", i == 0 ? BEN : CAT, 62 + i);

        own->by.order = (uint64_t)1 << 32 | (7 + i);
        assert_int_equal(ask(2, own), VR_OK);
        assert_false(answered->provisional);
    }
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_int_equal(rig->taken_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(was_taken(62 + i));
        assert_int_equal(rig->taken_by[i].generation, 0);
        assert_int_equal(rig->taken_by[i].order, (uint64_t)1 << 32 | (7 + i));
    }
}

static void the_next_owner_gets_all_marks(void **state)
{
    (void)state;
    assert_int_equal(ask(2, with_target(command_of(VR_CMD_BAN, "ana", ANA, 60), CAT)), VR_OK);
    assert_true(answered->provisional);
    rig_run(VR_MS(300));
    assert_true(has_mark(2, 60));
    rig_crash(2); /* who did it dies, and with it the owner */
    rig_crash(1);
    rig->directory_gone = false;
    rig_own(3, 9);
    rig_run(VR_SECONDS(3));
    assert_true(was_taken(60));
    assert_false(has_mark(3, 60));
    rig_up(2); /* its journal has it still, and it is asked for */
    assert_true(has_mark(2, 60));
    register_session(2, 70);
    rig_run(VR_SECONDS(3));
    assert_false(has_mark(2, 60));
}

/* What it did last before it slept may have been told to nobody: an owner that wakes again hears
 * from all, and one that cannot stay awake is not stormed. */
static void sessions_speak_up_when_the_owner_wakes_again(void **state)
{
    uint32_t before;

    (void)state;
    rig->directory_gone = false;
    rig_run(VR_SECONDS(5));
    before = rig->announced[2];
    assert_true(before >= 2);
    replica_woken(&rig->nodes[1].cluster, RIG_ROOM);
    rig_run(VR_MS(500));
    assert_int_equal(rig->announced[2], before + 2);
    for (int i = 0; i < 10; i++) {
        replica_woken(&rig->nodes[1].cluster, RIG_ROOM);
        rig_run(VR_MS(50));
    }
    rig_run(VR_SECONDS(4));
    assert_int_equal(rig->announced[2], before + 4);
    rig_run(VR_SECONDS(10));
    assert_int_equal(rig->announced[2], before + 4);
    rig->silent = 1; /* nothing comes from the owner, for less than its lease */
    rig_run(VR_SECONDS(4));
    assert_int_equal(rig->announced[2], before + 4);
    rig->silent = 0;
    rig_run(VR_SECONDS(2));
    assert_int_equal(rig->announced[2], before + 6); /* what they missed shows in its digest */
}

/* An owner that has not been told of a node drops what comes from there, unanswered. */
static void a_stranger_waits_until_the_owner_knows_it(void **state)
{
    uint32_t before;

    (void)state;
    assert_int_equal(ask(2, command_of(VR_CMD_MUTE, "ben", BEN, 62)), VR_OK); /* his own */
    before = rig->announced[2];
    rig->unmet = 1;
    rig->directory_gone = false;
    rig_run(VR_SECONDS(3));
    assert_false(was_taken(62));
    assert_int_equal(rig->announced[2], before);
    rig->unmet = 0;
    rig_run(VR_SECONDS(3));
    assert_true(was_taken(62));
    assert_int_equal(rig->announced[2], before + 2);
}

static struct vr_command *resume_of(const char *user, vr_participant_id who, uint64_t number)
{
    struct vr_command *resume = command_of(VR_CMD_RESUME, user, who, number);

    resume->session = vr_session_address_at((struct vr_id){1, number}, 3);
    resume->shard = vr_shard_address(RIG_ROOM, vr_shard_number(3, 0));
    return resume;
}

static void while_the_owner_is_silent_people_come_back(void **state)
{
    (void)state;
    rig->directory_gone = false; /* etcd is there, and still names node 1 */
    rig->silent = 1;
    assert_int_equal(ask_from(3, 2, resume_of("ben", BEN, 57)), VR_OK);
    assert_int_equal(answered->role, VR_ROLE_SPEAKER);
    assert_int_equal(answered->generation, 2);
    assert_true(rig->gates_open[3] > 0); /* where nobody was before */
    assert_int_equal(ask_from(3, 2, resume_of("cat", BEN, 58)), VR_E_FENCED);
    assert_true(answered->retry_after_ms > 0); /* the next owner says no, not we */
    assert_false(was_taken(57));
    rig_run(VR_SECONDS(2));
    assert_false(was_taken(57)); /* nobody is there to be told */
}

static void an_owner_who_is_heard_decides_himself(void **state)
{
    (void)state;
    rig->directory_gone = false;
    assert_int_equal(ask_from(3, 2, resume_of("ben", BEN, 59)), VR_E_FENCED);
    rig_run(VR_SECONDS(2));
    assert_false(was_taken(59));
}

/* The older session is told that it is over, and not the one that has just come in. */
static void who_joins_again_replaces_his_session(void **state)
{
    vr_participant_id dan;

    (void)state;
    assert_int_equal(ask(2, join_of("dan", VR_ROLE_LISTENER, 2, 60)), VR_OK);
    dan = answered->participant;
    rig_run(VR_MS(100));
    assert_int_equal(rig->lasts[2], 0);
    assert_int_equal(ask(2, join_of("dan", VR_ROLE_LISTENER, 2, 61)), VR_OK);
    assert_int_equal(answered->participant, dan);
    rig_run(VR_MS(100));
    assert_int_equal(rig->lasts[2], 1);
    assert_true(vr_id_equal(rig->ended, (struct vr_id){1, 60}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_is_carried_out_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_muted_is_closed_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mark_is_known_until_it_is_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_judged_mark_leaves_a_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_comes_back_past_a_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_who_may_marks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_kicked_is_told_on_his_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listeners_join_and_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stranger_waits_until_the_owner_knows_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_joins_again_replaces_his_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_session_that_is_gone_again_is_not_handed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ones_own_acts_outlive_ones_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_speak_up_when_the_owner_wakes_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_next_owner_gets_all_marks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_the_owner_is_silent_people_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_owner_who_is_heard_decides_himself, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
