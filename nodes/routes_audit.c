/* routes_audit.c - the deployment's audit log, and proof that a log is whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/node.h"
#include "nodes/routes_admin.h"

void vr_route_deployment_audit(struct vr_http_request *request)
{
    struct vr_deployment *deployment = vr_node_deployment(request->node);
    struct vr_buf body = {0};
    enum vr_err err =
        vr_room_audit_json(vr_node_records(request->node), vr_deployment_vault(deployment),
                           VR_DEPLOYMENT_ROOM, vr_deployment_audits(deployment), &body);

    if (err != VR_OK) {
        vr_buf_deinit(&body);
        vr_http_answer_problem(request, err, NULL);
        return;
    }
    vr_route_answer_buf(request, 200, &body);
}

/** A walk over one log, on the chores' thread. */
struct verifying {
    struct vr_id room;
    uint64_t number;
    uint8_t known[VR_AUDIT_HASH];
    enum vr_err err;
    struct vr_audit_verdict verdict;
};

static void verify(struct vr_http_request *request)
{
    struct verifying *verifying = request->state;

    verifying->err = vr_audit_verify(vr_node_records(request->node), verifying->room,
                                     verifying->number, verifying->known, &verifying->verdict);
}

static void verified(struct vr_http_request *request)
{
    struct verifying *verifying = request->state;
    const struct vr_audit_verdict *verdict = &verifying->verdict;
    char head[2 * VR_AUDIT_HASH + 1] = "";
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < VR_AUDIT_HASH; i++) {
        head[2 * i] = digits[verdict->head[i] >> 4];
        head[2 * i + 1] = digits[verdict->head[i] & 15];
    }
    if (verifying->err != VR_OK &&
        !(verifying->err == VR_E_NOT_FOUND && vr_id_equal(verifying->room, VR_DEPLOYMENT_ROOM))) {
        vr_http_answer_problem(request, verifying->err, NULL);
    } else {
        vr_admin_answer(
            request, 200,
            json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:s}", "sound", verdict->sound ? 1 : 0,
                      "entries", (json_int_t)verdict->entries, "first", (json_int_t)verdict->first,
                      "last", (json_int_t)verdict->last, "unchained",
                      (json_int_t)verdict->unchained, "broken_at",
                      verdict->broken_at == 0 ? json_null()
                                              : json_integer((json_int_t)verdict->broken_at),
                      "why", vr_admin_text(verdict->why), "head", head));
    }
    free(verifying);
}

static bool nibble(char c, uint8_t *out)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == 0 ? NULL : strchr(digits, c);

    if (at == NULL) {
        return false;
    }
    *out = (uint8_t)(at - digits);
    return true;
}

/** number=12&hash=...: both or none. False: the request was answered. */
static bool read_known(struct vr_http_request *request, struct verifying *out)
{
    char number[24];
    char hash[2 * VR_AUDIT_HASH + 1];
    char *end = NULL;
    bool given = vr_http_query(request, "number", number, sizeof(number));
    bool fine = given == vr_http_query(request, "hash", hash, sizeof(hash));

    if (given && fine) {
        errno = 0;
        out->number = strtoull(number, &end, 10);
        fine = number[0] >= '1' && number[0] <= '9' && *end == 0 && errno == 0 &&
               strlen(hash) == 2 * (size_t)VR_AUDIT_HASH;
        for (size_t i = 0; fine && i < VR_AUDIT_HASH; i++) {
            uint8_t high = 0;
            uint8_t low = 0;

            fine = nibble(hash[2 * i], &high) && nibble(hash[2 * i + 1], &low);
            out->known[i] = (uint8_t)(high << 4 | low);
        }
    }
    if (!fine) {
        vr_route_invalid(request, "/hash",
                         "number and hash: both of one entry that was noted earlier");
    }
    return fine;
}

static void verify_log(struct vr_http_request *request, struct vr_id room)
{
    struct verifying *verifying = calloc(1, sizeof(*verifying));

    if (verifying == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    verifying->room = room;
    verifying->verdict.sound = true;
    if (!read_known(request, verifying)) {
        free(verifying);
        return;
    }
    request->state = verifying;
    vr_admin_chore(request, verify, verified);
}

void vr_route_deployment_audit_verify(struct vr_http_request *request)
{
    verify_log(request, VR_DEPLOYMENT_ROOM);
}

void vr_route_room_audit_verify(struct vr_http_request *request)
{
    struct vr_id room;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    if (vr_id_equal(room, VR_DEPLOYMENT_ROOM)) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return;
    }
    verify_log(request, room);
}
