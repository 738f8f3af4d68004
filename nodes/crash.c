/* crash.c - a signal handler that calls only what a handler may: open, write, and the backtrace,
 * whose library is loaded ahead. */
#include "nodes/crash.h"

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/media/keep.h"

#define FRAMES_MAX 64
#define REPORT_PATH 1024

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/* Of the process, as its signal handlers are: there is nowhere else to ask in a handler. */
static char report_path[REPORT_PATH];
static void *blamed_memory;
static size_t blamed_size;

/* --- the folder --- */

static int is_report(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);

    return size > 4 && strcmp(entry->d_name + size - 4, ".txt") == 0;
}

/** The names begin with the time: the first ones are the oldest. */
static void oldest_remove(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_report, alphasort);
    char path[1400];

    for (int i = 0; i < count; i++) {
        if (i + VR_CRASH_REPORTS_MAX <= count) {
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
            unlink(path);
        }
        free(entries[i]);
    }
    free(entries);
}

void vr_crash_path(const char *data, char *out, size_t capacity)
{
    char folder[1024];
    struct timespec now = {0};
    struct tm when = {0};
    char text[32] = "";

    out[0] = 0;
    if (snprintf(folder, sizeof(folder), "%s/crash", data) >= (int)sizeof(folder)) {
        return;
    }
    oldest_remove(folder);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &when);
    strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &when);
    if (snprintf(out, capacity, "%s/%s.%03ldZ.txt", folder, text, now.tv_nsec / 1000000) >=
        (int)capacity) {
        out[0] = 0;
    }
}

/** Also in a handler. The folder comes with its first report. */
static int report_open(const char *path)
{
    char folder[REPORT_PATH];
    const char *name = strrchr(path, '/');

    if (name == NULL || (size_t)(name - path) >= sizeof(folder)) {
        return -1;
    }
    memcpy(folder, path, (size_t)(name - path));
    folder[name - path] = 0;
    (void)mkdir(folder, 0700);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void vr_crash_note(const char *path, const char *line)
{
    int fd = report_open(path);

    if (fd >= 0) {
        dprintf(fd, "%s\n", line);
        close(fd);
    }
}

/* --- the signal --- */

static void put(int fd, const char *text)
{
    ssize_t ignored = write(fd, text, strlen(text));

    (void)ignored;
}

static void put_number(int fd, unsigned long number, unsigned base)
{
    static const char digits[] = "0123456789abcdef";
    char text[24];
    size_t at = sizeof(text);

    text[--at] = 0;
    do {
        text[--at] = digits[number % base];
        number /= base;
    } while (number != 0);
    put(fd, text + at);
}

/** The kernel's word for a fault, or abort() by this process itself. */
static bool is_our_own(const siginfo_t *info)
{
    return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == getpid());
}

/** The parent ends a node that hangs. */
static bool is_watchdogs(int number, const siginfo_t *info)
{
    return number == SIGABRT && info->si_code == SI_USER && info->si_pid == getppid();
}

static void on_deadly(int number, siginfo_t *info, void *context)
{
    void *frames[FRAMES_MAX];
    int fd = report_open(report_path);
    int count = 0;

    (void)context;
    if (blamed_memory != NULL && is_our_own(info)) {
        vr_keep_blame(blamed_memory, blamed_size, (uint32_t)gettid());
    } else if (blamed_memory != NULL && is_watchdogs(number, info)) {
        vr_keep_blame(blamed_memory, blamed_size, 0); /* whichever thread it is that hangs */
    }
    if (fd >= 0) {
        put(fd, "voiceroomd: signal ");
        put_number(fd, (unsigned long)number, 10);
        put(fd, ", address 0x");
        put_number(fd, (unsigned long)info->si_addr, 16);
        put(fd, ", thread ");
        put_number(fd, (unsigned long)gettid(), 10);
        put(fd, "\n");
        count = backtrace(frames, FRAMES_MAX);
        backtrace_symbols_fd(frames, count, fd);
        close(fd);
    }
    raise(number); /* SA_RESETHAND: this time it ends the process, as the handler returns */
}

void vr_crash_blame(void *memory, size_t size)
{
    blamed_memory = memory;
    blamed_size = size;
}

void vr_crash_watch(const char *path)
{
    struct sigaction action = {.sa_sigaction = on_deadly,
                               .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK};
    void *frames[1];

    if (path[0] == 0 ||
        snprintf(report_path, sizeof(report_path), "%s", path) >= (int)sizeof(report_path)) {
        return;
    }
    backtrace(frames, 1); /* loads its library now: a handler could not */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        sigaction(deadly[i], &action, NULL);
    }
}
