/* parent_upgrade.c - one program takes over from another while the node runs: the new one is asked
 * whether it can, then this process becomes it (execve), with all descriptors. The node lives on
 * below it until the new program has set up its libraries, ends by SIGKILL, and is forked anew:
 * for clients a crash like any other, which nobody hears. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/media/keep.h"
#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/parent_internal.h"

#define ARGUMENTS_MAX 256
#define ASK_SECONDS 10

extern char **environ;

/* Not a setting, so not a VOICEROOM_ name. */
static const char running_node[] = "VR_RUNNING_NODE";

void parent_program_find(struct vr_parent *parent)
{
    ssize_t size = readlink("/proc/self/exe", parent->program, sizeof(parent->program) - 1);

    parent->program[size > 0 ? size : 0] = 0;
}

void parent_adopt(struct vr_parent *parent)
{
    const char *text = getenv(running_node);
    long node = 0;

    vr_inherit_adopt(&parent->held);
    if (text != NULL) {
        node = strtol(text, NULL, 10);
        /* Only one of our own: the number could stand there by mistake. */
        parent->node = node > 1 && waitpid((pid_t)node, NULL, WNOHANG) == 0 ? (pid_t)node : 0;
        unsetenv(running_node);
    }
}

void vr_parent_layout(const struct vr_config *config, char out[VR_PARENT_LAYOUT_TEXT])
{
    snprintf(out, VR_PARENT_LAYOUT_TEXT, "%u.%u.%zu", VR_PARENT_PAGE_LAYOUT, VR_KEEP_LAYOUT,
             vr_node_memory_size(config));
}

bool vr_parent_takes_over(const struct vr_config *config, const char *layout)
{
    char own[VR_PARENT_LAYOUT_TEXT];

    vr_parent_layout(config, own);
    if (!config->supervise || strcmp(own, layout) != 0) {
        fprintf(stderr, "voiceroomd: can't take over %s in place: drain the node and restart it\n",
                layout);
        return false;
    }
    return true;
}

/** voiceroomd --takes-over WORD and the arguments of this one: it judges the settings too. */
static bool program_agrees(const struct vr_parent *parent)
{
    char layout[VR_PARENT_LAYOUT_TEXT];
    char *argv[ARGUMENTS_MAX + 4] = {parent->conf->argv[0], (char *)(uintptr_t) "--takes-over",
                                     layout};
    uint32_t count = 3;
    int status = 0;
    pid_t child;

    vr_parent_layout(parent->conf->config, layout);
    for (char **at = parent->conf->argv + 1; *at != NULL; at++) {
        if (count == ARGUMENTS_MAX) {
            return false;
        }
        argv[count++] = *at;
    }
    child = fork();
    if (child == 0) {
        alarm(ASK_SECONDS); /* survives execve */
        execve(parent->program, argv, environ);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/** Back to what it was: this program goes on. */
static void stay(struct vr_parent *parent)
{
    struct vr_inherit again = {.page_fd = -1, .memory_fd = -1};

    vr_inherit_adopt(&again); /* closed on exec again, and the variables gone */
    unsetenv(running_node);
    atomic_fetch_sub(&parent->held.page->upgrades, 1);
    vr_log(VR_LOG_ERROR, "the program on disk could not be started", VR_S("why", strerror(errno)),
           VR_S("program", parent->program));
}

void parent_upgrade(struct vr_parent *parent)
{
    char number[16];

    if (parent->stopping || parent->program[0] == 0) {
        return;
    }
    if (!program_agrees(parent)) {
        vr_log(VR_LOG_ERROR,
               "the program on disk can't take over from this one in place, or "
               "refuses the settings: nothing was changed; drain and restart instead",
               VR_S("program", parent->program));
        return;
    }
    vr_log(VR_LOG_INFO, "the program on disk takes over", VR_S("program", parent->program));
    snprintf(number, sizeof(number), "%d", (int)parent->node);
    if (!vr_inherit_hand_on(&parent->held) || setenv(running_node, number, 1) != 0) {
        stay(parent);
        return;
    }
    atomic_fetch_add(&parent->held.page->upgrades, 1);
    execve(parent->program, parent->conf->argv, environ);
    stay(parent);
}
