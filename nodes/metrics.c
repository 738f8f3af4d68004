/* metrics.c - counters of HTTP and joins, and the text of everything (Prometheus exposition 0.0.4).
 */
#include "nodes/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "nodes/config.h"
#include "nodes/http.h"
#include "nodes/measures.h"
#include "nodes/metrics_text.h"
#include "nodes/node.h"
#include "nodes/parent.h"
#include "nodes/quality.h"
#include "nodes/router.h"
#include "nodes/tracer.h"
#include "nodes/vitals.h"
#include "nodes/ws.h"

#define ROUTES_MAX 128
#define CLASSES 5 /* 1xx .. 5xx */
#define BUCKETS_MAX 12

/** Upper bounds in seconds; the last bucket has none. */
struct histogram {
    const double *bounds;
    uint32_t bound_count;
    atomic_ullong counts[BUCKETS_MAX];
    atomic_ullong sum_us;
};

static const double join_bounds[] = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};
static const double request_bounds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};

struct vr_metrics {
    const struct vr_route *routes[ROUTES_MAX];
    uint32_t route_count;
    atomic_ullong requests[ROUTES_MAX + 1][CLASSES]; /* the last row: no route */
    struct histogram request;
    struct histogram join;
    atomic_ullong joins_refused;
    atomic_ullong ws_opened;
    atomic_ullong ws_closed;
    atomic_ullong ws_backpressure;
    atomic_ullong ws_flooding;
    struct vr_quality *quality;
};

struct vr_metrics *vr_metrics_new(void)
{
    struct vr_metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics != NULL && (metrics->quality = vr_quality_new()) == NULL) {
        free(metrics);
        metrics = NULL;
    }
    if (metrics != NULL) {
        metrics->join.bounds = join_bounds;
        metrics->join.bound_count = sizeof(join_bounds) / sizeof(join_bounds[0]);
        metrics->request.bounds = request_bounds;
        metrics->request.bound_count = sizeof(request_bounds) / sizeof(request_bounds[0]);
    }
    return metrics;
}

void vr_metrics_free(struct vr_metrics *metrics)
{
    if (metrics != NULL) {
        vr_quality_free(metrics->quality);
    }
    free(metrics);
}

struct vr_quality *vr_metrics_quality(struct vr_metrics *metrics)
{
    return metrics->quality;
}

void vr_metrics_routes(struct vr_metrics *metrics, const struct vr_route *routes, size_t count)
{
    for (size_t i = 0; i < count && metrics->route_count < ROUTES_MAX; i++) {
        metrics->routes[metrics->route_count++] = &routes[i];
    }
}

static void observe(struct histogram *histogram, vr_time_us took)
{
    uint32_t at = 0;

    took = took < 0 ? 0 : took;
    while (at < histogram->bound_count && (double)took / 1e6 > histogram->bounds[at]) {
        at++;
    }
    atomic_fetch_add(&histogram->counts[at], 1);
    atomic_fetch_add(&histogram->sum_us, (unsigned long long)took);
}

void vr_metrics_request(struct vr_metrics *metrics, const struct vr_route *route, int status,
                        vr_time_us took)
{
    uint32_t row = 0;

    while (row < metrics->route_count && metrics->routes[row] != route) {
        row++;
    }
    row = row == metrics->route_count ? ROUTES_MAX : row;
    if (status >= 100 && status < 600) {
        atomic_fetch_add(&metrics->requests[row][status / 100 - 1], 1);
    }
    observe(&metrics->request, took);
}

void vr_metrics_ws_opened(struct vr_metrics *metrics)
{
    atomic_fetch_add(&metrics->ws_opened, 1);
}

void vr_metrics_ws_closed(struct vr_metrics *metrics, uint16_t code)
{
    atomic_fetch_add(&metrics->ws_closed, 1);
    if (code == VR_WS_TOO_SLOW) {
        atomic_fetch_add(&metrics->ws_backpressure, 1);
    } else if (code == VR_WS_TOO_MANY) {
        atomic_fetch_add(&metrics->ws_flooding, 1);
    }
}

void vr_metrics_join(struct vr_metrics *metrics, vr_time_us took)
{
    observe(&metrics->join, took);
}

void vr_metrics_join_refused(struct vr_metrics *metrics)
{
    atomic_fetch_add(&metrics->joins_refused, 1);
}

/* --- writing --- */

#define head metrics_head
#define counter metrics_counter
#define gauge metrics_gauge

static void histogram_write(struct vr_buf *out, const char *name, const char *help,
                            struct histogram *histogram)
{
    uint64_t sum = 0;

    head(out, name, "histogram", help);
    for (uint32_t i = 0; i <= histogram->bound_count; i++) {
        sum += atomic_load(&histogram->counts[i]);
        if (i < histogram->bound_count) {
            vr_buf_printf(out, "voiceroom_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                          histogram->bounds[i], sum);
        }
    }
    vr_buf_printf(out, "voiceroom_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
    vr_buf_printf(out, "voiceroom_%s_sum %.6f\nvoiceroom_%s_count %" PRIu64 "\n", name,
                  (double)atomic_load(&histogram->sum_us) / 1e6, name, sum);
}

static void http_write(struct vr_metrics *metrics, struct vr_buf *out)
{
    head(out, "http_requests_total", "counter", "Answered requests.");
    for (uint32_t row = 0; row <= ROUTES_MAX; row++) {
        const struct vr_route *route = row < metrics->route_count ? metrics->routes[row] : NULL;

        for (uint32_t class = 0; class < CLASSES; class ++) {
            uint64_t count = atomic_load(&metrics->requests[row][class]);

            if (count > 0) {
                vr_buf_printf(
                    out,
                    "voiceroom_http_requests_total{route=\"%s\",method=\"%s\",status=\"%uxx\"} "
                    "%" PRIu64 "\n",
                    route == NULL ? "other" : route->pattern,
                    route == NULL ? "any" : vr_method_name(route->method), class + 1, count);
            }
        }
    }
    histogram_write(out, "http_request_seconds", "From a request to its answer.",
                    &metrics->request);
    gauge(out, "ws_connections", "Open WebSockets.",
          (double)(atomic_load(&metrics->ws_opened) - atomic_load(&metrics->ws_closed)));
    counter(out, "ws_opened_total", "WebSockets opened.", atomic_load(&metrics->ws_opened));
    counter(out, "ws_backpressure_closed_total", "WebSockets closed because they read too slowly.",
            atomic_load(&metrics->ws_backpressure));
    counter(out, "ws_flooding_closed_total", "WebSockets closed because they sent too much.",
            atomic_load(&metrics->ws_flooding));
    histogram_write(out, "join_seconds", "From a join to its answer.", &metrics->join);
    counter(out, "joins_refused_total", "Joins that were refused.",
            atomic_load(&metrics->joins_refused));
}

static void rooms_write(const struct vr_measures *m, struct vr_buf *out)
{
    gauge(out, "rooms", "Rooms that are awake.", m->lobby.rooms);
    head(out, "participants", "gauge", "People in rooms.");
    vr_buf_printf(out, "voiceroom_participants{role=\"speaker\"} %u\n", m->lobby.speakers);
    vr_buf_printf(out, "voiceroom_participants{role=\"listener\"} %u\n",
                  m->lobby.participants - m->lobby.speakers);
    gauge(out, "hand_queue_length", "Raised hands in all rooms.", m->lobby.hands);
}

static void packets_write(const struct vr_engine_stats *e, struct vr_buf *out)
{
    head(out, "packets_total", "counter", "Datagrams of media ports.");
    vr_buf_printf(out, "voiceroom_packets_total{direction=\"in\"} %" PRIu64 "\n", e->received);
    vr_buf_printf(out, "voiceroom_packets_total{direction=\"out\"} %" PRIu64 "\n", e->sent);
    head(out, "bytes_total", "counter", "Bytes of media ports.");
    vr_buf_printf(out, "voiceroom_bytes_total{direction=\"in\"} %" PRIu64 "\n", e->bytes_in);
    vr_buf_printf(out, "voiceroom_bytes_total{direction=\"out\"} %" PRIu64 "\n", e->bytes_out);
    counter(out, "rtp_forwarded_total", "Packets of speech sent to listeners.", e->forwarded);
    head(out, "rtp_dropped_total", "counter", "Packets of speech left out.");
    vr_buf_printf(out, "voiceroom_rtp_dropped_total{reason=\"gate\"} %" PRIu64 "\n", e->gated);
    vr_buf_printf(out, "voiceroom_rtp_dropped_total{reason=\"not_chosen\"} %" PRIu64 "\n",
                  e->not_chosen);
    vr_buf_printf(out, "voiceroom_rtp_dropped_total{reason=\"rate\"} %" PRIu64 "\n",
                  e->rate_capped);
    vr_buf_printf(out, "voiceroom_rtp_dropped_total{reason=\"unknown_source\"} %" PRIu64 "\n",
                  e->unknown_source);
    head(out, "srtp_rejected_total", "counter", "Packets that did not pass SRTP.");
    vr_buf_printf(out, "voiceroom_srtp_rejected_total{reason=\"auth\"} %" PRIu64 "\n",
                  e->srtp_rejected_auth);
    vr_buf_printf(out, "voiceroom_srtp_rejected_total{reason=\"replay\"} %" PRIu64 "\n",
                  e->srtp_rejected_replay);
    vr_buf_printf(out, "voiceroom_srtp_rejected_total{reason=\"malformed\"} %" PRIu64 "\n",
                  e->srtp_malformed);
    counter(out, "stun_total", "STUN messages received.", e->stun_in);
    counter(out, "stun_rejected_total", "STUN messages not answered.", e->stun_bad);
    counter(out, "dtls_total", "DTLS datagrams received.", e->dtls_in);
    counter(out, "dtls_failed_total", "DTLS handshakes that failed.", e->dtls_failed);
    counter(out, "consent_lost_total", "Peers closed without consent (RFC 7675).", e->consent_lost);
}

static void hearing_write(const struct vr_engine_stats *e, struct vr_buf *out)
{
    counter(out, "hearing_questions_total", "Questions to peers whether they hear.", e->questions);
    counter(out, "hearing_answers_total", "Of these, answered.", e->questions_answered);
    head(out, "hearing_found_total", "counter", "Peers found not to hear, or not to be heard.");
    vr_buf_printf(out, "voiceroom_hearing_found_total{verdict=\"deaf\"} %" PRIu64 "\n",
                  e->found_deaf);
    vr_buf_printf(out, "voiceroom_hearing_found_total{verdict=\"away\"} %" PRIu64 "\n",
                  e->found_away);
    vr_buf_printf(out, "voiceroom_hearing_found_total{verdict=\"dumb\"} %" PRIu64 "\n",
                  e->found_dumb);
    head(out, "repairs_total", "counter", "Repairs of media that clients were asked for.");
    vr_buf_printf(out, "voiceroom_repairs_total{act=\"restart\"} %" PRIu64 "\n",
                  e->repairs_restart);
    vr_buf_printf(out, "voiceroom_repairs_total{act=\"rebuild\"} %" PRIu64 "\n",
                  e->repairs_rebuild);
    counter(out, "repairs_cured_total", "After which sound arrived again.", e->repairs_cured);
    counter(out, "repairs_given_up_total", "Peers that no repair could help.", e->repairs_given_up);
}

static void speech_write(const struct vr_engine_stats *e, struct vr_buf *out)
{
    static const double bounds[] = {50e-6, 100e-6, 200e-6, 500e-6, 1e-3,  2e-3,
                                    5e-3,  10e-3,  20e-3,  50e-3,  100e-3};
    uint64_t sum = 0;

    gauge(out, "peers", "Media transports.", e->peers);
    gauge(out, "peers_up", "Media transports with keys.", e->peers_up);
    gauge(out, "shards", "Rooms on media workers.", e->shards);
    counter(out, "speaker_changes_total", "Slots that changed their speaker.", e->speaker_changes);
    counter(out, "rtp_lost_downlink_total", "Packets that receivers reported lost.",
            e->lost_reported);
    counter(out, "rtp_lost_uplink_total", "Packets of speakers that never came.", e->uplink_lost);
    head(out, "rtp_jitter_seconds", "summary", "Jitter that receivers reported.");
    vr_buf_printf(out, "voiceroom_rtp_jitter_seconds_sum %.6f\n", e->jitter_seconds_sum);
    vr_buf_printf(out, "voiceroom_rtp_jitter_seconds_count %" PRIu64 "\n", e->jitter_reports);
    counter(out, "relayed_out_total", "Packets handed to other shards.", e->relayed_out);
    counter(out, "relayed_in_total", "Packets taken from other shards.", e->relayed_in);
    counter(out, "packet_pool_empty_total", "Packets dropped for want of a buffer.", e->pool_empty);
    head(out, "forward_delay_seconds", "histogram", "From a packet's receipt to its sending.");
    for (uint32_t i = 0; i < 12; i++) {
        sum += e->forward_delay_us_bucket[i];
        if (i < 11) {
            vr_buf_printf(out, "voiceroom_forward_delay_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                          bounds[i], sum);
        }
    }
    vr_buf_printf(out,
                  "voiceroom_forward_delay_seconds_bucket{le=\"+Inf\"} %" PRIu64
                  "\nvoiceroom_forward_delay_seconds_count %" PRIu64 "\n",
                  sum, sum);
}

static void runtime_write(const struct vr_measures *m, struct vr_buf *out)
{
    const struct vr_runtime_stats *r = &m->runtime;

    counter(out, "joins_put_off_total", "Joins and resumes told to ask again later: too many came.",
            m->door.put_off);
    gauge(out, "joins_rate", "People let in a second at most, now.", m->door.rate);

    counter(out, "actor_messages_total", "Messages handled by actors.", r->handled);
    counter(out, "actor_messages_refused_total", "Messages refused because a mailbox was full.",
            r->refused);
    counter(out, "relay_dropped_total", "Relayed packets dropped because a mailbox was full.",
            r->dropped_media);
    counter(out, "actor_restarts_total", "Actors restarted after a failure.", r->restarts);
    counter(out, "actor_given_up_total", "Actors closed after three failures.", r->given_up);
    counter(out, "asks_timed_out_total", "Questions between actors without an answer in time.",
            r->asks_timed_out);
    gauge(out, "actor_mailbox_length", "Messages in the longest mailbox.", r->mailbox_length_max);
    head(out, "actors", "gauge", "Living actors.");
    vr_buf_printf(out, "voiceroom_actors{kind=\"room\"} %u\n", r->actors[VR_ACTOR_ROOM]);
    vr_buf_printf(out, "voiceroom_actors{kind=\"shard\"} %u\n", r->actors[VR_ACTOR_SHARD]);
    vr_buf_printf(out, "voiceroom_actors{kind=\"session\"} %u\n", r->actors[VR_ACTOR_SESSION]);
    head(out, "loop_lag_seconds", "gauge", "Largest lateness of a timer since the last scrape.");
    for (uint32_t i = 0; i < m->worker_count; i++) {
        vr_buf_printf(out, "voiceroom_loop_lag_seconds{worker=\"%s%u\"} %.6f\n",
                      m->workers[i].kind == VR_WORKER_MEDIA ? "media" : "control",
                      m->workers[i].index, (double)m->workers[i].lag / 1e6);
    }
}

static void webhooks_write(const struct vr_sender_stats *w, struct vr_buf *out)
{
    counter(out, "webhook_delivered_total", "Deliveries that a receiver took.", w->delivered);
    counter(out, "webhook_failed_total", "Attempts that failed.", w->failed);
    counter(out, "webhook_refused_total", "Attempts at an address that may not be reached.",
            w->refused);
    counter(out, "webhook_dead_total", "Deliveries given up.", w->dead);
    gauge(out, "webhook_waiting", "Deliveries that wait.", (double)w->waiting);
}

static void store_write(const struct vr_records_stats *s, struct vr_buf *out)
{
    counter(out, "store_commits_total", "Changes written.", s->commits);
    counter(out, "store_transactions_total", "LMDB transactions that carried them.",
            s->transactions);
    counter(out, "store_failed_total", "Changes that could not be written.", s->failed);
    counter(out, "store_damaged_values_total", "Values whose checksum was wrong.",
            s->damaged_values);
    gauge(out, "store_waiting", "Changes that wait for the journal.", (double)s->waiting);
    gauge(out, "lmdb_map_used_ratio", "Part of the map in use.", s->map_used_ratio);
    gauge(out, "lmdb_commit_seconds", "Time of the last commit.", (double)s->commit_us_last / 1e6);
    gauge(out, "lmdb_commit_max_seconds", "Time of the longest commit.",
          (double)s->commit_us_max / 1e6);
    gauge(out, "store_full", "1 while writes are refused for want of space.", s->full ? 1 : 0);
}

static void certificate_write(const struct vr_certificate_stats *c, struct vr_buf *out)
{
    gauge(out, "certificate_not_after_seconds",
          "When HTTPS's certificate ends (Unix time); 0: none.", (double)c->not_after);
    counter(out, "certificate_taken_total", "Certificates taken while running.", c->taken);
    counter(out, "certificate_refused_total", "Certificates refused while running.", c->refused);
}

void vr_metrics_write(struct vr_metrics *metrics, struct vr_node *node, struct vr_buf *out)
{
    struct vr_measures *measures = NULL;
    struct vr_vitals vitals;

    head(out, "build_info", "gauge", "Always 1.");
    vr_buf_text(out, "voiceroom_build_info{version=\"" VR_VERSION "\"} 1\n");
    http_write(metrics, out);
    vr_quality_metrics_write(metrics->quality, out);
    if (node == NULL || (measures = calloc(1, sizeof(*measures))) == NULL) {
        return;
    }
    vr_node_measure(node, measures);
    gauge(out, "ready", "1 while /readyz says so.", measures->ready ? 1 : 0);
    rooms_write(measures, out);
    packets_write(&measures->media, out);
    speech_write(&measures->media, out);
    hearing_write(&measures->media, out);
    counter(out, "segments_total", "Packets that left in segmented datagrams (media_gso).",
            measures->ports.segmented);
    counter(out, "bursts_total", "Groups of packets for one listener; each one such datagram.",
            measures->media.bursts);
    gauge(out, "segmentation_refused", "Media ports whose kernel or card takes no such datagrams.",
          (double)measures->ports.gso_refused);
    gauge(out, "patient_sockets",
          "Second sockets of media ports, for what is not urgent; 0: the kernel refuses them.",
          (double)measures->ports.patient_sockets);
    vr_media_tcp_metrics_write(&measures->ports.tcp, out);
    counter(out, "packs_total", "Packets with several frames (media_pack).", measures->media.packs);
    counter(out, "padding_bytes_total", "Bytes added so that packets are of one size.",
            measures->media.padding_bytes);
    counter(out, "shut_dropped_total", "Frames of people muted while they waited to leave.",
            measures->media.shut_dropped);
    counter(out, "send_dropped_total", "Datagrams that the kernel did not take.",
            measures->ports.send_dropped);
    counter(out, "stale_dropped_total",
            "Packets of speech that waited over a restart for too long.",
            measures->ports.stale_dropped);
    counter(out, "receive_batches_total", "Batches read from media sockets.",
            measures->ports.batches_in);
    counter(out, "send_batches_total", "Batches written to media sockets.",
            measures->ports.batches_out);
    runtime_write(measures, out);
    store_write(&measures->store, out);
    webhooks_write(&measures->webhooks, out);
    certificate_write(&measures->certificate, out);
    vr_parent_metrics_write(vr_node_config(node)->inherit, out);
    vr_node_kept_metrics_write(node, out);
    vr_tracer_metrics_write(vr_node_tracer(node), out);
    free(measures);
    vr_node_vitals(node, &vitals);
    vr_vitals_write(&vitals, out);
}
