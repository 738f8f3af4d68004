/* top.c - a live picture of nodes, rooms, who talks in them and who is on stage. It fits the
 * terminal: what has no place is cut, with a sign that it was.
 *
 * Who talks is found by asking twice: whose time of speech has grown since the last look. That is
 * one request a room, so only the fullest rooms are asked, as many as the rate limit of an identity
 * (300 a minute) leaves room for. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/commands.h"
#include "tools/ctl/top.h"

#define ROOMS_ASKED_MAX 10
#define REQUESTS_A_SECOND 4.0
#define LISTS 2 /* requests of each look that are not about one room */

/** What stays from one look to the next. */
struct top {
    struct vr_ctl *ctl;
    json_t *spoke; /* room -> {name: seconds} at the last look; owned */
    size_t asked_max;
    struct vr_ctl_screen screen;
};

static void pause_for(double every)
{
    struct timespec pause = {(time_t)every, (long)((every - (double)(time_t)every) * 1e9)};

    nanosleep(&pause, NULL);
}

static void screen_size(struct vr_ctl_screen *screen)
{
    struct winsize size = {0};

    *screen = (struct vr_ctl_screen){0};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        screen->columns = size.ws_col;
        screen->lines = size.ws_row;
    }
}

/* {name: seconds} of a room's analytics; two of one name count together. */
static json_t *spoken(const json_t *analytics)
{
    json_t *out = json_object();
    size_t i = 0;
    json_t *speaker = NULL;

    json_array_foreach(json_object_get(analytics, "speakers"), i, speaker)
    {
        const char *name = json_string_value(json_object_get(speaker, "name"));
        double was = name == NULL ? 0 : json_number_value(json_object_get(out, name));

        if (name != NULL) {
            json_object_set_new(
                out, name, json_real(was + json_number_value(json_object_get(speaker, "spoke_s"))));
        }
    }
    return out;
}

/** Ask one room; its "talking" is who has spoken since the last look. */
static enum vr_ctl_exit ask_talkers(struct top *top, json_t *room)
{
    const char *id = json_string_value(json_object_get(room, "id"));
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/rooms/%/analytics", .args = {id}, .quiet = true};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(top->ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        json_t *now = spoken(answer);

        json_object_set_new(room, "talking", vr_ctl_talkers(json_object_get(top->spoke, id), now));
        json_object_set_new(top->spoke, id, now);
    }
    json_decref(answer);
    /* Ended since the list was made, or its node is away: it is not in the next list. */
    return code == VR_CTL_NOT_FOUND || code == VR_CTL_CONFLICT || code == VR_CTL_UNAVAILABLE
               ? VR_CTL_OK
               : code;
}

static enum vr_ctl_exit talkers(struct top *top, json_t *rooms)
{
    enum vr_ctl_exit code = VR_CTL_OK;
    size_t asked = 0;
    size_t i = 0;
    json_t *room = NULL;

    json_array_foreach(rooms, i, room)
    {
        bool stage = json_integer_value(vr_ctl_at(room, "counts.speakers")) > 0;

        json_object_set_new(room, "talking", json_array());
        if (code == VR_CTL_OK && stage && asked < top->asked_max) {
            asked++;
            code = ask_talkers(top, room);
        }
    }
    return code;
}

static void show(const struct top *top, const json_t *nodes, const json_t *rooms)
{
    struct vr_buf out = {0};

    if (top->ctl->format != VR_CTL_TABLE && top->ctl->format != VR_CTL_WIDE) {
        static const struct vr_ctl_shape shape = {NULL, "nodes"};
        json_t *both = json_pack("{s:O, s:O}", "nodes", json_object_get(nodes, "nodes"), "rooms",
                                 json_object_get(rooms, "rooms"));

        vr_ctl_write(&out, top->ctl->format, both, &shape, false);
        json_decref(both);
    } else {
        vr_ctl_top_write(&out, json_object_get(nodes, "nodes"), json_object_get(rooms, "rooms"),
                         &top->screen);
    }
    if (isatty(STDOUT_FILENO)) {
        fputs("\033[H\033[J", stdout); /* from the top, without a flicker */
    }
    fwrite(out.data, 1, out.size, stdout);
    fflush(stdout);
    vr_buf_deinit(&out);
}

/** One picture; `shown` false: only to have something to compare the next one with. */
static enum vr_ctl_exit look(struct top *top, bool shown)
{
    struct vr_ctl_request list = {
        .method = "GET", .path = "/v1/rooms", .query = "?sort=live&limit=50&phase=active"};
    json_t *nodes = NULL;
    json_t *rooms = NULL;
    enum vr_ctl_exit code = vr_ctl_get(top->ctl, "/v1/nodes", NULL, &nodes);

    if (code == VR_CTL_OK) {
        code = vr_ctl_call(top->ctl, &list, &rooms);
    }
    if (code == VR_CTL_OK) {
        code = talkers(top, json_object_get(rooms, "rooms"));
    }
    if (code == VR_CTL_OK && shown) {
        screen_size(&top->screen);
        show(top, nodes, rooms);
    }
    json_decref(nodes);
    json_decref(rooms);
    return code;
}

static size_t rooms_asked(double every)
{
    double rooms = every * REQUESTS_A_SECOND - LISTS;

    return rooms < 1 ? 1 : rooms > ROOMS_ASKED_MAX ? ROOMS_ASKED_MAX : (size_t)rooms;
}

enum vr_ctl_exit vr_ctl_top(struct vr_ctl *ctl)
{
    bool live = isatty(STDOUT_FILENO) || vr_ctl_given(ctl->line, "watch");
    int64_t most = vr_ctl_number(ctl->line, "looks", live ? 0 : 1);
    double every = vr_ctl_seconds(ctl->line, "watch", 2);
    struct top top = {.ctl = ctl, .spoke = json_object(), .asked_max = rooms_asked(every)};
    enum vr_ctl_exit code = look(&top, false);

    for (int64_t looks = 0; code == VR_CTL_OK && (most == 0 || looks < most); looks++) {
        pause_for(looks == 0 && every > 1 ? 1 : every);
        code = look(&top, true);
    }
    json_decref(top.spoke);
    return code;
}
