/* link_keep.c - the memory of speech links that outlives the process: link_keep.h draws it. */
#include "cluster/link_keep.h"

#include <stdatomic.h>
#include <string.h>

#include "actors/base/fnv.h"

#define MAGIC 0x6b6e696c72764d52ull
#define LAYOUT 1u
/* A counter or number beyond it was written by no link of ours: that would take centuries. */
#define BELIEVED_MAX ((uint64_t)1 << 62)

/* What a thread stored before it died is there in the order of its program: keeping the compiler
 * from turning stores round is enough (actors/media/keep_layout.h). */
static void in_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static void store(uint64_t *at, uint64_t value)
{
    in_order();
    __atomic_store_n(at, value, __ATOMIC_RELAXED); /* whole, never in halves */
    in_order();
}

/* Never 0. Tells what is torn, not what an enemy wrote: he would have our keys. */
static uint64_t sum_of(const void *data, size_t size)
{
    uint64_t sum = vr_fnv64(VR_FNV_START, data, size);

    return sum == 0 ? 1 : sum;
}

static uint64_t header_sum(const struct link_keep *keep)
{
    return sum_of(&keep->layout,
                  offsetof(struct link_keep, sum) - offsetof(struct link_keep, layout));
}

void link_keep_sums(struct link_keep *keep)
{
    keep->sum = header_sum(keep);
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        keep->peers[i].sum = sum_of(&keep->peers[i].peer, sizeof(keep->peers[i].peer));
    }
}

/* The compiler must not leave the clearing out. */
static void wipe(void *data, size_t size)
{
    memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* --- marks --- */

void link_mark_put(struct link_mark *mark, uint64_t value)
{
    store(&mark->value, value);
    store(&mark->check, ~value);
}

static bool mark_is_sound(const struct link_mark *mark, uint64_t max)
{
    return mark->check == ~mark->value && mark->value <= max;
}

/* --- what is written as links work --- */

void link_keep_peer_put(struct vr_links *links, const struct link_peer *peer)
{
    struct link_keep_peer *record;

    if (links->keep == NULL) {
        return;
    }
    record = &links->keep->peers[peer - links->peers];
    store(&record->sum, 0);
    memcpy(&record->peer, peer, sizeof(*peer));
    if (peer->node != 0) {
        store(&record->sum, sum_of(&record->peer, sizeof(record->peer)));
    }
}

void link_keep_generations_put(struct vr_links *links)
{
    if (links->keep != NULL) {
        link_mark_put(&links->keep->generations, links->generations);
    }
}

struct link_keep_worker *link_keep_worker(const struct vr_links *links, uint32_t worker)
{
    struct link_keep_worker *workers =
        links->keep == NULL ? NULL : (struct link_keep_worker *)(links->keep + 1);

    return workers == NULL || worker >= links->workers ? NULL : &workers[worker];
}

struct link_keep_window *link_keep_window(struct link_keep_worker *worker, uint32_t place,
                                          uint32_t node, uint64_t incarnation)
{
    struct link_keep_window *window = worker == NULL ? NULL : &worker->windows[place];

    if (window != NULL && (window->node != node || window->incarnation != incarnation)) {
        window->node = 0;
        in_order();
        memset(window->highest, 0, sizeof(window->highest));
        window->incarnation = incarnation;
        in_order();
        window->node = node;
    }
    return window;
}

void link_keep_seen(struct link_keep_window *window, uint32_t sender, uint64_t highest)
{
    if (window != NULL) {
        store(&window->highest[sender], highest);
    }
}

/* --- the beginning of a process --- */

size_t vr_links_keep_size(uint32_t workers)
{
    workers = workers == 0 ? 1 : workers;
    return sizeof(struct link_keep) + workers * sizeof(struct link_keep_worker);
}

static bool keep_is_sound(const struct vr_links *links)
{
    const struct link_keep *keep = links->keep;

    if (keep->magic != MAGIC || keep->layout != LAYOUT || keep->node != links->node ||
        keep->workers != links->workers || keep->peer_size != sizeof(struct link_keep_peer) ||
        keep->worker_size != sizeof(struct link_keep_worker) || keep->sum != header_sum(keep) ||
        !mark_is_sound(&keep->generations, UINT32_MAX / 2)) {
        return false;
    }
    for (uint32_t i = 0; i < links->workers; i++) {
        if (!mark_is_sound(&link_keep_worker(links, i)->counter, BELIEVED_MAX)) {
            return false;
        }
    }
    return true;
}

static void begin_empty(struct vr_links *links)
{
    struct link_keep *keep = links->keep;

    store(&keep->magic, 0);
    wipe(&keep->layout, sizeof(*keep) - offsetof(struct link_keep, layout));
    for (uint32_t i = 0; i < links->workers; i++) {
        struct link_keep_worker *worker = link_keep_worker(links, i);

        link_mark_put(&worker->counter, 0);
        for (uint32_t k = 0; k < VR_LINK_PEERS_MAX; k++) {
            worker->windows[k].node = 0; /* the rest is wiped when somebody has the place */
        }
    }
    keep->layout = LAYOUT;
    keep->node = links->node;
    keep->workers = links->workers;
    keep->peer_size = sizeof(struct link_keep_peer);
    keep->worker_size = sizeof(struct link_keep_worker);
    keep->incarnation = links->incarnation;
    keep->sum = header_sum(keep);
    link_mark_put(&keep->generations, links->generations);
    store(&keep->magic, MAGIC);
}

static bool peer_is_sound(const struct vr_links *links, const struct link_keep_peer *record)
{
    const struct link_peer *peer = &record->peer;

    if (record->sum == 0 || record->sum != sum_of(peer, sizeof(*peer)) || peer->node == 0 ||
        peer->node == links->node || peer->workers == 0 ||
        (peer->base.ss_family != AF_INET && peer->base.ss_family != AF_INET6)) {
        return false;
    }
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        if (links->peers[i].node == peer->node) {
            return false;
        }
    }
    return true;
}

uint32_t vr_links_keep(struct vr_links *links, void *memory, size_t size, bool goes_on)
{
    uint32_t kept = 0;

    if (size < vr_links_keep_size(links->workers)) {
        return 0;
    }
    links->keep = memory;
    if (!goes_on || !keep_is_sound(links)) {
        begin_empty(links);
        return 0;
    }
    links->incarnation = links->keep->incarnation;
    links->generations = (uint32_t)links->keep->generations.value;
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        struct link_keep_peer *record = &links->keep->peers[i];

        if (peer_is_sound(links, record)) {
            links->peers[i] = record->peer;
            kept++;
        } else {
            store(&record->sum, 0);
            wipe(&record->peer, sizeof(record->peer));
        }
    }
    links->version++;
    return kept;
}
