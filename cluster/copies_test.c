/* Goal: what was acknowledged is on two nodes; a silent partner holds nobody up for long; gaps are
 * filled; a sealed copy obeys no former owner; events reach each node once and in order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/base/owner.h"
#include "cluster.pb-c.h"
#include "cluster/copies_rig.h"
#include "copies.pb-c.h"

static int set_up(void **state)
{
    (void)state;
    rig_new(7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_free();
    return 0;
}

static bool has_partner(void *ctx)
{
    (void)ctx;
    return rig->partner != 0;
}

static bool is_sealed(void *ctx)
{
    (void)ctx;
    return rig->sealed;
}

static uint32_t wanted;

static bool all_told(void *ctx)
{
    (void)ctx;
    return rig->acknowledged + rig->refused >= wanted;
}

static void submit_and_wait(uint32_t number, bool durable)
{
    wanted = rig->acknowledged + rig->refused + 1;
    rig_submit(number, durable);
    assert_true(rig_until(all_told, VR_SECONDS(10)));
}

/* A room on node 1 with a partner, after `count` commits. */
static void room_with_partner(uint32_t count)
{
    rig_own(1, 5);
    submit_and_wait(1, true);
    assert_int_equal(rig->acknowledged, 1);
    assert_true(rig_until(has_partner, VR_SECONDS(5)));
    assert_int_equal(rig->partner, 3);
    for (uint32_t i = 1; i < count; i++) {
        submit_and_wait(1, i % 4 == 0);
    }
    assert_int_equal(rig->acknowledged, count);
}

static void acknowledged_is_on_two_nodes(void **state)
{
    uint64_t epoch;
    uint64_t revision;

    (void)state;
    room_with_partner(1);
    for (uint32_t i = 0; i < 50; i++) {
        submit_and_wait(1, i % 7 == 0);
        rig_head(3, &epoch, &revision); /* at the very moment of the answer */
        assert_true(epoch == 5 && revision >= rig->acknowledged_revision);
        assert_true(rig_has_row(3, rig->acknowledged_revision));
    }
    assert_int_equal(rig->durable_rows, 1 + 8);
    assert_int_equal(rig->refused, 0);
}

static void many_under_way_keep_their_order(void **state)
{
    (void)state;
    room_with_partner(1);
    wanted = 1 + 100;
    for (uint32_t i = 0; i < 100; i++) {
        rig_submit(1, i % 10 == 0);
    }
    assert_true(rig_until(all_told, VR_SECONDS(5)));
    assert_int_equal(rig->acknowledged, 101);
    for (uint64_t r = 1; r <= 101; r++) {
        assert_true(rig_has_row(3, r));
    }
}

/* The owner has not on disk yet what the partner is about to confirm, and gives what it has. */
static void older_snapshot_lands_on_nothing_newer(void **state)
{
    uint64_t epoch;
    uint64_t revision;

    (void)state;
    room_with_partner(1);
    for (uint32_t i = 0; i < 40; i++) {
        wanted = rig->acknowledged + rig->refused + 1;
        rig_submit(1, false);
        rig_run((vr_time_us)i * 250);
        give_snapshot(rig->nodes[1].cluster.copies, RIG_ROOM, 3);
        assert_true(rig_until(all_told, VR_SECONDS(10)));
        for (uint32_t ms = 0; ms < 50; ms++) {
            rig_head(3, &epoch, &revision);
            assert_true(epoch == 5 && revision >= rig->acknowledged_revision);
            rig_run(VR_MS(1));
        }
        assert_true(rig_has_row(3, rig->acknowledged_revision));
    }
    assert_int_equal(rig->refused, 0);
    assert_int_equal(rig->partner, 3);
}

/* Read table by table while commits landed: it is complete where the partner is, and some of its
 * tables are older than what the partner has confirmed. */
static void a_snapshot_begun_before_lands_on_nothing_newer(void **state)
{
    Vr__Cluster__Snapshot note = VR__CLUSTER__SNAPSHOT__INIT;
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = vr_replica_address(RIG_ROOM, 3),
                         .from = vr_replica_address(RIG_ROOM, 1),
                         .deadline = VR_NEVER};
    uint8_t bytes[64];
    uint64_t epoch;
    uint64_t revision;

    (void)state;
    room_with_partner(4);
    note.room_hi = RIG_ROOM.hi;
    note.room_lo = RIG_ROOM.lo;
    note.epoch = 5;
    note.revision = rig->acknowledged_revision - 1;
    note.complete = rig->acknowledged_revision;
    msg.as.note.type = VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT;
    msg.as.note.bytes = vr_blob_new(vr_bytes(bytes, vr__cluster__snapshot__pack(&note, bytes)));
    vr_system_post(rig->nodes[1].cluster.system, &msg);
    for (uint32_t ms = 0; ms < 100; ms++) {
        rig_run(VR_MS(1));
        rig_head(3, &epoch, &revision);
        assert_true(epoch == 5 && revision >= rig->acknowledged_revision);
        assert_true(rig_has_row(3, rig->acknowledged_revision));
    }
}

static void owner_dies_nothing_is_lost(void **state)
{
    uint64_t revision;
    uint64_t head_epoch;
    uint64_t head;

    (void)state;
    room_with_partner(1);
    for (uint32_t i = 0; i < 30; i++) {
        rig_submit(1, false);
    }
    rig_run(VR_MS(4)); /* some are acknowledged, some are on their way */
    revision = rig->acknowledged_revision;
    rig_crash(1);
    replica_seal(&rig->nodes[3].cluster, RIG_ROOM, 9, 0, rig_on_sealed, NULL);
    assert_true(rig_until(is_sealed, VR_SECONDS(2)));
    assert_int_equal(rig->seal_err, VR_OK);
    rig_head(3, &head_epoch, &head);
    assert_true(head_epoch == 9 && head >= revision);
    for (uint64_t r = 1; r <= revision; r++) {
        assert_true(rig_has_row(3, r));
    }
    rig_own(3, 9); /* and it goes on, with another partner */
    rig->acknowledged = 0;
    rig->refused = 0;
    submit_and_wait(3, true);
    assert_int_equal(rig->acknowledged, 1);
    assert_true(rig_until(has_partner, VR_SECONDS(5)));
    assert_int_equal(rig->partner, 2);
    submit_and_wait(3, false);
    assert_true(rig_has_row(2, rig->acknowledged_revision));
    assert_true(rig_has_row(2, 1)); /* by the snapshot */
}

static void silent_partner_is_replaced(void **state)
{
    uint64_t before;

    (void)state;
    room_with_partner(3);
    vr_sim_pause(rig->nodes[3].sim, true);
    before = rig->replacements;
    submit_and_wait(1, false);
    assert_int_equal(rig->acknowledged, 4);
    assert_true(rig->answered_at - rig->asked_at >= VR_SECONDS(1));
    assert_true(rig->answered_at - rig->asked_at <= VR_MS(1500));
    assert_true(rig->replacements > before);
    assert_true(rig_until(has_partner, VR_SECONDS(8)));
    assert_int_equal(rig->partner, 2);
    submit_and_wait(1, false);
    assert_true(rig_has_row(2, rig->acknowledged_revision));
    vr_sim_pause(rig->nodes[3].sim, false); /* the old one is no partner any more */
    submit_and_wait(1, false);
    assert_int_equal(rig->acknowledged, 6);
}

static struct vr_address session_at(uint32_t node, uint64_t number)
{
    return vr_session_address_at((struct vr_id){1, number}, node);
}

static void register_session(uint32_t node, uint64_t number, uint32_t type)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = vr_replica_address(RIG_ROOM, node),
                         .from = session_at(node, number),
                         .deadline = VR_NEVER};

    msg.as.note.type = type;
    vr_system_post(rig->nodes[node].cluster.system, &msg);
}

static void follower_fills_its_gaps(void **state)
{
    uint64_t epoch;
    uint64_t revision;
    uint64_t own_epoch;
    uint64_t own;

    (void)state;
    room_with_partner(20);
    register_session(2, 1, VR_NOTE_SESSION); /* node 2 has people, so it follows */
    rig_run(VR_SECONDS(3));
    rig_head(2, &epoch, &revision);
    assert_true(epoch == 5 && revision == 20);
    assert_int_equal(replica_people(&rig->nodes[2].cluster, RIG_ROOM), 1);
    vr_sim_cut(rig->nodes[1].sim, rig->nodes[2].sim, true);
    for (uint32_t i = 0; i < 5; i++) {
        submit_and_wait(1, false); /* nobody waits for a follower */
    }
    vr_sim_cut(rig->nodes[1].sim, rig->nodes[2].sim, false);
    submit_and_wait(1, false);
    rig_run(VR_SECONDS(1)); /* by the gap, at once */
    rig_head(1, &own_epoch, &own);
    rig_head(2, &epoch, &revision);
    assert_true(own == 26 && revision == own && epoch == own_epoch);
    vr_sim_cut(rig->nodes[1].sim, rig->nodes[2].sim, true);
    submit_and_wait(1, false);
    vr_sim_cut(rig->nodes[1].sim, rig->nodes[2].sim, false);
    rig_run(VR_SECONDS(5)); /* nothing follows: by its own asking */
    rig_head(2, &epoch, &revision);
    assert_true(revision == 27);
    for (uint64_t r = 1; r <= 27; r++) {
        assert_true(rig_has_row(2, r));
    }
    register_session(2, 1, VR_NOTE_SESSION_GONE);
    rig_run(VR_MS(100));
    assert_int_equal(replica_people(&rig->nodes[2].cluster, RIG_ROOM), 0);
}

static void sealed_copy_obeys_no_former_owner(void **state)
{
    uint64_t epoch;
    uint64_t revision;

    (void)state;
    room_with_partner(10);
    /* Node 2 takes the room: it has nothing, the partner has all. */
    replica_seal(&rig->nodes[2].cluster, RIG_ROOM, 9, 3, rig_on_sealed, NULL);
    rig_run(VR_MS(500));
    assert_true(rig->sealed);
    assert_int_equal(rig->seal_err, VR_OK);
    rig_head(2, &epoch, &revision);
    assert_true(epoch == 9 && revision == 10);
    rig_head(3, &epoch, &revision);
    assert_true(epoch == 9 && revision == 10);
    /* The former owner still believes in itself. */
    submit_and_wait(1, false);
    assert_int_equal(rig->acknowledged, 11); /* its directory has not been told: replaced, 1 s */
    rig_head(3, &epoch, &revision);
    assert_true(epoch == 9 && revision == 10); /* but the copy did not move */
    rig->epoch = 9;                            /* now the directory is the new owner's */
    rig->owner = 2;
    rig->acknowledged = 0;
    rig->head_epoch = 5;
    wanted = rig->refused + 1;
    {
        struct vr_commit *commit = vr_commit_new(RIG_ROOM, 5, 11);

        vr_commit_put_durable(commit, VR_TABLE_BANS, (struct vr_bytes){(const uint8_t *)"\0\0", 2},
                              vr_bytes_of("x"));
        vr_records_submit(rig->nodes[1].records, commit, rig_told, NULL);
    }
    assert_true(rig_until(all_told, VR_SECONDS(5)));
    assert_int_equal(rig->acknowledged, 0);
    assert_int_equal(rig->error, VR_E_FENCED);
    /* A restart of the sealed node forgets nothing. */
    rig_crash(3);
    rig_up(3);
    rig_head(3, &epoch, &revision);
    assert_true(epoch == 9 && revision == 10);
}

/* A copy that was asked for the room before, and stood still, answers when the room has long gone
 * on in the same epoch. */
static void late_answer_to_a_seal_lands_on_no_owner(void **state)
{
    uint64_t epoch;
    uint64_t revision;

    (void)state;
    room_with_partner(10);
    replica_seal(&rig->nodes[2].cluster, RIG_ROOM, 9, 3, rig_on_sealed, NULL);
    assert_true(rig_until(is_sealed, VR_SECONDS(2)));
    assert_int_equal(rig->seal_err, VR_OK);
    vr_sim_pause(rig->nodes[3].sim, true);
    give_snapshot(rig->nodes[3].cluster.copies, RIG_ROOM, 2); /* once it goes on */
    rig_own(2, 9);
    rig->acknowledged = 0;
    for (uint32_t i = 0; i < 10; i++) {
        submit_and_wait(2, false);
    }
    assert_int_equal(rig->acknowledged, 10);
    vr_sim_pause(rig->nodes[3].sim, false);
    for (uint32_t ms = 0; ms < 500; ms++) {
        rig_head(2, &epoch, &revision);
        assert_true(epoch == 9 && revision >= rig->acknowledged_revision);
        rig_run(VR_MS(1));
    }
    submit_and_wait(2, false);
    assert_int_equal(rig->acknowledged, 11);
}

static void nobody_answers_a_seal(void **state)
{
    (void)state;
    room_with_partner(2);
    rig_crash(3);
    replica_seal(&rig->nodes[2].cluster, RIG_ROOM, 9, 3, rig_on_sealed, NULL);
    rig_run(VR_MS(1600));
    assert_true(rig->sealed);
    assert_int_equal(rig->seal_err, VR_E_TIMEOUT);
    rig->sealed = false;
    replica_seal(&rig->nodes[2].cluster, (struct vr_id){1, 2}, 9, 1, rig_on_sealed, NULL);
    rig_run(VR_MS(500));
    assert_true(rig->sealed);
    assert_int_equal(rig->seal_err, VR_E_NOT_FOUND);
}

static void without_a_directory_nothing_is_acknowledged(void **state)
{
    (void)state;
    room_with_partner(2);
    rig->directory_gone = true;
    submit_and_wait(1, false);
    assert_int_equal(rig->acknowledged, 2);
    assert_int_equal(rig->error, VR_E_FROZEN);
}

static void send_event(uint32_t node, uint64_t sequence, uint64_t only)
{
    static const char text[] = "{\"type\":\"room:updated\"}";
    struct vr_msg msg = {.kind = VR_MSG_EVENT,
                         .to = vr_replica_address(RIG_ROOM, node),
                         .from = vr_room_address(RIG_ROOM),
                         .epoch = 5,
                         .deadline = VR_NEVER};

    msg.as.event.sequence = sequence;
    msg.as.event.session = only == 0 ? (struct vr_id){0, 0} : (struct vr_id){1, only};
    msg.as.event.json = vr_blob_new(vr_bytes_of(text));
    vr_system_post(rig->nodes[1].cluster.system, &msg);
}

static void events_go_to_a_node_once(void **state)
{
    (void)state;
    rig_own(1, 5);
    for (uint64_t s = 1; s <= 5; s++) {
        register_session(2, s, VR_NOTE_SESSION);
    }
    rig_run(VR_MS(50));
    for (uint64_t i = 1; i <= 20; i++) {
        send_event(2, i, i % 5 == 0 ? 3 : 0); /* every fifth is for one alone */
    }
    rig_run(VR_MS(100));
    assert_int_equal(rig->events[2], 16 * 5 + 4);
    assert_true(rig->events_in_order);
    register_session(2, 2, VR_NOTE_SESSION_GONE);
    rig_run(VR_MS(50));
    rig->events[2] = 0;
    send_event(2, 21, 0);
    rig_run(VR_MS(100));
    assert_int_equal(rig->events[2], 4);
}

static void shared_rows_go_to_the_directory(void **state)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

    (void)state;
    rig_own(1, 5);
    vr_commit_put(commit, VR_TABLE_REVOKED, vr_bytes_of("jti"), vr_bytes_of("x"));
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of("mine"), vr_bytes_of("x"));
    wanted = 1;
    vr_records_submit(rig->nodes[1].records, commit, rig_told, NULL);
    assert_true(rig_until(all_told, VR_SECONDS(1)));
    assert_int_equal(rig->acknowledged, 1);
    assert_int_equal(rig->deployed_rows, 1);
    commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of("mine"), vr_bytes_of("y"));
    wanted = 2;
    vr_records_submit(rig->nodes[1].records, commit, rig_told, NULL);
    assert_true(rig_until(all_told, VR_SECONDS(1)));
    assert_int_equal(rig->deployed_rows, 1);
}

/* Of a node that ran alone: the directory has heard of nothing yet. */
static void a_room_of_its_own_goes_to_the_directory(void **state)
{
    struct vr_records *local = vr_sim_node_records(rig->nodes[1].sim);
    struct vr_commit *commit = vr_commit_new(RIG_ROOM, 2, 0);
    uint8_t key[20];

    (void)state;
    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes(rig_key(key, 0).data, 16), vr_bytes_of("room"));
    vr_commit_put(commit, VR_TABLE_BANS, rig_key(key, 77), vr_bytes_of("ban"));
    vr_sim_prepare(rig->nodes[1].sim, true);
    assert_int_equal(vr_records_commit(local, commit, NULL), VR_OK);
    vr_sim_prepare(rig->nodes[1].sim, false);
    replica_install(&rig->nodes[1].cluster, RIG_ROOM, 5, NULL, 0, rig_on_sealed, NULL);
    assert_true(rig_until(is_sealed, VR_SECONDS(1)));
    assert_int_equal(rig->seal_err, VR_OK);
    rig_own(1, 5);
    submit_and_wait(1, false);
    assert_int_equal(rig->acknowledged, 1);
    assert_int_equal(rig->durable_rows, 2);
    submit_and_wait(1, false);
    assert_int_equal(rig->durable_rows, 2); /* once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledged_is_on_two_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_under_way_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_snapshot_lands_on_nothing_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_snapshot_begun_before_lands_on_nothing_newer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(owner_dies_nothing_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silent_partner_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follower_fills_its_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sealed_copy_obeys_no_former_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_answer_to_a_seal_lands_on_no_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_answers_a_seal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_directory_nothing_is_acknowledged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(events_go_to_a_node_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_rows_go_to_the_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_room_of_its_own_goes_to_the_directory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
