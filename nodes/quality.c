#include "nodes/quality.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#define BOUNDS 8

struct kind {
    const char *member; /* of the report */
    const char *metric;
    const char *help;
    double most;  /* beyond it a value is nonsense */
    double scale; /* from the member's unit to the metric's */
    double bounds[BOUNDS];
};

/* clang-format off */
#define TIMES {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}
#define DELAYS {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1}
#define PARTS {0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5}
static const struct kind kinds[] = {
    { "join_ms",     "client_join_seconds",          "From wanting in to being let in, by clients.",       60000, 1e-3, TIMES },
    { "connect_ms",  "client_connect_seconds",       "From wanting in to sound that flows, by clients.",   60000, 1e-3, TIMES },
    { "loss",        "client_loss_ratio",            "Packets that clients missed, per report.",           1,     1,    PARTS },
    { "concealment", "client_concealment_ratio",     "Sound that clients had to make up, per report.",     1,     1,    PARTS },
    { "jitter_ms",   "client_jitter_seconds",        "Jitter that clients measured.",                      10000, 1e-3, DELAYS },
    { "rtt_ms",      "client_round_trip_seconds",    "Round trips that clients measured.",                 10000, 1e-3, DELAYS },
    { "latency_ms",  "client_audio_latency_seconds", "From this node's sending to a client's playing.",    10000, 1e-3, DELAYS },
    { "capture_to_playout_ms", "client_capture_to_playout_seconds", "From speakers' microphones to a client's playing, by sender reports.", 10000, 1e-3, DELAYS },
};
/* clang-format on */
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct measure {
    uint32_t count;
    float max;
    double sum;
};

struct room {
    struct vr_id id;
    uint64_t heard; /* turn of its last report */
    struct measure measures[KINDS];
};

struct histogram {
    uint64_t counts[BOUNDS + 1];
    double sum;
};

struct vr_quality {
    pthread_mutex_t lock;
    struct histogram histograms[KINDS];
    struct room rooms[VR_QUALITY_ROOMS_MAX];
    uint32_t room_count;
    uint64_t turn;
};

struct vr_quality *vr_quality_new(void)
{
    struct vr_quality *quality = calloc(1, sizeof(*quality));

    if (quality != NULL) {
        pthread_mutex_init(&quality->lock, NULL);
    }
    return quality;
}

void vr_quality_free(struct vr_quality *quality)
{
    if (quality != NULL) {
        pthread_mutex_destroy(&quality->lock);
        free(quality);
    }
}

static struct room *find(struct vr_quality *quality, struct vr_id id)
{
    for (uint32_t i = 0; i < quality->room_count; i++) {
        if (vr_id_equal(quality->rooms[i].id, id)) {
            return &quality->rooms[i];
        }
    }
    return NULL;
}

static struct room *find_or_add(struct vr_quality *quality, struct vr_id id)
{
    struct room *room = find(quality, id);

    if (room == NULL && quality->room_count < VR_QUALITY_ROOMS_MAX) {
        room = &quality->rooms[quality->room_count++];
        room->id = id;
    } else if (room == NULL) {
        room = &quality->rooms[0];
        for (uint32_t i = 1; i < quality->room_count; i++) {
            if (quality->rooms[i].heard < room->heard) {
                room = &quality->rooms[i];
            }
        }
        *room = (struct room){.id = id};
    }
    room->heard = ++quality->turn;
    return room;
}

static void count(struct histogram *histogram, const struct kind *kind, double value)
{
    uint32_t at = 0;

    value *= kind->scale;
    while (at < BOUNDS && value > kind->bounds[at]) {
        at++;
    }
    histogram->counts[at]++;
    histogram->sum += value;
}

void vr_quality_take(struct vr_quality *quality, struct vr_id id, struct vr_bytes report)
{
    json_t *object = json_loadb((const char *)report.data, report.size, 0, NULL);
    struct room *room = NULL;

    pthread_mutex_lock(&quality->lock);
    for (size_t i = 0; i < KINDS; i++) {
        const json_t *member = json_object_get(object, kinds[i].member);
        double value = json_number_value(member);
        struct measure *measure = NULL;

        if (!json_is_number(member) || !(value >= 0 && value <= kinds[i].most)) {
            continue;
        }
        room = room == NULL ? find_or_add(quality, id) : room;
        measure = &room->measures[i];
        measure->count++;
        measure->sum += value;
        measure->max = value > (double)measure->max ? (float)value : measure->max;
        count(&quality->histograms[i], &kinds[i], value);
    }
    pthread_mutex_unlock(&quality->lock);
    json_decref(object);
}

void vr_quality_room_write(struct vr_quality *quality, struct vr_id id, struct vr_buf *out)
{
    const struct room *room = NULL;
    const char *comma = "";

    vr_buf_text(out, "{");
    pthread_mutex_lock(&quality->lock);
    room = find(quality, id);
    for (size_t i = 0; room != NULL && i < KINDS; i++) {
        const struct measure *measure = &room->measures[i];

        if (measure->count > 0) {
            vr_buf_printf(out, "%s\"%s\":{\"count\":%u,\"mean\":%.4f,\"max\":%.4f}", comma,
                          kinds[i].member, measure->count, measure->sum / measure->count,
                          (double)measure->max);
            comma = ",";
        }
    }
    pthread_mutex_unlock(&quality->lock);
    vr_buf_text(out, "}");
}

static void write_histogram(const struct kind *kind, const struct histogram *histogram,
                            struct vr_buf *out)
{
    uint64_t sum = 0;

    vr_buf_printf(out, "# HELP voiceroom_%s %s\n# TYPE voiceroom_%s histogram\n", kind->metric,
                  kind->help, kind->metric);
    for (uint32_t i = 0; i < BOUNDS; i++) {
        sum += histogram->counts[i];
        vr_buf_printf(out, "voiceroom_%s_bucket{le=\"%g\"} %" PRIu64 "\n", kind->metric,
                      kind->bounds[i], sum);
    }
    sum += histogram->counts[BOUNDS];
    vr_buf_printf(out,
                  "voiceroom_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nvoiceroom_%s_sum %.6f\n"
                  "voiceroom_%s_count %" PRIu64 "\n",
                  kind->metric, sum, kind->metric, histogram->sum, kind->metric, sum);
}

void vr_quality_metrics_write(struct vr_quality *quality, struct vr_buf *out)
{
    pthread_mutex_lock(&quality->lock);
    for (size_t i = 0; i < KINDS; i++) {
        write_histogram(&kinds[i], &quality->histograms[i], out);
    }
    pthread_mutex_unlock(&quality->lock);
}
