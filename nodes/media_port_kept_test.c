/* Goal: what a media port had read or queued when its process died is handled and sent by the next
 * one; what is too old or makes no sense is left. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nodes/media_port_internal.h"

#define PEERS 64

struct place {
    void *memory;
    size_t size;
    struct vr_keep *keep;
    struct vr_media_port *port;
    int receiver;
    struct vr_hop hop;
};

/* A process begins: over the memory that the last one had. */
static enum vr_keep_found process_begin(struct place *place)
{
    const struct vr_keep_conf conf = {.memory = place->memory,
                                      .size = place->size,
                                      .workers = 1,
                                      .peers_max = PEERS,
                                      .boot = {1, 2}};
    enum vr_keep_found found = VR_KEEP_DAMAGED;
    int fd = -1;
    struct vr_media_port_conf port = {.clock = vr_clock_system(),
                                      .random = vr_random_system(),
                                      .sockets = &fd,
                                      .socket_count = 1,
                                      .peers_max = PEERS};

    assert_int_equal(vr_keep_open(&conf, &place->keep, &found), VR_OK);
    port.keep = place->keep;
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &fd, NULL), VR_OK);
    assert_int_equal(vr_media_port_new(&port, &place->port), VR_OK);
    place->port->open = true;
    return found;
}

/* It dies: nothing of what is queued leaves. */
static void process_die(struct place *place)
{
    vr_media_port_free(place->port);
    vr_keep_close(place->keep);
}

static void place_open(struct place *place)
{
    socklen_t size = sizeof(place->hop.remote);

    *place = (struct place){.size = vr_keep_size(1, PEERS)};
    place->memory =
        mmap(NULL, place->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(place->memory != MAP_FAILED);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &place->receiver, NULL), VR_OK);
    assert_int_equal(getsockname(place->receiver, &place->hop.remote.any, &size), 0);
    assert_int_equal(process_begin(place), VR_KEEP_NEW);
}

static void place_close(struct place *place)
{
    process_die(place);
    close(place->receiver);
    munmap(place->memory, place->size);
}

static vr_time_us clock_now(void)
{
    return vr_clock_system()->now(vr_clock_system()->ctx);
}

static int received(const struct place *place, uint8_t *first)
{
    uint8_t byte[4];
    int count = 0;

    while (recv(place->receiver, byte, sizeof(byte), MSG_DONTWAIT) > 0) {
        *first = count == 0 ? byte[0] : *first;
        count++;
    }
    return count;
}

static uint64_t handled(const struct place *place)
{
    struct vr_engine_stats media;
    struct vr_media_port_stats port;

    vr_media_port_stats(place->port, &media, &port);
    return media.received;
}

static void what_was_queued_is_sent(void **state)
{
    static const uint8_t data[] = {7, 7, 7, 8, 8};
    struct place place;
    uint8_t first = 0;

    (void)state;
    place_open(&place);
    media_out_send_burst(place.port, &place.hop, vr_bytes(data, 5), 3);
    media_out_send_burst(place.port, &place.hop, vr_bytes(data, 2), 2);
    assert_int_equal(received(&place, &first), 0);
    process_die(&place);

    assert_int_equal(process_begin(&place), VR_KEEP_GOES_ON);
    media_go_on(place.port, clock_now());
    assert_int_equal(received(&place, &first), 3);
    assert_int_equal(first, 7);
    process_die(&place);

    (void)process_begin(&place);
    media_go_on(place.port, clock_now()); /* once is enough */
    assert_int_equal(received(&place, &first), 0);
    place_close(&place);
}

static void what_makes_no_sense_is_not_sent(void **state)
{
    static const uint8_t data[] = {7, 7, 7};
    struct place place;
    uint8_t first = 0;

    (void)state;
    place_open(&place);
    for (int wrong = 0; wrong < 4; wrong++) {
        struct port_kept *kept = place.port->kept;

        media_out_send_burst(place.port, &place.hop, vr_bytes(data, 3), 3);
        media_out_send_burst(place.port, &place.hop, vr_bytes(data, 3), 3);
        kept->out_count = wrong == 0 ? BATCH_OUT + 1 : kept->out_count;
        kept->out_size[1] = wrong == 1 ? UINT32_MAX : kept->out_size[1];
        kept->out_size[1] = wrong == 2 ? BURST_MAX + 1 : kept->out_size[1];
        kept->out_hop[1].socket = wrong == 3 ? 1 : kept->out_hop[1].socket;
        process_die(&place);
        (void)process_begin(&place);
        media_go_on(place.port, clock_now());
        assert_int_equal(received(&place, &first), 0);
        assert_int_equal(place.port->kept->out_count, 0);
    }
    place_close(&place);
}

/* As if the kernel had written them there: number 0 is STUN, the others are RTP. */
static void read_three(struct place *place, vr_time_us at)
{
    struct port_kept *kept = place->port->kept;

    for (uint32_t i = 0; i < 3; i++) {
        memset(kept->in_data[i], 0, 64);
        kept->in_data[i][0] = i == 0 ? 0 : 0x80;
        memcpy(&kept->in_name[i], &place->hop.remote, sizeof(place->hop.remote));
        kept->in[i].msg_len = 64;
    }
    kept->in_socket = 0;
    kept->in_at = at;
}

static void what_was_read_is_handled(void **state)
{
    struct place place;

    (void)state;
    place_open(&place);
    read_three(&place, clock_now());
    place.port->kept->in[2].msg_len = 0; /* that one was */
    process_die(&place);
    (void)process_begin(&place);
    media_go_on(place.port, place.port->kept->in_at + VR_MS(50));
    assert_int_equal(handled(&place), 2);
    for (uint32_t i = 0; i < BATCH_IN; i++) {
        assert_int_equal(place.port->kept->in[i].msg_len, 0);
    }
    place_close(&place);
}

static void old_speech_is_not(void **state)
{
    struct place place;

    (void)state;
    place_open(&place);
    read_three(&place, clock_now());
    process_die(&place);
    (void)process_begin(&place);
    media_go_on(place.port, place.port->kept->in_at + VR_MS(150));
    assert_int_equal(handled(&place), 1); /* STUN always */

    read_three(&place, clock_now());
    place.port->kept->in_socket = 9;
    process_die(&place);
    (void)process_begin(&place);
    media_go_on(place.port, clock_now());
    assert_int_equal(handled(&place), 0);
    place_close(&place);
}

/* A kernel begins to stamp some time after the first socket asked for it, and until then it gives
 * the time of the reading: this waits until a stamp is older than the reading was. */
static void stamps_begin(const struct place *place, const struct sockaddr_storage *to)
{
    int fd = place->port->sockets[0].fd;
    uint8_t byte = 0;
    bool begun = false;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int)), 0);
    for (int tries = 0; tries < 5000 && !begun; tries++) {
        struct iovec piece = {.iov_base = &byte, .iov_len = 1};
        union {
            struct cmsghdr head;
            uint8_t bytes[64];
        } control;
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        struct timespec sent;
        struct timespec came;

        assert_int_equal(sendto(place->receiver, &byte, 1, 0, (const struct sockaddr *)to,
                                sizeof(struct sockaddr_in)),
                         1);
        clock_gettime(CLOCK_REALTIME, &sent);
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
        assert_int_equal(recvmsg(fd, &message, 0), 1);
        assert_true(message.msg_controllen >= CMSG_LEN(sizeof(came)));
        assert_int_equal(control.head.cmsg_type, SCM_TIMESTAMPNS);
        memcpy(&came, CMSG_DATA(&control.head), sizeof(came));
        begun = came.tv_sec < sent.tv_sec ||
                (came.tv_sec == sent.tv_sec && came.tv_nsec <= sent.tv_nsec);
    }
    assert_true(begun);
}

/* What waited in the kernel while nobody read: by its own time stamp. */
static void speech_that_waited_is_told_by_its_stamp(void **state)
{
    static const uint8_t speech[64] = {0x80};
    static const uint8_t rtcp[64] = {0x80, 200};
    struct place place;
    struct port_kept *kept = NULL;
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct timespec pause = {.tv_nsec = 150 * 1000 * 1000};

    (void)state;
    place_open(&place);
    kept = place.port->kept;
    assert_int_equal(getsockname(place.port->sockets[0].fd, (struct sockaddr *)&name, &size), 0);
    stamps_begin(&place, &name);
    assert_int_equal(sendto(place.receiver, speech, 64, 0, (struct sockaddr *)&name, size), 64);
    assert_int_equal(sendto(place.receiver, rtcp, 64, 0, (struct sockaddr *)&name, size), 64);
    nanosleep(&pause, NULL); /* the time that it waits is what is tried */
    assert_int_equal(sendto(place.receiver, speech, 64, 0, (struct sockaddr *)&name, size), 64);
    place.port->fresh_until = VR_NEVER;
    media_in_stamps(place.port, true);
    assert_int_equal(recvmmsg(place.port->sockets[0].fd, kept->in, BATCH_IN, MSG_DONTWAIT, NULL),
                     3);
    assert_true(media_in_stale(place.port, 0));
    assert_false(media_in_stale(place.port, 1));
    media_in_stamps(place.port, false);
    assert_int_equal(place.port->fresh_until, 0);
    assert_false(media_in_stale(place.port, 0));
    place_close(&place);
}

/* Stopped, or on a machine that was paused: what came meanwhile is looked at as after a start. */
static void who_stood_still_asks_how_old_speech_is(void **state)
{
    struct place place;
    vr_time_us now = clock_now();

    (void)state;
    place_open(&place);
    place.port->fresh_until = 0;
    media_stood_still(place.port, now); /* nothing was due */
    place.port->armed = now + VR_SECONDS(5);
    media_stood_still(place.port, now);
    place.port->armed = now - VR_SECONDS(1); /* busy, no more */
    media_stood_still(place.port, now);
    assert_int_equal(place.port->fresh_until, 0);
    place.port->armed = now - VR_SECONDS(12);
    media_stood_still(place.port, now);
    assert_true(place.port->fresh_until > now);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_queued_is_sent),
        cmocka_unit_test(what_makes_no_sense_is_not_sent),
        cmocka_unit_test(what_was_read_is_handled),
        cmocka_unit_test(old_speech_is_not),
        cmocka_unit_test(speech_that_waited_is_told_by_its_stamp),
        cmocka_unit_test(who_stood_still_asks_how_old_speech_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
