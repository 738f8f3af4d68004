/* relay_tree.h - along which ways speech reaches every shard of a room exactly once.
 *
 * Pure, and the same on every shard, since all have the same set. Nodes are ordered by number. Up
 * to `fan_out` other nodes: everybody sends to every node (one hop). Beyond: a tree with `fan_out`
 * children each, its edges used in both directions; a node sends what came over one edge on over
 * all others. On each node the shard with the lowest number is its entry: speech from outside comes
 * in there and is handed on to the siblings; their own speech they send to siblings and to the next
 * nodes' entries by themselves, without a detour.
 *
 *          origin a1 --- a2            siblings
 *            |   \
 *           b1    c1 --- c2            entries of the next nodes, and a sibling there
 *          /  \
 *        d1    e1                      from b on, when there are more nodes than the fan-out
 *
 * The edges do not depend on who speaks, so that a summary (who would be heard behind this edge?)
 * is one per edge and direction, and never comes back to where it came from. */
#ifndef VR_MEDIA_RELAY_TREE_H
#define VR_MEDIA_RELAY_TREE_H

#include "actors/messages/msg.h"

#define VR_FAN_OUT 16u

struct vr_relay_way { /* to another shard of the set */
    uint32_t shard;
    uint32_t edge; /* node at the other end of our node's edge in its direction; our own: sibling */
    bool next; /* speech is sent to it: a sibling, or the entry of a node that an edge leads to */
    bool near; /* on a node that an edge leads to: it may send to us */
};

struct vr_relay_tree {
    uint32_t self, node;
    bool entry; /* of its node: hands on what comes from outside */
    bool mesh;  /* all nodes are next to each other: nothing goes on to third ones */
    uint32_t count;
    struct vr_relay_way ways[VR_SHARDS_MAX];
};

/** `self` need not be in `shards`; then it is as if it were. Duplicates are fine. `fan_out` 0: 16.
 */
void vr_relay_tree_make(struct vr_relay_tree *tree, const uint32_t *shards, uint32_t count,
                        uint32_t self, uint32_t fan_out);

/** The way to `shard`, NULL when it is not in the set. */
const struct vr_relay_way *vr_relay_tree_find(const struct vr_relay_tree *tree, uint32_t shard);

/** Does self send speech that `origin` made over this way? `from`: the way to the origin, NULL when
 * that is self. */
static inline bool vr_relay_goes(const struct vr_relay_tree *tree, const struct vr_relay_way *way,
                                 const struct vr_relay_way *from)
{
    if (!way->next || from == NULL) {
        return way->next;
    }
    return tree->entry && from->edge != tree->node && way->edge != from->edge &&
           (!tree->mesh || way->edge == tree->node);
}

#endif
