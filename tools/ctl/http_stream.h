/* http_stream.h - a TCP or TLS connection for bytes that are no HTTP, made by libcurl: it knows
 * proxies of nothing, certificates and time. */
#ifndef VR_CTL_HTTP_STREAM_H
#define VR_CTL_HTTP_STREAM_H

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"

struct vr_ctl_stream;

/** Connect within `patience`; with `tls` the certificate must be good for `host`, and `ca_file`
 * ("": those of the system) vouch for it. NULL: `why` says what was wrong. Owns: the caller closes
 * it. */
struct vr_ctl_stream *vr_ctl_stream_open(const char *host, const char *port, bool tls,
                                         const char *ca_file, vr_time_us patience,
                                         struct vr_why *why);
void vr_ctl_stream_close(struct vr_ctl_stream *stream);

/** All of it, or false. */
bool vr_ctl_stream_send(struct vr_ctl_stream *stream, struct vr_bytes bytes, vr_time_us until);
/** Appends what is there, after waiting for the first byte; false: nothing came, or it ended.
 *  Units: `until` in vr_clock_system's time. */
bool vr_ctl_stream_receive(struct vr_ctl_stream *stream, struct vr_buf *out, vr_time_us until);

#endif
