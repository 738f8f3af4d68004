/* writer.h - inside store/: a batch of commits becomes transactions, also when there is no space.
 *
 * The journal's thread owns it. A full map or disk refuses what adds, lets removals go on, and is
 * tried again every second; nobody needs to restart anything. */
#ifndef VR_STORE_WRITER_H
#define VR_STORE_WRITER_H

#include "store/env.h"
#include "store/space.h"

/** A commit on its way, and what became of it. */
struct vr_waiting {
    struct vr_waiting *next;
    struct vr_commit *commit; /* NULL once refused */
    vr_committed_fn done;
    void *ctx;
    uint64_t ticket;
    size_t bytes;
    vr_time_us since;
    enum vr_err refused; /* at submit; told in its turn */
    enum vr_err err;
    uint64_t revision;
};

struct vr_writer {
    struct vr_env *env;
    struct vr_space space;
    bool full;
    vr_time_us probe_at;   /* when full: the next look for space */
    uint64_t transactions; /* ended, well or not */
};

void vr_writer_init(struct vr_writer *writer, struct vr_env *env, const char *folder,
                    size_t reserve_bytes);
void vr_writer_deinit(struct vr_writer *writer);

/** Writes the batch and fills in `err` and `revision` of each. */
void vr_writer_write(struct vr_writer *writer, struct vr_waiting **batch, size_t count);
/** Looks for space when it is time; cheap otherwise. */
void vr_writer_probe(struct vr_writer *writer, vr_time_us now);

#endif
