/* store_rows.c - the rows of one room out of the copy of a store, as a running node takes them back
 * (POST /v1/rooms/{id}/restore). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/room/records.h"
#include "nodes/store_tools.h"
#include "store/commit.h"
#include "store/lmdb.h"

/* A node takes 16 MiB; what a room has beside its log is far below that. */
#define LOG_MAX ((size_t)8 << 20)

static enum vr_err write_file(const char *path, struct vr_bytes bytes, struct vr_why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    bool fine = file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size;

    if (file != NULL) {
        fine = fclose(file) == 0 && fine;
    } else if (fd >= 0) {
        close(fd);
    }
    return fine ? VR_OK : vr_fail(why, VR_E_FULL, "%s: %s", path, strerror(errno));
}

enum vr_err vr_store_rows(struct vr_id room, const char *folder, const char *path, uint64_t *count,
                          struct vr_why *why)
{
    const struct vr_lmdb_conf conf = {.folder = folder};
    struct vr_records *records = NULL;
    struct vr_buf rows = {0};
    struct vr_bytes rest;
    struct vr_op op;
    bool bad;
    enum vr_err err = vr_lmdb_open(&conf, &records, why);

    *count = 0;
    if (err != VR_OK) {
        return err;
    }
    err = vr_room_rows_read(records, room, LOG_MAX, &rows);
    vr_lmdb_close(records);
    if (err != VR_OK) {
        err = vr_fail(why, err,
                      err == VR_E_NOT_FOUND ? "the backup has no such room"
                                            : "the room cannot be read from the backup");
    } else {
        err = write_file(path, vr_buf_bytes(&rows), why);
    }
    rest = vr_buf_bytes(&rows);
    while (vr_op_next(&rest, &op, &bad)) {
        (*count)++;
    }
    vr_buf_deinit(&rows);
    return err;
}
