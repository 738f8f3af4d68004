#include "bench/rig/floor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool send_plan(int fd, const struct vr_floor_plan *plan)
{
    const struct vr_floor_head *head = &plan->head;

    return write_all(fd, head, sizeof(*head)) &&
           write_all(fd, plan->speaker, head->speakers * sizeof(*plan->speaker)) &&
           write_all(fd, plan->ports, head->places * sizeof(uint16_t)) &&
           write_all(fd, plan->sizes, (size_t)head->speakers * head->steps * sizeof(uint16_t));
}

static pid_t start(const char *program, int in[2], int out[2])
{
    pid_t pid = fork();

    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execl(program, program, (char *)NULL);
        perror(program);
        _exit(127);
    }
    return pid;
}

/* What voiceroom-floor prints: CPU time, datagrams, bytes. */
static bool read_result(const char *text, struct vr_floor_result *out)
{
    char *cpu_end, *packets_end, *bytes_end;

    errno = 0;
    out->cpu_us_per_packet = strtod(text, &cpu_end);
    out->packets = strtoul(cpu_end, &packets_end, 10);
    out->bytes = strtoul(packets_end, &bytes_end, 10);
    return errno == 0 && cpu_end != text && packets_end != cpu_end && bytes_end != packets_end;
}

static bool await(int fd, void (*tick)(void *ctx), void *ctx, struct vr_floor_result *out)
{
    char text[256];
    size_t size = 0;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t n = 0;

        if (poll(&wait, 1, 0) > 0) {
            n = read(fd, text + size, sizeof(text) - 1 - size);
            if (n <= 0) {
                break;
            }
            size += (size_t)n;
        }
        tick(ctx);
    }
    text[size] = 0;
    return read_result(text, out);
}

bool vr_floor_run(const char *program, const struct vr_floor_plan *plan, void (*tick)(void *ctx),
                  void *ctx, struct vr_floor_result *out)
{
    int in[2], answer[2];
    int status;
    pid_t pid;
    bool good;

    if (pipe(in) != 0) {
        return false;
    }
    if (pipe(answer) != 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    pid = start(program, in, answer);
    close(in[0]);
    close(answer[1]);
    good = pid > 0 && send_plan(in[1], plan);
    close(in[1]);
    good = good && await(answer[0], tick, ctx, out);
    close(answer[0]);
    if (pid > 0) {
        waitpid(pid, &status, 0);
    }
    return good;
}
