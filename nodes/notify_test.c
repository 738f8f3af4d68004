/* Goal: what the service manager gets is what was said, by a path and by the abstract namespace. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nodes/notify.h"

static void heard_through(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@') {
        at.sun_path[0] = 0;
    }
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    assert_true(vr_notify("READY=1\nSTATUS=well"));
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 19);
    assert_string_equal(text, "READY=1\nSTATUS=well");
    close(fd);
}

static void is_heard(void **state)
{
    char path[64];
    char abstract[64];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/voiceroom-notify-%d", (int)getpid());
    snprintf(abstract, sizeof(abstract), "@voiceroom-notify-%d", (int)getpid());
    heard_through(path);
    heard_through(abstract);
    assert_false(vr_notify("READY=1")); /* its socket is closed */
    unlink(path);
}

static void nobody_asked(void **state)
{
    static const char *const names[] = {"", "@", "relative", "/tmp/is/not/there"};
    char longer[200];

    (void)state;
    memset(longer, '/', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(vr_notify("READY=1"));
    }
    setenv("NOTIFY_SOCKET", longer, 1);
    assert_false(vr_notify("READY=1"));
    unsetenv("NOTIFY_SOCKET");
    assert_false(vr_notify("READY=1"));
}

static void watchdog_is_for_whom_it_names(void **state)
{
    char pid[16];

    (void)state;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_int_equal(vr_notify_watchdog(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(vr_notify_watchdog(), 30000000);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(vr_notify_watchdog(), 30000000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(vr_notify_watchdog(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(vr_notify_watchdog(), 0);
    setenv("WATCHDOG_USEC", "-5", 1);
    assert_int_equal(vr_notify_watchdog(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_heard),
        cmocka_unit_test(nobody_asked),
        cmocka_unit_test(watchdog_is_for_whom_it_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
