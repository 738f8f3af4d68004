/* patience.h - when a media port reads what is not urgent: connectivity checks, answers to our own
 * questions, receiver reports; handshakes too, which are urgent, but then somebody connects.
 *
 * Each of them comes alone, and a thread that wakes for each pays for the waking several times what
 * the datagram costs. So where they come often they are read in bunches: when the worker is awake
 * anyway, else when one of them may have waited for VR_PATIENCE_LONGEST. Where they come seldom, or
 * while somebody connects, the socket is polled, and each is read at once.
 *
 * Rules only: no socket, no clock. The port (media_patient.h) reads and polls as it is told. */
#ifndef VR_NODES_PATIENCE_H
#define VR_NODES_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"

/** What a datagram may wait at most, while nothing else wakes the worker: more than the 20 ms from
 * one packet of a speaker to his next one, so that his packets do all the waking. */
#define VR_PATIENCE_LONGEST VR_MS(25)
/** Not more often than so, however often the worker wakes. */
#define VR_PATIENCE_SHORTEST VR_MS(10)

/** All zero: the socket is polled. */
struct vr_patience {
    bool waits;         /* not polled: read at `until` at the latest */
    bool came;          /* something was there once, at came_at */
    vr_time_us read_at; /* last time */
    vr_time_us came_at; /* when something was there last time */
};

/** Shall the socket be read now? `readable`: it is polled, and something is there. `settled`:
 * nobody connects or changes his path at the moment. */
bool vr_patience_is_due(const struct vr_patience *patience, vr_time_us now, bool readable,
                        bool settled);
/** It was read, with so many datagrams in it. */
void vr_patience_read(struct vr_patience *patience, vr_time_us now, uint32_t count, bool settled);
/** When it has to be read if nothing wakes the worker before; VR_NEVER: it has to be polled. */
vr_time_us vr_patience_until(const struct vr_patience *patience);

#endif
