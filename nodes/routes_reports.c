/* routes_reports.c - the moderation queue: what participants have reported, and what came of it.
 *
 * An administrator sees all of it; a token with roomAdmin for one room that room's part, and
 * nothing else is there for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/node.h"
#include "nodes/routes_admin.h"
#include "room_record.pb-c.h"

#define LISTED_MAX 500

static const char *const outcomes[] = {"dismissed", "warned", "muted", "kicked", "banned", "other"};

static struct vr_id id_of(ProtobufCBinaryData data)
{
    return data.len == 16 ? vr_id_get(data.data) : (struct vr_id){0};
}

/** A sealed field as text; null when it is not there (any more). */
static json_t *opened(struct vr_http_request *request, struct vr_id ref, ProtobufCBinaryData sealed)
{
    struct vr_buf text = {0};
    json_t *value = NULL;

    if (sealed.len > 0 && vr_personal_open(vr_node_personal(request->node), ref,
                                           vr_bytes(sealed.data, sealed.len), &text) == VR_OK) {
        value = json_stringn((const char *)text.data, text.size);
    }
    vr_buf_deinit(&text);
    return value == NULL ? json_null() : value;
}

static json_t *user_json(struct vr_http_request *request, struct vr_id ref)
{
    struct vr_buf user = {0};
    json_t *value = NULL;

    if (!vr_id_is_zero(ref) &&
        vr_personal_user(vr_node_personal(request->node), ref, &user) == VR_OK) {
        value = json_stringn((const char *)user.data, user.size);
    }
    vr_buf_deinit(&user);
    return value == NULL ? json_null() : value;
}

static json_t *person_json(struct vr_http_request *request, ProtobufCBinaryData ref,
                           ProtobufCBinaryData name, uint32_t participant)
{
    return json_pack("{s:o, s:o, s:o}", "user", user_json(request, id_of(ref)), "name",
                     opened(request, id_of(ref), name), "participant",
                     participant == 0 ? json_null() : json_integer(participant));
}

static json_t *report_json(struct vr_http_request *request, struct vr_id id,
                           const Vr__ReportRecord *record)
{
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s}", "id", vr_admin_id(id), "room",
        vr_admin_id(id_of(record->room)), "at", vr_admin_time(record->at), "status",
        record->resolved ? "resolved" : "open", "by",
        person_json(request, record->by_ref, record->by_name, record->by_participant), "target",
        person_json(request, record->target_ref, record->target_name, record->target_participant),
        "reason", opened(request, id_of(record->target_ref), record->reason), "request_id",
        record->request_id);

    json_object_set_new(value, "resolved_at", vr_admin_time(record->resolved_at));
    json_object_set_new(value, "resolved_by",
                        opened(request, id_of(record->resolver_ref), record->resolver_name));
    json_object_set_new(value, "outcome", vr_admin_text(record->outcome));
    json_object_set_new(value, "note", opened(request, id_of(record->target_ref), record->note));
    return value;
}

/** May this token see this room's reports? */
static bool may_see(const struct vr_http_request *request, struct vr_id room)
{
    char text[VR_ID_TEXT];

    return request->grants.admin || (request->grants.room_admin &&
                                     (request->grants.room[0] == 0 ||
                                      strcmp(request->grants.room, vr_id_format(room, text)) == 0));
}

/** Refused as a whole: neither administrator nor roomAdmin. */
static bool judge(struct vr_http_request *request)
{
    if (request->grants.admin || request->grants.room_admin) {
        return true;
    }
    vr_http_answer_problem(request, VR_E_FORBIDDEN, "for administrators, and roomAdmin of a room");
    return false;
}

/* --- list --- */

struct listing {
    struct vr_http_request *request;
    struct vr_id room; /* zero: all */
    bool open;
    bool resolved;
    json_t *found;
};

static bool list_report(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct listing *listing = ctx;
    Vr__ReportRecord *record = vr__report_record__unpack(NULL, value.size, value.data);

    if (record != NULL && key.size == 16 && may_see(listing->request, id_of(record->room)) &&
        (vr_id_is_zero(listing->room) || vr_id_equal(listing->room, id_of(record->room))) &&
        (record->resolved ? listing->resolved : listing->open)) {
        json_t *entry = report_json(listing->request, vr_id_get(key.data), record);

        json_object_set_new(entry, "-at", json_integer(record->at));
        json_array_append_new(listing->found, entry);
    }
    if (record != NULL) {
        vr__report_record__free_unpacked(record, NULL);
    }
    return true;
}

struct dated {
    json_t *report;
    json_int_t at;
};

static int newest_first(const void *a, const void *b)
{
    json_int_t left = ((const struct dated *)a)->at;
    json_int_t right = ((const struct dated *)b)->at;

    return (left < right) - (left > right);
}

/** The newest, without the number that sorted them. */
static json_t *sorted(json_t *found)
{
    size_t count = json_array_size(found);
    struct dated *items = calloc(count + 1, sizeof(*items));
    json_t *out = json_array();

    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i].report = json_array_get(found, i);
        items[i].at = json_integer_value(json_object_get(items[i].report, "-at"));
    }
    if (items != NULL) {
        qsort(items, count, sizeof(*items), newest_first);
        for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
            json_object_del(items[i].report, "-at");
            json_array_append(out, items[i].report);
        }
    }
    free(items);
    json_decref(found);
    return out;
}

static void list(struct vr_http_request *request)
{
    struct listing *listing = request->state;
    struct vr_bytes all = vr_bytes("", 0);

    if (vr_records_scan(vr_node_records(request->node), VR_TABLE_REPORTS, all, all, list_report,
                        listing) != VR_OK) {
        json_decref(listing->found);
        listing->found = NULL;
    }
}

static void listed(struct vr_http_request *request)
{
    struct listing *listing = request->state;
    json_t *found = listing->found;

    free(listing);
    if (found == NULL) {
        vr_http_answer_problem(request, VR_E_INTERNAL, NULL);
        return;
    }
    vr_admin_answer(request, 200, json_pack("{s:o}", "reports", sorted(found)));
}

/** False: the request was answered. */
static bool read_query(struct vr_http_request *request, struct listing *listing)
{
    char status[16] = "open";
    char room[VR_ID_TEXT + 1];

    (void)vr_http_query(request, "status", status, sizeof(status));
    if (status[0] == 0) {
        snprintf(status, sizeof(status), "open");
    }
    listing->open = strcmp(status, "open") == 0 || strcmp(status, "all") == 0;
    listing->resolved = strcmp(status, "resolved") == 0 || strcmp(status, "all") == 0;
    if (!listing->open && !listing->resolved) {
        vr_route_invalid(request, "/status", "status: open, resolved or all");
        return false;
    }
    if (vr_http_query(request, "room", room, sizeof(room)) && !vr_id_parse(room, &listing->room)) {
        vr_route_invalid(request, "/room", "room: the id of a room");
        return false;
    }
    return true;
}

void vr_route_reports(struct vr_http_request *request)
{
    struct listing *listing = NULL;

    if (!judge(request)) {
        return;
    }
    listing = calloc(1, sizeof(*listing));
    if (listing == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    listing->request = request;
    if (!read_query(request, listing)) {
        free(listing);
        return;
    }
    listing->found = json_array();
    request->state = listing;
    vr_admin_chore(request, list, listed);
}

/* --- one --- */

/** The record, to be freed; NULL: the request was answered. */
static Vr__ReportRecord *find(struct vr_http_request *request, struct vr_id *id)
{
    struct vr_buf value = {0};
    uint8_t key[16];
    Vr__ReportRecord *record = NULL;

    if (!judge(request) || !vr_route_id(request, 0, id)) {
        return NULL;
    }
    vr_id_put(key, *id);
    if (vr_records_get(vr_node_records(request->node), VR_TABLE_REPORTS, vr_bytes(key, 16),
                       &value) == VR_OK) {
        record = vr__report_record__unpack(NULL, value.size, value.data);
    }
    vr_buf_deinit(&value);
    if (record != NULL && !may_see(request, id_of(record->room))) {
        vr__report_record__free_unpacked(record, NULL);
        record = NULL;
    }
    if (record == NULL) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
    }
    return record;
}

void vr_route_report_show(struct vr_http_request *request)
{
    struct vr_id id;
    Vr__ReportRecord *record = find(request, &id);

    if (record != NULL) {
        vr_admin_answer(request, 200, report_json(request, id, record));
        vr__report_record__free_unpacked(record, NULL);
    }
}

static bool outcome_known(const char *word)
{
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (strcmp(outcomes[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/** A field sealed for `ref`; the row's bytes stay in `keep`. Nothing for whom was erased. */
static ProtobufCBinaryData sealed(struct vr_http_request *request, struct vr_id ref,
                                  const char *text, struct vr_buf *keep)
{
    if (text == NULL || text[0] == 0 || vr_id_is_zero(ref) ||
        vr_personal_seal(vr_node_personal(request->node), ref, vr_bytes_of(text), keep) != VR_OK) {
        return (ProtobufCBinaryData){0};
    }
    return (ProtobufCBinaryData){keep->size, keep->data};
}

static void resolve(struct vr_http_request *request, struct vr_id id,
                    const Vr__ReportRecord *record, const char *outcome, const char *note)
{
    struct vr_admin_change change = {.status = 200, .change.commit = vr_deployment_commit()};
    Vr__ReportRecord fresh = *record;
    struct vr_buf keep[2] = {{0}};
    uint8_t key[16], by_ref[16];
    struct vr_id by = {0};
    char room[VR_ID_TEXT];
    uint8_t *packed = NULL;

    if (change.change.commit != NULL &&
        vr_personal_ensure(vr_node_personal(request->node), request->grants.user,
                           change.change.commit, &by) == VR_OK) {
        vr_id_put(by_ref, by);
        fresh.resolver_ref = (ProtobufCBinaryData){16, by_ref};
    }
    fresh.resolved = true;
    fresh.resolved_at = vr_deployment_wall(vr_node_deployment(request->node));
    fresh.resolver_name = sealed(request, by, request->grants.name, &keep[0]);
    fresh.outcome = (char *)(uintptr_t)outcome;
    fresh.note = sealed(request, id_of(record->target_ref), note, &keep[1]);
    packed = malloc(vr__report_record__get_packed_size(&fresh) + 1);
    if (packed != NULL && change.change.commit != NULL) {
        vr_id_put(key, id);
        vr_commit_put(change.change.commit, VR_TABLE_REPORTS, vr_bytes(key, 16),
                      vr_bytes(packed, vr__report_record__pack(&fresh, packed)));
    } else {
        vr_commit_free(change.change.commit);
        change.change.commit = NULL;
    }
    vr_admin_audit(request, &change.change.audit, "report:resolve");
    snprintf(change.change.audit.reason, sizeof(change.change.audit.reason),
             "report in room %s: %s", vr_id_format(id_of(record->room), room), outcome);
    change.value = report_json(request, id, &fresh);
    vr_admin_change(request, &change);
    free(packed);
    vr_buf_deinit(&keep[0]);
    vr_buf_deinit(&keep[1]);
}

void vr_route_report_resolve(struct vr_http_request *request)
{
    struct vr_id id;
    Vr__ReportRecord *record = find(request, &id);
    json_t *body = NULL;
    const char *outcome = NULL;
    const char *note = NULL;

    if (record == NULL) {
        return;
    }
    body = vr_route_object(request);
    if (body != NULL && vr_admin_member(request, body, "outcome", 1, 16, &outcome) &&
        vr_admin_member(request, body, "note", 0, 500, &note)) {
        if (!outcome_known(outcome)) {
            vr_route_invalid(request, "/outcome",
                             "outcome: dismissed, warned, muted, kicked, banned or other");
        } else if (record->resolved) {
            vr_http_answer_problem(request, VR_E_CONFLICT, "this report was resolved already");
        } else {
            resolve(request, id, record, outcome, note);
        }
    }
    json_decref(body);
    vr__report_record__free_unpacked(record, NULL);
}
