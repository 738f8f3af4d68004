/* frame.h - inside store/: how a value lies in the file, so that rot is noticed at each read.
 *
 *     0         1                5
 *     | version | CRC-32, 4 bytes | value ... |
 *
 * The checksum covers the table's number, the key and the value: a sound value under a wrong key is
 * damage too. CRC-32 is zlib's; it is here against rot and torn pages, not against forgers. */
#ifndef VR_STORE_FRAME_H
#define VR_STORE_FRAME_H

#include "store/records.h"

#define VR_FRAME_VERSION 1
#define VR_FRAME_BYTES 5

/** Writes VR_FRAME_BYTES + value.size bytes to `out`. */
void vr_frame_put(uint8_t *out, enum vr_table table, struct vr_bytes key, struct vr_bytes value);

/** VR_E_DAMAGED, and `value` untouched, unless `in` is a frame of this key. `value` borrows from
 * `in`. */
VR_MUST_CHECK enum vr_err vr_frame_get(struct vr_bytes in, enum vr_table table, struct vr_bytes key,
                                       struct vr_bytes *value);

#endif
