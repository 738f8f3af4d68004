/* config_internal.h - what the files of the configuration share. */
#ifndef VR_NODES_CONFIG_INTERNAL_H
#define VR_NODES_CONFIG_INTERNAL_H

#include <stddef.h>

#include "nodes/config.h"

/* config_settings.c: the table at run time, and how a text becomes a value */
enum kind { KIND_TEXT, KIND_NUMBER, KIND_SWITCH, KIND_LIST };

struct setting {
    const char *name; /* with its part's prefix: "cluster_etcd" */
    const char *part; /* "cluster": the mapping of the file that it stands in; "": none */
    enum kind kind;
    size_t offset; /* in struct vr_config */
    const char *text;
    uint64_t number, min, max;
    const char *help;
};

extern const struct setting config_settings[];
extern const size_t config_setting_count;

const struct setting *config_setting_find(const char *name); /* NULL: there is none */
void *config_value_of(const struct vr_config *config, const struct setting *setting);
enum vr_err config_text_set(char **slot, const char *text, struct vr_why *why);
enum vr_err config_list_add(struct vr_config_list *list, const char *text, size_t size,
                            const char *where, struct vr_why *why);
/** `where` names the layer for the person who reads the error: "voicerooms.yaml:7", "--http-port".
 */
enum vr_err config_setting_set(struct vr_config *config, const struct setting *setting,
                               const char *text, const char *where, struct vr_why *why);
enum vr_err config_defaults_set(struct vr_config *config, struct vr_why *why);

/* config_file.c */
enum vr_err config_file_apply(struct vr_config *config, const char *file, struct vr_why *why);

/* config_check.c: what only makes sense together */
enum vr_err config_whole_check(struct vr_config *config, struct vr_why *why);

/* config.c */
void config_environment_name(const struct setting *setting, char out[64]);

#endif
