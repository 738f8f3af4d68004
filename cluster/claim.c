/* claim.c - rooms that this node has and the directory doesn't know: it ran alone until now, or
 * etcd was restored from an older backup and adopted. Each gets an in-sync list that names us, of
 * an older generation: whoever takes the room asks all nodes for the newest copy (owners_own.c).
 *
 * Only then: at any other join what the directory doesn't know was deleted while we were away. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/owners_txn.h"

#define AT_ONCE 16

struct claim {
    struct vr_list link; /* cluster_owners.claims */
    struct vr_cluster *cluster;
    struct vr_id id;
    uint64_t epoch;
};

static void send_some(struct vr_cluster *cluster);

static void on_claimed(void *ctx, const struct vr_kv_result *result)
{
    struct claim *claim = ctx;
    struct vr_cluster *cluster = claim->cluster;

    cluster->owners->claims_in_flight--;
    vr_list_remove(&claim->link);
    if (result->err == VR_E_BUSY || result->err == VR_E_TIMEOUT) {
        vr_list_push(&cluster->owners->claims, &claim->link); /* again: once is as good as twice */
    } else {
        free(claim);
    }
    send_some(cluster);
}

static void send_claim(struct claim *claim)
{
    struct vr_cluster *cluster = claim->cluster;
    struct cluster_room room = {.cluster = cluster, .id = claim->id, .epoch = claim->epoch};
    struct room_txn txn;

    txn_claim(&txn, &room);
    cluster_txn(cluster, &txn.txn, on_claimed, claim);
}

static void send_some(struct vr_cluster *cluster)
{
    struct cluster_owners *owners = cluster->owners;

    while (owners->claims_in_flight < AT_ONCE && !vr_list_empty(&owners->claims)) {
        struct vr_list *link = vr_list_pop(&owners->claims);

        owners->claims_in_flight++;
        vr_list_push(&owners->claims_sent, link);
        send_claim(VR_OWNER(link, struct claim, link));
    }
}

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct vr_cluster *cluster = ctx;
    struct claim *claim;
    uint64_t revision;

    (void)value;
    if (key.size != 16) {
        return true;
    }
    claim = calloc(1, sizeof(*claim));
    vr_assert(claim != NULL);
    vr_list_init(&claim->link);
    claim->cluster = cluster;
    claim->id = vr_id_get(key.data);
    (void)replica_has(cluster, claim->id, &claim->epoch, &revision);
    vr_list_push(&cluster->owners->claims, &claim->link);
    return true;
}

void claim_rooms(struct vr_cluster *cluster)
{
    enum vr_err err = vr_records_scan(cluster->conf.local, VR_TABLE_ROOMS, vr_bytes(NULL, 0),
                                      vr_bytes(NULL, 0), visit, cluster);

    if (err != VR_OK) {
        vr_log(VR_LOG_ERROR, "cluster: own rooms could not be listed",
               VR_S("why", vr_err_text(err)));
    }
    send_some(cluster);
}

void claims_free(struct vr_cluster *cluster)
{
    struct vr_list *lists[] = {&cluster->owners->claims, &cluster->owners->claims_sent};

    for (int i = 0; i < 2; i++) {
        struct vr_list *link;

        while ((link = vr_list_pop(lists[i])) != NULL) {
            free(VR_OWNER(link, struct claim, link));
        }
    }
}
