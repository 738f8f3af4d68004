/* routes_backup.c - a copy of this node's store for administrators: made, fetched in pieces, given
 * back. A copy holds every key of the node. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "nodes/backups.h"
#include "nodes/chores.h"
#include "nodes/node.h"
#include "nodes/routes_admin.h"
#include "nodes/routes_backup.h"

#define KEPT VR_SECONDS(600) /* without a reader */

struct making {
    struct vr_backups *backups;
    struct vr_backup_made made;
    enum vr_err err;
    struct vr_why why;
};

static vr_time_us now_of(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static void make(struct vr_http_request *request)
{
    struct making *making = request->state;

    making->err = vr_backups_make(making->backups, now_of(), &making->made, &making->why);
}

static json_t *made_json(const struct vr_http_request *request, const struct vr_backup_made *made)
{
    static const char digits[] = "0123456789abcdef";
    char hash[65] = "";

    for (size_t i = 0; i < sizeof(made->sha256); i++) {
        hash[2 * i] = digits[made->sha256[i] >> 4];
        hash[2 * i + 1] = digits[made->sha256[i] & 15];
    }
    return json_pack("{s:o, s:s, s:I, s:s, s:i}", "id", vr_admin_id(made->id), "node",
                     vr_node_env(request->node)->node, "bytes", (json_int_t)made->bytes, "sha256",
                     hash, "piece_bytes", (int)VR_BACKUP_PIECE);
}

static void made(struct vr_http_request *request)
{
    struct making *making = request->state;
    json_t *value = making->err == VR_OK ? made_json(request, &making->made) : NULL;
    char place[64];
    char id[VR_ID_TEXT];

    request->state = NULL;
    if (making->err == VR_OK) {
        vr_log(VR_LOG_WARN, "a backup of the store is taken", VR_S("by", request->grants.user),
               VR_U("bytes", making->made.bytes), VR_S("request_id", request->request_id));
        snprintf(place, sizeof(place), "/v1/node/backup/%s", vr_id_format(making->made.id, id));
        vr_http_header(request, "location", place);
        vr_admin_answer(request, 201, value);
    } else {
        vr_http_answer_problem(request, making->err,
                               making->why.text[0] == 0 ? NULL : making->why.text);
    }
    free(making);
}

void vr_route_backup_make(struct vr_http_request *request)
{
    struct making *making = calloc(1, sizeof(*making));

    if (making == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    making->backups = vr_node_backups(request->node);
    (void)vr_backups_sweep(making->backups, now_of() - KEPT);
    request->state = making;
    vr_admin_chore(request, make, made);
}

static bool offset_read(struct vr_http_request *request, uint64_t *out)
{
    char text[24];
    char *end = NULL;

    *out = 0;
    if (!vr_http_query(request, "offset", text, sizeof(text)) && text[0] == 0) {
        return true;
    }
    *out = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0) {
        vr_http_answer_problem(request, VR_E_BAD_REQUEST, "offset: a number of bytes");
        return false;
    }
    return true;
}

void vr_route_backup_read(struct vr_http_request *request)
{
    struct vr_buf piece = {0};
    struct vr_id id;
    uint64_t offset;
    enum vr_err err;

    if (!vr_route_id(request, 0, &id) || !offset_read(request, &offset)) {
        return;
    }
    err = vr_backups_read(vr_node_backups(request->node), id, offset, now_of(), &piece);
    if (err == VR_OK) {
        vr_http_answer(request, 200, "application/octet-stream", vr_buf_bytes(&piece));
    } else {
        vr_http_answer_problem(request, err,
                               err == VR_E_NOT_FOUND ? "there is no such copy (any more)" : NULL);
    }
    vr_buf_deinit(&piece);
}

void vr_route_backup_drop(struct vr_http_request *request)
{
    struct vr_id id;

    if (!vr_route_id(request, 0, &id)) {
        return;
    }
    if (vr_backups_drop(vr_node_backups(request->node), id) == VR_OK) {
        vr_http_answer_empty(request, 204);
    } else {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "there is no such copy (any more)");
    }
}
