/* Any bytes as the answer of a TURN server, and as its URL: read or refused, never past an end. */
#include <stdlib.h>

#include "tools/ctl/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_relay_talk talk = {.username = "1:ana", .credential = "secret"};
    struct vr_relay_answer answer;
    struct vr_relay_url url;
    struct vr_buf question = {0};
    char *text = calloc(1, size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    (void)!vr_relay_url_read(text, &url);
    free(text);
    if (size >= VR_RELAY_HEADER) {
        memcpy(talk.transaction, data + 8, VR_RELAY_TRANSACTION); /* else nothing gets through */
    }
    if (vr_relay_read(&talk, vr_bytes(data, size), &answer) == VR_OK) {
        (void)!vr_relay_ask(&talk, VR_RELAY_ALLOCATE, talk.transaction, &question);
    }
    vr_buf_deinit(&question);
    return 0;
}
