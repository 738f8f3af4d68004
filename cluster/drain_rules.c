#include "cluster/drain_rules.h"

#include <string.h>

#include "cluster/owners_rules.h"

/* What is left of `nodes` after one rule more: a bit for each. A cluster has at most 64. */
_Static_assert(VR_CLUSTER_NODES_MAX <= 64, "a set of nodes is one word");

struct choice {
    const struct vr_cluster_node *nodes;
    uint32_t count;
    uint64_t left;
};

static bool is_left(const struct choice *choice, uint32_t i)
{
    return (choice->left >> i & 1) != 0;
}

/* Unless nothing would be left. */
static void narrow(struct choice *choice, uint64_t to)
{
    choice->left = (choice->left & to) != 0 ? choice->left & to : choice->left;
}

static void that_can(struct choice *choice)
{
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct vr_cluster_node *node = &choice->nodes[i];
        bool can = node->alive && !node->self && !node->draining && node->url[0] != '\0';

        choice->left |= (uint64_t)can << i;
    }
}

static void of_our_region(struct choice *choice)
{
    const char *region = NULL;
    uint64_t same = 0;

    for (uint32_t i = 0; i < choice->count; i++) {
        region = choice->nodes[i].self ? choice->nodes[i].region : region;
    }
    for (uint32_t i = 0; region != NULL && i < choice->count; i++) {
        same |= (uint64_t)(strcmp(choice->nodes[i].region, region) == 0) << i;
    }
    narrow(choice, same);
}

static void with_room(struct choice *choice)
{
    uint32_t least = UINT32_MAX;
    uint64_t room = 0;

    for (uint32_t i = 0; i < choice->count; i++) {
        uint32_t stress = choice->nodes[i].stress_permille;

        least = is_left(choice, i) && stress < least ? stress : least;
    }
    for (uint32_t i = 0; i < choice->count; i++) {
        uint32_t stress = choice->nodes[i].stress_permille;

        room |= (uint64_t)(stress < DRAIN_FULL || stress - least < PLACE_MARGIN) << i;
    }
    narrow(choice, room);
}

static void youngest(struct choice *choice, vr_time_us wall)
{
    vr_time_us last = wall - DRAIN_ROUND + DRAIN_AS_YOUNG;
    uint64_t young = 0;

    for (uint32_t i = 0; i < choice->count; i++) {
        vr_time_us at = choice->nodes[i].started_at;

        last = is_left(choice, i) && at > last ? at : last;
    }
    for (uint32_t i = 0; i < choice->count; i++) {
        young |= (uint64_t)(choice->nodes[i].started_at >= last - DRAIN_AS_YOUNG) << i;
    }
    narrow(choice, young);
}

const struct vr_cluster_node *vr_drain_target(const struct vr_cluster_node *nodes, uint32_t count,
                                              uint32_t owner, vr_time_us wall)
{
    struct choice choice = {.nodes = nodes, .count = count};
    const struct vr_cluster_node *best = NULL;

    that_can(&choice);
    of_our_region(&choice);
    with_room(&choice);
    youngest(&choice, wall);
    for (uint32_t i = 0; i < count; i++) {
        const struct vr_cluster_node *node = &nodes[i];

        if (is_left(&choice, i) &&
            (best == NULL || node->number == owner ||
             (best->number != owner && node->participants < best->participants))) {
            best = node;
        }
    }
    return best;
}
