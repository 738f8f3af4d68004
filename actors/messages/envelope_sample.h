/* envelope_sample.h - wire messages filled at random, and their comparison, for the envelope's
 * tests. */
#ifndef VR_MESSAGES_ENVELOPE_SAMPLE_H
#define VR_MESSAGES_ENVELOPE_SAMPLE_H

#include <stdlib.h>

#include "actors/base/random.h"
#include "actors/messages/msg.h"

static uint64_t below(const struct vr_random *random, uint64_t bound)
{
    return vr_random_below(random, bound);
}

static bool coin(const struct vr_random *random)
{
    return below(random, 2) == 1;
}

static void sample_text(const struct vr_random *random, char *out, size_t size)
{
    size_t length = coin(random) ? size - 1 : below(random, size); /* full ones often */

    for (size_t i = 0; i < length; i++) {
        out[i] = (char)(1 + below(random, 255));
    }
    out[length] = '\0';
}

#define SAMPLE_TEXT(random, field) sample_text(random, field, sizeof(field))

static struct vr_blob *sample_blob(const struct vr_random *random)
{
    uint8_t bytes[300];
    size_t size = below(random, sizeof(bytes));

    random->fill(random->ctx, bytes, sizeof(bytes));
    return below(random, 3) == 0 ? NULL : vr_blob_new(vr_bytes(bytes, size));
}

static struct vr_address sample_address(const struct vr_random *random)
{
    return (struct vr_address){
        .id = vr_random_id(random),
        .sub = (uint32_t)vr_random_u64(random),
        .kind = (enum vr_actor_kind)(1 + below(random, VR_ACTOR_KINDS - 1)),
    };
}

static struct vr_settings *sample_settings(const struct vr_random *random)
{
    struct vr_settings *settings = calloc(1, sizeof(*settings));

    settings->set = (uint32_t)vr_random_u64(random);
    SAMPLE_TEXT(random, settings->title);
    SAMPLE_TEXT(random, settings->topic);
    SAMPLE_TEXT(random, settings->description);
    SAMPLE_TEXT(random, settings->language);
    settings->tag_count = (uint32_t)below(random, VR_TAGS_MAX + 1);
    for (uint32_t i = 0; i < settings->tag_count; i++) {
        SAMPLE_TEXT(random, settings->tags[i]);
        memset(settings->tags[i] + strlen(settings->tags[i]), 0,
               sizeof(settings->tags[i]) - strlen(settings->tags[i]));
    }
    settings->visibility = (enum vr_visibility)below(random, VR_PRIVATE + 1);
    settings->locked = coin(random);
    settings->capacity = (uint32_t)vr_random_u64(random);
    settings->speaker_capacity = (uint32_t)vr_random_u64(random);
    settings->slow_hand_s = (uint32_t)vr_random_u64(random);
    settings->entry = (enum vr_speak_on_entry)below(random, 2);
    SAMPLE_TEXT(random, settings->passcode);
    settings->starts_at_wall = (vr_time_us)(vr_random_u64(random) >> 2) - (INT64_MAX >> 3);
    settings->invited_count = (uint32_t)below(random, VR_INVITED_MAX + 1);
    if (settings->invited_count > 0) {
        settings->invited = calloc(settings->invited_count, sizeof(char *));
    }
    for (uint32_t i = 0; i < settings->invited_count; i++) {
        settings->invited[i] = calloc(1, VR_USER_MAX + 1);
        sample_text(random, settings->invited[i], VR_USER_MAX + 1);
    }
    return settings;
}

static struct vr_command *sample_command(const struct vr_random *random)
{
    struct vr_command *command = vr_command_new((enum vr_command_kind)below(random, VR_CMD_KINDS));

    command->id = vr_random_id(random);
    SAMPLE_TEXT(random, command->by.user);
    SAMPLE_TEXT(random, command->by.name);
    SAMPLE_TEXT(random, command->by.address);
    command->by.participant = (uint32_t)vr_random_u64(random);
    command->by.generation = (uint32_t)vr_random_u64(random);
    command->by.order = vr_random_u64(random);
    command->by.granted = (enum vr_role)below(random, VR_ROLES);
    command->by.admin = coin(random);
    command->by.guest = coin(random);
    command->by.hidden = coin(random);
    command->by.no_publish = coin(random);
    command->by.no_subscribe = coin(random);
    command->by.no_request = coin(random);
    SAMPLE_TEXT(random, command->request_id);
    command->session = sample_address(random);
    command->shard = sample_address(random);
    command->target = (uint32_t)vr_random_u64(random);
    SAMPLE_TEXT(random, command->target_user);
    SAMPLE_TEXT(random, command->ban_address);
    command->duration_s = (uint32_t)vr_random_u64(random);
    command->version = vr_random_u64(random);
    command->message = vr_random_id(random);
    command->want = (enum vr_show)below(random, VR_SHOW_DIAGNOSIS + 1);
    command->after = (uint32_t)vr_random_u64(random);
    command->limit = (uint32_t)vr_random_u64(random);
    command->flag = coin(random);
    SAMPLE_TEXT(random, command->passcode);
    command->text = sample_blob(random);
    command->settings = coin(random) ? sample_settings(random) : NULL;
    command->spoke_count = (uint32_t)below(random, VR_SPOKE_MAX + 1);
    for (uint32_t i = 0; i < command->spoke_count; i++) {
        command->spoke[i].participant = (uint32_t)vr_random_u64(random);
        command->spoke[i].ms = (uint32_t)vr_random_u64(random);
    }
    if (coin(random)) {
        random->fill(random->ctx, command->trace.id, sizeof(command->trace.id));
        random->fill(random->ctx, command->trace.span, sizeof(command->trace.span));
    }
    return command;
}

static struct vr_answer *sample_answer(const struct vr_random *random)
{
    struct vr_answer *answer = vr_answer_new((enum vr_err)below(random, VR_ERR_COUNT), "");

    SAMPLE_TEXT(random, answer->why);
    answer->retry_after_ms = (uint32_t)vr_random_u64(random);
    answer->epoch = vr_random_u64(random);
    answer->sequence = vr_random_u64(random);
    answer->revision = vr_random_u64(random);
    answer->digest = vr_random_u64(random);
    answer->participant = (uint32_t)vr_random_u64(random);
    answer->generation = (uint32_t)vr_random_u64(random);
    answer->role = (enum vr_role)below(random, VR_ROLES);
    answer->muted_by_moderator = coin(random);
    answer->muted_by_self = coin(random);
    answer->body = sample_blob(random);
    return answer;
}

static void sample_speakers(const struct vr_random *random, struct vr_msg *msg)
{
    msg->as.speakers.count = (uint32_t)below(random, VR_SPOKE_MAX + 1);
    msg->as.speakers.deaf = coin(random);
    for (uint32_t i = 0; i < msg->as.speakers.count; i++) {
        struct vr_speaker *speaker = &msg->as.speakers.items[i];

        speaker->participant = (uint32_t)vr_random_u64(random);
        speaker->spoke_ms = (uint32_t)vr_random_u64(random);
        speaker->level = (uint8_t)below(random, 128);
        speaker->holds_slot = coin(random);
    }
}

static void sample_body(const struct vr_random *random, struct vr_msg *msg)
{
    switch (msg->kind) {
    case VR_MSG_COMMAND:
        msg->as.command = sample_command(random);
        break;
    case VR_MSG_ANSWER:
        msg->as.answer = sample_answer(random);
        break;
    case VR_MSG_EVENT:
        msg->as.event.sequence = vr_random_u64(random);
        msg->as.event.only = (uint32_t)vr_random_u64(random);
        msg->as.event.last = coin(random);
        msg->as.event.media_goes_on = coin(random);
        if (coin(random)) {
            msg->as.event.session = vr_random_id(random);
        }
        msg->as.event.json = sample_blob(random);
        break;
    case VR_MSG_GATE:
    case VR_MSG_GATE_DONE:
        msg->as.gate.participant = (uint32_t)vr_random_u64(random);
        msg->as.gate.generation = (uint32_t)vr_random_u64(random);
        msg->as.gate.version = vr_random_u64(random);
        msg->as.gate.may_send = coin(random);
        msg->as.gate.may_hear = coin(random);
        msg->as.gate.gone = coin(random);
        break;
    case VR_MSG_SHARD_SET:
        msg->as.shard_set = vr_shard_set_new();
        msg->as.shard_set->epoch = vr_random_u64(random);
        msg->as.shard_set->version = vr_random_u64(random);
        msg->as.shard_set->count = (uint32_t)below(random, VR_SHARDS_MAX + 1);
        random->fill(random->ctx, msg->as.shard_set->shards, 4 * msg->as.shard_set->count);
        break;
    case VR_MSG_SPEAKERS:
    case VR_MSG_SHARD_LEVELS:
        sample_speakers(random, msg);
        break;
    case VR_MSG_SUMMARY:
        msg->as.summary.room = vr_random_id(random);
        msg->as.summary.participants = (uint32_t)vr_random_u64(random);
        msg->as.summary.speakers = (uint32_t)vr_random_u64(random);
        msg->as.summary.hands = (uint32_t)vr_random_u64(random);
        msg->as.summary.live = coin(random);
        msg->as.summary.json = sample_blob(random);
        break;
    case VR_MSG_PING:
    case VR_MSG_PONG:
        msg->as.number = vr_random_u64(random);
        break;
    case VR_MSG_CLUSTER:
    case VR_MSG_CLUSTER_DONE:
        msg->as.note.type = (uint32_t)below(random, 100);
        msg->as.note.number = vr_random_u64(random);
        msg->as.note.err = coin(random) ? VR_OK : VR_E_FENCED;
        msg->as.note.bytes = sample_blob(random);
        break;
    case VR_MSG_SHARD_CLOSE:
    case VR_MSG_PEER_OPEN:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_CLOSE:
    case VR_MSG_PEER_STATE:
    case VR_MSG_STORED:
    case VR_MSG_RELAY:
    case VR_MSG_DRAIN:
    case VR_MSG_KINDS:
        break;
    }
}

static void sample_msg(const struct vr_random *random, enum vr_msg_kind kind, struct vr_msg *msg)
{
    memset(msg, 0, sizeof(*msg));
    msg->kind = kind;
    msg->to = sample_address(random);
    msg->from = sample_address(random);
    msg->epoch = vr_random_u64(random);
    msg->deadline = coin(random) ? VR_NEVER : VR_SECONDS(50) + (vr_time_us)below(random, 60000000);
    sample_body(random, msg);
}

#endif
