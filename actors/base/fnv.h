/* fnv.h - FNV-1a of 64 bits: tells apart what changed or was torn, not what an enemy wrote. */
#ifndef VR_BASE_FNV_H
#define VR_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define VR_FNV_START 0xcbf29ce484222325ull

/** `hash` goes on over `data`; begins with VR_FNV_START. */
static inline uint64_t vr_fnv64(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    }
    return hash;
}

#endif
