/* node_internal.h - what the files of a node share. */
#ifndef VR_NODES_NODE_INTERNAL_H
#define VR_NODES_NODE_INTERNAL_H

#include <stdatomic.h>

#include "actors/media/dtls.h"
#include "actors/media/keep.h"
#include "actors/room/room_actor.h"
#include "actors/runtime/loop.h"
#include "actors/session/session.h"
#include "cluster/cluster.h"
#include "cluster/directory.h"
#include "nodes/agent.h"
#include "nodes/backups.h"
#include "nodes/certificate.h"
#include "nodes/chores.h"
#include "nodes/config.h"
#include "nodes/deployment.h"
#include "nodes/http_server.h"
#include "nodes/link_port.h"
#include "nodes/listen.h"
#include "nodes/lobby.h"
#include "nodes/media_port.h"
#include "nodes/node.h"
#include "nodes/node_load.h"
#include "nodes/reminders.h"
#include "nodes/sender.h"
#include "store/personal.h"

#define MEDIA_WORKERS_MAX 64
#define CONTROL_WORKERS_MAX 1
#define NODE_PEERS_MAX 20000 /* per media worker */

/* Names of META rows are part of the format. */
#define NODE_ROW_RESUME "resume-key"
#define NODE_ROW_PEPPER "personal-pepper"

struct media_part {
    struct vr_node *node;
    struct vr_media_port *port;
    struct vr_link_port *link; /* NULL: alone */
    struct vr_loop *loop;
};

struct control_part {
    struct vr_node *node;
    struct vr_http_worker *http;
    struct vr_loop *loop;
    struct vr_http_socket sockets[VR_HTTP_SOCKETS_MAX];
    uint32_t socket_count;
};

struct vr_keep;
struct vr_tracer;

struct vr_node {
    struct vr_env env; /* first: vr_system_context hands it out, and vr_node_of comes back */
    const struct vr_config *config;
    struct vr_config *reloaded; /* the settings as they were read last; NULL: never again */
    struct vr_records *records; /* LMDB */
    struct vr_records *shared; /* what actors and routes write to: in a cluster that of all nodes */
    struct vr_personal *personal;
    struct vr_directory *directory;
    struct vr_cluster *cluster; /* NULL: alone */
    struct vr_loop *cluster_loop;
    struct vr_kv *kv; /* the cluster's, for their figures; NULL: not open */
    struct vr_transport *transport;
    struct vr_links *links;
    struct vr_origins *origins;
    uint32_t number; /* of this node: 1 alone */
    char curve_public[VR_CURVE_KEY + 1];
    char curve_secret[VR_CURVE_KEY + 1];
    struct vr_auth *auth;
    struct vr_deployment *deployment;
    struct vr_chores *chores;
    struct vr_backups *backups;
    struct vr_sender *sender;
    struct vr_reminders *reminders;
    struct vr_lobby *lobby;
    struct vr_metrics *metrics;
    struct vr_tracer *tracer; /* NULL: nothing is traced */
    struct vr_files *files;
    struct vr_certificate *certificate; /* NULL: no HTTPS */
    struct node_hup *hup;               /* NULL: not running yet */
    struct vr_http *http;
    struct vr_sessions *sessions;
    struct vr_dtls_identity *identity;
    struct vr_keep *keep;             /* NULL: nothing outlives this process */
    struct vr_keep_restored restored; /* what was found in it, summed; written at the start */
    uint32_t kept_links;              /* other nodes whose keys were found in it */
    struct vr_system *system;
    struct vr_room_services room_services;
    struct vr_session_services session_services;
    struct vr_addresses local;                        /* of this machine */
    struct vr_media_address speech[VR_ADDRESSES_MAX]; /* bound, and told to clients */
    uint32_t speech_count;
    uint32_t media_count;
    uint32_t control_count;
    struct media_part media[MEDIA_WORKERS_MAX];
    struct control_part control[CONTROL_WORKERS_MAX];
    struct vr_media_place places[MEDIA_WORKERS_MAX];
    struct vr_ice_server ice[VR_CONFIG_LIST_MAX];
    char turn_secret[256]; /* shared with the TURN servers; "": nothing is minted */
    uint16_t http_port;
    uint16_t https_port;
    atomic_bool draining;
    atomic_bool ready;
    struct returning *returning; /* node_return.c; until their sessions are there */
    uint32_t returning_count;
    struct node_load load;
    struct vr_agent *agent; /* NULL: agent_port is not set */
};

/* node.c */
/** Copy, cut to the capacity, and end with 0. */
void node_text_put(char *out, size_t capacity, const char *text);
/** How many workers of each kind. */
void node_counts_decide(struct vr_node *node);

/* node_system.c */
/** node->env from the configuration; needs the parts that are handed on. */
void node_env_fill(struct vr_node *node);
enum vr_err node_system_make(struct vr_node *node);

/* node_trace.c */
/** Where spans go, when the settings say so. */
enum vr_err node_trace_open(struct vr_node *node);

/* node_ice.c */
enum vr_err node_ice_fill(struct vr_node *node, struct vr_why *why);

/* node_sockets.c */
enum vr_err node_speech_addresses(struct vr_node *node, struct vr_why *why);
/** The sockets and the port of one media worker. */
enum vr_err node_media_open(struct vr_node *node, uint32_t index, struct vr_why *why);
/** The sockets of HTTP and HTTPS, and the server behind them. */
enum vr_err node_http_make(struct vr_node *node, struct vr_why *why);

/* node_return.c */
/** Who goes on over a death of the process; before the loops. */
void node_return_find(struct vr_node *node);
/** Before the media loops run: the shards of these transports are there with their first turn. */
void node_return_shards(struct vr_node *node);
/** Their sessions; on the control loop, before HTTP opens. */
void node_return_sessions(struct vr_node *node, struct vr_worker *worker);
void node_return_free(struct vr_node *node);

/* node_keep.c */
/** Before the media ports: what the parent keeps. */
void node_keep_open(struct vr_node *node);
/** After them: what was found in it, for the log and the metrics. */
void node_keep_tell(struct vr_node *node);

/* node_loops.c */
/** The media loops, before all else: who was heard when the last process died waits for them. */
enum vr_err node_media_start(struct vr_node *node, struct vr_why *why);
/** The others: cluster and control. */
enum vr_err node_loops_start(struct vr_node *node, struct vr_why *why);
void node_loops_stop(struct vr_node *node); /* those that were started; waits for them */

/* node.c */
enum vr_err node_folder_make(const char *folder, struct vr_why *why);

/* node_cluster.c: only with cluster_etcd set */
enum vr_err node_cluster_make(struct vr_node *node, struct vr_why *why);
enum vr_err node_cluster_start(struct vr_node *node, struct vr_why *why);
void node_cluster_stop(struct vr_node *node);
/** As vr_session_services.nodes; `ctx` is the node. */
uint32_t node_cluster_urls(void *ctx, char out[VR_NODE_URLS_MAX][256]);
/** The link port of one media worker, before its media port. */
enum vr_err node_link_open(struct vr_node *node, uint32_t index, struct vr_why *why);
/** As vr_session_services.move_to. */
bool node_cluster_move_to(void *ctx, struct vr_id room, char *url, size_t size);

/** As vr_session_services.draining. */
bool node_cluster_draining(void *ctx);

/* node_drain.c: only with cluster_etcd set */
/** Before a clean end: rooms and people go to other nodes; waits until they have, at most
 * `patience`. Nobody else there to take them: returns at once. The main thread. */
void node_drain(struct vr_node *node, vr_time_us patience);

/* node_keys.c */
/** META rows of the node: resume key, pepper, DTLS identity; made on the first start. */
enum vr_err node_keys_load(struct vr_node *node, uint8_t pepper[32], struct vr_why *why);
/** A secret of 32 bytes in META, made when it is missing. */
enum vr_err node_secret_row(struct vr_records *records, const char *row, uint8_t out[32]);
/** node->curve_public and _secret: as the store has them, else made now. */
enum vr_err node_curve_load(struct vr_node *node);
enum vr_err node_row_write(struct vr_records *records, const char *row, struct vr_bytes value);

/* node_secret.c */
/** Put the cluster's secrets into META of a store that has none of its own, or the same.
 * VR_E_CONFLICT: it has others. */
enum vr_err node_secret_adopt(struct vr_records *records, const char *file, struct vr_why *why);
/** The file with the admin key, made when it is missing. */
enum vr_err node_admin_file(struct vr_node *node, struct vr_why *why);
/** The certificate of HTTPS: the one configured, or our own. */
enum vr_err node_tls_open(struct vr_node *node, struct vr_why *why);

/* node_reload.c */
/** As vr_certificate_conf.changed; `ctx` is the node. */
void node_certificate_changed(void *ctx, struct ssl_ctx_st *tls, bool trusted);
/** On the control worker's loop: watch the certificate, and be there for vr_node_reload_soon. */
void node_reload_open(struct vr_node *node, struct uv_loop_s *loop);
void node_reload_close(struct vr_node *node);
void node_reload_free(struct vr_node *node); /* after the loop */

/* node_about.c */
/** data/running.json: who runs here, and where; for the one who starts a second. */
void node_running_write(const struct vr_node *node);
void node_running_remove(const struct vr_node *node);
void node_running_tell(const char *folder, struct vr_why *why);
/** env.node_urls: public_urls, or what was made from the addresses on which this node listens. */
void node_urls_fill(struct vr_node *node);
/** The folder of the web application; false when there is none. */
bool node_web_folder(const struct vr_config *config, char *out, size_t capacity);

#endif
