/* voiceroom-floor: sends the datagrams of a plan (bench/rig/floor.h) at their times, and prints its
 * CPU time per datagram in microseconds, their number and their bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bench/rig/floor.h"

#define BATCH 64
#define STEP_NS 20000000

static bool read_plan(struct vr_floor_plan *plan)
{
    struct vr_floor_head *head = &plan->head;
    size_t sizes;

    if (fread(head, sizeof(*head), 1, stdin) != 1 || head->magic != VR_FLOOR_MAGIC ||
        head->speakers == 0 || head->speakers > 65536 || head->places > 1000000 ||
        head->steps > 10000) {
        return false;
    }
    sizes = (size_t)head->speakers * head->steps;
    plan->speaker = calloc(head->speakers, sizeof(*plan->speaker));
    plan->ports = calloc(head->places, sizeof(uint16_t));
    plan->sizes = calloc(sizes, sizeof(uint16_t));
    return plan->speaker != NULL && plan->ports != NULL && plan->sizes != NULL &&
           fread(plan->speaker, sizeof(*plan->speaker), head->speakers, stdin) == head->speakers &&
           fread(plan->ports, sizeof(uint16_t), head->places, stdin) == head->places &&
           fread(plan->sizes, sizeof(uint16_t), sizes, stdin) == sizes;
}

static void free_plan(struct vr_floor_plan *plan)
{
    free(plan->speaker);
    free(plan->ports);
    free(plan->sizes);
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void sleep_until(int64_t at)
{
    struct timespec ts = {at / 1000000000, at % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static uint32_t fan_out(int fd, const struct vr_floor_plan *plan,
                        const struct vr_floor_speaker *speaker, uint16_t size,
                        struct sockaddr_in *names)
{
    static uint8_t data[2048];
    struct mmsghdr heads[BATCH];
    struct iovec part = {data, size};
    uint32_t sent = 0;

    (void)plan;
    while (sent < speaker->count) {
        uint32_t count = speaker->count - sent < BATCH ? speaker->count - sent : BATCH;
        int n;

        for (uint32_t i = 0; i < count; i++) {
            heads[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &names[speaker->first + sent + i],
                                                    .msg_namelen = sizeof(*names),
                                                    .msg_iov = &part,
                                                    .msg_iovlen = 1}};
        }
        n = sendmmsg(fd, heads, count, 0);
        if (n <= 0) {
            break;
        }
        sent += (uint32_t)n;
    }
    return sent;
}

static int by_offset(const void *a, const void *b, void *ctx)
{
    const struct vr_floor_plan *sorting = ctx;
    uint32_t x = sorting->speaker[*(const uint32_t *)a].offset_us;
    uint32_t y = sorting->speaker[*(const uint32_t *)b].offset_us;

    return (x > y) - (x < y);
}

static void run(const struct vr_floor_plan *plan, struct sockaddr_in *names, uint32_t *order)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = plan->head.address};
    int64_t start = now_ns(CLOCK_MONOTONIC) + STEP_NS;
    int64_t cpu = 0;
    uint64_t packets = 0, bytes = 0;

    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0) {
        perror("voiceroom-floor");
        exit(1);
    }
    for (uint32_t step = 0; step < plan->head.steps; step++) {
        if (step == VR_FLOOR_WARM) {
            cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
        for (uint32_t i = 0; i < plan->head.speakers; i++) {
            const struct vr_floor_speaker *speaker = &plan->speaker[order[i]];
            uint16_t size = plan->sizes[order[i] * plan->head.steps + step];
            uint32_t sent;

            if (size == 0) {
                continue;
            }
            sleep_until(start + (int64_t)step * STEP_NS + (int64_t)speaker->offset_us * 1000);
            sent = fan_out(fd, plan, speaker, size, names);
            if (step >= VR_FLOOR_WARM) {
                packets += sent;
                bytes += (uint64_t)sent * size;
            }
        }
    }
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.4f %lu %lu\n", packets == 0 ? 0 : (double)cpu / 1000 / (double)packets, packets,
           bytes);
}

int main(void)
{
    struct vr_floor_plan plan = {0};
    struct sockaddr_in *names;
    uint32_t *order;

    if (!read_plan(&plan)) {
        fprintf(stderr, "voiceroom-floor: no plan on standard input\n");
        free_plan(&plan);
        return 2;
    }
    names = calloc(plan.head.places, sizeof(*names));
    order = calloc(plan.head.speakers, sizeof(*order));
    if (names == NULL || order == NULL) {
        free(names);
        free(order);
        free_plan(&plan);
        return 1;
    }
    for (uint32_t i = 0; i < plan.head.places; i++) {
        names[i] = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_addr = plan.head.address, .sin_port = htons(plan.ports[i])};
    }
    for (uint32_t i = 0; i < plan.head.speakers; i++) {
        order[i] = i;
    }
    qsort_r(order, plan.head.speakers, sizeof(*order), by_offset, &plan);
    run(&plan, names, order);
    free(names);
    free(order);
    free_plan(&plan);
    return 0;
}
