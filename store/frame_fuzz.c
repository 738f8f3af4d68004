/* Fuzzes what reads bytes from the file or from a commit's buffer: frames, operations, heads,
 * users' rows. */
#include <stdint.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "personal.pb-c.h"
#include "store/commit.h"
#include "store/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_frame(struct vr_bytes in)
{
    struct vr_bytes key;
    struct vr_bytes value;
    enum vr_table table;

    if (in.size < 2) {
        return;
    }
    table = (enum vr_table)(in.data[0] % VR_TABLE_COUNT);
    key = vr_bytes(in.data + 2, in.data[1] < in.size - 2 ? in.data[1] : in.size - 2);
    in = vr_bytes(key.data + key.size, in.size - 2 - key.size);
    if (vr_frame_get(in, table, key, &value) == VR_OK) {
        uint8_t *again = malloc(in.size + 1);

        vr_assert(again != NULL);
        vr_frame_put(again, table, key, value);
        vr_assert(memcmp(again, in.data, in.size) == 0);
        free(again);
    }
}

/* What can be read can be written again, to the same bytes. */
static void fuzz_ops(struct vr_bytes in)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){1, 2}, 1, 1);
    struct vr_bytes rest = in;
    struct vr_op op;
    bool bad;

    vr_assert(commit != NULL);
    while (vr_op_next(&rest, &op, &bad)) {
        vr_commit_add(commit, &op);
    }
    vr_assert(bad == (rest.size > 0));
    vr_assert(commit->refused != VR_OK || vr_commit_check(commit) == VR_OK);
    vr_commit_free(commit);
}

/* Operations from another node: what is taken is sound and touches nobody else's rows. */
static void fuzz_foreign(struct vr_bytes in)
{
    struct vr_commit *commit = NULL;
    struct vr_id room = {0x0101010101010101, 0x0101010101010101};

    if (in.size > 0 && in.data[0] == 0) {
        room = (struct vr_id){0, 0};
    }
    if (vr_commit_from_ops(room, 3, 4, 3, in, &commit) == VR_OK) {
        vr_assert(vr_commit_check(commit) == VR_OK);
        vr_assert(vr_bytes_equal(vr_commit_ops(commit), in));
    } else {
        vr_assert(commit == NULL);
    }
    vr_commit_free(commit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_head head;
    uint8_t bytes[VR_HEAD_BYTES];
    Vr__UserRow *row = vr__user_row__unpack(NULL, size, data);

    if (row != NULL) {
        vr__user_row__free_unpacked(row, NULL);
    }
    if (vr_head_get(vr_bytes(data, size), &head)) {
        vr_head_put(bytes, &head);
        vr_assert(memcmp(bytes, data, sizeof(bytes)) == 0);
    }
    fuzz_frame(vr_bytes(data, size));
    fuzz_ops(vr_bytes(data, size));
    fuzz_foreign(vr_bytes(data, size));
    return 0;
}
