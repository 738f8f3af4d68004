/* trace_fuzz.c - any text as a traceparent: what is taken comes out again as it went in. */
#include <stdint.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size); /* its end is watched */
    char text[VR_TRACEPARENT_TEXT];
    struct vr_trace trace;
    bool sampled = false;

    if (copy == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    if (vr_traceparent_read(vr_bytes(copy, size), &trace, &sampled)) {
        vr_assert(vr_trace_on(&trace));
        vr_traceparent_write(&trace, text);
        vr_assert(text[VR_TRACEPARENT_TEXT - 1] == '\0');
        vr_assert(memcmp(text + 2, copy + 2, 51) == 0); /* all but version and flags */
    } else {
        vr_assert(!vr_trace_on(&trace) && !sampled);
    }
    free(copy);
    return 0;
}
