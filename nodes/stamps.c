#include "nodes/stamps.h"

#include <string.h>

void stamps_ask(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
}

void stamp_want(struct msghdr *message, union stamp_room *room)
{
    message->msg_control = room == NULL ? NULL : room->bytes;
    message->msg_controllen = room == NULL ? 0 : sizeof(room->bytes);
}

vr_time_us stamp_age(struct msghdr *message)
{
    struct cmsghdr *head = message->msg_control == NULL ? NULL : CMSG_FIRSTHDR(message);
    struct timespec came;
    struct timespec now;

    if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_TIMESTAMPNS) {
        return 0;
    }
    memcpy(&came, CMSG_DATA(head), sizeof(came));
    clock_gettime(CLOCK_REALTIME, &now);
    return (vr_time_us)(now.tv_sec - came.tv_sec) * 1000000 + (now.tv_nsec - came.tv_nsec) / 1000;
}

bool stamp_is_stale(struct msghdr *message)
{
    return stamp_age(message) > STAMPS_STALE;
}
