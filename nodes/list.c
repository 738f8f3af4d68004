/* list.c - GET /v1/rooms: the rooms of the store with the live counts of the lobby.
 *
 * Two passes. The first reads every room's record without opening what is sealed and keeps the
 * places of one page; the second writes the rows of that page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "actors/room/records.h"
#include "nodes/list_json.h"
#include "nodes/list_rows.h"
#include "nodes/lobby.h"
#include "nodes/node.h"
#include "nodes/routes.h"
#include "store/personal.h"
#include "store/records.h"

#define QUERY_MAX 129

struct query {
    uint32_t phases; /* bits 1 << enum vr_phase */
    char phase_text[40];
    char q[QUERY_MAX];
    char topic[VR_TAG_MAX + 1];
    char tag[VR_TAG_MAX + 1];
    char language[17];
    enum vr_list_sort sort;
    uint32_t limit;
    bool has_cursor;
    struct vr_list_place cursor;
    bool all;           /* admin */
    struct vr_id asker; /* zero: nobody */
};

struct listing {
    struct vr_http_request *request;
    struct query query;
    struct vr_list_page page;
    struct vr_room_listing row; /* 20 KB: not for the stack */
};

static bool refuse(struct vr_http_request *request, const char *detail)
{
    struct vr_http_problem problem = {.err = VR_E_UNPROCESSABLE, .detail = detail};

    vr_http_answer_problem_full(request, &problem);
    return false;
}

static bool read_phases(struct query *query)
{
    char text[sizeof(query->phase_text)];
    char *rest = text;
    char *word = NULL;

    memcpy(text, query->phase_text, sizeof(text));
    query->phases = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (strcmp(word, "active") == 0) {
            query->phases |= 1u << VR_ACTIVE;
        } else if (strcmp(word, "scheduled") == 0) {
            query->phases |= 1u << VR_SCHEDULED;
        } else if (strcmp(word, "ended") == 0) {
            query->phases |= 1u << VR_ENDED;
        } else {
            return false;
        }
    }
    return true;
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
static bool read_query(struct vr_http_request *request, struct query *query)
{
    char text[VR_CURSOR_MAX];

    if (!vr_http_query(request, "phase", query->phase_text, sizeof(query->phase_text))) {
        snprintf(query->phase_text, sizeof(query->phase_text), "active,scheduled");
    }
    if (!read_phases(query)) {
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

static bool may_list(const struct query *query, const struct vr_room_listing *row)
{
    if (query->all || row->visibility == VR_PUBLIC) {
        return true;
    }
    if (vr_id_is_zero(query->asker)) {
        return false;
    }
    if (vr_id_equal(row->creator_ref, query->asker)) {
        return true;
    }
    for (uint32_t i = 0; i < row->invited_count; i++) {
        if (vr_id_equal(row->invited[i], query->asker)) {
            return true;
        }
    }
    return false;
}

static bool has_tag(const struct vr_room_listing *row, const char *tag)
{
    for (uint32_t i = 0; i < row->tag_count; i++) {
        if (strcasecmp(row->tags[i], tag) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds_text(const struct vr_room_listing *row, const char *q)
{
    if (strcasestr(row->title, q) != NULL || strcasestr(row->topic, q) != NULL ||
        strcasestr(row->description, q) != NULL) {
        return true;
    }
    for (uint32_t i = 0; i < row->tag_count; i++) {
        if (strcasestr(row->tags[i], q) != NULL) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct query *query, const struct vr_room_listing *row)
{
    return (query->phases & (1u << row->phase)) != 0 && may_list(query, row) &&
           (query->topic[0] == '\0' || strcasecmp(row->topic, query->topic) == 0) &&
           (query->language[0] == '\0' || strcasecmp(row->language, query->language) == 0) &&
           (query->tag[0] == '\0' || has_tag(row, query->tag)) &&
           (query->q[0] == '\0' || holds_text(row, query->q));
}

static enum vr_err open_personal(void *ctx, struct vr_id ref, struct vr_bytes sealed,
                                 struct vr_buf *out)
{
    return vr_personal_open(ctx, ref, sealed, out);
}

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct listing *listing = ctx;
    struct vr_list_facts facts = {0};
    struct vr_list_place place;
    struct vr_lobby_room live = {0};

    if (key.size != 16 || vr_room_listing_decode(value, &vr_vault_closed, &listing->row) != VR_OK ||
        !matches(&listing->query, &listing->row)) {
        return true;
    }
    facts.room = vr_id_get(key.data);
    if (listing->query.sort == VR_LIST_LIVE &&
        vr_lobby_find(vr_node_lobby(listing->request->node), facts.room, &live)) {
        facts.participants = live.participants;
        vr_blob_release(live.on_stage);
    }
    facts.created_wall = listing->row.created_wall;
    facts.starts_wall = listing->row.starts_wall;
    facts.title = listing->row.title;
    vr_list_place(listing->query.sort, &facts, &place);
    vr_list_offer(&listing->page, &place);
    return true;
}

static void write_rows(struct listing *listing, struct vr_buf *out)
{
    struct vr_node *node = listing->request->node;
    const struct vr_vault vault = {.open = open_personal, .ctx = vr_node_personal(node)};
    uint32_t shown = listing->page.count;
    const char *comma = "";

    if (shown > listing->query.limit) {
        shown = listing->query.limit;
    }
    vr_buf_text(out, "{\"rooms\":[");
    for (uint32_t i = 0; i < shown; i++) {
        struct vr_buf value = {0};
        uint8_t key[16];

        vr_id_put(key, listing->page.places[i].room);
        if (vr_records_get(vr_node_records(node), VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)),
                           &value) == VR_OK &&
            vr_room_listing_decode(vr_buf_bytes(&value), &vault, &listing->row) == VR_OK) {
            vr_buf_text(out, comma);
            vr_list_row_write(vr_node_lobby(node), listing->page.places[i].room, &listing->row,
                              out);
            comma = ",";
        }
        vr_buf_deinit(&value);
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
static void set_link(struct vr_http_request *request, const struct query *query, const char *cursor)
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
    struct vr_buf out = {0};
    char cursor[VR_CURSOR_MAX];

    write_rows(listing, &out);
    if (page->count > page->limit &&
        vr_list_cursor_write(listing->query.sort, &page->places[page->limit - 1], cursor)) {
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

void vr_route_room_list(struct vr_http_request *request)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    enum vr_err err = VR_OK;

    if (listing == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    listing->request = request;
    if (read_query(request, &listing->query)) {
        listing->page.limit = listing->query.limit;
        listing->page.after = listing->query.has_cursor ? &listing->query.cursor : NULL;
        err = vr_records_scan(vr_node_records(request->node), VR_TABLE_ROOMS, (struct vr_bytes){0},
                              (struct vr_bytes){0}, visit, listing);
        if (err == VR_OK) {
            answer_page(listing);
        } else {
            vr_http_answer_problem(request, err, NULL);
        }
    }
    free(listing);
}
