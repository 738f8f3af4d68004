/* env.h - what actors may know of their node: plain values, filled in by nodes/ before the first
 * turn and read-only afterwards (limits that change at run time are atomic and say so). Handed out
 * by vr_system_context(). */
#ifndef VR_RUNTIME_ENV_H
#define VR_RUNTIME_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/ids.h"
#include "actors/messages/address.h"

struct vr_room_services;
struct vr_session_services;

#define VR_CANDIDATES_MAX 16
#define VR_NODE_URLS_MAX 16

/** A media worker's way in: what goes into an SDP answer's candidates. */
struct vr_candidate {
    char address[46]; /* text, IPv4 or IPv6 */
    uint16_t port;
};

struct vr_media_place {
    uint32_t candidate_count;
    struct vr_candidate candidates[VR_CANDIDATES_MAX];
    uint16_t tcp_port; /* of all of them, for who has no UDP; 0: none */
};

struct vr_ice_server {
    char urls[256];
    char username[128];
    char credential[128];
    bool minted; /* both come from vr_env.mint, each time anew */
};

struct vr_env {
    char node[64]; /* this node's name */
    char node_urls[VR_NODE_URLS_MAX]
                  [256]; /* base addresses of the nodes a client may use, this one first */
    uint32_t node_url_count;
    uint8_t resume_key[32];  /* signs resume tokens: kept in the store, the same in a cluster */
    uint8_t fingerprint[32]; /* SHA-256 of the DTLS certificate */
    const struct vr_media_place *media; /* by media worker index; NULL in simulations */
    uint32_t media_count;
    const struct vr_ice_server *ice_servers;
    uint32_t ice_server_count;
    /** A name and a password for the minted ones, good for a while, for `who` (a name in logs);
     * false: none can be had. Any thread. NULL: none of them is minted. */
    bool (*mint)(const struct vr_env *env, const char *who, char username[128],
                 char credential[128]);

    /* limits */
    uint32_t slots;                    /* N receive slots, default 4 */
    uint32_t fan_out;                  /* of speech between nodes, default 16 */
    uint32_t capacity_max;             /* participants a room may ask for, default 10000 */
    uint32_t capacity_default;         /* 1000 */
    uint32_t speaker_capacity_default; /* 50 */
    vr_time_us grace;                  /* lost and back in the same place, default 15 s */
    vr_time_us idle;                   /* an empty, idle room sleeps after this, default 60 s */
    vr_time_us host_grace; /* host gone: a successor is found after this, default 60 s */
    uint32_t
        shard_peers_max;   /* peers of one room on one media worker before the next one is used */
    uint32_t chat_per_10s; /* per person, default 10 */
    uint32_t reactions_per_10s; /* default 20 */
    uint32_t audience; /* listeners of a room beyond which they are told as a count, default 200 */

    /* services of the node, for two nodes in one process each their own */
    const struct vr_room_services *room_services;       /* room/room_actor.h */
    const struct vr_session_services *session_services; /* session/session.h */
};

#endif
