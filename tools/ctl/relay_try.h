/* relay_try.h - does a STUN or TURN server do what browsers want of it: really allocate a relay,
 * and give it back. Blocks. */
#ifndef VR_CTL_RELAY_TRY_H
#define VR_CTL_RELAY_TRY_H

#include "tools/ctl/relay.h"

struct vr_relay_try {
    const struct vr_relay_url *url;
    const char *username; /* "": none */
    const char *credential;
    const char *ca_file; /* "": those of the system */
};

struct vr_relay_found {
    bool good;
    double ms;
    char detail[256]; /* the relay's address, or what went wrong */
};

/** At most some ten seconds. */
void vr_relay_try(const struct vr_relay_try *what, struct vr_relay_found *found);

#endif
