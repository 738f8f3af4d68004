/* place.c - from an address to its worker and actor. */
#include "actors/runtime/internal.h"

#include <stdlib.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Ids come from clients: without the seed they could all be made to fall into one bucket. */
uint64_t vr_address_hash(const struct vr_system *system, const struct vr_address *address)
{
    uint64_t hash = mix(system->seed ^ address->id.hi);

    hash = mix(hash ^ address->id.lo);
    return mix(hash ^ ((uint64_t)address->sub << 32 | (uint64_t)address->kind));
}

struct vr_actor *vr_actor_table_find(const struct actor_table *table, uint64_t hash,
                                     const struct vr_address *address)
{
    struct vr_actor *actor;

    if (table->bucket_count == 0) {
        return NULL;
    }
    actor = table->buckets[hash & (table->bucket_count - 1)];
    while (actor != NULL && (actor->hash != hash || !vr_address_equal(actor->address, *address))) {
        actor = actor->next[table->which];
    }
    return actor;
}

static void link_in(const struct actor_table *table, struct vr_actor *actor)
{
    struct vr_actor **bucket = &table->buckets[actor->hash & (table->bucket_count - 1)];

    actor->next[table->which] = *bucket;
    *bucket = actor;
}

static bool grow(struct actor_table *table)
{
    struct actor_table bigger = *table;

    bigger.bucket_count = table->bucket_count == 0 ? 16 : table->bucket_count * 2;
    bigger.buckets = calloc(bigger.bucket_count, sizeof(struct vr_actor *));
    if (bigger.buckets == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct vr_actor *actor = table->buckets[i];

        while (actor != NULL) {
            struct vr_actor *next = actor->next[table->which];

            link_in(&bigger, actor);
            actor = next;
        }
    }
    free(table->buckets);
    *table = bigger;
    return true;
}

bool vr_actor_table_add(struct actor_table *table, struct vr_actor *actor)
{
    if (table->count >= table->bucket_count && !grow(table) && table->bucket_count == 0) {
        return false;
    }
    link_in(table, actor);
    table->count++;
    return true;
}

void vr_actor_table_remove(struct actor_table *table, struct vr_actor *actor)
{
    struct vr_actor **at = &table->buckets[actor->hash & (table->bucket_count - 1)];

    while (*at != actor) {
        at = &(*at)->next[table->which];
    }
    *at = actor->next[table->which];
    actor->next[table->which] = NULL;
    table->count--;
}

struct vr_actor *vr_actor_table_any(const struct actor_table *table, size_t *from)
{
    for (; *from < table->bucket_count; (*from)++) {
        if (table->buckets[*from] != NULL) {
            return table->buckets[*from];
        }
    }
    return NULL;
}

struct stripe *vr_actor_stripe(struct vr_system *system, uint64_t hash)
{
    return &system->stripes[hash >> 58]; /* the low bits choose the bucket inside */
}

_Static_assert(STRIPES == 1 << 6, "vr_actor_stripe takes six bits");

struct vr_actor *vr_actor_insert(struct vr_system *system, const struct vr_actor_class *class,
                                 const struct vr_address *address, uint64_t hash,
                                 struct vr_worker *worker)
{
    struct vr_actor *actor = calloc(1, sizeof(*actor) + class->state_size);

    if (actor == NULL) {
        return NULL;
    }
    actor->address = *address;
    actor->class = class;
    actor->worker = worker;
    actor->hash = hash;
    actor->timer.fire = vr_actor_on_timer;
    actor->supervisor.fire = vr_actor_supervise;
    vr_list_init(&actor->mailbox);
    vr_list_init(&actor->run_link);
    vr_list_init(&actor->asks);
    if (!vr_actor_table_add(&vr_actor_stripe(system, hash)->actors, actor)) {
        free(actor);
        return NULL;
    }
    return actor;
}

void vr_actor_retire(struct vr_actor *actor)
{
    struct stripe *stripe = vr_actor_stripe(actor->worker->system, actor->hash);
    bool gone = false;

    if (actor->phase != ACTOR_ASLEEP || actor->running) {
        return;
    }
    pthread_mutex_lock(&stripe->lock);
    if (__atomic_load_n(&actor->waiting, __ATOMIC_RELAXED) == 0) {
        vr_actor_table_remove(&stripe->actors, actor);
        gone = true;
    }
    pthread_mutex_unlock(&stripe->lock);
    if (gone) {
        vr_list_remove(&actor->run_link);
        free(actor);
    }
}

uint32_t vr_system_place(const struct vr_system *system, enum vr_worker_kind kind,
                         const struct vr_address *address)
{
    const struct vr_system_conf *conf = &system->conf;
    uint32_t count = vr_system_worker_count(system, kind);

    if (conf->place != NULL) {
        return conf->place(conf->ctx, address) % count;
    }
    if (address->kind == VR_ACTOR_SHARD) {
        return address->sub % count;
    }
    return (uint32_t)(vr_address_hash(system, address) >> 16) % count;
}
