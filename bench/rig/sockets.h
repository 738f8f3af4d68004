/* sockets.h - many WebSockets to one server, held open by one thread: plain or over TLS, epoll.
 * They say one thing at the start, answer pings, and count. */
#ifndef VR_BENCH_SOCKETS_H
#define VR_BENCH_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

struct vr_sockets;

/** `url`: ws://host:port or wss://..., for at most `max` sockets. NULL with a line on stderr. */
struct vr_sockets *vr_sockets_new(const char *url, uint32_t max);
void vr_sockets_free(struct vr_sockets *sockets);

/** Connect one more; `first` is copied, and sent as soon as it can be. */
bool vr_sockets_add(struct vr_sockets *sockets, const char *first);
/** Go on; waits at most so long for something to do. */
void vr_sockets_turn(struct vr_sockets *sockets, int wait_ms);

struct vr_sockets_counts {
    uint32_t busy;    /* on their way */
    uint32_t open;    /* an answer to the first message came */
    uint32_t failed;  /* refused or closed */
    uint32_t refused; /* answered by an error */
    uint64_t messages, pings;
};
struct vr_sockets_counts vr_sockets_counts(const struct vr_sockets *sockets);

#endif
