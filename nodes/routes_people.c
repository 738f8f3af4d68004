/* routes_people.c - participants, hands and bans over REST: thin, the room decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/routes.h"
#include "nodes/routes_cluster.h"

static void show(struct vr_http_request *request, enum vr_show want, vr_participant_id target,
                 vr_route_done_fn done)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command == NULL) {
        return;
    }
    command->want = want;
    command->target = target;
    vr_route_ask(request, room, command, done);
}

/** A number in the query, 0 when it is not there; false: answered 422. */
static bool query_number(struct vr_http_request *request, const char *name, unsigned long most,
                         uint32_t *out)
{
    char pointer[16];
    char text[16];
    char *end = NULL;
    unsigned long value;

    *out = 0;
    if (!vr_http_query(request, name, text, sizeof(text)) || text[0] == 0) {
        return true;
    }
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || value > most) {
        snprintf(pointer, sizeof(pointer), "/%s", name);
        vr_route_invalid(request, pointer, "a number is expected, and not so large a one");
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

void vr_route_participants(struct vr_http_request *request)
{
    struct vr_command *command;
    char name[VR_NAME_MAX + 1];
    uint32_t after;
    uint32_t limit;
    struct vr_id room;

    if (!vr_route_id(request, 0, &room) || !query_number(request, "after", UINT32_MAX, &after) ||
        !query_number(request, "limit", 1000, &limit)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = VR_SHOW_PARTICIPANTS;
        command->after = after;
        command->limit = limit;
        if (vr_http_query(request, "name", name, sizeof(name)) && name[0] != 0) {
            command->text = vr_blob_new(vr_bytes_of(name));
        }
        vr_route_ask(request, room, command, vr_route_answer_body);
    }
}

void vr_route_participant_show(struct vr_http_request *request)
{
    vr_participant_id target = 0;

    if (vr_route_participant(request, 1, &target)) {
        show(request, VR_SHOW_PARTICIPANTS, target, vr_route_answer_body);
    }
}

void vr_route_hands(struct vr_http_request *request)
{
    show(request, VR_SHOW_HANDS, 0, vr_route_answer_body);
}

void vr_route_bans(struct vr_http_request *request)
{
    show(request, VR_SHOW_BANS, 0, vr_route_answer_body);
}

/** After an act: the person as he is now. */
static void answer_person(struct vr_http_request *request, const struct vr_answer *answer)
{
    if (answer->body != NULL) {
        vr_route_answer_body(request, answer);
    } else {
        vr_route_participant_show(request);
    }
}

/** A command about the person in param 1, its fields from the body. */
static void about(struct vr_http_request *request, enum vr_command_kind kind, vr_route_done_fn done)
{
    struct vr_id room;
    vr_participant_id target = 0;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room) || !vr_route_participant(request, 1, &target)) {
        return;
    }
    command = vr_route_body_command(request, room, kind);
    if (command == NULL) {
        return;
    }
    command->target = target;
    vr_route_ask(request, room, command, done);
}

void vr_route_act(struct vr_http_request *request)
{
    static const struct {
        const char *name;
        enum vr_command_kind kind;
    } acts[] = {
        {"mute", VR_CMD_MUTE},
        {"unmute", VR_CMD_UNMUTE},
        {"ask-unmute", VR_CMD_ASK_UNMUTE},
        {"promote", VR_CMD_PROMOTE},
        {"demote", VR_CMD_DEMOTE},
        {"invite", VR_CMD_INVITE},
        {"make-moderator", VR_CMD_MAKE_MODERATOR},
        {"transfer-host", VR_CMD_TRANSFER_HOST},
    };

    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(request->param[2], acts[i].name) == 0) {
            about(request, acts[i].kind, answer_person);
            return;
        }
    }
    if (strcmp(request->param[2], "move") == 0) {
        vr_route_move(request);
        return;
    }
    vr_http_answer_problem(request, VR_E_NOT_FOUND, "no such act");
}

void vr_route_kick(struct vr_http_request *request)
{
    struct vr_id room;
    vr_participant_id target = 0;
    struct vr_command *command = NULL;
    char reason[VR_TEXT_MAX + 1];

    if (!vr_route_id(request, 0, &room) || !vr_route_participant(request, 1, &target)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_KICK);
    if (command == NULL) {
        return;
    }
    command->target = target;
    if (vr_http_query(request, "reason", reason, sizeof(reason))) {
        command->text = vr_blob_new(vr_bytes_of(reason));
    }
    vr_route_ask(request, room, command, vr_route_answer_nothing);
}

void vr_route_mute_all(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_MUTE_ALL);
    if (command != NULL) {
        vr_route_ask(request, room, command, vr_route_answer_body);
    }
}

void vr_route_hand_raise(struct vr_http_request *request)
{
    about(request, VR_CMD_HAND_RAISE, vr_route_answer_body);
}

void vr_route_hand_lower(struct vr_http_request *request)
{
    about(request, VR_CMD_HAND_LOWER, vr_route_answer_nothing);
}

static void answer_ban(struct vr_http_request *request, const struct vr_answer *answer)
{
    vr_http_answer_json(request, 201,
                        answer->body == NULL ? vr_bytes_of("{}") : vr_blob_bytes(answer->body));
}

void vr_route_ban(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_body_command(request, room, VR_CMD_BAN);
    if (command != NULL) {
        vr_route_ask(request, room, command, answer_ban);
    }
}

void vr_route_unban(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_id ban;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room) || !vr_route_id(request, 1, &ban)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_UNBAN);
    if (command != NULL) {
        command->message = ban;
        vr_route_ask(request, room, command, vr_route_answer_nothing);
    }
}
