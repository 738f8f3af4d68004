/* commands_restore_room.c - one room out of a backup into the cluster that runs: its rows go to a
 * node in pieces, and the room's owner makes one change of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/ids.h"
#include "actors/base/random.h"
#include "actors/wire/base64url.h"
#include "tools/ctl/backup.h"

#define PIECE_BYTES ((size_t)40000) /* below the 64 KiB of a body, as text */
#define TRIES 5
#define AGAIN_MS 1000

static enum vr_ctl_exit read_file(struct vr_ctl *ctl, const char *path, struct vr_buf *out)
{
    uint8_t piece[16384];
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && (got = read(fd, piece, sizeof(piece))) > 0) {
        vr_buf_append(out, piece, (size_t)got);
    }
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && got == 0 && !out->failed && out->size > 0
               ? VR_CTL_OK
               : vr_ctl_fail(ctl, VR_CTL_ERROR, "%s cannot be read: %s", path, strerror(errno));
}

/** The rows of the room as a node takes them. */
static enum vr_ctl_exit read_rows(struct vr_ctl *ctl, const char *room, const char *folder,
                                  struct vr_buf *rows, json_int_t *records)
{
    char path[VR_CTL_PATH_MAX + 48];
    const char *words[] = {"--store-rows", room, folder, path, NULL};
    json_t *answer = NULL;
    enum vr_ctl_exit code;

    snprintf(path, sizeof(path), "%s/rows", folder);
    code = vr_backup_tool(ctl, words, false, &answer);
    *records = json_integer_value(json_object_get(answer, "records"));
    json_decref(answer);
    if (code == VR_CTL_OK) {
        code = read_file(ctl, path, rows);
    }
    unlink(path);
    return code;
}

static enum vr_ctl_exit send_piece(struct vr_ctl *ctl, const char *room, const char *restore,
                                   size_t piece, struct vr_bytes bytes, bool last, bool quiet)
{
    struct vr_buf text = {0};
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/rooms/%/restore", .args = {room}, .quiet = quiet};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_ERROR;

    vr_base64url_write(bytes, &text);
    vr_buf_append(&text, "", 1);
    if (!text.failed) {
        request.body = json_pack("{s:s, s:I, s:b, s:s}", "restore", restore, "piece",
                                 (json_int_t)piece, "last", last, "rows", (const char *)text.data);
        code = vr_ctl_call(ctl, &request, &answer);
        json_decref(request.body);
    }
    json_decref(answer);
    vr_buf_deinit(&text);
    return code;
}

static enum vr_ctl_exit send_all(struct vr_ctl *ctl, const char *room, struct vr_bytes rows,
                                 bool quiet)
{
    char restore[VR_ID_TEXT];
    enum vr_ctl_exit code = VR_CTL_OK;
    size_t piece = 0;

    vr_id_format(vr_random_id(vr_random_system()), restore);
    for (size_t at = 0; code == VR_CTL_OK && at < rows.size; piece++) {
        size_t size = rows.size - at < PIECE_BYTES ? rows.size - at : PIECE_BYTES;

        code = send_piece(ctl, room, restore, piece, vr_bytes(rows.data + at, size),
                          at + size == rows.size, quiet);
        at += size;
    }
    return code;
}

/** VR_CTL_OK: it is there. */
static enum vr_ctl_exit look(struct vr_ctl *ctl, const char *room)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/rooms/%", .args = {room}, .quiet = true};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    json_decref(answer);
    return code;
}

static enum vr_ctl_exit make_way(struct vr_ctl *ctl, const char *room)
{
    struct vr_ctl_request request = {
        .method = "DELETE", .path = "/v1/rooms/%", .args = {room}, .idempotent = true};

    if (!vr_ctl_given(ctl->line, "replace")) {
        return vr_ctl_fail(ctl, VR_CTL_CONFLICT,
                           "the room is there: --replace deletes it, with everybody in it told "
                           "that it has ended, and puts that of the backup in its place");
    }
    return vr_ctl_call(ctl, &request, NULL);
}

static bool may_pass(enum vr_ctl_exit code)
{
    return code == VR_CTL_UNAVAILABLE || code == VR_CTL_TIMEOUT || code == VR_CTL_CONFLICT;
}

/** A room changes its owner, a node dies, somebody else restores it too: all of it is sent anew. */
static enum vr_ctl_exit send_until(struct vr_ctl *ctl, const char *room, struct vr_bytes rows)
{
    enum vr_ctl_exit code = VR_CTL_ERROR;

    for (int left = TRIES - 1; left >= 0; left--) {
        struct timespec pause = {AGAIN_MS / 1000, 0};

        code = send_all(ctl, room, rows, left > 0);
        if (!may_pass(code)) {
            break;
        }
        nanosleep(&pause, NULL);
        if (look(ctl, room) == VR_CTL_OK) {
            return vr_ctl_fail(ctl, VR_CTL_CONFLICT,
                               "the room is there now; whether this restore or another brought it "
                               "back is not known");
        }
    }
    if (code != VR_CTL_OK && !may_pass(code) && code != VR_CTL_NOT_SENT) {
        code = send_all(ctl, room, rows, false); /* the same refusal, with its sentence */
    }
    return code;
}

enum vr_ctl_exit vr_backup_send_room(struct vr_ctl *ctl, const char *room, const char *folder,
                                     json_int_t *records)
{
    struct vr_buf rows = {0};
    enum vr_ctl_exit code = read_rows(ctl, room, folder, &rows, records);

    if (code == VR_CTL_OK && look(ctl, room) == VR_CTL_OK) {
        code = make_way(ctl, room);
    }
    if (code == VR_CTL_OK) {
        code = send_until(ctl, room, vr_buf_bytes(&rows));
    }
    vr_buf_deinit(&rows);
    return code;
}
