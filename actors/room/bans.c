/* bans.c - who may not come in: by user, and when asked also by address; for a time or for ever.
 *
 * Users and addresses are compared by keyed hashes (refs), so that a stored ban names nobody's
 * address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/state.h"

static struct vr_id ref(const struct vr_room *room, const char *text)
{
    return text[0] == 0 ? (struct vr_id){0} : room->conf.ref(room->conf.ctx, text);
}

static bool in_force(const struct ban *ban, vr_time_us wall)
{
    return ban->until_wall == 0 || ban->until_wall > wall;
}

static struct ban *ban_by_user(const struct vr_room *room, struct vr_id user)
{
    for (uint32_t i = 0; i < room->ban_count; i++) {
        if (vr_id_equal(room->bans[i].user_ref, user)) {
            return &room->bans[i];
        }
    }
    return NULL;
}

const struct ban *ban_by_name(const struct vr_room *room, const char *user)
{
    return user[0] == 0 ? NULL : ban_by_user(room, ref(room, user));
}

const struct ban *ban_of(const struct step *step, bool address_too)
{
    const struct vr_room *room = step->room;
    struct vr_id user = ref(room, step->cmd->by.user);
    struct vr_id address = address_too ? ref(room, step->cmd->by.address) : (struct vr_id){0};

    for (uint32_t i = 0; i < room->ban_count; i++) {
        const struct ban *ban = &room->bans[i];
        bool hit = (!vr_id_is_zero(user) && vr_id_equal(ban->user_ref, user)) ||
                   (!vr_id_is_zero(address) && vr_id_equal(ban->address_ref, address));

        if (hit && in_force(ban, step->at.wall)) {
            return ban;
        }
    }
    return NULL;
}

struct ban *ban_add(struct vr_room *room)
{
    if (room->ban_count == room->ban_capacity) {
        uint32_t capacity = room->ban_capacity == 0 ? 4 : room->ban_capacity * 2;
        struct ban *bans = realloc(room->bans, capacity * sizeof(*bans));

        if (bans == NULL) {
            return NULL;
        }
        room->bans = bans;
        room->ban_capacity = capacity;
    }
    room->bans[room->ban_count] = (struct ban){0};
    return &room->bans[room->ban_count++];
}

static void lift(struct step *step, uint32_t place)
{
    struct vr_room *room = step->room;
    struct vr_id *grown = realloc(room->unbanned, (room->unbanned_count + 1) * sizeof(*grown));

    if (grown == NULL) {
        step->effects->failed = true;
        return;
    }
    grown[room->unbanned_count] = room->bans[place].user_ref;
    room->unbanned = grown;
    room->unbanned_count++;
    memmove(&room->bans[place], &room->bans[place + 1],
            (room->ban_count - place - 1) * sizeof(*room->bans));
    room->ban_count--;
    durable(step);
}

static void fill(struct step *step, struct ban *ban, const char *user, const struct person *person)
{
    const struct vr_command *cmd = step->cmd;
    const char *address = cmd->ban_address;

    if (address[0] == 0 && cmd->flag && person != NULL) {
        address = person->address;
    }
    ban->user_ref = ref(step->room, user);
    ban->address_ref = ref(step->room, address);
    snprintf(ban->user, sizeof(ban->user), "%s", user);
    snprintf(ban->name, sizeof(ban->name), "%s", person != NULL ? person->name : "");
    snprintf(ban->by_user, sizeof(ban->by_user), "%s",
             step->self != NULL ? step->self->user : cmd->by.user);
    snprintf(ban->by_name, sizeof(ban->by_name), "%s",
             cmd->by.name[0] != 0 || step->self == NULL ? cmd->by.name : step->self->name);
    snprintf(ban->reason, sizeof(ban->reason), "%s", vr_blob_text(cmd->text));
    ban->at_wall = step->at.wall;
    ban->until_wall = cmd->duration_s == 0 ? 0 : step->at.wall + VR_SECONDS(cmd->duration_s);
    ban->dirty = true;
    step->room->bans_dirty = true;
    durable(step);
}

enum vr_err step_ban(struct step *step)
{
    struct vr_room *room = step->room;
    struct person *person = step->target;
    char user[VR_USER_MAX + 1];
    struct ban *ban;
    struct vr_buf json = {0};

    snprintf(user, sizeof(user), "%s", person != NULL ? person->user : step->cmd->target_user);
    if (user[0] == 0) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "no such person");
    }
    ban = ban_by_user(room, ref(room, user));
    if (ban == NULL) {
        if (room->ban_count >= VR_BANS_MAX) {
            return vr_fail(&step->why, VR_E_CONFLICT, "this room has too many bans");
        }
        ban = ban_add(room);
        if (ban == NULL) {
            return vr_fail(&step->why, VR_E_NO_MEMORY, "memory is out");
        }
        ban->id = vr_random_id(room->conf.random);
    }
    fill(step, ban, user, person);
    json_ban(ban, &json);
    step->answer->body = json_blob(step, &json);
    if (person != NULL) {
        if (person_present(person)) {
            member_thrown_out(step, person, "room:banned", ban->reason, ban->until_wall);
        } else {
            person->role = VR_ROLE_LISTENER;
            person->resume_floor = person->generation + 1;
            person_changed(step, person);
        }
    }
    audit(step, "room:ban", user, ban->name, ban->reason);
    return VR_OK;
}

enum vr_err step_unban(struct step *step)
{
    struct vr_room *room = step->room;
    struct vr_id user = ref(room, step->cmd->target_user);

    for (uint32_t i = 0; i < room->ban_count; i++) {
        const struct ban *ban = &room->bans[i];
        bool by_id = !vr_id_is_zero(step->cmd->message) && vr_id_equal(ban->id, step->cmd->message);
        bool by_user = !vr_id_is_zero(user) && vr_id_equal(ban->user_ref, user);

        if (by_id || by_user) {
            step->subject = memory_hash(ban->user);
            audit(step, "room:unban", ban->user, ban->name, NULL);
            lift(step, i);
            return VR_OK;
        }
    }
    return vr_fail(&step->why, VR_E_NOT_FOUND, "no such ban");
}

void bans_tick(struct step *step)
{
    for (uint32_t i = step->room->ban_count; i > 0; i--) {
        if (!in_force(&step->room->bans[i - 1], step->at.wall)) {
            lift(step, i - 1);
        }
    }
}

/* At most a minute off: an ended ban is not in force, whether its record is still there or not. */
vr_time_us bans_deadline(const struct vr_room *room, struct vr_instant at)
{
    vr_time_us first = VR_NEVER;

    for (uint32_t i = 0; i < room->ban_count; i++) {
        const struct ban *ban = &room->bans[i];

        if (ban->until_wall != 0 && ban->until_wall < first) {
            first = ban->until_wall;
        }
    }
    return first == VR_NEVER ? VR_NEVER : at.now + (first > at.wall ? first - at.wall : 0);
}
