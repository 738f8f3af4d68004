/* bytes.h - a view of bytes, a growable buffer, a shared immutable blob, big-endian access. */
#ifndef VR_BASE_BYTES_H
#define VR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A borrowed view; never owns. */
struct vr_bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct vr_bytes vr_bytes(const void *data, size_t size)
{
    return (struct vr_bytes){data, size};
}

static inline struct vr_bytes vr_bytes_of(const char *text)
{
    return (struct vr_bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool vr_bytes_equal(struct vr_bytes a, struct vr_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline uint16_t vr_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t vr_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t vr_get64(const uint8_t *p)
{
    return (uint64_t)vr_get32(p) << 32 | vr_get32(p + 4);
}

static inline void vr_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void vr_put32(uint8_t *p, uint32_t v)
{
    vr_put16(p, (uint16_t)(v >> 16));
    vr_put16(p + 2, (uint16_t)v);
}

static inline void vr_put64(uint8_t *p, uint64_t v)
{
    vr_put32(p, (uint32_t)(v >> 32));
    vr_put32(p + 4, (uint32_t)v);
}

#define VR_DECIMAL_MAX 20 /* digits of UINT64_MAX */

/** `value` in decimal, without a 0 at the end; how many digits. About a twentieth of printf. */
size_t vr_decimal(uint64_t value, char out[VR_DECIMAL_MAX]);

/** Growable bytes. Zeroed is empty. On allocation failure `failed` sticks and later appends do
 * nothing, so that a writer checks once, at the end. */
struct vr_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void vr_buf_deinit(struct vr_buf *buf);
void vr_buf_append(struct vr_buf *buf, const void *data, size_t size);
void vr_buf_text(struct vr_buf *buf, const char *text);
void vr_buf_printf(struct vr_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** In decimal, for what is written often (vr_decimal). */
void vr_buf_unsigned(struct vr_buf *buf, uint64_t value);

static inline struct vr_bytes vr_buf_bytes(const struct vr_buf *buf)
{
    return (struct vr_bytes){buf->data, buf->size};
}

/** Immutable bytes shared between threads: counted, freed by the last release. `data[size]` is 0,
 * so that text in a blob is a C string. */
struct vr_blob {
    uint32_t refs; /* atomic */
    size_t size;
    uint8_t data[];
};

/** New blob with a copy of `bytes` and one reference; NULL when memory is out. */
struct vr_blob *vr_blob_new(struct vr_bytes bytes);
struct vr_blob *vr_blob_retain(struct vr_blob *blob); /* NULL is fine */
void vr_blob_release(struct vr_blob *blob);           /* NULL is fine */

static inline struct vr_bytes vr_blob_bytes(const struct vr_blob *blob)
{
    return blob == NULL ? (struct vr_bytes){NULL, 0} : (struct vr_bytes){blob->data, blob->size};
}

static inline const char *vr_blob_text(const struct vr_blob *blob)
{
    return blob == NULL ? "" : (const char *)blob->data;
}

#endif
