/* permissions.h - who may do what to whom, and when: one table, read by one function.
 *
 * Roles are widened to ranks: somebody outside of the room stands below a listener, the operator (a
 * token with roomAdmin) above the host. */
#ifndef VR_ROOM_PERMISSIONS_H
#define VR_ROOM_PERMISSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/err.h"
#include "actors/messages/command.h"

enum vr_rank {
    VR_RANK_OUTSIDER,
    VR_RANK_LISTENER,
    VR_RANK_SPEAKER,
    VR_RANK_MODERATOR,
    VR_RANK_HOST,
    VR_RANK_ADMIN,
    VR_RANKS
};

static inline enum vr_rank vr_rank_of(enum vr_role role)
{
    return (enum vr_rank)(VR_RANK_LISTENER + role);
}

/** Whom a command may be aimed at. */
enum vr_aim {
    VR_AIM_NONE,   /* it has no target; one that is given is ignored */
    VR_AIM_ANY,    /* anybody else */
    VR_AIM_BELOW,  /* only who stands lower than oneself */
    VR_AIM_REPORT, /* anybody else, whatever one's own rank */
};

/** What a command is beside its permissions. */
enum vr_trait {
    VR_TRAIT_PRESENT = 1 << 0,  /* only for people in the room: the operator's token does not do */
    VR_TRAIT_PASSING = 1 << 1,  /* leaves no record */
    VR_TRAIT_REMEMBER = 1 << 2, /* a repeat gets the same answer */
    VR_TRAIT_AUDIT = 1 << 3,    /* every time */
    VR_TRAIT_AUDIT_TARGET = 1 << 4, /* when done to another */
    VR_TRAIT_SAFE_CREATOR = 1 << 5, /* never to the creator */
    VR_TRAIT_NEEDS_TARGET = 1 << 6, /* without one: VR_E_BAD_REQUEST */
    VR_TRAIT_NO_ROOM = 1 << 7,      /* before the room exists, too */
};

enum vr_phase_bit {
    VR_IN_SCHEDULED = 1 << VR_SCHEDULED,
    VR_IN_ACTIVE = 1 << VR_ACTIVE,
    VR_IN_ENDED = 1 << VR_ENDED
};

struct vr_permission {
    enum vr_command_kind kind;
    uint32_t phases;     /* enum vr_phase_bit */
    enum vr_rank own;    /* least rank without a target (or aimed at oneself); VR_RANKS: nobody */
    enum vr_rank target; /* least rank with a target; VR_RANKS: nobody */
    enum vr_aim aim;
    uint32_t traits; /* enum vr_trait */
};

/** What is asked, as far as the table goes. */
struct vr_permit {
    enum vr_command_kind kind;
    enum vr_phase phase;
    enum vr_rank rank; /* of who asks */
    bool present;      /* he is in the room */
    bool has_target;   /* another person, not oneself */
    enum vr_rank target;
    bool target_is_creator;
};

/** The row of a command; always there. */
const struct vr_permission *vr_permission(enum vr_command_kind kind);

/** VR_OK; VR_E_GONE (the room has ended), VR_E_CONFLICT (it has not begun), VR_E_FORBIDDEN,
 * VR_E_BAD_REQUEST. */
enum vr_err vr_permit(const struct vr_permit *asked, struct vr_why *why);

#endif
