#include "nodes/deployment.h"

#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "nodes/deployment_internal.h"

/* Whose key seals what is about nobody: ranges, urls, secrets. No token can name this user: a sub
 * has no control characters. Part of the format. */
#define OWN_USER                                                                                   \
    "\x01"                                                                                         \
    "deployment"

/* --- refs and sealing --- */

static enum vr_err ensure(void *ctx, const char *user, struct vr_commit *commit, struct vr_id *ref)
{
    return vr_personal_ensure(ctx, user, commit, ref);
}

static enum vr_err seal(void *ctx, struct vr_id ref, struct vr_bytes plain, struct vr_buf *out)
{
    return vr_personal_seal(ctx, ref, plain, out);
}

static enum vr_err unseal(void *ctx, struct vr_id ref, struct vr_bytes sealed, struct vr_buf *out)
{
    return vr_personal_open(ctx, ref, sealed, out);
}

static enum vr_err user_of(void *ctx, struct vr_id ref, struct vr_buf *out)
{
    return vr_personal_user(ctx, ref, out);
}

struct vr_id deployment_own_ref(const struct vr_deployment *deployment)
{
    return vr_personal_ref(deployment->conf.personal, OWN_USER);
}

enum vr_err deployment_seal(struct vr_deployment *deployment, const char *user,
                            struct vr_bytes text, struct vr_commit *commit, struct vr_buf *out)
{
    struct vr_id ref = {0};
    enum vr_err err;

    if (text.size == 0) {
        return VR_OK;
    }
    err =
        vr_personal_ensure(deployment->conf.personal, user[0] == 0 ? OWN_USER : user, commit, &ref);
    if (err == VR_OK) {
        err = vr_personal_seal(deployment->conf.personal, ref, text, out);
    }
    return err == VR_OK && out->failed ? VR_E_NO_MEMORY : err;
}

bool deployment_open(const struct vr_deployment *deployment, struct vr_id ref,
                     struct vr_bytes sealed, struct vr_buf *out)
{
    return sealed.size == 0 ||
           vr_personal_open(deployment->conf.personal, ref, sealed, out) == VR_OK;
}

enum vr_err deployment_pack(const ProtobufCMessage *message, struct vr_buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);

    if (packed == NULL) {
        return VR_E_NO_MEMORY;
    }
    protobuf_c_message_pack(message, packed);
    vr_buf_append(out, packed, size);
    explicit_bzero(packed, size);
    free(packed);
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}

void deployment_share_user(struct vr_deployment *deployment, struct vr_id ref,
                           struct vr_commit *commit)
{
    struct vr_buf row = {0};
    uint8_t key[16];

    vr_id_put(key, ref);
    if (vr_records_get(deployment->conf.records, VR_TABLE_USERS, vr_bytes(key, 16), &row) ==
        VR_OK) {
        vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(key, 16), vr_buf_bytes(&row));
    }
    if (row.size > 0) {
        explicit_bzero(row.data, row.size);
    }
    vr_buf_deinit(&row);
}

enum vr_err vr_deployment_user(struct vr_deployment *deployment, const char *user,
                               struct vr_commit *commit, struct vr_id *ref)
{
    enum vr_err err = vr_personal_ensure(deployment->conf.personal, user, commit, ref);

    if (err == VR_OK) {
        deployment_share_user(deployment, *ref, commit);
    }
    return err;
}

const struct vr_vault *vr_deployment_vault(const struct vr_deployment *deployment)
{
    return &deployment->vault;
}

vr_time_us vr_deployment_wall(const struct vr_deployment *deployment)
{
    return deployment->conf.clock->wall(deployment->conf.clock->ctx);
}

struct vr_id vr_deployment_id_make(const struct vr_deployment *deployment)
{
    return vr_random_id(deployment->conf.random);
}

/* --- life --- */

/** Under the lock. */
static void wants_decide(struct vr_deployment *deployment)
{
    bool wanted = atomic_load(&deployment->follow_until) >
                  deployment->conf.clock->now(deployment->conf.clock->ctx);

    for (uint32_t i = 0; i < deployment->webhook_count && !wanted; i++) {
        wanted = !deployment->webhooks[i].disabled;
    }
    atomic_store(&deployment->wants_events, wanted);
}

/** Under the lock, for writing. */
static void apply(struct vr_deployment *deployment, const struct vr_deployment_row *row)
{
    switch (row->kind) {
    case VR_DEPLOYMENT_BAN:
        deployment_ban_apply(deployment, row);
        break;
    case VR_DEPLOYMENT_FILTER:
        deployment_word_apply(deployment, row);
        break;
    case VR_DEPLOYMENT_WEBHOOK:
        deployment_webhook_apply(deployment, row);
        wants_decide(deployment);
        break;
    case VR_DEPLOYMENT_REMINDER: /* read where they are kept: nodes/reminders.h */
        break;
    }
}

static bool load_row(void *ctx, const struct vr_deployment_row *row)
{
    apply(ctx, row);
    return true;
}

/** Revision and chain as the store has them. */
static enum vr_err head_load(struct vr_deployment *deployment)
{
    uint64_t epoch = 0;
    enum vr_err err = vr_records_head(deployment->conf.records, VR_DEPLOYMENT_ROOM, &epoch,
                                      &deployment->revision);

    deployment->audits = 0;
    memset(deployment->head, 0, sizeof(deployment->head));
    if (err == VR_OK) {
        err = vr_audit_head(deployment->conf.records, VR_DEPLOYMENT_ROOM, &deployment->audits,
                            deployment->head);
    }
    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

static void locks_init(struct vr_deployment *deployment)
{
    pthread_mutexattr_t kind;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&deployment->writing, &kind);
    pthread_mutexattr_destroy(&kind);
    pthread_rwlock_init(&deployment->lock, NULL);
}

enum vr_err vr_deployment_new(const struct vr_deployment_conf *conf, struct vr_deployment **out,
                              struct vr_why *why)
{
    static const enum vr_deployment_kind kinds[] = {VR_DEPLOYMENT_BAN, VR_DEPLOYMENT_FILTER,
                                                    VR_DEPLOYMENT_WEBHOOK};
    struct vr_deployment *deployment = calloc(1, sizeof(*deployment));
    enum vr_err err = VR_OK;

    *out = NULL;
    if (deployment == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    deployment->conf = *conf;
    deployment->vault = (struct vr_vault){ensure, seal, unseal, user_of, conf->personal};
    locks_init(deployment);
    err = head_load(deployment);
    for (size_t i = 0; err == VR_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        err = vr_deployment_scan(conf->records, kinds[i], load_row, deployment);
    }
    if (err != VR_OK) {
        vr_deployment_free(deployment);
        return vr_fail(why, err, "the deployment's records cannot be loaded: %s", vr_err_text(err));
    }
    *out = deployment;
    return VR_OK;
}

void vr_deployment_reload(struct vr_deployment *deployment)
{
    static const enum vr_deployment_kind kinds[] = {VR_DEPLOYMENT_BAN, VR_DEPLOYMENT_FILTER,
                                                    VR_DEPLOYMENT_WEBHOOK};
    enum vr_err err = VR_OK;

    pthread_rwlock_wrlock(&deployment->lock);
    deployment->ban_count = 0;
    deployment->word_count = 0;
    deployment->webhook_count = 0;
    for (size_t i = 0; err == VR_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        err = vr_deployment_scan(deployment->conf.records, kinds[i], load_row, deployment);
    }
    wants_decide(deployment);
    pthread_rwlock_unlock(&deployment->lock);
    atomic_fetch_add(&deployment->changes, 1);
    if (err != VR_OK) {
        vr_log(VR_LOG_ERROR, "what other nodes have banned cannot be read",
               VR_S("why", vr_err_text(err)));
    }
}

void vr_deployment_free(struct vr_deployment *deployment)
{
    if (deployment != NULL) {
        pthread_mutex_destroy(&deployment->writing);
        pthread_rwlock_destroy(&deployment->lock);
        free(deployment->bans);
        explicit_bzero(deployment, sizeof(*deployment));
        free(deployment);
    }
}

uint64_t vr_deployment_changes(const struct vr_deployment *deployment)
{
    return atomic_load(&deployment->changes);
}

const atomic_bool *vr_deployment_wants_events(const struct vr_deployment *deployment)
{
    return &deployment->wants_events;
}

void vr_deployment_follow(struct vr_deployment *deployment, vr_time_us until)
{
    atomic_store(&deployment->follow_until, until);
    vr_deployment_wants_look(deployment);
}

void vr_deployment_wants_look(struct vr_deployment *deployment)
{
    pthread_rwlock_rdlock(&deployment->lock);
    wants_decide(deployment);
    pthread_rwlock_unlock(&deployment->lock);
}

void vr_deployment_watch(struct vr_deployment *deployment, vr_deployment_watch_fn watch, void *ctx)
{
    deployment->watch = watch;
    deployment->watch_ctx = ctx;
}

uint64_t vr_deployment_audits(struct vr_deployment *deployment)
{
    uint64_t audits;

    pthread_mutex_lock(&deployment->writing);
    audits = deployment->audits;
    pthread_mutex_unlock(&deployment->writing);
    return audits;
}

/* --- changing --- */

struct vr_commit *vr_deployment_commit(void)
{
    return vr_commit_new(VR_DEPLOYMENT_ROOM, 0, UINT64_MAX);
}

/** A change whose commit is under way; `body` is its own. */
struct landing {
    struct vr_deployment *deployment;
    struct vr_deployment_row row;
    struct vr_buf body;
    bool has_row;
    bool foreign; /* taken from another node: the chain of ours is not touched */
    vr_committed_fn done;
    void *ctx;
};

static void landing_free(struct landing *landing)
{
    vr_buf_deinit(&landing->body);
    free(landing);
}

static void tell_watch(struct vr_deployment *deployment, const struct vr_deployment_row *row)
{
    struct vr_buf value = {0};
    uint8_t key[VR_DEPLOYMENT_KEY];
    uint8_t fixed[9];

    key[0] = (uint8_t)row->kind;
    vr_id_put(key + 1, row->id);
    vr_put64(fixed, row->revision);
    fixed[8] = row->gone ? 1 : 0;
    vr_buf_append(&value, fixed, sizeof(fixed));
    vr_buf_append(&value, row->body.data, row->body.size);
    if (!value.failed) {
        deployment->watch(deployment->watch_ctx, vr_bytes(key, sizeof(key)), vr_buf_bytes(&value));
    }
    vr_buf_deinit(&value);
}

/** Ours has landed or failed; a failed one leaves the chain to be read anew once all are told. */
static void chain_told(struct vr_deployment *deployment, enum vr_err err)
{
    pthread_mutex_lock(&deployment->writing);
    deployment->in_flight--;
    deployment->broken = deployment->broken || err != VR_OK;
    if (deployment->broken && deployment->in_flight == 0) {
        deployment->broken = head_load(deployment) != VR_OK;
    }
    pthread_mutex_unlock(&deployment->writing);
}

static void landed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct landing *landing = ctx;
    struct vr_deployment *deployment = landing->deployment;

    if (!landing->foreign) {
        chain_told(deployment, err);
    }
    if (err == VR_OK && landing->has_row) {
        landing->row.body = vr_buf_bytes(&landing->body);
        pthread_rwlock_wrlock(&deployment->lock);
        apply(deployment, &landing->row);
        pthread_rwlock_unlock(&deployment->lock);
        if (landing->row.kind != VR_DEPLOYMENT_REMINDER) { /* bans nobody */
            atomic_fetch_add(&deployment->changes, 1);
        }
        if (!landing->foreign && deployment->watch != NULL) {
            tell_watch(deployment, &landing->row);
        }
    }
    if (landing->done != NULL) {
        landing->done(landing->ctx, ticket, err, revision);
    }
    landing_free(landing);
}

/** Row, audit entry and head into the commit. Under `writing`. */
static enum vr_err fill(struct vr_deployment *deployment, struct vr_deployment_change *change)
{
    enum vr_err err = VR_OK;

    change->commit->expected = deployment->revision;
    if (change->row.kind != 0) {
        change->row.revision = deployment->revision + 1;
        vr_deployment_row_put(change->commit, &change->row);
    }
    if (change->audit.act != NULL) {
        uint8_t head[VR_AUDIT_HASH];

        memcpy(head, deployment->head, sizeof(head));
        change->audit.number = deployment->audits + 1;
        change->audit.at_wall = vr_deployment_wall(deployment);
        change->audit.sequence = deployment->revision + 1;
        err = vr_audit_put(change->commit, &deployment->vault, VR_DEPLOYMENT_ROOM, &change->audit,
                           head);
        if (err == VR_OK) {
            err =
                vr_audit_head_put(change->commit, VR_DEPLOYMENT_ROOM, deployment->audits + 1, head);
        }
        if (err == VR_OK) {
            deployment->audits++;
            memcpy(deployment->head, head, sizeof(head));
        }
    }
    return err;
}

void vr_deployment_change(struct vr_deployment *deployment, struct vr_deployment_change *change,
                          vr_committed_fn done, void *ctx)
{
    struct landing *landing = calloc(1, sizeof(*landing));
    enum vr_err err = landing == NULL || change->commit == NULL ? VR_E_NO_MEMORY : VR_OK;

    pthread_mutex_lock(&deployment->writing);
    if (err == VR_OK && deployment->broken) {
        err = deployment->in_flight == 0 && head_load(deployment) == VR_OK ? VR_OK : VR_E_BUSY;
        deployment->broken = err != VR_OK;
    }
    if (err == VR_OK) {
        err = fill(deployment, change);
    }
    if (err == VR_OK) {
        *landing = (struct landing){.deployment = deployment,
                                    .row = change->row,
                                    .has_row = change->row.kind != 0,
                                    .done = done,
                                    .ctx = ctx};
        vr_buf_append(&landing->body, change->row.body.data, change->row.body.size);
        deployment->revision++;
        deployment->in_flight++;
        vr_records_submit(deployment->conf.records, change->commit, landed, landing);
    }
    pthread_mutex_unlock(&deployment->writing);
    if (err != VR_OK) {
        free(landing);
        vr_commit_free(change->commit);
        if (done != NULL) {
            done(ctx, 0, err, 0);
        }
    }
    change->commit = NULL;
}

void vr_deployment_take(struct vr_deployment *deployment, struct vr_bytes key,
                        struct vr_bytes value, vr_committed_fn done, void *ctx)
{
    struct landing *landing = calloc(1, sizeof(*landing));
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    struct vr_deployment_row row;
    enum vr_err err = landing == NULL || commit == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK && !vr_deployment_row_get(key, value, &row)) {
        err = VR_E_BAD_WIRE;
    }
    if (err != VR_OK || !vr_deployment_row_newer(deployment->conf.records, &row)) {
        vr_commit_free(commit);
        free(landing);
        if (done != NULL) {
            done(ctx, 0, err, 0);
        }
        return;
    }
    *landing = (struct landing){.deployment = deployment,
                                .row = row,
                                .has_row = true,
                                .foreign = true,
                                .done = done,
                                .ctx = ctx};
    vr_buf_append(&landing->body, row.body.data, row.body.size);
    vr_deployment_row_put(commit, &row);
    vr_records_submit(deployment->conf.records, commit, landed, landing);
}
