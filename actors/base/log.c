#include "actors/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define REPEATS_PER_SECOND 20
#define REMEMBERED 64

/* The log sink and its level are the only mutable globals: two nodes can live in one process. */
static enum vr_log_level log_level = VR_LOG_INFO; /* atomic */
static void (*log_sink)(void *ctx, const char *line, size_t size);
static void *log_sink_ctx;
static char log_node[64];

static pthread_mutex_t repeat_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const char *msg; /* messages are literals: the pointer is the identity */
    time_t second;
    unsigned count;
} repeats[REMEMBERED];

struct line {
    char text[LINE_MAX_BYTES];
    size_t size;
};

static void put(struct line *line, const char *text, size_t size)
{
    size_t room =
        sizeof(line->text) - 8 - line->size; /* keeps place for the closing quote and brace */

    if (size > room) {
        size = room;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_json(struct line *line, const char *text)
{
    put_text(line, "\"");
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[8];

        if (line->size > sizeof(line->text) - 32) {
            break;
        }
        if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
            put(line, escape, 2);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            put(line, escape, 6);
        } else {
            put(line, text, 1);
        }
    }
    put_text(line, "\"");
}

static void put_field(struct line *line, const struct vr_log_field *field)
{
    char number[40];

    if (field->kind == VR_FIELD_TEXT && field->as.text == NULL) {
        return;
    }
    put_text(line, ",");
    put_json(line, field->name);
    put_text(line, ":");
    switch (field->kind) {
    case VR_FIELD_TEXT:
        put_json(line, field->as.text);
        return;
    case VR_FIELD_UNSIGNED:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)field->as.u);
        break;
    case VR_FIELD_SIGNED:
        snprintf(number, sizeof(number), "%lld", (long long)field->as.i);
        break;
    case VR_FIELD_REAL:
        snprintf(number, sizeof(number), "%.6g", field->as.real);
        break;
    }
    put_text(line, number);
}

static void put_time(struct line *line)
{
    struct timespec ts;
    struct tm tm;
    char text[96];

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000);
    put_json(line, text);
}

/* How many lines of this message were swallowed in its last second, or -1 when this one is to be
 * swallowed too. */
static int repeats_before(const char *msg)
{
    size_t slot = ((uintptr_t)msg >> 3) % REMEMBERED;
    time_t now = time(NULL);
    int swallowed = 0;

    pthread_mutex_lock(&repeat_lock);
    if (repeats[slot].msg != msg || repeats[slot].second != now) {
        if (repeats[slot].msg == msg && repeats[slot].count > REPEATS_PER_SECOND) {
            swallowed = (int)(repeats[slot].count - REPEATS_PER_SECOND);
        }
        repeats[slot].msg = msg;
        repeats[slot].second = now;
        repeats[slot].count = 0;
    }
    repeats[slot].count++;
    if (repeats[slot].count > REPEATS_PER_SECOND) {
        swallowed = -1;
    }
    pthread_mutex_unlock(&repeat_lock);
    return swallowed;
}

void vr_log_fields(enum vr_log_level level, const char *msg, const struct vr_log_field *fields,
                   size_t count)
{
    struct line line = {.size = 0};
    int swallowed;

    if (level < vr_log_get_level()) {
        return;
    }
    swallowed = log_sink == NULL ? repeats_before(msg) : 0;
    if (swallowed < 0) {
        return;
    }
    put_text(&line, "{\"ts\":");
    put_time(&line);
    put_text(&line, ",\"level\":");
    put_json(&line, vr_log_level_name(level));
    put_text(&line, ",\"msg\":");
    put_json(&line, msg);
    if (log_node[0] != 0) {
        put_field(&line, &VR_S("node", log_node));
    }
    for (size_t i = 1; i < count; i++) {
        put_field(&line, &fields[i]);
    }
    if (swallowed > 0) {
        put_field(&line, &VR_I("repeats_swallowed", swallowed));
    }
    line.text[line.size++] = '}';
    line.text[line.size++] = '\n';
    if (log_sink != NULL) {
        log_sink(log_sink_ctx, line.text, line.size);
    } else if (write(STDERR_FILENO, line.text, line.size) < 0) {
        return; /* nobody is left to tell */
    }
}

void vr_log_set_level(enum vr_log_level level)
{
    __atomic_store_n(&log_level, level, __ATOMIC_RELAXED);
}

enum vr_log_level vr_log_get_level(void)
{
    return __atomic_load_n(&log_level, __ATOMIC_RELAXED);
}

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

bool vr_log_level_parse(const char *word, enum vr_log_level *out)
{
    for (int i = VR_LOG_DEBUG; i <= VR_LOG_OFF; i++) {
        if (strcmp(level_names[i], word) == 0) {
            *out = (enum vr_log_level)i;
            return true;
        }
    }
    return false;
}

const char *vr_log_level_name(enum vr_log_level level)
{
    return level_names[level <= VR_LOG_OFF ? level : VR_LOG_OFF];
}

void vr_log_set_sink(void (*sink)(void *ctx, const char *line, size_t size), void *ctx)
{
    log_sink = sink;
    log_sink_ctx = ctx;
}

void vr_log_set_node(const char *name)
{
    snprintf(log_node, sizeof(log_node), "%s", name);
}
