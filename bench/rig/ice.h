/* ice.h - the little ICE that a load client needs: checks with message integrity, and answers to
 * the other side's checks. libnice's STUN library; one agent for all members. No sockets. */
#ifndef VR_BENCH_ICE_H
#define VR_BENCH_ICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "actors/base/bytes.h"

struct vr_ice_names {
    const char *ufrag, *pwd;               /* ours */
    const char *remote_ufrag, *remote_pwd; /* the server's */
    bool controlling;                      /* we offered to a lite side, or made the offer */
};

void vr_ice_global_init(void);

/** Writes a check into `out`; its size, 0 when it does not fit. */
size_t vr_ice_check(const struct vr_ice_names *names, uint8_t *out, size_t capacity);

enum vr_ice_input {
    VR_ICE_NOTHING,
    VR_ICE_ANSWERED, /* a success response to a check of ours */
    VR_ICE_ASKED,    /* a check: *reply_size bytes of answer are in `reply` */
};
enum vr_ice_input vr_ice_input(const struct vr_ice_names *names, struct vr_bytes datagram,
                               const struct sockaddr_storage *from, uint8_t *reply,
                               size_t *reply_size);

#endif
