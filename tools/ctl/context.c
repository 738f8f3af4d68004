/* context.c - settings from flags, environment and files. */
#include "tools/ctl/context.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_ENDPOINT "http://localhost:8080"
#define DEFAULT_KEY_FILE "./data/admin-key.json"
#define TIMEOUT_S 15.0

void vr_ctl_context_path(char out[VR_CTL_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (config != NULL && config[0] == '/') {
        snprintf(out, VR_CTL_PATH_MAX, "%s/voicerooms/contexts.json", config);
    } else {
        snprintf(out, VR_CTL_PATH_MAX, "%s/.config/voicerooms/contexts.json",
                 home == NULL ? "" : home);
    }
}

bool vr_ctl_is_local(const char *endpoint)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = strstr(endpoint, "://");

    for (size_t i = 0; host != NULL && i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        size_t size = strlen(hosts[i]);

        if (strncmp(host + 3, hosts[i], size) == 0 &&
            (host[3 + size] == '\0' || host[3 + size] == ':' || host[3 + size] == '/')) {
            return true;
        }
    }
    return false;
}

enum vr_err vr_ctl_key_read(const char *path, struct vr_key *key, struct vr_why *why)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    const char *kid = json_string_value(json_object_get(json, "kid"));
    const char *secret = json_string_value(json_object_get(json, "secret"));
    enum vr_err err = VR_OK;

    *key = (struct vr_key){0};
    if (json == NULL) {
        err = vr_fail(why, VR_E_BAD_REQUEST, "the key file %.90s cannot be read: %s", path,
                      access(path, R_OK) != 0 ? strerror(errno) : "it is not JSON");
    } else if (kid == NULL || secret == NULL || strlen(kid) > VR_KID_MAX ||
               strlen(secret) > sizeof(key->secret)) {
        err = vr_fail(why, VR_E_BAD_REQUEST, "%.90s holds no key (\"kid\" and \"secret\")", path);
    } else {
        snprintf(key->kid, sizeof(key->kid), "%s", kid);
        key->secret_size = strlen(secret);
        memcpy(key->secret, secret, key->secret_size);
    }
    json_decref(json);
    return err;
}

enum vr_err vr_ctl_secret_read(const char *path, char *out, size_t size, struct vr_why *why)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    size_t got = 0;
    size_t from = 0;

    out[0] = '\0';
    if (file == NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST, "%.90s cannot be read: %s", path, strerror(errno));
    }
    got = fread(out, 1, size, file);
    if (!standard) {
        fclose(file);
    }
    if (got >= size) {
        return vr_fail(why, VR_E_BAD_REQUEST, "%.90s is too long", path);
    }
    while (got > 0 && strchr(" \t\r\n", out[got - 1]) != NULL) {
        got--;
    }
    out[got] = '\0';
    from = strspn(out, " \t\r\n");
    memmove(out, out + from, got - from + 1);
    if (out[0] == '\0' || strpbrk(out, "\r\n") != NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST, "%.90s should hold one line", path);
    }
    return VR_OK;
}

static enum vr_err add_endpoint(struct vr_ctl_settings *out, const char *url, struct vr_why *why)
{
    char *place = out->endpoints[out->endpoint_count];
    size_t size = strlen(url);

    if (out->endpoint_count == VR_CTL_ENDPOINTS_MAX) {
        return vr_fail(why, VR_E_BAD_REQUEST, "too many endpoints; at most %d",
                       VR_CTL_ENDPOINTS_MAX);
    }
    while (size > 0 && url[size - 1] == '/') {
        size--;
    }
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) || size < 9 ||
        size >= sizeof(out->endpoints[0]) || strpbrk(url, "@?# \t\r\n") != NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST,
                       "an endpoint looks like https://node.example:8443, not '%.60s'", url);
    }
    memcpy(place, url, size);
    place[size] = '\0';
    out->endpoint_count++;
    return VR_OK;
}

/** A list "a,b" of the environment. */
static enum vr_err add_endpoints(struct vr_ctl_settings *out, const char *list, struct vr_why *why)
{
    while (*list != '\0') {
        char url[512];
        size_t size = strcspn(list, ", ");

        snprintf(url, sizeof(url), "%.*s", (int)(size < sizeof(url) ? size : sizeof(url) - 1),
                 list);
        if (size > 0 && add_endpoint(out, url, why) != VR_OK) {
            return VR_E_BAD_REQUEST;
        }
        list += size + (list[size] == '\0' ? 0 : 1);
    }
    return VR_OK;
}

static enum vr_err context_endpoints(const json_t *context, struct vr_ctl_settings *out,
                                     struct vr_why *why)
{
    const json_t *one = json_object_get(context, "endpoint");
    const json_t *list = json_object_get(context, "endpoints");
    enum vr_err err = VR_OK;

    if (out->endpoint_count > 0) {
        return VR_OK;
    }
    if (json_is_string(one)) {
        err = add_endpoint(out, json_string_value(one), why);
    }
    for (size_t i = 0; i < json_array_size(list) && err == VR_OK; i++) {
        const char *url = json_string_value(json_array_get(list, i));

        err = add_endpoint(out, url == NULL ? "" : url, why);
    }
    return err;
}

/** Take from a context what flags and environment left open. */
static enum vr_err context_take(const json_t *context, struct vr_ctl_settings *out,
                                struct vr_why *why)
{
    const char *key = json_string_value(json_object_get(context, "key_file"));
    const char *token = json_string_value(json_object_get(context, "token_file"));
    const char *ca = json_string_value(json_object_get(context, "ca_file"));

    if (ca != NULL && out->ca_file[0] == '\0') {
        snprintf(out->ca_file, sizeof(out->ca_file), "%s", ca);
    }
    if (out->token[0] == '\0' && out->key_file[0] == '\0') {
        if (token != NULL &&
            vr_ctl_secret_read(token, out->token, sizeof(out->token), why) != VR_OK) {
            return VR_E_BAD_REQUEST;
        }
        if (token == NULL && key != NULL) {
            snprintf(out->key_file, sizeof(out->key_file), "%s", key);
        }
    }
    return context_endpoints(context, out, why);
}

static enum vr_err context_load(const struct vr_ctl_line *line, struct vr_ctl_settings *out,
                                struct vr_why *why)
{
    char path[VR_CTL_PATH_MAX];
    json_error_t error;
    json_t *file = NULL;
    const char *name = vr_ctl_text(line, "context");
    const json_t *context = NULL;
    enum vr_err err = VR_OK;

    vr_ctl_context_path(path);
    if (access(path, F_OK) != 0) {
        return name == NULL ? VR_OK : vr_fail(why, VR_E_BAD_REQUEST, "there is no %.120s", path);
    }
    file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST, "%.90s, line %d: %.40s", path, error.line,
                       error.text);
    }
    name = name != NULL ? name : json_string_value(json_object_get(file, "current"));
    if (name != NULL) {
        context = json_object_get(json_object_get(file, "contexts"), name);
        err = context == NULL
                  ? vr_fail(why, VR_E_BAD_REQUEST, "no context '%.40s' in %.90s", name, path)
                  : context_take(context, out, why);
    }
    json_decref(file);
    return err;
}

static enum vr_err credentials(const struct vr_ctl_line *line, struct vr_ctl_settings *out,
                               struct vr_why *why)
{
    const char *key = vr_ctl_text(line, "key-file");
    const char *token = vr_ctl_text(line, "token-file");
    const char *spoken = getenv("VOICEROOM_TOKEN");

    if (key != NULL && token != NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST, "either --key-file or --token-file, not both");
    }
    if (token != NULL) {
        return vr_ctl_secret_read(token, out->token, sizeof(out->token), why);
    }
    if (key != NULL) {
        snprintf(out->key_file, sizeof(out->key_file), "%s", key);
    } else if (spoken != NULL && spoken[0] != '\0') {
        if (strlen(spoken) > VR_JWT_MAX || strpbrk(spoken, " \t\r\n") != NULL) {
            return vr_fail(why, VR_E_BAD_REQUEST, "VOICEROOM_TOKEN holds no token");
        }
        snprintf(out->token, sizeof(out->token), "%s", spoken);
    }
    return VR_OK;
}

/** The key that `make run` leaves in ./data is for nodes of this machine only. */
static void default_key(struct vr_ctl_settings *out)
{
    for (size_t i = 0; i < out->endpoint_count; i++) {
        if (!vr_ctl_is_local(out->endpoints[i])) {
            return;
        }
    }
    if (out->token[0] == '\0' && out->key_file[0] == '\0' && access(DEFAULT_KEY_FILE, R_OK) == 0) {
        snprintf(out->key_file, sizeof(out->key_file), "%s", DEFAULT_KEY_FILE);
    }
}

enum vr_err vr_ctl_settings_load(const struct vr_ctl_line *line, struct vr_ctl_settings *out,
                                 struct vr_why *why)
{
    const char *listed = getenv("VOICEROOM_ENDPOINT");
    const char *ca = vr_ctl_text(line, "ca-file");
    enum vr_err err = VR_OK;

    *out = (struct vr_ctl_settings){.timeout_s = vr_ctl_seconds(line, "timeout", TIMEOUT_S)};
    snprintf(out->ca_file, sizeof(out->ca_file), "%s", ca == NULL ? "" : ca);
    for (size_t i = 0; i < line->value_count && err == VR_OK; i++) {
        if (strcmp(line->values[i].flag->name, "endpoint") == 0) {
            err = add_endpoint(out, line->values[i].text, why);
        }
    }
    if (err == VR_OK && out->endpoint_count == 0 && listed != NULL) {
        err = add_endpoints(out, listed, why);
    }
    if (err == VR_OK) {
        err = credentials(line, out, why);
    }
    if (err == VR_OK) {
        err = context_load(line, out, why);
    }
    if (err == VR_OK && out->endpoint_count == 0) {
        err = add_endpoint(out, DEFAULT_ENDPOINT, why);
    }
    if (err == VR_OK) {
        default_key(out);
    }
    return err;
}
