#include "nodes/capacity.h"

#include <stdio.h>
#include <string.h>

static bool takes(const struct vr_cluster_node *node)
{
    return node->alive && !node->draining;
}

/** The last node of its region must stay: people of that region came for it. */
static bool alone_in_region(const struct vr_cluster_node *nodes, uint32_t count,
                            const struct vr_cluster_node *one)
{
    for (uint32_t i = 0; i < count; i++) {
        if (&nodes[i] != one && takes(&nodes[i]) && strcmp(nodes[i].region, one->region) == 0) {
            return false;
        }
    }
    return true;
}

/** Who is missed least: the fewest people, then the fewest rooms, then the youngest. */
static const struct vr_cluster_node *least(const struct vr_cluster_node *nodes, uint32_t count)
{
    const struct vr_cluster_node *best = NULL;

    for (uint32_t i = 0; i < count; i++) {
        const struct vr_cluster_node *node = &nodes[i];

        if (!takes(node) || alone_in_region(nodes, count, node)) {
            continue;
        }
        if (best == NULL || node->participants < best->participants ||
            (node->participants == best->participants && node->rooms_owned <= best->rooms_owned)) {
            best = node;
        }
    }
    return best;
}

static const struct vr_cluster_node *hardest(const struct vr_cluster_node *nodes, uint32_t count)
{
    const struct vr_cluster_node *most = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (takes(&nodes[i]) &&
            (most == NULL || nodes[i].stress_permille > most->stress_permille)) {
            most = &nodes[i];
        }
    }
    return most;
}

static void keep(const struct vr_cluster_node *nodes, uint32_t count, struct vr_capacity *out)
{
    const struct vr_cluster_node *most = hardest(nodes, count);

    out->act = VR_CAPACITY_KEEP;
    if (out->taking > 1 && most->stress_permille > VR_CAPACITY_FULL * 1000) {
        snprintf(out->why, sizeof(out->why),
                 "there is enough for all, but %s stands at %.2f: spread the rooms anew",
                 most->name, most->stress_permille / 1000.0);
    } else if (out->taking == 1) {
        snprintf(out->why, sizeof(out->why), "one node at %.2f, and nobody to take over from it",
                 out->stress);
    } else {
        snprintf(out->why, sizeof(out->why), "%u nodes: %.2f on each if one of them is lost",
                 out->taking, out->after_loss);
    }
}

static void judge(const struct vr_cluster_node *nodes, uint32_t count, double sum,
                  struct vr_capacity *out)
{
    const struct vr_cluster_node *spare = out->taking >= 3 ? least(nodes, count) : NULL;

    if (out->after_loss > VR_CAPACITY_FULL) {
        out->act = VR_CAPACITY_ADD;
        snprintf(out->why, sizeof(out->why), "%.2f %s is more than %.2f", out->after_loss,
                 out->taking == 1 ? "on the only node" : "on each node if one of them is lost",
                 VR_CAPACITY_FULL);
    } else if (spare != NULL && sum / (out->taking - 2) <= VR_CAPACITY_SPARE) {
        out->act = VR_CAPACITY_REMOVE;
        out->node = spare->number;
        snprintf(
            out->why, sizeof(out->why),
            "without %s the others stand at %.2f if one more is lost; it has the fewest people",
            spare->name, sum / (out->taking - 2));
    } else {
        keep(nodes, count, out);
    }
}

void vr_capacity_judge(const struct vr_cluster_node *nodes, uint32_t count, struct vr_capacity *out)
{
    double sum = 0;

    *out = (struct vr_capacity){0};
    for (uint32_t i = 0; i < count; i++) {
        if (takes(&nodes[i])) {
            sum += nodes[i].stress_permille / 1000.0;
            out->taking++;
        }
    }
    if (out->taking == 0) {
        out->act = VR_CAPACITY_ADD;
        snprintf(out->why, sizeof(out->why), "no node takes rooms");
        return;
    }
    out->stress = sum / out->taking;
    out->after_loss = out->taking == 1 ? sum : sum / (out->taking - 1);
    judge(nodes, count, sum, out);
}
