/* permissions.c - the table of who may do what, and the one function that reads it. */
#include "actors/room/permissions.h"

#include "actors/base/assert.h"

/* clang-format off */
#define ANYTIME   (VR_IN_SCHEDULED | VR_IN_ACTIVE | VR_IN_ENDED)
#define OPEN      (VR_IN_SCHEDULED | VR_IN_ACTIVE)
#define LIVE      VR_IN_ACTIVE
#define NOBODY    VR_RANKS
#define OUTSIDER  VR_RANK_OUTSIDER
#define LISTENER  VR_RANK_LISTENER
#define SPEAKER   VR_RANK_SPEAKER
#define MODERATOR VR_RANK_MODERATOR
#define HOST      VR_RANK_HOST
#define ADMIN     VR_RANK_ADMIN
#define PRESENT   VR_TRAIT_PRESENT
#define PASSING   VR_TRAIT_PASSING
#define REMEMBER  VR_TRAIT_REMEMBER
#define AUDIT     VR_TRAIT_AUDIT
#define AUDIT_T   VR_TRAIT_AUDIT_TARGET
#define SAFE      VR_TRAIT_SAFE_CREATOR
#define TARGET    VR_TRAIT_NEEDS_TARGET
#define NO_ROOM   VR_TRAIT_NO_ROOM

static const struct vr_permission permissions[VR_CMD_KINDS] = {
    /* command                   command                phases   own        on another  at whom        traits */
    [VR_CMD_CREATE]         = { VR_CMD_CREATE,         ANYTIME, OUTSIDER,  NOBODY,    VR_AIM_NONE,   REMEMBER | NO_ROOM },
    [VR_CMD_START]          = { VR_CMD_START,          OPEN,    HOST,      NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_JOIN]           = { VR_CMD_JOIN,           OPEN,    OUTSIDER,  NOBODY,    VR_AIM_NONE,   REMEMBER },
    [VR_CMD_RESUME]         = { VR_CMD_RESUME,         OPEN,    OUTSIDER,  NOBODY,    VR_AIM_NONE,   REMEMBER },
    [VR_CMD_LEAVE]          = { VR_CMD_LEAVE,          ANYTIME, OUTSIDER,  NOBODY,    VR_AIM_NONE,   REMEMBER },
    [VR_CMD_LOST]           = { VR_CMD_LOST,           ANYTIME, OUTSIDER,  NOBODY,    VR_AIM_NONE,   0 },
    [VR_CMD_SNAPSHOT]       = { VR_CMD_SNAPSHOT,       OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | PASSING },
    [VR_CMD_HAND_RAISE]     = { VR_CMD_HAND_RAISE,     LIVE,    LISTENER,  NOBODY,    VR_AIM_ANY,    PRESENT | REMEMBER },
    [VR_CMD_HAND_LOWER]     = { VR_CMD_HAND_LOWER,     LIVE,    LISTENER,  MODERATOR, VR_AIM_ANY,    REMEMBER | AUDIT_T },
    [VR_CMD_MUTE]           = { VR_CMD_MUTE,           OPEN,    LISTENER,  MODERATOR, VR_AIM_BELOW,  REMEMBER | AUDIT_T },
    [VR_CMD_UNMUTE]         = { VR_CMD_UNMUTE,         OPEN,    LISTENER,  MODERATOR, VR_AIM_ANY,    REMEMBER | AUDIT_T },
    [VR_CMD_MUTE_ALL]       = { VR_CMD_MUTE_ALL,       OPEN,    MODERATOR, NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_ASK_UNMUTE]     = { VR_CMD_ASK_UNMUTE,     OPEN,    NOBODY,    MODERATOR, VR_AIM_ANY,    PASSING | TARGET },
    [VR_CMD_PROMOTE]        = { VR_CMD_PROMOTE,        OPEN,    NOBODY,    MODERATOR, VR_AIM_ANY,    REMEMBER | AUDIT | TARGET },
    [VR_CMD_DEMOTE]         = { VR_CMD_DEMOTE,         OPEN,    SPEAKER,   MODERATOR, VR_AIM_BELOW,  REMEMBER | AUDIT_T | SAFE },
    [VR_CMD_INVITE]         = { VR_CMD_INVITE,         OPEN,    NOBODY,    MODERATOR, VR_AIM_ANY,    REMEMBER | AUDIT | TARGET },
    [VR_CMD_ACCEPT]         = { VR_CMD_ACCEPT,         OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | REMEMBER },
    [VR_CMD_DECLINE]        = { VR_CMD_DECLINE,        OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | REMEMBER },
    [VR_CMD_MAKE_MODERATOR] = { VR_CMD_MAKE_MODERATOR, OPEN,    NOBODY,    HOST,      VR_AIM_ANY,    REMEMBER | AUDIT | TARGET },
    [VR_CMD_TRANSFER_HOST]  = { VR_CMD_TRANSFER_HOST,  OPEN,    NOBODY,    HOST,      VR_AIM_ANY,    REMEMBER | AUDIT | TARGET },
    [VR_CMD_KICK]           = { VR_CMD_KICK,           OPEN,    NOBODY,    MODERATOR, VR_AIM_BELOW,  REMEMBER | AUDIT | SAFE | TARGET },
    [VR_CMD_BAN]            = { VR_CMD_BAN,            OPEN,    NOBODY,    MODERATOR, VR_AIM_BELOW,  REMEMBER | AUDIT | SAFE | TARGET },
    [VR_CMD_UNBAN]          = { VR_CMD_UNBAN,          OPEN,    MODERATOR, NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_LOCK]           = { VR_CMD_LOCK,           OPEN,    MODERATOR, NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_UPDATE]         = { VR_CMD_UPDATE,         OPEN,    MODERATOR, NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_END]            = { VR_CMD_END,            OPEN,    HOST,      NOBODY,    VR_AIM_NONE,   REMEMBER | AUDIT },
    [VR_CMD_DELETE]         = { VR_CMD_DELETE,         ANYTIME, HOST,      NOBODY,    VR_AIM_NONE,   0 },
    [VR_CMD_REPORT]         = { VR_CMD_REPORT,         OPEN,    NOBODY,    LISTENER,  VR_AIM_REPORT, REMEMBER | AUDIT | TARGET },
    [VR_CMD_REACTION]       = { VR_CMD_REACTION,       LIVE,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | PASSING },
    [VR_CMD_CHAT]           = { VR_CMD_CHAT,           OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | PASSING | REMEMBER },
    [VR_CMD_CHAT_DELETE]    = { VR_CMD_CHAT_DELETE,    OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   REMEMBER },
    [VR_CMD_QUALITY]        = { VR_CMD_QUALITY,        OPEN,    LISTENER,  NOBODY,    VR_AIM_NONE,   PRESENT | PASSING },
    [VR_CMD_SPOKE]          = { VR_CMD_SPOKE,          ANYTIME, OUTSIDER,  NOBODY,    VR_AIM_NONE,   PASSING },
    [VR_CMD_SHOW]           = { VR_CMD_SHOW,           ANYTIME, OUTSIDER,  NOBODY,    VR_AIM_NONE,   PASSING },
    [VR_CMD_MOVE]           = { VR_CMD_MOVE,           OPEN,    NOBODY,    ADMIN,     VR_AIM_ANY,    AUDIT | TARGET },
    [VR_CMD_RESTORE]        = { VR_CMD_RESTORE,        ANYTIME, ADMIN,     NOBODY,    VR_AIM_NONE,   NO_ROOM },
};
/* clang-format on */

const struct vr_permission *vr_permission(enum vr_command_kind kind)
{
    vr_assert(kind < VR_CMD_KINDS);
    vr_assert(permissions[kind].kind == kind);
    return &permissions[kind];
}

static enum vr_err permit_own(const struct vr_permission *row, const struct vr_permit *asked,
                              struct vr_why *why)
{
    if ((row->traits & VR_TRAIT_NEEDS_TARGET) != 0) {
        return vr_fail(why, VR_E_BAD_REQUEST, "it needs another person as its target");
    }
    if (row->own == NOBODY || asked->rank < row->own) {
        return vr_fail(why, VR_E_FORBIDDEN, "the role does not allow it");
    }
    return VR_OK;
}

static enum vr_err permit_target(const struct vr_permission *row, const struct vr_permit *asked,
                                 struct vr_why *why)
{
    if (row->target == NOBODY || asked->rank < row->target) {
        return vr_fail(why, VR_E_FORBIDDEN, "the role does not allow it");
    }
    if ((row->traits & VR_TRAIT_SAFE_CREATOR) != 0 && asked->target_is_creator) {
        return vr_fail(why, VR_E_FORBIDDEN, "nobody may do this to the room's creator");
    }
    if (row->aim == VR_AIM_BELOW && asked->target >= asked->rank) {
        return vr_fail(why, VR_E_FORBIDDEN, "only to somebody of a lower role");
    }
    return VR_OK;
}

enum vr_err vr_permit(const struct vr_permit *asked, struct vr_why *why)
{
    const struct vr_permission *row = vr_permission(asked->kind);

    if ((row->phases & (1u << asked->phase)) == 0) {
        return asked->phase == VR_ENDED ? vr_fail(why, VR_E_GONE, "the room has ended")
                                        : vr_fail(why, VR_E_CONFLICT, "the room has not begun");
    }
    if ((row->traits & VR_TRAIT_PRESENT) != 0 && !asked->present) {
        return vr_fail(why, VR_E_FORBIDDEN, "only for people in the room");
    }
    if (asked->has_target && row->aim != VR_AIM_NONE) {
        return permit_target(row, asked, why);
    }
    return permit_own(row, asked, why);
}
