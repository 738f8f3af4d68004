#include "actors/wire/turn.h"

#include <stdio.h>
#include <string.h>

#include "actors/wire/base64url.h"
#include "actors/wire/mac.h"

enum vr_err vr_turn_credential(struct vr_bytes secret, int64_t expires_s, const char *who,
                               char username[128], char credential[128])
{
    uint8_t mac[VR_MAC_SHA1_SIZE];
    struct vr_buf text = {0};
    bool good = false;

    snprintf(username, 128, "%lld:%.100s", (long long)expires_s, who);
    if (vr_mac_sha1(secret, vr_bytes_of(username), mac)) {
        vr_base64url_write(vr_bytes(mac, sizeof(mac)), &text);
        vr_buf_append(&text, "=", 2); /* 20 bytes are 27 characters: one of padding, and a 0 */
        good = !text.failed && text.size < 128;
    }
    if (good) {
        memcpy(credential, text.data, text.size);
        for (char *at = credential; *at != 0; at++) {
            *at = (char)(*at == '-' ? '+' : *at == '_' ? '/' : *at);
        }
    }
    vr_buf_deinit(&text);
    return good ? VR_OK : VR_E_INTERNAL;
}
