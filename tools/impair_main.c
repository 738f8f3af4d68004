/* voiceroom-impair: a UDP relay that is a bad network, by a seed.
 *
 *     voiceroom-impair --to 127.0.0.1:7000 [--listen 127.0.0.1:0] [--seed 1]
 *
 * Prints "listening ADDRESS PORT". Commands come as lines on stdin: `up NAME VALUE` (client to
 * server), `down NAME VALUE`, `both NAME VALUE` (names: impair.h), `rebind` (the server sees new
 * ports from now on), `stats` (answers one JSON line). Ends at end of file. One thread, poll(2). */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/impair.h"

#define FLOWS_MAX 256
#define QUEUE_MAX 65536
#define DATAGRAM_MAX 2048

struct flow {
    struct sockaddr_in client;
    int upstream; /* our socket towards the server: its port is what the server sees */
};

struct datagram {
    vr_time_us due;
    int flow;
    bool up;
    size_t size;
    uint8_t data[DATAGRAM_MAX];
};

struct relay {
    int listener;
    struct sockaddr_in server;
    struct flow flows[FLOWS_MAX];
    int flow_count;
    struct vr_impair up;
    struct vr_impair down;
    struct datagram *heap[QUEUE_MAX]; /* by due, smallest first */
    size_t queued;
    bool done;
};

static bool parse_address(const char *text, struct sockaddr_in *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    long port;
    char *end;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    port = strtol(colon + 1, &end, 10);
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return *end == 0 && port >= 0 && port < 65536 && inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static void push(struct relay *relay, struct datagram *item)
{
    size_t i = relay->queued++;

    while (i > 0 && relay->heap[(i - 1) / 2]->due > item->due) {
        relay->heap[i] = relay->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    relay->heap[i] = item;
}

static struct datagram *pop(struct relay *relay)
{
    struct datagram *first = relay->heap[0];
    struct datagram *last = relay->heap[--relay->queued];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= relay->queued) {
            break;
        }
        if (child + 1 < relay->queued && relay->heap[child + 1]->due < relay->heap[child]->due) {
            child++;
        }
        if (relay->heap[child]->due >= last->due) {
            break;
        }
        relay->heap[i] = relay->heap[child];
        i = child;
    }
    relay->heap[i] = last;
    return first;
}

static int open_upstream(const struct relay *relay)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&relay->server, sizeof(relay->server)) != 0) {
        perror("voiceroom-impair: socket towards the server");
        exit(1);
    }
    return fd;
}

static int find_flow(struct relay *relay, const struct sockaddr_in *client)
{
    for (int i = 0; i < relay->flow_count; i++) {
        if (relay->flows[i].client.sin_port == client->sin_port &&
            relay->flows[i].client.sin_addr.s_addr == client->sin_addr.s_addr) {
            return i;
        }
    }
    if (relay->flow_count == FLOWS_MAX) {
        return -1;
    }
    relay->flows[relay->flow_count] = (struct flow){*client, open_upstream(relay)};
    return relay->flow_count++;
}

static void enqueue(struct relay *relay, vr_time_us now, int flow, bool up, const uint8_t *data,
                    size_t size)
{
    vr_time_us due[2];
    size_t times = vr_impair_decide(up ? &relay->up : &relay->down, now, due);

    for (size_t i = 0; i < times && relay->queued < QUEUE_MAX; i++) {
        struct datagram *item = malloc(sizeof(*item));

        if (item == NULL) {
            return; /* one more lost datagram */
        }
        item->due = due[i];
        item->flow = flow;
        item->up = up;
        item->size = size;
        memcpy(item->data, data, size);
        push(relay, item);
    }
}

static void receive_from_clients(struct relay *relay, vr_time_us now)
{
    uint8_t data[DATAGRAM_MAX];

    for (;;) {
        struct sockaddr_in from = {0};
        socklen_t length = sizeof(from);
        ssize_t size =
            recvfrom(relay->listener, data, sizeof(data), 0, (struct sockaddr *)&from, &length);
        int flow;

        if (size < 0) {
            return;
        }
        flow = find_flow(relay, &from);
        if (flow >= 0) {
            enqueue(relay, now, flow, true, data, (size_t)size);
        }
    }
}

static void receive_from_server(struct relay *relay, vr_time_us now, int flow)
{
    uint8_t data[DATAGRAM_MAX];
    ssize_t size;

    while ((size = recv(relay->flows[flow].upstream, data, sizeof(data), 0)) >= 0) {
        enqueue(relay, now, flow, false, data, (size_t)size);
    }
}

static void send_due(struct relay *relay, vr_time_us now)
{
    while (relay->queued > 0 && relay->heap[0]->due <= now) {
        struct datagram *item = pop(relay);
        const struct flow *flow = &relay->flows[item->flow];
        ssize_t sent = item->up
                           ? send(flow->upstream, item->data, item->size, 0)
                           : sendto(relay->listener, item->data, item->size, 0,
                                    (const struct sockaddr *)&flow->client, sizeof(flow->client));

        (void)sent; /* a full socket is a lossy network too */
        free(item);
    }
}

static void rebind(struct relay *relay)
{
    for (int i = 0; i < relay->flow_count; i++) {
        int fresh = open_upstream(relay); /* before the old one closes, so that the port differs */

        close(relay->flows[i].upstream);
        relay->flows[i].upstream = fresh;
    }
}

static void print_direction(const char *name, const struct vr_impair *impair)
{
    printf("\"%s\":{\"passed\":%llu,\"lost\":%llu,\"duplicated\":%llu,\"reordered\":%llu}", name,
           (unsigned long long)impair->passed, (unsigned long long)impair->lost,
           (unsigned long long)impair->duplicated, (unsigned long long)impair->reordered);
}

static void command(struct relay *relay, const char *line)
{
    char way[16];
    char name[16];
    int words = 0; /* bytes of the line before its number */
    bool understood = true;

    if (strncmp(line, "rebind", 6) == 0) {
        rebind(relay);
    } else if (strncmp(line, "stats", 5) == 0) {
        printf("{\"flows\":%d,", relay->flow_count);
        print_direction("up", &relay->up);
        printf(",");
        print_direction("down", &relay->down);
        printf("}\n");
    } else if (sscanf(line, "%15s %15s %n", way, name, &words) == 2) {
        char *end;
        double value = strtod(line + words, &end);
        bool up = strcmp(way, "up") == 0 || strcmp(way, "both") == 0;
        bool down = strcmp(way, "down") == 0 || strcmp(way, "both") == 0;

        understood = end != line + words && (up || down) &&
                     (!up || vr_impair_set(&relay->up.conf, name, value)) &&
                     (!down || vr_impair_set(&relay->down.conf, name, value));
    } else {
        understood = false;
    }
    if (!understood) {
        fprintf(stderr, "voiceroom-impair: not understood: %s\n", line);
    } else if (strncmp(line, "stats", 5) != 0) {
        printf("ok\n");
    }
    fflush(stdout);
}

static void read_commands(struct relay *relay)
{
    static char pending[4096];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, pending + size, sizeof(pending) - 1 - size);
    char *newline;

    if (got <= 0) {
        relay->done = true;
        return;
    }
    size += (size_t)got;
    pending[size] = 0;
    while ((newline = strchr(pending, '\n')) != NULL) {
        *newline = 0;
        command(relay, pending);
        size -= (size_t)(newline + 1 - pending);
        memmove(pending, newline + 1, size + 1);
    }
}

static void serve(struct relay *relay)
{
    const struct vr_clock *clock = vr_clock_system();
    struct pollfd fds[FLOWS_MAX + 2];
    nfds_t count;

    while (!relay->done) {
        vr_time_us now = clock->now(clock->ctx);
        int wait_ms = -1;

        if (relay->queued > 0) {
            vr_time_us left = relay->heap[0]->due - now;

            wait_ms = left <= 0 ? 0 : (int)((left + 999) / 1000);
        }
        fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = relay->listener, .events = POLLIN};
        count = 2;
        for (int i = 0; i < relay->flow_count; i++) {
            fds[count++] = (struct pollfd){.fd = relay->flows[i].upstream, .events = POLLIN};
        }
        if (poll(fds, count, wait_ms) < 0 && errno != EINTR) {
            perror("voiceroom-impair: poll");
            return;
        }
        now = clock->now(clock->ctx);
        if (fds[0].revents != 0) {
            read_commands(relay);
        }
        for (int i = 0, flows = relay->flow_count; i < flows; i++) {
            receive_from_server(relay, now, i);
        }
        receive_from_clients(relay, now);
        send_due(relay, now);
    }
}

static int usage(FILE *out)
{
    fprintf(out,
            "usage: voiceroom-impair --to ADDRESS:PORT [--listen ADDRESS:PORT] [--seed N]\n"
            "A UDP relay that delays, loses, reorders and doubles by a seed. Commands on stdin:\n"
            "  up|down|both delay|jitter (ms) loss|duplicate|reorder (0..1) blackhole (0,1) VALUE\n"
            "  rebind    stats\n");
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    static struct relay relay;
    static const struct option options[] = {{"to", required_argument, NULL, 't'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct sockaddr_in listen_at = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(listen_at);
    unsigned long long seed = 1;
    char address[INET_ADDRSTRLEN];
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't' && parse_address(optarg, &relay.server)) {
            continue;
        }
        if (option == 'l' && parse_address(optarg, &listen_at)) {
            continue;
        }
        if (option == 's') {
            seed = strtoull(optarg, NULL, 10);
            continue;
        }
        return usage(option == 'h' ? stdout : stderr);
    }
    if (relay.server.sin_port == 0) {
        return usage(stderr);
    }
    vr_impair_init(&relay.up, seed);
    vr_impair_init(&relay.down, seed ^ 0x5bd1e995u);
    relay.listener = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay.listener < 0 ||
        bind(relay.listener, (struct sockaddr *)&listen_at, sizeof(listen_at)) != 0 ||
        getsockname(relay.listener, (struct sockaddr *)&listen_at, &length) != 0) {
        perror("voiceroom-impair: listen");
        return 1;
    }
    inet_ntop(AF_INET, &listen_at.sin_addr, address, sizeof(address));
    printf("listening %s %u\n", address, ntohs(listen_at.sin_port));
    fflush(stdout);
    serve(&relay);
    return 0;
}
