#include "actors/media/relay_tree.h"

#include <stdlib.h>

struct nodes { /* in order */
    uint32_t count;
    uint32_t number[VR_SHARDS_MAX + 1];
    uint32_t entry[VR_SHARDS_MAX + 1];
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Shards in order, each once; a node's first one is its entry. */
static uint32_t sort_shards(uint32_t *sorted, const uint32_t *shards, uint32_t count, uint32_t self)
{
    uint32_t kept = 0, all = 0;

    for (; all < count && all < VR_SHARDS_MAX; all++) {
        sorted[all] = shards[all];
    }
    sorted[all++] = self;
    qsort(sorted, all, sizeof(sorted[0]), by_number);
    for (uint32_t i = 0; i < all; i++) {
        if (i == 0 || sorted[i] != sorted[kept - 1]) {
            sorted[kept++] = sorted[i];
        }
    }
    return kept;
}

static void list_nodes(struct nodes *nodes, const uint32_t *sorted, uint32_t count)
{
    nodes->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = vr_shard_node(sorted[i]);

        if (nodes->count == 0 || nodes->number[nodes->count - 1] != node) {
            nodes->number[nodes->count] = node;
            nodes->entry[nodes->count++] = sorted[i];
        }
    }
}

static uint32_t place_of(const struct nodes *nodes, uint32_t node)
{
    uint32_t place = 0;

    while (nodes->number[place] != node) {
        place++;
    }
    return place;
}

/* In a tree kept as an array the children of p are p*k+1 ... p*k+k. From `self` towards `to`: down
 * to that child under which `to` is, else up. */
static uint32_t step(uint32_t self, uint32_t to, uint32_t fan_out)
{
    while (to > self) {
        uint32_t parent = (to - 1) / fan_out;

        if (parent == self) {
            return to;
        }
        to = parent;
    }
    return (self - 1) / fan_out;
}

void vr_relay_tree_make(struct vr_relay_tree *tree, const uint32_t *shards, uint32_t count,
                        uint32_t self, uint32_t fan_out)
{
    uint32_t sorted[VR_SHARDS_MAX + 1];
    uint32_t all = sort_shards(sorted, shards, count, self);
    struct nodes nodes = {0};
    uint32_t here;

    list_nodes(&nodes, sorted, all);
    fan_out = fan_out == 0 ? VR_FAN_OUT : fan_out < 2 ? 2 : fan_out; /* 1 would be a chain */
    here = place_of(&nodes, vr_shard_node(self));
    tree->self = self;
    tree->node = vr_shard_node(self);
    tree->entry = nodes.entry[here] == self;
    tree->mesh = nodes.count - 1 <= fan_out;
    tree->count = 0;
    for (uint32_t i = 0; i < all && tree->count < VR_SHARDS_MAX; i++) {
        uint32_t place = place_of(&nodes, vr_shard_node(sorted[i]));
        uint32_t edge = place == here || tree->mesh ? place : step(here, place, fan_out);

        if (sorted[i] != self) {
            tree->ways[tree->count++] = (struct vr_relay_way){
                .shard = sorted[i],
                .edge = nodes.number[edge],
                .near = edge == place,
                .next = edge == place && (place == here || nodes.entry[place] == sorted[i]),
            };
        }
    }
}

const struct vr_relay_way *vr_relay_tree_find(const struct vr_relay_tree *tree, uint32_t shard)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        if (tree->ways[i].shard == shard) {
            return &tree->ways[i];
        }
    }
    return NULL;
}
