/* envelope.c - from a message to bytes: the frame, and all bodies but the command. */
#include "actors/messages/envelope.h"

#include <stdlib.h>

#include "actors/messages/envelope_internal.h"

/** All protobuf structs that one message may need. */
struct parts {
    Vr__Wire__Envelope envelope;
    struct wire_address to, from;
    Vr__Wire__Id room;
    Vr__Wire__Blob blob;
    union {
        struct wire_command command;
        Vr__Wire__Answer answer;
        Vr__Wire__Event event;
        Vr__Wire__Gate gate;
        Vr__Wire__ShardSet shard_set;
        Vr__Wire__Empty empty;
        struct {
            Vr__Wire__Speakers speakers;
            Vr__Wire__Speaker items[VR_SPOKE_MAX];
            Vr__Wire__Speaker *at[VR_SPOKE_MAX];
        };
        Vr__Wire__Summary summary;
        Vr__Wire__Number number;
        Vr__Wire__Note note;
    };
};

static void put_answer(struct parts *parts, const struct vr_answer *answer)
{
    Vr__Wire__Answer *to = &parts->answer;

    vr__wire__answer__init(to);
    to->err = (char *)(uintptr_t)(answer->err == VR_OK ? "" : vr_err_code(answer->err));
    to->why = (char *)(uintptr_t)answer->why;
    to->retry_after_ms = answer->retry_after_ms;
    to->epoch = answer->epoch;
    to->sequence = answer->sequence;
    to->revision = answer->revision;
    to->digest = answer->digest;
    to->participant = answer->participant;
    to->generation = answer->generation;
    to->role = answer->role;
    to->muted_by_moderator = answer->muted_by_moderator;
    to->muted_by_self = answer->muted_by_self;
    to->provisional = answer->provisional;
    to->body = wire_put_blob(&parts->blob, answer->body);
    parts->envelope.answer = to;
}

static void put_event(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Event *to = &parts->event;

    vr__wire__event__init(to);
    to->sequence = msg->as.event.sequence;
    to->only = msg->as.event.only;
    to->last = msg->as.event.last;
    to->media_goes_on = msg->as.event.media_goes_on;
    if (!vr_id_is_zero(msg->as.event.session)) {
        to->session = wire_put_id(&parts->room, msg->as.event.session);
    }
    to->json = wire_put_blob(&parts->blob, msg->as.event.json);
    parts->envelope.event = to;
}

static Vr__Wire__Gate *put_gate(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Gate *to = &parts->gate;

    vr__wire__gate__init(to);
    to->participant = msg->as.gate.participant;
    to->generation = msg->as.gate.generation;
    to->version = msg->as.gate.version;
    to->may_send = msg->as.gate.may_send;
    to->may_hear = msg->as.gate.may_hear;
    to->gone = msg->as.gate.gone;
    return to;
}

static void put_shard_set(struct parts *parts, struct vr_shard_set *set)
{
    Vr__Wire__ShardSet *to = &parts->shard_set;

    vr__wire__shard_set__init(to);
    to->epoch = set->epoch;
    to->version = set->version;
    to->n_shards = set->count < VR_SHARDS_MAX ? set->count : VR_SHARDS_MAX;
    to->shards = set->shards;
    parts->envelope.shard_set = to;
}

static Vr__Wire__Speakers *put_speakers(struct parts *parts, const struct vr_msg *msg)
{
    uint32_t count = msg->as.speakers.count;

    vr__wire__speakers__init(&parts->speakers);
    parts->speakers.n_items = count < VR_SPOKE_MAX ? count : VR_SPOKE_MAX;
    parts->speakers.items = parts->at;
    parts->speakers.deaf = msg->as.speakers.deaf;
    for (size_t i = 0; i < parts->speakers.n_items; i++) {
        const struct vr_speaker *speaker = &msg->as.speakers.items[i];
        Vr__Wire__Speaker *to = &parts->items[i];

        vr__wire__speaker__init(to);
        to->participant = speaker->participant;
        to->spoke_ms = speaker->spoke_ms;
        to->level = speaker->level;
        to->holds_slot = speaker->holds_slot;
        parts->at[i] = to;
    }
    return &parts->speakers;
}

static void put_summary(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Summary *to = &parts->summary;

    vr__wire__summary__init(to);
    to->room = wire_put_id(&parts->room, msg->as.summary.room);
    to->participants = msg->as.summary.participants;
    to->speakers = msg->as.summary.speakers;
    to->hands = msg->as.summary.hands;
    to->live = msg->as.summary.live;
    to->json = wire_put_blob(&parts->blob, msg->as.summary.json);
    parts->envelope.summary = to;
}

static Vr__Wire__Number *put_number(struct parts *parts, uint64_t number)
{
    vr__wire__number__init(&parts->number);
    parts->number.value = number;
    return &parts->number;
}

static Vr__Wire__Note *put_note(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Note *to = &parts->note;

    vr__wire__note__init(to);
    to->type = msg->as.note.type;
    to->number = msg->as.note.number;
    to->err = (char *)(uintptr_t)(msg->as.note.err == VR_OK ? "" : vr_err_code(msg->as.note.err));
    to->bytes = wire_put_blob(&parts->blob, msg->as.note.bytes);
    return to;
}

/* What has a payload behind a pointer. False: it is missing, or the kind is local. */
static bool put_owned(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Envelope *to = &parts->envelope;

    if (msg->kind == VR_MSG_COMMAND && msg->as.command != NULL) {
        vr_wire_put_command(&parts->command, msg->as.command);
        to->command = &parts->command.command;
        to->body_case = VR__WIRE__ENVELOPE__BODY_COMMAND;
        return true;
    }
    if (msg->kind == VR_MSG_ANSWER && msg->as.answer != NULL) {
        put_answer(parts, msg->as.answer);
        to->body_case = VR__WIRE__ENVELOPE__BODY_ANSWER;
        return true;
    }
    if (msg->kind == VR_MSG_SHARD_SET && msg->as.shard_set != NULL) {
        put_shard_set(parts, msg->as.shard_set);
        to->body_case = VR__WIRE__ENVELOPE__BODY_SHARD_SET;
        return true;
    }
    return false;
}

/* False: a local kind, or a message without its payload. */
static bool put_body(struct parts *parts, const struct vr_msg *msg)
{
    Vr__Wire__Envelope *to = &parts->envelope;

    switch (msg->kind) {
    case VR_MSG_EVENT:
        put_event(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_EVENT;
        return true;
    case VR_MSG_GATE:
        to->gate = put_gate(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_GATE;
        return true;
    case VR_MSG_GATE_DONE:
        to->gate_done = put_gate(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_GATE_DONE;
        return true;
    case VR_MSG_SHARD_CLOSE:
        vr__wire__empty__init(&parts->empty);
        to->shard_close = &parts->empty;
        to->body_case = VR__WIRE__ENVELOPE__BODY_SHARD_CLOSE;
        return true;
    case VR_MSG_SPEAKERS:
        to->speakers = put_speakers(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_SPEAKERS;
        return true;
    case VR_MSG_SHARD_LEVELS:
        to->shard_levels = put_speakers(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_SHARD_LEVELS;
        return true;
    case VR_MSG_SUMMARY:
        put_summary(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_SUMMARY;
        return true;
    case VR_MSG_PING:
        to->ping = put_number(parts, msg->as.number);
        to->body_case = VR__WIRE__ENVELOPE__BODY_PING;
        return true;
    case VR_MSG_PONG:
        to->pong = put_number(parts, msg->as.number);
        to->body_case = VR__WIRE__ENVELOPE__BODY_PONG;
        return true;
    case VR_MSG_CLUSTER:
        to->cluster = put_note(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_CLUSTER;
        return true;
    case VR_MSG_CLUSTER_DONE:
        to->cluster_done = put_note(parts, msg);
        to->body_case = VR__WIRE__ENVELOPE__BODY_CLUSTER_DONE;
        return true;
    case VR_MSG_COMMAND:
    case VR_MSG_ANSWER:
    case VR_MSG_SHARD_SET:
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
    return put_owned(parts, msg);
}

static enum vr_err append(const Vr__Wire__Envelope *envelope, struct vr_buf *out)
{
    size_t size = vr__wire__envelope__get_packed_size(envelope);
    uint8_t *bytes;

    if (size > VR_ENVELOPE_MAX) {
        return VR_E_TOO_LARGE;
    }
    bytes = malloc(size == 0 ? 1 : size);
    if (bytes == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_buf_append(out, bytes, vr__wire__envelope__pack(envelope, bytes));
    free(bytes);
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}

enum vr_err vr_envelope_encode(const struct vr_msg *msg, vr_time_us now, struct vr_buf *out)
{
    struct parts parts;
    Vr__Wire__Envelope *to = &parts.envelope;

    vr__wire__envelope__init(to);
    if (!put_body(&parts, msg)) {
        return VR_E_BAD_REQUEST;
    }
    to->to = wire_put_address(&parts.to, &msg->to);
    to->from = wire_put_address(&parts.from, &msg->from);
    to->epoch = msg->epoch;
    if (msg->deadline != VR_NEVER && msg->deadline != 0) {
        to->asked = true;
        to->time_left_us = msg->deadline > now ? (uint64_t)(msg->deadline - now) : 0;
    }
    return append(to, out);
}
