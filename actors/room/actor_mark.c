/* actor_mark.c - what silences somebody, and was under way or queued here when this node lost the
 * room: this node's copy carries it out as a mark, and the next owner takes it from there. Until he
 * has, he opens no gate that a mark closed: his store does not know of it yet. */
#include <stdlib.h>

#include "actors/room/actor_state.h"

static bool is_in_a_cluster(const struct room_actor *self)
{
    return vr_system_node(vr_actor_system(self->actor)) != 0;
}

struct vr_command *mark_of(const struct room_actor *self, const struct vr_msg *asked)
{
    const struct vr_command *cmd = asked == NULL ? NULL : asked->as.command;
    bool closes = cmd != NULL &&
                  (cmd->kind == VR_CMD_MUTE || cmd->kind == VR_CMD_KICK || cmd->kind == VR_CMD_BAN);

    return closes && is_in_a_cluster(self) ? vr_command_copy(cmd) : NULL;
}

bool mark_hand_on(struct room_actor *self, const struct vr_msg *asked, struct vr_command *mark)
{
    struct vr_system *system = vr_actor_system(self->actor);
    struct vr_msg msg = {
        .kind = VR_MSG_COMMAND,
        .to = vr_replica_address(vr_actor_address(self->actor).id, vr_system_node(system)),
        .from = asked->from,
        .deadline = VR_NEVER};

    if (mark == NULL) {
        return false;
    }
    msg.as.command = mark;
    if (vr_system_send(system, &msg) != VR_OK) {
        vr_msg_clear(&msg);
        return false;
    }
    return true;
}

bool mark_goes_on(struct room_actor *self, struct begun *step, enum vr_err err)
{
    struct vr_command *mark = step->mark;

    if ((err != VR_E_FROZEN && err != VR_E_FENCED) || step->answer->err != VR_OK) {
        return false;
    }
    step->mark = NULL;
    return mark_hand_on(self, &step->asked, mark);
}

bool mark_holds(const struct room_actor *self, vr_participant_id participant)
{
    const struct vr_room_services *services = self->services;
    struct vr_person_view view;

    return services->marked != NULL && vr_room_person(self->room, participant, &view) &&
           services->marked(services->ctx, vr_room_id(self->room), participant, view.user);
}
