/* Any JSON of a node comes out in every form, and a table never drives the terminal. */
#include <stdlib.h>

#include "tools/ctl/output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vr_ctl_column columns[] = {{"ID", "id", false},
                                                   {"TITLE", "title", false},
                                                   {"PEOPLE", "counts.participants", true},
                                                   {"TAGS", "tags", false},
                                                   {NULL, NULL, false}};
    static const struct vr_ctl_shape shape = {columns, "id"};
    json_t *value = json_loadb((const char *)data, size, 0, NULL);

    for (int format = VR_CTL_TABLE; value != NULL && format <= VR_CTL_NAME; format++) {
        struct vr_buf out = {0};

        vr_ctl_write(&out, (enum vr_ctl_format)format, value, &shape, false);
        for (size_t i = 0; i < out.size; i++) {
            if (out.data[i] == 0x1b) {
                abort();
            }
        }
        vr_buf_deinit(&out);
    }
    json_decref(value);
    return 0;
}
