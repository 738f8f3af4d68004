/* http_kit.h - for http_test.c and ws_test.c: HTTP on a loop in a thread of its own, and raw
 * clients. */
#ifndef VR_NODES_HTTP_KIT_H
#define VR_NODES_HTTP_KIT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "nodes/http_server.h"
#include "nodes/listen.h"
#include "store/memory.h"

#define KIT __attribute__((unused)) static

struct kit {
    struct vr_http *http;
    struct vr_http_worker *part;
    uv_loop_t loop;
    pthread_t thread;
    uint16_t port;
};

KIT void *kit_run(void *arg)
{
    struct kit *kit = arg;

    uv_run(&kit->loop, UV_RUN_DEFAULT);
    return NULL;
}

/** Start; the loop's thread runs from then on. */
KIT void kit_start(struct kit *kit, const struct vr_http_conf *conf)
{
    struct vr_http_socket sockets[VR_LISTEN_MAX] = {{0}};
    int fds[VR_LISTEN_MAX];
    uint32_t count = 0;
    struct vr_why why = {0};

    kit->port = 0;
    assert_int_equal(vr_listen_open("127.0.0.1", &kit->port, false, fds, &count, "port", &why),
                     VR_OK);
    sockets[0] = (struct vr_http_socket){.fd = fds[0], .tls = conf->tls != NULL};
    assert_int_equal(uv_loop_init(&kit->loop), 0);
    assert_int_equal(vr_http_new(conf, &kit->http), VR_OK);
    assert_int_equal(vr_http_open(kit->http, NULL, &kit->loop, sockets, 1, &kit->part, &why),
                     VR_OK);
    assert_int_equal(pthread_create(&kit->thread, NULL, kit_run, kit), 0);
}

/** A clean end: every handle closed, nothing left behind. */
KIT void kit_stop(struct kit *kit)
{
    vr_http_close_soon(kit->part, VR_SECONDS(1));
    pthread_join(kit->thread, NULL);
    assert_true(vr_http_closed(kit->part));
    assert_int_equal(uv_loop_close(&kit->loop), 0);
    vr_http_free(kit->http);
}

KIT int kit_connect(const struct kit *kit)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(kit->port)};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

KIT void kit_send(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);

        if (sent <= 0) {
            return; /* closed at the other end: what it said is read next */
        }
        done += (size_t)sent;
    }
}

KIT void kit_text(int fd, const char *text)
{
    kit_send(fd, text, strlen(text));
}

/** One whole answer with Content-Length, as text; until the end when there is none. */
KIT const char *kit_answer(int fd, char *out, size_t capacity)
{
    size_t size = 0;
    size_t want = SIZE_MAX;

    while (size + 1 < capacity && size < want) {
        ssize_t got = recv(fd, out + size, want == SIZE_MAX ? 1 : want - size, 0);

        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        out[size] = 0;
        if (want == SIZE_MAX && size >= 4 && strcmp(out + size - 4, "\r\n\r\n") == 0) {
            const char *length = strcasestr(out, "content-length: ");

            want = length == NULL ? capacity : size + strtoul(length + 16, NULL, 10);
        }
    }
    out[size] = 0;
    return out;
}

/** True when the other end closes, within the limit, whatever else it sends. */
KIT bool kit_closed(int fd)
{
    char scrap[4096];
    ssize_t got = 0;

    while ((got = recv(fd, scrap, sizeof(scrap), 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
}

KIT int kit_status(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

/** Ask and answer on a connection of its own. */
KIT int kit_ask(const struct kit *kit, const char *request, char *out, size_t capacity)
{
    int fd = kit_connect(kit);

    kit_text(fd, request);
    kit_answer(fd, out, capacity);
    close(fd);
    return kit_status(out);
}

#endif
