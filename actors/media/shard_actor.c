/* shard_actor.c - a shard as an actor: messages in, vr_shard calls; the shard's ways out, messages.
 *
 * Lives on the media worker whose context is the engine. Nothing is loaded: a shard that was
 * restarted is empty, its peers are closed (each session is told) and the room repeats gates and
 * shard set. */
#include "actors/media/engine_internal.h"
#include "actors/media/shard.h"
#include "actors/runtime/env.h"
#include "actors/runtime/system.h"

#define DRAIN_LOOK VR_SECONDS(1)

struct shard_state {
    struct vr_shard *shard;
    struct vr_engine *engine;
    struct vr_system *system;
    struct vr_address address;
    uint64_t epoch; /* of the owner heard last: repeated in what goes to the room */
    bool draining;
};

/* ---- out ---- */

static void send_relay(void *ctx, uint32_t shard, struct vr_relay *relay)
{
    struct shard_state *state = ctx;
    struct vr_msg msg = {.kind = VR_MSG_RELAY,
                         .to = vr_shard_address(state->address.id, shard),
                         .from = state->address,
                         .deadline = VR_NEVER,
                         .as.relay = relay};
    const struct vr_engine_conf *conf = &state->engine->conf;

    if (vr_shard_node(shard) == vr_shard_node(state->address.sub)) {
        vr_system_post(state->system, &msg);
        return;
    }
    if (conf->link_out != NULL) {
        conf->link_out(conf->link_ctx, shard, relay);
    }
    vr_relay_release(relay);
}

static void send_speakers(struct shard_state *state, enum vr_msg_kind kind, struct vr_address to,
                          const struct vr_speaker *items, uint32_t count, bool deaf)
{
    struct vr_msg msg = {.kind = kind,
                         .to = to,
                         .from = state->address,
                         .epoch = state->epoch,
                         .deadline = VR_NEVER};

    msg.as.speakers.count = count;
    msg.as.speakers.deaf = deaf;
    memcpy(msg.as.speakers.items, items, count * sizeof items[0]);
    vr_system_post(state->system, &msg);
}

static void send_levels(void *ctx, uint32_t shard, const struct vr_speaker *items, uint32_t count,
                        bool deaf)
{
    struct shard_state *state = ctx;

    send_speakers(state, VR_MSG_SHARD_LEVELS, vr_shard_address(state->address.id, shard), items,
                  count, deaf);
}

static void tell_speakers(void *ctx, const struct vr_speaker *items, uint32_t count)
{
    struct shard_state *state = ctx;

    send_speakers(state, VR_MSG_SPEAKERS, vr_room_address(state->address.id), items, count, false);
}

static void tell_session(struct shard_state *state, const struct vr_peer_conf *conf,
                         enum vr_peer_state peer_state, enum vr_repair_act act, uint8_t verdict)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_STATE,
                         .to = conf->session,
                         .from = state->address,
                         .deadline = VR_NEVER};

    if (conf->session.kind == VR_ACTOR_NONE) {
        return;
    }
    msg.as.peer_state.peer = conf->peer;
    msg.as.peer_state.participant = conf->participant;
    msg.as.peer_state.state = peer_state;
    msg.as.peer_state.repair = (uint8_t)act;
    msg.as.peer_state.verdict = verdict;
    vr_system_post(state->system, &msg);
}

static void tell_peer_state(void *ctx, const struct vr_peer_conf *conf,
                            enum vr_peer_state peer_state)
{
    tell_session(ctx, conf, peer_state, VR_REPAIR_NONE, 0);
}

static void tell_repair(void *ctx, const struct vr_peer_conf *conf, enum vr_repair_act act,
                        uint8_t verdict)
{
    tell_session(ctx, conf, VR_PEER_UP, act, verdict);
}

static const struct vr_shard_ops ops = {send_relay, send_levels, tell_speakers, tell_peer_state,
                                        tell_repair};

/* ---- life ---- */

static enum vr_err shard_open(struct vr_actor *actor, void *raw, struct vr_why *why)
{
    struct shard_state *state = raw;
    struct vr_engine *engine = vr_worker_context(vr_actor_worker(actor));
    const struct vr_env *env;
    struct vr_shard_conf conf = {.ops = &ops, .ctx = state};

    if (engine == NULL) {
        return vr_fail(why, VR_E_INTERNAL, "this worker has no media engine");
    }
    state->system = vr_actor_system(actor);
    state->address = vr_actor_address(actor);
    env = vr_system_context(state->system);
    conf.room = state->address.id;
    conf.number = state->address.sub;
    conf.slots = env == NULL ? 0 : env->slots;
    conf.fan_out = env == NULL ? 0 : env->fan_out;
    state->engine = engine;
    engine->now = vr_actor_now(actor);
    return vr_shard_open(engine, &conf, &state->shard);
}

static void shard_close(struct vr_actor *actor, void *raw, enum vr_close_reason reason)
{
    struct shard_state *state = raw;

    (void)actor;
    (void)reason;
    vr_shard_close(state->shard);
    state->shard = NULL;
}

/* ---- in ---- */

/* A closed shard must not live on because another one has not yet heard of it. */
static void sleep_if_empty(struct vr_actor *actor, const struct shard_state *state)
{
    if (vr_shard_is_empty(state->shard)) {
        vr_actor_stop(actor, VR_CLOSE_IDLE);
    }
}

static void open_peer(struct vr_actor *actor, struct shard_state *state, const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_PEER_OPENED};

    answer.as.peer_opened.peer = msg->as.peer->peer;
    if (!vr_id_equal(msg->as.peer->room, state->address.id)) {
        answer.as.peer_opened.err = VR_E_BAD_REQUEST;
    } else if (state->draining) {
        answer.as.peer_opened.err = VR_E_DRAINING;
    } else {
        answer.as.peer_opened.err =
            vr_shard_peer_open(state->shard, msg->as.peer, vr_actor_now(actor));
    }
    vr_reply(state->system, msg, &answer);
}

/* Answered once the gate is shut: from now on neither uplink nor relay passes, and what waits in
 * mailboxes is judged by the gate when it comes out. */
static enum vr_err set_gate(struct vr_actor *actor, struct shard_state *state,
                            const struct vr_msg *msg, struct vr_why *why)
{
    struct vr_gate gate = {
        .epoch = msg->epoch,
        .version = msg->as.gate.version,
        .generation = msg->as.gate.generation,
        .may_send = msg->as.gate.may_send,
        .may_hear = msg->as.gate.may_hear,
        .gone = msg->as.gate.gone,
    };
    struct vr_msg answer = {.kind = VR_MSG_GATE_DONE, .epoch = msg->epoch, .as.gate = msg->as.gate};
    enum vr_err err =
        vr_shard_gate(state->shard, msg->as.gate.participant, &gate, vr_actor_now(actor));

    if (err != VR_OK) {
        /* A gate that cannot be shut is a failure of this actor: restarted, it lets nobody through.
         */
        return vr_fail(why, err, "no memory for a gate");
    }
    if (msg->from.kind == VR_ACTOR_ASK) {
        vr_reply(state->system, msg, &answer);
    }
    return VR_OK;
}

static void drain(struct vr_actor *actor, struct shard_state *state)
{
    state->draining = true;
    if (!vr_shard_has_peers(state->shard)) {
        vr_actor_stop(actor, VR_CLOSE_DRAIN);
        return;
    }
    vr_actor_arm(actor, vr_actor_now(actor) + DRAIN_LOOK);
}

static enum vr_err shard_timer(struct vr_actor *actor, void *raw, struct vr_why *why)
{
    (void)why;
    drain(actor, raw);
    return VR_OK;
}

static void pong(struct shard_state *state, const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_PONG, .as.number = msg->as.number};

    vr_reply(state->system, msg, &answer);
}

static void tell_diagnosis(struct vr_actor *actor, struct shard_state *state,
                           const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};
    struct vr_buf json = {0};

    answer.as.note.type = VR_NOTE_DIAGNOSIS;
    vr_shard_diagnosis(state->shard, vr_actor_now(actor), &json);
    answer.as.note.bytes = json.failed ? NULL : vr_blob_new(vr_buf_bytes(&json));
    answer.as.note.err = answer.as.note.bytes == NULL ? VR_E_NO_MEMORY : VR_OK;
    vr_buf_deinit(&json);
    vr_reply(state->system, msg, &answer);
    sleep_if_empty(actor, state);
}

static void tell_sound_clock(struct vr_actor *actor, struct shard_state *state,
                             const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};
    struct vr_bytes asked = vr_blob_bytes(msg->as.note.bytes);
    struct vr_sound_clock clock;
    uint8_t bytes[VR_SOUND_CLOCK_MAX];

    vr_shard_sound_clock(state->shard, asked.size == 16 ? vr_id_get(asked.data) : (struct vr_id){0},
                         vr_actor_now(actor), &clock);
    answer.as.note.type = VR_NOTE_SOUND_CLOCK;
    answer.as.note.bytes = vr_blob_new(vr_bytes(bytes, vr_sound_clock_write(&clock, bytes)));
    answer.as.note.err = answer.as.note.bytes == NULL ? VR_E_NO_MEMORY : VR_OK;
    vr_reply(state->system, msg, &answer);
    sleep_if_empty(actor, state);
}

/* An owner who has been replaced and does not know it yet. */
static bool is_deposed(const struct shard_state *state, const struct vr_msg *msg)
{
    bool owners = msg->kind == VR_MSG_GATE || msg->kind == VR_MSG_SHARD_SET ||
                  msg->kind == VR_MSG_SHARD_CLOSE;

    return owners && msg->epoch < state->epoch;
}

static enum vr_err shard_handle(struct vr_actor *actor, void *raw, struct vr_msg *msg,
                                struct vr_why *why)
{
    struct shard_state *state = raw;
    vr_time_us now = vr_actor_now(actor);

    if (msg->from.kind != VR_ACTOR_SHARD && msg->epoch > state->epoch) {
        state->epoch = msg->epoch;
    }
    if (is_deposed(state, msg)) {
        return VR_OK; /* not answered either: he must not believe that he was obeyed */
    }
    switch (msg->kind) {
    case VR_MSG_PEER_OPEN:
        open_peer(actor, state, msg);
        return VR_OK;
    case VR_MSG_PEER_CLOSE:
        vr_shard_peer_close(state->shard, msg->as.peer_close.peer);
        sleep_if_empty(actor, state);
        return VR_OK;
    case VR_MSG_GATE:
        return set_gate(actor, state, msg, why);
    case VR_MSG_SHARD_SET:
        vr_shard_set_shards(state->shard, msg->as.shard_set);
        msg->as.shard_set = NULL;
        return VR_OK;
    case VR_MSG_SHARD_CLOSE:
        vr_actor_stop(actor, VR_CLOSE_DONE);
        return VR_OK;
    case VR_MSG_RELAY:
        vr_shard_relay_in(state->shard, now, msg->as.relay);
        sleep_if_empty(actor, state);
        return VR_OK;
    case VR_MSG_SHARD_LEVELS:
        vr_shard_levels_in(state->shard, now, msg->from.sub, msg->as.speakers.items,
                           msg->as.speakers.count, msg->as.speakers.deaf);
        sleep_if_empty(actor, state);
        return VR_OK;
    case VR_MSG_DRAIN:
        drain(actor, state);
        return VR_OK;
    case VR_MSG_PING:
        pong(state, msg);
        return VR_OK;
    case VR_MSG_CLUSTER:
        if (msg->as.note.type == VR_NOTE_DIAGNOSIS && msg->from.kind == VR_ACTOR_ASK) {
            tell_diagnosis(actor, state, msg);
        } else if (msg->as.note.type == VR_NOTE_SOUND_CLOCK && msg->from.kind == VR_ACTOR_ASK) {
            tell_sound_clock(actor, state, msg);
        }
        return VR_OK;
    case VR_MSG_COMMAND:
    case VR_MSG_ANSWER:
    case VR_MSG_EVENT:
    case VR_MSG_GATE_DONE:
    case VR_MSG_SPEAKERS:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_STATE:
    case VR_MSG_STORED:
    case VR_MSG_SUMMARY:
    case VR_MSG_PONG:
    case VR_MSG_CLUSTER_DONE:
    case VR_MSG_KINDS:
        return VR_OK; /* not for a shard: nothing of ours sends them */
    }
    return VR_OK;
}

const struct vr_actor_class *vr_shard_class(void)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_SHARD,
        .name = "shard",
        .state_size = sizeof(struct shard_state),
        .worker = VR_WORKER_MEDIA,
        .open = shard_open,
        .handle = shard_handle,
        .timer = shard_timer,
        .close = shard_close,
        .mailbox_max = 8192, /* a room's worth of gates at once */
    };

    return &class;
}
