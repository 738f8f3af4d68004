/* otlp.c - spans as OTLP/JSON. */
#include "nodes/otlp.h"

#include <inttypes.h>

#include "actors/wire/client_json.h"

#define STATUS_ERROR 2

static void hex(struct vr_buf *out, const char *name, const uint8_t *bytes, size_t size)
{
    vr_buf_printf(out, "\"%s\":\"", name);
    for (size_t i = 0; i < size; i++) {
        vr_buf_printf(out, "%02x", bytes[i]);
    }
    vr_buf_text(out, "\",");
}

static void text_attribute(struct vr_buf *out, const char *key, const char *value, bool first)
{
    vr_buf_printf(out, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":", first ? "" : ",", key);
    vr_json_text(out, value);
    vr_buf_text(out, "}}");
}

static void number_attribute(struct vr_buf *out, const char *key, int64_t value)
{
    vr_buf_printf(out, ",{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRId64 "\"}}", key, value);
}

static void wait_attribute(struct vr_buf *out, const char *key, vr_time_us value)
{
    if (value != VR_SPAN_UNKNOWN) {
        number_attribute(out, key, value);
    }
}

static void attributes(struct vr_buf *out, const struct vr_span *span)
{
    char room[VR_ID_TEXT];

    vr_buf_text(out, ",\"attributes\":[");
    if (span->method != NULL) {
        text_attribute(out, "http.request.method", span->method, true);
        text_attribute(out, "http.route", span->name, false);
        number_attribute(out, "http.response.status_code", span->status);
    } else {
        text_attribute(out, span->kind == VR_SPAN_INTERNAL ? "voiceroom.part" : "voiceroom.command",
                       span->name, true);
    }
    if (!vr_id_is_zero(span->room)) {
        text_attribute(out, "voiceroom.room", vr_id_format(span->room, room), false);
    }
    if (span->err != VR_OK) {
        text_attribute(out, "error.type", vr_err_code(span->err), false);
    }
    wait_attribute(out, "voiceroom.queue_us", span->queue);
    wait_attribute(out, "voiceroom.gates_us", span->gates);
    wait_attribute(out, "voiceroom.commit_us", span->commit);
    vr_buf_text(out, "]");
}

/* A refusal is an answer; what failed on our side is an error. */
static bool failed(const struct vr_span *span)
{
    return span->status >= 500 || (span->err != VR_OK && vr_err_status(span->err) >= 500);
}

static void write_span(struct vr_buf *out, const struct vr_span *span)
{
    vr_buf_text(out, "{");
    hex(out, "traceId", span->trace.id, sizeof(span->trace.id));
    hex(out, "spanId", span->trace.span, sizeof(span->trace.span));
    if (vr_get64(span->parent) != 0) {
        hex(out, "parentSpanId", span->parent, sizeof(span->parent));
    }
    vr_buf_printf(out, "\"name\":\"%s%s%s\",\"kind\":%d", span->method == NULL ? "" : span->method,
                  span->method == NULL ? "" : " ", span->name, (int)span->kind);
    vr_buf_printf(
        out, ",\"startTimeUnixNano\":\"%" PRId64 "000\",\"endTimeUnixNano\":\"%" PRId64 "000\"",
        span->begun, span->ended);
    attributes(out, span);
    if (failed(span)) {
        vr_buf_printf(out, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    }
    vr_buf_text(out, "}");
}

void vr_otlp_write(const struct vr_otlp_source *source, const struct vr_span *spans, size_t count,
                   struct vr_buf *out)
{
    vr_buf_text(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    text_attribute(out, "service.name", "voiceroomd", true);
    text_attribute(out, "service.version", source->version, false);
    text_attribute(out, "service.instance.id", source->node, false);
    vr_buf_text(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"voiceroomd\"},\"spans\":[");
    for (size_t i = 0; i < count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        write_span(out, &spans[i]);
    }
    vr_buf_text(out, "]}]}]}");
}
