/* archive_write.c - a backup is written: head, parts, end. */
#include <stdlib.h>

#include "tools/ctl/archive.h"
#include "tools/ctl/archive_internal.h"

struct vr_archive_writer {
    struct vr_seal *seal;
    uint8_t clear[ARCHIVE_CLEAR];
    struct vr_seal_hash *hash; /* of the part that is open */
    uint64_t bytes;
    uint32_t parts;
    bool failed;
};

static void message(struct vr_archive_writer *writer, char kind, struct vr_bytes body, bool last,
                    struct vr_buf *out)
{
    struct vr_buf plain = {0};
    struct vr_buf sealed = {0};
    uint8_t length[4];

    vr_buf_append(&plain, &kind, 1);
    vr_buf_append(&plain, body.data, body.size);
    if (plain.failed ||
        !vr_seal_push(writer->seal, vr_buf_bytes(&plain),
                      vr_bytes(writer->clear, sizeof(writer->clear)), last, &sealed)) {
        writer->failed = true;
    } else {
        vr_put32(length, (uint32_t)sealed.size);
        vr_buf_append(out, length, sizeof(length));
        vr_buf_append(out, sealed.data, sealed.size);
        writer->failed = writer->failed || out->failed;
    }
    if (plain.data != NULL) {
        explicit_bzero(plain.data, plain.size);
    }
    vr_buf_deinit(&plain);
    vr_buf_deinit(&sealed);
}

struct vr_archive_writer *vr_archive_writer_new(const uint8_t key[VR_SEAL_KEY], uint64_t made_at,
                                                const char *about, struct vr_buf *out)
{
    struct vr_archive_writer *writer = calloc(1, sizeof(*writer));
    uint8_t header[VR_SEAL_HEADER];

    if (writer == NULL || (writer->seal = vr_seal_new(key, header)) == NULL) {
        free(writer);
        return NULL;
    }
    memcpy(writer->clear, archive_magic, sizeof(archive_magic));
    writer->clear[8] = ARCHIVE_VERSION;
    vr_put64(writer->clear + 16, made_at);
    vr_seal_print(key, writer->clear + 24);
    vr_buf_append(out, writer->clear, sizeof(writer->clear));
    vr_buf_append(out, header, sizeof(header));
    message(writer, 'H', vr_bytes_of(about), false, out);
    return writer;
}

void vr_archive_writer_free(struct vr_archive_writer *writer)
{
    uint8_t ignored[VR_SEAL_HASH];

    if (writer != NULL) {
        vr_seal_hash_end(writer->hash, ignored);
        vr_seal_free(writer->seal);
        free(writer);
    }
}

void vr_archive_part(struct vr_archive_writer *writer, const char *name, struct vr_buf *out)
{
    writer->hash = vr_seal_hash_new();
    writer->failed = writer->failed || writer->hash == NULL;
    writer->bytes = 0;
    writer->parts++;
    message(writer, 'P', vr_bytes_of(name), false, out);
}

void vr_archive_data(struct vr_archive_writer *writer, struct vr_bytes data, struct vr_buf *out)
{
    vr_seal_hash_add(writer->hash, data);
    writer->bytes += data.size;
    while (data.size > 0) {
        size_t piece = data.size < VR_ARCHIVE_PIECE ? data.size : VR_ARCHIVE_PIECE;

        message(writer, 'D', vr_bytes(data.data, piece), false, out);
        data = vr_bytes(data.data + piece, data.size - piece);
    }
}

void vr_archive_part_end(struct vr_archive_writer *writer, struct vr_buf *out)
{
    uint8_t body[8 + VR_SEAL_HASH];

    vr_put64(body, writer->bytes);
    vr_seal_hash_end(writer->hash, body + 8);
    writer->hash = NULL;
    message(writer, 'E', vr_bytes(body, sizeof(body)), false, out);
}

enum vr_err vr_archive_end(struct vr_archive_writer *writer, struct vr_buf *out)
{
    uint8_t body[4];

    vr_put32(body, writer->parts);
    message(writer, 'Z', vr_bytes(body, sizeof(body)), true, out);
    return writer->failed || out->failed ? VR_E_NO_MEMORY : VR_OK;
}
