#include "actors/base/random.h"

#include <string.h>
#include <sys/random.h>

#include "actors/base/assert.h"

static void system_fill(void *ctx, void *out, size_t size)
{
    uint8_t *bytes = out;

    (void)ctx;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);

        if (got < 0) {
            continue; /* EINTR only: the pool is ready long before we run */
        }
        bytes += got;
        size -= (size_t)got;
    }
}

const struct vr_random *vr_random_system(void)
{
    static const struct vr_random random = {system_fill, NULL};

    return &random;
}

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static void seeded_fill(void *ctx, void *out, size_t size)
{
    struct vr_random_seeded *seeded = ctx;
    uint8_t *bytes = out;

    while (size > 0) {
        uint64_t word = split_mix(&seeded->state);
        size_t part = size < sizeof(word) ? size : sizeof(word);

        memcpy(bytes, &word, part);
        bytes += part;
        size -= part;
    }
}

void vr_random_seeded_init(struct vr_random_seeded *seeded, uint64_t seed)
{
    seeded->random = (struct vr_random){seeded_fill, seeded};
    seeded->state = seed;
}

uint64_t vr_random_u64(const struct vr_random *random)
{
    uint64_t word;

    random->fill(random->ctx, &word, sizeof(word));
    return word;
}

uint64_t vr_random_below(const struct vr_random *random, uint64_t bound)
{
    uint64_t limit;
    uint64_t word;

    vr_assert(bound > 0);
    limit = UINT64_MAX - UINT64_MAX % bound; /* throw away the uneven rest */
    do {
        word = vr_random_u64(random);
    } while (word >= limit);
    return word % bound;
}

struct vr_id vr_random_id(const struct vr_random *random)
{
    struct vr_id id;

    do {
        random->fill(random->ctx, &id, sizeof(id));
    } while (vr_id_is_zero(id));
    return id;
}
