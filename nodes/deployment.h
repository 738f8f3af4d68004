/* deployment.h - what holds everywhere: bans of users and address ranges, filter words, webhooks;
 * and the log of what administrators did about them.
 *
 * The store has the rows (store/deployment.h); here is their copy in memory, which every entry and
 * every line of chat asks. Thread-safe. A change is one commit: row, audit entry, and the head of
 * the chain. It takes effect when the commit is told; a change that another node made comes in by
 * vr_deployment_take. */
#ifndef VR_NODES_DEPLOYMENT_H
#define VR_NODES_DEPLOYMENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "actors/base/random.h"
#include "actors/room/audit_chain.h"
#include "nodes/filter.h"
#include "nodes/net_range.h"
#include "store/deployment.h"
#include "store/personal.h"

#define VR_DEPLOYMENT_BANS_MAX 5000
#define VR_DEPLOYMENT_WORDS_MAX 500
#define VR_WEBHOOKS_MAX 32
#define VR_WEBHOOK_URL_MAX 512
#define VR_WEBHOOK_TYPES_MAX 16
#define VR_WEBHOOK_TYPE_MAX 48
#define VR_WEBHOOK_SECRET 32

struct vr_deployment;

struct vr_deployment_conf {
    struct vr_records *records; /* borrowed, as the next three */
    struct vr_personal *personal;
    const struct vr_clock *clock;
    const struct vr_random *random;
};

/** Loads everything. */
VR_MUST_CHECK enum vr_err vr_deployment_new(const struct vr_deployment_conf *conf,
                                            struct vr_deployment **out, struct vr_why *why);
/** Rows in the store were changed by another node: read them anew. Any thread. */
void vr_deployment_reload(struct vr_deployment *deployment);
/** After the store has told its last commit. */
void vr_deployment_free(struct vr_deployment *deployment);

/** Refs and sealing, as audit and records want it. */
const struct vr_vault *vr_deployment_vault(const struct vr_deployment *deployment);
vr_time_us vr_deployment_wall(const struct vr_deployment *deployment);
struct vr_id vr_deployment_id_make(const struct vr_deployment *deployment);
/** A row of this change is about `user`: his own row goes with it, so that other nodes know him. */
VR_MUST_CHECK enum vr_err vr_deployment_user(struct vr_deployment *deployment, const char *user,
                                             struct vr_commit *commit, struct vr_id *ref);

/* --- bans --- */

struct vr_deployment_ban {
    struct vr_id id;
    const char *user;   /* "": none, or erased */
    const char *range;  /* "": none */
    const char *reason; /* "" */
    const char *by;     /* name */
    bool has_user;
    vr_time_us at;
    vr_time_us until; /* 0: for ever */
};

/** Is whoever comes banned? `hint` is vr_resume_user_hint of the user; `address` the client's, as
 * text ("" for none). True with a sentence in `why`. */
bool vr_deployment_banned(struct vr_deployment *deployment, struct vr_id hint, const char *address,
                          struct vr_why *why);
/** Keep this user out for the moment, while he is being erased; not kept in the store. */
void vr_deployment_barred(struct vr_deployment *deployment, struct vr_id hint, bool barred);
uint32_t vr_deployment_ban_count(struct vr_deployment *deployment);
/** Grows when somebody may have become banned. */
uint64_t vr_deployment_changes(const struct vr_deployment *deployment);
/** A commit is needed for refs: begin with vr_deployment_commit. */
VR_MUST_CHECK enum vr_err vr_deployment_ban_body(struct vr_deployment *deployment,
                                                 const struct vr_deployment_ban *ban,
                                                 const char *by_user, struct vr_commit *commit,
                                                 struct vr_buf *body);
/** False: not readable. Texts are good until `keep` is freed. */
bool vr_deployment_ban_read(const struct vr_deployment *deployment,
                            const struct vr_deployment_row *row, struct vr_deployment_ban *out,
                            struct vr_buf *keep);

/* --- filter --- */

struct vr_deployment_word {
    struct vr_id id;
    struct vr_filter_rule rule;
    vr_time_us at;
};

/** Judge a text: see vr_filter_judge. */
enum vr_filter_verdict vr_deployment_filter(struct vr_deployment *deployment, const char *text,
                                            struct vr_buf *out);
VR_MUST_CHECK enum vr_err vr_deployment_word_body(const struct vr_deployment_word *word,
                                                  struct vr_buf *body);
bool vr_deployment_word_read(const struct vr_deployment_row *row, struct vr_deployment_word *out);
uint32_t vr_deployment_word_count(struct vr_deployment *deployment);
/** The id of this word's rule. */
bool vr_deployment_word_find(struct vr_deployment *deployment, const char *word, struct vr_id *out);

/* --- webhooks --- */

struct vr_webhook {
    struct vr_id id;
    char url[VR_WEBHOOK_URL_MAX + 1];
    uint8_t secret[VR_WEBHOOK_SECRET];
    char types[VR_WEBHOOK_TYPES_MAX][VR_WEBHOOK_TYPE_MAX + 1];
    uint32_t type_count; /* 0: all */
    char description[129];
    bool disabled;
    char disabled_why[97];
    vr_time_us at;
};

VR_MUST_CHECK enum vr_err vr_deployment_webhook_body(struct vr_deployment *deployment,
                                                     const struct vr_webhook *webhook,
                                                     struct vr_commit *commit, struct vr_buf *body);
/** Copies of all; returns their number. */
uint32_t vr_deployment_webhooks(struct vr_deployment *deployment,
                                struct vr_webhook out[VR_WEBHOOKS_MAX]);
bool vr_deployment_webhook(struct vr_deployment *deployment, struct vr_id id,
                           struct vr_webhook *out);
bool vr_webhook_wants(const struct vr_webhook *webhook, const char *type);
/** True while events must go into the outbox: webhooks, or somebody who follows the events. */
const atomic_bool *vr_deployment_wants_events(const struct vr_deployment *deployment);
/** Somebody follows the events until this moment (worker's clock of the system). */
void vr_deployment_follow(struct vr_deployment *deployment, vr_time_us until);
/** Nobody may follow any more: look again. */
void vr_deployment_wants_look(struct vr_deployment *deployment);

/* --- changing --- */

/** A commit to put refs, rows and more into; NULL when memory is out. */
struct vr_commit *vr_deployment_commit(void);

struct vr_deployment_change {
    struct vr_deployment_row row; /* without revision; kind 0: no row changes */
    struct vr_audit audit;        /* without number and time; act NULL: none is kept */
    struct vr_commit *commit;     /* taken */
};

/** Write it. `done` is told once, when it has taken effect (on the journal's thread: post and
 * return) or before the return: VR_E_BUSY when a change before it failed and what waits is not told
 * yet. */
void vr_deployment_change(struct vr_deployment *deployment, struct vr_deployment_change *change,
                          vr_committed_fn done, void *ctx);

/** A row that another node wrote: kept and in effect when its revision is higher than what is here.
 * `done` may be NULL. */
void vr_deployment_take(struct vr_deployment *deployment, struct vr_bytes key,
                        struct vr_bytes value, vr_committed_fn done, void *ctx);
/** Told of each row that this node itself has written, after it landed, on the journal's thread:
 * for handing it to the others. Set before the first change. */
typedef void (*vr_deployment_watch_fn)(void *ctx, struct vr_bytes key, struct vr_bytes value);
void vr_deployment_watch(struct vr_deployment *deployment, vr_deployment_watch_fn watch, void *ctx);

/** The newest number of the deployment's audit log. */
uint64_t vr_deployment_audits(struct vr_deployment *deployment);

#endif
