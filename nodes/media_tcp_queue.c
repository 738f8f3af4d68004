/* media_tcp_queue.c - frames one behind the other, as they will be written. */
#include "nodes/media_tcp_queue.h"

#include "actors/base/assert.h"
#include "nodes/media_tcp_frame.h"

void vr_tcp_queue_init(struct vr_tcp_queue *queue)
{
    queue->count = 0;
    queue->size = 0;
    queue->left = 0;
}

/* RTP and RTCP by the first byte (RFC 7983, 7). */
static bool is_speech(struct vr_bytes datagram)
{
    return datagram.size > 0 && datagram.data[0] >= 128 && datagram.data[0] < 192;
}

static void take_out(struct vr_tcp_queue *queue, uint32_t index, uint32_t from)
{
    uint32_t size = queue->frames[index].size;

    memmove(queue->bytes + from, queue->bytes + from + size, queue->size - from - size);
    memmove(&queue->frames[index], &queue->frames[index + 1],
            (queue->count - index - 1) * sizeof(queue->frames[0]));
    queue->size -= size;
    queue->count--;
}

/** Drop the oldest speech that has waited at least so long. */
static bool drop_oldest(struct vr_tcp_queue *queue, vr_time_us now, vr_time_us age)
{
    uint32_t from = 0;

    for (uint32_t i = 0; i < queue->count; i++) {
        const struct vr_tcp_waiting *frame = &queue->frames[i];

        if (frame->speech && !(i == 0 && queue->left > 0)) {
            if (now - frame->since < age) {
                return false; /* what is behind it is younger */
            }
            take_out(queue, i, from);
            return true;
        }
        from += frame->size;
    }
    return false;
}

uint32_t vr_tcp_queue_expire(struct vr_tcp_queue *queue, vr_time_us now)
{
    uint32_t dropped = 0;

    while (drop_oldest(queue, now, VR_TCP_SPEECH_AGE)) {
        dropped++;
    }
    return dropped;
}

static bool has_room(const struct vr_tcp_queue *queue, size_t size)
{
    return queue->count < VR_TCP_QUEUE_FRAMES && size <= VR_TCP_QUEUE_BYTES - queue->size;
}

uint32_t vr_tcp_queue_push(struct vr_tcp_queue *queue, vr_time_us now, struct vr_bytes datagram)
{
    size_t size = VR_FRAME_HEAD + datagram.size;
    uint32_t dropped = queue->count == 0 ? 0 : vr_tcp_queue_expire(queue, now);

    if (datagram.size == 0 || datagram.size > VR_FRAME_MAX) {
        return dropped + 1;
    }
    while (!has_room(queue, size)) {
        if (!drop_oldest(queue, now, 0)) {
            return dropped + 1;
        }
        dropped++;
    }
    vr_put16(queue->bytes + queue->size, (uint16_t)datagram.size);
    memcpy(queue->bytes + queue->size + VR_FRAME_HEAD, datagram.data, datagram.size);
    queue->frames[queue->count++] = (struct vr_tcp_waiting){
        .since = now, .size = (uint16_t)size, .speech = is_speech(datagram)};
    queue->size += (uint32_t)size;
    return dropped;
}

struct vr_bytes vr_tcp_queue_bytes(const struct vr_tcp_queue *queue)
{
    return vr_bytes(queue->bytes + queue->left, queue->size - queue->left);
}

void vr_tcp_queue_sent(struct vr_tcp_queue *queue, size_t size)
{
    uint32_t gone = queue->left;
    uint32_t frames = 0;
    uint32_t whole = 0;

    vr_assert(size <= queue->size - queue->left);
    gone += (uint32_t)size;
    while (frames < queue->count && whole + queue->frames[frames].size <= gone) {
        whole += queue->frames[frames++].size;
    }
    queue->left = gone - whole;
    if (frames == 0) {
        return;
    }
    queue->count -= frames;
    queue->size -= whole;
    if (queue->count > 0) { /* else nothing is there to be moved: the usual case */
        memmove(queue->bytes, queue->bytes + whole, queue->size);
        memmove(queue->frames, queue->frames + frames, queue->count * sizeof(queue->frames[0]));
    }
}
