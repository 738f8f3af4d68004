/* peers.c - the engine's transports: arrays, and chains by 5-tuple, ufrag and id. Nothing here is
 * sent. */
#include <stdlib.h>

#include "actors/media/engine_internal.h"

static uint32_t mix(uint64_t key, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t h = key ^ size;

    for (size_t i = 0; i < size; i++) {
        h = (h ^ p[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (uint32_t)(h >> 16);
}

bool vr_peers_init(struct vr_engine *engine)
{
    uint32_t max = engine->conf.peers_max;

    engine->buckets = 64;
    while (engine->buckets < max) {
        engine->buckets *= 2;
    }
    engine->hash_key = vr_random_u64(engine->conf.random);
    engine->free_head = VR_PEER_NONE;
    engine->cold = engine->kept.cold;
    engine->hot = engine->kept.hot;
    if (engine->kept.head == NULL) {
        engine->cold = calloc(max, sizeof *engine->cold);
        engine->hot = aligned_alloc(64, max * sizeof *engine->hot);
    }
    engine->live = calloc(max, sizeof *engine->live);
    engine->by_tuple = malloc(engine->buckets * sizeof(uint32_t));
    engine->by_ufrag = malloc(engine->buckets * sizeof(uint32_t));
    engine->by_id = malloc(engine->buckets * sizeof(uint32_t));
    if (engine->cold == NULL || engine->hot == NULL || engine->live == NULL ||
        engine->by_tuple == NULL || engine->by_ufrag == NULL || engine->by_id == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < engine->buckets; i++) {
        engine->by_tuple[i] = VR_PEER_NONE;
        engine->by_ufrag[i] = VR_PEER_NONE;
        engine->by_id[i] = VR_PEER_NONE;
    }
    return true;
}

void vr_peers_deinit(struct vr_engine *engine)
{
    if (engine->kept.head == NULL) {
        free(engine->cold);
        free(engine->hot);
    }
    free(engine->live);
    free(engine->by_tuple);
    free(engine->by_ufrag);
    free(engine->by_id);
}

uint64_t vr_tuple_sum(const struct vr_tuple *tuple)
{
    return vr_keep_sum(tuple, sizeof *tuple);
}

static struct vr_tuple tuple_of(const struct vr_path *path)
{
    struct vr_tuple tuple;

    memset(&tuple, 0, sizeof tuple);
    tuple.socket = path->socket;
    if (path->remote.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&path->remote;

        memcpy(tuple.address, &in6->sin6_addr, 16);
        tuple.port = in6->sin6_port;
        tuple.scope = in6->sin6_scope_id;
        tuple.family = AF_INET6;
    } else if (path->remote.ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)&path->remote;

        memcpy(tuple.address, &in4->sin_addr, 4);
        tuple.port = in4->sin_port;
        tuple.family = AF_INET;
    }
    return tuple;
}

static struct vr_path path_of(const struct vr_tuple *tuple)
{
    struct vr_path path;

    memset(&path, 0, sizeof path);
    path.socket = tuple->socket;
    path.remote.ss_family = tuple->family;
    if (tuple->family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&path.remote;

        memcpy(&in6->sin6_addr, tuple->address, 16);
        in6->sin6_port = tuple->port;
        in6->sin6_scope_id = tuple->scope;
    } else {
        struct sockaddr_in *in4 = (struct sockaddr_in *)&path.remote;

        memcpy(&in4->sin_addr, tuple->address, 4);
        in4->sin_port = tuple->port;
    }
    return path;
}

static struct vr_hop hop_of(const struct vr_path *path)
{
    struct vr_hop hop;

    memset(&hop, 0, sizeof hop);
    hop.socket = path->socket;
    if (path->remote.ss_family == AF_INET6) {
        memcpy(&hop.remote.in6, &path->remote, sizeof hop.remote.in6);
    } else {
        memcpy(&hop.remote.in4, &path->remote, sizeof hop.remote.in4);
    }
    return hop;
}

bool vr_path_equal(const struct vr_path *a, const struct vr_path *b)
{
    struct vr_tuple left = tuple_of(a);
    struct vr_tuple right = tuple_of(b);

    return memcmp(&left, &right, sizeof left) == 0;
}

static uint32_t bucket_of(const struct vr_engine *engine, const void *data, size_t size)
{
    return mix(engine->hash_key, data, size) & (engine->buckets - 1);
}

static uint32_t ufrag_bucket(const struct vr_engine *engine, struct vr_bytes ufrag)
{
    return bucket_of(engine, ufrag.data, ufrag.size);
}

/* Take `peer` out of a chain whose links lie at `offset` in vr_peer_live. */
static void unchain(struct vr_engine *engine, uint32_t *head, size_t offset, uint32_t peer)
{
    while (*head != VR_PEER_NONE) {
        uint32_t *next = (uint32_t *)((char *)&engine->live[*head] + offset);

        if (*head == peer) {
            *head = *next;
            return;
        }
        head = next;
    }
}

static uint32_t place_for_one(struct vr_engine *engine)
{
    uint32_t peer = engine->free_head;

    if (peer != VR_PEER_NONE) {
        engine->free_head = engine->live[peer].next_free;
    } else if (engine->high < engine->conf.peers_max) {
        peer = engine->high++;
        if (engine->kept.head != NULL) {
            engine->kept.head->peers_high = engine->high;
        }
    }
    return peer;
}

/* Into the tables by ufrag and id. */
static void enter(struct vr_engine *engine, uint32_t peer, vr_time_us now)
{
    const struct vr_peer_conf *conf = &engine->cold[peer].conf;
    struct vr_peer_live *live = &engine->live[peer];
    uint32_t *head;

    memset(live, 0, sizeof *live);
    engine->hot[peer].shape = vr_shapes_take(&engine->shapes, conf);
    live->engine = engine;
    live->index = peer;
    live->reports_known = 0xff;
    live->opened_at = now;
    vr_list_init(&live->by_participant);
    vr_list_init(&live->asked);
    head = &engine->by_ufrag[ufrag_bucket(engine, vr_bytes_of(conf->ufrag))];
    live->next_ufrag = *head;
    *head = peer;
    head = &engine->by_id[bucket_of(engine, &conf->peer, sizeof conf->peer)];
    live->next_id = *head;
    *head = peer;
    engine->stats.peers++;
}

uint32_t vr_peers_add(struct vr_engine *engine, const struct vr_peer_conf *conf, vr_time_us now)
{
    uint32_t peer = place_for_one(engine);

    if (peer == VR_PEER_NONE) {
        return VR_PEER_NONE;
    }
    memset(&engine->cold[peer], 0, sizeof engine->cold[peer]);
    memset(&engine->hot[peer], 0, sizeof engine->hot[peer]);
    engine->cold[peer].conf = *conf;
    engine->cold[peer].used = 1;
    engine->hot[peer].state = VR_PEER_NEW;
    enter(engine, peer, now);
    return peer;
}

void vr_peers_take(struct vr_engine *engine, uint32_t peer, vr_time_us now)
{
    struct vr_peer_cold *cold = &engine->cold[peer];
    struct vr_tuple tuple = cold->tuple;
    bool bound = cold->tuple_sum == vr_tuple_sum(&tuple) && (tuple.socket & VR_PATH_TCP) == 0 &&
                 (tuple.family == AF_INET || tuple.family == AF_INET6);

    enter(engine, peer, now);
    memset(&cold->tuple, 0, sizeof cold->tuple);
    memset(&engine->hot[peer].hop, 0, sizeof engine->hot[peer].hop);
    if (bound) { /* else the client's next check says where he is */
        struct vr_path path = path_of(&tuple);

        vr_peers_bind(engine, peer, &path);
    }
}

void vr_peers_clear(struct vr_engine *engine, uint32_t peer)
{
    memset(&engine->cold[peer], 0, sizeof engine->cold[peer]); /* keys and passwords end here */
    memset(&engine->hot[peer], 0, sizeof engine->hot[peer]);
    engine->hot[peer].state = VR_PEER_CLOSED;
    engine->live[peer].next_free = engine->free_head;
    engine->free_head = peer;
}

void vr_peers_remove(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_cold *cold = &engine->cold[peer];

    vr_list_remove(&engine->live[peer].asked);
    vr_peers_unbind(engine, peer);
    unchain(engine, &engine->by_ufrag[ufrag_bucket(engine, vr_bytes_of(cold->conf.ufrag))],
            offsetof(struct vr_peer_live, next_ufrag), peer);
    unchain(engine, &engine->by_id[bucket_of(engine, &cold->conf.peer, sizeof cold->conf.peer)],
            offsetof(struct vr_peer_live, next_id), peer);
    vr_shapes_release(&engine->shapes, engine->hot[peer].shape);
    vr_peers_clear(engine, peer);
    engine->stats.peers--;
}

uint32_t vr_peers_by_path(const struct vr_engine *engine, const struct vr_path *path)
{
    struct vr_tuple tuple = tuple_of(path);
    uint32_t peer = engine->by_tuple[bucket_of(engine, &tuple, sizeof tuple)];

    while (peer != VR_PEER_NONE && memcmp(&engine->cold[peer].tuple, &tuple, sizeof tuple) != 0) {
        peer = engine->live[peer].next_tuple;
    }
    return peer;
}

uint32_t vr_peers_by_ufrag(const struct vr_engine *engine, struct vr_bytes ufrag)
{
    uint32_t peer = engine->by_ufrag[ufrag_bucket(engine, ufrag)];

    while (peer != VR_PEER_NONE &&
           !vr_bytes_equal(vr_bytes_of(engine->cold[peer].conf.ufrag), ufrag)) {
        peer = engine->live[peer].next_ufrag;
    }
    return peer;
}

uint32_t vr_peers_by_id(const struct vr_engine *engine, struct vr_id id)
{
    uint32_t peer = engine->by_id[bucket_of(engine, &id, sizeof id)];

    while (peer != VR_PEER_NONE && !vr_id_equal(engine->cold[peer].conf.peer, id)) {
        peer = engine->live[peer].next_id;
    }
    return peer;
}

void vr_peers_unbind(struct vr_engine *engine, uint32_t peer)
{
    struct vr_tuple *tuple = &engine->cold[peer].tuple;

    if (tuple->family == 0) {
        return;
    }
    unchain(engine, &engine->by_tuple[bucket_of(engine, tuple, sizeof *tuple)],
            offsetof(struct vr_peer_live, next_tuple), peer);
    engine->cold[peer].tuple_sum = 0;
    vr_keep_order();
    memset(tuple, 0, sizeof *tuple);
    memset(&engine->hot[peer].hop, 0, sizeof engine->hot[peer].hop);
}

void vr_peers_bind(struct vr_engine *engine, uint32_t peer, const struct vr_path *path)
{
    uint32_t owner = vr_peers_by_path(engine, path);
    struct vr_tuple tuple = tuple_of(path);
    uint32_t *head;

    if (owner == peer) {
        return;
    }
    if (owner != VR_PEER_NONE) {
        vr_peers_unbind(engine, owner);
    }
    vr_peers_unbind(engine, peer);
    engine->cold[peer].tuple = tuple;
    vr_keep_order();
    engine->cold[peer].tuple_sum = vr_tuple_sum(&tuple);
    engine->live[peer].path = *path;
    engine->hot[peer].hop = hop_of(path);
    head = &engine->by_tuple[bucket_of(engine, &tuple, sizeof tuple)];
    engine->live[peer].next_tuple = *head;
    *head = peer;
}
