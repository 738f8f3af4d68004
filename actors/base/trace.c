/* trace.c - traceparent read and written; spans begun and ended. */
#include "actors/base/trace.h"

#define VERSION_AT 0
#define ID_AT 3
#define SPAN_AT 36
#define FLAGS_AT 53
#define TEXT_SIZE (VR_TRACEPARENT_TEXT - 1)

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* upper case is not allowed */
}

static bool hex_read(const uint8_t *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void hex_write(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

bool vr_traceparent_read(struct vr_bytes text, struct vr_trace *out, bool *sampled)
{
    const uint8_t *p = text.data;
    struct vr_trace trace;
    uint8_t version = 0;
    uint8_t flags = 0;

    *out = (struct vr_trace){{0}, {0}};
    *sampled = false;
    if (text.size < TEXT_SIZE || p[ID_AT - 1] != '-' || p[SPAN_AT - 1] != '-' ||
        p[FLAGS_AT - 1] != '-' || !hex_read(p + VERSION_AT, &version, 1) ||
        !hex_read(p + ID_AT, trace.id, sizeof(trace.id)) ||
        !hex_read(p + SPAN_AT, trace.span, sizeof(trace.span)) ||
        !hex_read(p + FLAGS_AT, &flags, 1)) {
        return false;
    }
    /* Later versions may say more behind these four; 255 is none. */
    if (version == 0xff || (version == 0 && text.size != TEXT_SIZE) ||
        (text.size > TEXT_SIZE && p[TEXT_SIZE] != '-')) {
        return false;
    }
    if (!vr_trace_on(&trace) || vr_get64(trace.span) == 0) {
        return false;
    }
    *out = trace;
    *sampled = (flags & 1) != 0;
    return true;
}

void vr_traceparent_write(const struct vr_trace *trace, char out[VR_TRACEPARENT_TEXT])
{
    out[VERSION_AT] = '0';
    out[VERSION_AT + 1] = '0';
    out[ID_AT - 1] = '-';
    hex_write(trace->id, sizeof(trace->id), out + ID_AT);
    out[SPAN_AT - 1] = '-';
    hex_write(trace->span, sizeof(trace->span), out + SPAN_AT);
    memcpy(out + FLAGS_AT - 1, "-01", sizeof("-01"));
}

static void span_open(const struct vr_tracing *tracing, const struct vr_trace *parent,
                      vr_time_us now, struct vr_span *out)
{
    *out = (struct vr_span){.kind = VR_SPAN_INTERNAL,
                            .name = "",
                            .begun = now,
                            .queue = VR_SPAN_UNKNOWN,
                            .gates = VR_SPAN_UNKNOWN,
                            .commit = VR_SPAN_UNKNOWN};
    memcpy(out->trace.id, parent->id, sizeof(parent->id));
    memcpy(out->parent, parent->span, sizeof(parent->span));
    vr_put64(out->trace.span, vr_random_u64(tracing->random) | 1); /* never zero */
}

void vr_span_begin(const struct vr_tracing *tracing, const char *traceparent, vr_time_us now,
                   struct vr_span *out)
{
    struct vr_trace parent;
    bool sampled = false;

    *out = (struct vr_span){.kind = VR_SPAN_INTERNAL};
    if (tracing == NULL) {
        return;
    }
    if (!vr_traceparent_read(vr_bytes_of(traceparent), &parent, &sampled)) {
        /* Ours to decide, and to name. */
        sampled = tracing->share != 0 && (uint32_t)vr_random_u64(tracing->random) <= tracing->share;
        if (sampled) {
            vr_id_put(parent.id, vr_random_id(tracing->random));
        }
    }
    if (sampled) {
        span_open(tracing, &parent, now, out);
        out->kind = VR_SPAN_SERVER;
    }
}

void vr_span_below(const struct vr_tracing *tracing, const struct vr_trace *parent, vr_time_us now,
                   struct vr_span *out)
{
    span_open(tracing, parent, now, out);
}

void vr_span_end(const struct vr_tracing *tracing, struct vr_span *span, vr_time_us now)
{
    if (tracing != NULL && vr_trace_on(&span->trace)) {
        span->ended = now < span->begun ? span->begun : now;
        tracing->record(tracing->ctx, span);
    }
}
