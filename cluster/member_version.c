/* member_version.c - who may stand beside whom: messages and records between nodes are readable by
 * the version before and the one after, and by no others. */
#include <stdio.h>
#include <string.h>

#include "cluster/own.h"

uint32_t member_protocol(const struct vr_cluster *cluster)
{
    return cluster->conf.protocol == 0 ? CLUSTER_PROTOCOL : cluster->conf.protocol;
}

static bool fits(uint32_t ours, uint32_t theirs)
{
    return theirs == 0 || (theirs <= ours + 1 && ours <= theirs + 1);
}

/* A record under nodes/ of another node that we cannot talk with: its name, in `name`. */
static bool is_misfit(const struct vr_cluster *cluster, const struct vr_kv_pair *pair,
                      char name[64], uint32_t *protocol)
{
    struct cluster_key folder;
    struct vr_bytes prefix = key_node(&folder, cluster->prefix, "");
    Vr__Cluster__Node *node;

    if (pair->key.size <= prefix.size || pair->key.size - prefix.size >= 64 ||
        memcmp(pair->key.data, prefix.data, prefix.size) != 0) {
        return false;
    }
    snprintf(name, 64, "%.*s", (int)(pair->key.size - prefix.size),
             (const char *)pair->key.data + prefix.size);
    node = vr__cluster__node__unpack(NULL, pair->value.size, pair->value.data);
    *protocol = node == NULL ? 0 : node->protocol;
    if (node != NULL) {
        vr__cluster__node__free_unpacked(node, NULL);
    }
    return strcmp(name, cluster->name) != 0 && !fits(member_protocol(cluster), *protocol);
}

bool member_versions_fit(struct vr_cluster *cluster, const struct vr_kv_result *result)
{
    struct cluster_member *member = cluster->member;
    char name[64] = "";
    char why[120];
    uint32_t theirs = 0;

    for (uint32_t i = 0; i < result->pair_count; i++) {
        if (!is_misfit(cluster, &result->pairs[i], name, &theirs)) {
            continue;
        }
        snprintf(why, sizeof(why),
                 "node %.24s speaks protocol %u, this one %u: upgrade by one version at a time",
                 name, theirs, member_protocol(cluster));
        member->misfit = member->misfit || member->stage != MEMBER_REFUSED;
        member_refuse(cluster, VR_E_CONFLICT, why);
        return false;
    }
    if (member->misfit) { /* the others have been upgraded, or have gone */
        member->misfit = false;
        member->stage = MEMBER_READING;
    }
    return true;
}
