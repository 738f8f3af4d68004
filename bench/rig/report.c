#include "bench/rig/report.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double at_share(const float *values, size_t count, double share)
{
    return count == 0 ? 0 : (double)values[(size_t)(share * (double)(count - 1))];
}

static void put_times(FILE *out, const char *name, const float *all, uint32_t count)
{
    float *values = malloc((count + 1) * sizeof(float));
    size_t kept = 0;

    if (values == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (all[i] > 0) {
            values[kept++] = all[i];
        }
    }
    qsort(values, kept, sizeof(float), by_value);
    fprintf(out, ",\"%s_ms_p50\":%.2f,\"%s_ms_p95\":%.2f,\"%s_ms_p99\":%.2f,\"%s_count\":%zu", name,
            at_share(values, kept, 0.5), name, at_share(values, kept, 0.95), name,
            at_share(values, kept, 0.99), name, kept);
    free(values);
}

static struct vr_sum total(const struct vr_report *report)
{
    struct vr_sum all = {0};

    for (uint32_t i = 0; i < report->crowd->conf.processes; i++) {
        const struct vr_sum *sum = &report->shared->sums[i];

        all.packets += sum->packets;
        all.bytes += sum->bytes;
        all.lost += sum->lost;
        all.reordered += sum->reordered;
        all.rtcp += sum->rtcp;
        all.listener_packets += sum->listener_packets;
        all.frames += sum->frames;
        all.loud += sum->loud;
        all.unknown += sum->unknown;
        all.sampled += sum->sampled;
        all.failed += sum->failed;
        all.up += sum->up;
        for (uint32_t r = 0; r < report->crowd->conf.rooms; r++) {
            struct vr_room_sum *room = &all.rooms[r];

            room->packets += sum->rooms[r].packets;
            room->listeners += sum->rooms[r].listeners;
            room->most = sum->rooms[r].most > room->most ? sum->rooms[r].most : room->most;
        }
    }
    return all;
}

/* Two views, the worse one counts: what every listener got, against the one who got most in his
 * room; and the speech that the sampled heard, frame by frame, against what was said (where all who
 * speak have a slot). */
static double delivered(const struct vr_report *report, const struct vr_sum *all, double *loud)
{
    uint64_t wanted = 0, got = 0, said = 0;
    uint32_t speakers = report->crowd->conf.speakers;

    for (uint32_t r = 0; r < report->crowd->conf.rooms; r++) {
        wanted += (uint64_t)all->rooms[r].most * all->rooms[r].listeners;
        got += all->rooms[r].packets;
    }
    for (uint32_t i = 0; i < report->crowd->count; i++) {
        const struct vr_member *member = &report->crowd->members[i];

        for (uint32_t t = 0; member->sampled && t < report->crowd->talk_count; t++) {
            const struct vr_talk *talk = &report->crowd->talks[t];

            said += talk->member->room == member->room ? talk->loud : 0;
        }
    }
    *loud = said == 0 || report->crowd->driver->mixes || vr_crowd_heard(report->crowd) < speakers
                ? 1
                : (double)all->loud / (double)said;
    return wanted == 0 ? 0 : (double)got / (double)wanted;
}

static void put_server(const struct vr_report *report, const struct vr_sum *all, FILE *out)
{
    const struct vr_crowd_conf *conf = &report->crowd->conf;
    double listeners = (double)conf->rooms * conf->listeners;
    double cpu_us = (double)(report->window_end.cpu_ns - report->window_start.cpu_ns) / 1000;
    double join_us = (double)(report->after_joins.cpu_ns - report->before_joins.cpu_ns) / 1000;
    double per_packet = all->packets == 0 ? 0 : cpu_us / (double)all->packets;

    fprintf(out, ",\"cpu_us_per_packet\":%.4f,\"floor_us\":%.4f,\"ratio\":%.4f", per_packet,
            report->floor.cpu_us_per_packet,
            report->floor.cpu_us_per_packet > 0 ? per_packet / report->floor.cpu_us_per_packet : 0);
    fprintf(out, ",\"cpu_us_per_listener_second\":%.2f,\"cpu_share\":%.4f",
            listeners > 0 ? cpu_us / listeners / report->seconds : 0,
            cpu_us / 1e6 / report->seconds);
    fprintf(out,
            ",\"rss_kb\":%ld,\"rss_base_kb\":%ld,\"rss_kb_per_listener\":%.2f,\"threads\":%ld"
            ",\"join_cpu_us\":%.1f",
            report->window_end.rss_kb, report->before_joins.rss_kb,
            listeners > 0
                ? (double)(report->window_end.rss_kb - report->before_joins.rss_kb) / listeners
                : 0,
            report->window_end.threads, listeners > 0 ? join_us / listeners : 0);
}

static double part(double of, double all)
{
    return all > 0 ? of / all : 0;
}

/* What the server told itself of the window. */
static void put_served(const struct vr_report *report, FILE *out)
{
    const struct vr_served *from = &report->served_start, *to = &report->served_end;
    double segments = to->segments - from->segments;

    if (report->window_end.media > 0) {
        fprintf(out, ",\"media_threads\":%u,\"media_share\":%.4f", report->window_end.media,
                (double)(report->window_end.media_ns - report->window_start.media_ns) / 1e9 /
                    report->seconds);
    }
    if (to->forwarded > 0) {
        fprintf(out, ",\"speaker_changes_per_s\":%.2f",
                (to->changes - from->changes) / report->seconds);
        fprintf(out, ",\"gso_share\":%.4f,\"packets_per_segmented\":%.3f,\"not_chosen_share\":%.4f",
                part(segments, to->forwarded - from->forwarded),
                part(segments, to->bursts - from->bursts),
                part(to->not_chosen - from->not_chosen, to->received - from->received));
    }
}

static void put_return(FILE *out, const char *name, const struct vr_return *back)
{
    if (back->count > 0) {
        fprintf(out, ",\"%s_cpu_us\":%.1f", name,
                (double)(back->after.cpu_ns - back->before.cpu_ns) / 1000 / back->count);
        put_times(out, name, back->answer_ms, back->count);
    }
}

void vr_report_early(struct vr_report *report, uint32_t end)
{
    const struct vr_crowd *crowd = report->crowd;
    uint64_t said = 0, heard = 0;

    for (uint32_t i = crowd->first_listener; i < end; i++) {
        const struct vr_member *member = &crowd->members[i];

        for (uint32_t t = 0; member->sampled && t < crowd->talk_count; t++) {
            said += crowd->talks[t].member->room == member->room ? crowd->talks[t].loud : 0;
        }
        heard += member->counts.loud;
    }
    qsort(crowd->kit.delays_ms, crowd->kit.delay_count, sizeof(float), by_value);
    report->early_delivered = said == 0 ? 0 : (double)heard / (double)said;
    report->early_p99_ms = at_share(crowd->kit.delays_ms, crowd->kit.delay_count, 0.99);
}

void vr_report_write(struct vr_report *report, FILE *out)
{
    const struct vr_crowd *crowd = report->crowd;
    const struct vr_crowd_conf *conf = &crowd->conf;
    uint32_t listeners = conf->rooms * conf->listeners;
    struct vr_sum all = total(report);
    double loud;
    double share = delivered(report, &all, &loud);
    size_t delays = crowd->kit.delay_count;
    double most = 0;

    for (uint32_t r = 0; r < conf->rooms; r++) {
        most += all.rooms[r].most;
    }
    qsort(crowd->kit.delays_ms, delays, sizeof(float), by_value);
    fprintf(out, "{\"rooms\":%u,\"speakers\":%u,\"listeners\":%u,\"muted\":%u,\"processes\":%u",
            conf->rooms, conf->speakers, conf->listeners, conf->muted, conf->processes);
    fprintf(out, ",\"seconds\":%.2f,\"up\":%u,\"failed\":%u", report->seconds, all.up, all.failed);
    put_server(report, &all, out);
    put_served(report, out);
    fprintf(out,
            ",\"packets\":%lu,\"bytes_per_packet\":%.1f,\"floor_bytes\":%.1f,\"packets_per_s\":%.0f"
            ",\"packets_per_listener_s\":%.2f",
            all.packets, all.packets == 0 ? 0 : (double)all.bytes / (double)all.packets,
            report->floor.packets == 0
                ? 0
                : (double)report->floor.bytes / (double)report->floor.packets,
            (double)all.packets / report->seconds, most / conf->rooms / report->seconds);
    fprintf(out,
            ",\"delivered\":%.6f,\"delivered_packets\":%.6f,\"delivered_speech\":%.6f,\"lost\":%lu"
            ",\"reordered\":%lu,\"rtcp\":%lu,\"sampled\":%u,\"frames\":%lu,\"unknown\":%lu",
            share < loud ? share : loud, share, loud, all.lost, all.reordered, all.rtcp,
            all.sampled, all.frames, all.unknown);
    if (!crowd->driver->mixes) {
        fprintf(out,
                ",\"delay_ms_p50\":%.3f,\"delay_p99_ms\":%.3f,\"delay_ms_p999\":%.3f"
                ",\"delay_count\":%zu",
                at_share(crowd->kit.delays_ms, delays, 0.5),
                at_share(crowd->kit.delays_ms, delays, 0.99),
                at_share(crowd->kit.delays_ms, delays, 0.999), delays);
    }
    put_times(out, "answer", report->shared->answer_ms, listeners);
    put_times(out, "up", report->shared->up_ms, listeners);
    put_return(out, "resume", &report->resume);
    put_return(out, "rebind", &report->rebind);
    if (!report->quiet_joins) {
        put_times(out, "first", report->shared->first_ms, listeners);
    }
    if (report->early_delivered > 0) {
        fprintf(out, ",\"delivered_while_joining\":%.6f,\"delay_p99_while_joining_ms\":%.3f",
                report->early_delivered, report->early_p99_ms);
    }
    if (report->sockets.open + report->sockets.failed > 0) {
        fprintf(out, ",\"sockets\":%u,\"sockets_failed\":%u,\"sockets_refused\":%u",
                report->sockets.open, report->sockets.failed, report->sockets.refused);
    }
    fprintf(out, ",\"left\":%u", crowd->left);
    fprintf(out, ",\"join_seconds\":%.3f,\"client_cpu_share\":%.3f,\"profiles\":\"%s\"}\n",
            report->join_seconds, report->client_cpu_s / report->seconds, crowd->driver->profiles);
    fflush(out);
}
