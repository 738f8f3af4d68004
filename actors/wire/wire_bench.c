/* wire_bench.c - what reading and writing a packet's head costs, beside the 2.4 us of a send. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actors/wire/level.h"
#include "actors/wire/rtp.h"

#define ROUNDS 5000000

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print(const char *what, double start)
{
    printf("%-36s %6.1f ns\n", what, (seconds() - start) * 1e9 / ROUNDS);
}

int main(void)
{
    const uint8_t level_byte = 0x9e;
    const uint32_t csrc = 17;
    struct vr_rtp_ext ext[] = {{1, 1, &level_byte}, {4, 1, (const uint8_t *)"0"}};
    struct vr_rtp_head head = {
        .pt = 111, .ssrc = 7, .csrc_count = 1, .csrc = &csrc, .ext_count = 2, .ext = ext};
    struct vr_rtp_source source;
    uint8_t packet[256] = {0};
    size_t size = vr_rtp_head_write(&head, packet, sizeof(packet)) + 80;
    uint64_t sum = 0;
    double start = seconds();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct vr_level level = {0};
        struct vr_rtp rtp;

        vr_rtp_put_seq(packet, (uint16_t)i);
        if (vr_rtp_parse_head(vr_bytes(packet, size), &rtp) && vr_level_of(&rtp, 1, &level)) {
            sum += rtp.seq + level.level;
        }
    }
    print("head parsed, level found", start);
    start = seconds();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        head.seq = (uint16_t)i;
        sum += *vr_rtp_head_prepend(&head, packet + 64, 64);
    }
    print("head written, CSRC and two elements", start);
    vr_rtp_source_init(&source, 0);
    start = seconds();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sum += vr_rtp_source_update(&source, (uint16_t)i, NULL);
        vr_rtp_source_arrived(&source, i * 960, i * 960 + (i & 15));
    }
    print("sequence and jitter counted", start);
    printf("(%llu)\n", (unsigned long long)sum); /* so that nothing above is left out */
    return EXIT_SUCCESS;
}
