/* config.c - the four layers that fill the settings: default, file, environment, flags. */
#include "nodes/config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "nodes/config_internal.h"

void config_environment_name(const struct setting *setting, char out[64])
{
    size_t at = (size_t)snprintf(out, 64, "VOICEROOM_");

    for (const char *name = setting->name; *name != 0 && at < 63; name++) {
        out[at++] = (char)toupper((unsigned char)*name);
    }
    out[at] = 0;
}

static const char *environment_find(char *const *environment, const char *name)
{
    size_t size = strlen(name);

    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=') {
            return *environment + size + 1;
        }
    }
    return NULL;
}

static enum vr_err environment_apply(struct vr_config *config, char *const *environment,
                                     struct vr_why *why)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        char name[64];
        const char *value = NULL;

        config_environment_name(&config_settings[i], name);
        value = environment_find(environment, name);
        if (value != NULL) {
            enum vr_err err = config_setting_set(config, &config_settings[i], value, name, why);
            if (err != VR_OK) {
                return err;
            }
        }
    }
    return VR_OK;
}

static enum vr_err flags_apply(struct vr_config *config, const struct vr_config_flag *flags,
                               uint32_t count, struct vr_why *why)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct setting *setting = config_setting_find(flags[i].name);
        char where[80];
        enum vr_err err = VR_OK;

        snprintf(where, sizeof(where), "flag %.60s", flags[i].name);
        if (setting == NULL) {
            return vr_fail(why, VR_E_UNPROCESSABLE, "%s: there is no such setting", where);
        }
        err = config_setting_set(config, setting, flags[i].value, where, why);
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

enum vr_err vr_config_load(const char *file, char *const *environment,
                           const struct vr_config_flag *flags, uint32_t flag_count,
                           struct vr_config *out, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    *out = (struct vr_config){.source_file = file,
                              .source_environment = environment,
                              .source_flags = flags,
                              .source_flag_count = flag_count};
    err = config_defaults_set(out, why);
    if (err == VR_OK && file != NULL) {
        err = config_file_apply(out, file, why);
    }
    if (err == VR_OK) {
        err = environment_apply(out, environment, why);
    }
    if (err == VR_OK) {
        err = flags_apply(out, flags, flag_count, why);
    }
    return err == VR_OK ? config_whole_check(out, why) : err;
}
