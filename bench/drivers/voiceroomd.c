/* voiceroomd.c - the driver of our own server: rooms and joins by REST, as any client makes them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/drivers/drivers.h"
#include "bench/drivers/tokens.h"
#include "bench/rig/http.h"
#include "bench/rig/sdp.h"

#define CONNECTIONS 64
#define SLOTS 4

struct state {
    struct vr_driver_conf conf;
    struct vr_http *http;
    struct vr_key key;
    char *room; /* of the creation in flight */
};

static void *driver_open(const struct vr_driver_conf *conf)
{
    struct state *state = calloc(1, sizeof(*state));

    if (state == NULL || conf->key_file == NULL ||
        !vr_bench_key_read(conf->key_file, &state->key)) {
        free(state);
        return NULL;
    }
    state->conf = *conf;
    state->http = vr_http_new(CONNECTIONS);
    return state;
}

static void driver_close(void *ctx)
{
    struct state *state = ctx;

    vr_http_free(state->http);
    free(state);
}

static void on_room(void *ctx, long status, struct vr_bytes body)
{
    struct state *state = ctx;
    json_t *json = json_loadb((const char *)body.data, body.size, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "id"));

    if (status == 201 && id != NULL) {
        snprintf(state->room, VR_BENCH_ROOM_MAX, "%s", id);
    } else {
        fprintf(stderr, "voiceroom-bench: no room: %ld %s\n", status, (const char *)body.data);
    }
    json_decref(json);
}

static bool driver_room(void *ctx, uint32_t number, char name[VR_BENCH_ROOM_MAX])
{
    struct state *state = ctx;
    struct vr_buf token = {0};
    char url[512], body[160];

    name[0] = 0;
    state->room = name;
    snprintf(url, sizeof(url), "%s/v1/rooms", state->conf.urls[number % state->conf.url_count]);
    snprintf(body, sizeof(body),
             "{\"title\":\"Bench %u\",\"capacity\":100000,\"speaker_capacity\":10000}", number);
    if (vr_bench_token(&state->key, "bench-maker", VR_ROLE_HOST, &token) &&
        vr_http_send(state->http, url, (const char *)token.data, body, on_room, state)) {
        vr_http_finish(state->http, 20);
    }
    vr_buf_deinit(&token);
    return name[0] != 0;
}

static void on_joined(void *ctx, long status, struct vr_bytes body)
{
    struct vr_seat *seat = ctx;
    json_t *json = json_loadb((const char *)body.data, body.size, 0, NULL);
    const char *sdp = json_string_value(json_object_get(json, "sdp"));
    const char *session = json_string_value(json_object_get(json, "session"));
    const char *resume = json_string_value(json_object_get(json, "resume_token"));
    struct vr_remote remote;
    const char *media = json_string_value(json_object_get(json, "media"));
    bool fine = status == 201;

    memset(&remote, 0, sizeof(remote));
    if (seat->coming == VR_COMING_REBIND) {
        fine = fine && media != NULL && strcmp(media, "kept") == 0;
    } else {
        fine = fine && sdp != NULL && vr_bench_sdp_read(sdp, &remote);
    }
    if (fine) {
        remote.controlling = true; /* the server is ICE-lite */
        snprintf(remote.session, sizeof(remote.session), "%s", session == NULL ? "" : session);
        snprintf(remote.resume, sizeof(remote.resume), "%s", resume == NULL ? "" : resume);
    } else {
        fprintf(stderr, "voiceroom-bench: join: %ld %.300s\n", status, (const char *)body.data);
    }
    seat->seated(seat->ctx, fine ? &remote : NULL);
    json_decref(json);
}

static json_t *capabilities(const struct state *state, const struct vr_seat *seat)
{
    json_t *list = json_array();
    const char *at = state->conf.capabilities;

    while (at != NULL && *at != 0 && seat->part == VR_PART_LISTENER) {
        size_t size = strcspn(at, ",");

        json_array_append_new(list, json_stringn(at, size));
        at += size + (at[size] == ',');
    }
    return list;
}

static void driver_join(void *ctx, struct vr_seat *seat)
{
    struct state *state = ctx;
    struct vr_bench_sdp sdp = {.receive = SLOTS, .send = true, .setup = "actpass"};
    struct vr_buf offer = {0}, token = {0};
    char user[48], url[512];
    char *body;
    json_t *ask;

    vr_bench_sdp_write(&sdp, seat, &offer);
    ask = json_pack("{s:i,s:o,s:s*,s:s*}", "protocol", 1, "capabilities", capabilities(state, seat),
                    "sdp", seat->coming == VR_COMING_REBIND ? NULL : (const char *)offer.data,
                    "resume_token", seat->resume);
    body = json_dumps(ask, 0);
    snprintf(user, sizeof(user), "bench-%u", seat->number);
    snprintf(url, sizeof(url), "%s/v1/rooms/%s/join",
             state->conf.urls[seat->number % state->conf.url_count], seat->room);
    if (!vr_bench_token(&state->key, user,
                        seat->part == VR_PART_LISTENER ? VR_ROLE_LISTENER : VR_ROLE_SPEAKER,
                        &token) ||
        !vr_http_send(state->http, url, (const char *)token.data, body, on_joined, seat)) {
        seat->seated(seat->ctx, NULL);
    }
    json_decref(ask);
    free(body);
    vr_buf_deinit(&offer);
    vr_buf_deinit(&token);
}

static void on_left(void *ctx, long status, struct vr_bytes body)
{
    (void)ctx;
    if (status / 100 != 2) {
        fprintf(stderr, "voiceroom-bench: leave: %ld %.200s\n", status, (const char *)body.data);
    }
}

static void driver_leave(void *ctx, struct vr_seat *seat, const struct vr_remote *remote)
{
    struct state *state = ctx;
    struct vr_buf token = {0};
    char user[48], url[512];

    snprintf(user, sizeof(user), "bench-%u", seat->number);
    snprintf(url, sizeof(url), "%s/v1/sessions/%s",
             state->conf.urls[seat->number % state->conf.url_count], remote->session);
    if (!vr_bench_token(&state->key, user, VR_ROLE_LISTENER, &token) ||
        !vr_http_send(state->http, url, (const char *)token.data, NULL, on_left, state)) {
        fprintf(stderr, "voiceroom-bench: leave: memory is out\n");
    }
    vr_buf_deinit(&token);
}

static double counter(const char *metrics, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = strstr(metrics, name); at != NULL; at = strstr(at + size, name)) {
        if (at > metrics && at[-1] == '\n' && at[size] == ' ') {
            return strtod(at + size, NULL);
        }
    }
    return 0;
}

static void on_metrics(void *ctx, long status, struct vr_bytes body)
{
    struct vr_served *out = ctx;
    const char *text = (const char *)body.data;

    if (status != 200) {
        fprintf(stderr, "voiceroom-bench: metrics: %ld\n", status);
        return;
    }
    out->forwarded += counter(text, "voiceroom_rtp_forwarded_total");
    out->segments += counter(text, "voiceroom_segments_total");
    out->bursts += counter(text, "voiceroom_bursts_total");
    out->received += counter(text, "voiceroom_packets_total{direction=\"in\"}");
    out->changes += counter(text, "voiceroom_speaker_changes_total");
    out->not_chosen += counter(text, "voiceroom_rtp_dropped_total{reason=\"not_chosen\"}");
}

static bool driver_counts(void *ctx, struct vr_served *out)
{
    struct state *state = ctx;
    char url[512];

    *out = (struct vr_served){0};
    for (uint32_t i = 0; i < state->conf.url_count; i++) {
        snprintf(url, sizeof(url), "%s/metrics", state->conf.urls[i]);
        if (!vr_http_get(state->http, url, on_metrics, out)) {
            return false;
        }
    }
    vr_http_finish(state->http, 5);
    return vr_http_busy(state->http) == 0;
}

static void driver_turn(void *ctx)
{
    struct state *state = ctx;

    vr_http_turn(state->http);
}

/* 12 bytes of header, 4 of CSRC, 8 of extensions (level and mid), 16 of tag. */
const struct vr_driver vr_driver_voiceroomd = {
    .name = "voiceroomd",
    .profiles = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80",
    .overhead = 44,
    .slots = SLOTS,
    .window = 32,
    .open = driver_open,
    .room = driver_room,
    .join = driver_join,
    .leave = driver_leave,
    .counts = driver_counts,
    .turn = driver_turn,
    .close = driver_close,
};
