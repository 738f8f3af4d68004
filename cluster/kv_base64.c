/* kv_base64.c - base64 with padding (RFC 4648, 4), as etcd's gateway has keys and values. */
#include "cluster/kv_json.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void vr_kv_base64(struct vr_buf *out, struct vr_bytes in)
{
    for (size_t at = 0; at < in.size; at += 3) {
        size_t left = in.size - at;
        uint32_t word = (uint32_t)in.data[at] << 16;
        char four[4];

        word |= left > 1 ? (uint32_t)in.data[at + 1] << 8 : 0;
        word |= left > 2 ? (uint32_t)in.data[at + 2] : 0;
        four[0] = alphabet[word >> 18];
        four[1] = alphabet[word >> 12 & 63];
        four[2] = (char)(left > 1 ? alphabet[word >> 6 & 63] : '=');
        four[3] = (char)(left > 2 ? alphabet[word & 63] : '=');
        vr_buf_append(out, four, 4);
    }
}

static int digit(char c)
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
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool vr_kv_base64_decode(struct vr_buf *out, const char *text, size_t size)
{
    if (size % 4 != 0) {
        return false;
    }
    for (size_t at = 0; at < size; at += 4) {
        bool last = at + 4 == size;
        size_t pads = last && text[at + 3] == '=' ? (text[at + 2] == '=' ? 2 : 1) : 0;
        uint32_t word = 0;
        uint8_t three[3];

        for (size_t i = 0; i < 4 - pads; i++) {
            int value = digit(text[at + i]);

            if (value < 0) {
                return false;
            }
            word |= (uint32_t)value << (18 - 6 * i);
        }
        three[0] = (uint8_t)(word >> 16);
        three[1] = (uint8_t)(word >> 8);
        three[2] = (uint8_t)word;
        vr_buf_append(out, three, 3 - pads);
    }
    return true;
}
