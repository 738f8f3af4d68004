#include "nodes/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actors/wire/mac.h"

void vr_base64_write(struct vr_bytes in, struct vr_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < in.size; i += 3) {
        uint32_t group = (uint32_t)in.data[i] << 16;
        char text[4];

        group |= i + 1 < in.size ? (uint32_t)in.data[i + 1] << 8 : 0;
        group |= i + 2 < in.size ? in.data[i + 2] : 0;
        text[0] = digits[group >> 18];
        text[1] = digits[group >> 12 & 63];
        text[2] = (char)(i + 1 < in.size ? digits[group >> 6 & 63] : '=');
        text[3] = (char)(i + 2 < in.size ? digits[group & 63] : '=');
        vr_buf_append(out, text, 4);
    }
}

static void base64_text(const char *head, struct vr_bytes in, char *out, size_t capacity)
{
    struct vr_buf text = {0};

    vr_buf_text(&text, head);
    vr_base64_write(in, &text);
    vr_buf_append(&text, "", 1);
    snprintf(out, capacity, "%s", text.failed ? "" : (const char *)text.data);
    vr_buf_deinit(&text);
}

void vr_webhook_secret_text(const uint8_t secret[VR_WEBHOOK_SECRET],
                            char out[VR_WEBHOOK_SECRET_TEXT])
{
    base64_text("whsec_", vr_bytes(secret, VR_WEBHOOK_SECRET), out, VR_WEBHOOK_SECRET_TEXT);
}

bool vr_webhook_sign(const uint8_t secret[VR_WEBHOOK_SECRET], const char *id, int64_t timestamp_s,
                     struct vr_bytes body, char out[VR_WEBHOOK_SIGNATURE_TEXT])
{
    struct vr_buf text = {0};
    uint8_t mac[VR_MAC_SIZE];
    bool fine = false;

    vr_buf_printf(&text, "%s.%" PRId64 ".", id, timestamp_s);
    vr_buf_append(&text, body.data, body.size);
    fine = !text.failed && vr_mac(vr_bytes(secret, VR_WEBHOOK_SECRET), vr_buf_bytes(&text), mac);
    if (fine) {
        base64_text("v1,", vr_bytes(mac, sizeof(mac)), out, VR_WEBHOOK_SIGNATURE_TEXT);
    }
    vr_buf_deinit(&text);
    return fine && out[0] != 0;
}

vr_time_us vr_webhook_wait(uint32_t attempt, const struct vr_random *random)
{
    static const uint32_t seconds[] = {1, 5, 30, 120, 600, 1800, 7200, 21600};
    size_t last = sizeof(seconds) / sizeof(seconds[0]) - 1;
    size_t step = attempt == 0 ? 0 : attempt - 1;
    vr_time_us wait = VR_SECONDS((vr_time_us)seconds[step > last ? last : step]);

    return wait * 4 / 5 + (vr_time_us)vr_random_below(random, (uint64_t)wait * 2 / 5 + 1);
}

/** Where the host begins, and how long it is; 0 when the URL is not one of ours. */
static size_t host_of(const char *url, const char **host)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;

    *host = url + scheme;
    if (scheme == 0) {
        return 0;
    }
    if (**host == '[') {
        const char *end = strchr(*host, ']');

        return end == NULL ? 0 : (size_t)(end - *host) + 1;
    }
    return strcspn(*host, ":/?");
}

bool vr_webhook_url_valid(const char *url, struct vr_why *why)
{
    const char *host = NULL;
    size_t size = strlen(url);
    size_t host_size = 0;

    if (size > VR_WEBHOOK_URL_MAX) {
        (void)vr_fail(why, VR_E_UNPROCESSABLE, "url: at most %d bytes", VR_WEBHOOK_URL_MAX);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (url[i] <= 0x20 || url[i] >= 0x7f || strchr("\\\"<>^`{|}#", url[i]) != NULL) {
            (void)vr_fail(why, VR_E_UNPROCESSABLE, "url: has a character that must be escaped");
            return false;
        }
    }
    host_size = host_of(url, &host);
    if (host_size == 0 || memchr(host, '@', strcspn(host, "/?")) != NULL) {
        (void)vr_fail(why, VR_E_UNPROCESSABLE, "url: https://host[:port]/path, without a user");
        return false;
    }
    return true;
}

bool vr_webhook_url_address(const char *url, struct vr_net_address *out)
{
    const char *host = NULL;
    size_t size = host_of(url, &host);
    char text[64];

    if (size > 2 && host[0] == '[') {
        host++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof(text)) {
        return false;
    }
    memcpy(text, host, size);
    text[size] = 0;
    return vr_net_address_parse(text, out);
}

bool vr_webhook_may_reach(const struct vr_net_address *address, bool clear,
                          const struct vr_net_range *listed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (vr_net_range_holds(&listed[i], address)) {
            return true;
        }
    }
    return !clear && vr_net_is_public(address);
}

bool vr_webhook_type_valid(const char *type)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
    size_t size = strlen(type);

    return size > 0 && size <= VR_WEBHOOK_TYPE_MAX && strspn(type, allowed) == size &&
           type[0] != '.' && type[size - 1] != '.' && strstr(type, "..") == NULL;
}
