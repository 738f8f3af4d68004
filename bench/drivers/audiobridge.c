/* audiobridge.c - the driver of Janus' AudioBridge: it decodes the speakers, and mixes and encodes
 * for every participant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/drivers/drivers.h"
#include "bench/drivers/janus.h"
#include "bench/rig/sdp.h"

#define FIRST_ROOM 5000

struct entry {
    struct vr_janus *janus;
    struct vr_seat *seat;
    uint64_t handle;
};

static void finish(struct entry *entry, const struct vr_remote *remote)
{
    entry->seat->seated(entry->seat->ctx, remote);
    free(entry);
}

static void *driver_open(const struct vr_driver_conf *conf)
{
    return vr_janus_open(conf->urls[0], "janus.plugin.audiobridge");
}

static void driver_close(void *ctx)
{
    vr_janus_close(ctx);
}

static void driver_turn(void *ctx)
{
    vr_janus_turn(ctx);
}

static bool driver_room(void *ctx, uint32_t number, char name[VR_BENCH_ROOM_MAX])
{
    snprintf(name, VR_BENCH_ROOM_MAX, "%u", FIRST_ROOM + number);
    return vr_janus_create(ctx, json_pack("{s:s,s:i,s:i}", "request", "create", "room",
                                          (int)(FIRST_ROOM + number), "sampling_rate", 48000));
}

static void on_configured(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;
    const char *sdp = vr_janus_sdp(answer);
    struct vr_remote remote;
    bool good = sdp != NULL && vr_bench_sdp_read(sdp, &remote);

    remote.controlling = true;
    finish(entry, good ? &remote : NULL);
}

static void on_joined(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;
    struct vr_bench_sdp sdp = {.both = true, .send = true, .setup = "active", .candidate = true};
    struct vr_buf offer = {0};

    if (answer == NULL) {
        finish(entry, NULL);
        return;
    }
    vr_bench_sdp_write(&sdp, entry->seat, &offer);
    vr_janus_message(entry->janus, entry->handle,
                     json_pack("{s:s,s:b}", "request", "configure", "muted",
                               entry->seat->part != VR_PART_SPEAKER),
                     vr_janus_jsep("offer", (const char *)offer.data), on_configured, entry);
    vr_buf_deinit(&offer);
}

static void on_attached(void *ctx, json_t *answer)
{
    struct entry *entry = ctx;

    entry->handle = vr_janus_id(answer);
    if (entry->handle == 0) {
        finish(entry, NULL);
        return;
    }
    vr_janus_message(entry->janus, entry->handle,
                     json_pack("{s:s,s:i,s:b}", "request", "join", "room",
                               (int)strtol(entry->seat->room, NULL, 10), "muted",
                               entry->seat->part != VR_PART_SPEAKER),
                     NULL, on_joined, entry);
}

static void driver_join(void *ctx, struct vr_seat *seat)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL) {
        seat->seated(seat->ctx, NULL);
        return;
    }
    entry->janus = ctx;
    entry->seat = seat;
    vr_janus_attach(ctx, on_attached, entry);
}

const struct vr_driver vr_driver_audiobridge = {
    .name = "audiobridge",
    .profiles = "SRTP_AES128_CM_SHA1_80",
    .overhead = 34,
    .window = 8,
    .mixes = true,
    .open = driver_open,
    .room = driver_room,
    .join = driver_join,
    .turn = driver_turn,
    .close = driver_close,
};
