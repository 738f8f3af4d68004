/* link.c - a worker's half of speech links: packing, sealing, opening, the replay windows. */
#include "cluster/link.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link_keep.h"
#include "cluster/link_seal.h"

#define VERSION 1
#define WINDOW_WORDS 16u /* 1024 datagrams: half a second of a busy link */
#define WINDOW_BITS (WINDOW_WORDS * 64u)
#define AHEAD                                                                                      \
    ((uint64_t)1 << 20) /* datagrams of a worker for which its counter is stored at once */

struct window {
    uint64_t highest;
    uint64_t seen[WINDOW_WORDS]; /* a ring of bits by counter */
};

struct opener {
    uint32_t generation; /* 0: none */
    struct vr_seal *seal;
};

/* A peer as this worker uses it; made from link_peer whenever the version changes. */
struct end_peer {
    uint32_t node; /* 0: free */
    uint64_t incarnation;
    struct sockaddr_storage to;
    uint32_t out_generation;
    struct vr_seal *out;
    struct opener in[2];
    struct window *windows;        /* by the sender's worker */
    struct link_keep_window *kept; /* NULL: they end with the process */
    uint32_t window_count;
    /* what is packed */
    size_t size; /* with the head; 0: nothing */
    struct vr_link_frame last;
    uint8_t data[VR_LINK_DATAGRAM_MAX];
};

struct vr_link_end {
    struct vr_link_end_conf conf;
    uint64_t version;
    uint64_t counter;  /* of all datagrams: grows for ever, whatever becomes of peers and keys */
    uint64_t reserved; /* it may grow so far: a later process begins above it */
    struct link_keep_worker *kept;     /* NULL: it ends with the process */
    uint32_t nodes[VR_LINK_PEERS_MAX]; /* of `peers`, close together: looked through per packet */
    struct end_peer peers[VR_LINK_PEERS_MAX]; /* at the places that they have in vr_links */
    uint32_t packed;                          /* peers with something packed */
    struct vr_link_stats stats;
};

static void add(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED); /* read by other threads */
}

struct vr_link_end *vr_link_end_new(const struct vr_link_end_conf *conf)
{
    struct vr_link_end *end = calloc(1, sizeof(*end));

    if (end != NULL) {
        end->conf = *conf;
        end->kept = link_keep_worker(conf->links, conf->worker);
        end->counter = end->kept == NULL ? 0 : end->kept->counter.value;
        end->reserved = end->kept == NULL ? UINT64_MAX : end->counter;
    }
    return end;
}

static void clear_peer(struct end_peer *peer)
{
    vr_seal_free(peer->out);
    vr_seal_free(peer->in[0].seal);
    vr_seal_free(peer->in[1].seal);
    free(peer->windows);
    memset(peer, 0, sizeof(*peer));
}

void vr_link_end_free(struct vr_link_end *end)
{
    for (uint32_t i = 0; end != NULL && i < VR_LINK_PEERS_MAX; i++) {
        clear_peer(&end->peers[i]);
    }
    free(end);
}

/* --- taking over what the node knows --- */

static void take_opener(struct end_peer *peer, uint32_t place, const struct link_secret *secret)
{
    struct opener *opener = &peer->in[place];

    if (opener->generation != secret->generation) {
        vr_seal_free(opener->seal);
        opener->seal = secret->generation == 0 ? NULL : vr_seal_new(secret->key, false);
        opener->generation = opener->seal == NULL ? 0 : secret->generation;
    }
}

static void set_port(struct sockaddr_storage *address, uint32_t more)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET6) {
        in6->sin6_port = htons((uint16_t)(ntohs(in6->sin6_port) + more));
    } else {
        in4->sin_port = htons((uint16_t)(ntohs(in4->sin_port) + more));
    }
}

/* What came to the process before this one does not come again; which of the last ones came out of
 * order is not known, so none of them is taken. */
static bool take_windows(struct end_peer *peer, uint32_t senders)
{
    struct window *grown;

    senders = senders > LINK_SENDERS_MAX ? LINK_SENDERS_MAX : senders;
    if (peer->window_count >= senders) {
        return true;
    }
    grown = realloc(peer->windows, senders * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    memset(grown + peer->window_count, 0, (senders - peer->window_count) * sizeof(*grown));
    for (uint32_t i = peer->window_count; i < senders && peer->kept != NULL; i++) {
        grown[i].highest = peer->kept->highest[i];
        memset(grown[i].seen, grown[i].highest == 0 ? 0 : 0xff, sizeof(grown[i].seen));
    }
    peer->windows = grown;
    peer->window_count = senders;
    return true;
}

static void take_peer(struct vr_link_end *end, struct end_peer *peer, const struct link_peer *from)
{
    if (peer->node != from->node || peer->incarnation != from->incarnation) {
        clear_peer(peer);
    }
    if (from->node == 0) {
        return;
    }
    peer->node = from->node;
    peer->incarnation = from->incarnation;
    peer->to = from->base;
    set_port(&peer->to, end->conf.worker % from->workers);
    peer->kept =
        link_keep_window(end->kept, (uint32_t)(peer - end->peers), from->node, from->incarnation);
    if (!take_windows(peer, from->workers)) {
        return; /* nothing is taken from it until the next change */
    }
    if (peer->out_generation != from->out.generation) {
        vr_seal_free(peer->out);
        peer->out = vr_seal_new(from->out.key, true);
        peer->out_generation = peer->out == NULL ? 0 : from->out.generation;
    }
    take_opener(peer, 0, &from->in[0]);
    take_opener(peer, 1, &from->in[1]);
}

/* On the packet's way this is one load; the lock is taken only behind a change. What is packed
 * under an old key is sealed under the new one, so nothing is lost. */
static void look(struct vr_link_end *end)
{
    struct vr_links *links = end->conf.links;

    if (__atomic_load_n(&links->version, __ATOMIC_ACQUIRE) == end->version) {
        return;
    }
    pthread_mutex_lock(&links->lock);
    end->version = links->version;
    end->packed = 0;
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        take_peer(end, &end->peers[i], &links->peers[i]);
        end->nodes[i] = end->peers[i].node;
        end->packed += end->peers[i].size > 0;
    }
    pthread_mutex_unlock(&links->lock);
}

static struct end_peer *find(struct vr_link_end *end, uint32_t node)
{
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        if (end->nodes[i] == node) {
            return &end->peers[i];
        }
    }
    return NULL;
}

/* --- out --- */

static void make_nonce(uint8_t nonce[VR_SEAL_NONCE], const uint8_t *head)
{
    memset(nonce, 0, 4);
    nonce[3] = head[1];
    memcpy(nonce + 4, head + 8, 8);
}

/* Stored before it is used: a nonce comes but once, whenever this process dies. */
static uint64_t next_counter(struct vr_link_end *end)
{
    if (end->counter == end->reserved) {
        end->reserved += AHEAD;
        link_mark_put(&end->kept->counter, end->reserved);
    }
    return ++end->counter;
}

static void send_packed(struct vr_link_end *end, struct end_peer *peer)
{
    uint8_t nonce[VR_SEAL_NONCE];
    size_t size = peer->size;

    peer->size = 0;
    end->packed--;
    peer->data[0] = VERSION;
    peer->data[1] = (uint8_t)end->conf.worker;
    vr_put16(peer->data + 2, (uint16_t)peer->out_generation);
    vr_put32(peer->data + 4, end->conf.links->node);
    vr_put64(peer->data + 8, next_counter(end));
    make_nonce(nonce, peer->data);
    if (peer->out == NULL || !vr_seal_close(peer->out, nonce, vr_bytes(peer->data, VR_LINK_HEAD),
                                            peer->data + VR_LINK_HEAD, size - VR_LINK_HEAD)) {
        add(&end->stats.no_key, 1);
        return;
    }
    add(&end->stats.datagrams_out, 1);
    add(&end->stats.bytes_out, size + VR_LINK_TAG);
    end->conf.send(end->conf.ctx, &peer->to, vr_bytes(peer->data, size + VR_LINK_TAG));
}

void vr_link_end_put(struct vr_link_end *end, uint32_t node, const struct vr_link_frame *frame)
{
    struct end_peer *peer;
    size_t largest = 2 + 20 + 24 + frame->payload.size;

    look(end);
    peer = node == 0 ? NULL : find(end, node);
    if (peer == NULL || peer->out == NULL || frame->payload.size == 0 ||
        frame->payload.size > VR_LINK_PAYLOAD_MAX) {
        add(&end->stats.no_key, 1);
        return;
    }
    if (peer->size > 0 && peer->size + largest + VR_LINK_TAG > VR_LINK_PACKED_MAX) {
        send_packed(end, peer);
    }
    if (peer->size == 0) {
        peer->size = VR_LINK_HEAD;
        end->packed++;
        peer->size += vr_link_frame_put(peer->data + peer->size, frame, NULL);
    } else {
        peer->size += vr_link_frame_put(peer->data + peer->size, frame, &peer->last);
    }
    peer->last = *frame;
    add(&end->stats.frames_out, 1);
}

void vr_link_end_flush(struct vr_link_end *end)
{
    for (uint32_t i = 0; end->packed > 0 && i < VR_LINK_PEERS_MAX; i++) {
        if (end->peers[i].size > 0) {
            send_packed(end, &end->peers[i]);
        }
    }
}

/* --- in --- */

static bool was_seen(const struct window *window, uint64_t counter)
{
    if (counter > window->highest) {
        return false;
    }
    return window->highest - counter > WINDOW_BITS - 64 || /* its word may be used anew */
           (window->seen[counter / 64 % WINDOW_WORDS] >> counter % 64 & 1) != 0;
}

static void set_seen(struct window *window, uint64_t counter)
{
    if (counter > window->highest) {
        uint64_t words = counter / 64 - window->highest / 64;

        for (uint64_t i = 1; i <= words && i <= WINDOW_WORDS; i++) {
            window->seen[(window->highest / 64 + i) % WINDOW_WORDS] = 0;
        }
        window->highest = counter;
    }
    window->seen[counter / 64 % WINDOW_WORDS] |= (uint64_t)1 << counter % 64;
}

/* The generation on the wire is the lower 16 bits: with two keys known there is no doubt. */
static struct vr_seal *opener_of(const struct end_peer *peer, uint16_t generation)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (peer->in[i].generation != 0 && (uint16_t)peer->in[i].generation == generation) {
            return peer->in[i].seal;
        }
    }
    return NULL;
}

static void take_frames(struct vr_link_end *end, uint32_t node, struct vr_bytes in)
{
    struct vr_link_frame frame = {.hops = 0};
    bool first = true;

    while (in.size > 0) {
        if (vr_link_frame_get(&in, &frame, first) != VR_OK) {
            add(&end->stats.malformed, 1);
            return;
        }
        first = false;
        add(&end->stats.frames_in, 1);
        end->conf.frame(end->conf.ctx, node, &frame);
    }
}

void vr_link_end_take(struct vr_link_end *end, uint8_t *data, size_t size)
{
    struct end_peer *peer;
    struct vr_seal *opener;
    struct window *window;
    uint8_t nonce[VR_SEAL_NONCE];
    uint64_t counter;

    if (size < VR_LINK_HEAD + VR_LINK_TAG || data[0] != VERSION) {
        add(&end->stats.malformed, 1);
        return;
    }
    look(end);
    peer = vr_get32(data + 4) == 0 ? NULL : find(end, vr_get32(data + 4));
    opener = peer == NULL ? NULL : opener_of(peer, vr_get16(data + 2));
    if (opener == NULL || data[1] >= peer->window_count ||
        data[1] % end->conf.links->workers != end->conf.worker) {
        add(&end->stats.unknown, 1);
        return;
    }
    counter = vr_get64(data + 8);
    window = &peer->windows[data[1]];
    if (was_seen(window, counter)) {
        add(&end->stats.replayed, 1);
        return;
    }
    make_nonce(nonce, data);
    size -= VR_LINK_HEAD + VR_LINK_TAG;
    if (!vr_seal_open(opener, nonce, vr_bytes(data, VR_LINK_HEAD), data + VR_LINK_HEAD, size)) {
        add(&end->stats.refused, 1);
        return;
    }
    set_seen(window, counter);
    link_keep_seen(peer->kept, data[1], window->highest);
    add(&end->stats.datagrams_in, 1);
    add(&end->stats.bytes_in, size + VR_LINK_HEAD + VR_LINK_TAG);
    take_frames(end, peer->node, vr_bytes(data + VR_LINK_HEAD, size));
}

void vr_link_end_stats(const struct vr_link_end *end, struct vr_link_stats *out)
{
    const uint64_t *from = (const uint64_t *)&end->stats;
    uint64_t *to = (uint64_t *)out;

    for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}
