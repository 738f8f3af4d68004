/* review.c - a session must not outlive what opened it: when a key was deleted, a token revoked, or
 * a person banned from the whole deployment, the sessions end. The store's side closes first, so
 * whoever is asked here is told the truth. */
#include "actors/session/session_internal.h"

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/wire/client_json.h"

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

/** As a ban of the room tells it, so that a client need not know two kinds. */
static void tell_banned(struct session *session, const struct vr_why *why)
{
    struct vr_buf text = {0};
    struct vr_blob *blob = NULL;
    char room[VR_ID_TEXT];

    vr_buf_printf(&text,
                  "{\"type\":\"room:banned\",\"room\":\"%s\",\"epoch\":%llu,\"sequence\":%llu,"
                  "\"until\":null,\"reason\":",
                  vr_id_format(session->room, room), (unsigned long long)session->epoch,
                  (unsigned long long)session->sequence);
    vr_json_text(&text, why->text);
    vr_buf_text(&text, "}");
    blob = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (blob != NULL) {
        session_send(session, blob);
        vr_blob_release(blob);
    }
}

static void end_banned(struct session *session, const struct vr_why *why)
{
    char id[VR_ID_TEXT];

    vr_log(VR_LOG_INFO, "a session ends: its person was banned",
           VR_S("session", vr_id_format(session->id, id)));
    tell_banned(session, why);
    session_close_socket(session, 4002, "banned");
    if (session_move(session, VR_SESSION_EV_LEFT)) {
        session_over(session, "banned", false);
    }
}

static bool is_banned(const struct session *session, const struct vr_session_services *services,
                      struct vr_why *why)
{
    return services->banned != NULL &&
           services->banned(services->ctx, session->user_hint,
                            session->who.admin ? "" : session->who.address, why);
}

/** False: some could not be judged yet. */
static bool review(struct session_table *table, const struct vr_session_services *services)
{
    bool all = true;

    for (uint32_t i = 0; i < table->bucket_count; i++) {
        struct session *next = NULL;

        for (struct session *session = table->buckets[i]; session != NULL; session = next) {
            struct vr_why why = {0};
            bool withdrawn = services->withdrawn(services->ctx, session->token_ref);
            bool banned = is_banned(session, services, &why);

            next = session->next; /* ending one takes it out of the list */
            if (!withdrawn && !banned) {
                continue;
            }
            if (session->joining) { /* its questions under way need it: the next time */
                all = false;
            } else if (banned) {
                end_banned(session, &why);
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

/* Told a moment ago, and still here: his move is under way, or he does not know how. */
static uint32_t moves_under_way(const struct session_table *table, vr_time_us now)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < table->bucket_count; i++) {
        for (const struct session *s = table->buckets[i]; s != NULL; s = s->next) {
            count += s->state == VR_SESSION_LIVE && s->drain_told != 0 &&
                     now - s->drain_told < DRAIN_MOVE_WITHIN;
        }
    }
    return count;
}

/* Not all at once: each makes a new peer elsewhere, as fast as the others can take them. Who is
 * told too early, before the other nodes know, or finds no node, is told again. */
static void drain(struct session_table *table, bool draining, vr_time_us now)
{
    uint32_t told = draining ? moves_under_way(table, now) : 0;
    uint32_t staying = 0;

    for (uint32_t i = 0; i < table->bucket_count; i++) {
        for (struct session *s = table->buckets[i]; s != NULL; s = s->next) {
            if (!draining) {
                s->drain_told = 0;
                continue;
            }
            staying += s->state != VR_SESSION_LOST;
            if (s->state == VR_SESSION_LIVE && s->socket != NULL && !s->joining && !s->moving &&
                told < DRAIN_AT_ONCE &&
                (s->drain_told == 0 || now - s->drain_told >= DRAIN_AGAIN)) {
                s->drain_told = now;
                told++;
                session_tell_draining(s);
            }
        }
    }
    __atomic_store_n(&table->staying, draining ? staying : STAYING_UNKNOWN, __ATOMIC_RELAXED);
    table->draining = draining;
}

static void look(struct session_table *table)
{
    const struct vr_session_services *services = session_env(table->worker)->session_services;
    uint64_t withdrawals =
        services->withdrawals == NULL ? table->withdrawals : services->withdrawals(services->ctx);

    if (withdrawals != table->withdrawals && review(table, services)) {
        table->withdrawals = withdrawals;
    }
}

void vr_session_review(struct vr_worker *worker)
{
    struct session_table *table = session_table_of(worker);

    if (table->worker != NULL) {
        look(table);
    }
}

static void on_review(struct vr_timer *timer, vr_time_us now)
{
    struct session_table *table = VR_OWNER(timer, struct session_table, review);
    const struct vr_session_services *services = session_env(table->worker)->session_services;

    look(table);
    if (services->node != 0 && ++table->reviews % REGISTER_EVERY == 0) {
        register_all(table);
    }
    if (services->draining != NULL) {
        bool draining = services->draining(services->ctx);

        if (draining || table->draining) {
            drain(table, draining, now);
        }
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
