/* text.c - text of strangers on a terminal: how wide it is, and what must not reach it. */
#include <stdint.h>

#include "tools/ctl/output.h"

struct range {
    uint32_t first;
    uint32_t last;
};

/* What takes no column: combining marks, zero-width signs, variation selectors. */
static const struct range narrow[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x2060, 0x2060},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff},
};

/* What takes two: East Asian wide and full width (UAX 11), emoji. */
static const struct range broad[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

/* What turns the direction of writing: a name could so look like another one. */
static const struct range turning[] = {{0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

static bool within(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

#define WITHIN(code, ranges) within(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/** The next character of UTF-8 text; a byte that fits nowhere counts as U+FFFD. */
static uint32_t next_code(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    uint32_t code = size == 1 ? p[0] : size == 0 ? 0xfffd : p[0] & (0xffU >> (size + 1));

    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *text += i;
            return 0xfffd;
        }
        code = code << 6 | (p[i] & 0x3fU);
    }
    *text += size == 0 ? 1 : size;
    return code;
}

size_t vr_ctl_columns(const char *text)
{
    size_t columns = 0;

    while (*text != '\0') {
        uint32_t code = next_code(&text);

        columns += WITHIN(code, narrow) ? 0 : WITHIN(code, broad) ? 2 : 1;
    }
    return columns;
}

void vr_ctl_safe(struct vr_buf *out, const char *text)
{
    while (*text != '\0') {
        const char *from = text;
        uint32_t code = next_code(&text);

        if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfffd ||
            WITHIN(code, turning)) {
            vr_buf_text(out, "?");
        } else {
            vr_buf_append(out, from, (size_t)(text - from));
        }
    }
}
