/* Whatever another node says: nothing is read beyond it, no room comes twice, and a question that
 * is one is the same after being written again. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/assert.h"
#include "nodes/list_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void question(struct vr_bytes in)
{
    struct vr_list_query query;
    struct vr_list_query again;
    struct vr_blob *blob;

    if (!vr_list_question_read(in, &query)) {
        return;
    }
    blob = vr_list_question_write(&query);
    if (blob != NULL) {
        vr_assert(vr_list_question_read(vr_blob_bytes(blob), &again));
        vr_assert(query.phases == again.phases && query.sort == again.sort &&
                  query.limit == again.limit && query.has_cursor == again.has_cursor &&
                  strcmp(query.q, again.q) == 0 && vr_id_equal(query.asker, again.asker));
    }
    vr_blob_release(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_list_far *far = calloc(1, sizeof(*far));
    enum vr_list_sort sort = size == 0 ? VR_LIST_LIVE : data[size - 1] % VR_LIST_SORTS;

    question(vr_bytes(data, size));
    if (far != NULL) {
        vr_list_answer_read(vr_bytes(data, size), sort, far);
        vr_list_answer_read(vr_bytes(data, size), sort, far); /* a second node says the same */
        for (uint32_t i = 0; i < far->count; i++) {
            const struct vr_bytes json = far->rows[i].json;

            vr_assert(json.data >= data && json.data + json.size <= data + size);
            vr_assert(vr_list_far_row_of(far, far->rows[i].place.room) == &far->rows[i]);
        }
        free(far->rows);
    }
    free(far);
    return 0;
}
