/* store_tools.c - the words of store_tools.h as calls of store/backup.h. */
#include "nodes/store_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backup.h"

static int failed(const struct vr_why *why)
{
    fprintf(stderr, "voiceroomd: %s\n", why->text);
    if (why->code == VR_E_EXISTS) {
        return 2;
    }
    return why->code == VR_E_NOT_FOUND ? 3 : 1;
}

/** Takes `value`. */
static int tell(json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    int code = 1;

    if (text != NULL && printf("%s\n", text) > 0 && fflush(stdout) == 0) {
        code = 0;
    }
    free(text);
    json_decref(value);
    return code;
}

static int copy(char **args)
{
    struct vr_why why = {0};
    struct stat about = {0};
    char path[4096];
    enum vr_err err = VR_OK;
    int fd = -1;

    if ((size_t)snprintf(path, sizeof(path), "%s/data.mdb", args[1]) < sizeof(path)) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        fprintf(stderr, "voiceroomd: %s/data.mdb cannot be made: %s\n", args[1], strerror(errno));
        return 1;
    }
    err = vr_lmdb_copy_folder(args[0], fd, &why);
    if (err == VR_OK && fstat(fd, &about) != 0) {
        err = vr_fail(&why, VR_E_INTERNAL, "%s: %s", path, strerror(errno));
    }
    close(fd);
    if (err != VR_OK) {
        unlink(path);
        return failed(&why);
    }
    return tell(json_pack("{s:I}", "bytes", (json_int_t)about.st_size));
}

static int check(char **args)
{
    static const char *const names[VR_TABLE_COUNT] = {
#define X(name, number, text) [number] = (text),
        VR_TABLE_MAP(X)
#undef X
    };
    struct vr_lmdb_counts counts;
    struct vr_why why = {0};
    json_t *tables = NULL;
    json_int_t all = 0;

    if (vr_lmdb_count(args[0], &counts, &why) != VR_OK) {
        return failed(&why);
    }
    tables = json_object();
    for (size_t i = 0; i < VR_TABLE_COUNT; i++) {
        json_object_set_new(tables, names[i], json_integer((json_int_t)counts.rows[i]));
        all += (json_int_t)counts.rows[i];
    }
    return tell(json_pack("{s:i, s:I, s:o}", "schema", (int)counts.schema, "records", all, "tables",
                          tables));
}

static int find_room(char **args, struct vr_id id)
{
    struct vr_why why = {0};
    uint64_t epoch = 0;
    uint64_t revision = 0;

    if (vr_lmdb_find_room(args[1], id, &epoch, &revision, &why) != VR_OK) {
        return failed(&why);
    }
    return tell(json_pack("{s:s, s:I, s:I}", "room", args[0], "epoch", (json_int_t)epoch,
                          "revision", (json_int_t)revision));
}

/* False: said so. */
static bool is_room(const char *text, struct vr_id *out)
{
    bool fine = vr_id_parse(text, out);

    if (!fine) {
        fprintf(stderr, "voiceroomd: \"%s\" is no room's id\n", text);
    }
    return fine;
}

static int room(char **args)
{
    struct vr_why why = {0};
    struct vr_id id;
    uint64_t rows = 0;

    if (!is_room(args[0], &id)) {
        return 2;
    }
    if (strcmp(args[2], "-") == 0) {
        return find_room(args, id);
    }
    if (vr_lmdb_take_room(args[1], args[2], id, &rows, &why) != VR_OK) {
        return failed(&why);
    }
    return tell(json_pack("{s:s, s:I}", "room", args[0], "records", (json_int_t)rows));
}

static int rows(char **args)
{
    struct vr_why why = {0};
    struct vr_id id;
    uint64_t count = 0;

    if (!is_room(args[0], &id)) {
        return 2;
    }
    if (vr_store_rows(id, args[1], args[2], &count, &why) != VR_OK) {
        return failed(&why);
    }
    return tell(json_pack("{s:s, s:I}", "room", args[0], "records", (json_int_t)count));
}

static const struct {
    const char *word;
    int count;
    const char *usage;
    int (*run)(char **args);
} tools[] = {
    {"--store-copy", 2, "DATA FOLDER", copy},
    {"--store-check", 1, "FOLDER", check},
    {"--store-room", 3, "ROOM FOLDER DATA", room},
    {"--store-rows", 3, "ROOM FOLDER FILE", rows},
};

bool vr_store_tool(int argc, char **argv, int *code)
{
    for (size_t i = 0; argc > 1 && i < sizeof(tools) / sizeof(tools[0]); i++) {
        if (strcmp(argv[1], tools[i].word) != 0) {
            continue;
        }
        if (argc == tools[i].count + 2) {
            *code = tools[i].run(argv + 2);
        } else {
            fprintf(stderr, "voiceroomd: usage: voiceroomd %s %s\n", tools[i].word, tools[i].usage);
            *code = 2;
        }
        return true;
    }
    return false;
}
