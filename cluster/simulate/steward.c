/* steward.c - an operator who deletes a room and brings it back from a backup, while all goes wrong
 * that the seed has drawn: only with --restores, and by draws of his own.
 *
 *     there -> ban, ban, ... -> delete -> questions about a room that is gone -> restore -> there
 *
 * What must hold: once a restore was acknowledged, whoever owns the room has it in his store, with
 * the ban of the backup and those acknowledged since, whatever other nodes remember of deletions.
 */
#include "cluster/simulate/simulate.h"

#include <stdlib.h>

#include "actors/room/records.h"

#define ASK_WAIT VR_SECONDS(8)
#define ASK_LOST VR_SECONDS(12) /* the node that asked has died */
#define BANS_MAX 64

enum stage { STAGE_THERE, STAGE_BAN, STAGE_DELETE, STAGE_GONE, STAGE_RESTORE };

struct steward {
    struct world *world;
    struct vr_random_seeded random;
    struct vr_id room;
    struct vr_buf rows; /* the backup */
    enum stage stage;
    vr_time_us next_at;
    bool certain; /* acknowledged: it is there as it should be */
    uint64_t asking;
    vr_time_us asked_at;
    struct vr_id restore, ban_id;
    uint32_t piece;
    bool last_unknown; /* a last piece of this round may have landed */
    uint32_t user;     /* of the ban that is asked for */
    uint32_t banned[BANS_MAX], banned_count, users;
};

struct errand {
    struct steward *steward;
    uint64_t number;
};

static uint64_t pick(struct steward *steward, uint64_t below)
{
    return vr_random_below(&steward->random.random, below);
}

static void wait(struct steward *steward, vr_time_us min, vr_time_us max)
{
    steward->next_at =
        now_of(steward->world) + min + (vr_time_us)pick(steward, (uint64_t)(max - min) + 1);
}

static uint32_t a_node(struct steward *steward)
{
    const struct world *world = steward->world;
    uint32_t first = (uint32_t)pick(steward, world->kit->count);

    for (uint32_t i = 0; i < world->kit->count; i++) {
        uint32_t node = 1 + (first + i) % world->kit->count;

        if (is_up(world, node)) {
            return node;
        }
    }
    return 0;
}

static struct vr_command *admins(struct steward *steward, enum vr_command_kind kind)
{
    struct vr_command *command = ck_command(steward->world->kit, kind, "steward");

    command->by.admin = true;
    return command;
}

/* ---- answers ---- */

static void deleted(struct steward *steward, enum vr_err err)
{
    if (err == VR_OK || err == VR_E_NOT_FOUND) {
        steward->stage = STAGE_GONE;
        steward->last_unknown = false;
        wait(steward, VR_SECONDS(1), VR_SECONDS(25));
    } else {
        wait(steward, VR_MS(200), VR_SECONDS(1));
    }
}

static void restored(struct steward *steward, enum vr_err err)
{
    bool last = steward->piece == 1;

    if (err == VR_OK && !last) {
        steward->piece = 1;
        wait(steward, 0, VR_SECONDS(2));
        return;
    }
    steward->piece = 0;
    if (err == VR_OK) {
        tell(steward->world, "the steward has restored his room");
        steward->stage = STAGE_THERE;
        steward->certain = true;
        steward->banned_count = 0;
        steward->world->tally->restores++;
        wait(steward, VR_SECONDS(2), VR_SECONDS(30));
    } else if (err == VR_E_EXISTS) { /* our own, unheard; or an old copy was asked for meanwhile */
        steward->world->tally->revived += steward->last_unknown ? 0 : 1;
        steward->stage = STAGE_DELETE;
        wait(steward, VR_SECONDS(15), VR_SECONDS(20));
    } else {
        steward->last_unknown = steward->last_unknown || last;
        wait(steward, VR_MS(500), VR_SECONDS(3));
    }
}

static void banned(struct steward *steward, enum vr_err err, const struct vr_answer *answer)
{
    if (err == VR_OK && !answer->provisional && steward->banned_count < BANS_MAX) {
        steward->banned[steward->banned_count++] = steward->user;
    }
    if (err == VR_OK) {
        steward->stage = STAGE_THERE;
        wait(steward, VR_SECONDS(2), VR_SECONDS(30));
    } else {
        wait(steward, VR_MS(200), VR_SECONDS(1));
    }
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct errand *errand = ctx;
    struct steward *steward = errand->steward;
    const struct vr_answer *answer =
        err == VR_OK && msg->kind == VR_MSG_ANSWER ? msg->as.answer : NULL;
    uint64_t number = errand->number;

    free(errand);
    if (number != steward->asking) {
        return;
    }
    steward->asking = 0;
    err = answer == NULL ? (err == VR_OK ? VR_E_INTERNAL : err) : answer->err;
    switch (steward->stage) {
    case STAGE_BAN:
        banned(steward, err, answer);
        break;
    case STAGE_DELETE:
        deleted(steward, err);
        break;
    case STAGE_RESTORE:
        restored(steward, err);
        break;
    case STAGE_THERE:
    case STAGE_GONE: /* a question about a room that is gone: whatever it is answered */
        break;
    }
}

/* ---- acts ---- */

/* Takes `command`. `counts`: its answer decides how he goes on. */
static void ask(struct steward *steward, struct vr_command *command, bool counts)
{
    uint32_t node = a_node(steward);
    struct errand *errand = calloc(1, sizeof(*errand));
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(steward->room)};

    vr_assert(errand != NULL);
    if (node == 0) {
        vr_command_free(command);
        free(errand);
        wait(steward, VR_SECONDS(1), VR_SECONDS(2));
        return;
    }
    *errand = (struct errand){steward, counts ? ++steward->world->questions : 0};
    if (counts) {
        steward->asking = errand->number;
        steward->asked_at = now_of(steward->world);
    }
    msg.as.command = command;
    vr_ask(vr_system_worker(vr_sim_node_system(steward->world->kit->nodes[node].sim),
                            VR_WORKER_CONTROL, 0),
           &msg, ASK_WAIT, on_answer, errand);
}

static void ask_ban(struct steward *steward)
{
    struct vr_command *command = admins(steward, VR_CMD_BAN);

    command->id = steward->ban_id;
    snprintf(command->target_user, sizeof(command->target_user), "b%u", steward->user);
    ask(steward, command, true);
}

static void ask_restore(struct steward *steward)
{
    struct vr_command *command = admins(steward, VR_CMD_RESTORE);
    size_t half = steward->rows.size / 2;

    if (steward->piece == 0) {
        steward->restore = vr_random_id(&steward->random.random);
    }
    command->message = steward->restore;
    command->after = steward->piece;
    command->flag = steward->piece == 1;
    command->text = vr_blob_new(
        steward->piece == 0 ? vr_bytes(steward->rows.data, half)
                            : vr_bytes(steward->rows.data + half, steward->rows.size - half));
    ask(steward, command, true);
}

static void go_on(struct steward *steward)
{
    switch (steward->stage) {
    case STAGE_THERE:
        if (pick(steward, 3) == 0) {
            tell(steward->world, "the steward deletes his room");
            steward->stage = STAGE_DELETE;
            steward->certain = false;
        } else {
            steward->stage = STAGE_BAN;
            steward->user = ++steward->users;
            steward->ban_id = vr_random_id(&steward->random.random);
        }
        break;
    case STAGE_BAN:
        ask_ban(steward);
        break;
    case STAGE_DELETE:
        ask(steward, admins(steward, VR_CMD_DELETE), true);
        break;
    case STAGE_GONE:
        ask(steward, ck_show(steward->world->kit, "admin", VR_SHOW_STATE), false);
        if (pick(steward, 3) == 0) {
            steward->stage = STAGE_RESTORE;
            steward->piece = 0;
        }
        wait(steward, VR_MS(100), VR_SECONDS(9));
        break;
    case STAGE_RESTORE:
        ask_restore(steward);
        break;
    }
}

/* ---- what must hold ---- */

static bool has_ban(struct steward *steward, uint32_t node, const char *user)
{
    const struct ck_node *at = &steward->world->kit->nodes[node];
    struct vr_id ref = vr_personal_ref(at->personal, user);
    struct vr_buf row = {0};
    uint8_t key[32];
    bool found;

    vr_id_put(key, steward->room);
    vr_id_put(key + 16, ref);
    found = vr_records_get(vr_sim_node_records(at->sim), VR_TABLE_BANS, vr_bytes(key, 32), &row) ==
            VR_OK;
    vr_buf_deinit(&row);
    return found;
}

static bool has_room(struct steward *steward, uint32_t node)
{
    struct vr_buf row = {0};
    uint8_t key[16];
    bool found;

    vr_id_put(key, steward->room);
    found = vr_records_get(vr_sim_node_records(steward->world->kit->nodes[node].sim),
                           VR_TABLE_ROOMS, vr_bytes(key, 16), &row) == VR_OK;
    vr_buf_deinit(&row);
    return found;
}

static void check(struct steward *steward)
{
    struct world *world = steward->world;
    uint32_t owner = ck_holder(world->kit, steward->room, NULL);
    char user[24];

    if (!steward->certain || owner == 0 || now_of(world) < world->praised_till) {
        return;
    }
    if (!has_room(steward, owner)) {
        broken(world, "a restored room is gone at its owner, node %u", owner);
        return;
    }
    if (!has_ban(steward, owner, "mallory")) {
        broken(world, "the backup's ban is gone at the owner, node %u", owner);
    }
    for (uint32_t i = 0; i < steward->banned_count; i++) {
        snprintf(user, sizeof(user), "b%u", steward->banned[i]);
        if (!has_ban(steward, owner, user)) {
            broken(world, "an acknowledged ban of %s is gone at the owner, node %u", user, owner);
        }
    }
}

/* ---- life ---- */

void steward_init(struct world *world)
{
    struct steward *steward = calloc(1, sizeof(*steward));
    struct ck_answer answer;
    struct vr_command *ban;
    uint32_t owner;

    vr_assert(steward != NULL);
    world->steward = steward;
    steward->world = world;
    vr_random_seeded_init(&steward->random, world->seed ^ UINT64_C(0x0be7a707));
    steward->room = (struct vr_id){0x5eed0000 + world->seed, 100};
    ban = admins(steward, VR_CMD_BAN);
    snprintf(ban->target_user, sizeof(ban->target_user), "mallory");
    if (ck_tell(world->kit, 1, steward->room, ck_create(world->kit, "steward", "kept"), &answer) !=
            VR_OK ||
        ck_tell(world->kit, 1, steward->room, ban, &answer) != VR_OK) {
        broken(world, "the steward's room was not made: %s", vr_err_code(answer.err));
        return;
    }
    owner = ck_holder(world->kit, steward->room, NULL);
    vr_assert(owner != 0);
    vr_assert(vr_room_rows_read(vr_sim_node_records(world->kit->nodes[owner].sim), steward->room,
                                SIZE_MAX, &steward->rows) == VR_OK);
    steward->certain = true;
    wait(steward, VR_SECONDS(5), VR_SECONDS(30));
}

void steward_turn(struct world *world)
{
    struct steward *steward = world->steward;
    vr_time_us now = now_of(world);

    if (steward == NULL) {
        return;
    }
    check(steward);
    if (steward->asking != 0 && now > steward->asked_at + ASK_LOST) {
        steward->asking = 0;
        if (steward->stage == STAGE_RESTORE) {
            restored(steward, VR_E_TIMEOUT);
        }
    }
    if (steward->asking == 0 && now >= steward->next_at) {
        go_on(steward);
    }
}

/* With nothing in the way: once more, whatever the round before has come to; then all nodes serve
 * it. */
void steward_check_end(struct world *world)
{
    struct steward *steward = world->steward;
    vr_time_us limit = now_of(world) + VR_SECONDS(120);
    uint64_t before = world->tally->restores;
    struct ck_answer answer;

    if (steward == NULL) {
        return;
    }
    while (!world->failed && now_of(world) < limit &&
           (world->tally->restores == before || steward->stage != STAGE_THERE)) {
        if (steward->stage == STAGE_THERE && world->tally->restores == before) {
            steward->stage = STAGE_DELETE;
            steward->certain = false;
        }
        steward_turn(world);
        ck_run(world->kit, VR_MS(40));
    }
    if (world->failed || world->tally->restores == before) {
        broken(world, "with nothing in the way the steward's room was not restored in 120 s");
        return;
    }
    for (uint32_t i = 1; i <= world->kit->count && !world->failed; i++) {
        if (ck_tell(world->kit, i, steward->room, ck_show(world->kit, "admin", VR_SHOW_BANS),
                    &answer) != VR_OK ||
            strstr(answer.body, "\"mallory\"") == NULL) {
            broken(world, "node %u shows the restored room as %s %s", i, vr_err_code(answer.err),
                   answer.body);
        }
    }
}

void steward_end(struct world *world)
{
    if (world->steward != NULL) {
        vr_buf_deinit(&world->steward->rows);
        free(world->steward);
        world->steward = NULL;
    }
}
