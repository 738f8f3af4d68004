/* videoroom.c - the driver of Janus' VideoRoom, audio only: speakers publish, a listener has one
 * connection with a stream for each of them. Janus is the one who offers to listeners, and it does
 * full ICE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/drivers/drivers.h"
#include "bench/drivers/janus.h"
#include "bench/rig/sdp.h"

#define FEEDS 64
#define ROOMS 256
#define FIRST_ROOM 5000

struct room {
    uint64_t feeds[FEEDS];
    uint32_t feed_count;
};

struct state {
    struct vr_janus *janus;
    struct room rooms[ROOMS];
};

/* One member on his way in. */
struct entry {
    struct state *state;
    struct vr_seat *seat;
    struct room *room;
    uint64_t handle;
    struct vr_remote remote;
};

static void finish(struct entry *entry, bool good)
{
    entry->seat->seated(entry->seat->ctx, good ? &entry->remote : NULL);
    free(entry);
}

static void *driver_open(const struct vr_driver_conf *conf)
{
    struct state *state = calloc(1, sizeof(*state));

    if (state != NULL) {
        state->janus = vr_janus_open(conf->urls[0], "janus.plugin.videoroom");
        if (state->janus == NULL) {
            free(state);
            return NULL;
        }
    }
    return state;
}

static void driver_close(void *ctx)
{
    struct state *state = ctx;

    vr_janus_close(state->janus);
    free(state);
}

static void driver_turn(void *ctx)
{
    struct state *state = ctx;

    vr_janus_turn(state->janus);
}

static bool driver_room(void *ctx, uint32_t number, char name[VR_BENCH_ROOM_MAX])
{
    struct state *state = ctx;

    snprintf(name, VR_BENCH_ROOM_MAX, "%u", FIRST_ROOM + number);
    return number < ROOMS &&
           vr_janus_create(state->janus,
                           json_pack("{s:s,s:i,s:i,s:s,s:b}", "request", "create", "room",
                                     (int)(FIRST_ROOM + number), "publishers", FEEDS, "audiocodec",
                                     "opus", "audiolevel_ext", 1));
}

/* ---- a speaker: we offer ---- */

static void on_published(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;
    const char *sdp = vr_janus_sdp(answer);
    uint64_t feed = (uint64_t)json_integer_value(json_object_get(vr_janus_data(answer), "id"));
    bool good = sdp != NULL && feed != 0 && entry->room->feed_count < FEEDS &&
                vr_bench_sdp_read(sdp, &entry->remote);

    if (good) {
        entry->room->feeds[entry->room->feed_count++] = feed;
        entry->remote.controlling = true;
    }
    finish(entry, good);
}

static void publish(struct entry *entry)
{
    struct vr_bench_sdp sdp = {.send = true, .setup = "active", .candidate = true};
    struct vr_buf offer = {0};

    vr_bench_sdp_write(&sdp, entry->seat, &offer);
    vr_janus_message(entry->state->janus, entry->handle,
                     json_pack("{s:s,s:s,s:i}", "request", "joinandconfigure", "ptype", "publisher",
                               "room", (int)strtol(entry->seat->room, NULL, 10)),
                     vr_janus_jsep("offer", (const char *)offer.data), on_published, entry);
    vr_buf_deinit(&offer);
}

/* ---- a listener: Janus offers ---- */

static void on_started(void *ctx, json_t *answer)
{
    finish(ctx, answer != NULL);
}

static void on_offered(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;
    const char *text = vr_janus_sdp(answer);
    char mids[FEEDS][16];
    const char *names[FEEDS];
    struct vr_bench_sdp sdp = {.setup = "active", .candidate = true, .mids = names};
    struct vr_buf reply = {0};

    if (text == NULL || !vr_bench_sdp_read(text, &entry->remote)) {
        finish(entry, false);
        return;
    }
    while (sdp.receive < FEEDS &&
           vr_bench_sdp_mid(text, sdp.receive, mids[sdp.receive], sizeof(mids[0]))) {
        names[sdp.receive] = mids[sdp.receive];
        sdp.receive++;
    }
    vr_bench_sdp_write(&sdp, entry->seat, &reply);
    vr_janus_message(entry->state->janus, entry->handle, json_pack("{s:s}", "request", "start"),
                     vr_janus_jsep("answer", (const char *)reply.data), on_started, entry);
    vr_buf_deinit(&reply);
}

static void subscribe(struct entry *entry)
{
    json_t *streams = json_array();

    for (uint32_t i = 0; i < entry->room->feed_count; i++) {
        json_array_append_new(streams,
                              json_pack("{s:I}", "feed", (json_int_t)entry->room->feeds[i]));
    }
    vr_janus_message(entry->state->janus, entry->handle,
                     json_pack("{s:s,s:s,s:i,s:o}", "request", "join", "ptype", "subscriber",
                               "room", (int)strtol(entry->seat->room, NULL, 10), "streams",
                               streams),
                     NULL, on_offered, entry);
}

static void on_attached(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;

    entry->handle = vr_janus_id(answer);
    if (entry->handle == 0) {
        finish(entry, false);
    } else if (entry->seat->part == VR_PART_LISTENER) {
        subscribe(entry);
    } else {
        publish(entry);
    }
}

static void driver_join(void *ctx, struct vr_seat *seat)
{
    struct state *state = ctx;
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL) {
        seat->seated(seat->ctx, NULL);
        return;
    }
    entry->state = state;
    entry->seat = seat;
    entry->room = &state->rooms[strtoul(seat->room, NULL, 10) - FIRST_ROOM];
    vr_janus_attach(state->janus, on_attached, entry);
}

/* 12 bytes of header, 12 of extensions, tag of 10 or 16. */
const struct vr_driver vr_driver_videoroom_cm = {
    .name = "videoroom-cm",
    .profiles = "SRTP_AES128_CM_SHA1_80",
    .overhead = 34,
    .window = 8,
    .open = driver_open,
    .room = driver_room,
    .join = driver_join,
    .turn = driver_turn,
    .close = driver_close,
};
const struct vr_driver vr_driver_videoroom_gcm = {
    .name = "videoroom-gcm",
    .profiles = "SRTP_AEAD_AES_128_GCM",
    .overhead = 40,
    .window = 8,
    .open = driver_open,
    .room = driver_room,
    .join = driver_join,
    .turn = driver_turn,
    .close = driver_close,
};
