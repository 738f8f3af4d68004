/* media_patient.c - the group of two sockets, and the program that sorts. */
#include "nodes/media_patient.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROMPT 0 /* places in the group, in the order of joining */
#define PATIENT 1
#define RECEIVER_REPORT 201 /* RFC 3550, 6.4.2; of SRTCP too, its first 8 bytes are clear */

/** RFC 7983: STUN begins with 0 to 3, DTLS with 20 to 63, RTP and RTCP with 128 to 191. A hello
 * must not overtake the check that makes its sender known, so both come by the same one: while
 * anybody connects that one is polled. A datagram that is too short for a load ends the program
 * with 0. */
static int sort_by_first_bytes(int fd)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 64, 0, 3),  /* less: to the patient one */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 128, 0, 3), /* less: to the prompt one */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RECEIVER_REPORT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, PATIENT),
        BPF_STMT(BPF_RET | BPF_K, PROMPT),
    };
    const struct sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]),
                                      .filter = program};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof(filter));
}

static int bind_beside(int fd, const struct sockaddr_storage *name, socklen_t size)
{
    const int yes = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0 ||
        (name->ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) != 0) ||
        bind(fd, (const struct sockaddr *)name, size) != 0) {
        return -1;
    }
    return sort_by_first_bytes(fd);
}

int vr_media_patient_open(int first)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof(name);
    const int yes = 1;
    const int no = 0;
    int failed;
    int fd;

    if (getsockname(first, (struct sockaddr *)&name, &size) != 0 ||
        setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0) {
        return -1;
    }
    fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind_beside(fd, &name, size) == 0) {
        return fd;
    }
    failed = errno;
    if (fd >= 0) {
        close(fd);
    }
    /* A socket that cannot share keeps its port for itself. */
    setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &no, sizeof(no));
    errno = failed;
    return -1;
}
