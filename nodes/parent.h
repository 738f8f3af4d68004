/* parent.h - the process above the node: it holds the sockets and the memory, forks the node, waits
 * for its end, and forks it again when it died. It has no loop, no thread, and reads nothing that
 * comes from outside (docs/architecture.md, "The parent").
 *
 *     signals to the parent          what the node gets
 *     SIGTERM, SIGINT                SIGUSR1: a clean end, and the parent ends with its code;
 *                                    once more: at once
 *     SIGHUP                         SIGHUP: reads the configuration again
 *     SIGUSR2                        nothing: the program on disk takes over (an upgrade in place)
 *
 * The node ignores SIGTERM and SIGINT: a terminal or a service manager that signals the whole group
 * would reach it twice. It dies with its parent (PR_SET_PDEATHSIG), whatever that died of. */
#ifndef VR_NODES_PARENT_H
#define VR_NODES_PARENT_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/base/bytes.h"
#include "nodes/inherit.h"

#define VR_PARENT_LAYOUT_TEXT 64

struct vr_config;

struct vr_parent_conf {
    const struct vr_config *config;
    char **argv;        /* for the program that takes over */
    size_t memory_size; /* 0: the node keeps nothing */
};

/** Before any thread. Returns true in each node process, with what it inherits (freed by nobody: it
 * lives as long as the process); false in the parent when all is over, with its exit code: that of
 * a node that ended by itself, 128 + signal for one that died too often before it served. */
bool vr_parent_run(const struct vr_parent_conf *conf, const struct vr_inherit **inherit, int *code);

/** What page and memory look like with these settings, in one word. One program takes over from
 * another in place only if its word is the same: `voiceroomd --takes-over WORD`. */
void vr_parent_layout(const struct vr_config *config, char out[VR_PARENT_LAYOUT_TEXT]);
bool vr_parent_takes_over(const struct vr_config *config, const char *layout);

/* --- in a node, any thread; `inherit` NULL: it has no parent --- */

/** Ask the parent to let the program on disk take over: it judges that in its own time, and one of
 * the counts of vr_parent_upgrades grows. False: no parent. */
bool vr_parent_ask_upgrade(const struct vr_inherit *inherit);

struct vr_parent_upgrades {
    uint64_t done;
    uint64_t refused;
    uint64_t starts;              /* of node processes: the first one counts */
    char why[VR_PARENT_WHY_TEXT]; /* of the last refusal: one line of ASCII; "": there was none */
};
/** What became of it, since the parent's first start. Without a parent all is zero. */
void vr_parent_upgrades(const struct vr_inherit *inherit, struct vr_parent_upgrades *out);
/** For /readyz: "alone" without a parent, "steady", "died" and "emptied" (three deaths in ten
 * seconds) in the last ten minutes. */
const char *vr_parent_word(const struct vr_inherit *inherit);
void vr_parent_metrics_write(const struct vr_inherit *inherit, struct vr_buf *out);

#endif
