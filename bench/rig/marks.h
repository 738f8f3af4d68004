/* marks.h - when was this frame sent? A table keyed on the bytes of the Opus frame: a server may
 * renumber, repack and encrypt, but those bytes stay. Repeats (speech in a loop) answer with the
 * latest time. Single thread. */
#ifndef VR_BENCH_MARKS_H
#define VR_BENCH_MARKS_H

#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_MARK_BYTES_MIN 8 /* shorter frames repeat too often to tell anything */

struct vr_marks;

struct vr_marks *vr_marks_new(void);
void vr_marks_free(struct vr_marks *marks);
/** `room` keeps apart what several rooms say at once. `sent_ns`: CLOCK_REALTIME. */
void vr_marks_put(struct vr_marks *marks, uint32_t room, struct vr_bytes frame, int64_t sent_ns);
/** 0: not known. */
int64_t vr_marks_find(const struct vr_marks *marks, uint32_t room, struct vr_bytes frame);

#endif
