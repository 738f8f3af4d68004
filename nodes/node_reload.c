/* node_reload.c - a running node reads its configuration again: when asked by REST, by SIGHUP, and
 * the certificate whenever its files change. */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "nodes/config_internal.h"
#include "nodes/inherit.h"
#include "nodes/node_internal.h"

/* What can change while people talk. The certificate is read again whether its name changed or
 * not. */
static const char *const at_once[] = {
    "log_level",       "rate_per_address",        "rate_per_identity",
    "connections_max", "connections_per_address", "hsts_s"};

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

/** Whatever pair the settings name now, read again. From a pair to none of one's own: only by a
 * restart. */
static enum vr_err certificate_again(struct vr_node *node, const struct vr_config *fresh,
                                     struct vr_buf *applied, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    if (node->certificate == NULL || fresh->tls_certificate[0] == 0) {
        return VR_OK;
    }
    err = vr_certificate_reload(node->certificate, fresh->tls_certificate, fresh->tls_key, why);
    if (err == VR_OK) {
        vr_buf_append(applied, "tls_certificate", sizeof("tls_certificate"));
    }
    return err;
}

void node_certificate_changed(void *ctx, struct ssl_ctx_st *tls, bool trusted)
{
    struct vr_node *node = ctx;
    const struct vr_config *config = node->reloaded != NULL ? node->reloaded : node->config;

    vr_http_tls_set(node->http, tls, trusted ? config->hsts_s : 0);
}

/** Was it dealt with by certificate_again? */
static bool is_certificate(const struct vr_node *node, const struct vr_config *fresh,
                           const char *name)
{
    return node->certificate != NULL && fresh->tls_certificate[0] != 0 &&
           (strcmp(name, "tls_certificate") == 0 || strcmp(name, "tls_key") == 0);
}

static void reloaded_free(struct vr_node *node)
{
    if (node->reloaded != NULL) {
        vr_config_free(node->reloaded);
        free(node->reloaded);
        node->reloaded = NULL;
    }
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
        err = certificate_again(node, fresh, applied, why);
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
        if (!is_certificate(node, fresh, setting->name) &&
            !same(now ? old : node->config, fresh, setting)) {
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
    reloaded_free(node);
    node->reloaded = fresh;
    if (node->certificate != NULL) {
        node_certificate_changed(node, vr_certificate_tls(node->certificate),
                                 vr_certificate_trusted(node->certificate));
    }
    if (node->config->inherit != NULL) {
        atomic_store(&node->config->inherit->page->reloaded, true);
    }
    vr_log(VR_LOG_INFO, "the configuration was read again");
    return VR_OK;
}

/* --- by a signal --- */

struct node_hup {
    uv_async_t asked;
    struct vr_node *node;
};

static void on_asked(uv_async_t *handle)
{
    struct node_hup *hup = VR_OWNER(handle, struct node_hup, asked);
    struct vr_buf applied = {0};
    struct vr_buf later = {0};
    struct vr_why why = {0};

    if (vr_node_reload(hup->node, &applied, &later, &why) != VR_OK) {
        vr_log(VR_LOG_ERROR, "the configuration is refused, the old one stays",
               VR_S("why", why.text));
    }
    for (size_t at = 0; at < later.size; at += strlen((const char *)later.data + at) + 1) {
        vr_log(VR_LOG_WARN, "a setting needs a restart",
               VR_S("setting", (const char *)later.data + at));
    }
    vr_buf_deinit(&applied);
    vr_buf_deinit(&later);
}

void vr_node_reload_soon(struct vr_node *node)
{
    if (node->hup != NULL) {
        uv_async_send(&node->hup->asked);
    }
}

void node_reload_open(struct vr_node *node, struct uv_loop_s *loop)
{
    struct node_hup *hup = calloc(1, sizeof(*hup));

    if (hup == NULL || uv_async_init(loop, &hup->asked, on_asked) != 0) {
        vr_log(VR_LOG_WARN, "signals to reload are not heard");
        free(hup);
        hup = NULL;
    } else {
        hup->node = node;
    }
    node->hup = hup;
    if (node->certificate != NULL) {
        vr_certificate_watch(node->certificate, loop);
    }
}

void node_reload_close(struct vr_node *node)
{
    if (node->hup != NULL) {
        uv_close((uv_handle_t *)&node->hup->asked, NULL);
    }
    if (node->certificate != NULL) {
        vr_certificate_unwatch(node->certificate);
    }
}

void node_reload_free(struct vr_node *node)
{
    reloaded_free(node);
    free(node->hup);
    node->hup = NULL;
}
