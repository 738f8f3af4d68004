/* Goal: an owner that was stopped for 20 s with commands queued accepts none of them in its old
 * epoch; those that silence somebody are carried out all the same, provisional or by the next
 * owner; nobody is told "frozen" about them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/copy.h"
#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x4444})
#define PEOPLE 20
#define QUEUED 1000
#define OWNER 1

struct told {
    struct vr_address from;
    enum vr_command_kind kind;
    bool done, provisional;
    enum vr_err err;
    uint64_t epoch;
};

static struct ck *kit;
static vr_participant_id ana, people[PEOPLE];
static struct told told[QUEUED];

static int set_up(void **state)
{
    struct ck_answer answer;

    (void)state;
    kit = ck_new(44, 3);
    memset(told, 0, sizeof(told));
    if (!ck_until(kit, ck_all_joined, VR_SECONDS(10))) {
        return -1;
    }
    assert_int_equal(ck_tell(kit, OWNER, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, OWNER, ROOM, ck_join(kit, OWNER, ROOM, "ana"), &answer), VR_OK);
    ana = answer.participant;
    for (uint32_t i = 0; i < PEOPLE; i++) {
        char user[16];

        snprintf(user, sizeof(user), "p%u", i);
        assert_int_equal(ck_tell(kit, 2, ROOM, ck_join(kit, 2, ROOM, user), &answer), VR_OK);
        people[i] = answer.participant;
    }
    ck_run(kit, VR_SECONDS(5));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static void on_told(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct told *one = ctx;

    one->done = true;
    one->err = err;
    if (err == VR_OK && msg->kind == VR_MSG_ANSWER) {
        one->err = msg->as.answer->err;
        one->provisional = msg->as.answer->provisional;
        one->epoch = msg->as.answer->epoch;
    }
}

/* Ana is quick: mutes of everybody in turn, with talk and hands between them. */
static void ask_one(uint32_t i, vr_time_us patience)
{
    static const enum vr_command_kind kinds[] = {VR_CMD_MUTE, VR_CMD_CHAT, VR_CMD_PROMOTE,
                                                 VR_CMD_DEMOTE};
    struct vr_command *command = ck_command(kit, kinds[i % 4], "ana");
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(ROOM)};

    command->by.participant = ana;
    command->by.generation = 1;
    command->by.order = (uint64_t)1 << 32 | (i + 1);
    command->target = command->kind == VR_CMD_CHAT ? 0 : people[i / 4 % PEOPLE];
    if (command->kind == VR_CMD_CHAT) {
        command->text = vr_blob_new(vr_bytes_of("hello"));
    }
    told[i].kind = command->kind;
    msg.as.command = command;
    vr_ask(vr_system_worker(vr_sim_node_system(kit->nodes[OWNER].sim), VR_WORKER_CONTROL, 0), &msg,
           patience, on_told, &told[i]);
}

static void ask_all(vr_time_us patience)
{
    for (uint32_t i = 0; i < QUEUED; i++) {
        ask_one(i, patience);
    }
}

/* The next owner has all of them muted, or none. */
static void check_room(uint64_t old_epoch, bool muted)
{
    struct vr_room *room;
    uint64_t epoch = 0;
    uint32_t holder = ck_holder(kit, ROOM, &epoch);

    assert_int_not_equal(holder, 0);
    assert_true(epoch > old_epoch);
    room = vr_room_copy_load(vr_sim_node_system(kit->nodes[holder].sim), ROOM, epoch,
                             (struct vr_instant){vr_sim_now(kit->sim), 0}, NULL);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        struct vr_person_view view = {0};

        assert_true(vr_room_person(room, people[i], &view));
        assert_int_equal(view.muted_by_moderator, muted);
    }
    vr_room_free(room);
}

static void check(uint64_t old_epoch, uint32_t from)
{
    for (uint32_t i = from; i < QUEUED; i++) {
        assert_true(told[i].done);
        if (told[i].err == VR_OK) {
            assert_true(told[i].provisional || told[i].epoch > old_epoch);
        }
        if (told[i].kind == VR_CMD_MUTE) {
            assert_int_equal(told[i].err, VR_OK);
        }
    }
    check_room(old_epoch, true);
}

static void stop_and_go(void)
{
    vr_sim_pause(kit->nodes[OWNER].sim, true);
    ck_run(kit, VR_SECONDS(20));
    vr_sim_pause(kit->nodes[OWNER].sim, false);
    ck_run(kit, VR_SECONDS(15));
}

static void queued_in_the_mailbox(void **state)
{
    uint64_t epoch = 0;

    (void)state;
    assert_int_equal(ck_holder(kit, ROOM, &epoch), OWNER);
    ask_all(VR_SECONDS(60));
    stop_and_go();
    check(epoch, 0);
}

/* Whoever asked has been told that nobody answered, and has done something else since. */
static void queued_and_too_late(void **state)
{
    uint64_t epoch = 0;

    (void)state;
    assert_int_equal(ck_holder(kit, ROOM, &epoch), OWNER);
    ask_all(VR_SECONDS(3));
    stop_and_go();
    for (uint32_t i = 0; i < QUEUED; i++) {
        assert_true(told[i].done);
        assert_int_equal(told[i].err, VR_E_TIMEOUT);
    }
    check_room(epoch, false);
}

/* Begun, and not committed when it was stopped. */
static void under_way(void **state)
{
    uint64_t epoch = 0;
    uint32_t first = 0;

    (void)state;
    assert_int_equal(ck_holder(kit, ROOM, &epoch), OWNER);
    ask_all(VR_SECONDS(60));
    ck_run(kit, 300); /* microseconds: shorter than a commit */
    while (first < QUEUED && told[first].done) {
        first++;
    }
    assert_true(first < QUEUED / 2);
    stop_and_go();
    check(epoch, first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queued_in_the_mailbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queued_and_too_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(under_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
