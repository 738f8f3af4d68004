/* floor.h - the physical floor: the same number of datagrams of the same sizes to the same sockets,
 * sent by a plain process with sendmmsg. What it costs is what no server can go below without
 * sending less. The plan goes to voiceroom-floor by its standard input. */
#ifndef VR_BENCH_FLOOR_H
#define VR_BENCH_FLOOR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define VR_FLOOR_MAGIC 0x76726631u
#define VR_FLOOR_WARM 25 /* steps before the clock starts */

struct vr_floor_head {
    uint32_t magic;
    uint32_t speakers, places, steps;
    struct in_addr address;
};

struct vr_floor_speaker {
    uint32_t offset_us;    /* within the 20 ms */
    uint32_t first, count; /* of the places */
};

/** After the head: speakers, ports (uint16_t each place), sizes (uint16_t, steps of speaker 0, then
 * of the next; 0: nothing). */
struct vr_floor_plan {
    struct vr_floor_head head;
    struct vr_floor_speaker *speaker;
    uint16_t *ports;
    uint16_t *sizes;
};

struct vr_floor_result {
    double cpu_us_per_packet;
    uint64_t packets, bytes;
};

/** Runs the program beside this one; `tick` is called meanwhile, to drain the sockets. */
bool vr_floor_run(const char *program, const struct vr_floor_plan *plan, void (*tick)(void *ctx),
                  void *ctx, struct vr_floor_result *out);

#endif
