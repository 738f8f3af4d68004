/* owners_txn.h - the exact transactions on a room's keys. All that keeps two owners apart stands in
 * their compares, and nowhere else. */
#ifndef VR_CLUSTER_OWNERS_TXN_H
#define VR_CLUSTER_OWNERS_TXN_H

#include "cluster/own.h"

/** One transaction with the memory of its keys and values. Too large for a stack in a callback
 * chain it is not: about 6 KB. */
struct room_txn {
    struct vr_kv_txn txn;
    struct vr_kv_compare compares[6];
    struct vr_kv_op then[6];
    struct vr_kv_op otherwise[3];
    struct cluster_key owner, sync, head, node, rows, generation;
    char generation_value[24];
    uint8_t owner_value[256], sync_value[64], head_value[32];
};

/** Read all three keys. */
void txn_find(struct room_txn *out, const struct cluster_room *room);
/** Owner key absent; in-sync list and head as read; our own record is there; the generation is the
 * one that the epoch will carry. Put the owner key
 * under our lease, put the head anew as it is: its mod_revision changes, so that no late copy of an
 * earlier durable write can land. Else read all three. */
void txn_take(struct room_txn *out, const struct cluster_room *room, const char *reason);
/** The owner key is ours still: write the in-sync list. */
void txn_sync(struct room_txn *out, const struct cluster_room *room, uint32_t partner);
/** The owner key is ours still: delete it; the list says that nobody uses the room. Gone for good:
 * nothing of it stays. */
void txn_release(struct room_txn *out, const struct cluster_room *room, bool exists);
/** The owner key is ours still, the other node's record is the one that we know: put the owner key
 * under that node's lease, rewrite the head. */
void txn_hand_over(struct room_txn *out, const struct cluster_room *room,
                   const struct node_entry *to, const char *reason);
/** Nobody knows the room: an in-sync list that names us, idle, of the epoch of our copy. */
void txn_claim(struct room_txn *out, const struct cluster_room *room);
/** The compares and the head of a durable transaction: the owner key is ours still, the head is the
 * one that we read or wrote last. `then[0]` puts the head of (epoch, revision). */
void txn_durable(struct room_txn *out, const struct cluster_room *room, uint64_t revision);

/** The pair of a result that has this key; NULL: it was not there. */
const struct vr_kv_pair *txn_pair(const struct vr_kv_result *result, struct vr_bytes key);

#endif
