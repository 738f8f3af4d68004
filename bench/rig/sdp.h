/* sdp.h - as much SDP as a load client needs: an offer or answer written, the other side's read. */
#ifndef VR_BENCH_SDP_H
#define VR_BENCH_SDP_H

#include "actors/base/bytes.h"
#include "bench/rig/driver.h"

struct vr_bench_sdp {
    uint32_t receive;        /* receiving sections */
    bool send;               /* a sending section, before them */
    bool both;               /* the sending section receives as well */
    const char *setup;       /* "actpass" or "active" */
    bool candidate;          /* ours in the text: for servers with full ICE */
    const char *const *mids; /* NULL: 0, 1, 2, ... */
};

/** Appends SDP of a seat; ended with a 0. */
void vr_bench_sdp_write(const struct vr_bench_sdp *sdp, const struct vr_seat *seat,
                        struct vr_buf *out);
/** Names, fingerprint, first IPv4 UDP candidate, Opus' payload type, id of the audio level. */
bool vr_bench_sdp_read(const char *text, struct vr_remote *out);
/** The number's a=mid, 0 the first; false: there are fewer. */
bool vr_bench_sdp_mid(const char *text, uint32_t number, char *out, size_t size);

#endif
