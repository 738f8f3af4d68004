/* link_peers.c - the node's half of speech links: peers and keys, changed seldom, under a lock. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link_keep.h"

struct vr_links *vr_links_new(uint32_t node, uint64_t incarnation, uint32_t workers,
                              const struct vr_random *random)
{
    struct vr_links *links = calloc(1, sizeof(*links));

    if (links == NULL || pthread_mutex_init(&links->lock, NULL) != 0) {
        free(links);
        return NULL;
    }
    links->node = node;
    links->incarnation = incarnation;
    links->workers = workers == 0 ? 1 : workers;
    links->random = random;
    links->version = 1;
    return links;
}

/* The compiler must not leave the clearing out. */
static void forget(void *secret, size_t size)
{
    volatile uint8_t *at = secret;

    while (size-- > 0) {
        *at++ = 0;
    }
}

void vr_links_free(struct vr_links *links)
{
    if (links != NULL) {
        pthread_mutex_destroy(&links->lock);
        forget(links->peers, sizeof(links->peers));
        free(links);
    }
}

static struct link_peer *find(struct vr_links *links, uint32_t node)
{
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        if (links->peers[i].node == node) {
            return &links->peers[i];
        }
    }
    return NULL;
}

static void changed(struct vr_links *links, const struct link_peer *peer)
{
    link_keep_peer_put(links, peer);
    __atomic_add_fetch(&links->version, 1, __ATOMIC_RELEASE);
}

/* "[fd00::3]:7500" or "10.0.0.3:7500" */
static bool parse_address(const char *text, struct sockaddr_storage *out)
{
    const char *colon = strrchr(text, ':');
    struct sockaddr_in *in4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    char host[64];
    char *end = NULL;
    unsigned long port;
    size_t size;

    memset(out, 0, sizeof(*out));
    if (colon == NULL || colon == text) {
        return false;
    }
    port = strtoul(colon + 1, &end, 10);
    size = (size_t)(colon - text);
    if (*end != 0 || end == colon + 1 || port == 0 || port > 65535 || size >= sizeof(host)) {
        return false;
    }
    memcpy(host, text, size);
    host[size] = 0;
    if (host[0] == '[' && host[size - 1] == ']') {
        host[size - 1] = 0;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
    }
    in4->sin_family = AF_INET;
    in4->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &in4->sin_addr) == 1;
}

uint64_t vr_links_incarnation(const struct vr_links *links)
{
    return links->incarnation;
}

enum vr_err vr_links_peer(struct vr_links *links, uint32_t node, uint64_t incarnation,
                          const char *address, uint32_t workers)
{
    struct sockaddr_storage base;
    struct link_peer *peer;
    enum vr_err err = VR_OK;

    if (node == 0 || node == links->node || workers == 0 || !parse_address(address, &base)) {
        return VR_E_BAD_REQUEST;
    }
    pthread_mutex_lock(&links->lock);
    peer = find(links, node);
    if (peer == NULL) {
        peer = find(links, 0);
    }
    if (peer == NULL) {
        err = VR_E_FULL;
    } else if (peer->node != node || peer->incarnation != incarnation || peer->workers != workers ||
               memcmp(&peer->base, &base, sizeof(base)) != 0) {
        if (peer->node != node || peer->incarnation != incarnation) {
            forget(peer, sizeof(*peer));
        }
        peer->node = node;
        peer->incarnation = incarnation;
        peer->workers = workers;
        peer->base = base;
        changed(links, peer);
    }
    pthread_mutex_unlock(&links->lock);
    return err;
}

void vr_links_drop(struct vr_links *links, uint32_t node)
{
    struct link_peer *peer;

    pthread_mutex_lock(&links->lock);
    peer = node == 0 ? NULL : find(links, node);
    if (peer != NULL) {
        forget(peer, sizeof(*peer));
        changed(links, peer);
    }
    pthread_mutex_unlock(&links->lock);
}

static bool is_among(uint32_t node, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i] == node) {
            return true;
        }
    }
    return false;
}

void vr_links_only(struct vr_links *links, const uint32_t *nodes, uint32_t count)
{
    pthread_mutex_lock(&links->lock);
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX; i++) {
        struct link_peer *peer = &links->peers[i];

        if (peer->node != 0 && !is_among(peer->node, nodes, count)) {
            forget(peer, sizeof(*peer));
            changed(links, peer);
        }
    }
    pthread_mutex_unlock(&links->lock);
}

/* Numbers are not used twice, whatever becomes of a peer: he may have the older key still. */
static void make_key(struct vr_links *links, struct link_secret *secret)
{
    secret->generation = ++links->generations;
    link_keep_generations_put(links);
    links->random->fill(links->random->ctx, secret->key, sizeof(secret->key));
}

enum vr_err vr_links_key_out(struct vr_links *links, uint32_t node, bool renew,
                             struct vr_link_key *out)
{
    struct link_peer *peer;
    const struct link_secret *give;

    pthread_mutex_lock(&links->lock);
    peer = node == 0 ? NULL : find(links, node);
    if (peer == NULL) {
        pthread_mutex_unlock(&links->lock);
        return VR_E_NOT_FOUND;
    }
    if (peer->out.generation == 0) {
        make_key(links, &peer->out);
        changed(links, peer);
    } else if (renew && peer->coming.generation == 0) {
        make_key(links, &peer->coming);
        link_keep_peer_put(links, peer);
    }
    give = renew && peer->coming.generation != 0 ? &peer->coming : &peer->out;
    out->generation = give->generation;
    out->incarnation = links->incarnation;
    memcpy(out->key, give->key, sizeof(out->key));
    pthread_mutex_unlock(&links->lock);
    return VR_OK;
}

void vr_links_key_confirm(struct vr_links *links, uint32_t node, uint32_t generation)
{
    struct link_peer *peer;

    pthread_mutex_lock(&links->lock);
    peer = node == 0 ? NULL : find(links, node);
    if (peer != NULL && generation != 0 && peer->coming.generation == generation) {
        peer->out = peer->coming;
        forget(&peer->coming, sizeof(peer->coming));
        changed(links, peer);
    }
    pthread_mutex_unlock(&links->lock);
}

enum vr_err vr_links_key_in(struct vr_links *links, uint32_t node, const struct vr_link_key *key)
{
    struct link_peer *peer;
    enum vr_err err = VR_OK;

    pthread_mutex_lock(&links->lock);
    peer = node == 0 ? NULL : find(links, node);
    if (peer == NULL) {
        err = VR_E_NOT_FOUND;
    } else if (key->incarnation != peer->incarnation || key->generation == 0) {
        err = VR_E_STALE;
    } else if (key->generation < peer->in[0].generation) {
        /* The one before is still taken: one side began anew in the middle of a renewal. */
        err = key->generation == peer->in[1].generation ? VR_OK : VR_E_STALE;
    } else if (key->generation > peer->in[0].generation) {
        peer->in[1] = peer->in[0];
        peer->in[0].generation = key->generation;
        memcpy(peer->in[0].key, key->key, sizeof(key->key));
        changed(links, peer);
    }
    pthread_mutex_unlock(&links->lock);
    return err;
}
