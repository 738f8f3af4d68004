/* Goal: no text makes a cursor that reads wrongly: what is read and written again is the same
 * place. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/assert.h"
#include "nodes/list_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_list_place place;
    struct vr_list_place again;
    char written[VR_CURSOR_MAX];
    char *text = NULL;
    enum vr_list_sort sort = VR_LIST_LIVE;

    if (size == 0) {
        return 0;
    }
    sort = (enum vr_list_sort)(data[0] % VR_LIST_SORTS);
    text = calloc(1, size);
    vr_assert(text != NULL);
    memcpy(text, data + 1, size - 1);
    if (vr_list_cursor_read(text, sort, &place)) {
        vr_assert(vr_list_cursor_write(sort, &place, written));
        vr_assert(vr_list_cursor_read(written, sort, &again));
        vr_assert(vr_list_compare(&place, &again) == 0);
    }
    free(text);
    return 0;
}
