/* marks_keep.c - what was done without an owner, kept until one has judged it: marks in the journal
 * and at all copies, the rest in memory. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/messages/envelope.h"
#include "cluster/replica.h"

#define TAKEN_WITHIN VR_SECONDS(5)
#define FORGET_AGAIN VR_SECONDS(1)

static bool is_owned(const struct replica *self)
{
    uint64_t epoch = 0;
    uint32_t owner = cluster_owner(self->cluster, self->room, &epoch);

    return vr_cluster_state(self->cluster, NULL) == VR_CLUSTER_JOINED &&
           cluster_met(self->cluster, owner) && !cluster_silent(self->cluster, owner);
}

bool marks_owner_is_back(const struct replica *self)
{
    return (self->copy != NULL || !vr_list_empty(&self->deeds)) && is_owned(self);
}

bool deed_known(const struct replica *self, struct vr_id command)
{
    VR_LIST_EACH(item, &self->deeds)
    {
        if (vr_id_equal(VR_OWNER(item, struct deed, link)->command->id, command)) {
            return true;
        }
    }
    return false;
}

bool deed_add(struct replica *self, const struct vr_command *command, bool mark)
{
    struct deed *deed = calloc(1, sizeof(*deed));

    if (deed != NULL) {
        deed->command = vr_command_copy(command);
    }
    if (deed == NULL || deed->command == NULL) {
        free(deed);
        return false;
    }
    deed->mark = mark;
    deed->ticket = ++self->deed_ticket;
    vr_list_push(&self->deeds, &deed->link);
    return true;
}

static void deed_free(struct deed *deed)
{
    vr_list_remove(&deed->link);
    vr_command_free(deed->command);
    free(deed);
}

static void free_list(struct vr_list *list)
{
    struct vr_list *link;

    while (list->next != NULL && (link = vr_list_pop(list)) != NULL) {
        deed_free(VR_OWNER(link, struct deed, link));
    }
}

void deeds_free(struct replica *self)
{
    free_list(&self->deeds);
    free_list(&self->judged);
}

/* ---- the journal ---- */

static struct vr_bytes key_of(const struct replica *self, struct vr_id command, uint8_t key[32])
{
    vr_id_put(key, self->room);
    vr_id_put(key + 16, command);
    return vr_bytes(key, 32);
}

/* The mark as bytes: what the journal has and other nodes get. */
static bool pack(struct replica *self, const struct vr_command *command, vr_participant_id silenced,
                 struct vr_buf *out)
{
    const struct vr_clock *clock = vr_system_clock(vr_actor_system(self->actor));
    Vr__Cluster__Mark mark = VR__CLUSTER__MARK__INIT;
    struct vr_msg msg = {
        .kind = VR_MSG_COMMAND, .to = vr_room_address(self->room), .deadline = VR_NEVER};
    struct vr_buf envelope = {0};
    uint8_t id[16];
    uint8_t *bytes = NULL;
    size_t size = 0;

    msg.as.command = (struct vr_command *)(uintptr_t)command; /* borrowed */
    if (vr_envelope_encode(&msg, vr_actor_now(self->actor), &envelope) == VR_OK) {
        vr_id_put(id, command->id);
        mark.room_hi = self->room.hi;
        mark.room_lo = self->room.lo;
        mark.id = (ProtobufCBinaryData){16, id};
        mark.command = (ProtobufCBinaryData){envelope.size, envelope.data};
        mark.epoch = self->copy_epoch;
        mark.at = clock->wall(clock->ctx);
        mark.node = self->self;
        mark.participant = silenced;
        size = vr__cluster__mark__get_packed_size(&mark);
        bytes = malloc(size);
    }
    if (bytes != NULL) {
        vr__cluster__mark__pack(&mark, bytes);
        vr_buf_append(out, bytes, size);
        free(bytes);
    }
    vr_buf_deinit(&envelope);
    return bytes != NULL && !out->failed;
}

/* NULL: it is no mark of this room. The caller frees it. */
static struct vr_command *unpack(struct replica *self, struct vr_bytes in,
                                 vr_participant_id *silenced)
{
    Vr__Cluster__Mark *mark = vr__cluster__mark__unpack(NULL, in.size, in.data);
    struct vr_command *command = NULL;
    struct vr_msg msg = {0};

    if (mark != NULL && mark->room_hi == self->room.hi && mark->room_lo == self->room.lo &&
        vr_envelope_decode(vr_bytes(mark->command.data, mark->command.len),
                           vr_actor_now(self->actor), &msg) == VR_OK &&
        msg.kind == VR_MSG_COMMAND) {
        command = msg.as.command;
        msg.as.command = NULL;
        *silenced = mark->participant;
    }
    vr_msg_clear(&msg);
    if (mark != NULL) {
        vr__cluster__mark__free_unpacked(mark, NULL);
    }
    return command;
}

/* A write of no room: it is of this node alone, and no owner's fence holds it up. */
static bool write(struct replica *self, struct vr_id command, const struct vr_buf *value,
                  uint64_t ticket)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    uint8_t key[32];

    if (value == NULL) {
        vr_commit_remove(commit, VR_TABLE_MARKS, key_of(self, command, key));
    } else {
        vr_commit_put(commit, VR_TABLE_MARKS, key_of(self, command, key), vr_buf_bytes(value));
    }
    if (ticket == 0) {
        vr_records_submit(self->cluster->conf.local, commit, NULL, NULL);
        return false;
    }
    return replica_submit_told(self, commit, ticket | REPLICA_MARK);
}

bool mark_keep(struct replica *self, const struct vr_command *command, vr_participant_id silenced,
               uint64_t ticket)
{
    struct vr_buf bytes = {0};
    bool told = pack(self, command, silenced, &bytes) && write(self, command->id, &bytes, ticket);

    vr_buf_deinit(&bytes);
    return told;
}

void mark_tell(struct replica *self, const struct vr_command *command, vr_participant_id silenced)
{
    struct vr_buf bytes = {0};
    struct vr_blob *blob = NULL;

    if (pack(self, command, silenced, &bytes)) {
        blob = vr_blob_new(vr_buf_bytes(&bytes));
    }
    for (uint32_t i = 0; blob != NULL && i < CLUSTER_VIEW_NODES; i++) {
        uint32_t node = atomic_load(&self->cluster->view.alive[i]);

        if (node != 0 && node != self->self) {
            cluster_send_note(self->cluster, vr_replica_address(self->room, self->self),
                              vr_replica_address(self->room, node),
                              VR__CLUSTER__NOTE_TYPE__NOTE_MARK, 0, blob);
        }
    }
    vr_blob_release(blob);
    vr_buf_deinit(&bytes);
}

static bool on_mark_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct replica *self = ctx;
    vr_participant_id silenced = 0;
    struct vr_command *command = unpack(self, value, &silenced);

    (void)key;
    if (command != NULL) {
        (void)deed_add(self, command, true);
        vr_command_free(command);
    }
    return true;
}

void marks_load(struct replica *self)
{
    uint8_t key[16];
    enum vr_err err;

    vr_id_put(key, self->room);
    err = vr_records_scan(self->cluster->conf.local, VR_TABLE_MARKS, vr_bytes(key, sizeof(key)),
                          (struct vr_bytes){0}, on_mark_row, self);
    if (err != VR_OK && err != VR_E_NOT_FOUND) {
        vr_log(VR_LOG_WARN, "marks of a room cannot be read", VR_S("why", vr_err_code(err)));
    }
}

void replica_on_mark(struct replica *self, const struct vr_msg *msg)
{
    vr_participant_id silenced = 0;
    struct vr_command *command = unpack(self, vr_blob_bytes(msg->as.note.bytes), &silenced);

    if (command != NULL && !deed_known(self, command->id)) {
        if (!is_owned(self)) { /* first: a copy that is read now has what is kept already */
            marks_hear(self, command);
        }
        if (deed_add(self, command, true)) {
            (void)mark_keep(self, command, silenced, 0);
        }
    }
    vr_command_free(command);
}

/* Their gates were closed when they were done. One that the copy refuses now changes nothing. */
void marks_replay(struct replica *self, struct vr_instant at)
{
    VR_LIST_EACH(item, &self->deeds)
    {
        const struct deed *deed = VR_OWNER(item, struct deed, link);
        struct vr_effects effects = {0};
        struct vr_answer answer = {0};

        if (deed->mark) {
            (void)vr_room_step(self->copy, deed->command, at, &effects, &answer);
            vr_blob_release(answer.body);
            vr_effects_deinit(&effects);
        }
    }
}

/* A row that stays would hold a gate for ever, once this node owns the room (marks_list.c). */
void marks_forget(struct replica *self)
{
    vr_time_us now = vr_actor_now(self->actor);

    if (now < self->forget_at) {
        return;
    }
    VR_LIST_EACH(item, &self->judged)
    {
        struct deed *deed = VR_OWNER(item, struct deed, link);

        if (!deed->sent) {
            deed->sent = write(self, deed->command->id, NULL, deed->ticket);
        }
    }
}

bool mark_forgotten(struct replica *self, uint64_t ticket, enum vr_err err)
{
    VR_LIST_EACH(item, &self->judged)
    {
        struct deed *deed = VR_OWNER(item, struct deed, link);

        if (deed->ticket != ticket) {
            continue;
        }
        if (err == VR_OK) {
            deed_free(deed);
        } else {
            deed->sent = false;
            self->forget_at = vr_actor_now(self->actor) + FORGET_AGAIN;
        }
        return true;
    }
    return false;
}

/* ---- the next owner ---- */

/* He has judged it, yes or no; or he does not answer, or cannot just now (his disk is full, the
 * same command is under way there), and is asked again. */
static bool is_judged(enum vr_err err, const struct vr_msg *answer)
{
    if (err != VR_OK || answer->kind != VR_MSG_ANSWER) {
        return false;
    }
    err = answer->as.answer->err;
    return !answer->as.answer->provisional && vr_err_status(err) < 500 && err != VR_E_IN_PROGRESS;
}

static enum vr_err on_taken(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                            struct vr_msg *answer, struct vr_why *why)
{
    struct replica *self = state;

    (void)actor;
    (void)why;
    VR_LIST_EACH(item, &self->deeds)
    {
        struct deed *deed = VR_OWNER(item, struct deed, link);

        if (deed->ticket != tag) {
            continue;
        }
        deed->sent = false;
        if (is_judged(err, answer)) {
            if (deed->mark) {
                vr_list_remove(&deed->link);
                vr_list_push(&self->judged, &deed->link);
                marks_forget(self);
            } else {
                deed_free(deed);
            }
        }
        break;
    }
    return VR_OK;
}

/* Comings are told by the sessions themselves, when they still are here (replica.c, announce). Only
 * of somebody whom no owner has seen the place must be made first. */
static bool is_moot(const struct replica *self, const struct vr_command *command)
{
    return command->kind == VR_CMD_RESUME ||
           (command->kind == VR_CMD_JOIN && (command->by.participant != command->target ||
                                             !replica_has_session(self, command->session.id)));
}

/* What the next owner gets: the session was judged by the copy, and a newer one of the same person
 * may have reached the owner before this. The order of his own acts decides (remember.c). */
static struct vr_command *for_owner(const struct deed *deed)
{
    struct vr_command *command = vr_command_copy(deed->command);

    if (command != NULL) {
        command->by.generation = 0;
        if (command->kind == VR_CMD_JOIN) {
            command->by.participant = 0;
        }
    }
    return command;
}

/* In the order in which they were done. The copy is worth nothing any more. Sessions of other nodes
 * that came in by it have seen the same owner in the same epoch all along: they are told. */
void deeds_hand_over(struct replica *self)
{
    bool far = false;

    if (vr_list_empty(&self->acting)) {
        vr_room_free(self->copy);
        self->copy = NULL;
    }
    VR_LIST_EACH(item, &self->deeds)
    {
        struct deed *deed = VR_OWNER(item, struct deed, link);
        struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(self->room)};

        if (deed->sent) {
            continue;
        }
        if (is_moot(self, deed->command)) {
            far = far || deed->command->session.sub != self->self;
            deed_free(deed);
            continue;
        }
        msg.as.command = for_owner(deed);
        if (msg.as.command == NULL) {
            break;
        }
        deed->sent = true;
        vr_actor_ask(self->actor, &msg, TAKEN_WITHIN, on_taken, deed->ticket);
    }
    if (far) {
        replica_woken(self->cluster, self->room);
    }
}
