#include "actors/wire/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void vr_base64url_write(struct vr_bytes bytes, struct vr_buf *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t word = (uint32_t)bytes.data[i] << 16;
        char text[4];

        word |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        word |= left > 2 ? bytes.data[i + 2] : 0;
        for (int k = 0; k < 4; k++) {
            text[k] = alphabet[word >> (18 - 6 * k) & 63];
        }
        vr_buf_append(out, text, left > 2 ? 4 : left + 1);
    }
}

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool vr_base64url_read(struct vr_bytes text, uint8_t *out, size_t capacity, size_t *size)
{
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet written, 0-7 */
    size_t written = 0;

    if (text.size % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        int value = value_of(text.data[i]);

        if (value < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            if (written == capacity) {
                return false;
            }
            held -= 8;
            out[written++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0) {
        return false;
    }
    *size = written;
    return true;
}
