/* routes_users.c - one user over REST: seen, taken along, erased.
 *
 * Erasing: his sessions end; the rooms that hold a place of his are loaded anew, so that no memory
 * keeps his name; his key goes, and with it all that was sealed for him. What happened stays, of
 * nobody known, and every chain of audit entries stays whole. A ban of his stays in force: it knows
 * a hash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/base/log.h"
#include "actors/session/session.h"
#include "actors/wire/resume.h"
#include "nodes/node.h"
#include "nodes/reminders.h"
#include "nodes/routes_admin.h"
#include "nodes/users.h"

#define SHOWN_MAX 50
#define EXPORT_MAX 1000000

struct job {
    char user[VR_USER_MAX + 1];
    size_t most;
    json_t *found;
};

/** NULL: the request was answered. */
static struct job *job_new(struct vr_http_request *request)
{
    struct job *job = calloc(1, sizeof(*job));
    size_t size = strlen(request->param[0]);

    if (job == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return NULL;
    }
    if (size == 0 || size > VR_USER_MAX) {
        free(job);
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return NULL;
    }
    memcpy(job->user, request->param[0], size);
    request->state = job;
    return job;
}

static void gather(struct vr_http_request *request)
{
    struct job *job = request->state;

    job->found = vr_user_gather(vr_node_records(request->node), vr_node_deployment(request->node),
                                vr_node_personal(request->node), job->user, job->most);
}

/** Is there anything about him at all? */
static bool known(const json_t *found)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)(uintptr_t)found, key, value)
    {
        if (json_is_array(value) && json_array_size(value) > 0) {
            return true;
        }
    }
    return json_is_true(json_object_get(found, "known"));
}

static void gathered(struct vr_http_request *request)
{
    struct job *job = request->state;
    json_t *found = job->found;

    if (found == NULL) {
        vr_http_answer_problem(request, VR_E_INTERNAL, NULL);
    } else if (!known(found)) {
        json_decref(found);
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "nothing is kept about this user");
    } else {
        if (job->most == EXPORT_MAX) {
            vr_http_header(request, "content-disposition", "attachment; filename=\"user.json\"");
            vr_http_header(request, "cache-control", "no-store");
        }
        vr_admin_answer(request, 200, found);
    }
    free(job);
}

static void show(struct vr_http_request *request, size_t most)
{
    struct job *job = job_new(request);

    if (job != NULL) {
        job->most = most;
        vr_admin_chore(request, gather, gathered);
    }
}

void vr_route_user_show(struct vr_http_request *request)
{
    show(request, SHOWN_MAX);
}

void vr_route_user_export(struct vr_http_request *request)
{
    show(request, EXPORT_MAX);
}

/* --- erasing --- */

struct erasing {
    struct vr_id ref;
    struct vr_id hint;
    struct vr_id *rooms;
    size_t count;
    bool there;
};

/** Rooms are put down and woken from the store: what they knew of him is gone then. */
static void rooms_anew(struct vr_http_request *request, const struct erasing *erasing)
{
    struct vr_system *system = vr_node_system(request->node);

    for (size_t i = 0; i < erasing->count; i++) {
        struct vr_msg drain = {.kind = VR_MSG_DRAIN, .to = vr_room_address(erasing->rooms[i])};
        struct vr_msg wake = {.kind = VR_MSG_PING, .to = vr_room_address(erasing->rooms[i])};

        vr_system_post(system, &drain);
        nanosleep(&(struct timespec){.tv_nsec = 20L * 1000 * 1000}, NULL);
        vr_system_post(system, &wake);
    }
}

static void find_places(struct vr_http_request *request)
{
    struct erasing *erasing = request->state;
    struct vr_buf user = {0};

    erasing->rooms = vr_user_rooms(vr_node_records(request->node), erasing->ref, &erasing->count);
    erasing->there =
        vr_personal_user(vr_node_personal(request->node), erasing->ref, &user) == VR_OK;
    vr_buf_deinit(&user);
}

/** His sessions have left by now; their rooms write that down while we wait. */
static void put_down(struct vr_http_request *request)
{
    nanosleep(&(struct timespec){.tv_nsec = 200L * 1000 * 1000}, NULL);
    rooms_anew(request, request->state);
    nanosleep(&(struct timespec){.tv_nsec = 100L * 1000 * 1000}, NULL);
}

static void load_again(struct vr_http_request *request)
{
    rooms_anew(request, request->state);
}

static void erasing_free(struct erasing *erasing)
{
    free(erasing->rooms);
    free(erasing);
}

static void all_done(struct vr_http_request *request)
{
    erasing_free(request->state);
    vr_http_answer_empty(request, 204);
}

static void not_done(struct vr_http_request *request)
{
    erasing_free(request->state);
    vr_http_answer_problem(request, VR_E_BUSY, "the user is not erased: try again");
}

static void go_on(struct vr_http_request *request)
{
    vr_admin_chore(request, load_again, all_done);
}

static void on_erased(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_http_request *request = ctx;
    struct erasing *erasing = request->state;

    (void)ticket;
    (void)revision;
    vr_deployment_barred(vr_node_deployment(request->node), erasing->hint, false);
    vr_http_resume(request, err == VR_OK ? go_on : not_done);
}

static void forget_reminders(struct vr_http_request *request, struct vr_commit *commit)
{
    const struct erasing *erasing = request->state;
    struct vr_id rooms[VR_REMINDERS_OF_ONE_MAX];
    uint32_t count = 0;

    if (vr_reminders_of(vr_node_records(request->node), erasing->ref, rooms,
                        VR_REMINDERS_OF_ONE_MAX, &count) != VR_OK) {
        return; /* the look at reminders takes them away, a little later */
    }
    for (uint32_t i = 0; i < count; i++) {
        vr_reminder_remove(erasing->ref, rooms[i], commit);
    }
}

/** The places are found and the sessions over: now the key. */
static void destroy(struct vr_http_request *request)
{
    struct erasing *erasing = request->state;
    struct vr_deployment_change change = {.commit = vr_deployment_commit()};
    char ref[VR_ID_TEXT];

    if (change.commit == NULL ||
        vr_personal_erase(vr_node_personal(request->node), erasing->ref, change.commit) != VR_OK) {
        vr_commit_free(change.commit);
        vr_deployment_barred(vr_node_deployment(request->node), erasing->hint, false);
        not_done(request);
        return;
    }
    forget_reminders(request, change.commit);
    vr_admin_audit(request, &change.audit, "user:erase");
    if (vr_id_equal(vr_personal_ref(vr_node_personal(request->node), request->grants.user),
                    erasing->ref)) { /* himself: he would be made known again by the entry */
        change.audit.by_user[0] = 0;
        change.audit.by_name[0] = 0;
    }
    snprintf(change.audit.reason, sizeof(change.audit.reason), "ref %s",
             vr_id_format(erasing->ref, ref));
    vr_log(VR_LOG_WARN, "a user is erased", VR_S("ref", ref),
           VR_S("request_id", request->request_id));
    vr_deployment_change(vr_node_deployment(request->node), &change, on_erased, request);
}

static void places_found(struct vr_http_request *request)
{
    struct erasing *erasing = request->state;

    if (!erasing->there && erasing->count == 0) {
        erasing_free(erasing);
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "nothing is kept about this user");
        return;
    }
    vr_deployment_barred(vr_node_deployment(request->node), erasing->hint, true);
    vr_session_review(request->worker);
    vr_admin_chore(request, put_down, destroy);
}

void vr_route_user_erase(struct vr_http_request *request)
{
    size_t size = strlen(request->param[0]);
    struct erasing *erasing = NULL;

    if (size == 0 || size > VR_USER_MAX) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return;
    }
    erasing = calloc(1, sizeof(*erasing));
    if (erasing == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    erasing->ref = vr_personal_ref(vr_node_personal(request->node), request->param[0]);
    erasing->hint = vr_resume_user_hint(request->param[0]);
    request->state = erasing;
    vr_admin_chore(request, find_places, places_found);
}
