/* member_restored.c - etcd answers, and has forgotten what it had: it was restored from a backup.
 *
 * Who knew of later revisions notices. Who does not (a node that was away when they came about)
 * would join, and decide by what was true once. So the first who notices tells all others by etcd
 * itself: the generation "3" becomes "3 restored", which no registration and no taking compares
 * equal to, until an administrator raises it. Only in a cluster with the id that we know: another
 * one may have nothing to do with us. */
#include <stdio.h>
#include <stdlib.h>

#include "cluster/own.h"

#define MARK " restored"
#define GATHER VR_SECONDS(3) /* who looks for the new generation each second has come by then */

bool member_is_marked(const struct vr_kv_pair *generation)
{
    size_t size = strlen(MARK);

    return generation != NULL && generation->value.size > size &&
           memcmp(generation->value.data + generation->value.size - size, MARK, size) == 0;
}

static void on_marked(void *ctx, const struct vr_kv_result *result)
{
    (void)ctx;
    (void)result; /* looked at again each second */
}

void member_mark_restored(struct vr_cluster *cluster)
{
    struct cluster_key key;
    struct vr_bytes generation = key_generation(&key, cluster->prefix);
    struct vr_kv_compare compare = {.kind = VR_KV_VALUE_IS, .key = generation};
    struct vr_kv_op put = {.kind = VR_KV_PUT, .key = generation};
    struct vr_kv_txn txn = {
        .compares = &compare, .compare_count = 1, .then = &put, .then_count = 1};
    char was[24];
    char now[40];

    snprintf(was, sizeof(was), "%llu", (unsigned long long)atomic_load(&cluster->generation));
    snprintf(now, sizeof(now), "%s%s", was, MARK);
    compare.value = vr_bytes_of(was);
    put.value = vr_bytes_of(now);
    cluster_txn(cluster, &txn, on_marked, cluster);
}

void member_note_numbered(struct vr_cluster *cluster, const struct vr_kv_result *result)
{
    struct cluster_member *member = cluster->member;
    struct cluster_key key;
    struct vr_bytes folder = key_numbers(&key, cluster->prefix);

    member->numbered_count = 0;
    for (uint32_t i = 0; i < result->pair_count; i++) {
        struct vr_bytes name = result->pairs[i].key;
        char number[16] = "";

        if (name.size <= folder.size || name.size - folder.size >= sizeof(number) ||
            memcmp(name.data, folder.data, folder.size) != 0 ||
            member->numbered_count == VR_CLUSTER_NODES_MAX) {
            continue;
        }
        memcpy(number, name.data + folder.size, name.size - folder.size);
        member->numbered[member->numbered_count++] = (uint32_t)strtoul(number, NULL, 10);
    }
}

bool member_has_gathered(struct vr_cluster *cluster)
{
    const struct cluster_member *member = cluster->member;
    vr_time_us since = vr_worker_now(cluster->worker) - atomic_load(&cluster->joined_at);

    for (uint32_t i = 0; i < member->numbered_count && since < SYNC_PATIENCE; i++) {
        if (member_node(cluster, member->numbered[i]) == NULL) {
            return false;
        }
    }
    return since >= GATHER;
}
