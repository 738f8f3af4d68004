/* entry.c - may somebody come in, and in which role: ban, phase, lock, invitation, passcode,
 * capacity, in this order, so that a banned person learns nothing else. */
#include <string.h>

#include "actors/room/state.h"

bool is_creator(const struct vr_room *room, const char *user)
{
    return user[0] != 0 && strcmp(room->creator_user, user) == 0;
}

/* Those whom lock, invitation, passcode and the phase do not keep out. */
static bool is_staff(const struct step *step, const struct person *known)
{
    return step->rank >= VR_RANK_MODERATOR || is_creator(step->room, step->cmd->by.user) ||
           (known != NULL && known->role >= VR_ROLE_MODERATOR);
}

static bool is_invited(const struct step *step)
{
    const struct vr_room *room = step->room;
    struct vr_id ref = room->conf.ref(room->conf.ctx, step->cmd->by.user);

    for (uint32_t i = 0; i < room->settings.invited_count; i++) {
        if (vr_id_equal(room->settings.invited[i], ref)) {
            return true;
        }
    }
    return false;
}

static struct tries *tries_of(struct vr_room *room, uint64_t who, vr_time_us now)
{
    struct tries *oldest = &room->tries[0];

    for (uint32_t i = 0; i < TRIES_KEPT; i++) {
        struct tries *tries = &room->tries[i];

        if (tries->who == who) {
            return tries;
        }
        if (tries->rate.since < oldest->rate.since) {
            oldest = tries;
        }
    }
    *oldest = (struct tries){.who = who, .rate = {.since = now}};
    return oldest;
}

/* Same time for every pair of inputs: a passcode is not to be found byte by byte. */
static bool same_hash(const uint8_t a[32], const uint8_t b[32])
{
    volatile uint8_t difference = 0;

    for (int i = 0; i < 32; i++) {
        difference |= (uint8_t)(a[i] ^ b[i]);
    }
    return difference == 0;
}

/* Count a wrong passcode against `who`; refuses when there were too many. */
static enum vr_err judge_tries(struct step *step, const char *who, uint32_t most, bool wrong)
{
    struct tries *tries;
    vr_time_us wait;

    if (who[0] == 0) {
        return VR_OK;
    }
    tries = tries_of(step->room, memory_hash(who), step->at.now);
    if (tries->rate.used >= most && step->at.now - tries->rate.since < TRIES_WINDOW) {
        step->answer->retry_after_ms =
            (uint32_t)((TRIES_WINDOW - (step->at.now - tries->rate.since)) / 1000);
        return vr_fail(&step->why, VR_E_RATE, "too many wrong passcodes, try again later");
    }
    if (wrong) {
        (void)rate_take(&tries->rate, most, TRIES_WINDOW, step->at.now, &wait);
    }
    return VR_OK;
}

static enum vr_err check_passcode(struct step *step)
{
    const struct vr_room *room = step->room;
    const struct vr_command *cmd = step->cmd;
    uint8_t hash[32];
    enum vr_err err = judge_tries(step, cmd->by.user, TRIES_MAX, false);

    if (err == VR_OK) {
        err = judge_tries(step, cmd->by.address, ADDRESS_TRIES_MAX, false);
    }
    if (err != VR_OK) {
        return err;
    }
    if (cmd->passcode[0] == 0) {
        return vr_fail(&step->why, VR_E_PASSCODE, "this room needs a passcode");
    }
    if (!room->conf.hash_passcode(room->conf.ctx, cmd->passcode, room->settings.passcode_salt,
                                  hash)) {
        return vr_fail(&step->why, VR_E_INTERNAL, "the passcode could not be checked");
    }
    if (!same_hash(hash, room->settings.passcode_hash)) {
        (void)judge_tries(step, cmd->by.user, TRIES_MAX, true);
        (void)judge_tries(step, cmd->by.address, ADDRESS_TRIES_MAX, true);
        return vr_fail(&step->why, VR_E_PASSCODE, "the passcode is wrong");
    }
    return VR_OK;
}

static enum vr_err check_door(struct step *step, bool fresh)
{
    const struct settings *settings = &step->room->settings;
    bool is_private = settings->visibility == VR_PRIVATE;

    if (settings->locked) {
        return vr_fail(&step->why, VR_E_LOCKED, "the room is locked: nobody new may enter");
    }
    if (!fresh || (is_private && is_invited(step))) {
        return VR_OK; /* who comes back has shown invitation or passcode before */
    }
    if (settings->has_passcode) {
        return check_passcode(step);
    }
    return is_private ? vr_fail(&step->why, VR_E_NOT_INVITED, "this room is by invitation") : VR_OK;
}

enum vr_err entry_ban(struct step *step)
{
    const struct ban *ban = ban_of(step, step->rank < VR_RANK_MODERATOR);

    if (ban == NULL || is_creator(step->room, step->cmd->by.user)) {
        return VR_OK;
    }
    return ban->reason[0] == 0
               ? vr_fail(&step->why, VR_E_BANNED, "banned from this room")
               : vr_fail(&step->why, VR_E_BANNED, "banned from this room: %.100s", ban->reason);
}

enum vr_err entry_check(struct step *step, const struct person *known, bool fresh)
{
    const struct vr_room *room = step->room;
    enum vr_err err = entry_ban(step);

    if (err != VR_OK || (known != NULL && person_present(known))) {
        return err; /* his place is his already */
    }
    if (room->phase == VR_SCHEDULED && !is_staff(step, known)) {
        return vr_fail(&step->why, VR_E_CONFLICT, "the room has not begun");
    }
    if (!is_staff(step, known)) {
        err = check_door(step, fresh);
        if (err != VR_OK) {
            return err;
        }
    }
    if (!step->cmd->by.hidden && vr_room_counts(room).participants >= room->settings.capacity) {
        return vr_fail(&step->why, VR_E_ROOM_FULL, "the room is full: all %u places are taken",
                       room->settings.capacity);
    }
    return VR_OK;
}

bool stage_has_place(const struct vr_room *room)
{
    return vr_room_counts(room).speakers < room->settings.speaker_capacity;
}

enum vr_role entry_role(const struct step *step, const struct person *person)
{
    const struct vr_room *room = step->room;
    enum vr_role role = person->role;

    if (person->hidden) {
        return VR_ROLE_LISTENER;
    }
    if (person->creator && !room->counters.host_given) {
        return VR_ROLE_HOST;
    }
    if (person->creator && role < VR_ROLE_MODERATOR) {
        role = VR_ROLE_MODERATOR;
    }
    if (!person->demoted && step->cmd->by.granted > role) {
        role = step->cmd->by.granted;
    }
    if (!person->demoted && role == VR_ROLE_LISTENER && room->settings.entry == VR_ENTRY_SPEAKS) {
        role = VR_ROLE_SPEAKER;
    }
    if (role == VR_ROLE_HOST && room->counters.host != 0 && room->counters.host != person->id) {
        role = VR_ROLE_MODERATOR; /* somebody else is host */
    }
    if (role == VR_ROLE_SPEAKER && (person->no_publish || !stage_has_place(room))) {
        role = VR_ROLE_LISTENER;
    }
    return role;
}
