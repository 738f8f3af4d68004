/* media_tcp_table.c - slots, counts by address, and what is told of them. */
#include "nodes/media_tcp_table.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "actors/base/assert.h"

/* VR_PATH_TCP | generation, 15 bits | slot, 16 bits */
#define SLOT_MASK 0xffffu
#define GENERATION_SHIFT 16
#define GENERATION_MASK 0x7fffu

void tcp_count(uint64_t *stat, int64_t more)
{
    __atomic_store_n(stat, __atomic_load_n(stat, __ATOMIC_RELAXED) + (uint64_t)more,
                     __ATOMIC_RELAXED);
}

void vr_media_tcp_stats(const struct vr_media_tcp *tcp, struct vr_media_tcp_stats *out)
{
    out->open = __atomic_load_n(&tcp->stats.open, __ATOMIC_RELAXED);
    out->accepted = __atomic_load_n(&tcp->stats.accepted, __ATOMIC_RELAXED);
    out->refused = __atomic_load_n(&tcp->stats.refused, __ATOMIC_RELAXED);
    out->unproved = __atomic_load_n(&tcp->stats.unproved, __ATOMIC_RELAXED);
    out->dropped = __atomic_load_n(&tcp->stats.dropped, __ATOMIC_RELAXED);
}

static void metric(struct vr_buf *out, const char *name, const char *type, const char *help)
{
    vr_buf_printf(out, "# HELP voiceroom_media_tcp_%s %s\n# TYPE voiceroom_media_tcp_%s %s\n", name,
                  help, name, type);
}

void vr_media_tcp_metrics_write(const struct vr_media_tcp_stats *stats, struct vr_buf *out)
{
    metric(out, "connections", "gauge", "TCP connections for speech (media_tcp_port).");
    vr_buf_printf(out, "voiceroom_media_tcp_connections %" PRIu64 "\n", stats->open);
    metric(out, "accepted_total", "counter", "TCP connections for speech that were taken.");
    vr_buf_printf(out, "voiceroom_media_tcp_accepted_total %" PRIu64 "\n", stats->accepted);
    metric(out, "refused_total", "counter", "TCP connections for speech that were turned away.");
    vr_buf_printf(out, "voiceroom_media_tcp_refused_total{reason=\"limit\"} %" PRIu64 "\n",
                  stats->refused);
    vr_buf_printf(out, "voiceroom_media_tcp_refused_total{reason=\"unproved\"} %" PRIu64 "\n",
                  stats->unproved);
    metric(out, "dropped_total", "counter", "Datagrams that a TCP connection was too slow for.");
    vr_buf_printf(out, "voiceroom_media_tcp_dropped_total %" PRIu64 "\n", stats->dropped);
}

/* --- by address --- */

/** The first 8 bytes of an IPv6 address: what one subscriber has. */
static uint64_t network_of(const struct sockaddr_storage *remote)
{
    if (remote->ss_family == AF_INET6) {
        return vr_get64(((const struct sockaddr_in6 *)remote)->sin6_addr.s6_addr);
    }
    return ntohl(((const struct sockaddr_in *)remote)->sin_addr.s_addr);
}

static bool is_this_machine(const struct sockaddr_storage *remote)
{
    if (remote->ss_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)remote)->sin6_addr);
    }
    return ntohl(((const struct sockaddr_in *)remote)->sin_addr.s_addr) >> 24 == 127;
}

/* Keyed, so that nobody can choose whom he shares a count with. */
static uint32_t bucket_of(const struct vr_media_tcp *tcp, const struct sockaddr_storage *remote)
{
    uint64_t hash = (network_of(remote) ^ tcp->hash_key) * 0x9e3779b97f4a7c15u;

    if (is_this_machine(remote)) {
        return TCP_BUCKETS;
    }
    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(hash >> 40) % TCP_BUCKETS;
}

bool tcp_table_admits(const struct vr_media_tcp *tcp, const struct sockaddr_storage *remote)
{
    uint32_t bucket = bucket_of(tcp, remote);

    if (!tcp->open || tcp->stats.open >= tcp->conf.connections_max) {
        return false;
    }
    return bucket == TCP_BUCKETS || (tcp->per_address[bucket] < tcp->conf.per_address_max &&
                                     tcp->per_address[bucket] < UINT16_MAX &&
                                     tcp->fresh_per_address[bucket] < TCP_FRESH_PER_ADDRESS);
}

static void count_fresh(struct vr_media_tcp *tcp, const struct connection *connection, int more)
{
    tcp->fresh_count += (uint32_t)more;
    if (connection->bucket != TCP_BUCKETS) {
        tcp->fresh_per_address[connection->bucket] += (uint16_t)more;
    }
}

/* --- by path --- */

struct connection *tcp_connection_find(const struct vr_media_tcp *tcp, const struct vr_hop *hop)
{
    uint32_t slot = hop->socket & SLOT_MASK;
    struct connection *connection = slot < tcp->conf.connections_max ? tcp->slots[slot] : NULL;

    return connection != NULL && connection->path.socket == hop->socket ? connection : NULL;
}

void tcp_table_add(struct vr_media_tcp *tcp, struct connection *connection,
                   const struct sockaddr_storage *remote)
{
    uint32_t slot = tcp->free_from;

    while (tcp->slots[slot] != NULL) { /* tcp_table_admits knows of a free one */
        slot = (slot + 1) % tcp->conf.connections_max;
    }
    tcp->free_from = (slot + 1) % tcp->conf.connections_max;
    tcp->slots[slot] = connection;
    tcp->generation = (tcp->generation + 1) & GENERATION_MASK;
    connection->path.remote = *remote;
    connection->path.socket = VR_PATH_TCP | tcp->generation << GENERATION_SHIFT | slot;
    connection->bucket = bucket_of(tcp, remote);
    if (connection->bucket != TCP_BUCKETS) {
        tcp->per_address[connection->bucket]++;
    }
    vr_list_push(&tcp->fresh, &connection->link);
    count_fresh(tcp, connection, 1);
    tcp_count(&tcp->stats.open, 1);
}

void tcp_connection_proved(struct connection *connection)
{
    struct vr_media_tcp *tcp = connection->tcp;

    if (connection->proved) {
        return;
    }
    connection->proved = true;
    count_fresh(tcp, connection, -1);
    vr_list_remove(&connection->link);
    vr_list_push(&tcp->proved, &connection->link);
}

void tcp_table_remove(struct vr_media_tcp *tcp, struct connection *connection)
{
    uint32_t slot = connection->path.socket & SLOT_MASK;

    vr_assert(tcp->slots[slot] == connection);
    tcp->slots[slot] = NULL;
    if (connection->bucket != TCP_BUCKETS) {
        tcp->per_address[connection->bucket]--;
    }
    if (!connection->proved) {
        count_fresh(tcp, connection, -1);
    }
    vr_list_remove(&connection->link);
    vr_list_remove(&connection->dirty);
    tcp_count(&tcp->stats.open, -1);
}
