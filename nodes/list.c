/* list.c - GET /v1/rooms: the rooms of the store with the live counts of the lobby; in a cluster
 * those of all nodes.
 *
 * Two passes. The first reads every room's record without opening what is sealed and keeps the
 * places of one page; the second writes the rows of that page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/list_far.h"
#include "nodes/list_find.h"
#include "nodes/routes.h"
#include "store/personal.h"

struct listing {
    struct vr_http_request *request;
    struct vr_list_query query;
    struct vr_list_page page;
    const struct vr_list_far *far;
};

static bool refuse(struct vr_http_request *request, const char *detail)
{
    struct vr_http_problem problem = {.err = VR_E_UNPROCESSABLE, .detail = detail};

    vr_http_answer_problem_full(request, &problem);
    return false;
}

static bool read_limit(const struct vr_http_request *request, uint32_t *limit)
{
    char text[8];
    char *end = NULL;
    unsigned long number = 0;

    *limit = 20;
    if (!vr_http_query(request, "limit", text, sizeof(text))) {
        return true;
    }
    number = strtoul(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end != '\0' || number > VR_LIST_MAX) {
        return false;
    }
    *limit = (uint32_t)number;
    return true;
}

/** False: the request was answered. */
static bool read_query(struct vr_http_request *request, struct vr_list_query *query)
{
    char text[VR_CURSOR_MAX];

    if (!vr_http_query(request, "phase", query->phase_text, sizeof(query->phase_text))) {
        snprintf(query->phase_text, sizeof(query->phase_text), "active,scheduled");
    }
    if (!vr_list_phases_read(query)) {
        return refuse(request, "phase: active, scheduled, ended, separated by commas");
    }
    (void)vr_http_query(request, "q", query->q, sizeof(query->q));
    (void)vr_http_query(request, "topic", query->topic, sizeof(query->topic));
    (void)vr_http_query(request, "tag", query->tag, sizeof(query->tag));
    (void)vr_http_query(request, "language", query->language, sizeof(query->language));
    query->sort = VR_LIST_LIVE;
    if (vr_http_query(request, "sort", text, sizeof(text)) &&
        !vr_list_sort_parse(text, &query->sort)) {
        return refuse(request, "sort: live, created, starts_at or title");
    }
    if (!read_limit(request, &query->limit)) {
        return refuse(request, "limit: 1 to 100");
    }
    query->has_cursor = vr_http_query(request, "cursor", text, sizeof(text)) && text[0] != '\0';
    if (query->has_cursor && !vr_list_cursor_read(text, query->sort, &query->cursor)) {
        return refuse(request, "cursor: take it from next_cursor, with the same sort");
    }
    query->all = request->grants.admin;
    if (request->grants.user[0] != '\0') {
        query->asker = vr_personal_ref(vr_node_personal(request->node), request->grants.user);
    }
    return true;
}

/* Who owns it has told us of it, or that it is not to be shown. */
static bool is_untold(void *ctx, struct vr_id room)
{
    const struct listing *listing = ctx;
    struct vr_cluster *cluster = vr_node_cluster(listing->request->node);
    uint32_t owner = cluster == NULL ? 0 : vr_cluster_owner_node(cluster, room);

    return owner == 0 || !vr_list_far_told(listing->far, owner);
}

/* A room that changes hands just now may be told of by two. */
static bool stands_in(const struct vr_list_page *page, struct vr_id room)
{
    for (uint32_t i = 0; i < page->count; i++) {
        if (vr_id_equal(page->places[i].room, room)) {
            return true;
        }
    }
    return false;
}

/* Behind the end of a node that had more to tell nothing is known. */
static uint32_t shown_of(const struct listing *listing)
{
    const struct vr_list_page *page = &listing->page;
    uint32_t shown = page->count > page->limit ? page->limit : page->count;

    while (listing->far->cut && shown > 0 &&
           vr_list_compare(&page->places[shown - 1], &listing->far->end) > 0) {
        shown--;
    }
    return shown;
}

static void write_rows(struct listing *listing, uint32_t shown, struct vr_buf *out)
{
    const char *comma = "";

    vr_buf_text(out, "{\"rooms\":[");
    for (uint32_t i = 0; i < shown; i++) {
        struct vr_id room = listing->page.places[i].room;
        const struct vr_list_far_row *row = vr_list_far_row_of(listing->far, room);
        size_t before = out->size;

        vr_buf_text(out, comma);
        if (row != NULL) {
            vr_buf_append(out, row->json.data, row->json.size);
        } else if (!vr_list_found_write(listing->request->node, room, out)) {
            out->size = before;
            continue;
        }
        comma = ",";
    }
    vr_buf_text(out, "]");
}

static void add_parameter(struct vr_buf *out, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    vr_buf_printf(out, "&%s=", name);
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
        if ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
            (*at >= '0' && *at <= '9') || strchr("-._~", *at) != NULL) {
            vr_buf_append(out, at, 1);
        } else {
            vr_buf_printf(out, "%%%02X", *at);
        }
    }
}

/** Link: rel="next" (RFC 8288), with the same filter. */
static void set_link(struct vr_http_request *request, const struct vr_list_query *query,
                     const char *cursor)
{
    struct vr_buf link = {0};

    vr_buf_printf(&link, "</v1/rooms?limit=%u", query->limit);
    add_parameter(&link, "phase", query->phase_text);
    add_parameter(&link, "q", query->q);
    add_parameter(&link, "topic", query->topic);
    add_parameter(&link, "tag", query->tag);
    add_parameter(&link, "language", query->language);
    add_parameter(&link, "sort", vr_list_sort_name(query->sort));
    add_parameter(&link, "cursor", cursor);
    vr_buf_append(&link, ">; rel=\"next\"", sizeof(">; rel=\"next\""));
    if (!link.failed) {
        vr_http_header(request, "link", (const char *)link.data);
    }
    vr_buf_deinit(&link);
}

static void answer_page(struct listing *listing)
{
    const struct vr_list_page *page = &listing->page;
    struct vr_http_request *request = listing->request;
    uint32_t shown = shown_of(listing);
    struct vr_buf out = {0};
    char cursor[VR_CURSOR_MAX];

    write_rows(listing, shown, &out);
    if (shown > 0 && (page->count > shown || listing->far->cut) &&
        vr_list_cursor_write(listing->query.sort, &page->places[shown - 1], cursor)) {
        vr_buf_printf(&out, ",\"next_cursor\":\"%s\"}", cursor);
        set_link(request, &listing->query, cursor);
    } else {
        vr_buf_text(&out, ",\"next_cursor\":null}");
    }
    if (out.failed) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        vr_http_answer_json(request, 200, vr_buf_bytes(&out));
    }
    vr_buf_deinit(&out);
}

static void on_others(void *ctx, const struct vr_list_far *far)
{
    struct listing *listing = ctx;
    enum vr_err err = VR_OK;

    listing->far = far;
    err = vr_list_find(listing->request->node, &listing->query, is_untold, listing, &listing->page);
    for (uint32_t i = 0; i < far->count; i++) {
        if (!stands_in(&listing->page, far->rows[i].place.room)) {
            vr_list_offer(&listing->page, &far->rows[i].place);
        }
    }
    if (err == VR_OK) {
        answer_page(listing);
    } else {
        vr_http_answer_problem(listing->request, err, NULL);
    }
    free(listing);
}

void vr_route_room_list(struct vr_http_request *request)
{
    struct listing *listing = calloc(1, sizeof(*listing));

    if (listing == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    listing->request = request;
    if (!read_query(request, &listing->query)) {
        free(listing);
        return;
    }
    listing->page.limit = listing->query.limit;
    listing->page.after = listing->query.has_cursor ? &listing->query.cursor : NULL;
    vr_list_far_ask(request->node, request->worker, &listing->query, on_others, listing);
}
