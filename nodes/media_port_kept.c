/* media_port_kept.c - a media port over a death of its process: what had been read or queued, and
 * what waited in the kernel meanwhile.
 *
 * Measured (without this): a batch of 64 that was read before a kill is lost; and a queue older
 * than about 100 ms makes every browser's jitter buffer longer for many seconds, so that old speech
 * is worse than none. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media_port_internal.h"

bool media_kept_open(struct vr_media_port *port)
{
    port->kept =
        port->conf.keep == NULL ? NULL : vr_keep_port(port->conf.keep, port->conf.keep_worker);
    if (port->kept == NULL) {
        port->own = calloc(1, sizeof(*port->own));
        port->kept = port->own;
    }
    return port->kept != NULL;
}

void media_kept_close(struct vr_media_port *port)
{
    free(port->own);
    port->own = NULL;
    port->kept = NULL;
}

/** RFC 7983: RTP and RTCP; of these RFC 5761 says which is which. */
static bool is_speech(const uint8_t *data, size_t size)
{
    return size >= 2 && data[0] >= 128 && data[0] <= 191 && !(data[1] >= 192 && data[1] <= 223);
}

void media_in_handle(struct vr_media_port *port, uint32_t at, vr_time_us now)
{
    struct port_kept *kept = port->kept;
    size_t size = kept->in[at].msg_len;
    struct vr_path path = {.remote = kept->in_name[at], .socket = kept->in_socket};

    /* A longer one is nothing of ours. */
    if (size <= DATAGRAM_MAX && (kept->in[at].msg_hdr.msg_flags & MSG_TRUNC) == 0) {
        memcpy(port->work, kept->in_data[at], size);
        if (!is_speech(port->work, size)) {
            kept->in[at].msg_len = 0; /* its sender repeats it; if it kills us, we do not */
        }
        vr_engine_input(port->engine, now, &path, port->work, size, DATAGRAM_MAX);
    }
    atomic_signal_fence(memory_order_seq_cst); /* every effect, before it counts as done */
    kept->in[at].msg_len = 0;
}

void media_in_stamps(struct vr_media_port *port, bool wanted)
{
    for (uint32_t i = 0; i < BATCH_IN; i++) {
        stamp_want(&port->kept->in[i].msg_hdr, wanted ? &port->in_stamps[i] : NULL);
    }
    if (!wanted) {
        port->fresh_until = 0;
    }
}

void media_stood_still(struct vr_media_port *port, vr_time_us now)
{
    if (port->armed != VR_NEVER && now > port->armed + STAMPS_STOOD_STILL) {
        port->fresh_until = now + STAMPS_FRESH;
    }
}

bool media_in_stale(struct vr_media_port *port, uint32_t at)
{
    return is_speech(port->kept->in_data[at], port->kept->in[at].msg_len) &&
           stamp_is_stale(&port->kept->in[at].msg_hdr);
}

/** Sizes that fit together: whatever a death left half done is behind the count. */
static bool out_is_sound(const struct vr_media_port *port)
{
    const struct port_kept *kept = port->kept;
    size_t bytes = 0;

    if (kept->out_count > BATCH_OUT) {
        return false;
    }
    for (uint32_t i = 0; i < kept->out_count; i++) {
        bytes += kept->out_size[i];
        if (kept->out_size[i] > BURST_MAX || bytes > OUT_BYTES ||
            kept->out_hop[i].socket >= port->socket_count) {
            return false;
        }
    }
    return true;
}

static void out_again(struct vr_media_port *port)
{
    struct port_kept *kept = port->kept;
    uint32_t offset = 0;

    if (!out_is_sound(port)) {
        kept->out_count = 0;
    }
    for (uint32_t i = 0; i < kept->out_count; i++) {
        media_out_prepare(port, i, offset);
        offset += kept->out_size[i];
    }
    kept->out_bytes = offset;
    media_out_flush(port);
}

void media_go_on(struct vr_media_port *port, vr_time_us now)
{
    struct port_kept *kept = port->kept;
    bool recent = kept->in_at <= now && now - kept->in_at <= STAMPS_STALE;

    if (port->own != NULL) {
        return; /* nothing came before this process */
    }
    out_again(port);
    vr_engine_go_on(port->engine, now);
    for (uint32_t i = 0; i < BATCH_IN; i++) {
        uint32_t size = kept->in[i].msg_len;

        if (size == 0) {
            continue;
        }
        if (kept->in_socket >= port->socket_count ||
            (!recent && is_speech(kept->in_data[i], size))) {
            kept->in[i].msg_len = 0;
        } else {
            media_in_handle(port, i, now);
        }
    }
    media_out_flush(port);
    port->fresh_until = now + STAMPS_FRESH;
}
