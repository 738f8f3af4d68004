/* Goal: a process that dies of a bug leaves a report and dies of the same signal; there are never
 * many reports. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/media/keep_layout.h"
#include "nodes/crash.h"

static char data[64];

static int folder_make(void **state)
{
    (void)state;
    snprintf(data, sizeof(data), "/tmp/voiceroom-crash-XXXXXX");
    return mkdtemp(data) == NULL;
}

static uint32_t reports(const char *remove_them)
{
    char folder[128];
    char path[512];
    uint32_t count = 0;
    struct dirent *entry = NULL;
    DIR *dir = NULL;

    snprintf(folder, sizeof(folder), "%s/crash", data);
    dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            count++;
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            if (remove_them != NULL) {
                unlink(path);
            }
        }
    }
    closedir(dir);
    return count;
}

static int folder_remove(void **state)
{
    char folder[128];

    (void)state;
    (void)reports("");
    snprintf(folder, sizeof(folder), "%s/crash", data);
    rmdir(folder);
    return rmdir(data);
}

static int died_of(const char *path, int number)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        vr_crash_watch(path);
        raise(number);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_death_leaves_a_report(void **state)
{
    static const int deadly[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    char path[1024];
    char text[8192];
    char wanted[32];

    (void)state;
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        ssize_t size = 0;
        int fd = -1;

        vr_crash_path(data, path, sizeof(path));
        assert_int_equal(access(path, F_OK), -1); /* only a death makes it */
        assert_int_equal(died_of(path, deadly[i]), deadly[i]);
        vr_crash_note(path, "and a line of the parent");
        fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        size = read(fd, text, sizeof(text) - 1);
        close(fd);
        assert_true(size > 0);
        text[size] = 0;
        snprintf(wanted, sizeof(wanted), "signal %d,", deadly[i]);
        assert_non_null(strstr(text, wanted));
        assert_non_null(strstr(text, "crash_test")); /* a frame of this program */
        assert_non_null(strstr(text, "and a line of the parent\n"));
        unlink(path);
    }
}

enum sent { BY_ITSELF, BY_PARENT };

/* A child that is at a packet of the first peer dies; how many deaths stand against that peer? */
static uint32_t blamed(void *memory, size_t size, struct vr_keep_part *part, enum sent sent,
                       int number)
{
    int ready[2];
    char byte = 0;
    pid_t child = 0;
    char path[1024];

    part->hot[0].deaths = 0;
    vr_crash_path(data, path, sizeof(path));
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        part->head->thread = (uint32_t)gettid();
        part->head->handling = 1;
        vr_crash_blame(memory, size);
        vr_crash_watch(path);
        if (sent == BY_ITSELF) {
            raise(number);
        }
        while (write(ready[1], "", 1) == 1) {
            pause();
        }
        _exit(0);
    }
    if (sent == BY_PARENT) {
        assert_int_equal(read(ready[0], &byte, 1), 1);
        kill(child, number);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    unlink(path);
    return part->hot[0].deaths;
}

static void a_fault_has_an_author(void **state)
{
    struct vr_keep_conf conf = {.size = vr_keep_size(1, 4), .workers = 1, .peers_max = 4};
    struct vr_keep *keep = NULL;
    struct vr_keep_part part;
    enum vr_keep_found found;

    (void)state;
    conf.memory = mmap(NULL, conf.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(conf.memory != MAP_FAILED);
    assert_int_equal(vr_keep_open(&conf, &keep, &found), VR_OK);
    assert_true(vr_keep_part(keep, 0, 4, &part));
    assert_int_equal(blamed(conf.memory, conf.size, &part, BY_ITSELF, SIGSEGV), 1);
    assert_int_equal(blamed(conf.memory, conf.size, &part, BY_ITSELF, SIGABRT), 1);
    assert_int_equal(blamed(conf.memory, conf.size, &part, BY_PARENT, SIGABRT), 1); /* it hung */
    assert_int_equal(blamed(conf.memory, conf.size, &part, BY_PARENT, SIGSEGV), 0);
    assert_int_equal(blamed(conf.memory, conf.size, &part, BY_PARENT, SIGKILL), 0);
    vr_keep_close(keep);
    munmap(conf.memory, conf.size);
}

static void there_are_never_many(void **state)
{
    char path[1024];
    char first[1024] = "";

    (void)state;
    for (int i = 0; i < VR_CRASH_REPORTS_MAX + 5; i++) {
        do {
            vr_crash_path(data, path, sizeof(path));
        } while (access(path, F_OK) == 0); /* named by the millisecond */
        vr_crash_note(path, "it died");
        if (first[0] == 0) {
            snprintf(first, sizeof(first), "%s", path);
        }
    }
    assert_true(reports(NULL) <= VR_CRASH_REPORTS_MAX);
    assert_int_equal(access(first, F_OK), -1); /* the oldest ones go */
    assert_int_equal(access(path, F_OK), 0);
}

static void without_a_folder_there_is_none(void **state)
{
    char path[1024] = "x";

    (void)state;
    vr_crash_path("/proc/nowhere", path, sizeof(path));
    vr_crash_note(path, "lost");
    assert_int_equal(died_of(path, SIGSEGV), SIGSEGV);
    path[0] = 0;
    vr_crash_note(path, "lost");
    assert_int_equal(died_of(path, SIGUSR1), SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_leaves_a_report),
        cmocka_unit_test(a_fault_has_an_author),
        cmocka_unit_test(there_are_never_many),
        cmocka_unit_test(without_a_folder_there_is_none),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
