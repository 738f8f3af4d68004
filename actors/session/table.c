/* table.c - the sessions of a worker by id, and the questions under way. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"

struct vr_sessions {
    uint32_t count;
    struct session_table tables[];
};

struct vr_sessions *vr_sessions_new(uint32_t control_workers)
{
    struct vr_sessions *sessions =
        calloc(1, sizeof(*sessions) + control_workers * sizeof(sessions->tables[0]));
    bool made = true;

    if (sessions == NULL) {
        return NULL;
    }
    sessions->count = control_workers;
    for (uint32_t i = 0; i < control_workers; i++) {
        vr_list_init(&sessions->tables[i].ops);
        vr_list_init(&sessions->tables[i].dead);
        sessions->tables[i].staying = STAYING_UNKNOWN;
        sessions->tables[i].door = session_door_new();
        made = made && sessions->tables[i].door != NULL;
    }
    if (!made) {
        vr_sessions_free(sessions);
        return NULL;
    }
    return sessions;
}

static void free_session(struct session *session)
{
    session_flush_held(session, false);
    free(session);
}

static void free_table(struct session_table *table)
{
    VR_LIST_EACH(item, &table->ops)
    {
        op_done(VR_OWNER(item, struct op, link));
    }
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i] != NULL) {
            struct session *session = table->buckets[i];

            table->buckets[i] = session->next;
            free_session(session);
        }
    }
    free(table->buckets);
    session_door_free(table->door);
    VR_LIST_EACH(item, &table->dead)
    {
        free_session(VR_OWNER(item, struct session, dead_link));
    }
}

void vr_sessions_free(struct vr_sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sessions->count; i++) {
        free_table(&sessions->tables[i]);
    }
    free(sessions);
}

uint32_t vr_sessions_count(const struct vr_sessions *sessions)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sessions->count; i++) {
        count += __atomic_load_n(&sessions->tables[i].count, __ATOMIC_RELAXED);
    }
    return count;
}

void vr_sessions_door(const struct vr_sessions *sessions, struct vr_sessions_door *out)
{
    *out = (struct vr_sessions_door){0};
    for (uint32_t i = 0; i < sessions->count; i++) {
        session_door_stats(sessions->tables[i].door, out);
    }
}

uint32_t vr_sessions_staying(const struct vr_sessions *sessions)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sessions->count; i++) {
        const struct session_table *table = &sessions->tables[i];

        if (__atomic_load_n(&table->count, __ATOMIC_RELAXED) > 0) {
            count += __atomic_load_n(&table->staying, __ATOMIC_RELAXED);
        }
    }
    return count;
}

const struct vr_env *session_env(struct vr_worker *worker)
{
    return vr_system_context(vr_worker_system(worker));
}

struct session_table *session_table_of(struct vr_worker *worker)
{
    struct vr_sessions *sessions = session_env(worker)->session_services->sessions;
    uint32_t index = vr_worker_index(worker);

    vr_assert(vr_worker_kind(worker) == VR_WORKER_CONTROL);
    vr_assert(index < sessions->count);
    return &sessions->tables[index];
}

uint32_t vr_session_worker_index(const struct vr_system *system, struct vr_id session)
{
    return (uint32_t)(session.lo % vr_system_worker_count(system, VR_WORKER_CONTROL));
}

/** Ids are random: their low bits are as good as a hash. Those that name the worker are left out.
 */
static struct session **bucket_of(const struct session_table *table, struct vr_id id)
{
    return &table->buckets[id.hi & (table->bucket_count - 1)];
}

struct session *session_find(struct vr_worker *worker, struct vr_id id)
{
    const struct session_table *table = session_table_of(worker);
    struct session *session = NULL;

    if (table->buckets == NULL) {
        return NULL;
    }
    session = *bucket_of(table, id);
    while (session != NULL && !vr_id_equal(session->id, id)) {
        session = session->next;
    }
    return session;
}

static void put(struct session_table *table, struct session *session)
{
    struct session **bucket = bucket_of(table, session->id);

    session->next = *bucket;
    *bucket = session;
}

/** More buckets when they are as many as sessions. Without memory the lists get longer, that is
 * all. */
static bool grow(struct session_table *table)
{
    struct session_table grown = *table;

    grown.bucket_count = table->bucket_count == 0 ? BUCKETS_MIN : table->bucket_count * 2;
    grown.buckets = calloc(grown.bucket_count, sizeof(struct session *));
    if (grown.buckets == NULL) {
        return table->buckets != NULL;
    }
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i] != NULL) {
            struct session *session = table->buckets[i];

            table->buckets[i] = session->next;
            put(&grown, session);
        }
    }
    free(table->buckets);
    table->buckets = grown.buckets;
    table->bucket_count = grown.bucket_count;
    return true;
}

/** An id that belongs to this worker: ids tell their worker, so that HTTP can hand requests over.
 */
static struct vr_id fresh_id(struct vr_worker *worker)
{
    struct vr_system *system = vr_worker_system(worker);
    struct vr_id id;

    do {
        id = vr_random_id(vr_system_random(system));
    } while (vr_session_worker_index(system, id) != vr_worker_index(worker));
    return id;
}

struct session *session_new(struct vr_worker *worker)
{
    return session_new_as(worker, fresh_id(worker));
}

struct session *session_new_as(struct vr_worker *worker, struct vr_id id)
{
    struct session_table *table = session_table_of(worker);
    struct session *session = NULL;

    if (table->count >= table->bucket_count && !grow(table)) {
        return NULL;
    }
    session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    session->id = id;
    session->table = table;
    session->worker = worker;
    session->env = session_env(worker);
    session->state = VR_SESSION_JOINING;
    vr_list_init(&session->held);
    vr_list_init(&session->dead_link);
    put(table, session);
    session_review_start(table, worker);
    __atomic_add_fetch(&session->table->count, 1, __ATOMIC_RELAXED);
    return session;
}

static void on_buried(struct vr_timer *timer, vr_time_us now)
{
    struct session *session = VR_OWNER(timer, struct session, timer);

    (void)now;
    vr_list_remove(&session->dead_link);
    free_session(session);
}

void session_bury(struct session *session)
{
    struct session **link = bucket_of(session->table, session->id);

    session_register(session, false);
    vr_timer_disarm(session->worker, &session->timer);
    while (*link != session) {
        link = &(*link)->next;
    }
    *link = session->next;
    __atomic_sub_fetch(&session->table->count, 1, __ATOMIC_RELAXED);
    vr_list_push(&session->table->dead, &session->dead_link);
    session->timer.fire = on_buried;
    vr_timer_arm(session->worker, &session->timer, vr_worker_now(session->worker));
}

void op_start(struct op *op, struct session *session, void (*free)(struct op *op))
{
    op->table = session->table;
    op->worker = session->worker;
    op->session = session->id;
    op->free = free;
    vr_list_push(&op->table->ops, &op->link);
}

struct session *op_session(const struct op *op)
{
    return session_find(op->worker, op->session);
}

void op_done(struct op *op)
{
    vr_list_remove(&op->link);
    op->free(op);
}
