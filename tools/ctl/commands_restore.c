/* commands_restore.c - backup verify and restore: everything is read, sealed and walked before
 * anything takes its place. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/backup.h"
#include "tools/ctl/commands.h"

static const struct vr_ctl_column part_columns[] = {
    {"PART", "part", false},       {"BYTES", "bytes", false}, {"RECORDS", "records", false},
    {"SECONDS", "seconds", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape part_shape = {part_columns, "part"};

static double since(double started)
{
    return round((vr_backup_clock() - started) * 1000) / 1000;
}

/** Walk one restored store; how many records it has. */
static enum vr_ctl_exit check(struct vr_ctl *ctl, const struct vr_backup_part *part,
                              json_int_t *records)
{
    const char *words[] = {"--store-check", part->folder, NULL};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_backup_tool(ctl, words, false, &answer);

    *records = json_integer_value(json_object_get(answer, "records"));
    json_decref(answer);
    return code == VR_CTL_OK ? code
                             : vr_ctl_fail(ctl, VR_CTL_ERROR, "%s is no good store", part->name);
}

static enum vr_ctl_exit verify_parts(struct vr_ctl *ctl, const struct vr_backup_parts *parts,
                                     double started)
{
    json_t *rows = json_array();
    enum vr_ctl_exit code = VR_CTL_OK;

    for (size_t i = 0; code == VR_CTL_OK && i < parts->count; i++) {
        const struct vr_backup_part *part = &parts->part[i];
        json_int_t records = 0;
        bool store = part->folder[0] != 0;

        code = store ? check(ctl, part, &records) : VR_CTL_OK;
        json_array_append_new(rows, json_pack("{s:s, s:I, s:o, s:f}", "part", part->name, "bytes",
                                              (json_int_t)part->bytes, "records",
                                              store ? json_integer(records) : json_null(),
                                              "seconds", since(started)));
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, rows, &part_shape);
    }
    json_decref(rows);
    return code;
}

static const char *temporary(void)
{
    const char *folder = getenv("TMPDIR");

    return folder == NULL || folder[0] == 0 ? "/tmp" : folder;
}

enum vr_ctl_exit vr_ctl_backup_verify(struct vr_ctl *ctl)
{
    struct vr_backup_parts *parts = calloc(1, sizeof(*parts));
    double started = vr_backup_clock();
    char folder[VR_CTL_PATH_MAX] = "";
    enum vr_ctl_exit code = VR_CTL_ERROR;

    if (parts != NULL && vr_backup_folder(ctl, temporary(), folder)) {
        code = vr_backup_unpack(ctl, vr_ctl_arg(ctl, 0), folder, NULL, NULL, parts);
    }
    if (code == VR_CTL_OK) {
        code = verify_parts(ctl, parts, started);
    }
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "whole: it was restored and read in %.3f s", since(started));
    }
    vr_backup_remove(folder);
    free(parts);
    return code;
}

/* --- restore --- */

struct restore {
    struct vr_ctl *ctl;
    const char *path;
    const char *to;               /* the data folder; NULL: no store is wanted */
    const char *room;             /* only this one; NULL: the whole store */
    const char *etcd;             /* where its snapshot goes; NULL: not wanted */
    char folder[VR_CTL_PATH_MAX]; /* for the work */
    int lock;
    struct vr_backup_parts *parts;
    json_int_t records;
};

/** The same lock as the node's: nobody runs on the folder meanwhile, and no node may start. The
 * file must stay the node's own. */
static enum vr_ctl_exit lock_folder(struct restore *restore)
{
    char path[VR_CTL_PATH_MAX + 32];
    struct stat about;

    snprintf(path, sizeof(path), "%s/voiceroomd.lock", restore->to);
    restore->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (restore->lock < 0) {
        return vr_ctl_fail(restore->ctl, VR_CTL_ERROR, "%s: %s", path, strerror(errno));
    }
    if (flock(restore->lock, LOCK_EX | LOCK_NB) != 0) {
        return vr_ctl_fail(restore->ctl, VR_CTL_CONFLICT,
                           "a node runs on %s: stop it before its store is restored", restore->to);
    }
    if (stat(restore->to, &about) != 0 || fchown(restore->lock, about.st_uid, about.st_gid) != 0) {
        return vr_ctl_fail(restore->ctl, VR_CTL_ERROR, "%s: %s", path, strerror(errno));
    }
    return VR_CTL_OK;
}

/** There is no store yet, or --replace was given. */
static enum vr_ctl_exit judge_folder(const struct restore *restore)
{
    char path[VR_CTL_PATH_MAX + 32];
    struct stat about;

    snprintf(path, sizeof(path), "%s/data.mdb", restore->to);
    if (stat(path, &about) == 0 && about.st_size > 0 &&
        !vr_ctl_given(restore->ctl->line, "replace")) {
        return vr_ctl_fail(restore->ctl, VR_CTL_CONFLICT,
                           "%s is there: --replace takes its place and keeps it aside", path);
    }
    return VR_CTL_OK;
}

static const struct vr_backup_part *find_store(const struct vr_backup_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (parts->part[i].folder[0] != 0) {
            return &parts->part[i];
        }
    }
    return NULL;
}

/** The one store that is meant: --node, or the only one; "" for a room alone: wherever it is. */
static enum vr_ctl_exit choose(struct restore *restore, char out[VR_ARCHIVE_NAME])
{
    const char *node = vr_ctl_text(restore->ctl->line, "node");
    enum vr_ctl_exit code = vr_backup_look(restore->ctl, restore->path, restore->parts);
    size_t fits = 0;

    for (size_t i = 0; code == VR_CTL_OK && i < restore->parts->count; i++) {
        const char *name = restore->parts->part[i].name;

        if (strncmp(name, "store/", 6) == 0 && (node == NULL || strcmp(name + 6, node) == 0)) {
            snprintf(out, VR_ARCHIVE_NAME, "%s", name + 6);
            fits++;
        }
        if (node == NULL && fits > 1 && restore->room != NULL) {
            out[0] = 0;
        } else if (node == NULL && fits > 1) {
            return vr_ctl_fail(
                restore->ctl, VR_CTL_USAGE,
                "stores of several nodes are in it: say which one by --node ('backup "
                "verify' names them)");
        }
    }
    if (code == VR_CTL_OK && fits == 0) {
        code = vr_ctl_fail(restore->ctl, VR_CTL_NOT_FOUND, "no such store is in it");
    }
    return code;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return fine;
}

/** The new store gets its place; what stood there gets another name first. */
static enum vr_ctl_exit put_in_place(struct restore *restore, const struct vr_backup_part *part)
{
    char from[VR_CTL_PATH_MAX + 64];
    char data[VR_CTL_PATH_MAX + 32];
    char aside[VR_CTL_PATH_MAX + 64];
    char lock[VR_CTL_PATH_MAX + 32];
    char at[24];
    struct stat about;
    bool fine;

    vr_backup_time((uint64_t)time(NULL), false, at);
    snprintf(from, sizeof(from), "%s/data.mdb", part->folder);
    snprintf(data, sizeof(data), "%s/data.mdb", restore->to);
    snprintf(aside, sizeof(aside), "%s/data.mdb.before-%s", restore->to, at);
    snprintf(lock, sizeof(lock), "%s/lock.mdb", restore->to);
    fine = stat(restore->to, &about) == 0 && chown(from, about.st_uid, about.st_gid) == 0 &&
           (link(data, aside) == 0 || errno == ENOENT) && rename(from, data) == 0 &&
           (unlink(lock) == 0 || errno == ENOENT) && sync_folder(restore->to);
    return fine ? VR_CTL_OK
                : vr_ctl_fail(restore->ctl, VR_CTL_ERROR, "%s: %s", data, strerror(errno));
}

static enum vr_ctl_exit restore_store(struct restore *restore)
{
    const struct vr_backup_part *part = find_store(restore->parts);
    enum vr_ctl_exit code = check(restore->ctl, part, &restore->records);

    return code == VR_CTL_OK ? put_in_place(restore, part) : code;
}

/** Of the stores that have the room the one with its newest state; NULL: none has it. */
static const struct vr_backup_part *newest(struct restore *restore, char node[VR_ARCHIVE_NAME])
{
    const struct vr_backup_part *best = NULL;
    json_int_t found[2] = {0, 0};

    for (size_t i = 0; i < restore->parts->count; i++) {
        const struct vr_backup_part *part = &restore->parts->part[i];
        const char *words[] = {"--store-room", restore->room, part->folder, "-", NULL};
        json_t *answer = NULL;
        json_int_t epoch;
        json_int_t revision;

        if (part->folder[0] == 0 ||
            vr_backup_tool(restore->ctl, words, true, &answer) != VR_CTL_OK) {
            json_decref(answer);
            continue;
        }
        epoch = json_integer_value(json_object_get(answer, "epoch"));
        revision = json_integer_value(json_object_get(answer, "revision"));
        if (best == NULL || epoch > found[0] || (epoch == found[0] && revision > found[1])) {
            best = part;
            found[0] = epoch;
            found[1] = revision;
            snprintf(node, VR_ARCHIVE_NAME, "%s", part->name + 6);
        }
        json_decref(answer);
    }
    return best;
}

static enum vr_ctl_exit restore_room(struct restore *restore, char node[VR_ARCHIVE_NAME])
{
    const struct vr_backup_part *part = newest(restore, node);
    const char *words[] = {"--store-room", restore->room, part == NULL ? "" : part->folder,
                           restore->to, NULL};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_NOT_FOUND;

    if (part == NULL) {
        return vr_ctl_fail(restore->ctl, code, "the backup has no such room");
    }
    if (restore->to == NULL) {
        return vr_backup_send_room(restore->ctl, restore->room, part->folder, &restore->records);
    }
    code = vr_backup_tool(restore->ctl, words, false, &answer);
    restore->records = json_integer_value(json_object_get(answer, "records"));
    json_decref(answer);
    return code;
}

/** Its place for the work: beside the data, so that the store can be renamed into it. */
static enum vr_ctl_exit prepare(struct restore *restore, char node[VR_ARCHIVE_NAME])
{
    enum vr_ctl_exit code = choose(restore, node);

    if (code == VR_CTL_OK && restore->room != NULL) {
        return vr_backup_folder(restore->ctl, temporary(), restore->folder) ? VR_CTL_OK
                                                                            : VR_CTL_ERROR;
    }
    if (code == VR_CTL_OK && mkdir(restore->to, 0700) != 0 && errno != EEXIST) {
        code = vr_ctl_fail(restore->ctl, VR_CTL_ERROR, "%s: %s", restore->to, strerror(errno));
    }
    if (code == VR_CTL_OK) {
        code = lock_folder(restore);
    }
    if (code == VR_CTL_OK) {
        code = judge_folder(restore);
    }
    if (code == VR_CTL_OK && !vr_backup_folder(restore->ctl, restore->to, restore->folder)) {
        code = VR_CTL_ERROR;
    }
    return code;
}

static enum vr_ctl_exit restore_all(struct restore *restore, char node[VR_ARCHIVE_NAME])
{
    char part[VR_CTL_PATH_MAX + 8] = "";
    bool stores = restore->to != NULL || restore->room != NULL;
    enum vr_ctl_exit code = stores ? prepare(restore, node) : VR_CTL_OK;

    if (restore->etcd != NULL) {
        snprintf(part, sizeof(part), "%s.part", restore->etcd);
        unlink(part);
    }
    if (code == VR_CTL_OK) {
        code = vr_backup_unpack(restore->ctl, restore->path, stores ? restore->folder : NULL,
                                node[0] == 0 ? NULL : node, restore->etcd == NULL ? NULL : part,
                                restore->parts);
    }
    if (code == VR_CTL_OK && restore->etcd != NULL && rename(part, restore->etcd) != 0) {
        code = vr_ctl_fail(restore->ctl, VR_CTL_NOT_FOUND, "no snapshot of etcd is in it");
    }
    if (code == VR_CTL_OK && stores) {
        code = restore->room == NULL ? restore_store(restore) : restore_room(restore, node);
    }
    if (part[0] != 0) {
        unlink(part);
    }
    return code;
}

static const struct vr_ctl_column restored_columns[] = {
    {"NODE", "node", false},       {"TO", "to", false},
    {"ROOM", "room", false},       {"MADE-AT", "made_at", false},
    {"RECORDS", "records", false}, {"ETCD-SNAPSHOT", "etcd_snapshot", false},
    {"SECONDS", "seconds", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape restored_shape = {restored_columns, "to"};

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == 0 ? json_null() : json_string(text);
}

static enum vr_ctl_exit tell(const struct restore *restore, const char *node, double started)
{
    char at[24];
    json_t *shown = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    vr_backup_time(restore->parts->made_at, true, at);
    shown = json_pack("{s:o, s:o, s:o, s:s, s:I, s:o, s:f}", "node", text_or_null(node), "to",
                      text_or_null(restore->to), "room", text_or_null(restore->room), "made_at", at,
                      "records", restore->records, "etcd_snapshot", text_or_null(restore->etcd),
                      "seconds", since(started));
    code = vr_ctl_print(restore->ctl, shown, &restored_shape);
    json_decref(shown);
    if (restore->etcd != NULL) {
        vr_ctl_say(restore->ctl,
                   "each member of etcd: etcdctl snapshot restore %s --data-dir ..., start etcd, "
                   "start the nodes, voiceroomctl cluster adopt",
                   restore->etcd);
    }
    return code;
}

enum vr_ctl_exit vr_ctl_backup_restore(struct vr_ctl *ctl)
{
    struct restore restore = {.ctl = ctl,
                              .path = vr_ctl_arg(ctl, 0),
                              .to = vr_ctl_text(ctl->line, "to"),
                              .room = vr_ctl_text(ctl->line, "room"),
                              .etcd = vr_ctl_text(ctl->line, "etcd-snapshot"),
                              .lock = -1,
                              .parts = calloc(1, sizeof(*restore.parts))};
    double started = vr_backup_clock();
    char node[VR_ARCHIVE_NAME] = "";
    enum vr_ctl_exit code = VR_CTL_ERROR;

    if (restore.to == NULL && (restore.etcd == NULL) == (restore.room == NULL)) {
        code = vr_ctl_fail(ctl, VR_CTL_USAGE,
                           "--to FOLDER (the data folder), --etcd-snapshot FILE, or --room ROOM "
                           "(into what runs), is needed");
    } else if (restore.parts != NULL) {
        code = restore_all(&restore, node);
    }
    if (code == VR_CTL_OK) {
        code = tell(&restore, node, started);
    }
    vr_backup_remove(restore.folder);
    if (restore.lock >= 0) {
        close(restore.lock);
    }
    free(restore.parts);
    return code;
}
