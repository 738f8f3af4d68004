/* inspect.c - the child process, the read-only view, and the check at start. */
#include "store/inspect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/env.h"
#include "store/frame.h"

#define CHECK_SECONDS 600

bool vr_inspect_write(int fd, const void *data, size_t size)
{
    const uint8_t *p = data;

    while (size > 0) {
        ssize_t done = write(fd, p, size);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        p += done;
        size -= (size_t)done;
    }
    return true;
}

bool vr_inspect_read(int fd, void *data, size_t size)
{
    uint8_t *p = data;

    while (size > 0) {
        ssize_t done = read(fd, p, size);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        p += done;
        size -= (size_t)done;
    }
    return true;
}

/* Dying is expected here: no report of a sanitizer, no core file, no handler of our process. */
static void become_expendable(unsigned seconds)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGTERM};
    struct rlimit none = {0, 0};
    sigset_t empty;

    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        signal(deadly[i], SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&empty);
    sigprocmask(SIG_SETMASK, &empty, NULL);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(seconds);
}

pid_t vr_inspect_fork(void (*work)(int fd, void *ctx), void *ctx, unsigned seconds, int *from_child)
{
    int ends[2];
    pid_t child;

    if (pipe(ends) != 0) {
        return -1;
    }
    child = fork();
    if (child == 0) {
        close(ends[0]);
        become_expendable(seconds);
        work(ends[1], ctx);
        _exit(0);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -1;
    }
    *from_child = ends[0];
    return child;
}

bool vr_inspect_wait(pid_t child, int from_child)
{
    int status = 0;
    pid_t got;

    close(from_child);
    do {
        got = waitpid(child, &status, 0);
    } while (got < 0 && errno == EINTR);
    return got == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* LMDB's own assertions print and abort; printing is not ours to do. */
static void on_lmdb_assert(MDB_env *env, const char *text)
{
    (void)env;
    (void)text;
    _exit(1);
}

int vr_inspect_open(struct vr_inspect *inspect, const char *folder)
{
    int rc = mdb_env_create(&inspect->env);

    if (rc == 0) {
        mdb_env_set_assert(inspect->env, on_lmdb_assert);
        rc = mdb_env_set_maxdbs(inspect->env, VR_TABLE_COUNT);
    }
    if (rc == 0) {
        rc = mdb_env_open(inspect->env, folder, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(inspect->env, NULL, MDB_RDONLY, &inspect->txn);
    }
    for (size_t i = 0; rc == 0 && i < VR_TABLE_COUNT; i++) {
        rc = mdb_dbi_open(inspect->txn, vr_table_name((enum vr_table)i), 0, &inspect->tables[i]);
        inspect->absent[i] = rc == MDB_NOTFOUND;
        rc = inspect->absent[i] ? 0 : rc;
    }
    return rc;
}

/* What the child says at its end; nothing at all when it could not get there. */
struct finding {
    int rc; /* of LMDB; 0 */
    uint32_t table;
    uint64_t rows;
    uint64_t damaged;
};

static int check_order(MDB_txn *txn, MDB_dbi dbi, const MDB_val *key, uint8_t *last,
                       size_t *last_size)
{
    MDB_val before = {*last_size, last};

    if (key->mv_size == 0 || key->mv_size > VR_KEY_MAX) {
        return MDB_CORRUPTED;
    }
    if (*last_size > 0 && mdb_cmp(txn, dbi, &before, key) >= 0) {
        return MDB_CORRUPTED; /* also what ends a circle of pages */
    }
    memcpy(last, key->mv_data, key->mv_size);
    *last_size = key->mv_size;
    return 0;
}

static int check_table(struct vr_inspect *inspect, enum vr_table table, struct finding *finding)
{
    uint8_t last[VR_KEY_MAX];
    size_t last_size = 0;
    MDB_dbi dbi = inspect->tables[table];
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val key;
    MDB_val value;
    uint64_t rows = 0;
    int rc = mdb_stat(inspect->txn, dbi, &stat);

    if (rc == 0) {
        rc = mdb_cursor_open(inspect->txn, dbi, &cursor);
    }
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct vr_bytes inside;

        rc = check_order(inspect->txn, dbi, &key, last, &last_size);
        if (rc == 0 && vr_frame_get(vr_bytes(value.mv_data, value.mv_size), table,
                                    vr_bytes(key.mv_data, key.mv_size), &inside) != VR_OK) {
            finding->damaged++;
        }
        rows++;
    }
    finding->rows += rows;
    if (rc == MDB_NOTFOUND) {
        rc = rows == stat.ms_entries ? 0 : MDB_CORRUPTED;
    }
    return rc;
}

/* A wrong number in the list of free pages would have the next writes fall on live ones. */
static int check_free_pages(struct vr_inspect *inspect)
{
    MDB_envinfo info;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint8_t *seen;
    int rc = mdb_env_info(inspect->env, &info);

    seen = calloc(info.me_last_pgno / 8 + 1, 1);
    if (rc != 0 || seen == NULL) {
        return rc != 0 ? rc : ENOMEM;
    }
    rc = mdb_cursor_open(inspect->txn, 0, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t words = value.mv_size / sizeof(size_t);
        size_t word;

        memcpy(&word, value.mv_data, words == 0 ? 0 : sizeof(word));
        if (key.mv_size != sizeof(size_t) || words == 0 || word > words - 1) {
            return MDB_CORRUPTED;
        }
        for (size_t i = word; i > 0; i--) {
            memcpy(&word, (uint8_t *)value.mv_data + i * sizeof(word), sizeof(word));
            if (word < 2 || word > info.me_last_pgno || (seen[word / 8] >> word % 8 & 1) != 0) {
                return MDB_CORRUPTED;
            }
            seen[word / 8] |= (uint8_t)(1u << word % 8);
        }
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static void check_in_child(int fd, void *ctx)
{
    const char *folder = ctx;
    struct vr_inspect inspect = {0};
    struct finding finding = {0};

    finding.table = VR_TABLE_COUNT; /* the file as a whole */
    finding.rc = vr_inspect_open(&inspect, folder);
    if (finding.rc == 0) {
        finding.rc = check_free_pages(&inspect);
    }
    for (uint32_t i = 0; finding.rc == 0 && finding.damaged == 0 && i < VR_TABLE_COUNT; i++) {
        if (!inspect.absent[i]) {
            finding.table = i;
            finding.rc = check_table(&inspect, (enum vr_table)i, &finding);
        }
    }
    _exit(vr_inspect_write(fd, &finding, sizeof(finding)) ? 0 : 1);
}

static enum vr_err damaged(struct vr_why *why, const char *folder, const char *what)
{
    /* `why` is short and the folder's name may be long: what to do comes first. */
    return vr_fail(why, VR_E_DAMAGED,
                   "data.mdb damaged (%s): run voiceroomd --repair, restore a backup, or move it "
                   "aside: %s/data.mdb",
                   what, folder);
}

/* No file, or an empty one in a folder that was never in use, is a first start. */
static bool is_first_start(const char *folder, bool *emptied)
{
    char path[4096];
    struct stat data;
    struct stat reserve;

    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    *emptied = false;
    if (stat(path, &data) != 0) {
        return errno == ENOENT;
    }
    snprintf(path, sizeof(path), "%s/reserve", folder);
    *emptied = data.st_size == 0 && stat(path, &reserve) == 0;
    return data.st_size == 0 && !*emptied;
}

enum vr_err vr_inspect_check(const char *folder, struct vr_why *why)
{
    struct finding finding;
    char text[96];
    int from_child;
    bool emptied;
    bool told;
    pid_t child;

    if (is_first_start(folder, &emptied)) {
        return VR_OK;
    }
    if (emptied) {
        return damaged(why, folder, "it is empty");
    }
    child = vr_inspect_fork(check_in_child, (void *)(uintptr_t)folder, CHECK_SECONDS, &from_child);
    if (child < 0) {
        return vr_fail(why, VR_E_NO_MEMORY, "no process for the check of %s", folder);
    }
    told = vr_inspect_read(from_child, &finding, sizeof(finding));
    vr_inspect_wait(child, from_child);
    if (!told) {
        return damaged(why, folder, "reading it crashes");
    }
    if (finding.rc != 0) {
        const char *place = finding.table < VR_TABLE_COUNT ? vr_table_name(finding.table) : "file";

        snprintf(text, sizeof(text), "%s: %s", place, mdb_strerror(finding.rc));
        return damaged(why, folder, text);
    }
    if (finding.damaged > 0) {
        snprintf(text, sizeof(text), "%llu bad checksums in %s",
                 (unsigned long long)finding.damaged, vr_table_name(finding.table));
        return damaged(why, folder, text);
    }
    return VR_OK;
}
