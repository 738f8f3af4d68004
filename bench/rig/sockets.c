#include "bench/rig/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/base/bytes.h"

#define EVENTS 256
#define HEAD_MAX 2048
#define FRAME_MAX 262144

enum step { STEP_CONNECT, STEP_UPGRADE, STEP_FIRST, STEP_OPEN, STEP_FAILED };

struct one {
    int fd;
    SSL *ssl;
    enum step step;
    char *first;
    struct vr_buf in;
};

struct vr_sockets {
    struct sockaddr_in server;
    char host[64];
    SSL_CTX *tls; /* NULL: plain */
    int epoll;
    uint32_t count, max;
    struct one *all;
    struct vr_sockets_counts counts;
};

struct vr_sockets *vr_sockets_new(const char *url, uint32_t max)
{
    struct vr_sockets *sockets = calloc(1, sizeof(*sockets));
    char scheme[8], host[64];
    int before = 0; /* bytes up to the port */
    char *end = NULL;
    unsigned long port = 0;

    if (sscanf(url, "%7[a-z]://%63[^:]:%n", scheme, host, &before) == 2 && before > 0) {
        port = strtoul(url + before, &end, 10);
    }
    if (sockets == NULL || end == NULL || end == url + before || port > UINT16_MAX ||
        inet_pton(AF_INET, host, &sockets->server.sin_addr) != 1) {
        fprintf(stderr, "voiceroom-bench: ws://ADDRESS:PORT or wss://ADDRESS:PORT is wanted\n");
        free(sockets);
        return NULL;
    }
    sockets->server.sin_family = AF_INET;
    sockets->server.sin_port = htons((uint16_t)port);
    snprintf(sockets->host, sizeof(sockets->host), "%.40s:%lu", host, port);
    sockets->max = max;
    sockets->all = calloc(max, sizeof(*sockets->all));
    sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (scheme[2] == 's') {
        sockets->tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(sockets->tls, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(sockets->tls, SSL_SESS_CACHE_OFF);
    }
    return sockets;
}

static void one_close(struct vr_sockets *sockets, struct one *one)
{
    if (one->fd >= 0) {
        epoll_ctl(sockets->epoll, EPOLL_CTL_DEL, one->fd, NULL);
        SSL_free(one->ssl);
        close(one->fd);
    }
    free(one->first);
    vr_buf_deinit(&one->in);
    one->fd = -1;
    one->ssl = NULL;
    one->first = NULL;
}

void vr_sockets_free(struct vr_sockets *sockets)
{
    if (sockets != NULL) {
        for (uint32_t i = 0; i < sockets->count; i++) {
            one_close(sockets, &sockets->all[i]);
        }
        SSL_CTX_free(sockets->tls);
        close(sockets->epoll);
        free(sockets->all);
        free(sockets);
    }
}

static void fail(struct vr_sockets *sockets, struct one *one)
{
    sockets->counts.busy -= one->step < STEP_OPEN;
    sockets->counts.open -= one->step == STEP_OPEN;
    sockets->counts.failed++;
    one->step = STEP_FAILED;
    one_close(sockets, one);
}

bool vr_sockets_add(struct vr_sockets *sockets, const char *first)
{
    struct one *one = &sockets->all[sockets->count];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = one};
    int on = 1;

    if (sockets->count == sockets->max) {
        return false;
    }
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    one->first = strdup(first);
    if (one->fd < 0 || one->first == NULL) {
        return false;
    }
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(one->fd, (struct sockaddr *)&sockets->server, sizeof(sockets->server)) != 0 &&
        errno != EINPROGRESS) {
        close(one->fd);
        one->fd = -1;
        return false;
    }
    if (sockets->tls != NULL) {
        one->ssl = SSL_new(sockets->tls);
        SSL_set_fd(one->ssl, one->fd);
        SSL_set_connect_state(one->ssl);
    }
    sockets->count++;
    sockets->counts.busy++;
    return epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, one->fd, &event) == 0;
}

/* Small writes into empty socket buffers: they go whole, or the socket counts as failed. */
static bool put(struct one *one, const void *data, size_t size)
{
    if (one->ssl != NULL) {
        return SSL_write(one->ssl, data, (int)size) == (int)size;
    }
    return send(one->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* -1: over. 0: nothing more now. */
static int take(struct one *one, uint8_t *out, size_t size)
{
    int n;

    if (one->ssl != NULL) {
        ERR_clear_error();
        n = SSL_read(one->ssl, out, (int)size);
        return n > 0 ? n : SSL_get_error(one->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    n = (int)recv(one->fd, out, size, 0);
    return n > 0 ? n : n < 0 && errno == EAGAIN ? 0 : -1;
}

static bool put_frame(struct one *one, uint8_t opcode, const void *data, size_t size)
{
    struct vr_buf frame = {0};
    uint8_t head[8] = {(uint8_t)(0x80 | opcode), 0};
    bool good;

    head[1] = (uint8_t)(0x80 | (size < 126 ? size : 126));
    vr_put16(head + 2, (uint16_t)size);
    vr_buf_append(&frame, head, size < 126 ? 2 : 4);
    vr_buf_append(&frame, "\0\0\0\0", 4); /* a mask of zeros masks nothing */
    vr_buf_append(&frame, data, size);
    good = !frame.failed && size < 65536 && put(one, frame.data, frame.size);
    vr_buf_deinit(&frame);
    return good;
}

static bool ask_upgrade(const struct vr_sockets *sockets, struct one *one)
{
    char text[512];
    int size = snprintf(text, sizeof(text),
                        "GET /v1/ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Protocol: voicerooms.v1\r\n\r\n",
                        sockets->host);

    return put(one, text, (size_t)size);
}

static void drop_front(struct vr_buf *buf, size_t size)
{
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
    if (buf->size == 0) {
        vr_buf_deinit(buf);
        *buf = (struct vr_buf){0};
    }
}

static bool on_text(struct vr_sockets *sockets, struct one *one, struct vr_bytes text)
{
    sockets->counts.messages++;
    if (one->step == STEP_FIRST) {
        bool good = memmem(text.data, text.size, "\"ok\":true", 9) != NULL;

        if (!good && memmem(text.data, text.size, "room:error", 10) == NULL) {
            return true; /* an event that came before the answer */
        }
        sockets->counts.refused += !good;
        sockets->counts.busy--;
        sockets->counts.open++;
        one->step = STEP_OPEN;
    }
    return true;
}

/* One whole frame from the front (RFC 6455, 5.2); false: the connection is over. */
static bool on_frame(struct vr_sockets *sockets, struct one *one, size_t *used)
{
    const struct vr_buf *in = &one->in;
    size_t head = 2, size;

    *used = 0;
    if (in->size < 2) {
        return true;
    }
    size = in->data[1] & 0x7f;
    if (size == 126 || size == 127) {
        head = size == 126 ? 4 : 10;
        if (in->size < head) {
            return true;
        }
        size = size == 126 ? vr_get16(in->data + 2) : (size_t)vr_get64(in->data + 2);
    }
    if (size > FRAME_MAX) {
        return false;
    }
    if (in->size < head + size) {
        return true;
    }
    *used = head + size;
    switch (in->data[0] & 0x0f) {
    case 1:
        return on_text(sockets, one, vr_bytes(in->data + head, size));
    case 8:
        return false;
    case 9:
        sockets->counts.pings++;
        return put_frame(one, 10, in->data + head, size);
    default:
        return true;
    }
}

static bool on_bytes(struct vr_sockets *sockets, struct one *one)
{
    size_t used;

    if (one->step == STEP_UPGRADE) {
        const uint8_t *end = memmem(one->in.data, one->in.size, "\r\n\r\n", 4);

        if (end == NULL) {
            return one->in.size < HEAD_MAX;
        }
        if (one->in.size < 12 || memcmp(one->in.data, "HTTP/1.1 101", 12) != 0) {
            return false;
        }
        drop_front(&one->in, (size_t)(end + 4 - one->in.data));
        one->step = STEP_FIRST;
        if (!put_frame(one, 1, one->first, strlen(one->first))) {
            return false;
        }
        free(one->first);
        one->first = NULL;
    }
    do {
        if (!on_frame(sockets, one, &used)) {
            return false;
        }
        if (used > 0) {
            drop_front(&one->in, used);
        }
    } while (used > 0);
    return true;
}

static bool on_ready(struct vr_sockets *sockets, struct one *one)
{
    uint8_t data[16384];
    int n;

    if (one->step == STEP_CONNECT) {
        if (one->ssl != NULL && (n = SSL_do_handshake(one->ssl)) != 1) {
            int reason = SSL_get_error(one->ssl, n);

            ERR_clear_error();
            return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
        }
        one->step = STEP_UPGRADE;
        if (!ask_upgrade(sockets, one)) {
            return false;
        }
    }
    while ((n = take(one, data, sizeof(data))) > 0) {
        vr_buf_append(&one->in, data, (size_t)n);
        if (!on_bytes(sockets, one)) {
            return false;
        }
    }
    return n == 0;
}

void vr_sockets_turn(struct vr_sockets *sockets, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(sockets->epoll, events, EVENTS, wait_ms);

    for (int i = 0; i < count; i++) {
        struct one *one = events[i].data.ptr;
        bool plain_connect = one->ssl == NULL && one->step == STEP_CONNECT;

        if (one->fd < 0 || (plain_connect && (events[i].events & EPOLLOUT) == 0)) {
            continue;
        }
        if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0 || !on_ready(sockets, one)) {
            fail(sockets, one);
        }
    }
}

struct vr_sockets_counts vr_sockets_counts(const struct vr_sockets *sockets)
{
    return sockets->counts;
}
