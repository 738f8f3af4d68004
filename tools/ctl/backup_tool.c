/* backup_tool.c - voiceroomd as a program that copies, checks and restores stores: LMDB is its
 * affair, and the version that checks is the one that will run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ctl/backup.h"

#define WORDS_MAX 8
#define ANSWER_MAX 65536

static void find_program(const struct vr_ctl *ctl, char out[VR_CTL_PATH_MAX])
{
    static const char *const places[] = {"voiceroomd", "../../nodes/voiceroomd"};
    const char *given = vr_ctl_text(ctl->line, "voiceroomd");
    char self[VR_CTL_PATH_MAX - 32] = "";
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = NULL;

    self[size < 0 ? 0 : size] = 0;
    slash = strrchr(self, '/');
    if (given == NULL && slash != NULL) {
        *slash = 0;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            snprintf(out, VR_CTL_PATH_MAX, "%s/%s", self, places[i]);
            if (access(out, X_OK) == 0) {
                return;
            }
        }
    }
    snprintf(out, VR_CTL_PATH_MAX, "%s", given == NULL ? "voiceroomd" : given);
}

static _Noreturn void become(char *const *argv, int out, bool quiet)
{
    int nowhere = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

    dup2(out, STDOUT_FILENO);
    if (nowhere >= 0) {
        dup2(nowhere, STDERR_FILENO);
    }
    execvp(argv[0], argv);
    fprintf(stderr, "error: %s cannot be run: %s (name it by --voiceroomd)\n", argv[0],
            strerror(errno));
    _exit(127);
}

static void read_answer(int fd, char *text)
{
    size_t at = 0;
    ssize_t got = 1;

    while (at < ANSWER_MAX - 1 && got != 0) {
        got = read(fd, text + at, ANSWER_MAX - 1 - at);
        if (got < 0 && errno != EINTR) {
            break;
        }
        at += got < 0 ? 0 : (size_t)got;
    }
    text[at] = 0;
}

static enum vr_ctl_exit code_of(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return VR_CTL_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        return VR_CTL_CONFLICT;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 3 ? VR_CTL_NOT_FOUND : VR_CTL_ERROR;
}

enum vr_ctl_exit vr_backup_tool(struct vr_ctl *ctl, const char *const *words, bool quiet,
                                json_t **answer)
{
    char program[VR_CTL_PATH_MAX];
    char *argv[WORDS_MAX + 2] = {program};
    char *text = malloc(ANSWER_MAX);
    int ends[2];
    int status = 0;
    pid_t child = -1;

    *answer = NULL;
    find_program(ctl, program);
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    fflush(stdout);
    if (text == NULL || pipe(ends) != 0) {
        free(text);
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "no process: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        close(ends[0]);
        become(argv, ends[1], quiet);
    }
    close(ends[1]);
    read_answer(ends[0], text);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    *answer = json_loads(text, 0, NULL);
    free(text);
    if (child < 0 || (code_of(status) == VR_CTL_OK && *answer == NULL)) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "%s answered nothing: is it of this version?",
                           program);
    }
    return code_of(status);
}
