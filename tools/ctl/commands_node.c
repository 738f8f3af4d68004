/* commands_node.c - node, log-level, doctor, version: about a node and not about a room. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/commands.h"

#define CLOCK_WARN_S 2
#define CLOCK_FAIL_S 30 /* a token's times are judged with 60 s to spare */

/** GET a text of one endpoint, without any explanation. */
static enum vr_ctl_exit fetch(const struct vr_ctl *ctl, const char *path, const char *token,
                              struct vr_ctl_reply *reply, struct vr_why *why)
{
    struct vr_ctl_send send = {.method = "GET", .path = path, .token = token};

    return vr_ctl_http_send(ctl->http, &send, reply, why);
}

json_t *vr_ctl_figure(const char *metrics, const char *name)
{
    size_t size = strlen(name);

    for (const char *line = metrics; line != NULL && *line != '\0';) {
        if (strncmp(line, name, size) == 0 && line[size] == ' ') {
            double value = strtod(line + size, NULL);

            return value == floor(value) && fabs(value) < 9e15 ? json_integer((json_int_t)value)
                                                               : json_real(value);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return json_null();
}

static json_t *version_of(const char *metrics)
{
    static const char head[] = "voiceroom_build_info{version=\"";
    const char *at = strstr(metrics, head);

    if (at == NULL) {
        return json_null();
    }
    at += sizeof(head) - 1;
    return json_stringn(at, strcspn(at, "\""));
}

/* clang-format off */
static const struct {
    const char *member;
    const char *metric;
} figures[] = {
    {"rooms",           "voiceroom_rooms"},
    {"speakers",        "voiceroom_participants{role=\"speaker\"}"},
    {"listeners",       "voiceroom_participants{role=\"listener\"}"},
    {"hands",           "voiceroom_hand_queue_length"},
    {"sockets",         "voiceroom_ws_connections"},
    {"peers",           "voiceroom_peers"},
    {"peers_up",        "voiceroom_peers_up"},
    {"packets_in",      "voiceroom_packets_total{direction=\"in\"}"},
    {"packets_out",     "voiceroom_packets_total{direction=\"out\"}"},
    {"bytes_in",        "voiceroom_bytes_total{direction=\"in\"}"},
    {"bytes_out",       "voiceroom_bytes_total{direction=\"out\"}"},
    {"send_dropped",    "voiceroom_send_dropped_total"},
    {"srtp_rejected",   "voiceroom_srtp_rejected_total{reason=\"auth\"}"},
    {"joins_refused",   "voiceroom_joins_refused_total"},
    {"actor_restarts",  "voiceroom_actor_restarts_total"},
    {"mailbox_length",  "voiceroom_actor_mailbox_length"},
};

static const struct vr_ctl_column node_columns[] = {
    {"ENDPOINT", "endpoint", false},       {"READY", "ready", false},
    {"CHECKS", "checks", false},           {"VERSION", "version", false},
    {"ROOMS", "rooms", false},             {"SPEAKERS", "speakers", false},
    {"LISTENERS", "listeners", false},     {"HANDS", "hands", false},
    {"SOCKETS", "sockets", false},         {"PEERS", "peers", false},
    {"PEERS-UP", "peers_up", false},       {"PACKETS-IN", "packets_in", false},
    {"PACKETS-OUT", "packets_out", false}, {"BYTES-IN", "bytes_in", false},
    {"BYTES-OUT", "bytes_out", false},     {"SEND-DROPPED", "send_dropped", false},
    {"SRTP-REJECTED", "srtp_rejected", false}, {"JOINS-REFUSED", "joins_refused", false},
    {"ACTOR-RESTARTS", "actor_restarts", false}, {"MAILBOX", "mailbox_length", false},
    {NULL, NULL, false},
};
/* clang-format on */
static const struct vr_ctl_shape node_shape = {node_columns, "endpoint"};

enum vr_ctl_exit vr_ctl_node_show(struct vr_ctl *ctl)
{
    const char *token = "";
    struct vr_ctl_reply ready = {0};
    struct vr_ctl_reply metrics = {0};
    struct vr_why why = {0};
    json_t *shown = NULL;
    enum vr_ctl_exit code = vr_ctl_token(ctl, &token);

    if (code == VR_CTL_OK) {
        code = fetch(ctl, "/readyz", "", &ready, &why);
    }
    if (code == VR_CTL_OK) {
        code = fetch(ctl, "/metrics", token, &metrics, &why);
    }
    if (code != VR_CTL_OK) {
        if (why.text[0] != '\0') {
            (void)vr_ctl_fail(ctl, code, "%s", why.text);
        }
    } else {
        const char *text = metrics.status == 200 ? (const char *)metrics.body.data : "";

        shown = json_loads((const char *)ready.body.data, 0, NULL);
        shown = shown == NULL ? json_object() : shown;
        json_object_set_new(shown, "endpoint", json_string(ready.endpoint));
        json_object_set_new(shown, "version", version_of(text));
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
            json_object_set_new(shown, figures[i].member, vr_ctl_figure(text, figures[i].metric));
        }
        code = vr_ctl_print(ctl, shown, &node_shape);
        if (metrics.status != 200) {
            vr_ctl_say(ctl,
                       "no figures (HTTP %ld): from elsewhere they need an administrator's token",
                       metrics.status);
        }
        if (code == VR_CTL_OK && ready.status != 200) {
            code = VR_CTL_UNAVAILABLE;
        }
    }
    json_decref(shown);
    vr_buf_deinit(&ready.body);
    vr_buf_deinit(&metrics.body);
    return code;
}

static const struct vr_ctl_column level_columns[] = {{"LEVEL", "level", false},
                                                     {NULL, NULL, false}};
static const struct vr_ctl_shape level_shape = {level_columns, "level"};

enum vr_ctl_exit vr_ctl_log_level_get(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/log-level", NULL, &level_shape);
}

enum vr_ctl_exit vr_ctl_log_level_set(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "PUT", .path = "/v1/log-level"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_ERROR;

    request.body = json_pack("{s:s}", "level", vr_ctl_arg(ctl, 0));
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &level_shape);
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

static const struct vr_ctl_column check_columns[] = {
    {"ENDPOINT", "endpoint", false}, {"CHECK", "check", false}, {"RESULT", "result", false},
    {"DETAIL", "detail", false},     {NULL, NULL, false},
};
static const struct vr_ctl_shape check_shape = {check_columns, "result"};

void vr_ctl_doctor_row(json_t *rows, const char *endpoint, const char *check, const char *result,
                       const char *detail)
{
    json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "endpoint", endpoint, "check",
                                          check, "result", result, "detail", detail));
}

static void found(json_t *rows, const struct vr_ctl_reply *reply, const char *check,
                  const char *result, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void found(json_t *rows, const struct vr_ctl_reply *reply, const char *check,
                  const char *result, const char *format, ...)
{
    char detail[320];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    vr_ctl_doctor_row(rows, reply->endpoint, check, result, detail);
}

static void check_clock(json_t *rows, const struct vr_ctl_reply *reply, time_t now)
{
    struct tm parts = {0};
    long long off = 0;

    if (strptime(reply->date, "%a, %d %b %Y %H:%M:%S", &parts) == NULL) {
        found(rows, reply, "clock", "warn", "the node sent no time");
        return;
    }
    off = (long long)timegm(&parts) - (long long)now;
    found(rows, reply, "clock",
          llabs(off) >= CLOCK_FAIL_S  ? "fail"
          : llabs(off) > CLOCK_WARN_S ? "warn"
                                      : "ok",
          "the node's clock is %lld s %s this machine's", llabs(off),
          off < 0 ? "behind" : "ahead of");
}

static void check_version(json_t *rows, const struct vr_ctl *ctl, const char *token)
{
    struct vr_ctl_reply reply = {0};
    enum vr_ctl_exit code = fetch(ctl, "/metrics", token, &reply, NULL);
    json_t *version = code == VR_CTL_OK && reply.status == 200
                          ? version_of((const char *)reply.body.data)
                          : json_null();
    const char *text = json_string_value(version);

    if (text == NULL) {
        found(rows, &reply, "version", "warn",
              "not told (from elsewhere an administrator's token is needed)");
    } else if (strcmp(text, VR_CTL_VERSION) != 0) {
        found(rows, &reply, "version", "warn", "node %s, voiceroomctl %s", text, VR_CTL_VERSION);
    } else {
        found(rows, &reply, "version", "ok", "%s on both sides", text);
    }
    if (text != NULL) {
        vr_ctl_doctor_figures(rows, reply.endpoint, (const char *)reply.body.data);
    }
    json_decref(version);
    vr_buf_deinit(&reply.body);
}

static void check_token(json_t *rows, const struct vr_ctl *ctl, const char *token)
{
    struct vr_ctl_reply reply = {0};
    struct vr_why why = {0};
    enum vr_ctl_exit code = fetch(ctl, "/v1/log-level", token, &reply, &why);

    if (token[0] == '\0') {
        found(rows, &reply, "token", "warn",
              "none: no --key-file, --token-file, VOICEROOM_TOKEN or context");
    } else if (code != VR_CTL_OK) {
        found(rows, &reply, "token", "fail", "%s", why.text);
    } else if (reply.status == 200) {
        found(rows, &reply, "token", "ok", "an administrator's");
    } else if (reply.status == 403) {
        found(rows, &reply, "token", "warn", "good, but not an administrator's");
    } else {
        found(rows, &reply, "token", "fail", "refused (HTTP %ld)", reply.status);
    }
    vr_buf_deinit(&reply.body);
}

/** All checks of one endpoint; `one` speaks to it alone. */
static enum vr_ctl_exit examine(const struct vr_ctl *one, json_t *rows, const char *token)
{
    struct vr_ctl_reply reply = {0};
    struct vr_why why = {0};
    enum vr_ctl_exit code = fetch(one, "/readyz", "", &reply, &why);

    if (code != VR_CTL_OK) {
        found(rows, &reply, "reachable", "fail", "%s", why.text);
        vr_buf_deinit(&reply.body);
        return code;
    }
    found(rows, &reply, "reachable", "ok", "in %.1f ms", reply.seconds * 1000);
    found(rows, &reply, "ready", reply.status == 200 ? "ok" : "fail", "%.200s",
          (const char *)reply.body.data);
    check_clock(rows, &reply, time(NULL));
    vr_buf_deinit(&reply.body);
    check_version(rows, one, token);
    check_token(rows, one, token);
    vr_ctl_doctor_relays(one, rows, token);
    if (vr_ctl_is_local(one->settings.endpoints[0])) {
        vr_ctl_doctor_libraries(rows, one->settings.endpoints[0]);
    }
    return VR_CTL_OK;
}

enum vr_ctl_exit vr_ctl_doctor(struct vr_ctl *ctl)
{
    const char *token = "";
    json_t *rows = json_array();
    enum vr_ctl_exit code = vr_ctl_token(ctl, &token);
    enum vr_ctl_exit worst = VR_CTL_OK;
    size_t i = 0;
    json_t *row = NULL;

    for (size_t e = 0; code == VR_CTL_OK && e < ctl->settings.endpoint_count; e++) {
        struct vr_ctl one = *ctl;

        one.settings.endpoint_count = 1;
        memmove(one.settings.endpoints[0], ctl->settings.endpoints[e],
                sizeof(one.settings.endpoints[0]));
        one.http = vr_ctl_http_new(&one.settings);
        if (one.http != NULL) {
            enum vr_ctl_exit met = examine(&one, rows, token);

            worst = worst == VR_CTL_OK ? met : worst;
            vr_ctl_http_free(one.http);
        }
    }
    json_array_foreach(rows, i, row)
    {
        if (worst == VR_CTL_OK &&
            strcmp(json_string_value(json_object_get(row, "result")), "fail") == 0) {
            worst = VR_CTL_ERROR;
        }
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, rows, &check_shape);
    }
    json_decref(rows);
    return code == VR_CTL_OK ? worst : code;
}

enum vr_ctl_exit vr_ctl_version(struct vr_ctl *ctl)
{
    static const struct vr_ctl_column columns[] = {{"VOICEROOMCTL", "voiceroomctl", false},
                                                   {NULL, NULL, false}};
    static const struct vr_ctl_shape shape = {columns, "voiceroomctl"};
    json_t *shown = json_pack("{s:s}", "voiceroomctl", VR_CTL_VERSION);
    enum vr_ctl_exit code = vr_ctl_print(ctl, shown, &shape);

    json_decref(shown);
    return code;
}
