/* sound_clock.c - session:sound-clock: when was said what this client hears?
 *
 * Its own shard names the slots and times the talkers who are there; other shards of the room, on
 * this node or another, time theirs. What one of them does not answer is left out: the client goes
 * without a figure for those talkers. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/messages/sound_clock.h"

#define PATIENCE VR_SECONDS(1)

struct look {
    struct op op; /* first */
    struct vr_client_msg msg;
    struct vr_sound_clock own;
    vr_time_us came;               /* the question */
    vr_time_us said[VR_SLOTS_MAX]; /* by our clock; VR_NEVER: not known */
    uint32_t ts[VR_SLOTS_MAX];     /* of the slot, at `said` */
    uint32_t waiting;              /* for so many shards */
    bool told;                     /* `own` is there */
};

/** One other shard, asked for its talkers. */
struct elsewhere {
    struct look *look;
    uint32_t shard;
    vr_time_us asked_at;
};

static void free_look(struct op *op)
{
    struct look *look = (struct look *)op;

    vr_client_msg_deinit(&look->msg);
    free(look);
}

static void answer(struct session *session, const struct look *look)
{
    struct vr_answer answer = {.epoch = session->epoch, .sequence = session->sequence};
    struct vr_buf body = {0};
    bool first = true;

    if (!look->told) {
        answer.err = VR_E_BUSY;
        session_send_answer(session, &look->msg, &answer);
        return;
    }
    /* Both: what waited here for another shard was not on the client's way. */
    vr_buf_printf(&body, "{\"asked_ms\":%.3f,\"at_ms\":%.3f,\"slots\":[", (double)look->came / 1000,
                  (double)vr_worker_now(session->worker) / 1000);
    for (uint32_t i = 0; i < look->own.slot_count; i++) {
        if (look->said[i] != VR_NEVER) {
            vr_buf_printf(&body,
                          "%s{\"ssrc\":%u,\"participant\":%u,\"rtp\":%u,\"captured_ms\":%.3f}",
                          first ? "" : ",", look->own.slots[i].ssrc, look->own.slots[i].participant,
                          look->ts[i], (double)look->said[i] / 1000);
            first = false;
        }
    }
    vr_buf_text(&body, "]}");
    answer.body = body.failed ? NULL : vr_blob_new(vr_buf_bytes(&body));
    answer.err = answer.body == NULL ? VR_E_NO_MEMORY : VR_OK;
    session_send_answer(session, &look->msg, &answer);
    vr_blob_release(answer.body);
    vr_buf_deinit(&body);
}

static void one_less(struct look *look)
{
    struct session *session = op_session(&look->op);

    if (--look->waiting > 0) {
        return;
    }
    if (session != NULL) {
        answer(session, look);
    }
    op_done(&look->op);
}

/* What `clock` knows of the talkers of `shard`; `now`: our time of its answer. */
static void take(struct look *look, uint32_t shard, const struct vr_sound_clock *clock,
                 vr_time_us now)
{
    for (uint32_t i = 0; i < look->own.slot_count; i++) {
        const struct vr_sound_slot *slot = &look->own.slots[i];
        const struct vr_sound_talker *talker =
            slot->shard == shard ? vr_sound_talker_of(clock, slot->participant) : NULL;

        if (talker != NULL) {
            look->said[i] = now - talker->ago_us;
            look->ts[i] = talker->ts + slot->ts_offset;
        }
    }
}

static bool read_answer(enum vr_err err, const struct vr_msg *msg, struct vr_sound_clock *clock)
{
    return err == VR_OK && msg->kind == VR_MSG_CLUSTER_DONE && msg->as.note.err == VR_OK &&
           vr_sound_clock_read(vr_blob_bytes(msg->as.note.bytes), clock);
}

/* Another machine's clock is not ours: its answer was made half-way between question and answer. */
static void on_elsewhere(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct elsewhere *elsewhere = ctx;
    struct look *look = elsewhere->look;
    struct session *session = op_session(&look->op);
    struct vr_sound_clock clock;

    if (session != NULL && read_answer(err, msg, &clock)) {
        vr_time_us now = vr_worker_now(session->worker);
        bool ours = vr_shard_node(elsewhere->shard) == session->env->session_services->node;

        take(look, elsewhere->shard, &clock,
             ours ? clock.now : elsewhere->asked_at + (now - elsewhere->asked_at) / 2);
    }
    free(elsewhere);
    one_less(look);
}

static void ask_elsewhere(struct session *session, struct look *look, uint32_t shard)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = vr_shard_address(session->room, shard)};
    struct elsewhere *elsewhere = malloc(sizeof(*elsewhere));

    if (elsewhere != NULL) {
        *elsewhere = (struct elsewhere){look, shard, vr_worker_now(session->worker)};
        look->waiting++;
        msg.as.note.type = VR_NOTE_SOUND_CLOCK;
        vr_ask(session->worker, &msg, PATIENCE, on_elsewhere, elsewhere);
    }
}

static bool asked_before(const struct look *look, uint32_t slot)
{
    for (uint32_t i = 0; i < slot; i++) {
        if (look->own.slots[i].shard == look->own.slots[slot].shard) {
            return true;
        }
    }
    return false;
}

static void on_own(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct look *look = ctx;
    struct session *session = op_session(&look->op);

    look->told = session != NULL && read_answer(err, msg, &look->own);
    if (look->told) {
        take(look, VR_SOUND_HERE, &look->own, look->own.now);
        for (uint32_t i = 0; i < look->own.slot_count; i++) {
            if (look->own.slots[i].shard != VR_SOUND_HERE && !asked_before(look, i)) {
                ask_elsewhere(session, look, look->own.slots[i].shard);
            }
        }
    }
    one_less(look);
}

static const struct session_peer *heard_through(const struct session *session)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (!vr_id_is_zero(session->peers[i].id) && session->peers[i].state == VR_PEER_UP) {
            return &session->peers[i];
        }
    }
    return NULL;
}

void session_sound_clock(struct session *session, struct vr_client_msg *asked)
{
    const struct session_peer *peer = heard_through(session);
    struct look *look = calloc(1, sizeof(*look));
    struct vr_answer refusal = {.epoch = session->epoch, .sequence = session->sequence};
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER};
    uint8_t id[16];

    if (look == NULL || peer == NULL) {
        refusal.err = look == NULL ? VR_E_NO_MEMORY : VR_E_CONFLICT;
        session_send_answer(session, asked, &refusal);
        vr_client_msg_deinit(asked);
        free(look);
        return;
    }
    look->msg = *asked;
    memset(asked, 0, sizeof(*asked));
    for (uint32_t i = 0; i < VR_SLOTS_MAX; i++) {
        look->said[i] = VR_NEVER;
    }
    op_start(&look->op, session, free_look);
    look->waiting = 1;
    look->came = vr_worker_now(session->worker);
    vr_id_put(id, peer->id);
    msg.to = vr_shard_address(session->room, peer->shard);
    msg.as.note.type = VR_NOTE_SOUND_CLOCK;
    msg.as.note.bytes = vr_blob_new(vr_bytes(id, sizeof id));
    vr_ask(session->worker, &msg, PATIENCE, on_own, look);
}
