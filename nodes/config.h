/* config.h - the settings of a node: one YAML file, VOICEROOM_* in the environment, flags.
 *
 * Precedence: flags, environment, file, default. One table (config_table.h) gives names, defaults,
 * bounds, the text of
 * --print-config and the environment's names; unknown keys are refused with their line. */
#ifndef VR_NODES_CONFIG_H
#define VR_NODES_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/media/engine.h"
#include "actors/runtime/env.h"
#include "nodes/auth.h"

#define VR_CONFIG_LIST_MAX 16

struct vr_config_list {
    char *item[VR_CONFIG_LIST_MAX];
    uint32_t count;
};

struct vr_config_flag;
struct vr_inherit;

/** Owned strings; never NULL once loaded ("" is unset). Times are seconds as written. */
struct vr_config {
    char *node; /* name */
    char *data; /* folder */
    char *web;  /* folder of the web application; "": the one beside the program */
    char *docs; /* folder of openapi and asyncapi; "": the one beside the program */
    char *log_level;

    char *http_address; /* "": every local address */
    uint64_t http_port; /* 0: off */
    char *https_address;
    uint64_t https_port;   /* 0: off */
    char *tls_certificate; /* PEM files; both "": no HTTPS, or with one of tls_self_signed */
    char *tls_key;
    bool tls_self_signed;
    uint64_t hsts_s;                   /* 0: no Strict-Transport-Security */
    struct vr_config_list public_urls; /* for clients; empty: made from the addresses */
    struct vr_config_list cors_origins;

    struct vr_config_list media_addresses; /* advertised; empty: every local address */
    uint64_t media_port;                   /* of media worker 0; the others follow */
    uint64_t media_tcp_port;               /* as media_port, for ICE-TCP; 0: off */
    uint64_t media_workers;                /* 0: cores - 1, at least one */
    bool media_gso;
    char *media_pack; /* off, 3, 6, auto */
    uint64_t control_workers;

    char *guests; /* off, localhost, link, all */
    bool guests_may_create;
    uint64_t guest_token_s;

    struct vr_config_list ice_urls; /* stun: and turn: addresses, one ICE server each */
    char *ice_username;
    char *ice_credential_file; /* secrets come by file */
    char *ice_secret_file;     /* instead of name and password: they are minted */
    uint64_t ice_credential_s;

    uint64_t slots;
    uint64_t capacity_max;
    uint64_t capacity;
    uint64_t speaker_capacity;
    uint64_t grace_s;
    uint64_t idle_s;
    uint64_t host_grace_s;
    uint64_t shard_peers_max;
    uint64_t audience;
    uint64_t chat_per_10s;
    uint64_t reactions_per_10s;
    uint64_t rate_per_address; /* requests in 60 s; 0: unlimited */
    uint64_t rate_per_identity;
    uint64_t joins_per_second_max; /* 0: unlimited */
    uint64_t connections_max;      /* HTTP and WebSocket, in all */
    uint64_t connections_per_address;
    char *agent_address;
    uint64_t agent_port;                 /* for load balancers; 0: off */
    uint64_t packets_max;                /* a second, for the node's stress; 0: not judged */
    bool full_sends_on;                  /* who comes to a full node is sent to the others */
    uint64_t audit_days;                 /* 0: for ever */
    struct vr_config_list webhook_allow; /* ranges of addresses */
    uint64_t webhook_attempts;
    uint64_t shutdown_s; /* hard deadline of a clean end */
    bool supervise;

    struct vr_config_list cluster_etcd; /* empty: alone, and the rest of this part means nothing */
    char *cluster_etcd_ca;
    char *cluster_etcd_certificate;
    char *cluster_etcd_key;
    char *cluster_prefix;
    char *cluster_secret_file;
    char *cluster_region;
    char *cluster_address;
    uint64_t cluster_port;
    uint64_t cluster_speech_port;
    uint64_t cluster_lease_s;
    uint64_t cluster_fan_out;

    char *tracing_endpoint; /* "": nothing is traced */
    char *tracing_ratio;
    char *tracing_ca;

    /* made while loading */
    enum vr_guests guest_mode;
    enum vr_pack pack;
    uint32_t tracing_share;           /* tracing_ratio in 2^32 parts; UINT32_MAX: all */
    const struct vr_inherit *inherit; /* what a parent holds for this node; NULL: no parent */
    /* where it came from, to be read again: borrowed from who called vr_config_load */
    const char *source_file;
    char *const *source_environment;
    const struct vr_config_flag *source_flags;
    uint32_t source_flag_count;
};

/** One override from the command line: a setting's name ("http_port") and its text. */
struct vr_config_flag {
    const char *name;
    const char *value;
};

/** `file` NULL: none. `environment` is a NULL-ended list as environ. On an error `why` names file
 * and line, or the variable. The config is to be freed also after an error. */
VR_MUST_CHECK enum vr_err vr_config_load(const char *file, char *const *environment,
                                         const struct vr_config_flag *flags, uint32_t flag_count,
                                         struct vr_config *out, struct vr_why *why);

/** One item of media_addresses: "LOCAL" or "LOCAL=PUBLIC". */
struct vr_media_address {
    char local[46]; /* bound */
    char told[46];  /* in the SDP; the same without a PUBLIC */
};
VR_MUST_CHECK enum vr_err vr_config_media_address(const char *item, struct vr_media_address *out,
                                                  struct vr_why *why);
void vr_config_free(struct vr_config *config);

/** Effective values as YAML, secrets masked, each with its help as a comment. */
void vr_config_print(const struct vr_config *config, struct vr_buf *out);
/** Every setting: name, environment variable, default, help; for --help and the docs. */
void vr_config_help(struct vr_buf *out);
/** Is this the name of a setting? For flags "--http-port" (dashes are underscores). */
bool vr_config_known(const char *name);

/** The TCP port of HTTPS; 0: there is none, or nothing that could be shown as a certificate. */
uint16_t vr_config_https_port(const struct vr_config *config);

#endif
