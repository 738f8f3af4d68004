/* wire_main.c - what goes over the loopback interface from and to a media port, judged as it was on
 * the wire: how long each stream of RTP or RTCP was without a packet, what is missing in its
 * sequence, and whether one index of SRTP had two packets, which would give both away (RFC 3711,
 * section 9.1; RFC 7714, section 8.1). By the kernel's time stamps. Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/fnv.h"

#define FLOWS_MAX 16384 /* a power of two */
#define INDEX_SPAN (1u << 24)
#define BATCH 64
#define FRAME_MAX 2048
#define BUFFER_BYTES (64 << 20)
#define RTCP_FIRST 192 /* RFC 5761, section 4 */
#define RTCP_LAST 223
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 of newer kernels' headers */

struct flow {
    uint32_t ssrc; /* these four name it */
    uint16_t client;
    bool down, rtcp, used;
    uint64_t packets, again, reused;
    int64_t base, first, high; /* of the index; base: of seen[0] */
    int64_t last_ns, longest_ns, longest_at_ns;
    uint64_t *seen; /* a sum of each packet, 0: none came */
    size_t seen_count;
};

struct wire {
    uint16_t port;
    int fd;
    struct flow *flows;
    bool memory_out, flows_out, cut, unread;
};

static uint64_t sum(const uint8_t *data, size_t size)
{
    uint64_t value = vr_fnv64(VR_FNV_START, data, size);

    return value == 0 ? 1 : value;
}

static struct flow *flow_of(struct wire *wire, const struct flow *name)
{
    uint32_t at = (name->ssrc * 2654435761u) ^ ((uint32_t)name->client * 40503u) ^
                  (uint32_t)name->down ^ ((uint32_t)name->rtcp << 1);

    for (uint32_t i = 0; i < FLOWS_MAX; i++) {
        struct flow *flow = &wire->flows[(at + i) & (FLOWS_MAX - 1)];

        if (!flow->used) {
            *flow = *name;
            flow->used = true;
            flow->high = -1;
            return flow;
        }
        if (flow->ssrc == name->ssrc && flow->client == name->client && flow->down == name->down &&
            flow->rtcp == name->rtcp) {
            return flow;
        }
    }
    return NULL;
}

/** The sequence number with its rollovers, next to the highest seen. */
static int64_t extended(const struct flow *flow, uint16_t number)
{
    int64_t base = flow->high < 0 ? 65536 + number : (flow->high & ~65535) + number;
    int64_t best = base;

    for (int64_t at = base - 65536; flow->high >= 0 && at <= base + 65536; at += 65536) {
        best = llabs(at - flow->high) < llabs(best - flow->high) ? at : best;
    }
    return best;
}

static bool room_make(struct flow *flow, size_t at)
{
    size_t count = flow->seen_count == 0 ? 1024 : flow->seen_count;
    uint64_t *more = NULL;

    while (count <= at) {
        count *= 2;
    }
    if (count == flow->seen_count) {
        return true;
    }
    more = realloc(flow->seen, count * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    memset(more + flow->seen_count, 0, (count - flow->seen_count) * sizeof(*more));
    flow->seen = more;
    flow->seen_count = count;
    return true;
}

/** False: no memory, or an index far away from all others. */
static bool flow_take(struct flow *flow, int64_t index, uint64_t mark, int64_t now_ns)
{
    if (flow->high < 0) {
        flow->base = index > 65536 ? index - 65536 : 0;
        flow->first = index;
    }
    if (index < flow->base || index - flow->base >= INDEX_SPAN ||
        !room_make(flow, (size_t)(index - flow->base))) {
        return false;
    }
    if (flow->seen[index - flow->base] != 0) {
        /* The very same packet once more tells nobody anything. */
        flow->again += flow->seen[index - flow->base] == mark;
        flow->reused += flow->seen[index - flow->base] != mark;
        return true;
    }
    flow->seen[index - flow->base] = mark;
    if (flow->packets++ > 0 && now_ns - flow->last_ns > flow->longest_ns) {
        flow->longest_ns = now_ns - flow->last_ns;
        flow->longest_at_ns = now_ns;
    }
    flow->last_ns = now_ns;
    flow->first = index < flow->first ? index : flow->first;
    flow->high = index > flow->high ? index : flow->high;
    return true;
}

static uint32_t be32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static uint16_t be16(const uint8_t *data)
{
    return (uint16_t)(data[0] << 8 | data[1]);
}

static void datagram_take(struct wire *wire, uint16_t source, uint16_t target, const uint8_t *data,
                          size_t size, int64_t now_ns)
{
    struct flow name = {.down = source == wire->port};
    struct flow *flow = NULL;

    if (size < 12 || data[0] < 128 || data[0] > 191 ||
        (source != wire->port && target != wire->port)) {
        return; /* RFC 7983: neither RTP nor RTCP */
    }
    name.client = name.down ? target : source;
    name.rtcp = data[1] >= RTCP_FIRST && data[1] <= RTCP_LAST;
    name.ssrc = be32(data + (name.rtcp ? 4 : 8));
    flow = flow_of(wire, &name);
    if (flow == NULL) {
        wire->flows_out = true;
        return;
    }
    /* AES-GCM: the index of SRTCP are the last four bytes (RFC 7714, section 9.2). */
    if (!flow_take(flow,
                   name.rtcp ? (int64_t)(be32(data + size - 4) & 0x7fffffff)
                             : extended(flow, be16(data + 2)),
                   sum(data, size), now_ns)) {
        wire->memory_out = true;
    }
}

/** One frame; on this interface several datagrams of one size may be in it still (UDP_SEGMENT). */
static void frame_take(struct wire *wire, const uint8_t *data, size_t size, int64_t now_ns)
{
    const uint8_t *frame = data + sizeof(struct virtio_net_hdr);
    struct virtio_net_hdr about;
    size_t segment = 0;
    size_t left = 0;
    size_t at = 0;

    if (size < sizeof(about) + 14 + 40) {
        return;
    }
    memcpy(&about, data, sizeof(about));
    size -= sizeof(about);
    if (be16(frame + 12) == ETH_P_IP && frame[23] == IPPROTO_UDP) {
        at = 14 + (size_t)(frame[14] & 15) * 4;
    } else if (be16(frame + 12) == ETH_P_IPV6 && frame[20] == IPPROTO_UDP) {
        at = 54;
    }
    if (at == 0 || at + 8 > size) {
        return;
    }
    left = be16(frame + at + 4);
    if (left < 8 || at + left > size) {
        wire->cut = true;
        return;
    }
    left -= 8;
    segment = (about.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == GSO_UDP_L4 ? about.gso_size : left;
    for (const uint8_t *from = frame + at + 8; left > 0 && segment > 0; from += segment) {
        size_t now = left < segment ? left : segment;

        datagram_take(wire, be16(frame + at), be16(frame + at + 2), from, now, now_ns);
        left -= now;
    }
}

static int64_t stamp_of(struct msghdr *head)
{
    struct timespec at = {0};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&at, CMSG_DATA(c), sizeof(at));
        }
    }
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void drain(struct wire *wire)
{
    static uint8_t frames[BATCH][FRAME_MAX];
    static _Alignas(struct cmsghdr) uint8_t controls[BATCH][64];
    struct mmsghdr heads[BATCH];
    struct iovec parts[BATCH];
    int count = BATCH;

    while (count == BATCH) {
        memset(heads, 0, sizeof(heads));
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){frames[i], FRAME_MAX};
            heads[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
                                               .msg_iovlen = 1,
                                               .msg_control = controls[i],
                                               .msg_controllen = sizeof(controls[i])};
        }
        count = recvmmsg(wire->fd, heads, BATCH, MSG_DONTWAIT, NULL);
        /* Before Linux 6.2 a segmented datagram can't be told of, and is lost here. */
        wire->unread = wire->unread || (count < 0 && errno != EAGAIN && errno != EINTR);
        for (int i = 0; i < count; i++) {
            frame_take(wire, frames[i], heads[i].msg_len, stamp_of(&heads[i].msg_hdr));
        }
    }
}

/** On the loopback interface each packet is seen twice: only when it leaves. */
static bool wire_open(struct wire *wire)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, FRAME_MAX - sizeof(struct virtio_net_hdr)),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = {.len = 4, .filter = code};
    const struct sockaddr_ll loopback = {.sll_family = AF_PACKET,
                                         .sll_protocol = htons(ETH_P_ALL),
                                         .sll_ifindex = (int)if_nametoindex("lo")};
    int bytes = BUFFER_BYTES;
    int on = 1;

    wire->flows = calloc(FLOWS_MAX, sizeof(*wire->flows));
    wire->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return wire->flows != NULL && wire->fd >= 0 &&
           setsockopt(wire->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 &&
           setsockopt(wire->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0 &&
           setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0 &&
           setsockopt(wire->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0 &&
           bind(wire->fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0;
}

static void tell(const struct wire *wire)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof(stats);
    const char *comma = "";

    getsockopt(wire->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    printf("{\"drops\":%u,\"whole\":%s,\"flows\":[", stats.tp_drops,
           wire->memory_out || wire->flows_out || wire->cut || wire->unread ? "false" : "true");
    for (uint32_t i = 0; i < FLOWS_MAX; i++) {
        const struct flow *f = &wire->flows[i];

        if (!f->used || f->packets == 0) {
            continue;
        }
        printf("%s{\"way\":\"%s\",\"client\":%u,\"ssrc\":%u,\"kind\":\"%s\",\"packets\":%llu,"
               "\"longest_ms\":%.1f,\"longest_at\":%.3f,\"missing\":%lld,\"again\":%llu,"
               "\"reused\":%llu}",
               comma, f->down ? "down" : "up", f->client, f->ssrc, f->rtcp ? "rtcp" : "rtp",
               (unsigned long long)f->packets, (double)f->longest_ns / 1e6,
               (double)f->longest_at_ns / 1e9,
               (long long)(f->high - f->first + 1 - (int64_t)f->packets),
               (unsigned long long)f->again, (unsigned long long)f->reused);
        comma = ",";
    }
    printf("]}\n");
}

static void wire_free(struct wire *wire)
{
    for (uint32_t i = 0; wire->flows != NULL && i < FLOWS_MAX; i++) {
        free(wire->flows[i].seen);
    }
    free(wire->flows);
    if (wire->fd >= 0) {
        close(wire->fd);
    }
}

int main(int argc, char **argv)
{
    struct wire wire = {.fd = -1};
    char *end = NULL;
    unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    char byte;

    if (port == 0 || port > 65535 || *end != 0) {
        fprintf(stderr, "voiceroom-wire PORT\n\n"
                        "Listens on the loopback interface from its line \"listening\" until its "
                        "input ends, then says\none line of JSON about each flow of RTP and RTCP "
                        "from and to that port.\n");
        return 1;
    }
    wire.port = (uint16_t)port;
    if (!wire_open(&wire)) {
        fprintf(stderr, "voiceroom-wire: %s\n", strerror(errno));
        wire_free(&wire);
        return 1;
    }
    printf("listening\n");
    fflush(stdout);
    for (;;) {
        struct pollfd wait[] = {{.fd = wire.fd, .events = POLLIN},
                                {.fd = STDIN_FILENO, .events = POLLIN}};

        poll(wait, 2, -1);
        drain(&wire);
        if (wait[1].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0) {
            break;
        }
        /* Frames wait in the ring: one wake for many leaves the processors to what is measured. */
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    }
    tell(&wire);
    wire_free(&wire);
    return 0;
}
