/* lobby.c - a hash table of the rooms that are awake, under one lock: summaries are few, reads
 * short. */
#include "nodes/lobby.h"

#include <pthread.h>
#include <stdlib.h>

#include "actors/base/list.h"
#include "actors/base/owner.h"
#include "cluster/cluster.h"
#include "nodes/list_far.h"
#include "nodes/node.h"

#define PLACES 4096

struct entry {
    struct vr_list link; /* vr_lobby.places */
    struct vr_id room;
    struct vr_lobby_room live;
};

struct vr_lobby {
    pthread_mutex_t lock;
    struct vr_list places[PLACES];
    struct vr_lobby_totals totals;
};

enum vr_err vr_lobby_new(struct vr_lobby **out)
{
    struct vr_lobby *lobby = calloc(1, sizeof(*lobby));

    *out = lobby;
    if (lobby == NULL) {
        return VR_E_NO_MEMORY;
    }
    pthread_mutex_init(&lobby->lock, NULL);
    for (uint32_t i = 0; i < PLACES; i++) {
        vr_list_init(&lobby->places[i]);
    }
    return VR_OK;
}

static void totals_add(struct vr_lobby *lobby, const struct vr_lobby_room *live, int sign)
{
    lobby->totals.rooms += (uint32_t)sign;
    lobby->totals.participants += (uint32_t)sign * live->participants;
    lobby->totals.speakers += (uint32_t)sign * live->speakers;
    lobby->totals.hands += (uint32_t)sign * live->hands;
}

static void entry_free(struct vr_lobby *lobby, struct entry *entry)
{
    totals_add(lobby, &entry->live, -1);
    vr_list_remove(&entry->link);
    vr_blob_release(entry->live.on_stage);
    free(entry);
}

void vr_lobby_free(struct vr_lobby *lobby)
{
    if (lobby == NULL) {
        return;
    }
    for (uint32_t i = 0; i < PLACES; i++) {
        VR_LIST_EACH(item, &lobby->places[i])
        {
            entry_free(lobby, VR_OWNER(item, struct entry, link));
        }
    }
    pthread_mutex_destroy(&lobby->lock);
    free(lobby);
}

static struct entry *entry_find(struct vr_lobby *lobby, struct vr_id room)
{
    VR_LIST_EACH(item, &lobby->places[room.lo % PLACES])
    {
        struct entry *entry = VR_OWNER(item, struct entry, link);

        if (vr_id_equal(entry->room, room)) {
            return entry;
        }
    }
    return NULL;
}

bool vr_lobby_find(struct vr_lobby *lobby, struct vr_id room, struct vr_lobby_room *out)
{
    struct entry *entry = NULL;

    *out = (struct vr_lobby_room){0};
    pthread_mutex_lock(&lobby->lock);
    entry = entry_find(lobby, room);
    if (entry != NULL) {
        *out = entry->live;
        vr_blob_retain(out->on_stage);
    }
    pthread_mutex_unlock(&lobby->lock);
    return entry != NULL;
}

void vr_lobby_totals(struct vr_lobby *lobby, struct vr_lobby_totals *out)
{
    pthread_mutex_lock(&lobby->lock);
    *out = lobby->totals;
    pthread_mutex_unlock(&lobby->lock);
}

/** Under the lock. */
static struct entry *entry_make(struct vr_lobby *lobby, struct vr_id room)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry != NULL) {
        entry->room = room;
        vr_list_push(&lobby->places[room.lo % PLACES], &entry->link);
        totals_add(lobby, &entry->live, 1);
    }
    return entry;
}

void vr_lobby_note(struct vr_lobby *lobby, const struct vr_msg *summary)
{
    struct vr_id room = summary->as.summary.room;
    struct entry *entry = NULL;

    pthread_mutex_lock(&lobby->lock);
    entry = entry_find(lobby, room);
    if (!summary->as.summary.live) {
        if (entry != NULL) {
            entry_free(lobby, entry);
        }
    } else if (entry != NULL || (entry = entry_make(lobby, room)) != NULL) {
        totals_add(lobby, &entry->live, -1);
        vr_blob_release(entry->live.on_stage);
        entry->live = (struct vr_lobby_room){
            .participants = summary->as.summary.participants,
            .speakers = summary->as.summary.speakers,
            .hands = summary->as.summary.hands,
            .on_stage = vr_blob_retain(summary->as.summary.json),
        };
        totals_add(lobby, &entry->live, 1);
    }
    pthread_mutex_unlock(&lobby->lock);
}

/* Every node lists the rooms of all: what a room here says goes to the other nodes' lobbies too. */
static void tell_others(struct vr_node *node, const struct vr_msg *summary)
{
    struct vr_cluster *cluster = vr_node_cluster(node);
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_cluster_nodes(cluster, nodes, VR_CLUSTER_NODES_MAX);

    for (uint32_t i = 0; i < count; i++) {
        struct vr_msg copy = {
            .kind = VR_MSG_SUMMARY, .from = summary->from, .epoch = summary->epoch};

        if (!nodes[i].self) {
            copy.to = (struct vr_address){.kind = VR_ACTOR_LOBBY, .sub = nodes[i].number};
            copy.as.summary = summary->as.summary;
            copy.as.summary.json = vr_blob_retain(summary->as.summary.json);
            vr_system_post(vr_node_system(node), &copy);
        }
    }
    free(nodes);
}

static enum vr_err lobby_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                struct vr_why *why)
{
    struct vr_node *node = vr_node_of(vr_actor_system(actor));

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_SUMMARY) {
        vr_lobby_note(vr_node_lobby(node), msg);
        if (msg->to.sub == 0 && vr_node_cluster(node) != NULL) {
            tell_others(node, msg);
        }
    } else if (msg->kind == VR_MSG_CLUSTER && msg->as.note.type == VR_NOTE_LISTING) {
        vr_list_far_tell(node, msg);
    }
    return VR_OK;
}

static enum vr_err lobby_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    return VR_OK;
}

static void lobby_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    (void)actor;
    (void)state;
    (void)reason;
}

const struct vr_actor_class *vr_lobby_class(void)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_LOBBY,
        .name = "lobby",
        .state_size = 1,
        .worker = VR_WORKER_CONTROL,
        .open = lobby_open,
        .handle = lobby_handle,
        .close = lobby_close,
        .mailbox_max = 65536,
    };

    return &class;
}
