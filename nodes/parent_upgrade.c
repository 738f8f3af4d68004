/* parent_upgrade.c - one program takes over from another while the node runs: the new one is asked
 * whether it can, then this process becomes it (execve), with all descriptors. The node lives on
 * below it until the new program has set up its libraries, ends by SIGKILL, and is forked anew:
 * for clients a crash like any other, which nobody hears. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/base/clock.h"
#include "actors/base/log.h"
#include "actors/media/keep.h"
#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/parent_internal.h"

#define ARGUMENTS_MAX 256
#define ASK_SECONDS 10
#define SAID_MAX 4096

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
    if (!config->supervise) {
        fprintf(stderr, "voiceroomd: can't take over in place: supervise is off in the settings\n");
        return false;
    }
    if (strcmp(own, layout) != 0) {
        fprintf(stderr,
                "voiceroomd: can't take over in place: what is kept has the layout %s, this "
                "program's with these settings is %s\n",
                layout, own);
        return false;
    }
    return true;
}

/* --- the question --- */

struct said {
    char text[SAID_MAX];
    size_t size;
};

/** All that the program says on its standard error, which goes to ours as well. It ends with the
 * program, or after ASK_SECONDS with what may hold the descriptor still. */
static void said_read(int fd, struct said *said)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us until = clock->now(clock->ctx) + VR_SECONDS(ASK_SECONDS);
    struct pollfd one = {.fd = fd, .events = POLLIN};

    for (;;) {
        char piece[512];
        vr_time_us left = until - clock->now(clock->ctx);
        ssize_t size = 0;
        ssize_t ignored = 0;

        if (left <= 0 || poll(&one, 1, (int)(left / VR_MS(1)) + 1) == 0) {
            return;
        }
        size = read(fd, piece, sizeof(piece)); /* at its end it gives 0 at once */
        if (size <= 0) {
            return;
        }
        ignored = write(STDERR_FILENO, piece, (size_t)size);
        (void)ignored;
        for (ssize_t i = 0; i < size && said->size < sizeof(said->text) - 1; i++) {
            said->text[said->size++] = piece[i];
        }
    }
}

/** One line of it, from its start, in characters that every log and JSON takes; the name before
 * each line goes. */
static void said_sum_up(const struct said *said, char why[VR_PARENT_WHY_TEXT])
{
    static const char name[] = "voiceroomd: ";
    size_t size = 0;
    bool start = true;

    for (size_t i = 0; i < said->size && size < VR_PARENT_WHY_TEXT - 3; i++) {
        char c = said->text[i];

        if (c == '\n') {
            start = true;
            continue;
        }
        if (start && strncmp(said->text + i, name, sizeof(name) - 1) == 0) {
            i += sizeof(name) - 2;
            continue;
        }
        if (start && size > 0) {
            why[size++] = ';';
            why[size++] = ' ';
        }
        start = false;
        why[size++] = c;
        if (c < ' ' || c > '~') {
            why[size - 1] = '?';
        }
    }
    why[size] = '\0';
}

/** It has said nothing: its end must do. */
static void end_sum_up(int status, char why[VR_PARENT_WHY_TEXT])
{
    if (WIFSIGNALED(status)) {
        snprintf(why, VR_PARENT_WHY_TEXT, "it died of signal %d (%s)%s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGALRM ? ": no answer within 10 s" : "");
    } else if (WEXITSTATUS(status) == 127) {
        snprintf(why, VR_PARENT_WHY_TEXT, "it could not be run");
    } else {
        snprintf(why, VR_PARENT_WHY_TEXT, "it ended with %d and said nothing", WEXITSTATUS(status));
    }
}

/** voiceroomd --takes-over WORD and the arguments of this one; `argv` has room for all. */
static bool question_make(const struct vr_parent *parent, char *layout, char **argv)
{
    uint32_t count = 3;

    argv[0] = parent->conf->argv[0];
    argv[1] = (char *)(uintptr_t) "--takes-over";
    argv[2] = layout;
    vr_parent_layout(parent->conf->config, layout);
    for (char **at = parent->conf->argv + 1; *at != NULL; at++) {
        if (count == ARGUMENTS_MAX) {
            return false;
        }
        argv[count++] = *at;
    }
    return true;
}

static void program_become(const struct vr_parent *parent, char **argv, int said_to)
{
    dup2(said_to, STDERR_FILENO);
    alarm(ASK_SECONDS); /* survives execve */
    execve(parent->program, argv, environ);
    _exit(127);
}

/** Can the program on disk go on with what this one holds, and does it take the settings? If not,
 * `why` tells. */
static bool program_agrees(const struct vr_parent *parent, char why[VR_PARENT_WHY_TEXT])
{
    char layout[VR_PARENT_LAYOUT_TEXT];
    char *argv[ARGUMENTS_MAX + 4] = {NULL};
    struct said said = {.size = 0};
    int ends[2] = {-1, -1};
    int status = 0;
    pid_t child = -1;

    if (!question_make(parent, layout, argv) || pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(why, VR_PARENT_WHY_TEXT, "it could not be asked");
        return false;
    }
    child = fork();
    if (child == 0) {
        program_become(parent, argv, ends[1]);
    }
    close(ends[1]);
    if (child > 0) {
        said_read(ends[0], &said);
    }
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        snprintf(why, VR_PARENT_WHY_TEXT, "it could not be asked: %s", strerror(errno));
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    said_sum_up(&said, why);
    if (why[0] == '\0') {
        end_sum_up(status, why);
    }
    return false;
}

/* --- the change --- */

/** Who asked, looks there. */
static void refusal_note(struct vr_parent *parent, const char *why)
{
    struct vr_parent_page *page = parent->held.page;

    snprintf(page->upgrade_why, sizeof(page->upgrade_why), "%s", why);
    atomic_fetch_add(&page->upgrades_refused, 1);
}

/** Back to what it was: this program goes on. */
static void stay(struct vr_parent *parent)
{
    struct vr_inherit again = {.page_fd = -1, .memory_fd = -1};
    const char *why = strerror(errno);
    char note[VR_PARENT_WHY_TEXT];

    vr_inherit_adopt(&again); /* closed on exec again, and the variables gone */
    unsetenv(running_node);
    atomic_fetch_sub(&parent->held.page->upgrades, 1);
    snprintf(note, sizeof(note), "it could not be started: %s", why);
    refusal_note(parent, note);
    vr_log(VR_LOG_ERROR, "the program on disk could not be started", VR_S("why", why),
           VR_S("program", parent->program));
}

void parent_upgrade(struct vr_parent *parent)
{
    char number[16];
    char why[VR_PARENT_WHY_TEXT] = "";

    if (parent->stopping || parent->program[0] == 0) {
        return;
    }
    if (!program_agrees(parent, why)) {
        refusal_note(parent, why);
        vr_log(VR_LOG_ERROR,
               "the program on disk can't take over from this one in place, or "
               "refuses the settings: nothing was changed; drain and restart instead",
               VR_S("why", why), VR_S("program", parent->program));
        return;
    }
    vr_log(VR_LOG_INFO, "the program on disk takes over", VR_S("program", parent->program));
    atomic_fetch_add(&parent->held.page->upgrades, 1);
    snprintf(number, sizeof(number), "%d", (int)parent->node);
    if (!vr_inherit_hand_on(&parent->held) || setenv(running_node, number, 1) != 0) {
        stay(parent);
        return;
    }
    execve(parent->program, parent->conf->argv, environ);
    stay(parent);
}
