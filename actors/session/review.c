/* review.c - a session must not outlive what opened it: when a key was deleted or a token revoked,
 * the sessions of it end. The store's side closes first, so whoever is asked here is told the
 * truth. */
#include "actors/session/session_internal.h"

#include "actors/base/log.h"
#include "actors/base/owner.h"

static void end_withdrawn(struct session *session)
{
    char id[VR_ID_TEXT];

    vr_log(VR_LOG_INFO, "a session ends: its key or token was withdrawn",
           VR_S("session", vr_id_format(session->id, id)));
    session_close_socket(session, 4001, "the key or the token was withdrawn");
    if (session_move(session, VR_SESSION_EV_LEFT)) {
        session_over(session, "withdrawn", false);
    }
}

/** False: some could not be judged yet. */
static bool review(struct session_table *table, const struct vr_session_services *services)
{
    bool all = true;

    for (uint32_t i = 0; i < table->bucket_count; i++) {
        struct session *next = NULL;

        for (struct session *session = table->buckets[i]; session != NULL; session = next) {
            next = session->next; /* ending one takes it out of the list */
            if (!services->withdrawn(services->ctx, session->token_ref)) {
                continue;
            }
            if (session->joining) { /* its questions under way need it: the next time */
                all = false;
            } else {
                end_withdrawn(session);
            }
        }
    }
    return all;
}

/* A replica that was restarted has forgotten who is here. */
static void register_all(const struct session_table *table)
{
    for (uint32_t i = 0; i < table->bucket_count; i++) {
        for (const struct session *s = table->buckets[i]; s != NULL; s = s->next) {
            session_register(s, true);
        }
    }
}

static void on_review(struct vr_timer *timer, vr_time_us now)
{
    struct session_table *table = VR_OWNER(timer, struct session_table, review);
    const struct vr_session_services *services = session_env(table->worker)->session_services;
    uint64_t withdrawals =
        services->withdrawals == NULL ? table->withdrawals : services->withdrawals(services->ctx);

    if (withdrawals != table->withdrawals && review(table, services)) {
        table->withdrawals = withdrawals;
    }
    if (services->node != 0 && ++table->reviews % REGISTER_EVERY == 0) {
        register_all(table);
    }
    vr_timer_arm(table->worker, timer, now + REVIEW_EVERY);
}

void session_review_start(struct session_table *table, struct vr_worker *worker)
{
    const struct vr_session_services *services = session_env(worker)->session_services;

    bool reviews = services->withdrawn != NULL && services->withdrawals != NULL;

    if (table->worker != NULL || (!reviews && services->node == 0)) {
        return;
    }
    table->worker = worker;
    table->review.fire = on_review;
    vr_timer_arm(worker, &table->review, vr_worker_now(worker) + REVIEW_EVERY);
}
