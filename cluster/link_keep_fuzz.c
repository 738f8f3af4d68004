/* link_keep_fuzz.c - what a dead process may have left: bytes of a sound memory are changed, half
 * of the times with the sums made right again, as if a bug had written them; then links go on over
 * it, are sent what waited, talk and die again.
 *
 * Input: a row of [kind, record, place high, place low, value, mode]. */
#include <stdlib.h>
#include <string.h>

#include "cluster/link_keep.h"

#define ROW 6
#define ROWS_MAX 32
#define WORKERS 2u
#define WAITING 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct datagram {
    uint8_t data[VR_LINK_DATAGRAM_MAX];
    size_t size;
};

static struct vr_random_seeded seeded;
static struct link_keep *memory;
static uint8_t *sound;
static struct datagram waiting[WAITING]; /* of node 2, for node 1 */
static uint32_t waiting_count;
static uint64_t used[WORKERS]; /* the highest counters of the life before */
static uint64_t sent[WORKERS]; /* the lowest of this one; 0: none */

static void on_waiting(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    (void)ctx;
    (void)to;
    if (waiting_count < WAITING) {
        memcpy(waiting[waiting_count].data, datagram.data, datagram.size);
        waiting[waiting_count++].size = datagram.size;
    }
}

static void on_sent(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    uint64_t *counters = ctx;
    uint64_t counter = vr_get64(datagram.data + 8);

    (void)to;
    if (counters == used || counters[datagram.data[1]] == 0) {
        counters[datagram.data[1]] = counter;
    }
}

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    (void)ctx;
    (void)node;
    (void)frame;
}

static void say(struct vr_link_end *end, uint32_t node)
{
    static const uint8_t payload[40] = {7};
    const struct vr_link_frame frame = {.room = {1, 2}, .payload = {payload, sizeof(payload)}};

    vr_link_end_put(end, node, &frame);
    vr_link_end_flush(end);
}

static struct vr_link_end *
end_new(struct vr_links *links, uint32_t worker,
        void (*send)(void *, const struct sockaddr_storage *, struct vr_bytes), void *ctx)
{
    struct vr_link_end *end =
        vr_link_end_new(&(struct vr_link_end_conf){links, worker, send, on_frame, ctx});

    if (end == NULL) {
        abort();
    }
    return end;
}

static void must(bool fine)
{
    if (!fine) {
        abort();
    }
}

/* Node 1 has talked with three others; what node 2 says to it waits. */
static void begin(void)
{
    struct vr_links *links, *other;
    struct vr_link_end *end;
    struct vr_link_key key;

    vr_random_seeded_init(&seeded, 3);
    memory = calloc(1, vr_links_keep_size(WORKERS));
    sound = malloc(vr_links_keep_size(WORKERS));
    links = vr_links_new(1, 10, WORKERS, &seeded.random);
    other = vr_links_new(2, 20, WORKERS, &seeded.random);
    must(vr_links_keep(links, memory, vr_links_keep_size(WORKERS), false) == 0);
    for (uint32_t node = 2; node < 5; node++) {
        must(vr_links_peer(links, node, node * 10, "10.0.0.2:7500", WORKERS) == VR_OK);
        must(vr_links_key_out(links, node, false, &key) == VR_OK);
    }
    must(vr_links_peer(other, 1, 10, "10.0.0.1:7500", WORKERS) == VR_OK);
    must(vr_links_key_out(other, 1, false, &key) == VR_OK);
    must(vr_links_key_in(links, 2, &key) == VR_OK);
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        end = end_new(other, worker, on_waiting, NULL);
        say(end, 1);
        say(end, 1);
        vr_link_end_free(end);
        end = end_new(links, worker, on_sent, used);
        say(end, 2);
        for (uint32_t i = 0; i < waiting_count; i++) { /* some have been heard */
            struct datagram copy = waiting[i];

            vr_link_end_take(end, copy.data, i % 2 == 0 ? copy.size : 0);
        }
        vr_link_end_free(end);
    }
    vr_links_free(links);
    vr_links_free(other);
    memcpy(sound, memory, vr_links_keep_size(WORKERS));
}

/* Did it touch the counters of this worker? Whoever writes both halves of a mark is believed. */
static void change(const uint8_t *row, bool *counters)
{
    struct link_keep_worker *worker = &((struct link_keep_worker *)(memory + 1))[row[1] % WORKERS];
    struct link_keep_peer *peer = &memory->peers[row[1] % 4];
    struct {
        void *at;
        size_t size;
    } kinds[] = {
        {memory, offsetof(struct link_keep, peers)},
        {peer, sizeof(*peer)},
        {&worker->counter, sizeof(worker->counter)},
        {worker->windows, 4 * sizeof(worker->windows[0])},
    };
    uint32_t kind = row[0] % (sizeof(kinds) / sizeof(kinds[0]));

    ((uint8_t *)kinds[kind].at)[vr_get16(row + 2) % kinds[kind].size] = row[4];
    counters[row[1] % WORKERS] |= kind == 2;
    if ((row[5] & 1) == 0) {
        return;
    }
    link_keep_sums(memory);
    worker->counter.check = ~worker->counter.value;
}

static void live(const bool *counters)
{
    struct vr_links *links =
        vr_links_new(1, vr_random_u64(&seeded.random), WORKERS, &seeded.random);
    struct vr_link_key key;
    bool goes_on;

    (void)vr_links_keep(links, memory, vr_links_keep_size(WORKERS), true);
    goes_on = vr_links_incarnation(links) == 10;
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        struct vr_link_end *end = end_new(links, worker, on_sent, sent);

        sent[worker] = 0;
        for (uint32_t i = 0; i < waiting_count; i++) {
            struct datagram copy = waiting[i];

            vr_link_end_take(end, copy.data, copy.size);
        }
        (void)vr_links_peer(links, 3, 31, "[fd00::3]:7500", WORKERS);
        for (uint32_t node = 2; node < 5; node++) {
            if (vr_links_key_out(links, node, worker == 1, &key) == VR_OK) {
                vr_links_key_confirm(links, node, key.generation);
                say(end, node);
            }
        }
        vr_link_end_free(end);
        if (goes_on && !counters[worker] && sent[worker] != 0 && sent[worker] <= used[worker]) {
            abort(); /* a nonce came twice */
        }
    }
    vr_links_free(links);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool counters[WORKERS] = {false};

    if (sound == NULL) {
        begin();
    }
    memcpy(memory, sound, vr_links_keep_size(WORKERS));
    for (size_t i = 0; i + ROW <= size && i < (size_t)ROW * ROWS_MAX; i += ROW) {
        change(data + i, counters);
    }
    live(counters);
    live(counters); /* and what that one has left */
    return 0;
}
