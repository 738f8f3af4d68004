/* rate.c - rows of eight buckets; the row comes from the key, the oldest bucket of a row gives way.
 */
#include "nodes/rate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ROW 8

struct bucket {
    uint64_t key; /* 0: free */
    double level;
    vr_time_us used;
};

struct vr_rate {
    uint64_t seed;
    uint32_t row_mask;
    struct bucket buckets[];
};

enum vr_err vr_rate_new(uint32_t buckets, uint64_t seed, struct vr_rate **out)
{
    uint32_t rows = 1;

    while (rows * ROW < buckets && rows < 1u << 24) {
        rows *= 2;
    }
    *out = calloc(1, sizeof(struct vr_rate) + (size_t)rows * ROW * sizeof(struct bucket));
    if (*out == NULL) {
        return VR_E_NO_MEMORY;
    }
    (*out)->seed = seed;
    (*out)->row_mask = rows - 1;
    return VR_OK;
}

void vr_rate_free(struct vr_rate *rate)
{
    free(rate);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t hash(const struct vr_rate *rate, const void *data, size_t size, uint64_t start)
{
    const uint8_t *bytes = data;
    uint64_t sum = mix(rate->seed ^ start);

    for (size_t i = 0; i < size; i++) {
        sum = mix(sum ^ bytes[i]);
    }
    return sum == 0 ? 1 : sum;
}

uint64_t vr_rate_key_text(const struct vr_rate *rate, const char *kind, const char *text)
{
    return hash(rate, text, strlen(text), hash(rate, kind, strlen(kind), 2));
}

uint64_t vr_rate_key_address(const struct vr_rate *rate, const char *address)
{
    struct in6_addr v6;

    if (inet_pton(AF_INET6, address, &v6) == 1) {
        return hash(rate, v6.s6_addr, 8, 6);
    }
    return hash(rate, address, strlen(address), 4);
}

static struct bucket *bucket_of(struct vr_rate *rate, uint64_t key, uint32_t limit, vr_time_us now)
{
    struct bucket *row = &rate->buckets[(key & rate->row_mask) * ROW];
    struct bucket *oldest = row;

    for (struct bucket *at = row; at < row + ROW; at++) {
        if (at->key == key) {
            return at;
        }
        if (at->key == 0 ? oldest->key != 0 : oldest->key != 0 && at->used < oldest->used) {
            oldest = at;
        }
    }
    *oldest = (struct bucket){.key = key, .level = limit, .used = now};
    return oldest;
}

void vr_rate_take(struct vr_rate *rate, uint64_t key, uint32_t limit, vr_time_us window,
                  uint32_t cost, vr_time_us now, struct vr_rate_result *out)
{
    struct bucket *bucket = bucket_of(rate, key, limit, now);
    double per_us = (double)limit / (double)window;
    double level = bucket->level + (double)(now - bucket->used) * per_us;

    level = level > limit ? limit : level;
    *out = (struct vr_rate_result){.allowed = level >= cost, .limit = limit};
    if (out->allowed) {
        level -= cost;
    } else {
        out->retry_after_ms = (uint32_t)((cost - level) / per_us / 1000) + 1;
    }
    out->remaining = (uint32_t)level;
    out->reset_s = (uint32_t)((limit - level) / per_us / 1e6) + 1;
    bucket->level = level;
    bucket->used = now;
}
