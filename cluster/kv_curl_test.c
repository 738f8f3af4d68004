/* Goal: a write is sent once. A server that reads a transaction and dies before it answers leaves
 * its outcome unknown; libcurl's habit of sending again on a fresh connection must not hide that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "actors/base/log.h"
#include "cluster/kv_etcd.h"

#define ANSWER "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"7\"},\"succeeded\":true}"

/* Answers the first request; reads every other whole and hangs up. */
struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    uint32_t requests; /* atomic */
};

static bool read_request(int fd)
{
    char in[4096];
    size_t size = 0;
    const char *body, *length;

    for (;;) {
        ssize_t got = read(fd, in + size, sizeof(in) - 1 - size);

        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        in[size] = 0;
        body = strstr(in, "\r\n\r\n");
        length = strstr(in, "Content-Length: ");
        if (body != NULL && length != NULL && strlen(body + 4) >= strtoul(length + 16, NULL, 10)) {
            return true;
        }
    }
}

static void *serve(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        while (read_request(fd)) {
            if (__atomic_add_fetch(&server->requests, 1, __ATOMIC_SEQ_CST) > 1) {
                break;
            }
            dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", sizeof(ANSWER) - 1,
                    ANSWER);
        }
        close(fd);
    }
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);

    *server = (struct server){.listener = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(server->listener, (struct sockaddr *)&addr, size), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    getsockname(server->listener, (struct sockaddr *)&addr, &size);
    server->port = ntohs(addr.sin_port);
    pthread_create(&server->thread, NULL, serve, server);
}

static void end(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

struct answer {
    bool there;
    enum vr_err err;
};

static void on_done(void *ctx, const struct vr_kv_result *result)
{
    struct answer *got = ctx;

    got->there = true;
    got->err = result->err;
}

static enum vr_err call(uv_loop_t *loop, struct vr_kv *kv, bool write)
{
    struct vr_kv_op put = {
        .kind = write ? VR_KV_PUT : VR_KV_GET, .key = vr_bytes_of("/a"), .value = vr_bytes_of("b")};
    struct vr_kv_txn txn = {.then = &put, .then_count = 1};
    struct answer got = {0};

    kv->ops->txn(kv, &txn, on_done, &got);
    while (!got.there) {
        uv_run(loop, UV_RUN_ONCE);
    }
    return got.err;
}

static uint32_t sent_when_server_hangs_up(bool write, enum vr_err expected)
{
    struct server server;
    char endpoint[64];
    const char *endpoints[1] = {endpoint};
    struct vr_kv_etcd_conf conf = {.endpoints = endpoints, .endpoint_count = 1};
    struct vr_kv *kv;
    uv_loop_t loop;

    start(&server);
    assert_int_equal(uv_loop_init(&loop), 0);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u/", server.port);
    conf.loop = &loop;
    assert_int_equal(vr_kv_etcd_new(&conf, &kv, NULL), VR_OK);
    assert_int_equal(call(&loop, kv, write), VR_OK); /* the connection is kept */
    assert_int_equal(call(&loop, kv, write), expected);
    kv->ops->close(kv);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    end(&server);
    return server.requests;
}

static void test_write_is_sent_once(void **state)
{
    (void)state;
    assert_int_equal(sent_when_server_hangs_up(true, VR_E_TIMEOUT), 2);
}

static void test_reading_is_tried_again(void **state)
{
    (void)state;
    assert_true(sent_when_server_hangs_up(false, VR_E_TIMEOUT) > 2);
}

static void test_nobody_there(void **state)
{
    static const char *const endpoints[] = {"http://127.0.0.1:1", "http://127.0.0.1:2"};
    struct vr_kv_etcd_conf conf = {.endpoints = endpoints, .endpoint_count = 2};
    struct vr_kv *kv;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    conf.loop = &loop;
    assert_int_equal(vr_kv_etcd_new(&conf, &kv, NULL), VR_OK);
    assert_int_equal(call(&loop, kv, true), VR_E_BUSY); /* surely nothing was done */
    kv->ops->close(kv);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    vr_log_set_level(VR_LOG_OFF);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_is_sent_once),
        cmocka_unit_test(test_reading_is_tried_again),
        cmocka_unit_test(test_nobody_there),
    };

    return cmocka_run_group_tests_name("kv_curl", tests, set_up, NULL);
}
