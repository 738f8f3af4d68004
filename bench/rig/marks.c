#include "bench/rig/marks.h"

#include <stdlib.h>

#include "actors/base/fnv.h"

#define PLACES (1u << 17)
#define PROBES 8

struct mark {
    uint64_t key;
    int64_t sent_ns;
};

struct vr_marks {
    struct mark places[PLACES];
};

struct vr_marks *vr_marks_new(void)
{
    return calloc(1, sizeof(struct vr_marks));
}

void vr_marks_free(struct vr_marks *marks)
{
    free(marks);
}

/* A collision within seconds of speech is not to be expected with 64 bits. */
static uint64_t key_of(uint32_t room, struct vr_bytes frame)
{
    return vr_fnv64(VR_FNV_START ^ room * 0x9e3779b97f4a7c15u, frame.data, frame.size);
}

void vr_marks_put(struct vr_marks *marks, uint32_t room, struct vr_bytes frame, int64_t sent_ns)
{
    uint64_t key = key_of(room, frame);
    struct mark *oldest = &marks->places[key % PLACES];

    if (frame.size < VR_MARK_BYTES_MIN) {
        return;
    }
    for (uint32_t i = 0; i < PROBES; i++) {
        struct mark *mark = &marks->places[(key + i) % PLACES];

        if (mark->key == key) {
            mark->sent_ns = sent_ns;
            return;
        }
        oldest = mark->sent_ns < oldest->sent_ns ? mark : oldest;
    }
    *oldest = (struct mark){key, sent_ns};
}

int64_t vr_marks_find(const struct vr_marks *marks, uint32_t room, struct vr_bytes frame)
{
    uint64_t key = key_of(room, frame);

    for (uint32_t i = 0; frame.size >= VR_MARK_BYTES_MIN && i < PROBES; i++) {
        const struct mark *mark = &marks->places[(key + i) % PLACES];

        if (mark->key == key) {
            return mark->sent_ns;
        }
    }
    return 0;
}
