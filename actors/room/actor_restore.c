/* actor_restore.c - a room comes back from a backup while its cluster runs.
 *
 * Its rows come in pieces to the room's actor, which is not there as a room but owns the id like
 * one that is being created: in an epoch above that of the deletion. All of it then is one commit,
 * and so what a restore comes to is what any commit comes to: fenced, at the partner, in the
 * directory, and newer than every copy that still knows the room as deleted. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/room/actor_state.h"
#include "actors/room/copy.h"
#include "store/personal.h"

#define ROWS_MAX ((size_t)16 << 20)
/* For the next one; then others may begin, and the room rests. */
#define PIECE_WAIT VR_SECONDS(30)

void restore_drop(struct room_actor *self)
{
    if (self->restore != NULL) {
        vr_buf_deinit(&self->restore->rows);
        vr_command_free(self->restore->command);
        free(self->restore);
        self->restore = NULL;
    }
}

bool restore_lands(const struct room_actor *self)
{
    return self->restore != NULL && self->restore->lands;
}

vr_time_us restore_deadline(const struct room_actor *self)
{
    return self->restore == NULL || self->restore->lands ? VR_NEVER
                                                         : self->restore->heard_at + PIECE_WAIT;
}

bool restore_waits(const struct room_actor *self)
{
    return self->restore != NULL && vr_actor_now(self->actor) < restore_deadline(self);
}

static void refuse(struct vr_answer *answer, enum vr_err err, const char *why)
{
    answer->err = err;
    snprintf(answer->why, sizeof(answer->why), "%s", why);
}

/* False: refused. */
static bool fits(struct room_actor *self, const struct vr_command *cmd, struct vr_answer *answer)
{
    struct restore *restore = self->restore;
    bool same = restore != NULL && vr_id_equal(restore->id, cmd->message);

    if (cmd->text == NULL || vr_id_is_zero(cmd->message)) {
        refuse(answer, VR_E_BAD_REQUEST, "a restore has an id, and each of its pieces has bytes");
        return false;
    }
    if (!same && restore_waits(self)) {
        refuse(answer, VR_E_IN_PROGRESS, "another restore of this room is under way");
        return false;
    }
    if (cmd->after == 0) {
        restore_drop(self);
        self->restore = calloc(1, sizeof(*self->restore));
    } else if (!same || restore->next != cmd->after) {
        refuse(answer, VR_E_CONFLICT, "the pieces before this one are not here: begin anew");
        return false;
    }
    if (self->restore == NULL) {
        refuse(answer, VR_E_NO_MEMORY, "no memory for a restore");
    }
    return self->restore != NULL;
}

static void take_whole(struct room_actor *self, const struct vr_command *cmd,
                       struct vr_effects *effects, struct vr_answer *answer)
{
    struct restore *restore = self->restore;
    struct vr_room_conf conf = vr_room_conf_of(vr_actor_system(self->actor), self->env);
    struct vr_why why = {0};
    enum vr_err err =
        vr_room_rows_judge(vr_room_id(self->room), &conf, vr_buf_bytes(&restore->rows), &why);

    if (err == VR_OK) {
        restore->command = vr_command_copy(cmd);
        err = restore->command == NULL ? VR_E_NO_MEMORY : VR_OK;
    }
    if (err != VR_OK) {
        refuse(answer, err, why.text[0] == 0 ? vr_err_text(err) : why.text);
        restore_drop(self);
        return;
    }
    vr_blob_release(restore->command->text);
    restore->command->text = NULL;
    restore->lands = true;
    effects->durable = effects->restored = true;
}

void restore_take(struct room_actor *self, const struct vr_command *cmd, struct vr_effects *effects,
                  struct vr_answer *answer)
{
    struct restore *restore;
    struct vr_bytes bytes = vr_blob_bytes(cmd->text);

    if (!fits(self, cmd, answer)) {
        return;
    }
    restore = self->restore;
    restore->id = cmd->message;
    restore->next = cmd->after + 1;
    restore->heard_at = vr_actor_now(self->actor);
    if (restore->rows.size + bytes.size > ROWS_MAX) {
        refuse(answer, VR_E_TOO_LARGE, "a room of more than 16 MiB is not restored alone");
        restore_drop(self);
        return;
    }
    vr_buf_append(&restore->rows, bytes.data, bytes.size);
    if (restore->rows.failed) {
        refuse(answer, VR_E_NO_MEMORY, "no memory for a restore");
        restore_drop(self);
    } else if (cmd->flag) {
        take_whole(self, cmd, effects, answer);
    }
}

enum vr_err restore_save(struct room_actor *self, struct vr_commit *commit)
{
    return self->restore == NULL
               ? VR_E_INTERNAL
               : vr_room_rows_save(self->room, vr_system_records(vr_actor_system(self->actor)),
                                   vr_buf_bytes(&self->restore->rows), commit);
}

enum vr_err restore_landed(struct room_actor *self, const struct vr_msg *asked,
                           struct vr_answer *answer)
{
    struct vr_command *command = self->restore->command;
    struct vr_msg again = *asked;
    struct vr_effects effects = {0};
    struct vr_why why = {0};
    char id[VR_ID_TEXT];
    enum vr_err err;

    self->restore->command = NULL;
    restore_drop(self);
    vr_personal_reread(self->services->personal); /* keys of people may have come with it */
    err = actor_read(self, &why);
    if (err != VR_OK) {
        vr_answer_free(answer);
        vr_command_free(command);
        return err;
    }
    vr_log(VR_LOG_WARN, "room restored from a backup",
           VR_S("room", vr_id_format(vr_room_id(self->room), id)),
           VR_U("epoch", vr_room_epoch(self->room)), VR_S("request_id", command->request_id));
    self->sequence_told = vr_room_sequence(self->room);
    self->summary_due = vr_actor_now(self->actor);
    vr_room_restored(self->room, command, actor_instant(self), &effects, answer);
    again.as.command = command;
    err = steps_begin(self, &again, answer, &effects, 0);
    vr_command_free(command);
    return err;
}
