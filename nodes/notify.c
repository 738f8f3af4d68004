/* notify.c - one datagram at a time to the service manager. */
#include "nodes/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool vr_notify(const char *lines)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);
    ssize_t sent = -1;
    int fd = -1;

    if (size < 2 || size >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    memcpy(to.sun_path, path, size);
    if (path[0] == '@') {
        to.sun_path[0] = 0; /* the abstract namespace */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
        close(fd);
    }
    return sent >= 0;
}

vr_time_us vr_notify_watchdog(void)
{
    const char *wait = getenv("WATCHDOG_USEC");
    const char *whom = getenv("WATCHDOG_PID");
    char *end = NULL;
    long long us = 0;

    if (wait == NULL || (whom != NULL && strtoll(whom, NULL, 10) != (long long)getpid())) {
        return 0;
    }
    errno = 0;
    us = strtoll(wait, &end, 10);
    return errno != 0 || *end != 0 || us <= 0 ? 0 : (vr_time_us)us;
}
