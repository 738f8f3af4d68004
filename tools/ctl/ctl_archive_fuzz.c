/* Any bytes as a backup, and any messages behind its seal: read or refused, never past an end. */
#include "tools/ctl/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[VR_SEAL_KEY] = {1, 2, 3};

/** Messages in clear: a byte (1: the last one), 2 bytes of length, then so many. */
static void behind_the_seal(struct vr_bytes in)
{
    struct vr_archive_reader *reader = vr_archive_reader_new(key);
    struct vr_archive_event event;
    struct vr_buf begin = {0};
    struct vr_archive_writer *writer = vr_archive_writer_new(key, 1, "{}", &begin);
    enum vr_err err = VR_OK;

    vr_archive_feed(reader, vr_buf_bytes(&begin)); /* so that it stands behind its head */
    err = vr_archive_next(reader, &event, NULL);
    while (err == VR_OK && in.size >= 3) {
        size_t length = (size_t)(in.data[1] << 8 | in.data[2]);

        length = length > in.size - 3 ? in.size - 3 : length;
        err = vr_archive_take(reader, vr_bytes(in.data + 3, length), in.data[0] == 1, &event, NULL);
        in = vr_bytes(in.data + 3 + length, in.size - 3 - length);
    }
    if (err == VR_OK) {
        (void)!vr_archive_over(reader, NULL);
    }
    vr_archive_writer_free(writer);
    vr_archive_reader_free(reader);
    vr_buf_deinit(&begin);
}

static void whole(struct vr_bytes in)
{
    struct vr_archive_reader *reader = vr_archive_reader_new(key);
    struct vr_archive_event event;
    struct vr_why why;
    size_t piece = in.size > 0 ? 1 + in.data[0] : 1;
    enum vr_err err = VR_E_IN_PROGRESS;

    while (err == VR_E_IN_PROGRESS && in.size > 0) {
        size_t now = piece < in.size ? piece : in.size;

        vr_archive_feed(reader, vr_bytes(in.data, now));
        in = vr_bytes(in.data + now, in.size - now);
        do {
            err = vr_archive_next(reader, &event, &why);
        } while (err == VR_OK);
    }
    (void)!vr_archive_over(reader, &why);
    vr_archive_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!vr_seal_start() || size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        behind_the_seal(vr_bytes(data + 1, size - 1));
    } else {
        whole(vr_bytes(data + 1, size - 1));
    }
    return 0;
}
