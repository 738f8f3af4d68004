/* router.c - paths against patterns, segment by segment, and the decoding of what they carry. */
#include "nodes/router.h"

#include "actors/base/utf8.h"

static const char *const method_names[] = {
    [VR_HTTP_GET] = "GET",     [VR_HTTP_POST] = "POST",     [VR_HTTP_PUT] = "PUT",
    [VR_HTTP_PATCH] = "PATCH", [VR_HTTP_DELETE] = "DELETE",
};

const char *vr_method_name(enum vr_method method)
{
    return method < VR_HTTP_METHODS ? method_names[method] : "?";
}

bool vr_method_parse(struct vr_bytes word, enum vr_method *out)
{
    for (int i = 0; i < VR_HTTP_METHODS; i++) {
        if (vr_bytes_equal(word, vr_bytes_of(method_names[i]))) {
            *out = (enum vr_method)i;
            return true;
        }
    }
    *out = VR_HTTP_GET;
    return vr_bytes_equal(word, vr_bytes_of("HEAD"));
}

void vr_method_list(uint32_t allowed, struct vr_buf *out)
{
    for (int i = 0; i < VR_HTTP_METHODS; i++) {
        if ((allowed & 1u << i) != 0) {
            vr_buf_text(out, method_names[i]);
            vr_buf_text(out, i == VR_HTTP_GET ? ", HEAD, " : ", ");
        }
    }
    vr_buf_text(out, "OPTIONS");
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool utf8_is_valid(const uint8_t *p, size_t size)
{
    while (size > 0) {
        size_t taken = vr_utf8_size(p, size);

        if (taken == 0) {
            return false;
        }
        p += taken;
        size -= taken;
    }
    return true;
}

bool vr_percent_decode(struct vr_bytes in, bool plus_is_space, char *out, size_t capacity)
{
    size_t size = 0;

    for (size_t i = 0; i < in.size; i++) {
        int c = in.data[i];

        if (c == '%') {
            if (in.size - i < 3 || hex(in.data[i + 1]) < 0 || hex(in.data[i + 2]) < 0) {
                return false;
            }
            c = hex(in.data[i + 1]) << 4 | hex(in.data[i + 2]);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0 || size + 1 >= capacity) {
            return false;
        }
        out[size++] = (char)c;
    }
    out[size] = 0;
    return utf8_is_valid((const uint8_t *)out, size);
}

bool vr_query_find(struct vr_bytes query, const char *name, char *out, size_t capacity)
{
    size_t name_size = strlen(name);

    out[0] = 0;
    for (size_t i = 0; i < query.size;) {
        size_t end = i;
        bool found = false;

        while (end < query.size && query.data[end] != '&') {
            end++;
        }
        if (end - i >= name_size && memcmp(query.data + i, name, name_size) == 0 &&
            (end - i == name_size || query.data[i + name_size] == '=')) {
            size_t value = i + name_size + (end - i == name_size ? 0 : 1);

            found =
                vr_percent_decode(vr_bytes(query.data + value, end - value), true, out, capacity);
            if (!found) {
                out[0] = 0;
            }
            return found;
        }
        i = end + 1;
    }
    return false;
}

/** The part of `rest` before the next "/", taken off its front. */
static struct vr_bytes segment_next(struct vr_bytes *rest)
{
    size_t size = 0;
    struct vr_bytes segment = {0};

    while (size < rest->size && rest->data[size] != '/') {
        size++;
    }
    segment = vr_bytes(rest->data, size);
    size += size < rest->size ? 1 : 0;
    *rest = vr_bytes(rest->data + size, rest->size - size);
    return segment;
}

static bool param_take(struct vr_route_match *out, size_t *used, struct vr_bytes segment)
{
    char *text = out->text + *used;

    if (segment.size == 0 || out->param_count == VR_HTTP_PARAMS_MAX ||
        !vr_percent_decode(segment, false, text, VR_ROUTE_TEXT_MAX - *used) ||
        strchr(text, '/') != NULL) {
        return false;
    }
    out->param[out->param_count++] = text;
    *used += strlen(text) + 1;
    return true;
}

static bool pattern_fits(const char *pattern, struct vr_bytes path, struct vr_route_match *out)
{
    struct vr_bytes want = vr_bytes(pattern + 1, strlen(pattern) - 1);
    struct vr_bytes have = vr_bytes(path.data + 1, path.size - 1);
    size_t used = 0;

    out->param_count = 0;
    while (want.size > 0 && have.size > 0) {
        struct vr_bytes w = segment_next(&want);
        struct vr_bytes h = segment_next(&have);

        if (w.size > 1 && w.data[0] == '{') {
            if (!param_take(out, &used, h)) {
                return false;
            }
        } else if (!vr_bytes_equal(w, h)) {
            return false;
        }
    }
    return want.size == 0 && have.size == 0 && (path.size == 1 || path.data[path.size - 1] != '/');
}

void vr_route_find(const struct vr_route *routes, size_t count, enum vr_method method,
                   struct vr_bytes path, struct vr_route_match *out)
{
    out->route = NULL;
    out->allowed = 0;
    out->param_count = 0;
    if (path.size == 0 || path.data[0] != '/') {
        return;
    }
    for (size_t i = 0; i < count && out->route == NULL; i++) {
        if (!pattern_fits(routes[i].pattern, path, out)) {
            continue;
        }
        out->allowed |= 1u << routes[i].method;
        if (routes[i].method == method) {
            out->route = &routes[i];
        }
    }
}
