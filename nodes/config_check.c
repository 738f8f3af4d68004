/* config_check.c - what only makes sense together, and what one value must look like beyond its
 * kind. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "nodes/config_internal.h"
#include "nodes/net_range.h"

static enum vr_err origin_check(const char *origin, struct vr_why *why)
{
    const char *host = strstr(origin, "://");

    if ((strncmp(origin, "http://", 7) != 0 && strncmp(origin, "https://", 8) != 0) ||
        strchr(host + 3, '/') != NULL || host[3] == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "cors_origins: \"%.80s\" is not an origin like https://example.org", origin);
    }
    return VR_OK;
}

static enum vr_err guests_check(struct vr_config *config, struct vr_why *why)
{
    static const char *const words[] = {
        [VR_GUESTS_OFF] = "off",
        [VR_GUESTS_LOCALHOST] = "localhost",
        [VR_GUESTS_LINK] = "link",
        [VR_GUESTS_ALL] = "all",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], config->guests) == 0) {
            config->guest_mode = (enum vr_guests)i;
            return VR_OK;
        }
    }
    /* YAML's own word for off. */
    if (strcmp(config->guests, "false") == 0) {
        config->guest_mode = VR_GUESTS_OFF;
        return VR_OK;
    }
    return vr_fail(why, VR_E_UNPROCESSABLE, "guests: \"%.40s\" is not off, localhost, link or all",
                   config->guests);
}

static enum vr_err pack_check(struct vr_config *config, struct vr_why *why)
{
    static const struct {
        const char *word;
        enum vr_pack pack;
    } words[] = {{"off", VR_PACK_OFF},
                 {"false", VR_PACK_OFF}, /* YAML's own word for off */
                 {"3", VR_PACK_3},
                 {"6", VR_PACK_6},
                 {"auto", VR_PACK_AUTO}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, config->media_pack) == 0) {
            config->pack = words[i].pack;
            return VR_OK;
        }
    }
    return vr_fail(why, VR_E_UNPROCESSABLE, "media_pack: \"%.40s\" is not off, 3, 6 or auto",
                   config->media_pack);
}

/** An address that can be bound or told: not a name, not "any". */
static int address_family(const char *text)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, text, &v4) == 1) {
        return v4.s_addr == INADDR_ANY ? AF_UNSPEC : AF_INET;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        return IN6_IS_ADDR_UNSPECIFIED(&v6) ? AF_UNSPEC : AF_INET6;
    }
    return AF_UNSPEC;
}

enum vr_err vr_config_media_address(const char *item, struct vr_media_address *out,
                                    struct vr_why *why)
{
    size_t size = strcspn(item, "=");
    const char *told = item[size] == '=' ? item + size + 1 : item;
    int family = AF_UNSPEC;

    *out = (struct vr_media_address){{0}, {0}};
    if (size < sizeof(out->local) && strlen(told) < sizeof(out->told)) {
        memcpy(out->local, item, size);
        memcpy(out->told, told, strlen(told));
        family = address_family(out->local);
    }
    if (family == AF_UNSPEC || address_family(out->told) != family) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "media_addresses: \"%.100s\" is neither an address like 192.0.2.1 nor two "
                       "of one kind like 10.0.0.5=192.0.2.1",
                       item);
    }
    return VR_OK;
}

static enum vr_err webhooks_check(const struct vr_config *config, struct vr_why *why)
{
    struct vr_net_range range;

    for (uint32_t i = 0; i < config->webhook_allow.count; i++) {
        if (!vr_net_range_parse(config->webhook_allow.item[i], &range)) {
            return vr_fail(why, VR_E_UNPROCESSABLE,
                           "webhook_allow: \"%.60s\" is not an address or a range like 10.0.0.0/8",
                           config->webhook_allow.item[i]);
        }
    }
    return VR_OK;
}

static enum vr_err lists_check(const struct vr_config *config, struct vr_why *why)
{
    struct vr_media_address address;
    enum vr_err err = VR_OK;

    for (uint32_t i = 0; i < config->cors_origins.count && err == VR_OK; i++) {
        err = origin_check(config->cors_origins.item[i], why);
    }
    for (uint32_t i = 0; i < config->media_addresses.count && err == VR_OK; i++) {
        err = vr_config_media_address(config->media_addresses.item[i], &address, why);
    }
    return err == VR_OK ? webhooks_check(config, why) : err;
}

static enum vr_err tracing_check(struct vr_config *config, struct vr_why *why)
{
    const char *endpoint = config->tracing_endpoint;
    char *end = NULL;
    double ratio = strtod(config->tracing_ratio, &end);

    if (endpoint[0] != 0 && strncmp(endpoint, "http://", 7) != 0 &&
        strncmp(endpoint, "https://", 8) != 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "tracing: endpoint \"%.80s\" is not an address like "
                       "http://127.0.0.1:4318/v1/traces",
                       endpoint);
    }
    if (end == config->tracing_ratio || *end != 0 || !(ratio >= 0 && ratio <= 1)) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "tracing: ratio \"%.20s\" is not between 0 and 1",
                       config->tracing_ratio);
    }
    config->tracing_share = (uint32_t)(ratio * (double)UINT32_MAX);
    return VR_OK;
}

uint16_t vr_config_https_port(const struct vr_config *config)
{
    bool shown = config->tls_certificate[0] != 0 || config->tls_self_signed;

    return shown ? (uint16_t)config->https_port : 0;
}

enum vr_err config_whole_check(struct vr_config *config, struct vr_why *why)
{
    enum vr_log_level level = VR_LOG_INFO;

    if (config->node[0] == 0) {
        char name[64] = "node";
        enum vr_err err = VR_OK;

        gethostname(name, sizeof(name) - 1);
        err = config_text_set(&config->node, name, why);
        if (err != VR_OK) {
            return err;
        }
    }
    if (strlen(config->node) > 63) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "node: at most 63 bytes");
    }
    if (!vr_log_level_parse(config->log_level, &level)) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "log_level: \"%.40s\" is not debug, info, warn, error or off",
                       config->log_level);
    }
    if ((config->tls_certificate[0] == 0) != (config->tls_key[0] == 0)) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "tls_certificate and tls_key must be given together");
    }
    if (config->ice_secret_file[0] != 0 &&
        (config->ice_username[0] != 0 || config->ice_credential_file[0] != 0)) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "ice_secret_file makes names and passwords: leave ice_username and "
                       "ice_credential_file out");
    }
    if (config->http_port == 0 && config->https_port == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "http_port and https_port are both 0");
    }
    if (config->http_port == 0 && vr_config_https_port(config) == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "http_port is 0, and HTTPS needs tls_certificate and tls_key (or, to try "
                       "things out, tls_self_signed)");
    }
    if (config->capacity > config->capacity_max) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "capacity is above capacity_max");
    }
    if (config->cluster_etcd.count > 0 && config->cluster_address[0] == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "cluster: address is needed: where do the other nodes reach this one?");
    }
    if (config->cluster_etcd.count > 0 && config->cluster_secret_file[0] == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "cluster: secret_file is needed; make it once with voiceroomd "
                       "--cluster-secret and copy it to all nodes");
    }
    if ((config->cluster_etcd_certificate[0] == 0) != (config->cluster_etcd_key[0] == 0)) {
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "cluster: etcd_certificate and etcd_key must be given together");
    }
    enum vr_err err = lists_check(config, why);
    err = err == VR_OK ? pack_check(config, why) : err;
    err = err == VR_OK ? tracing_check(config, why) : err;
    return err == VR_OK ? guests_check(config, why) : err;
}
