/* envelope_decode.c - from bytes to a message: the frame, and all bodies but the command. */
#include "actors/messages/envelope.h"

#include "actors/messages/envelope_internal.h"

static enum vr_err get_answer(const Vr__Wire__Answer *in, struct vr_answer **out)
{
    enum vr_err err = in->err[0] == '\0' ? VR_OK : vr_err_from_code(in->err);
    struct vr_answer *answer = vr_answer_new(err, in->why);

    if (answer == NULL) {
        return VR_E_NO_MEMORY;
    }
    answer->retry_after_ms = in->retry_after_ms;
    answer->epoch = in->epoch;
    answer->sequence = in->sequence;
    answer->revision = in->revision;
    answer->digest = in->digest;
    answer->participant = in->participant;
    answer->generation = in->generation;
    answer->role = (enum vr_role)in->role;
    answer->muted_by_moderator = in->muted_by_moderator;
    answer->muted_by_self = in->muted_by_self;
    answer->provisional = in->provisional;
    if (in->role >= VR_ROLES || strlen(in->why) >= sizeof(answer->why)) {
        vr_answer_free(answer);
        return VR_E_BAD_WIRE;
    }
    if (!wire_get_blob(in->body, &answer->body)) {
        vr_answer_free(answer);
        return VR_E_NO_MEMORY;
    }
    *out = answer;
    return VR_OK;
}

static enum vr_err get_event(const Vr__Wire__Event *in, struct vr_msg *out)
{
    out->as.event.sequence = in->sequence;
    out->as.event.only = in->only;
    out->as.event.last = in->last;
    out->as.event.media_goes_on = in->media_goes_on;
    out->as.event.session = wire_get_id(in->session);
    return wire_get_blob(in->json, &out->as.event.json) ? VR_OK : VR_E_NO_MEMORY;
}

static enum vr_err get_gate(const Vr__Wire__Gate *in, struct vr_msg *out)
{
    out->as.gate.participant = in->participant;
    out->as.gate.generation = in->generation;
    out->as.gate.version = in->version;
    out->as.gate.may_send = in->may_send;
    out->as.gate.may_hear = in->may_hear;
    out->as.gate.gone = in->gone;
    return VR_OK;
}

static enum vr_err get_shard_set(const Vr__Wire__ShardSet *in, struct vr_msg *out)
{
    struct vr_shard_set *set;

    if (in->n_shards > VR_SHARDS_MAX) {
        return VR_E_BAD_WIRE;
    }
    set = vr_shard_set_new();
    if (set == NULL) {
        return VR_E_NO_MEMORY;
    }
    set->epoch = in->epoch;
    set->version = in->version;
    set->count = (uint32_t)in->n_shards;
    for (size_t i = 0; i < in->n_shards; i++) {
        set->shards[i] = in->shards[i];
    }
    out->as.shard_set = set;
    return VR_OK;
}

static enum vr_err get_speakers(const Vr__Wire__Speakers *in, struct vr_msg *out)
{
    if (in->n_items > VR_SPOKE_MAX) {
        return VR_E_BAD_WIRE;
    }
    for (size_t i = 0; i < in->n_items; i++) {
        const Vr__Wire__Speaker *item = in->items[i];

        if (item->level > 127) { /* RFC 6464: seven bits */
            return VR_E_BAD_WIRE;
        }
        out->as.speakers.items[i] = (struct vr_speaker){item->participant, item->spoke_ms,
                                                        (uint8_t)item->level, item->holds_slot};
    }
    out->as.speakers.count = (uint32_t)in->n_items;
    out->as.speakers.deaf = in->deaf;
    return VR_OK;
}

static enum vr_err get_summary(const Vr__Wire__Summary *in, struct vr_msg *out)
{
    out->as.summary.room = wire_get_id(in->room);
    out->as.summary.participants = in->participants;
    out->as.summary.speakers = in->speakers;
    out->as.summary.hands = in->hands;
    out->as.summary.live = in->live;
    return wire_get_blob(in->json, &out->as.summary.json) ? VR_OK : VR_E_NO_MEMORY;
}

static enum vr_err get_note(const Vr__Wire__Note *in, struct vr_msg *out)
{
    out->as.note.type = in->type;
    out->as.note.number = in->number;
    out->as.note.err = in->err[0] == 0 ? VR_OK : vr_err_from_code(in->err);
    return wire_get_blob(in->bytes, &out->as.note.bytes) ? VR_OK : VR_E_NO_MEMORY;
}

static enum vr_err get_command(const Vr__Wire__Command *in, vr_time_us now, struct vr_msg *out)
{
    enum vr_err err = vr_wire_get_command(in, &out->as.command);

    if (err == VR_OK && vr_trace_on(&out->as.command->trace)) {
        out->as.command->traced_at = now;
    }
    return err;
}

static enum vr_err get_body(const Vr__Wire__Envelope *in, vr_time_us now, struct vr_msg *out)
{
    switch (in->body_case) {
    case VR__WIRE__ENVELOPE__BODY_COMMAND:
        out->kind = VR_MSG_COMMAND;
        return get_command(in->command, now, out);
    case VR__WIRE__ENVELOPE__BODY_ANSWER:
        out->kind = VR_MSG_ANSWER;
        return get_answer(in->answer, &out->as.answer);
    case VR__WIRE__ENVELOPE__BODY_EVENT:
        out->kind = VR_MSG_EVENT;
        return get_event(in->event, out);
    case VR__WIRE__ENVELOPE__BODY_GATE:
        out->kind = VR_MSG_GATE;
        return get_gate(in->gate, out);
    case VR__WIRE__ENVELOPE__BODY_GATE_DONE:
        out->kind = VR_MSG_GATE_DONE;
        return get_gate(in->gate_done, out);
    case VR__WIRE__ENVELOPE__BODY_SHARD_SET:
        out->kind = VR_MSG_SHARD_SET;
        return get_shard_set(in->shard_set, out);
    case VR__WIRE__ENVELOPE__BODY_SHARD_CLOSE:
        out->kind = VR_MSG_SHARD_CLOSE;
        return VR_OK;
    case VR__WIRE__ENVELOPE__BODY_SPEAKERS:
        out->kind = VR_MSG_SPEAKERS;
        return get_speakers(in->speakers, out);
    case VR__WIRE__ENVELOPE__BODY_SHARD_LEVELS:
        out->kind = VR_MSG_SHARD_LEVELS;
        return get_speakers(in->shard_levels, out);
    case VR__WIRE__ENVELOPE__BODY_SUMMARY:
        out->kind = VR_MSG_SUMMARY;
        return get_summary(in->summary, out);
    case VR__WIRE__ENVELOPE__BODY_PING:
        out->kind = VR_MSG_PING;
        out->as.number = in->ping->value;
        return VR_OK;
    case VR__WIRE__ENVELOPE__BODY_PONG:
        out->kind = VR_MSG_PONG;
        out->as.number = in->pong->value;
        return VR_OK;
    case VR__WIRE__ENVELOPE__BODY_CLUSTER:
        out->kind = VR_MSG_CLUSTER;
        return get_note(in->cluster, out);
    case VR__WIRE__ENVELOPE__BODY_CLUSTER_DONE:
        out->kind = VR_MSG_CLUSTER_DONE;
        return get_note(in->cluster_done, out);
    case VR__WIRE__ENVELOPE__BODY__NOT_SET:
    case _VR__WIRE__ENVELOPE__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return VR_E_UNKNOWN_MSG;
}

static enum vr_err get_envelope(const Vr__Wire__Envelope *in, vr_time_us now, struct vr_msg *out)
{
    out->epoch = in->epoch;
    out->deadline = VR_NEVER;
    if (in->asked) {
        /* Nobody waits longer than a day; so a made-up number can't run over. */
        bool sane = in->time_left_us < (uint64_t)VR_SECONDS(24 * 3600);

        out->deadline = now + (sane ? (vr_time_us)in->time_left_us : VR_SECONDS(24 * 3600));
    }
    if (!wire_get_address(in->to, &out->to) || !wire_get_address(in->from, &out->from)) {
        return VR_E_BAD_WIRE;
    }
    return get_body(in, now, out);
}

enum vr_err vr_envelope_decode(struct vr_bytes in, vr_time_us now, struct vr_msg *out)
{
    Vr__Wire__Envelope *envelope;
    enum vr_err err;

    *out = (struct vr_msg){0};
    if (in.size > VR_ENVELOPE_MAX) {
        return VR_E_TOO_LARGE;
    }
    envelope = vr__wire__envelope__unpack(NULL, in.size, in.data);
    if (envelope == NULL) {
        return VR_E_BAD_WIRE;
    }
    err = get_envelope(envelope, now, out);
    if (err != VR_OK) {
        vr_msg_clear(out);
    }
    vr__wire__envelope__free_unpacked(envelope, NULL);
    return err;
}
