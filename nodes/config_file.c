/* config_file.c - the file of settings: YAML, flat but for the parts `cluster:` and `tracing:`.
 * libcyaml reads it against a schema made from the table, so that an unknown key is refused with
 * its line. */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/config_internal.h"
#include "nodes/config_table.h"

/* What libcyaml fills in: every value as text, so that absent and zero differ. */
#define RAW_TEXT(name, value, help) char *name;
#define RAW_NUMBER(name, value, min, max, help) char *name;
#define RAW_SWITCH(name, value, help) char *name;
#define RAW_LIST(name, help)                                                                       \
    char **name;                                                                                   \
    uint32_t name##_count;
struct raw_cluster {
    VR_CLUSTER_SETTING_MAP(RAW_TEXT, RAW_NUMBER, RAW_SWITCH, RAW_LIST)
};
struct raw_tracing {
    VR_TRACING_SETTING_MAP(RAW_TEXT, RAW_NUMBER, RAW_SWITCH, RAW_LIST)
};
struct raw {
    struct raw_cluster *cluster;
    struct raw_tracing *tracing;
    VR_SETTING_MAP(RAW_TEXT, RAW_NUMBER, RAW_SWITCH, RAW_LIST)
};

static const cyaml_schema_value_t item_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 1024)};

#define FIELD_SCALAR(in, name)                                                                     \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct in, name, 0,    \
                           4096),
#define FIELD_ITEMS(in, name)                                                                      \
    CYAML_FIELD_SEQUENCE(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct in, name,         \
                         &item_schema, 0, VR_CONFIG_LIST_MAX),
#define PART_TEXT(name, value, help) FIELD_SCALAR(raw_cluster, name)
#define PART_NUMBER(name, value, min, max, help) FIELD_SCALAR(raw_cluster, name)
#define PART_SWITCH(name, value, help) FIELD_SCALAR(raw_cluster, name)
#define PART_LIST(name, help) FIELD_ITEMS(raw_cluster, name)
static const cyaml_schema_field_t cluster_fields[] = {
    VR_CLUSTER_SETTING_MAP(PART_TEXT, PART_NUMBER, PART_SWITCH, PART_LIST) CYAML_FIELD_END};

#define TRACING_TEXT(name, value, help) FIELD_SCALAR(raw_tracing, name)
#define TRACING_NONE(...) /* there are only texts in it */
static const cyaml_schema_field_t tracing_fields[] = {
    VR_TRACING_SETTING_MAP(TRACING_TEXT, TRACING_NONE, TRACING_NONE, TRACING_NONE) CYAML_FIELD_END};

#define FIELD_TEXT(name, value, help) FIELD_SCALAR(raw, name)
#define FIELD_NUMBER(name, value, min, max, help) FIELD_SCALAR(raw, name)
#define FIELD_SWITCH(name, value, help) FIELD_SCALAR(raw, name)
#define FIELD_LIST(name, help) FIELD_ITEMS(raw, name)
static const cyaml_schema_field_t file_fields[] = {
    VR_SETTING_MAP(FIELD_TEXT, FIELD_NUMBER, FIELD_SWITCH, FIELD_LIST) CYAML_FIELD_MAPPING_PTR(
        "cluster", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, cluster, cluster_fields),
    CYAML_FIELD_MAPPING_PTR("tracing", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw,
                            tracing, tracing_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, file_fields)};

/* Where each setting's raw value lies in its part, in the order of the table. */
#define OFFSET_TEXT(name, value, help) offsetof(struct raw, name),
#define OFFSET_NUMBER(name, value, min, max, help) offsetof(struct raw, name),
#define OFFSET_SWITCH(name, value, help) offsetof(struct raw, name),
#define OFFSET_LIST(name, help) offsetof(struct raw, name),
#define INNER_TEXT(name, value, help) offsetof(struct raw_cluster, name),
#define INNER_NUMBER(name, value, min, max, help) offsetof(struct raw_cluster, name),
#define INNER_SWITCH(name, value, help) offsetof(struct raw_cluster, name),
#define INNER_LIST(name, help) offsetof(struct raw_cluster, name),
#define TRACED_TEXT(name, value, help) offsetof(struct raw_tracing, name),
static const size_t raw_offsets[] = {
    VR_SETTING_MAP(OFFSET_TEXT, OFFSET_NUMBER, OFFSET_SWITCH, OFFSET_LIST)
        VR_CLUSTER_SETTING_MAP(INNER_TEXT, INNER_NUMBER, INNER_SWITCH, INNER_LIST)
            VR_TRACING_SETTING_MAP(TRACED_TEXT, TRACING_NONE, TRACING_NONE, TRACING_NONE)};
#define COUNT_TEXT(name, value, help) 0,
#define COUNT_NUMBER(name, value, min, max, help) 0,
#define COUNT_SWITCH(name, value, help) 0,
#define COUNT_LIST(name, help) offsetof(struct raw, name##_count),
#define INSIDE_LIST(name, help) offsetof(struct raw_cluster, name##_count),
static const size_t raw_counts[] = {
    VR_SETTING_MAP(COUNT_TEXT, COUNT_NUMBER, COUNT_SWITCH, COUNT_LIST)
        VR_CLUSTER_SETTING_MAP(COUNT_TEXT, COUNT_NUMBER, COUNT_SWITCH, INSIDE_LIST)
            VR_TRACING_SETTING_MAP(COUNT_TEXT, COUNT_NUMBER, COUNT_SWITCH, INSIDE_LIST)};

struct complaint {
    char first[200]; /* what libcyaml found */
    unsigned line;   /* the innermost of its backtrace; 0: not told */
};

static void on_cyaml_log(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    struct complaint *complaint = ctx;
    char text[300];
    const char *line = NULL;

    (void)level;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = 0;
    line = strstr(text, "line: ");
    if (line != NULL && complaint->line == 0) {
        complaint->line = (unsigned)strtoul(line + 6, NULL, 10);
    }
    if (complaint->first[0] == 0 && line == NULL) {
        const char *said = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(complaint->first, sizeof(complaint->first), "%.199s", said);
    }
}

/** The line on which `name` stands, in a part or not; 0 when it is not found. */
static unsigned line_of(const char *text, const char *name)
{
    size_t size = strlen(name);
    unsigned line = 1;

    for (const char *at = text; at != NULL && *at != 0; line++) {
        at += strspn(at, " ");
        if (strncmp(at, name, size) == 0 && at[size + strspn(at + size, " ")] == ':') {
            return line;
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return 0;
}

static enum vr_err file_read(const char *file, char **text, size_t *size, struct vr_why *why)
{
    FILE *stream = fopen(file, "re");
    struct vr_buf buf = {0};
    char chunk[4096];
    size_t got = 0;

    if (stream == NULL) {
        return vr_fail(why, VR_E_NOT_FOUND, "%s: %s", file, strerror(errno));
    }
    while ((got = fread(chunk, 1, sizeof(chunk), stream)) > 0 && buf.size < 1024 * 1024) {
        vr_buf_append(&buf, chunk, got);
    }
    fclose(stream);
    vr_buf_append(&buf, "", 1);
    if (buf.failed) {
        vr_buf_deinit(&buf);
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    *text = (char *)buf.data;
    *size = buf.size - 1;
    return VR_OK;
}

/** NULL: the file has no such part. */
static const void *part_of(const struct raw *raw, const char *name)
{
    if (name[0] == 0) {
        return raw;
    }
    return strcmp(name, "tracing") == 0 ? (const void *)raw->tracing : (const void *)raw->cluster;
}

static enum vr_err raw_apply(struct vr_config *config, const struct raw *raw, const char *file,
                             const char *text, struct vr_why *why)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        size_t prefix = strlen(config_settings[i].part);
        const void *part = part_of(raw, config_settings[i].part);
        const char *base = (const char *)part + raw_offsets[i];
        char where[300];
        enum vr_err err = VR_OK;

        if (part == NULL) {
            continue;
        }
        snprintf(where, sizeof(where), "%.200s:%u", file,
                 line_of(text, config_settings[i].name + (prefix == 0 ? 0 : prefix + 1)));
        if (config_settings[i].kind == KIND_LIST) {
            char *const *items = *(char *const *const *)base;
            uint32_t count = *(const uint32_t *)((const char *)part + raw_counts[i]);
            struct vr_config_list *list = config_value_of(config, &config_settings[i]);

            for (uint32_t k = 0; items != NULL && k < count && err == VR_OK; k++) {
                err = config_list_add(list, items[k], strlen(items[k]), where, why);
            }
        } else if (*(char *const *)base != NULL) {
            err = config_setting_set(config, &config_settings[i], *(char *const *)base, where, why);
        }
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

/** libcyaml names the mapping's first line for a key that it does not know: find the key's own. */
static void complaint_locate(struct complaint *complaint, const char *text)
{
    static const char unexpected[] = "Unexpected key: ";

    if (strncmp(complaint->first, unexpected, sizeof(unexpected) - 1) == 0) {
        unsigned line = line_of(text, complaint->first + sizeof(unexpected) - 1);
        complaint->line = line != 0 ? line : complaint->line;
    }
}

/** Nothing but comments and blank lines: fine, and not a document to libcyaml. */
static bool file_is_empty(const char *text)
{
    for (const char *at = text; *at != 0;) {
        size_t size = strcspn(at, "\n");
        size_t lead = strspn(at, " \t\r");

        if (lead < size && at[lead] != '#') {
            return false;
        }
        at += size + (at[size] == '\n' ? 1 : 0);
    }
    return true;
}

enum vr_err config_file_apply(struct vr_config *config, const char *file, struct vr_why *why)
{
    struct complaint complaint = {0};
    const cyaml_config_t cyaml = {.log_level = CYAML_LOG_ERROR,
                                  .log_fn = on_cyaml_log,
                                  .log_ctx = &complaint,
                                  .mem_fn = cyaml_mem,
                                  .flags = CYAML_CFG_NO_ALIAS};
    struct raw *raw = NULL;
    char *text = NULL;
    size_t size = 0;
    enum vr_err err = file_read(file, &text, &size, why);

    if (text == NULL) {
        return err;
    }
    if (!file_is_empty(text)) {
        cyaml_err_t loaded = cyaml_load_data((const uint8_t *)text, size, &cyaml, &file_schema,
                                             (cyaml_data_t **)&raw, NULL);
        if (loaded != CYAML_OK) {
            complaint_locate(&complaint, text);
            err = vr_fail(why, VR_E_UNPROCESSABLE, "%s:%u: %s", file, complaint.line,
                          complaint.first[0] != 0 ? complaint.first : cyaml_strerror(loaded));
        } else if (raw != NULL) {
            err = raw_apply(config, raw, file, text, why);
        }
    }
    cyaml_free(&cyaml, &file_schema, raw, 0);
    free(text);
    return err;
}
