/* keys.c - readable names: ids as everywhere, tables by name, the bytes of a row's key in hex. */
#include "cluster/keys.h"

#include <stdio.h>

static const char *const table_names[VR_TABLE_COUNT] = {
#define X(name, number, text) [number] = (text),
    VR_TABLE_MAP(X)
#undef X
};

static struct vr_bytes text(const struct cluster_key *key)
{
    return vr_bytes_of(key->text);
}

struct vr_bytes key_generation(struct cluster_key *key, const char *prefix)
{
    snprintf(key->text, sizeof(key->text), "%sgeneration", prefix);
    return text(key);
}

struct vr_bytes key_number(struct cluster_key *key, const char *prefix, uint32_t number)
{
    snprintf(key->text, sizeof(key->text), "%snumbers/%u", prefix, number);
    return text(key);
}

struct vr_bytes key_numbers(struct cluster_key *key, const char *prefix)
{
    snprintf(key->text, sizeof(key->text), "%snumbers/", prefix);
    return text(key);
}

struct vr_bytes key_node(struct cluster_key *key, const char *prefix, const char *name)
{
    snprintf(key->text, sizeof(key->text), "%snodes/%s", prefix, name);
    return text(key);
}

struct vr_bytes key_room(struct cluster_key *key, const char *prefix, const char *folder,
                         struct vr_id room)
{
    char id[VR_ID_TEXT];

    snprintf(key->text, sizeof(key->text), "%s%s/%s", prefix, folder, vr_id_format(room, id));
    return text(key);
}

struct vr_bytes key_rows(struct cluster_key *key, const char *prefix, struct vr_id room)
{
    char id[VR_ID_TEXT];

    snprintf(key->text, sizeof(key->text), "%srooms/%s/", prefix, vr_id_format(room, id));
    return text(key);
}

struct vr_bytes key_head(struct cluster_key *key, const char *prefix, struct vr_id room)
{
    char id[VR_ID_TEXT];

    snprintf(key->text, sizeof(key->text), "%srooms/%s/head", prefix, vr_id_format(room, id));
    return text(key);
}

static void hex(char *out, size_t size, struct vr_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.size && 2 * i + 2 < size; i++) {
        out[2 * i] = digits[bytes.data[i] >> 4];
        out[2 * i + 1] = digits[bytes.data[i] & 15];
        out[2 * i + 2] = 0;
    }
}

static struct vr_bytes add_row(struct cluster_key *key, enum vr_table table, struct vr_bytes row)
{
    size_t used = strlen(key->text);

    snprintf(key->text + used, sizeof(key->text) - used, "%s/", table_names[table]);
    used = strlen(key->text);
    hex(key->text + used, sizeof(key->text) - used, row);
    return text(key);
}

struct vr_bytes key_row(struct cluster_key *key, const char *prefix, struct vr_id room,
                        enum vr_table table, struct vr_bytes row)
{
    uint8_t id[16];

    vr_id_put(id, room);
    if (row.size < 16 || row.size > VR_KEY_MAX || memcmp(row.data, id, 16) != 0) {
        return vr_bytes(NULL, 0);
    }
    key_rows(key, prefix, room);
    return add_row(key, table, vr_bytes(row.data + 16, row.size - 16));
}

struct vr_bytes key_deploy(struct cluster_key *key, const char *prefix, enum vr_table table,
                           struct vr_bytes row)
{
    snprintf(key->text, sizeof(key->text), "%sdeploy/", prefix);
    return add_row(key, table, row);
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(struct vr_bytes in, uint8_t *out, size_t max, size_t *size)
{
    if (in.size % 2 != 0 || in.size / 2 > max) {
        return false;
    }
    for (size_t i = 0; i < in.size; i += 2) {
        int high = digit(in.data[i]);
        int low = digit(in.data[i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    *size = in.size / 2;
    return true;
}

static bool split(struct vr_bytes rest, enum vr_table *table, struct vr_bytes *digits)
{
    for (int i = 0; i < VR_TABLE_COUNT; i++) {
        size_t size = table_names[i] == NULL ? 0 : strlen(table_names[i]);

        if (size > 0 && rest.size > size && memcmp(rest.data, table_names[i], size) == 0 &&
            rest.data[size] == '/') {
            *table = (enum vr_table)i;
            *digits = vr_bytes(rest.data + size + 1, rest.size - size - 1);
            return true;
        }
    }
    return false;
}

bool key_row_parse(struct vr_bytes rest, struct vr_id room, enum vr_table *table,
                   uint8_t row[VR_KEY_MAX], size_t *size)
{
    struct vr_bytes digits;

    vr_id_put(row, room);
    if (!split(rest, table, &digits) || !unhex(digits, row + 16, VR_KEY_MAX - 16, size)) {
        return false;
    }
    *size += 16;
    return true;
}

bool key_deploy_parse(struct vr_bytes rest, enum vr_table *table, uint8_t row[VR_KEY_MAX],
                      size_t *size)
{
    struct vr_bytes digits;

    return split(rest, table, &digits) && unhex(digits, row, VR_KEY_MAX, size);
}
