/* system.c - one node's actors: making the workers, sending, counting. */
#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "actors/runtime/internal.h"

#include <stdlib.h>

static enum vr_err init_workers(struct vr_system *system)
{
    uint32_t place = 0;
    enum vr_err err = VR_OK;

    for (uint32_t i = 0; err == VR_OK && i < system->conf.control_workers; i++, place++) {
        err = vr_worker_init(&system->workers[place], system, VR_WORKER_CONTROL, i, place);
    }
    for (uint32_t i = 0; err == VR_OK && i < system->conf.media_workers; i++, place++) {
        err = vr_worker_init(&system->workers[place], system, VR_WORKER_MEDIA, i, place);
    }
    for (uint32_t i = 0; err == VR_OK && i < system->conf.cluster_workers; i++, place++) {
        err = vr_worker_init(&system->workers[place], system, VR_WORKER_CLUSTER, i, place);
    }
    return err;
}

enum vr_err vr_system_new(const struct vr_system_conf *conf, struct vr_system **out)
{
    struct vr_system *system;
    uint32_t count = conf->control_workers + conf->media_workers + conf->cluster_workers;
    enum vr_err err;

    *out = NULL;
    if (conf->clock == NULL || conf->random == NULL || conf->control_workers == 0 ||
        conf->media_workers == 0 || count > UINT16_MAX) {
        return VR_E_BAD_REQUEST;
    }
    system = calloc(1, sizeof(*system));
    if (system == NULL) {
        return VR_E_NO_MEMORY;
    }
    system->conf = *conf;
    if (system->conf.turn_messages == 0) {
        system->conf.turn_messages = TURN_MESSAGES_DEFAULT;
    }
    system->seed = vr_random_u64(conf->random);
    for (int i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&system->stripes[i].lock, NULL);
        system->stripes[i].actors.which = BY_STRIPE;
    }
    system->workers = aligned_alloc(64, count * sizeof(struct vr_worker));
    if (system->workers == NULL) {
        vr_system_free(system);
        return VR_E_NO_MEMORY;
    }
    system->worker_count = count;
    for (uint32_t i = 0; i < count; i++) {
        system->workers[i] = (struct vr_worker){0};
    }
    err = init_workers(system);
    if (err != VR_OK) {
        vr_system_free(system);
        return err;
    }
    *out = system;
    return VR_OK;
}

static void free_stripe(struct stripe *stripe)
{
    struct vr_actor *actor;
    size_t from = 0;

    while ((actor = vr_actor_table_any(&stripe->actors, &from)) != NULL) {
        struct vr_list *link;

        while ((link = vr_list_pop(&actor->mailbox)) != NULL) {
            vr_mail_free(NULL, VR_OWNER(link, struct item, link));
        }
        vr_actor_table_remove(&stripe->actors, actor);
        free(actor);
    }
    free(stripe->actors.buckets);
    pthread_mutex_destroy(&stripe->lock);
}

void vr_system_close(struct vr_system *system)
{
    for (uint32_t i = 0; i < system->worker_count; i++) {
        if (system->workers[i].system != NULL && !system->workers[i].closed) {
            vr_worker_close(&system->workers[i]);
        }
    }
}

void vr_system_free(struct vr_system *system)
{
    if (system == NULL) {
        return;
    }
    vr_system_close(system);
    for (uint32_t i = 0; i < system->worker_count; i++) {
        vr_worker_deinit(&system->workers[i]);
    }
    for (int i = 0; i < STRIPES; i++) {
        free_stripe(&system->stripes[i]);
    }
    free(system->workers);
    free(system);
}

/* The worker whose thread this is, if it is one of this system's. */
static struct vr_worker *current_of(const struct vr_system *system)
{
    struct vr_worker *current = vr_worker_current();

    return current != NULL && current->system == system ? current : NULL;
}

/* Who sends these would wait for ever if they were refused, and there are only as many as he began.
 */
static bool is_reserved(const struct vr_msg *msg)
{
    return msg->to.kind == VR_ACTOR_ASK || msg->kind == VR_MSG_STORED || msg->kind == VR_MSG_DRAIN;
}

static bool has_room(const struct vr_worker *worker, const struct vr_msg *msg)
{
    size_t capacity = vr_ring_capacity(&worker->control);

    return is_reserved(msg) || vr_ring_length(&worker->control) <
                                   capacity - (capacity + INBOX_RESERVE - 1) / INBOX_RESERVE;
}

/* Hand an item to its worker; false: its lane is full. Afterwards it is no longer ours to look at.
 */
static bool hand_over(struct vr_worker *worker, struct vr_worker *current, struct item *item)
{
    if (worker == current) {
        vr_worker_accept(worker, item);
        return true;
    }
    if (!vr_ring_push(&worker->control, &item)) {
        return false;
    }
    vr_worker_signal(worker);
    return true;
}

static void take_msg(struct item *item, struct vr_actor *actor, struct vr_msg *msg)
{
    item->actor = actor;
    item->msg = *msg;
    vr_list_init(&item->link);
    *msg = (struct vr_msg){0};
}

/* Who asked; NULL: a worker of an earlier life of this node, or of another node. */
static struct vr_worker *asking_worker(struct vr_system *system, const struct vr_address *asker)
{
    uint32_t place = (uint32_t)(asker->id.hi & 0xffff);

    if (asker->sub != system->conf.node || place >= system->worker_count ||
        system->workers[place].stamp != asker->id.hi) {
        return NULL;
    }
    return &system->workers[place];
}

static enum vr_err deliver_reply(struct vr_system *system, struct vr_worker *current,
                                 struct vr_msg *msg)
{
    struct vr_worker *worker = asking_worker(system, &msg->to);
    struct item *item;

    if (worker == NULL || __atomic_load_n(&worker->closed, __ATOMIC_RELAXED)) {
        COUNT(system, current, late_replies);
        vr_msg_clear(msg);
        return VR_OK;
    }
    item = vr_mail_new(current);
    if (item == NULL) {
        return VR_E_NO_MEMORY;
    }
    take_msg(item, NULL, msg);
    if (!hand_over(worker, current, item)) {
        *msg = item->msg;
        item->msg = (struct vr_msg){0};
        vr_mail_free(current, item);
        COUNT(system, current, refused);
        return VR_E_BUSY;
    }
    return VR_OK;
}

/* The lane is full: the oldest goes, so that what is heard is what was said last. */
static void push_media(struct vr_worker *worker, struct vr_worker *current, struct vr_msg *msg)
{
    for (int tries = 0; tries < 8; tries++) {
        struct vr_msg oldest;

        if (vr_ring_push(&worker->media, msg)) {
            *msg = (struct vr_msg){0};
            if (worker != current || !worker->in_turn) {
                vr_worker_signal(worker);
            }
            return;
        }
        if (vr_ring_pop(&worker->media, &oldest)) {
            vr_msg_clear(&oldest);
            COUNT(worker->system, current, dropped_media);
        }
    }
    vr_msg_clear(msg);
    COUNT(worker->system, current, dropped_media);
}

static struct vr_worker *find_worker(struct vr_system *system, const struct vr_address *address)
{
    uint64_t hash = vr_address_hash(system, address);
    struct stripe *stripe = vr_actor_stripe(system, hash);
    struct vr_worker *worker = NULL;
    struct vr_actor *actor;

    if (address->kind == VR_ACTOR_SHARD) { /* by arithmetic: speech takes no lock */
        return vr_system_worker(system, VR_WORKER_MEDIA,
                                vr_system_place(system, VR_WORKER_MEDIA, address));
    }
    pthread_mutex_lock(&stripe->lock);
    actor = vr_actor_table_find(&stripe->actors, hash, address);
    if (actor != NULL) {
        worker = actor->worker;
    }
    pthread_mutex_unlock(&stripe->lock);
    return worker;
}

static enum vr_err deliver_media(struct vr_system *system, struct vr_worker *current,
                                 struct vr_msg *msg)
{
    struct vr_worker *worker = find_worker(system, &msg->to);

    if (worker == NULL) {
        return VR_E_NOT_FOUND;
    }
    if (__atomic_load_n(&worker->closed, __ATOMIC_RELAXED)) {
        return VR_E_GONE;
    }
    push_media(worker, current, msg);
    return VR_OK;
}

/* Under the stripe's lock: count the message in, or say why not. */
static enum vr_err admit(struct vr_actor *actor, const struct vr_msg *msg)
{
    uint32_t max = actor->class->mailbox_max == 0 ? MAILBOX_DEFAULT : actor->class->mailbox_max;

    if (__atomic_load_n(&actor->worker->closed, __ATOMIC_RELAXED) ||
        __atomic_load_n(&actor->refuses, __ATOMIC_RELAXED)) {
        return VR_E_GONE;
    }
    if ((__atomic_load_n(&actor->waiting, __ATOMIC_RELAXED) >= max && !is_reserved(msg)) ||
        !has_room(actor->worker, msg)) {
        return VR_E_BUSY;
    }
    __atomic_fetch_add(&actor->waiting, 1, __ATOMIC_RELAXED);
    return VR_OK;
}

/* The actor that will get this message, counted in. `class` NULL: only one that is there already.
 */
static enum vr_err reserve(struct vr_system *system, const struct vr_msg *msg,
                           const struct vr_actor_class *class, struct vr_actor **out)
{
    uint64_t hash = vr_address_hash(system, &msg->to);
    struct stripe *stripe = vr_actor_stripe(system, hash);
    enum vr_err err = VR_E_NOT_FOUND;
    struct vr_actor *actor;

    pthread_mutex_lock(&stripe->lock);
    actor = vr_actor_table_find(&stripe->actors, hash, &msg->to);
    if (actor == NULL && class != NULL) {
        uint32_t index = vr_system_place(system, class->worker, &msg->to);
        struct vr_worker *worker = vr_system_worker(system, class->worker, index);

        if (__atomic_load_n(&worker->closed, __ATOMIC_RELAXED)) {
            err = VR_E_GONE;
        } else if (!has_room(worker, msg)) {
            err = VR_E_BUSY; /* leave no sleeper behind that nobody wakes */
        } else {
            actor = vr_actor_insert(system, class, &msg->to, hash, worker);
            err = VR_E_NO_MEMORY;
        }
    }
    if (actor != NULL) {
        err = admit(actor, msg);
        *out = actor;
    }
    pthread_mutex_unlock(&stripe->lock);
    return err;
}

static enum vr_err deliver_control(struct vr_system *system, struct vr_worker *current,
                                   struct vr_msg *msg)
{
    const struct vr_system_conf *conf = &system->conf;
    struct item *item = vr_mail_new(current);
    struct vr_actor *actor = NULL;
    enum vr_err err;

    if (item == NULL) {
        return VR_E_NO_MEMORY;
    }
    item->msg = (struct vr_msg){0};
    err = reserve(system, msg, NULL, &actor);
    if (err == VR_E_NOT_FOUND && conf->classify != NULL) {
        const struct vr_actor_class *class = conf->classify(conf->ctx, &msg->to);

        err = class == NULL ? VR_E_NOT_FOUND : reserve(system, msg, class, &actor);
    }
    if (err == VR_OK) {
        take_msg(item, actor, msg);
        if (hand_over(actor->worker, current, item)) {
            return VR_OK;
        }
        *msg = item->msg;
        item->msg = (struct vr_msg){0};
        __atomic_fetch_sub(&actor->waiting, 1, __ATOMIC_RELAXED);
        err = VR_E_BUSY;
    }
    if (err == VR_E_BUSY) {
        COUNT(system, current, refused);
    }
    vr_mail_free(current, item);
    return err;
}

enum vr_err vr_system_deliver(struct vr_system *system, struct vr_msg *msg)
{
    struct vr_worker *current = current_of(system);
    enum vr_err err;

    if ((unsigned)msg->kind >= VR_MSG_KINDS || msg->to.kind == VR_ACTOR_NONE ||
        (unsigned)msg->to.kind >= VR_ACTOR_KINDS) {
        return VR_E_BAD_REQUEST;
    }
    if (msg->deadline == 0) {
        msg->deadline = VR_NEVER;
    }
    if (msg->to.kind == VR_ACTOR_ASK) {
        err = deliver_reply(system, current, msg);
    } else if (vr_msg_lane(msg->kind) == VR_LANE_MEDIA) {
        err = deliver_media(system, current, msg);
    } else {
        err = deliver_control(system, current, msg);
    }
    if (err == VR_OK) {
        COUNT(system, current, sent);
    }
    return err;
}

enum vr_err vr_system_send(struct vr_system *system, struct vr_msg *msg)
{
    const struct vr_system_conf *conf = &system->conf;
    bool ours = msg->to.kind == VR_ACTOR_ASK && msg->to.sub == conf->node;

    if (msg->deadline == 0) {
        msg->deadline = VR_NEVER;
    }
    if (conf->route != NULL && !ours && vr_msg_scope(msg->kind) == VR_SCOPE_WIRE) {
        enum vr_err err = conf->route(conf->ctx, msg);

        if (err == VR_OK) {
            COUNT(system, current_of(system), sent);
        }
        if (err != VR_E_NOT_FOUND) {
            return err;
        }
    }
    return vr_system_deliver(system, msg);
}

void vr_system_post(struct vr_system *system, struct vr_msg *msg)
{
    struct vr_address asker = msg->from;
    enum vr_err err = vr_system_send(system, msg);

    if (err != VR_OK) {
        COUNT(system, current_of(system), undelivered);
        vr_msg_clear(msg);
        vr_ask_refuse(system, asker, err);
    }
}

static void add(struct vr_runtime_stats *out, const struct counters *counters)
{
#define ADD(field) out->field += __atomic_load_n(&counters->field, __ATOMIC_RELAXED)
    ADD(sent);
    ADD(handled);
    ADD(refused);
    ADD(dropped_media);
    ADD(restarts);
    ADD(given_up);
    ADD(asks_timed_out);
    ADD(late_replies);
    ADD(undelivered);
#undef ADD
}

void vr_system_stats(const struct vr_system *system, struct vr_runtime_stats *out)
{
    *out = (struct vr_runtime_stats){0};
    add(out, &system->outside);
    for (uint32_t i = 0; i < system->worker_count; i++) {
        const struct vr_worker *worker = &system->workers[i];
        uint32_t length = __atomic_load_n(&worker->mailbox_length_max, __ATOMIC_RELAXED);

        add(out, &worker->counters);
        for (int kind = 0; kind < VR_ACTOR_KINDS; kind++) {
            out->actors[kind] += __atomic_load_n(&worker->actors[kind], __ATOMIC_RELAXED);
        }
        if (length > out->mailbox_length_max) {
            out->mailbox_length_max = length;
        }
    }
}
