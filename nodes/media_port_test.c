/* media_port_test.c - goal: sockets are bound where they should be,
 * and what is in the way is said with the setting that helps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/listen.h"
#include "nodes/media_port_internal.h"
#include "nodes/socket.h"

static void a_port_in_use_is_named(void **state)
{
    struct vr_why why = {0};
    int first = -1, second = -1;
    char port[8];

    (void)state;
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &first, &why), VR_OK);
    assert_true(vr_socket_port(first) != 0);
    assert_int_equal(vr_media_socket_open("127.0.0.1", vr_socket_port(first), &second, &why),
                     VR_E_EXISTS);
    snprintf(port, sizeof(port), "%u", vr_socket_port(first));
    assert_non_null(strstr(why.text, port));
    assert_non_null(strstr(why.text, "media_port"));
    assert_int_equal(second, -1);
    close(first);
}

static void an_address_must_be_of_this_machine(void **state)
{
    int fd = -1;

    (void)state;
    assert_int_equal(vr_media_socket_open("198.51.100.77", 0, &fd, NULL), VR_E_NOT_FOUND);
    assert_int_equal(vr_media_socket_open("localhost", 0, &fd, NULL), VR_E_UNPROCESSABLE);
    assert_int_equal(fd, -1);
}

static void ipv4_and_ipv6_share_a_port(void **state)
{
    struct vr_addresses local;
    int v4 = -1, v6 = -1;
    bool has_v6 = false;

    (void)state;
    vr_addresses_local(&local);
    for (uint32_t i = 0; i < local.count; i++) {
        has_v6 = has_v6 || strcmp(local.text[i], "::1") == 0;
        assert_true(strncmp(local.text[i], "fe80", 4) != 0);
    }
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &v4, NULL), VR_OK);
    if (has_v6) {
        int only = 0;
        socklen_t size = sizeof(only);

        assert_int_equal(vr_media_socket_open("::1", vr_socket_port(v4), &v6, NULL), VR_OK);
        assert_int_equal(getsockopt(v6, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size), 0);
        assert_int_equal(only, 1);
        close(v6);
    }
    close(v4);
}

static void listening_twice_is_refused_with_the_setting(void **state)
{
    int fds[VR_LISTEN_MAX], more[VR_LISTEN_MAX];
    uint32_t count = 0, more_count = 0;
    uint16_t port = 0;
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(vr_listen_open("127.0.0.1", &port, false, fds, &count, "http_port", &why),
                     VR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(listen(fds[0], 1), 0);
    assert_int_equal(
        vr_listen_open("127.0.0.1", &port, false, more, &more_count, "http_port", &why),
        VR_E_EXISTS);
    assert_non_null(strstr(why.text, "http_port"));
    assert_int_equal(more_count, 0);
    close(fds[0]);
}

/* A port without loop and engine: only its way out. */
static struct vr_media_port *port_out(bool gso, int *receiver, struct vr_hop *hop)
{
    struct vr_media_port *port = calloc(1, sizeof(*port));
    struct sockaddr_in name;
    socklen_t size = sizeof(name);

    assert_non_null(port);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &port->sockets[0].fd, NULL), VR_OK);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, receiver, NULL), VR_OK);
    assert_int_equal(getsockname(*receiver, (struct sockaddr *)&name, &size), 0);
    memset(hop, 0, sizeof(*hop));
    hop->remote.in4 = name;
    port->socket_count = 1;
    port->conf.gso = gso;
    port->open = true;
    assert_true(media_kept_open(port));
    media_out_init(port);
    return port;
}

static void port_end(struct vr_media_port *port, int receiver)
{
    close(port->sockets[0].fd);
    close(receiver);
    media_kept_close(port);
    free(port);
}

/* Three of 100 bytes and one of 60, each filled with its number, arrive as four datagrams. */
static void assert_arrives(struct vr_media_port *port, const struct vr_hop *hop, int receiver)
{
    uint8_t data[360], got[400];

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i / 100);
    }
    media_out_send_burst(port, hop, vr_bytes(data, sizeof(data)), 100);
    media_out_flush(port);
    for (size_t i = 0; i < 4; i++) {
        ssize_t size = recv(receiver, got, sizeof(got), MSG_DONTWAIT);

        assert_int_equal(size, i < 3 ? 100 : 60);
        assert_int_equal(got[0], i);
        assert_int_equal(got[size - 1], i);
    }
    assert_true(recv(receiver, got, sizeof(got), MSG_DONTWAIT) < 0);
}

static void a_burst_leaves_segmented(void **state)
{
    struct vr_hop hop;
    int receiver;
    struct vr_media_port *port = port_out(true, &receiver, &hop);

    (void)state;
    assert_arrives(port, &hop, receiver);
    assert_int_equal(port->stats.segmented, 4);
    assert_int_equal(port->stats.send_dropped, 0);
    port_end(port, receiver);
}

/* The kernel refuses segmentation on a socket without checksums: nothing is lost, and it is not
 * asked again. */
static void a_refused_burst_leaves_one_by_one(void **state)
{
    struct vr_hop hop;
    int receiver, on = 1;
    struct vr_media_port *port = port_out(true, &receiver, &hop);

    (void)state;
    assert_int_equal(setsockopt(port->sockets[0].fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
    assert_arrives(port, &hop, receiver);
    assert_int_equal(port->stats.gso_refused, 1);
    assert_int_equal(port->stats.segmented, 4);
    assert_arrives(port, &hop, receiver);
    assert_int_equal(port->stats.segmented, 4);
    assert_int_equal(port->stats.send_dropped, 0);
    port_end(port, receiver);
}

static void without_gso_a_burst_is_datagrams(void **state)
{
    struct vr_hop hop;
    int receiver;
    struct vr_media_port *port = port_out(false, &receiver, &hop);

    (void)state;
    assert_arrives(port, &hop, receiver);
    assert_int_equal(port->stats.segmented, 0);
    port_end(port, receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_in_use_is_named),
        cmocka_unit_test(an_address_must_be_of_this_machine),
        cmocka_unit_test(ipv4_and_ipv6_share_a_port),
        cmocka_unit_test(listening_twice_is_refused_with_the_setting),
        cmocka_unit_test(a_burst_leaves_segmented),
        cmocka_unit_test(a_refused_burst_leaves_one_by_one),
        cmocka_unit_test(without_gso_a_burst_is_datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
