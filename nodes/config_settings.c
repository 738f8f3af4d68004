/* config_settings.c - the table of settings at run time: find one, judge and keep a value, free
 * all. One function judges values for file, environment and flags. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nodes/config_internal.h"
#include "nodes/config_table.h"

#define AT(name) offsetof(struct vr_config, name)
#define ROW_TEXT(name, value, help) {#name, "", KIND_TEXT, AT(name), value, 0, 0, 0, help},
#define ROW_NUMBER(name, value, min, max, help)                                                    \
    {#name, "", KIND_NUMBER, AT(name), "", value, min, max, help},
#define ROW_SWITCH(name, value, help) {#name, "", KIND_SWITCH, AT(name), "", value, 0, 1, help},
#define ROW_LIST(name, help) {#name, "", KIND_LIST, AT(name), "", 0, 0, 0, help},

#define IN(part, name) offsetof(struct vr_config, part##_##name)
#define PART_TEXT(name, value, help)                                                               \
    {"cluster_" #name, "cluster", KIND_TEXT, IN(cluster, name), value, 0, 0, 0, help},
#define PART_NUMBER(name, value, min, max, help)                                                   \
    {"cluster_" #name, "cluster", KIND_NUMBER, IN(cluster, name), "", value, min, max, help},
#define PART_SWITCH(name, value, help)                                                             \
    {"cluster_" #name, "cluster", KIND_SWITCH, IN(cluster, name), "", value, 0, 1, help},
#define PART_LIST(name, help)                                                                      \
    {"cluster_" #name, "cluster", KIND_LIST, IN(cluster, name), "", 0, 0, 0, help},
#define TRACING_TEXT(name, value, help)                                                            \
    {"tracing_" #name, "tracing", KIND_TEXT, IN(tracing, name), value, 0, 0, 0, help},
#define TRACING_NONE(...) /* there are only texts in it */

const struct setting config_settings[] = {
    VR_SETTING_MAP(ROW_TEXT, ROW_NUMBER, ROW_SWITCH, ROW_LIST)
        VR_CLUSTER_SETTING_MAP(PART_TEXT, PART_NUMBER, PART_SWITCH, PART_LIST)
            VR_TRACING_SETTING_MAP(TRACING_TEXT, TRACING_NONE, TRACING_NONE, TRACING_NONE)};
const size_t config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);

const struct setting *config_setting_find(const char *name)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        if (strcmp(config_settings[i].name, name) == 0) {
            return &config_settings[i];
        }
    }
    return NULL;
}

bool vr_config_known(const char *name)
{
    return config_setting_find(name) != NULL;
}

void *config_value_of(const struct vr_config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

enum vr_err config_text_set(char **slot, const char *text, struct vr_why *why)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    free(*slot);
    *slot = copy;
    return VR_OK;
}

static void list_clear(struct vr_config_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        free(list->item[i]);
    }
    *list = (struct vr_config_list){0};
}

enum vr_err config_list_add(struct vr_config_list *list, const char *text, size_t size,
                            const char *where, struct vr_why *why)
{
    if (list->count == VR_CONFIG_LIST_MAX) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: at most %d items", where, VR_CONFIG_LIST_MAX);
    }
    list->item[list->count] = strndup(text, size);
    if (list->item[list->count] == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    list->count++;
    return VR_OK;
}

/* "a, b,c": how a list is written in the environment and in flags. */
static enum vr_err list_split(struct vr_config_list *list, const char *text, const char *where,
                              struct vr_why *why)
{
    list_clear(list);
    while (*text != 0) {
        size_t size = strcspn(text, ",");
        size_t lead = strspn(text, " ");
        size_t end = size;

        while (end > lead && text[end - 1] == ' ') {
            end--;
        }
        if (end > lead) {
            enum vr_err err = config_list_add(list, text + lead, end - lead, where, why);
            if (err != VR_OK) {
                return err;
            }
        }
        text += size + (text[size] == ',' ? 1 : 0);
    }
    return VR_OK;
}

static enum vr_err number_set(uint64_t *slot, const struct setting *setting, const char *text,
                              const char *where, struct vr_why *why)
{
    char *end = NULL;
    unsigned long long number = 0;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != 0 || errno != 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: %s is not a number", where, setting->name);
    }
    if (number < setting->min || number > setting->max) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: %s must lie between %llu and %llu", where,
                       setting->name, (unsigned long long)setting->min,
                       (unsigned long long)setting->max);
    }
    *slot = number;
    return VR_OK;
}

static enum vr_err switch_set(bool *slot, const struct setting *setting, const char *text,
                              const char *where, struct vr_why *why)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *slot = strcasecmp(text, yes[i]) == 0;
            return VR_OK;
        }
    }
    return vr_fail(why, VR_E_UNPROCESSABLE, "%s: %s is either true or false", where, setting->name);
}

enum vr_err config_setting_set(struct vr_config *config, const struct setting *setting,
                               const char *text, const char *where, struct vr_why *why)
{
    void *value = config_value_of(config, setting);

    switch (setting->kind) {
    case KIND_TEXT:
        return config_text_set(value, text, why);
    case KIND_NUMBER:
        return number_set(value, setting, text, where, why);
    case KIND_SWITCH:
        return switch_set(value, setting, text, where, why);
    case KIND_LIST:
        return list_split(value, text, where, why);
    }
    return VR_E_INTERNAL;
}

enum vr_err config_defaults_set(struct vr_config *config, struct vr_why *why)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        void *value = config_value_of(config, setting);
        enum vr_err err = VR_OK;

        switch (setting->kind) {
        case KIND_TEXT:
            err = config_text_set(value, setting->text, why);
            break;
        case KIND_NUMBER:
            *(uint64_t *)value = setting->number;
            break;
        case KIND_SWITCH:
            *(bool *)value = setting->number != 0;
            break;
        case KIND_LIST:
            break;
        }
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

void vr_config_free(struct vr_config *config)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        void *value = config_value_of(config, &config_settings[i]);

        if (config_settings[i].kind == KIND_TEXT) {
            free(*(char **)value);
        } else if (config_settings[i].kind == KIND_LIST) {
            list_clear(value);
        }
    }
    *config = (struct vr_config){0};
}
