/* config_print.c - the settings as text: --print-config and --help. */
#include <string.h>

#include "nodes/config_internal.h"

static void text_quoted(struct vr_buf *out, const char *text)
{
    vr_buf_text(out, "\"");
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            vr_buf_append(out, "\\", 1);
        }
        vr_buf_append(out, text, 1);
    }
    vr_buf_text(out, "\"");
}

/** Passwords never stand in the config_settings, but an address may hold one:
 * turn:user:secret@host. */
static void text_masked(struct vr_buf *out, const char *text)
{
    const char *at = strrchr(text, '@');
    const char *colon = strchr(text, ':');

    if (at == NULL || colon == NULL || colon > at) {
        text_quoted(out, text);
        return;
    }
    vr_buf_printf(out, "\"%.*s:********%s\"", (int)(colon - text), text, at);
}

static void value_write(const struct vr_config *config, const struct setting *setting,
                        struct vr_buf *out)
{
    void *value = config_value_of(config, setting);

    switch (setting->kind) {
    case KIND_TEXT:
        text_masked(out, *(char **)value);
        break;
    case KIND_NUMBER:
        vr_buf_printf(out, "%llu", (unsigned long long)*(uint64_t *)value);
        break;
    case KIND_SWITCH:
        vr_buf_text(out, *(bool *)value ? "true" : "false");
        break;
    case KIND_LIST: {
        const struct vr_config_list *list = value;

        vr_buf_text(out, "[");
        for (uint32_t i = 0; i < list->count; i++) {
            vr_buf_text(out, i == 0 ? "" : ", ");
            text_masked(out, list->item[i]);
        }
        vr_buf_text(out, "]");
        break;
    }
    }
}

void vr_config_print(const struct vr_config *config, struct vr_buf *out)
{
    const char *part = "";

    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        bool inner = setting->part[0] != 0;

        if (strcmp(part, setting->part) != 0) {
            part = setting->part;
            vr_buf_printf(out, "%s:\n", part);
        }
        vr_buf_printf(out, "%s# %s\n", inner ? "  " : "", setting->help);
        vr_buf_printf(out, "%s%s: ", inner ? "  " : "",
                      inner ? setting->name + strlen(part) + 1 : setting->name);
        value_write(config, setting, out);
        vr_buf_text(out, "\n");
    }
}

void vr_config_help(struct vr_buf *out)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        char name[64];

        config_environment_name(setting, name);
        vr_buf_printf(out, "  %-24s %-35s %s", setting->name, name, setting->help);
        if (setting->kind == KIND_NUMBER) {
            vr_buf_printf(out, " (default %llu)", (unsigned long long)setting->number);
        } else if (setting->kind == KIND_SWITCH) {
            vr_buf_text(out, setting->number != 0 ? " (default true)" : " (default false)");
        } else if (setting->text[0] != 0) {
            vr_buf_printf(out, " (default %s)", setting->text);
        }
        vr_buf_text(out, "\n");
    }
}
