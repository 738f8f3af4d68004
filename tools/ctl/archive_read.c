/* archive_read.c - a backup is read: nothing in it is believed before its seal, nor its order. */
#include <inttypes.h>
#include <stdlib.h>

#include "tools/ctl/archive.h"
#include "tools/ctl/archive_internal.h"

#define MESSAGE_MAX (VR_ARCHIVE_PIECE + 1 + VR_SEAL_EXTRA)

enum place { BEFORE_HEAD, BEFORE_ABOUT, BETWEEN_PARTS, IN_PART, AT_END, BROKEN };

struct vr_archive_reader {
    enum place place;
    uint8_t key[VR_SEAL_KEY];
    uint8_t clear[ARCHIVE_CLEAR];
    struct vr_seal *seal;
    struct vr_buf fed; /* not read yet, from `used` on */
    size_t used;
    struct vr_buf message; /* the last one, opened */
    struct vr_seal_hash *hash;
    uint64_t bytes;
    uint32_t parts;
    char name[VR_ARCHIVE_NAME];
};

bool vr_archive_head_read(struct vr_bytes bytes, struct vr_archive_head *out, struct vr_why *why)
{
    *out = (struct vr_archive_head){0};
    if (bytes.size < VR_ARCHIVE_HEAD ||
        memcmp(bytes.data, archive_magic, sizeof(archive_magic)) != 0) {
        (void)vr_fail(why, VR_E_DAMAGED, "this is no backup of voiceroomctl");
        return false;
    }
    if (bytes.data[8] != ARCHIVE_VERSION) {
        (void)vr_fail(why, VR_E_CONFLICT,
                      "written by a newer voiceroomctl (format %u): use that one", bytes.data[8]);
        return false;
    }
    out->made_at = vr_get64(bytes.data + 16);
    memcpy(out->print, bytes.data + 24, VR_SEAL_PRINT);
    return true;
}

struct vr_archive_reader *vr_archive_reader_new(const uint8_t key[VR_SEAL_KEY])
{
    struct vr_archive_reader *reader = calloc(1, sizeof(*reader));

    if (reader != NULL) {
        memcpy(reader->key, key, sizeof(reader->key));
    }
    return reader;
}

void vr_archive_reader_free(struct vr_archive_reader *reader)
{
    uint8_t ignored[VR_SEAL_HASH];

    if (reader == NULL) {
        return;
    }
    if (reader->message.data != NULL) {
        explicit_bzero(reader->message.data, reader->message.size);
    }
    vr_seal_hash_end(reader->hash, ignored);
    vr_seal_free(reader->seal);
    vr_buf_deinit(&reader->fed);
    vr_buf_deinit(&reader->message);
    explicit_bzero(reader, sizeof(*reader));
    free(reader);
}

void vr_archive_feed(struct vr_archive_reader *reader, struct vr_bytes bytes)
{
    if (reader->used > 0) {
        memmove(reader->fed.data, reader->fed.data + reader->used, reader->fed.size - reader->used);
        reader->fed.size -= reader->used;
        reader->used = 0;
    }
    vr_buf_append(&reader->fed, bytes.data, bytes.size);
}

static struct vr_bytes left(const struct vr_archive_reader *reader)
{
    return vr_bytes(reader->fed.data + reader->used, reader->fed.size - reader->used);
}

static enum vr_err broken(struct vr_archive_reader *reader, struct vr_why *why, const char *what)
{
    reader->place = BROKEN;
    return vr_fail(why, VR_E_DAMAGED, "the backup is damaged: %s", what);
}

static enum vr_err read_head(struct vr_archive_reader *reader, struct vr_why *why)
{
    struct vr_bytes bytes = left(reader);
    struct vr_archive_head head;
    uint8_t print[VR_SEAL_PRINT];

    if (bytes.size < VR_ARCHIVE_HEAD) {
        return VR_E_IN_PROGRESS;
    }
    if (!vr_archive_head_read(bytes, &head, why)) {
        reader->place = BROKEN;
        return VR_E_DAMAGED;
    }
    vr_seal_print(reader->key, print);
    if (memcmp(print, head.print, sizeof(print)) != 0) {
        reader->place = BROKEN;
        return vr_fail(why, VR_E_FORBIDDEN,
                       "made with another key (print %016" PRIx64 ", this key's is %016" PRIx64 ")",
                       vr_get64(head.print), vr_get64(print));
    }
    reader->seal = vr_seal_open(reader->key, bytes.data + ARCHIVE_CLEAR);
    if (reader->seal == NULL) {
        return broken(reader, why, "its head cannot be read");
    }
    memcpy(reader->clear, bytes.data, sizeof(reader->clear));
    reader->used += VR_ARCHIVE_HEAD;
    reader->place = BEFORE_ABOUT;
    return VR_OK;
}

static enum vr_err part_begins(struct vr_archive_reader *reader, struct vr_bytes name,
                               struct vr_why *why)
{
    if (reader->place != BETWEEN_PARTS || name.size == 0 || name.size >= sizeof(reader->name)) {
        return broken(reader, why, "a part where none may begin");
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x21 || name.data[i] > 0x7e) {
            return broken(reader, why, "the name of a part");
        }
    }
    reader->hash = vr_seal_hash_new();
    if (reader->hash == NULL) {
        reader->place = BROKEN;
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    memcpy(reader->name, name.data, name.size);
    reader->name[name.size] = 0;
    reader->bytes = 0;
    reader->parts++;
    reader->place = IN_PART;
    return VR_OK;
}

static enum vr_err part_ends(struct vr_archive_reader *reader, struct vr_bytes body,
                             struct vr_why *why)
{
    uint8_t hash[VR_SEAL_HASH];

    if (reader->place != IN_PART || body.size != 8 + VR_SEAL_HASH) {
        return broken(reader, why, "the end of a part");
    }
    vr_seal_hash_end(reader->hash, hash);
    reader->hash = NULL;
    if (vr_get64(body.data) != reader->bytes || memcmp(hash, body.data + 8, sizeof(hash)) != 0) {
        return broken(reader, why, "a part is not what was put in");
    }
    reader->place = BETWEEN_PARTS;
    return VR_OK;
}

enum vr_err vr_archive_take(struct vr_archive_reader *reader, struct vr_bytes message, bool last,
                            struct vr_archive_event *out, struct vr_why *why)
{
    struct vr_bytes body = vr_bytes(message.data + 1, message.size == 0 ? 0 : message.size - 1);
    uint8_t kind = message.size == 0 ? 0 : message.data[0];

    out->body = body;
    if (last != (kind == 'Z')) {
        return broken(reader, why, "it ends in the wrong place");
    }
    if (kind == 'H' && reader->place == BEFORE_ABOUT) {
        out->kind = VR_ARCHIVE_ABOUT;
        reader->place = BETWEEN_PARTS;
        return VR_OK;
    }
    if (kind == 'P') {
        out->kind = VR_ARCHIVE_PART;
        return part_begins(reader, body, why);
    }
    if (kind == 'D' && reader->place == IN_PART) {
        out->kind = VR_ARCHIVE_DATA;
        vr_seal_hash_add(reader->hash, body);
        reader->bytes += body.size;
        return VR_OK;
    }
    if (kind == 'E') {
        out->kind = VR_ARCHIVE_PART_END;
        return part_ends(reader, body, why);
    }
    if (kind == 'Z' && reader->place == BETWEEN_PARTS && body.size == 4 &&
        vr_get32(body.data) == reader->parts) {
        out->kind = VR_ARCHIVE_END;
        reader->place = AT_END;
        return VR_OK;
    }
    return broken(reader, why, "a message where it may not stand");
}

enum vr_err vr_archive_next(struct vr_archive_reader *reader, struct vr_archive_event *out,
                            struct vr_why *why)
{
    struct vr_bytes bytes;
    uint32_t size;
    bool last = false;

    if (reader->place == BEFORE_HEAD) {
        enum vr_err err = read_head(reader, why);

        if (err != VR_OK) {
            return err;
        }
    }
    bytes = left(reader);
    if (reader->fed.failed || reader->place == BROKEN) {
        return broken(reader, why, "it was given up before");
    }
    if (reader->place == AT_END) {
        return bytes.size > 0 ? broken(reader, why, "bytes after its end") : VR_E_IN_PROGRESS;
    }
    size = bytes.size < 4 ? 0 : vr_get32(bytes.data);
    if (bytes.size >= 4 && (size < VR_SEAL_EXTRA + 1 || size > MESSAGE_MAX)) {
        return broken(reader, why, "the length of a message");
    }
    if (bytes.size < 4 || bytes.size - 4 < size) {
        return VR_E_IN_PROGRESS;
    }
    reader->message.size = 0;
    if (!vr_seal_pull(reader->seal, vr_bytes(bytes.data + 4, size),
                      vr_bytes(reader->clear, sizeof(reader->clear)), &last, &reader->message)) {
        return broken(reader, why, "its bytes were changed");
    }
    reader->used += 4 + (size_t)size;
    return vr_archive_take(reader, vr_buf_bytes(&reader->message), last, out, why);
}

enum vr_err vr_archive_over(const struct vr_archive_reader *reader, struct vr_why *why)
{
    if (reader->place == AT_END && left(reader).size == 0) {
        return VR_OK;
    }
    return vr_fail(why, VR_E_DAMAGED, "the backup is damaged: its end is missing");
}
