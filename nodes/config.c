/* config.c - the table of settings, and the four layers that fill it: default, file, environment,
 * flags.
 *
 * The file is flat YAML. libcyaml reads it against a schema made from the table, so that an unknown
 * key is refused with its line; values are judged here, by one function for all layers. */
#include "nodes/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "actors/base/log.h"

/* clang-format off */
#define VR_SETTING_MAP(TEXT, NUMBER, SWITCH, LIST)                                                 \
    TEXT(node, "", "this node's name; empty: the machine's")                                       \
    TEXT(data, "voicerooms-data", "folder that holds everything durable")                          \
    TEXT(web, "", "folder of the built web application; empty: the one beside the program")        \
    TEXT(docs, "", "folder with openapi and asyncapi; empty: the one beside the program")          \
    TEXT(log_level, "info", "debug, info, warn, error or off")                                     \
    TEXT(http_address, "localhost", "where HTTP listens: an address, localhost, or * for all")     \
    NUMBER(http_port, 8080, 0, 65535, "TCP port of HTTP; 0: off")                                  \
    TEXT(https_address, "*", "where HTTPS listens: an address, localhost, or * for all")           \
    NUMBER(https_port, 8443, 0, 65535, "TCP port of HTTPS; 0: off")                                \
    TEXT(tls_certificate, "", "PEM file with the chain; empty: self-signed, kept in the data folder") \
    TEXT(tls_key, "", "PEM file with the key of tls_certificate")                                  \
    LIST(public_urls, "base addresses told to clients; empty: made from the local addresses")      \
    LIST(cors_origins, "origins of foreign pages that may call, each as https://host[:port]")      \
    LIST(media_addresses, "addresses for speech, told to clients, behind NAT each as LOCAL=PUBLIC; empty: all local ones") \
    NUMBER(media_port, 8444, 1, 65000, "UDP port of the first media worker; the others follow")    \
    NUMBER(media_workers, 0, 0, 64, "threads for speech; 0: one less than cores, at least one")    \
    NUMBER(control_workers, 1, 1, 1, "threads for HTTP and rooms; only 1 is possible so far")      \
    TEXT(guests, "off", "who needs no token: off, localhost, link (others with the code), all")    \
    SWITCH(guests_may_create, true, "guests may create rooms, and are then their host")           \
    NUMBER(guest_token_s, 86400, 60, 2592000, "seconds that a guest's token is good for")          \
    LIST(ice_urls, "stun: and turn: addresses told to clients")                                    \
    TEXT(ice_username, "", "user name for the turn: addresses")                                    \
    TEXT(ice_credential_file, "", "file with the password for the turn: addresses")                \
    NUMBER(slots, 4, 1, 8, "streams that each listener receives")                                  \
    NUMBER(capacity_max, 10000, 1, 100000, "most participants that a room may ask for")            \
    NUMBER(capacity, 1000, 1, 100000, "participants of a room that asks for nothing")              \
    NUMBER(speaker_capacity, 50, 1, 10000, "speakers of a room that asks for nothing")             \
    NUMBER(grace_s, 15, 1, 600, "seconds that a lost person's place is kept")                      \
    NUMBER(idle_s, 60, 1, 86400, "seconds until an empty room sleeps")                             \
    NUMBER(host_grace_s, 60, 1, 86400, "seconds until a lost host has a successor")                \
    NUMBER(shard_peers_max, 500, 1, 100000, "people of one room on a media worker before the next one is used") \
    NUMBER(chat_per_10s, 10, 1, 1000, "chat lines of one person in 10 seconds")                    \
    NUMBER(reactions_per_10s, 20, 1, 1000, "reactions of one person in 10 seconds")                \
    NUMBER(rate_per_address, 600, 0, 1000000, "requests in 60 seconds from one address; 0: no limit") \
    NUMBER(rate_per_identity, 300, 0, 1000000, "requests in 60 seconds with one identity; 0: no limit") \
    NUMBER(connections_max, 20000, 10, 1000000, "open connections in all")                         \
    NUMBER(connections_per_address, 2000, 1, 1000000, "open connections from one address; this machine is exempt") \
    NUMBER(shutdown_s, 5, 1, 60, "seconds after which a clean end is given up")
/* clang-format on */

enum kind { KIND_TEXT, KIND_NUMBER, KIND_SWITCH, KIND_LIST };

struct setting {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct vr_config */
    const char *text;
    uint64_t number, min, max;
    const char *help;
};

#define AT(name) offsetof(struct vr_config, name)
#define ROW_TEXT(name, value, help) {#name, KIND_TEXT, AT(name), value, 0, 0, 0, help},
#define ROW_NUMBER(name, value, min, max, help)                                                    \
    {#name, KIND_NUMBER, AT(name), "", value, min, max, help},
#define ROW_SWITCH(name, value, help) {#name, KIND_SWITCH, AT(name), "", value, 0, 1, help},
#define ROW_LIST(name, help) {#name, KIND_LIST, AT(name), "", 0, 0, 0, help},

static const struct setting settings[] = {
    VR_SETTING_MAP(ROW_TEXT, ROW_NUMBER, ROW_SWITCH, ROW_LIST)};
#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

/* What libcyaml fills in: every value as text, so that absent and zero differ. */
struct raw_list {
    char **item;
    uint32_t count;
};
struct raw {
#define RAW_TEXT(name, value, help) char *name;
#define RAW_NUMBER(name, value, min, max, help) char *name;
#define RAW_SWITCH(name, value, help) char *name;
#define RAW_LIST(name, help)                                                                       \
    char **name;                                                                                   \
    uint32_t name##_count;
    VR_SETTING_MAP(RAW_TEXT, RAW_NUMBER, RAW_SWITCH, RAW_LIST)
};

static const cyaml_schema_value_t item_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, 1024)};

#define FIELD_SCALAR(name)                                                                         \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, name, 0,   \
                           4096),
#define FIELD_TEXT(name, value, help) FIELD_SCALAR(name)
#define FIELD_NUMBER(name, value, min, max, help) FIELD_SCALAR(name)
#define FIELD_SWITCH(name, value, help) FIELD_SCALAR(name)
#define FIELD_LIST(name, help)                                                                     \
    CYAML_FIELD_SEQUENCE(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw, name,        \
                         &item_schema, 0, VR_CONFIG_LIST_MAX),
static const cyaml_schema_field_t file_fields[] = {
    VR_SETTING_MAP(FIELD_TEXT, FIELD_NUMBER, FIELD_SWITCH, FIELD_LIST) CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, file_fields)};

/* Where each setting's raw value lies, in the order of the table. */
static const size_t raw_offsets[] = {
#define OFFSET_TEXT(name, value, help) offsetof(struct raw, name),
#define OFFSET_NUMBER(name, value, min, max, help) offsetof(struct raw, name),
#define OFFSET_SWITCH(name, value, help) offsetof(struct raw, name),
#define OFFSET_LIST(name, help) offsetof(struct raw, name),
    VR_SETTING_MAP(OFFSET_TEXT, OFFSET_NUMBER, OFFSET_SWITCH, OFFSET_LIST)};
static const size_t raw_counts[] = {
#define COUNT_TEXT(name, value, help) 0,
#define COUNT_NUMBER(name, value, min, max, help) 0,
#define COUNT_SWITCH(name, value, help) 0,
#define COUNT_LIST(name, help) offsetof(struct raw, name##_count),
    VR_SETTING_MAP(COUNT_TEXT, COUNT_NUMBER, COUNT_SWITCH, COUNT_LIST)};

static const struct setting *setting_find(const char *name)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

bool vr_config_known(const char *name)
{
    return setting_find(name) != NULL;
}

static void *value_of(const struct vr_config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static enum vr_err text_set(char **slot, const char *text, struct vr_why *why)
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

static enum vr_err list_add(struct vr_config_list *list, const char *text, size_t size,
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
            enum vr_err err = list_add(list, text + lead, end - lead, where, why);
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

/** `where` names the layer for the person who reads the error: "voicerooms.yaml:7", "--http-port".
 */
static enum vr_err setting_set(struct vr_config *config, const struct setting *setting,
                               const char *text, const char *where, struct vr_why *why)
{
    void *value = value_of(config, setting);

    switch (setting->kind) {
    case KIND_TEXT:
        return text_set(value, text, why);
    case KIND_NUMBER:
        return number_set(value, setting, text, where, why);
    case KIND_SWITCH:
        return switch_set(value, setting, text, where, why);
    case KIND_LIST:
        return list_split(value, text, where, why);
    }
    return VR_E_INTERNAL;
}

static enum vr_err defaults_set(struct vr_config *config, struct vr_why *why)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        void *value = value_of(config, setting);
        enum vr_err err = VR_OK;

        switch (setting->kind) {
        case KIND_TEXT:
            err = text_set(value, setting->text, why);
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

/* --- the file --- */

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

/** The line on which `name` stands in flat YAML; 0 when it is not found. */
static unsigned line_of(const char *text, const char *name)
{
    size_t size = strlen(name);
    unsigned line = 1;

    for (const char *at = text; at != NULL && *at != 0; line++) {
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

static enum vr_err raw_apply(struct vr_config *config, const struct raw *raw, const char *file,
                             const char *text, struct vr_why *why)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *base = (const char *)raw + raw_offsets[i];
        char where[300];
        enum vr_err err = VR_OK;

        snprintf(where, sizeof(where), "%.200s:%u", file, line_of(text, settings[i].name));
        if (settings[i].kind == KIND_LIST) {
            char *const *items = *(char *const *const *)base;
            uint32_t count = *(const uint32_t *)((const char *)raw + raw_counts[i]);
            struct vr_config_list *list = value_of(config, &settings[i]);

            for (uint32_t k = 0; items != NULL && k < count && err == VR_OK; k++) {
                err = list_add(list, items[k], strlen(items[k]), where, why);
            }
        } else if (*(char *const *)base != NULL) {
            err = setting_set(config, &settings[i], *(char *const *)base, where, why);
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

static enum vr_err file_apply(struct vr_config *config, const char *file, struct vr_why *why)
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
        } else {
            err = raw_apply(config, raw, file, text, why);
        }
    }
    cyaml_free(&cyaml, &file_schema, raw, 0);
    free(text);
    return err;
}

/* --- environment and flags --- */

static void environment_name(const struct setting *setting, char out[64])
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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char name[64];
        const char *value = NULL;

        environment_name(&settings[i], name);
        value = environment_find(environment, name);
        if (value != NULL) {
            enum vr_err err = setting_set(config, &settings[i], value, name, why);
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
        const struct setting *setting = setting_find(flags[i].name);
        char where[80];
        enum vr_err err = VR_OK;

        snprintf(where, sizeof(where), "flag %.60s", flags[i].name);
        if (setting == NULL) {
            return vr_fail(why, VR_E_UNPROCESSABLE, "%s: there is no such setting", where);
        }
        err = setting_set(config, setting, flags[i].value, where, why);
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

/* --- what only makes sense together --- */

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
    return err;
}

static enum vr_err whole_check(struct vr_config *config, struct vr_why *why)
{
    enum vr_log_level level = VR_LOG_INFO;

    if (config->node[0] == 0) {
        char name[64] = "node";
        enum vr_err err = VR_OK;

        gethostname(name, sizeof(name) - 1);
        err = text_set(&config->node, name, why);
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
    if (config->http_port == 0 && config->https_port == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "http_port and https_port are both 0");
    }
    if (config->capacity > config->capacity_max) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "capacity is above capacity_max");
    }
    enum vr_err err = lists_check(config, why);
    return err == VR_OK ? guests_check(config, why) : err;
}

enum vr_err vr_config_load(const char *file, char *const *environment,
                           const struct vr_config_flag *flags, uint32_t flag_count,
                           struct vr_config *out, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    *out = (struct vr_config){0};
    err = defaults_set(out, why);
    if (err == VR_OK && file != NULL) {
        err = file_apply(out, file, why);
    }
    if (err == VR_OK) {
        err = environment_apply(out, environment, why);
    }
    if (err == VR_OK) {
        err = flags_apply(out, flags, flag_count, why);
    }
    return err == VR_OK ? whole_check(out, why) : err;
}

void vr_config_free(struct vr_config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        void *value = value_of(config, &settings[i]);

        if (settings[i].kind == KIND_TEXT) {
            free(*(char **)value);
        } else if (settings[i].kind == KIND_LIST) {
            list_clear(value);
        }
    }
    *config = (struct vr_config){0};
}

/* --- writing --- */

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

/** Passwords never stand in the settings, but an address may hold one: turn:user:secret@host. */
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
    void *value = value_of(config, setting);

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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        vr_buf_printf(out, "# %s\n%s: ", settings[i].help, settings[i].name);
        value_write(config, &settings[i], out);
        vr_buf_text(out, "\n");
    }
}

void vr_config_help(struct vr_buf *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        char name[64];

        environment_name(setting, name);
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
