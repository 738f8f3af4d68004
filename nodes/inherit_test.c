/* Goal: what a parent holds is found by address and port, lives on in the next program, and is gone
 * when it is to be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nodes/inherit.h"
#include "nodes/media_port.h"
#include "nodes/socket.h"

#define MEMORY 8192

static struct vr_inherit nothing(void)
{
    return (struct vr_inherit){.page_fd = -1, .memory_fd = -1};
}

static void a_socket_is_found_by_what_it_is_bound_to(void **state)
{
    static struct vr_inherit held;
    uint16_t port = 0;
    char byte = 0;
    int fd = -1;

    (void)state;
    held = nothing();
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &held.sockets[0], NULL), VR_OK);
    held.socket_count = 1;
    port = vr_socket_port(held.sockets[0]);

    assert_true(vr_inherit_socket(&held, SOCK_DGRAM, "127.0.0.1", port, &fd));
    assert_int_not_equal(fd, held.sockets[0]);
    assert_int_equal(vr_socket_port(fd), port);
    close(fd);
    assert_false(vr_inherit_socket(&held, SOCK_STREAM, "127.0.0.1", port, &fd));
    assert_false(vr_inherit_socket(&held, SOCK_DGRAM, "127.0.0.2", port, &fd));
    assert_false(vr_inherit_socket(&held, SOCK_DGRAM, "127.0.0.1", (uint16_t)(port - 1), &fd));
    assert_false(vr_inherit_socket(&held, SOCK_DGRAM, "::1", port, &fd));
    assert_false(vr_inherit_socket(&held, SOCK_DGRAM, "no address", port, &fd));
    assert_false(vr_inherit_socket(NULL, SOCK_DGRAM, "127.0.0.1", port, &fd));

    /* What came while nobody read is there for whoever takes it next. */
    assert_int_equal(vr_media_socket_take(&held, "127.0.0.1", port, &fd, NULL), VR_OK);
    close(fd);
    assert_int_equal(vr_media_socket_open("127.0.0.1", 0, &fd, NULL), VR_OK);
    {
        struct sockaddr_storage name;
        socklen_t size = sizeof(name);

        assert_int_equal(getsockname(held.sockets[0], (struct sockaddr *)&name, &size), 0);
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&name, size), 1);
    }
    close(fd);
    assert_int_equal(vr_media_socket_take(&held, "127.0.0.1", port, &fd, NULL), VR_OK);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    close(fd);
    vr_inherit_close(&held);
    assert_false(vr_inherit_socket(&held, SOCK_DGRAM, "127.0.0.1", port, &fd));
}

static void memory_is_new_kept_or_wiped(void **state)
{
    static struct vr_inherit held, next;
    struct stat about;
    uint8_t *bytes = NULL;

    (void)state;
    held = nothing();
    assert_true(vr_inherit_make(&held, MEMORY));
    bytes = held.memory;
    for (size_t i = 0; i < MEMORY; i++) {
        assert_int_equal(bytes[i], 0);
    }
    assert_int_equal(fstat(held.memory_fd, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(about.st_nlink, 0); /* no file that another one could open */
    memcpy(bytes, "speech", sizeof("speech"));
    atomic_store(&held.page->deaths, 7);

    next = nothing();
    next.page_fd = dup(held.page_fd);
    next.memory_fd = dup(held.memory_fd);
    assert_true(vr_inherit_make(&next, MEMORY));
    assert_memory_equal(next.memory, "speech", 6);
    assert_int_equal(atomic_load(&next.page->deaths), 7);
    vr_inherit_wipe(&next);
    assert_memory_equal(next.memory, "\0\0\0\0\0\0", 6);
    assert_memory_equal(bytes, "\0\0\0\0\0\0", 6);
    assert_int_equal(atomic_load(&next.page->deaths), 7);
    vr_inherit_close(&next);

    /* Another size is another layout; what is no page is none. */
    next = nothing();
    next.memory_fd = dup(held.memory_fd);
    next.page_fd = dup(held.memory_fd);
    memcpy(bytes, "speech", sizeof("speech"));
    assert_true(vr_inherit_make(&next, 2 * MEMORY));
    assert_memory_equal(next.memory, "\0\0\0\0\0\0", 6);
    assert_int_equal(atomic_load(&next.page->deaths), 0);
    vr_inherit_close(&next);
    vr_inherit_close(&held);
}

/* Hand on in a process, adopt in the same one: what execve keeps is what is tried, without it. */
static int hand_over(void)
{
    static struct vr_inherit held, next;
    const char *count = NULL;
    uint16_t port = 0;
    int fd = -1;

    held = nothing();
    if (!vr_inherit_make(&held, MEMORY) ||
        vr_media_socket_open("127.0.0.1", 0, &held.sockets[0], NULL) != VR_OK ||
        vr_media_socket_open("127.0.0.1", 0, &held.sockets[1], NULL) != VR_OK) {
        return 1;
    }
    held.socket_count = 2;
    port = vr_socket_port(held.sockets[1]);
    memcpy(held.memory, "speech", sizeof("speech"));
    if (!vr_inherit_hand_on(&held) || fcntl(3, F_GETFD) != 0 || fcntl(6, F_GETFD) != 0) {
        return 2; /* they must stay open over execve, from 3 on */
    }
    count = getenv("LISTEN_FDS");
    if (count == NULL || strcmp(count, "4") != 0) {
        return 2;
    }
    vr_inherit_adopt(&next);
    if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL || next.socket_count != 2 ||
        fcntl(3, F_GETFD) != FD_CLOEXEC) {
        return 3;
    }
    if (!vr_inherit_make(&next, MEMORY) || memcmp(next.memory, "speech", 6) != 0 ||
        !vr_inherit_socket(&next, SOCK_DGRAM, "127.0.0.1", port, &fd)) {
        return 4;
    }
    return 0;
}

/* In a child, whose descriptors from 3 on belong to nobody else. */
static int in_child(int (*run)(void))
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void one_program_hands_on_to_the_next(void **state)
{
    (void)state;
    assert_int_equal(in_child(hand_over), 0);
}

static int adopt_strangers(void)
{
    static struct vr_inherit next;
    char number[16];

    snprintf(number, sizeof(number), "%d", (int)getpid() + 1);
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "vr-memory", 1);
    vr_inherit_adopt(&next);
    if (next.memory_fd != -1) {
        return 1; /* it was meant for another process */
    }
    snprintf(number, sizeof(number), "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "900", 1);
    setenv("LISTEN_FDNAMES", "someone:else", 1);
    next = nothing();
    vr_inherit_adopt(&next);
    if (next.memory_fd != -1 || next.page_fd != -1 || next.socket_count != 0) {
        return 2;
    }
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "-1x", 1);
    vr_inherit_adopt(&next);
    return next.socket_count == 0 ? 0 : 3;
}

static void what_is_not_ours_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(in_child(adopt_strangers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_found_by_what_it_is_bound_to),
        cmocka_unit_test(memory_is_new_kept_or_wiped),
        cmocka_unit_test(one_program_hands_on_to_the_next),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
