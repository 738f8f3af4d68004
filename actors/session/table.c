/* table.c - the sessions of a worker by id, and the questions under way. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"

struct held_event;

struct vr_sessions {
    uint32_t count;
    struct session_table tables[];
};

struct vr_sessions *vr_sessions_new(uint32_t control_workers)
{
    struct vr_sessions *sessions =
        calloc(1, sizeof(*sessions) + control_workers * sizeof(sessions->tables[0]));

    if (sessions == NULL) {
        return NULL;
    }
    sessions->count = control_workers;
    for (uint32_t i = 0; i < control_workers; i++) {
        vr_list_init(&sessions->tables[i].ops);
        vr_list_init(&sessions->tables[i].dead);
    }
    return sessions;
}

static void free_session(struct session *session)
{
    session_flush_held(session, false);
    free(session);
}

void vr_sessions_free(struct vr_sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sessions->count; i++) {
        struct session_table *table = &sessions->tables[i];
        struct session *session = NULL;
        struct session *next = NULL;

        VR_LIST_EACH(item, &table->ops)
        {
            op_done(VR_OWNER(item, struct op, link));
        }
        HASH_ITER(hh, table->by_id, session, next)
        {
            HASH_DEL(table->by_id, session);
            free_session(session);
        }
        VR_LIST_EACH(item, &table->dead)
        {
            free_session(VR_OWNER(item, struct session, dead_link));
        }
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

struct session *session_find(struct vr_worker *worker, struct vr_id id)
{
    struct session *session = NULL;

    HASH_FIND(hh, session_table_of(worker)->by_id, &id, sizeof(id), session);
    return session;
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
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        return NULL;
    }
    session->id = fresh_id(worker);
    session->table = session_table_of(worker);
    session->worker = worker;
    session->env = session_env(worker);
    session->state = VR_SESSION_JOINING;
    vr_list_init(&session->held);
    vr_list_init(&session->dead_link);
    HASH_ADD(hh, session->table->by_id, id, sizeof(session->id), session);
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
    vr_timer_disarm(session->worker, &session->timer);
    HASH_DEL(session->table->by_id, session);
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
