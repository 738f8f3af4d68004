/* replica.c - the replica as an actor: its messages, its sessions, its following of the owner. */
#include "cluster/replica.h"

#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"

/* An owner that wakes again and again, its disk being full, asks no oftener. */
#define ANNOUNCE_AGAIN VR_SECONDS(2)

/* ---- sessions of this node ---- */

static uint32_t place_of(const struct replica *self, struct vr_id id)
{
    uint32_t low = 0;
    uint32_t high = self->session_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct vr_id *at = &self->sessions[middle];

        if (at->hi < id.hi || (at->hi == id.hi && at->lo < id.lo)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void count_people(struct replica *self)
{
    struct cluster_copies *copies = self->cluster->copies;
    struct copy_room *room;

    pthread_mutex_lock(&copies->lock);
    room = copy_make(copies, self->room);
    if (room != NULL) {
        room->people = self->session_count;
    }
    pthread_mutex_unlock(&copies->lock);
}

static bool session_known(const struct replica *self, struct vr_id id)
{
    uint32_t place = place_of(self, id);

    return place < self->session_count && vr_id_equal(self->sessions[place], id);
}

bool replica_has_session(const struct replica *self, struct vr_id session)
{
    return session_known(self, session);
}

static enum vr_err add_session(struct replica *self, struct vr_id id)
{
    uint32_t place = place_of(self, id);

    if (vr_id_is_zero(id) || session_known(self, id)) {
        return VR_OK;
    }
    if (self->session_count == self->session_capacity) {
        uint32_t capacity = self->session_capacity == 0 ? 16 : self->session_capacity * 2;
        struct vr_id *grown = realloc(self->sessions, capacity * sizeof(*grown));

        if (grown == NULL) {
            return VR_E_NO_MEMORY;
        }
        self->sessions = grown;
        self->session_capacity = capacity;
    }
    memmove(&self->sessions[place + 1], &self->sessions[place],
            (self->session_count - place) * sizeof(*self->sessions));
    self->sessions[place] = id;
    self->session_count++;
    count_people(self);
    return VR_OK;
}

static void remove_session(struct replica *self, struct vr_id id)
{
    uint32_t place = place_of(self, id);

    if (session_known(self, id)) {
        memmove(&self->sessions[place], &self->sessions[place + 1],
                (self->session_count - place - 1) * sizeof(*self->sessions));
        self->session_count--;
        count_people(self);
    }
}

static void hand_on(struct replica *self, const struct vr_msg *event, struct vr_id session)
{
    struct vr_msg msg = *event;

    msg.to = vr_session_address_at(session, self->self);
    msg.as.event.json = vr_blob_retain(event->as.event.json);
    vr_system_post(vr_actor_system(self->actor), &msg);
}

/* In the order in which they came, each to whom it is for. */
static void on_event(struct replica *self, const struct vr_msg *msg)
{
    if (msg->epoch < self->event_epoch) {
        return; /* of an owner who has been replaced */
    }
    self->event_epoch = msg->epoch;
    if (!vr_id_is_zero(msg->as.event.session)) {
        hand_on(self, msg, msg->as.event.session);
        return;
    }
    for (uint32_t i = 0; i < self->session_count; i++) {
        hand_on(self, msg, self->sessions[i]);
    }
}

/* ---- following ---- */

static void subscribe(struct replica *self)
{
    Vr__Cluster__Subscribe note = VR__CLUSTER__SUBSCRIBE__INIT;
    uint64_t epoch = 0;
    uint32_t owner = cluster_owner(self->cluster, self->room, &epoch);
    uint8_t bytes[96];
    struct vr_blob *blob;

    if (owner == 0 || owner == self->self) {
        return;
    }
    note.room_hi = self->room.hi;
    note.room_lo = self->room.lo;
    note.epoch = self->stored_epoch;
    note.revision = self->stored;
    note.people = self->session_count;
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__subscribe__pack(&note, bytes)));
    if (blob != NULL) {
        cluster_send_note(self->cluster, vr_replica_address(self->room, self->self),
                          vr_cluster_address(owner), VR__CLUSTER__NOTE_TYPE__NOTE_SUBSCRIBE, 0,
                          blob);
        vr_blob_release(blob);
    }
}

/* Nothing came from the owner for a while, and now it does: of a room where little happens the next
 * digest may be 10 s away, and what was missed with it. Who announces himself is told one soon. */
static bool was_silent(struct replica *self)
{
    uint64_t epoch = 0;
    uint32_t owner = cluster_owner(self->cluster, self->room, &epoch);
    bool silent = owner != 0 && owner != self->self && cluster_silent(self->cluster, owner);
    bool before = self->owner_silent;

    self->owner_silent = silent;
    return before && !silent;
}

/* There is an owner again, or another one: he may not have heard this node's sessions when he took
 * the room. They tell him; what was done without him goes first. */
static void announce(struct replica *self)
{
    vr_time_us now = vr_actor_now(self->actor);
    uint32_t joins = atomic_load(&self->cluster->joins);
    uint64_t epoch = 0;

    if (vr_cluster_state(self->cluster, NULL) != VR_CLUSTER_JOINED) {
        self->announced = 0;
        return;
    }
    if (joins != self->announced_join || was_silent(self)) {
        self->announced_join = joins;
        self->announced = 0;
    }
    if (!vr_list_empty(&self->deeds) ||
        !cluster_met(self->cluster, cluster_owner(self->cluster, self->room, &epoch)) ||
        epoch == self->announced ||
        (epoch == self->announced_last && now < self->announced_at + ANNOUNCE_AGAIN)) {
        return;
    }
    self->announced = self->announced_last = epoch;
    self->announced_at = now;
    for (uint32_t i = 0; i < self->session_count; i++) {
        struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                             .to = vr_session_address_at(self->sessions[i], self->self),
                             .from = vr_actor_address(self->actor),
                             .epoch = epoch,
                             .deadline = VR_NEVER};

        msg.as.note.type = VR_NOTE_OWNER;
        vr_system_post(vr_actor_system(self->actor), &msg);
    }
}

static vr_time_us ask_again_at(const struct replica *self)
{
    return self->ask_not_before != 0 ? self->ask_not_before : self->asked_at + REPLICA_ASK_AGAIN;
}

static void look(struct replica *self)
{
    vr_time_us now = vr_actor_now(self->actor);
    vr_time_us next;
    bool used = self->session_count > 0 || self->filling || !vr_list_empty(&self->flights) ||
                !vr_list_empty(&self->deeds) || !vr_list_empty(&self->judged);

    if (used) {
        self->idle_since = now;
    }
    if (self->session_count > 0 && now >= self->subscribe_at) {
        self->subscribe_at = now + COPY_SUBSCRIBE;
        subscribe(self);
    }
    if (marks_owner_is_back(self)) {
        deeds_hand_over(self);
    }
    marks_forget(self);
    announce(self);
    if (self->filling && now >= ask_again_at(self) && self->owner != 0) {
        self->filling = false;
        self->ask_not_before = 0;
        replica_ask_snapshot(self, self->owner);
    }
    if (now - self->idle_since >= REPLICA_IDLE) {
        vr_actor_stop(self->actor, VR_CLOSE_IDLE);
        return;
    }
    next = self->filling ? ask_again_at(self) : VR_NEVER;
    if (next <= now || next > now + VR_SECONDS(1)) {
        next = now + VR_SECONDS(1);
    }
    vr_actor_arm(self->actor, next);
}

/* ---- the actor ---- */

static enum vr_err on_note(struct replica *self, const struct vr_msg *msg)
{
    switch (msg->as.note.type) {
    case VR__CLUSTER__NOTE_TYPE__NOTE_REPLICATE:
        replica_on_commit(self, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT_GET:
        replica_on_get(self, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT:
        replica_on_snapshot(self, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_MARK:
        replica_on_mark(self, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_ROSTER_GET: /* an owner woke: what waits for one goes to it */
        self->subscribe_at = 0;
        self->announced = 0;
        break;
    case VR_NOTE_SESSION:
        if (msg->from.kind == VR_ACTOR_SESSION) {
            return add_session(self, msg->from.id);
        }
        break;
    case VR_NOTE_SESSION_GONE:
        remove_session(self, msg->from.id);
        break;
    default:
        break;
    }
    return VR_OK;
}

static enum vr_err handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                          struct vr_why *why)
{
    struct replica *self = state;
    enum vr_err err = VR_OK;

    (void)actor;
    (void)why;
    switch (msg->kind) {
    case VR_MSG_CLUSTER:
        err = on_note(self, msg);
        break;
    case VR_MSG_STORED:
        replica_on_stored(self, msg);
        break;
    case VR_MSG_EVENT:
        on_event(self, msg);
        break;
    case VR_MSG_COMMAND:
        replica_on_command(self, msg);
        break;
    case VR_MSG_ANSWER:
    case VR_MSG_GATE:
    case VR_MSG_GATE_DONE:
    case VR_MSG_SHARD_SET:
    case VR_MSG_SHARD_CLOSE:
    case VR_MSG_SPEAKERS:
    case VR_MSG_PEER_OPEN:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_CLOSE:
    case VR_MSG_PEER_STATE:
    case VR_MSG_SUMMARY:
    case VR_MSG_RELAY:
    case VR_MSG_SHARD_LEVELS:
    case VR_MSG_DRAIN:
    case VR_MSG_PING:
    case VR_MSG_PONG:
    case VR_MSG_CLUSTER_DONE:
    case VR_MSG_KINDS:
        break;
    }
    if (err == VR_OK) {
        look(self);
    }
    return err;
}

static enum vr_err on_timer(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)actor;
    (void)why;
    look(state);
    return VR_OK;
}

static enum vr_err on_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    struct replica *self = state;

    vr_list_init(&self->flights);
    vr_list_init(&self->held);
    vr_list_init(&self->deeds);
    vr_list_init(&self->acting);
    vr_list_init(&self->judged);
    self->actor = actor;
    self->room = vr_actor_address(actor).id;
    self->cluster = cluster_of(vr_actor_system(actor));
    if (self->cluster == NULL || self->cluster->copies == NULL) {
        return vr_fail(why, VR_E_NOT_FOUND, "this node is in no cluster");
    }
    self->self = cluster_self(self->cluster);
    self->ticket = 1 + (vr_random_u64(vr_system_random(vr_actor_system(actor))) >> 1);
    self->first_ticket = self->ticket;
    self->idle_since = vr_actor_now(actor);
    replica_read_head(self);
    marks_load(self);
    look(self);
    return VR_OK;
}

static void free_list(struct vr_list *list)
{
    while (list->next != NULL && !vr_list_empty(list)) {
        flight_free(VR_OWNER(vr_list_pop(list), struct flight, link));
    }
}

static void on_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    struct replica *self = state;

    (void)actor;
    (void)reason;
    free_list(&self->flights);
    free_list(&self->held);
    marks_close(self);
    deeds_free(self);
    vr_buf_deinit(&self->parts);
    vr_commit_free(self->staged);
    free(self->sessions);
}

const struct vr_actor_class *vr_replica_class(void)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_REPLICA,
        .name = "replica",
        .state_size = sizeof(struct replica),
        .worker = VR_WORKER_CONTROL,
        .open = on_open,
        .handle = handle,
        .timer = on_timer,
        .close = on_close,
        .mailbox_max = 8192, /* events of a busy room, and its commits */
    };

    return &class;
}
