/* node.h - one running node: everything wired together, started and stopped in order.
 *
 * Two nodes can live in one process (tests): nothing here is global. What routes and sessions need
 * of their node they ask for with the functions below. */
#ifndef VR_NODES_NODE_H
#define VR_NODES_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/runtime/env.h"
#include "actors/runtime/system.h"
#include "actors/wire/jwt.h"

struct vr_node;
struct vr_inherit;
struct vr_config;
struct vr_auth;
struct vr_lobby;
struct vr_metrics;
struct vr_records;
struct vr_personal;
struct vr_directory;
struct vr_cluster;
struct vr_deployment;
struct vr_chores;
struct vr_sender;
struct vr_backups;

/** Open the store, make keys, start workers, listen. Borrows `config` until vr_node_stop has
 * returned. Errors: a sentence for a person, with the way out, in `why`; nothing is left running.
 */
VR_MUST_CHECK enum vr_err vr_node_start(const struct vr_config *config, struct vr_node **out,
                                        struct vr_why *why);
/** Clean end: not ready any more, server:draining to every client, close everything in order.
 * Returns within config->shutdown_s; false when that was not enough and threads may still run (then
 * exit at once). */
bool vr_node_stop(struct vr_node *node);

/** voiceroomd --cluster-secret FILE: this node's secrets, for the other nodes of its cluster, mode
 * 0600. It opens the store of `config`, so that a node which ran alone brings its own. VR_E_EXISTS:
 * the node runs, or the file is there. */
VR_MUST_CHECK enum vr_err vr_node_secret_export(const struct vr_config *config, const char *file,
                                                struct vr_why *why);

/** voiceroomd --new-cluster-keys: another CURVE key pair for this node, which must be down. The
 * other nodes take the public one from the directory when it starts; `key` gets it as text.
 * VR_E_EXISTS: the node runs; VR_E_NOT_FOUND: it has no keys yet. */
#define VR_NODE_KEY_TEXT 41
VR_MUST_CHECK enum vr_err vr_node_keys_renew(const struct vr_config *config,
                                             char key[VR_NODE_KEY_TEXT], struct vr_why *why);

/** For a parent: open the sockets that this configuration asks for, into inherit->sockets; those
 * that it holds already stay the same. What can't be opened is left out: the node tries it again,
 * and says why it can't. */
void vr_node_sockets_hold(const struct vr_config *config, struct vr_inherit *inherit);

/** For a parent: bytes of memory that outlive a node process with this configuration. */
size_t vr_node_memory_size(const struct vr_config *config);

/** What a person needs to know: addresses, join link, path of the admin key, data folder. */
void vr_node_describe(const struct vr_node *node, struct vr_buf *out);

/** For routes and sessions; thread-safe as far as the thing given is. */
const struct vr_config *vr_node_config(const struct vr_node *node);
const struct vr_env *vr_node_env(const struct vr_node *node);
struct vr_system *vr_node_system(const struct vr_node *node);
struct vr_records *vr_node_records(const struct vr_node *node);
struct vr_personal *vr_node_personal(const struct vr_node *node);
struct vr_directory *vr_node_directory(const struct vr_node *node);
/** NULL: this node is alone. */
struct vr_cluster *vr_node_cluster(const struct vr_node *node);
struct vr_auth *vr_node_auth(const struct vr_node *node);
/** The kid in admin-key.json as it is now; "" when the file names none. Reads the file. */
void vr_node_admin_kid(const struct vr_node *node, char out[VR_KID_MAX + 1]);
struct vr_deployment *vr_node_deployment(const struct vr_node *node);
struct vr_chores *vr_node_chores(const struct vr_node *node);
struct vr_backups *vr_node_backups(const struct vr_node *node);
struct vr_sender *vr_node_sender(const struct vr_node *node);
struct vr_reminders *vr_node_reminders(const struct vr_node *node);
struct vr_lobby *vr_node_lobby(const struct vr_node *node);
/** Read the configuration again from where it came, and apply what can be changed while running:
 * log level, rates, connections, certificate. Control worker's own thread. `applied` and `later`
 * (needs a restart) get the names of the settings that differ, each with a 0 at its end. Errors:
 * the configuration's; then nothing has changed. */
VR_MUST_CHECK enum vr_err vr_node_reload(struct vr_node *node, struct vr_buf *applied,
                                         struct vr_buf *later, struct vr_why *why);
/** The same, soon, told in the log. Any thread, between start and stop. */
void vr_node_reload_soon(struct vr_node *node);
struct vr_metrics *vr_node_metrics(const struct vr_node *node);
struct vr_tracer *vr_node_tracer(const struct vr_node *node); /* NULL: nothing is traced */
/** For /metrics: the transports of the process before this one. */
void vr_node_kept_metrics_write(const struct vr_node *node, struct vr_buf *out);
/** The port that a listener got (for port 0 in tests). */
uint16_t vr_node_http_port(const struct vr_node *node);
uint16_t vr_node_https_port(const struct vr_node *node);
bool vr_node_draining(const struct vr_node *node);
/** It is being drained, and others take who wants to come in: then the member `"nodes":[...]` with
 *  their addresses is made, a text with its end. False: he may come in here, for want of another
 *  node too. Any worker. */
bool vr_node_elsewhere(struct vr_node *node, struct vr_buf *member);

/** How long ago the loop that lags most last turned; any thread, between start and stop. Each turns
 * once a second at least, so more than a few seconds means that one hangs. */
vr_time_us vr_node_longest_still(const struct vr_node *node);

/** Per-check detail of /readyz as JSON; true when all are well. */
bool vr_node_ready(struct vr_node *node, struct vr_buf *json);

/** From an actor, a worker or anything that has the system: vr_env is the first member of the
 * node's context. */
struct vr_node *vr_node_of(const struct vr_system *system);

#endif
