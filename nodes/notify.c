/* notify.c - one datagram at a time to the service manager. */
#include "nodes/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/** The size of the manager's address; 0: nobody listens. */
static socklen_t manager_name(struct sockaddr_un *to)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path == NULL ? 0 : strlen(path);

    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size < 2 || size >= sizeof(to->sun_path) || (path[0] != '/' && path[0] != '@')) {
        return 0;
    }
    memcpy(to->sun_path, path, size);
    if (path[0] == '@') {
        to->sun_path[0] = 0; /* the abstract namespace */
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

bool vr_notify_fd(const char *lines, int extra)
{
    union {
        struct cmsghdr head;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct sockaddr_un to;
    struct iovec text = {(void *)(uintptr_t)lines, strlen(lines)};
    struct msghdr message = {
        .msg_name = &to, .msg_namelen = manager_name(&to), .msg_iov = &text, .msg_iovlen = 1};
    ssize_t sent = -1;
    int fd = -1;

    if (message.msg_namelen == 0) {
        return false;
    }
    if (extra >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &extra, sizeof(extra));
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        close(fd);
    }
    return sent >= 0;
}

bool vr_notify(const char *lines)
{
    return vr_notify_fd(lines, -1);
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
