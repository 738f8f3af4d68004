/* utf8.h - characters of UTF-8, one at a time. */
#ifndef VR_BASE_UTF8_H
#define VR_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/** Bytes of the character that starts at `p`, of which `left` (at least 1) may be read; 0 when none
 * does: overlong, a surrogate, above U+10FFFF, cut off.
 *
 *  Spec: RFC 3629, 4. */
size_t vr_utf8_size(const uint8_t *p, size_t left);

#endif
