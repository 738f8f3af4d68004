#include "actors/base/utf8.h"

size_t vr_utf8_size(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;

    if (c >= 0xf5 || (c >= 0x80 && c < 0xc2) || left <= more) {
        return 0;
    }
    for (size_t k = 1; k <= more; k++) {
        if ((p[k] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return more + 1;
}
