/* Goal: a port on a loop reads checks in bunches where they come often, speech at once always, and
 * each check at once where they are few; round trips are told without the wait. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/runtime/system.h"
#include "nodes/media_port_internal.h"
#include "nodes/refuse_rig.h"

struct world {
    uv_loop_t loop;
    struct vr_clock clock;
    vr_time_us now;
    struct vr_system *system;
    struct vr_media_port *port;
    int sender;
};

static vr_time_us world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void world_open(struct world *w)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof(name);
    struct vr_system_conf system = {
        .random = vr_random_system(), .node = 1, .media_workers = 1, .control_workers = 1};
    int fd = -1;
    struct vr_media_port_conf conf = {
        .random = vr_random_system(), .sockets = &fd, .socket_count = 1, .peers_max = 64};

    *w = (struct world){.now = VR_SECONDS(1000)};
    w->clock = (struct vr_clock){.now = world_now, .ctx = w};
    conf.clock = &w->clock;
    system.clock = &w->clock;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(vr_system_new(&system, &w->system), VR_OK);
    conf.worker = vr_system_worker(w->system, VR_WORKER_MEDIA, 0);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &fd, NULL), VR_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    w->sender = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(connect(w->sender, (struct sockaddr *)&name, size), 0);
    assert_int_equal(vr_media_port_new(&conf, &w->port), VR_OK);
    assert_int_equal(vr_media_port_open(w->port, &w->loop, NULL), VR_OK);
}

static void world_close(struct world *w)
{
    vr_media_port_close(w->port);
    vr_media_port_before_wait(w->port, w->now); /* its last pass */
    uv_run(&w->loop, UV_RUN_DEFAULT);
    vr_media_port_free(w->port);
    vr_system_free(w->system);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    close(w->sender);
}

/* A pass of the loop, as actors/runtime/loop.c makes it. */
static void pass(struct world *w)
{
    uv_run(&w->loop, UV_RUN_NOWAIT);
    vr_media_port_before_wait(w->port, w->now);
}

static void check_comes(const struct world *w)
{
    static const uint8_t stun[20] = {0, 1};

    assert_int_equal(send(w->sender, stun, sizeof(stun), 0), sizeof(stun));
}

static void speech_comes(const struct world *w)
{
    static const uint8_t rtp[100] = {0x80, 111};

    assert_int_equal(send(w->sender, rtp, sizeof(rtp), 0), sizeof(rtp));
}

static struct vr_engine_stats seen(const struct world *w)
{
    struct vr_engine_stats media;
    struct vr_media_port_stats port;

    vr_media_port_stats(w->port, &media, &port);
    return media;
}

static uint64_t patient_sockets(const struct world *w)
{
    struct vr_engine_stats media;
    struct vr_media_port_stats port;

    vr_media_port_stats(w->port, &media, &port);
    return port.patient_sockets;
}

/* Two checks close together: from here on they are waited for. */
static void grow_patient(struct world *w)
{
    check_comes(w);
    pass(w);
    w->now += VR_MS(5);
    check_comes(w);
    pass(w);
    assert_int_equal(seen(w).stun_in, 2);
    assert_false(uv_is_active((uv_handle_t *)&w->port->patients[0].poll)); /* wakes nobody */
}

static void few_checks_are_read_at_once(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(patient_sockets(&w), 1);
    pass(&w);
    for (uint64_t i = 1; i <= 5; i++) {
        check_comes(&w);
        pass(&w);
        assert_int_equal(seen(&w).stun_in, i);
        w.now += VR_SECONDS(1);
    }
    world_close(&w);
}

static void many_wait_for_the_next_wake(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    grow_patient(&w);
    w.now += VR_MS(5);
    check_comes(&w);
    speech_comes(&w);
    pass(&w);
    assert_int_equal(seen(&w).stun_in, 2);
    assert_int_equal(seen(&w).unknown_source, 1); /* that is what speech of nobody is */
    w.now += VR_MS(5);
    check_comes(&w);
    speech_comes(&w);
    pass(&w);
    assert_int_equal(seen(&w).unknown_source, 2);
    assert_int_equal(seen(&w).stun_in, 4);
    world_close(&w);
}

/* Nothing else wakes the worker: its own timer does, and an empty read ends the waiting. */
static void without_speech_a_timer_reads_them(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    grow_patient(&w);
    check_comes(&w);
    pass(&w);
    assert_int_equal(seen(&w).stun_in, 2);
    w.now += VR_PATIENCE_LONGEST;
    uv_run(&w.loop, UV_RUN_ONCE); /* waits for it */
    vr_media_port_before_wait(w.port, w.now);
    assert_int_equal(seen(&w).stun_in, 3);
    w.now += VR_PATIENCE_LONGEST;
    uv_run(&w.loop, UV_RUN_ONCE);
    vr_media_port_before_wait(w.port, w.now);
    check_comes(&w);
    pass(&w); /* polled again */
    assert_int_equal(seen(&w).stun_in, 4);
    world_close(&w);
}

static void *where_it_is_refused(void *arg)
{
    struct world *w = arg;

    refuse_setsockopt(SO_ATTACH_REUSEPORT_CBPF);
    world_open(w);
    return NULL;
}

/* One socket, and everything at once: speech, and checks however many. */
static void refused_everything_is_read_at_once(void **state)
{
    struct world w;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, where_it_is_refused, &w), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(patient_sockets(&w), 0);
    for (uint64_t i = 1; i <= 20; i++) {
        check_comes(&w);
        speech_comes(&w);
        pass(&w);
        assert_int_equal(seen(&w).stun_in, i);
        assert_int_equal(seen(&w).unknown_source, i);
        w.now += VR_MS(1);
    }
    world_close(&w);
}

/* What it waited is known by the kernel's stamp; by no more than since the last read, whatever the
 * clock of the day does. */
static void the_wait_is_told(void **state)
{
    struct timespec wait = {.tv_nsec = 3 * 1000 * 1000};
    struct world w;

    (void)state;
    world_open(&w);
    grow_patient(&w);
    check_comes(&w);
    nanosleep(&wait, NULL); /* the time that it waits is what is tried */
    media_in_stamps(w.port, true);
    assert_int_equal(
        recvmmsg(w.port->patients[0].fd, w.port->kept->in, BATCH_IN, MSG_DONTWAIT, NULL), 1);
    w.now += VR_SECONDS(60); /* since the last read, by the port's clock */
    assert_in_range(media_patients_waited(w.port, 0, w.now), VR_MS(2), VR_SECONDS(50));
    assert_int_equal(media_patients_waited(w.port, 0, w.now - VR_SECONDS(60) + VR_MS(1)), VR_MS(1));
    media_in_stamps(w.port, false);
    assert_int_equal(media_patients_waited(w.port, 0, w.now), 0);
    w.port->kept->in[0].msg_len = 0;
    world_close(&w);
}

/* More than one read takes: the rest is read in the next passes, not 10 ms later, by when a flood
 * would have outgrown the buffer. */
static void a_backlog_is_read_without_waiting(void **state)
{
    int bytes = 0;
    socklen_t size = sizeof(bytes);
    struct world w;

    (void)state;
    world_open(&w);
    grow_patient(&w);
    assert_int_equal(getsockopt(w.port->patients[0].fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
    if (bytes < 4 * READ_MAX * 1024) { /* not privileged: so many have no room */
        world_close(&w);
        skip();
    }
    for (uint32_t i = 0; i < READ_MAX + 100; i++) {
        check_comes(&w);
    }
    w.now += VR_PATIENCE_SHORTEST;
    pass(&w);
    assert_int_equal(seen(&w).stun_in, 2 + READ_MAX);
    pass(&w);
    assert_int_equal(seen(&w).stun_in, 2 + READ_MAX + 100);
    world_close(&w);
}

/* No actor of a media worker has a timer: that of the port tells how late it runs. */
static void a_late_port_is_a_late_worker(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(vr_system_media_lag(w.system, w.now), 0);
    grow_patient(&w); /* its timer is armed */
    w.now += VR_PATIENCE_LONGEST + VR_MS(80);
    uv_run(&w.loop, UV_RUN_ONCE); /* waits for it */
    assert_int_equal(vr_system_media_lag(w.system, w.now), VR_MS(80));
    vr_media_port_before_wait(w.port, w.now);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_checks_are_read_at_once),
        cmocka_unit_test(many_wait_for_the_next_wake),
        cmocka_unit_test(without_speech_a_timer_reads_them),
        cmocka_unit_test(refused_everything_is_read_at_once),
        cmocka_unit_test(the_wait_is_told),
        cmocka_unit_test(a_backlog_is_read_without_waiting),
        cmocka_unit_test(a_late_port_is_a_late_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
