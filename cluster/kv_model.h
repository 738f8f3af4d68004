/* kv_model.h - etcd as a model inside a simulation (actors/runtime/sim.h), with the faults that the
 * real one has shown: a time-out whose write happened, leases that a keepalive still praises,
 * silent watches, a change of leader, no quorum, compaction, a restore to a lower revision.
 *
 * One model per simulation, one client (struct vr_kv) per life of a node. Tests only. */
#ifndef VR_CLUSTER_KV_MODEL_H
#define VR_CLUSTER_KV_MODEL_H

#include "actors/runtime/sim.h"
#include "cluster/kv.h"

struct vr_kv_model;

/** NULL: out of memory. Freed after the simulation. */
struct vr_kv_model *vr_kv_model_new(struct vr_sim *sim);
void vr_kv_model_free(struct vr_kv_model *model);

/** The way to etcd of one node. While the node is paused its answers wait. Closed by whoever has
 * it; what it asked before may still happen. NULL: out of memory. */
struct vr_kv *vr_kv_model_client(struct vr_kv_model *model, struct vr_sim_node *node);

/* --- faults --- */

/** The node's requests don't arrive (`to`), or the answers and the events of its watches (`from`).
 * Calls end with VR_E_TIMEOUT; with only `from` cut the write has happened. After 3 s a watch is
 * told lost. */
void vr_kv_model_cut(struct vr_kv_model *model, struct vr_sim_node *node, bool to, bool from);
/** Thousandths of the calls that end with VR_E_TIMEOUT; every second one's write happens, some up
 * to two seconds after the time-out was told. */
void vr_kv_model_set_timeouts(struct vr_kv_model *model, uint32_t permille);
/** No quorum: nothing is answered, no lease runs out, watches are lost after 3 s. When it comes
 * back all leases have their whole time again, and half of the writes that hung happen. */
void vr_kv_model_set_quorum(struct vr_kv_model *model, bool quorum);
/** A new leader: as without quorum for 1.6 s. */
void vr_kv_model_change_leader(struct vr_kv_model *model);
/** Watches of the node tell nothing and are not lost (`false`: they tell what they missed). */
void vr_kv_model_silence(struct vr_kv_model *model, struct vr_sim_node *node, bool silent);
/** Forget history: a watch that asks for it is told lost. */
void vr_kv_model_compact(struct vr_kv_model *model);
/** The newest lease of the node is revoked, its keys are gone; `praised`: its keepalives say
 * nevertheless that all is well. */
void vr_kv_model_revoke(struct vr_kv_model *model, struct vr_sim_node *node, bool praised);
/** Keep all keys as they are now; bring them back: the revision is what it was then (`other_id`:
 * and the cluster has another id). All watches are lost, leases have their whole time again, and
 * calls that were on their way never arrive. */
bool vr_kv_model_save(struct vr_kv_model *model);
void vr_kv_model_restore(struct vr_kv_model *model, bool other_id);

/** Another etcd in its place: empty, with another id. */
void vr_kv_model_wipe(struct vr_kv_model *model);

/* --- looking in --- */

int64_t vr_kv_model_revision(const struct vr_kv_model *model);
/** The value now, good until the next event; false when there is no such key. */
bool vr_kv_model_get(const struct vr_kv_model *model, const char *key, struct vr_kv_pair *out);
uint32_t vr_kv_model_count(const struct vr_kv_model *model, const char *prefix);
/** As an operator would with etcdctl. */
void vr_kv_model_delete(struct vr_kv_model *model, const char *key);
uint64_t vr_kv_model_transactions(const struct vr_kv_model *model); /* that wrote something */

#endif
