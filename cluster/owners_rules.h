/* owners_rules.h - who may take a room, who is first, where a new one is put: pure. */
#ifndef VR_CLUSTER_OWNERS_RULES_H
#define VR_CLUSTER_OWNERS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/base/ids.h"

/** The epoch: the generation above, the revision of the owner key below. Exact in a JavaScript
 * number for the first 31 generations. */
static inline uint64_t owners_fold(uint64_t generation, int64_t revision)
{
    return generation << 48 | ((uint64_t)revision & 0xffffffffffffu);
}

static inline uint64_t owners_generation(uint64_t epoch)
{
    return epoch >> 48;
}

static inline int64_t owners_revision(uint64_t epoch)
{
    return (int64_t)(epoch & 0xffffffffffffu);
}

/** A node as placement sees it. */
struct owners_place {
    uint32_t number;
    char region[32];
    char name[64];
    bool draining;
    uint32_t stress_permille; /* load that placement counts */
    uint32_t rooms;           /* breaks ties */
};

/** The place of `self` in the order in which nodes try to take a room without an owner: 0 for
 * those in sync (`owner`, `partner`; 0 is nobody), then the others, each room in an order of its
 * own, draining ones last. */
uint32_t owners_rank(struct vr_id room, uint32_t self, uint32_t owner, uint32_t partner,
                     const struct owners_place *places, uint32_t count);

/** Another node for a copy of the room: the first in the room's order that is not `self`, not
 * `except`, and does not drain. 0: nobody. */
uint32_t owners_candidate(struct vr_id room, uint32_t self, uint32_t except,
                          const struct owners_place *places, uint32_t count);

/** Where a new room is made that somebody asked for at `self`: here, unless we drain or another
 * node of our region has much less load (other regions only when every node of ours drains). Writes
 * why. Returns the node; 0 when nobody may take rooms. */
uint32_t owners_place(struct vr_id room, uint32_t self, const struct owners_place *places,
                      uint32_t count, char *reason, size_t size);

/** A load that differs by less than this is no reason to put a room elsewhere. */
#define PLACE_MARGIN 150 /* permille */

/** When nobody in sync has answered for so long, the newest copy left must do. */
#define SYNC_PATIENCE VR_SECONDS(10)

/** What to do with a room that somebody wants, as etcd has it now. */
struct owners_found {
    bool has_owner;      /* somebody's key stands */
    bool owner_is_us;    /* ... with our number and incarnation */
    bool was_ours;       /* ... with our number and the mark of the process before, whose lease we
                          * keep: nobody else may take it */
    bool known;          /* it has been a room: in-sync list, head, or a copy here */
    uint32_t in_sync[2]; /* nodes in sync; 0: nobody */
    bool in_sync_lives[2];
};
enum owners_step {
    OWNERS_TELL,    /* another's: messages go there */
    OWNERS_BEGIN,   /* ours already (a transaction of unknown outcome, a hand-over) */
    OWNERS_TAKE,    /* take it here */
    OWNERS_PLACE,   /* a new room: where? */
    OWNERS_PASS_ON, /* one in sync lives: it has all, let it take */
    OWNERS_NONE,    /* there is no such room */
};
struct owners_wish {
    bool creating;   /* somebody asks to create it */
    bool from_other; /* another node sent us here: don't send it on */
    bool wanted;     /* it lost its owner, and it is our turn */
    bool draining;   /* we are */
    uint32_t self;
};
enum owners_step owners_decide(const struct owners_found *found, const struct owners_wish *wish,
                               uint32_t *to);

#endif
