/* envelope_fuzz.c - any bytes from another node: no crash, no leak; and what was understood can be
 * said again, and means the same then. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/messages/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const vr_time_us now = VR_SECONDS(3);
    struct vr_buf first = {0};
    struct vr_buf second = {0};
    struct vr_msg msg;

    if (vr_envelope_decode(vr_bytes(data, size), now, &msg) != VR_OK) {
        return 0;
    }
    if (vr_envelope_encode(&msg, now, &first) == VR_OK) {
        struct vr_msg again;

        vr_assert(vr_envelope_decode(vr_buf_bytes(&first), now, &again) == VR_OK);
        vr_assert(vr_envelope_encode(&again, now, &second) == VR_OK);
        vr_assert(vr_bytes_equal(vr_buf_bytes(&first), vr_buf_bytes(&second)));
        vr_msg_clear(&again);
    }
    vr_msg_clear(&msg);
    vr_buf_deinit(&first);
    vr_buf_deinit(&second);
    return 0;
}
