/* media_tcp_queue.h - what waits to leave by one TCP connection. Pure.
 *
 * A stream loses nothing by itself, so a slow one would deliver old speech for ever. Here speech
 * that has waited too long, or for which there is no room, is left out, the oldest first; a frame
 * of which a part has left must follow whole. Checks and handshakes wait as long as there is room.
 */
#ifndef VR_NODES_MEDIA_TCP_QUEUE_H
#define VR_NODES_MEDIA_TCP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"

#define VR_TCP_QUEUE_FRAMES 128u
#define VR_TCP_QUEUE_BYTES 16384u
#define VR_TCP_SPEECH_AGE VR_MS(100)

struct vr_tcp_waiting {
    vr_time_us since;
    uint16_t size; /* with its head */
    bool speech;
};

/** To be emptied with vr_tcp_queue_init, which leaves `bytes` untouched: most of it is never used.
 */
struct vr_tcp_queue {
    uint32_t count;
    uint32_t size; /* of all frames, what has left of the first included */
    uint32_t left; /* bytes of the first frame that are gone */
    struct vr_tcp_waiting frames[VR_TCP_QUEUE_FRAMES];
    uint8_t bytes[VR_TCP_QUEUE_BYTES];
};

void vr_tcp_queue_init(struct vr_tcp_queue *queue);
/** Frame and queue a datagram; copies. How many were dropped for it, itself counted. */
uint32_t vr_tcp_queue_push(struct vr_tcp_queue *queue, vr_time_us now, struct vr_bytes datagram);
/** Leave out speech that is too old. How many. */
uint32_t vr_tcp_queue_expire(struct vr_tcp_queue *queue, vr_time_us now);
/** All that waits, as it goes on the wire; until the next call. */
struct vr_bytes vr_tcp_queue_bytes(const struct vr_tcp_queue *queue);
/** So many of these bytes have left. */
void vr_tcp_queue_sent(struct vr_tcp_queue *queue, size_t size);

#endif
