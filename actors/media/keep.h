/* keep.h - a memory that outlives the process: what media workers need to go on after a kill -9
 * as if nothing had been (docs/architecture.md, "Over a restart").
 *
 *     header | per worker: head | peers cold | peers hot | gates | shards | turn | port
 *
 * The owner (a parent that parses nothing) makes the memory, shared and private to him: a memfd,
 * 0600, MADV_DONTDUMP, mapped before he forks, and
 * he gives its pages back at the end (nodes/inherit.h). One process at a time works on it: two
 * would use SRTP indices twice, so he reaps the old one before he forks the next. No pointers
 * inside; it may lie elsewhere each time. Whole words are stored in an order that is safe to die in
 * at any instruction; what a death tore is refused piece by piece when the next process begins. It
 * is good for one boot of the machine: after a crash of the machine newer indices may be missing.
 *
 * Nothing here knows an actor. Without a keep (NULL in vr_engine_conf) an engine uses memory of its
 * own, and all is as if this file did not exist. */
#ifndef VR_MEDIA_KEEP_H
#define VR_MEDIA_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/err.h"
#include "actors/base/ids.h"

/** Grows with each change of what lies in the memory: another one starts empty. */
#define VR_KEEP_LAYOUT 1u
#define VR_KEEP_WORKERS_MAX 64u
/** For whoever holds the memory: his counts of deaths and the like. At VR_KEEP_PARENT_AT in it,
 * never read or written here, zero in a new memory, kept when all else starts empty. */
#define VR_KEEP_PARENT_AT 256u
#define VR_KEEP_PARENT_BYTES 256u
/** For the edge (nodes/media_port.c): its batches. Zero when the worker starts empty. */
#define VR_KEEP_PORT_BYTES (512u * 1024u)

struct vr_keep;

struct vr_keep_conf {
    void *memory; /* page-aligned; outlives the keep; all zero when new */
    size_t size;  /* at least vr_keep_size; what is behind it is left alone */
    uint32_t workers;
    uint32_t peers_max; /* per worker; the engine's */
    struct vr_id boot;  /* of the machine: /proc/sys/kernel/random/boot_id */
    bool empty;         /* forget what is there: three deaths in ten seconds */
};

/** What vr_keep_open found. All but GOES_ON start empty. */
enum vr_keep_found {
    VR_KEEP_NEW,        /* zeros */
    VR_KEEP_GOES_ON,    /* peers are restored by vr_engine_new */
    VR_KEEP_OTHER,      /* another layout, or other numbers of workers or peers */
    VR_KEEP_OTHER_BOOT, /* of an earlier boot */
    VR_KEEP_DAMAGED,    /* the header's sum is wrong */
    VR_KEEP_EMPTIED     /* asked for */
};

/** Bytes for so many workers. Most of it is never touched, so never there: about 1.2 KB a peer. */
size_t vr_keep_size(uint32_t workers, uint32_t peers_max);

/** Look at the memory, start empty where it must, before any engine is made over it.
 *  Errors: VR_E_UNPROCESSABLE too small, no workers or too many; VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_keep_open(const struct vr_keep_conf *conf, struct vr_keep **out,
                                       enum vr_keep_found *found);
/** The memory stays as it is. After the engines. */
void vr_keep_close(struct vr_keep *keep);

/** Would vr_keep_open go on with this memory? Reads only: for a new parent that must choose between
 * taking over and a drain. */
bool vr_keep_knows(const void *memory, size_t size, uint32_t workers, uint32_t peers_max,
                   struct vr_id boot);
/** The peer whose packet is being handled by thread `thread` (gettid; 0: by any) has caused a
 * death; at the second one it is dropped when the next process begins. To be called for faults of
 * our own (SIGSEGV with si_code > 0, SIGABRT sent by ourselves), never for a kill from outside:
 * whoever speaks is likely to be at work then. Async-signal-safe. */
void vr_keep_blame(void *memory, size_t size, uint32_t thread);

/** VR_KEEP_PORT_BYTES for the edge of this worker, aligned to 64. */
void *vr_keep_port(struct vr_keep *keep, uint32_t worker);

/** What vr_engine_new made of it: for the log and the metrics. */
struct vr_keep_restored {
    uint32_t peers;   /* go on */
    uint32_t joining; /* had no keys yet: dropped */
    uint32_t torn;    /* refused: a wrong sum, a number out of range */
    uint32_t blamed;  /* dropped: two deaths */
    uint32_t gates, shards;
    uint32_t again; /* packets that were under way at the death and went out now */
};
void vr_keep_restored(const struct vr_keep *keep, uint32_t worker, struct vr_keep_restored *out);

#endif
