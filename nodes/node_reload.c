/* node_reload.c - a running node reads its configuration again. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "nodes/config_internal.h"
#include "nodes/node_internal.h"
#include "nodes/tls.h"

/** What can change while people talk. The certificate is read again whether its name changed or
 * not. */
static const char *const at_once[] = {"log_level", "rate_per_address", "rate_per_identity",
                                      "connections_max", "connections_per_address"};

static bool is_at_once(const char *name)
{
    for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
        if (strcmp(at_once[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool same(const struct vr_config *a, const struct vr_config *b,
                 const struct setting *setting)
{
    const void *left = config_value_of(a, setting);
    const void *right = config_value_of(b, setting);

    switch (setting->kind) {
    case KIND_TEXT:
        return strcmp(*(char *const *)left, *(char *const *)right) == 0;
    case KIND_NUMBER:
        return *(const uint64_t *)left == *(const uint64_t *)right;
    case KIND_SWITCH:
        return *(const bool *)left == *(const bool *)right;
    case KIND_LIST:
        break;
    }
    const struct vr_config_list *one = left;
    const struct vr_config_list *other = right;

    if (one->count != other->count) {
        return false;
    }
    for (uint32_t i = 0; i < one->count; i++) {
        if (strcmp(one->item[i], other->item[i]) != 0) {
            return false;
        }
    }
    return true;
}

static enum vr_err certificate_again(struct vr_node *node, struct vr_buf *applied,
                                     struct vr_why *why)
{
    const struct vr_config *config = node->config;
    enum vr_err err = VR_OK;

    if (node->tls == NULL || config->tls_certificate[0] == 0) {
        return VR_OK;
    }
    err = vr_tls_reload(node->tls, config->tls_certificate, config->tls_key, why);
    if (err == VR_OK) {
        vr_buf_append(applied, "tls_certificate", sizeof("tls_certificate"));
    }
    return err;
}

enum vr_err vr_node_reload(struct vr_node *node, struct vr_buf *applied, struct vr_buf *later,
                           struct vr_why *why)
{
    const struct vr_config *old = node->reloaded != NULL ? node->reloaded : node->config;
    struct vr_config *fresh = calloc(1, sizeof(*fresh));
    enum vr_log_level level = VR_LOG_INFO;
    enum vr_err err;

    if (fresh == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    err = vr_config_load(old->source_file, old->source_environment, old->source_flags,
                         old->source_flag_count, fresh, why);
    if (err == VR_OK) {
        err = certificate_again(node, applied, why);
    }
    if (err != VR_OK) {
        vr_config_free(fresh);
        free(fresh);
        return err;
    }
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *setting = &config_settings[i];
        bool now = is_at_once(setting->name);

        /* What needs a restart is compared with what the node started with. */
        if (!same(now ? old : node->config, fresh, setting)) {
            vr_buf_append(now ? applied : later, setting->name, strlen(setting->name) + 1);
        }
    }
    if (vr_log_level_parse(fresh->log_level, &level)) {
        vr_log_set_level(level);
    }
    vr_http_limits_set(node->http,
                       &(struct vr_http_limits){
                           .rate_per_address = (uint32_t)fresh->rate_per_address,
                           .rate_per_identity = (uint32_t)fresh->rate_per_identity,
                           .connections_max = (uint32_t)fresh->connections_max,
                           .connections_per_address = (uint32_t)fresh->connections_per_address});
    node_reloaded_free(node);
    node->reloaded = fresh;
    vr_log(VR_LOG_INFO, "the configuration was read again");
    return VR_OK;
}

void node_reloaded_free(struct vr_node *node)
{
    if (node->reloaded != NULL) {
        vr_config_free(node->reloaded);
        free(node->reloaded);
        node->reloaded = NULL;
    }
}
