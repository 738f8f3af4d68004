/* routes_config.c - the node's settings, their check before they are used, reading them again; and
 * figures over all rooms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/parent.h"
#include "nodes/routes_admin.h"
#include "nodes/yaml_json.h"
#include "room_record.pb-c.h"

void vr_route_config_show(struct vr_http_request *request)
{
    struct vr_buf yaml = {0};
    struct vr_buf json = {0};

    vr_config_print(vr_node_config(request->node), &yaml);
    if (yaml.failed || vr_yaml_to_json(vr_buf_bytes(&yaml), &json) != VR_OK) {
        vr_http_answer_problem(request, VR_E_INTERNAL, NULL);
    } else {
        vr_http_answer_json(request, 200, vr_buf_bytes(&json));
    }
    vr_buf_deinit(&yaml);
    vr_buf_deinit(&json);
}

/** Settings as they would be read from a file; the name of the file is ours, so it is left out of
 * the sentence. */
static enum vr_err check_text(struct vr_bytes text, struct vr_why *why)
{
    struct vr_config config;
    char path[64];
    int fd = memfd_create("settings", MFD_CLOEXEC);
    enum vr_err err = VR_E_NO_MEMORY;

    if (fd < 0) {
        return vr_fail(why, err, "memory is out");
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, text.data, text.size) == (ssize_t)text.size) {
        err = vr_config_load(path, NULL, NULL, 0, &config, why);
        vr_config_free(&config);
        if (strncmp(why->text, path, strlen(path)) == 0) {
            size_t size = strlen(why->text + strlen(path));

            memmove(why->text + 4, why->text + strlen(path), size + 1);
            memcpy(why->text, "line", 4);
            if (why->text[4] == ':') {
                why->text[4] = ' ';
            }
        }
    }
    close(fd);
    return err;
}

void vr_route_config_check(struct vr_http_request *request)
{
    struct vr_why why = {0};

    if (strcmp(request->content_type, "application/yaml") != 0) {
        vr_http_answer_problem(request, VR_E_MEDIA_TYPE, "application/yaml is expected");
        return;
    }
    if (check_text(request->body, &why) == VR_OK) {
        vr_admin_answer(request, 200, json_pack("{s:b, s:n}", "good", 1, "why"));
    } else {
        vr_admin_answer(request, 200, json_pack("{s:b, s:s}", "good", 0, "why", why.text));
    }
}

static json_t *names(const struct vr_buf *list)
{
    json_t *out = json_array();

    for (size_t at = 0; at < list->size; at += strlen((const char *)list->data + at) + 1) {
        json_array_append_new(out, json_string((const char *)list->data + at));
    }
    return out;
}

void vr_route_node_reload(struct vr_http_request *request)
{
    struct vr_buf applied = {0};
    struct vr_buf later = {0};
    struct vr_why why = {0};
    enum vr_err err = vr_node_reload(request->node, &applied, &later, &why);

    if (err != VR_OK) {
        struct vr_http_problem problem = {.err = VR_E_UNPROCESSABLE, .detail = why.text};

        vr_http_answer_problem_full(request, &problem);
    } else {
        vr_admin_answer(
            request, 200,
            json_pack("{s:o, s:o}", "applied", names(&applied), "needs_restart", names(&later)));
    }
    vr_buf_deinit(&applied);
    vr_buf_deinit(&later);
}

/* --- figures --- */

struct summary {
    enum vr_err err;
    uint64_t rooms[3]; /* by phase */
    uint64_t joins, stays, hands, reactions, chats, peak;
    double stay_s;
};

static bool count_room(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct summary *summary = ctx;
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);

    (void)key;
    if (record != NULL && record->phase < 3) {
        summary->rooms[record->phase]++;
    }
    if (record != NULL) {
        vr__room_record__free_unpacked(record, NULL);
    }
    return true;
}

static bool count_counters(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct summary *summary = ctx;
    Vr__CountersRecord *record = NULL;

    if (key.size != 16 || vr_id_equal(vr_id_get(key.data), VR_DEPLOYMENT_ROOM)) {
        return true;
    }
    record = vr__counters_record__unpack(NULL, value.size, value.data);
    if (record != NULL) {
        summary->joins += record->joins;
        summary->stays += record->stays;
        summary->stay_s += (double)record->stay_us / 1e6;
        summary->hands += record->hands_raised;
        summary->reactions += record->reactions;
        summary->chats += record->chats;
        summary->peak = record->peak > summary->peak ? record->peak : summary->peak;
        vr__counters_record__free_unpacked(record, NULL);
    }
    return true;
}

static void sum_up(struct vr_http_request *request)
{
    struct summary *summary = request->state;
    struct vr_records *records = vr_node_records(request->node);
    struct vr_bytes all = vr_bytes("", 0);

    summary->err = vr_records_scan(records, VR_TABLE_ROOMS, all, all, count_room, summary);
    if (summary->err == VR_OK) {
        summary->err =
            vr_records_scan(records, VR_TABLE_ANALYTICS, all, all, count_counters, summary);
    }
}

static void summed_up(struct vr_http_request *request)
{
    struct summary *summary = request->state;

    if (summary->err != VR_OK) {
        vr_http_answer_problem(request, summary->err, NULL);
    } else {
        vr_admin_answer(
            request, 200,
            json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:f, s:I, s:I, s:I}", "rooms", "scheduled",
                      (json_int_t)summary->rooms[VR_SCHEDULED], "active",
                      (json_int_t)summary->rooms[VR_ACTIVE], "ended",
                      (json_int_t)summary->rooms[VR_ENDED], "joins", (json_int_t)summary->joins,
                      "peak", (json_int_t)summary->peak, "mean_stay_s",
                      summary->stays == 0 ? 0.0 : summary->stay_s / (double)summary->stays,
                      "hands_raised", (json_int_t)summary->hands, "reactions",
                      (json_int_t)summary->reactions, "chats", (json_int_t)summary->chats));
    }
    free(summary);
}

void vr_route_analytics_summary(struct vr_http_request *request)
{
    request->state = calloc(1, sizeof(struct summary));
    if (request->state == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    vr_admin_chore(request, sum_up, summed_up);
}

static json_t *upgrades(const struct vr_inherit *inherit)
{
    struct vr_parent_upgrades about;

    vr_parent_upgrades(inherit, &about);
    return json_pack("{s:I, s:I, s:I, s:s}", "upgrades", (json_int_t)about.done, "refused",
                     (json_int_t)about.refused, "starts", (json_int_t)about.starts, "why",
                     about.why);
}

void vr_route_node_upgrade(struct vr_http_request *request)
{
    const struct vr_inherit *inherit = vr_node_config(request->node)->inherit;
    json_t *before = upgrades(inherit); /* the parent may be faster than the next line */

    if (!vr_parent_ask_upgrade(inherit)) {
        struct vr_http_problem problem = {
            .err = VR_E_CONFLICT,
            .detail = "this node has no parent process (supervise): drain and restart it instead"};

        vr_http_answer_problem_full(request, &problem);
        json_decref(before);
        return;
    }
    vr_admin_answer(request, 202, before);
}

void vr_route_node_upgrades(struct vr_http_request *request)
{
    vr_admin_answer(request, 200, upgrades(vr_node_config(request->node)->inherit));
}
