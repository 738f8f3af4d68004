/* stamps.h - how long a datagram of speech has waited in the kernel before somebody read it: by the
 * kernel's own time (SO_TIMESTAMPNS, socket(7)). Shared by the ports of clients and of nodes.
 *
 * What waited while no process was there, or while it stood still, makes all that follows late, and
 * may have been said before a mute: it is dropped. Looked at only for a while after such a pause,
 * so that nothing is paid for it otherwise. */
#ifndef VR_NODES_STAMPS_H
#define VR_NODES_STAMPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "actors/base/clock.h"

#define STAMPS_STALE VR_MS(100)    /* what waited longer is too old to be heard */
#define STAMPS_FRESH VR_SECONDS(1) /* after a start, or a pause, the queue is looked at so long */
/** Who passes by later than that by as much stood still: as long as a node that renews no lease. */
#define STAMPS_STOOD_STILL VR_SECONDS(2)

/** Room for the stamp of one datagram. */
union stamp_room {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
};

/** The kernel shall note when it gets each datagram of this socket. */
void stamps_ask(int fd);
/** Before it is read: with its stamp, or (`room` NULL) without. */
void stamp_want(struct msghdr *message, union stamp_room *room);
/** How long this one has waited, by the clock of the day: whoever sets it makes it wrong, below 0
 * too. 0: it came without a stamp. */
vr_time_us stamp_age(struct msghdr *message);
/** Has this one waited for longer than STAMPS_STALE? False: no, or it came without a stamp. */
bool stamp_is_stale(struct msghdr *message);

#endif
