#include "actors/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool reserve(struct vr_buf *buf, size_t more)
{
    size_t capacity = buf->capacity == 0 ? 256 : buf->capacity;
    uint8_t *data;

    if (buf->failed || more > SIZE_MAX / 4 - buf->size) {
        buf->failed = true;
        return false;
    }
    if (buf->size + more <= buf->capacity) {
        return true;
    }
    while (capacity < buf->size + more) {
        capacity *= 2;
    }
    data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void vr_buf_deinit(struct vr_buf *buf)
{
    free(buf->data);
    *buf = (struct vr_buf){0};
}

void vr_buf_append(struct vr_buf *buf, const void *data, size_t size)
{
    if (size == 0 || !reserve(buf, size)) {
        return;
    }
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void vr_buf_text(struct vr_buf *buf, const char *text)
{
    vr_buf_append(buf, text, strlen(text));
}

void vr_buf_printf(struct vr_buf *buf, const char *format, ...)
{
    size_t room = buf->capacity - buf->size;
    va_list args;
    int size;

    /* Most texts are short and fit: formatting once is half the work of measuring first. */
    va_start(args, format);
    size = vsnprintf(room > 0 ? (char *)buf->data + buf->size : NULL, room, format, args);
    va_end(args);
    if (size < 0 || !reserve(buf, (size_t)size + 1)) {
        buf->failed = true;
        return;
    }
    if ((size_t)size >= room) {
        va_start(args, format);
        vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, args);
        va_end(args);
    }
    buf->size += (size_t)size;
}

size_t vr_decimal(uint64_t value, char out[VR_DECIMAL_MAX])
{
    char digits[VR_DECIMAL_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

void vr_buf_unsigned(struct vr_buf *buf, uint64_t value)
{
    char digits[VR_DECIMAL_MAX];

    vr_buf_append(buf, digits, vr_decimal(value, digits));
}

struct vr_blob *vr_blob_new(struct vr_bytes bytes)
{
    struct vr_blob *blob = malloc(sizeof(*blob) + bytes.size + 1);

    if (blob == NULL) {
        return NULL;
    }
    blob->refs = 1;
    blob->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(blob->data, bytes.data, bytes.size);
    }
    blob->data[bytes.size] = 0;
    return blob;
}

struct vr_blob *vr_blob_retain(struct vr_blob *blob)
{
    if (blob != NULL) {
        __atomic_fetch_add(&blob->refs, 1, __ATOMIC_RELAXED);
    }
    return blob;
}

void vr_blob_release(struct vr_blob *blob)
{
    if (blob != NULL && __atomic_sub_fetch(&blob->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(blob);
    }
}
