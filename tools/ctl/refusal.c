/* refusal.c - words for the person: messages, and what a node's refusal means. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/ctl/ctl.h"

void vr_ctl_say(const struct vr_ctl *ctl, const char *format, ...)
{
    va_list args;

    (void)ctl;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

enum vr_ctl_exit vr_ctl_fail(const struct vr_ctl *ctl, enum vr_ctl_exit code, const char *format,
                             ...)
{
    char text[1024];
    struct vr_buf safe = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    vr_ctl_safe(&safe, text);
    vr_buf_append(&safe, "", 1);
    vr_ctl_say(ctl, "%serror:%s %s", ctl->colour_errors ? "\033[1;31m" : "",
               ctl->colour_errors ? "\033[0m" : "", safe.failed ? "" : (const char *)safe.data);
    vr_buf_deinit(&safe);
    return code;
}

enum vr_ctl_exit vr_ctl_exit_of(long status)
{
    switch (status) {
    case 400:
    case 413:
    case 422:
        return VR_CTL_USAGE;
    case 401:
    case 403:
        return VR_CTL_DENIED;
    case 404:
        return VR_CTL_NOT_FOUND;
    case 409:
    case 410:
    case 412:
        return VR_CTL_CONFLICT;
    case 408:
    case 504:
        return VR_CTL_TIMEOUT;
    case 429:
    case 502:
    case 503:
    case 507:
        return VR_CTL_UNAVAILABLE;
    default:
        return status >= 200 && status < 300 ? VR_CTL_OK : VR_CTL_ERROR;
    }
}

static const char *advice(const struct vr_ctl *ctl, const char *code)
{
    static const char *const table[][2] = {
        {"forbidden", "the token lacks the grant for this, or the person's role protects him"},
        {"not-found",
         "look at the ids: 'voiceroomctl room list', 'voiceroomctl participant list ROOM'"},
        {"gone", "the room is over: nothing in it can change any more"},
        {"stale",
         "read it again with 'voiceroomctl room show', then repeat with the new --revision"},
        {"rate-limited", "wait a moment, then repeat"},
        {"busy", "the node has too much to do; repeat later, or name another --endpoint"},
        {"draining", "this node is going down; name another --endpoint"},
        {"storage-full", "the node's disk or store is full; reading still works"},
        {"conflict", "look at the state first: 'voiceroomctl room show', 'participant list'"},
    };

    if (strcmp(code, "unauthorized") == 0) {
        return ctl->token[0] == '\0'
                   ? "say who you are: --key-file, --token-file, VOICEROOM_TOKEN, or a context"
                   : "the token is not good here; see 'voiceroomctl token inspect', or whether the "
                     "key "
                     "file is this node's";
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i][0], code) == 0) {
            return table[i][1];
        }
    }
    return NULL;
}

/** What a problem document (RFC 9457) says, and what to do about it. */
enum vr_ctl_exit vr_ctl_explain(const struct vr_ctl *ctl, const struct vr_ctl_reply *reply)
{
    json_t *problem = json_loads((const char *)reply->body.data, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *hint = code == NULL ? NULL : advice(ctl, code);
    size_t i = 0;
    json_t *item = NULL;

    (void)vr_ctl_fail(ctl, VR_CTL_ERROR, "%s (%s, HTTP %ld)",
                      detail == NULL ? "the node refused" : detail, code == NULL ? "?" : code,
                      reply->status);
    json_array_foreach(json_object_get(problem, "errors"), i, item)
    {
        const char *pointer = json_string_value(json_object_get(item, "pointer"));
        const char *text = json_string_value(json_object_get(item, "detail"));
        struct vr_buf line = {0};

        vr_ctl_safe(&line, pointer == NULL ? "" : pointer);
        vr_buf_text(&line, " ");
        vr_ctl_safe(&line, text == NULL ? "" : text);
        vr_buf_append(&line, "", 1);
        vr_ctl_say(ctl, "  value:   %s", line.failed ? "" : (const char *)line.data);
        vr_buf_deinit(&line);
    }
    if (reply->request_id[0] != '\0') {
        vr_ctl_say(ctl, "  request: %s at %s", reply->request_id, reply->endpoint);
    }
    if (hint != NULL) {
        vr_ctl_say(ctl, "  to do:   %s", hint);
    }
    json_decref(problem);
    return vr_ctl_exit_of(reply->status);
}
