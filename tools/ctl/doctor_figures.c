/* doctor_figures.c - what doctor reads out of a node's figures: certificate, disk, descriptors,
 * stress, etcd; and, of a node on this machine, the kernel's buffers. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/commands.h"

#define DAY_S 86400.0
#define BUFFER_WANTED (8 << 20) /* what the package's sysctl.d sets */

struct sheet {
    json_t *rows;
    const char *endpoint;
    const char *metrics;
};

static void row(const struct sheet *sheet, const char *check, const char *result,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void row(const struct sheet *sheet, const char *check, const char *result,
                const char *format, ...)
{
    char detail[200];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    vr_ctl_doctor_row(sheet->rows, sheet->endpoint, check, result, detail);
}

/** NAN: the node does not tell it (an older one). */
static double value_of(const struct sheet *sheet, const char *name)
{
    json_t *value = vr_ctl_figure(sheet->metrics, name);
    double number = json_is_number(value) ? json_number_value(value) : NAN;

    json_decref(value);
    return number;
}

static void certificate(const struct sheet *sheet)
{
    double ends = value_of(sheet, "voiceroom_certificate_not_after_seconds");
    double days = (ends - (double)time(NULL)) / DAY_S;

    if (isnan(ends) || ends <= 0) {
        row(sheet, "certificate", "ok", "the node serves no HTTPS");
    } else {
        row(sheet, "certificate",
            days < 0    ? "fail"
            : days < 14 ? "warn"
                        : "ok",
            days < 0 ? "it ended %.0f days ago" : "good for %.0f more days", fabs(days));
    }
}

static void disk(const struct sheet *sheet)
{
    double free_bytes = value_of(sheet, "voiceroom_disk_free_bytes");
    double size = value_of(sheet, "voiceroom_disk_size_bytes");
    double part = size > 0 ? free_bytes / size : NAN;

    if (!isnan(part)) {
        row(sheet, "disk",
            part < 0.02  ? "fail"
            : part < 0.1 ? "warn"
                         : "ok",
            "%.1f GB free, %.0f %% of the data folder's disk", free_bytes / 1e9, part * 100);
    }
}

static void files(const struct sheet *sheet)
{
    double most = value_of(sheet, "voiceroom_open_files_max");
    double used = value_of(sheet, "voiceroom_open_files");

    if (!isnan(most)) {
        row(sheet, "files",
            used > most * 0.9 ? "fail"
            : most < 4096     ? "warn"
                              : "ok",
            "%.0f descriptors of at most %.0f%s", used, most,
            most < 4096 ? " (LimitNOFILE, connections_max): few for many people" : "");
    }
}

static void stress(const struct sheet *sheet)
{
    double level = value_of(sheet, "voiceroom_stress");

    if (!isnan(level)) {
        row(sheet, "stress", level >= 0.8 ? "warn" : "ok", "%.2f of what it can", level);
    }
}

/** Who has no UDP. */
static void tcp(const struct sheet *sheet)
{
    double connections = value_of(sheet, "voiceroom_media_tcp_connections");
    double peers = value_of(sheet, "voiceroom_peers");

    if (!isnan(connections) && !isnan(peers)) {
        row(sheet, "ice-tcp", "ok", "%.0f connections for %.0f media transports", connections,
            peers);
    }
}

static void process(const struct sheet *sheet)
{
    double deaths = value_of(sheet, "voiceroom_node_deaths_total");
    double blamed = value_of(sheet, "voiceroom_kept_peers{outcome=\"blamed\"}");

    if (deaths > 0) {
        row(sheet, "process", "warn", "it died %.0f times since its parent began%s; see crash/",
            deaths, blamed > 0 ? ", twice at work for the same transport" : "");
    } else if (!isnan(deaths)) {
        row(sheet, "process", "ok", "it has not died");
    }
}

static void etcd(const struct sheet *sheet)
{
    double joined = value_of(sheet, "voiceroom_cluster_joined");
    double answer = value_of(sheet, "voiceroom_etcd_answer_seconds");
    double slowest = value_of(sheet, "voiceroom_etcd_answer_max_seconds");

    if (isnan(joined)) {
        row(sheet, "etcd", "ok", "not needed: the node is alone");
    } else {
        row(sheet, "etcd",
            joined < 1     ? "fail"
            : answer > 0.5 ? "warn"
                           : "ok",
            "%s; its last answer took %.1f ms, the slowest %.1f ms",
            joined < 1 ? "the node has no lease" : "the lease holds", answer * 1000,
            slowest * 1000);
    }
}

static double kernel(const char *name)
{
    char path[80];
    char line[64];
    FILE *file = NULL;
    double value = NAN;

    snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name);
    file = fopen(path, "re");
    if (file != NULL) {
        char *end = line;

        if (fgets(line, sizeof(line), file) != NULL) {
            double number = strtod(line, &end);

            value = end == line ? NAN : number;
        }
        fclose(file);
    }
    return value;
}

/** A network namespace hides them. */
static void buffers(const struct sheet *sheet)
{
    double in = kernel("rmem_max");
    double out = kernel("wmem_max");

    if (isnan(in) || isnan(out)) {
        row(sheet, "buffers", "ok", "the kernel's limits cannot be seen from here");
    } else {
        bool small = in < BUFFER_WANTED || out < BUFFER_WANTED;

        row(sheet, "buffers", small ? "warn" : "ok", "net.core.rmem_max %.0f, wmem_max %.0f%s", in,
            out, small ? ": speech of large rooms wants 8388608 each" : "");
    }
}

void vr_ctl_doctor_figures(json_t *rows, const char *endpoint, const char *metrics)
{
    const struct sheet sheet = {rows, endpoint, metrics};

    certificate(&sheet);
    disk(&sheet);
    files(&sheet);
    stress(&sheet);
    tcp(&sheet);
    process(&sheet);
    etcd(&sheet);
    if (vr_ctl_is_local(endpoint)) {
        buffers(&sheet);
    }
}
