/* Goal: the kernel sorts by the first bytes, on IPv4 and IPv6; the port stays taken for everybody
 * else; and where the kernel refuses any step, all comes by the first socket as before. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/listen.h"
#include "nodes/media_patient.h"
#include "nodes/media_port.h"
#include "nodes/refuse_rig.h"
#include "nodes/socket.h"

struct kind {
    const char *what;
    uint8_t first[2];
    size_t size;
    bool patient;
};

static const struct kind kinds[] = {
    {"STUN request", {0, 1}, 20, true},
    {"STUN answer", {1, 1}, 20, true},
    {"STUN, the last", {3, 0xff}, 20, true},
    {"a byte", {0, 0}, 1, true},
    {"ZRTP", {16, 0}, 20, true},
    {"DTLS handshake", {22, 254}, 60, true},
    {"TURN channel", {64, 0}, 20, false},
    {"RTP", {0x80, 111}, 100, false},
    {"RTP with marker and extension", {0x90, 0xef}, 100, false},
    {"sender report", {0x80, 200}, 60, false},
    {"receiver report", {0x81, 201}, 60, true},
    {"receiver report, the last first byte", {0xbf, 201}, 60, true},
    {"feedback", {0x81, 205}, 60, false},
    {"a byte of RTP", {0x80, 0}, 1, false},
    {"nothing", {0, 0}, 0, false},
};

static int sender_to(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof(name);
    int sender;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    sender = socket(name.ss_family, SOCK_DGRAM, 0);
    assert_true(sender >= 0);
    assert_int_equal(connect(sender, (struct sockaddr *)&name, size), 0);
    return sender;
}

/* How many are there; on loopback what was sent has arrived. */
static uint32_t count_all(int fd)
{
    uint8_t data[200];
    uint32_t count = 0;

    while (recv(fd, data, sizeof(data), MSG_DONTWAIT) >= 0) {
        count++;
    }
    return count;
}

static void send_kind(int sender, const struct kind *kind)
{
    uint8_t data[200] = {kind->first[0], kind->first[1]};

    assert_int_equal(send(sender, data, kind->size, 0), kind->size);
}

static void assert_sorted(const char *address)
{
    int first = -1, second = -1;

    assert_int_equal(vr_media_socket_open(address, 0, &first, NULL), VR_OK);
    second = vr_media_patient_open(first);
    assert_true(second >= 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (int port = 0; port < 4; port++) { /* whatever hash the sender has */
            int sender = sender_to(first);

            send_kind(sender, &kinds[i]);
            if (count_all(first) != !kinds[i].patient || count_all(second) != kinds[i].patient) {
                fail_msg("%s: %s came by the wrong one", address, kinds[i].what);
            }
            close(sender);
        }
    }
    close(second);
    close(first);
}

static void the_first_bytes_decide(void **state)
{
    struct vr_addresses local;

    (void)state;
    assert_sorted("127.0.0.1");
    vr_addresses_local(&local);
    for (uint32_t i = 0; i < local.count; i++) {
        if (strcmp(local.text[i], "::1") == 0) {
            assert_sorted("::1");
        }
    }
}

/* The process with the second one died; the next one makes its own. */
static void without_it_all_comes_by_the_first(void **state)
{
    int first = -1, sender;

    (void)state;
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &first, NULL), VR_OK);
    sender = sender_to(first);
    for (int process = 0; process < 3; process++) {
        int second = vr_media_patient_open(first);

        assert_true(second >= 0);
        assert_int_equal(vr_socket_port(second), vr_socket_port(first));
        send_kind(sender, &kinds[0]);
        assert_int_equal(count_all(second), 1);
        close(second);
        send_kind(sender, &kinds[0]);
        assert_int_equal(count_all(first), 1);
    }
    close(sender);
    close(first);
}

static void the_port_stays_taken(void **state)
{
    struct vr_why why = {0};
    int first = -1, second, other = -1;

    (void)state;
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &first, NULL), VR_OK);
    second = vr_media_patient_open(first);
    assert_true(second >= 0);
    assert_int_equal(vr_media_socket_open("127.0.0.1", vr_socket_port(first), &other, &why),
                     VR_E_EXISTS);
    assert_non_null(strstr(why.text, "media_port"));
    close(second);
    assert_int_equal(vr_media_socket_open("127.0.0.1", vr_socket_port(first), &other, &why),
                     VR_E_EXISTS);
    close(first);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &other, NULL), VR_OK);
    close(other);
}

/* ---- refused ---- */

struct attempt {
    int first, option, second, failed;
};

static void *try_refused(void *arg)
{
    struct attempt *attempt = arg;

    refuse_setsockopt(attempt->option);
    attempt->second = vr_media_patient_open(attempt->first);
    attempt->failed = errno;
    return NULL;
}

static void refused_leaves_one_socket(void **state)
{
    static const int options[] = {SO_REUSEPORT, SO_ATTACH_REUSEPORT_CBPF};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct attempt attempt = {.option = options[i]};
        pthread_t thread;
        socklen_t size = sizeof(int);
        int shares = -1;
        int sender;

        assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &attempt.first, NULL), VR_OK);
        assert_int_equal(pthread_create(&thread, NULL, try_refused, &attempt), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(attempt.second, -1);
        assert_int_equal(attempt.failed, ENOPROTOOPT);
        assert_int_equal(getsockopt(attempt.first, SOL_SOCKET, SO_REUSEPORT, &shares, &size), 0);
        assert_int_equal(shares, 0);
        sender = sender_to(attempt.first);
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            send_kind(sender, &kinds[k]);
        }
        assert_int_equal(count_all(attempt.first), sizeof(kinds) / sizeof(kinds[0]));
        close(sender);
        close(attempt.first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_decide),
        cmocka_unit_test(without_it_all_comes_by_the_first),
        cmocka_unit_test(the_port_stays_taken),
        cmocka_unit_test(refused_leaves_one_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
