/* routes_calendar.c - scheduled rooms for calendars: one as a file, the public ones as a feed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/room/records.h"
#include "actors/runtime/system.h"
#include "nodes/calendar.h"
#include "nodes/list_rows.h"
#include "nodes/node.h"
#include "nodes/routes.h"
#include "store/records.h"

#define URL_MAX 300
#define CALENDAR_TYPE "text/calendar; charset=utf-8"

static vr_time_us wall_now(const struct vr_http_request *request)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(request->worker));

    return clock->wall(clock->ctx);
}

/** Where this client reaches the page. The Host header is the client's own word, and goes back to
 *  nobody but him. */
static void room_url(const struct vr_http_request *request, const char *id, char out[URL_MAX])
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    const char *host = request->host;

    out[0] = '\0';
    if (host[0] != '\0' && strspn(host, safe) == strlen(host) && strlen(host) < 200) {
        snprintf(out, URL_MAX, "%s://%s/#/room/%s", request->tls ? "https" : "http", host, id);
    }
}

static void answer_calendar(struct vr_http_request *request, struct vr_buf *out)
{
    if (out->failed) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        vr_http_header(request, "content-disposition", "inline; filename=\"voicerooms.ics\"");
        vr_http_answer(request, 200, CALENDAR_TYPE, vr_buf_bytes(out));
    }
    vr_buf_deinit(out);
}

static const char *text_of(const json_t *room, const char *member)
{
    const char *text = json_string_value(json_object_get(room, member));

    return text == NULL ? "" : text;
}

/** 0: it has no time, or none that can be read. */
static vr_time_us time_of(const json_t *room, const char *member)
{
    struct tm parts = {0};
    const char *end = strptime(text_of(room, member), "%Y-%m-%dT%H:%M:%S", &parts);

    return end == NULL ? 0 : (vr_time_us)timegm(&parts) * 1000000;
}

static void on_shown(struct vr_http_request *request, const struct vr_answer *answer)
{
    json_t *room = json_loads(answer->body == NULL ? "" : vr_blob_text(answer->body), 0, NULL);
    struct vr_calendar_event event = {.uid = text_of(room, "id"),
                                      .title = text_of(room, "title"),
                                      .description = text_of(room, "description"),
                                      .starts_wall = time_of(room, "starts_at"),
                                      .revision = answer->revision};
    struct vr_buf out = {0};
    char url[URL_MAX];

    if (event.starts_wall == 0) {
        json_decref(room);
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "the room is not scheduled");
        return;
    }
    room_url(request, event.uid, url);
    event.url = url;
    vr_calendar_begin(&out, event.title);
    vr_calendar_event(&out, &event, wall_now(request));
    vr_calendar_end(&out);
    json_decref(room);
    answer_calendar(request, &out);
}

void vr_route_room_calendar(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = VR_SHOW_STATE;
        vr_route_ask(request, room, command, on_shown);
    }
}

/* --- the feed --- */

struct feed {
    struct vr_list_page page; /* the next hundred by time */
    struct vr_room_listing row;
};

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct feed *feed = ctx;
    struct vr_list_facts facts = {0};
    struct vr_list_place place;

    if (key.size == 16 && vr_room_listing_decode(value, &vr_vault_closed, &feed->row) == VR_OK &&
        feed->row.visibility == VR_PUBLIC && feed->row.phase == VR_SCHEDULED &&
        feed->row.starts_wall != 0) {
        facts.room = vr_id_get(key.data);
        facts.created_wall = feed->row.created_wall;
        facts.starts_wall = feed->row.starts_wall;
        facts.title = feed->row.title;
        vr_list_place(VR_LIST_STARTS, &facts, &place);
        vr_list_offer(&feed->page, &place);
    }
    return true;
}

static void write_event(struct vr_http_request *request, struct feed *feed, struct vr_id room,
                        struct vr_buf *out)
{
    struct vr_buf value = {0};
    uint8_t key[16];
    char id[VR_ID_TEXT];
    char url[URL_MAX];

    vr_id_put(key, room);
    if (vr_records_get(vr_node_records(request->node), VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)),
                       &value) == VR_OK &&
        vr_room_listing_decode(vr_buf_bytes(&value), &vr_vault_closed, &feed->row) == VR_OK) {
        room_url(request, vr_id_format(room, id), url);
        vr_calendar_event(out,
                          &(struct vr_calendar_event){.uid = id,
                                                      .title = feed->row.title,
                                                      .description = feed->row.description,
                                                      .url = url,
                                                      .starts_wall = feed->row.starts_wall,
                                                      .revision = feed->row.revision},
                          wall_now(request));
    }
    vr_buf_deinit(&value);
}

void vr_route_calendar(struct vr_http_request *request)
{
    struct feed *feed = calloc(1, sizeof(*feed)); /* 90 KB: not for the stack */
    struct vr_buf out = {0};
    enum vr_err err = VR_E_NO_MEMORY;

    if (feed != NULL) {
        feed->page.limit = VR_LIST_MAX;
        err = vr_records_scan(vr_node_records(request->node), VR_TABLE_ROOMS, (struct vr_bytes){0},
                              (struct vr_bytes){0}, visit, feed);
    }
    if (err != VR_OK) {
        free(feed);
        vr_http_answer_problem(request, err, NULL);
        return;
    }
    vr_calendar_begin(&out, "Voicerooms");
    for (uint32_t i = 0; i < feed->page.count && i < VR_LIST_MAX; i++) {
        write_event(request, feed, feed->page.places[i].room, &out);
    }
    vr_calendar_end(&out);
    free(feed);
    answer_calendar(request, &out);
}
