/* link_fuzz.c - what a peer whose key was stolen could send: frames, and datagrams around them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    uint32_t *sum = ctx;

    *sum += node + frame->payload.data[frame->payload.size - 1];
}

static void on_send(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    (void)ctx;
    (void)to;
    (void)datagram;
}

/* What was read is written again and read once more: the same. */
static void round_trip(const struct vr_link_frame *frame, const struct vr_link_frame *before)
{
    uint8_t out[VR_LINK_FRAME_MAX];
    struct vr_link_frame again = before == NULL ? *frame : *before;
    struct vr_bytes in = vr_bytes(out, vr_link_frame_put(out, frame, before));

    if (vr_link_frame_get(&in, &again, before == NULL) != VR_OK || in.size != 0 ||
        !vr_bytes_equal(again.payload, frame->payload) || again.index != frame->index ||
        !vr_id_equal(again.room, frame->room) || again.target_shard != frame->target_shard) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vr_links *links;
    static struct vr_link_end *end;
    static uint32_t sum;
    struct vr_link_frame frame = {.hops = 0}, before;
    struct vr_bytes in = vr_bytes(data, size);
    uint8_t datagram[2048];
    bool first = true;

    if (links == NULL) {
        struct vr_link_key key = {.generation = 1, .incarnation = 7};

        links = vr_links_new(1, 1, 1, vr_random_system());
        end = vr_link_end_new(&(struct vr_link_end_conf){links, 0, on_send, on_frame, &sum});
        if (vr_links_peer(links, 2, 7, "127.0.0.1:7500", 1) != VR_OK ||
            vr_links_key_in(links, 2, &key) != VR_OK) {
            abort();
        }
    }
    while (in.size > 0) {
        before = frame;
        if (vr_link_frame_get(&in, &frame, first) != VR_OK) {
            break;
        }
        round_trip(&frame, first ? NULL : &before);
        first = false;
    }
    if (size <= sizeof(datagram)) {
        memcpy(datagram, data, size);
        vr_link_end_take(end, datagram, size);
    }
    return 0;
}
