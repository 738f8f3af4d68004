/* commands_follow.c - webhook, and what follows: events, audit tail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column webhook_columns[] = {
    {"WEBHOOK", "id", false},
    {"URL", "url", false},
    {"TYPES", "types", false},
    {"DISABLED", "disabled", false},
    {"SECRET", "secret", true},
    {"WHY", "disabled_why", true},
    {"DESCRIPTION", "description", true},
    {"AT", "at", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape webhook_shape = {webhook_columns, "id"};

static const struct vr_ctl_column delivery_columns[] = {
    {"DELIVERY", "id", false},   {"TYPE", "type", false},
    {"STATUS", "status", false}, {"ATTEMPTS", "attempts", false},
    {"ERROR", "error", false},   {"DUE", "due", true},
    {"AT", "at", true},          {"ROOM", "room", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape delivery_shape = {delivery_columns, "id"};

static const struct vr_ctl_column test_columns[] = {
    {"DELIVERY", "id", false},
    {"RESULT", "result", false},
    {"ERROR", "error", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape test_shape = {test_columns, "result"};

static const struct vr_ctl_column again_columns[] = {{"REDELIVERED", "redelivered", false},
                                                     {NULL, NULL, false}};
static const struct vr_ctl_shape again_shape = {again_columns, "redelivered"};

/** Without an end: `every` seconds between two looks. */
static void pause_for(double every)
{
    struct timespec pause = {(time_t)every, (long)((every - (double)(time_t)every) * 1e9)};

    nanosleep(&pause, NULL);
}

static const char *text_of(const json_t *value, const char *name)
{
    const char *text = json_string_value(json_object_get(value, name));

    return text == NULL ? "" : text;
}

enum vr_ctl_exit vr_ctl_webhook_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/webhooks", "webhooks", &webhook_shape);
}

enum vr_ctl_exit vr_ctl_webhook_add(struct vr_ctl *ctl)
{
    const char *description = vr_ctl_text(ctl->line, "description");
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/webhooks"};
    json_t *types = json_array();
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    for (size_t i = 0; i < ctl->line->value_count; i++) {
        if (strcmp(ctl->line->values[i].flag->name, "type") == 0) {
            json_array_append_new(types, json_string(ctl->line->values[i].text));
        }
    }
    request.body = json_pack("{s:s, s:O, s:s}", "url", vr_ctl_arg(ctl, 0), "types", types,
                             "description", description == NULL ? "" : description);
    json_decref(types);
    if (request.body == NULL) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "URL or --description is not UTF-8");
    }
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &webhook_shape);
        vr_ctl_say(ctl, "keep the secret: it is told this once");
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

enum vr_ctl_exit vr_ctl_webhook_remove(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/webhooks/%",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question =
                                         "Send nothing there any more, and forget what waits?",
                                     .target = "/v1/webhooks/%",
                                     .target_path = "url"};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "webhook %s is gone", vr_ctl_arg(ctl, 0));
    }
    return code;
}

enum vr_ctl_exit vr_ctl_webhook_deliveries(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/webhooks/%/deliveries", "deliveries", &delivery_shape);
}

/** What became of this delivery; NULL: it waits for its first attempt. */
static json_t *outcome_of(const json_t *deliveries, const char *id)
{
    size_t i = 0;
    json_t *delivery = NULL;

    json_array_foreach(deliveries, i, delivery)
    {
        if (strcmp(text_of(delivery, "id"), id) == 0) {
            return json_integer_value(json_object_get(delivery, "attempts")) == 0
                       ? NULL
                       : json_pack("{s:s, s:s, s:O}", "id", id, "result", "failed", "error",
                                   json_object_get(delivery, "error"));
        }
    }
    return json_pack("{s:s, s:s, s:n}", "id", id, "result", "delivered", "error");
}

enum vr_ctl_exit vr_ctl_webhook_test(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/webhooks/%/test", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *sent = NULL;
    json_t *outcome = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &sent);
    double left = ctl->settings.timeout_s;

    while (code == VR_CTL_OK && outcome == NULL) {
        json_t *answer = NULL;

        pause_for(0.2);
        left -= 0.2;
        code = vr_ctl_get(ctl, "/v1/webhooks/%/deliveries", vr_ctl_arg(ctl, 0), &answer);
        outcome = code == VR_CTL_OK
                      ? outcome_of(json_object_get(answer, "deliveries"), text_of(sent, "id"))
                      : NULL;
        json_decref(answer);
        if (code == VR_CTL_OK && outcome == NULL && left <= 0) {
            code = vr_ctl_fail(ctl, VR_CTL_TIMEOUT, "it has not been tried yet");
        }
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, outcome, &test_shape);
        if (code == VR_CTL_OK && strcmp(text_of(outcome, "result"), "delivered") != 0) {
            code = VR_CTL_ERROR;
        }
    }
    json_decref(outcome);
    json_decref(sent);
    return code;
}

enum vr_ctl_exit vr_ctl_webhook_redeliver(struct vr_ctl *ctl)
{
    const char *id = vr_ctl_arg(ctl, 1);
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/webhooks/%/redeliver", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = id == NULL ? json_object() : json_pack("{s:s}", "id", id);
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &again_shape);
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

/* --- what follows --- */

static void print_event(struct vr_ctl *ctl, const json_t *event)
{
    struct vr_buf out = {0};
    const json_t *data = json_object_get(event, "data");

    if (ctl->format != VR_CTL_TABLE && ctl->format != VR_CTL_WIDE) {
        static const struct vr_ctl_shape shape = {NULL, "number"};

        vr_ctl_write(&out, ctl->format == VR_CTL_JSON ? VR_CTL_JSONL : ctl->format, event, &shape,
                     false);
    } else {
        vr_buf_printf(&out, "%s  %-26s  %s", text_of(event, "timestamp"), text_of(event, "type"),
                      text_of(data, "room"));
        if (json_is_integer(json_object_get(data, "participant"))) {
            vr_buf_text(&out, "  participant ");
            vr_ctl_cell(&out, json_object_get(data, "participant"));
        }
        vr_buf_text(&out, "\n");
    }
    fwrite(out.data, 1, out.size, stdout);
    fflush(stdout);
    vr_buf_deinit(&out);
}

/** One look at the events after *next. */
static enum vr_ctl_exit look(struct vr_ctl *ctl, json_int_t *next, bool print)
{
    char query[48];
    struct vr_ctl_request request = {.method = "GET", .path = "/v1/events"};
    json_t *answer = NULL;
    size_t i = 0;
    json_t *event = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    if (*next >= 0) {
        snprintf(query, sizeof(query), "?after=%lld", (long long)*next);
        request.query = query;
    }
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        if (*next >= 0 && json_is_true(json_object_get(answer, "lost"))) {
            vr_ctl_say(ctl, "some events were too fast and are lost here");
        }
        *next = json_integer_value(json_object_get(answer, "next"));
        json_array_foreach(json_object_get(answer, "events"), i, event)
        {
            if (print) {
                print_event(ctl, event);
            }
        }
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_events(struct vr_ctl *ctl)
{
    double every = vr_ctl_seconds(ctl->line, "watch", 1);
    int64_t most = vr_ctl_number(ctl->line, "looks", 0);
    json_int_t next =
        vr_ctl_given(ctl->line, "after") ? (json_int_t)vr_ctl_number(ctl->line, "after", 0) : -1;
    enum vr_ctl_exit code = look(ctl, &next, true);

    for (int64_t looks = 1; code == VR_CTL_OK && (most == 0 || looks < most); looks++) {
        pause_for(every);
        code = look(ctl, &next, true);
    }
    return code;
}

static const struct vr_ctl_column tail_columns[] = {
    {"NUMBER", "number", false}, {"AT", "at", false},         {"BY", "by", false},
    {"ACT", "act", false},       {"TARGET", "target", false}, {"REASON", "reason", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape tail_shape = {tail_columns, "number"};

/** Entries above *last, oldest first, a line each. */
static void print_entries(struct vr_ctl *ctl, const json_t *entries, json_int_t *last)
{
    for (size_t i = json_array_size(entries); i > 0; i--) {
        const json_t *entry = json_array_get(entries, i - 1);
        struct vr_buf out = {0};

        if (json_integer_value(json_object_get(entry, "number")) <= *last) {
            continue;
        }
        *last = json_integer_value(json_object_get(entry, "number"));
        if (ctl->format != VR_CTL_TABLE && ctl->format != VR_CTL_WIDE) {
            vr_ctl_write(&out, ctl->format == VR_CTL_JSON ? VR_CTL_JSONL : ctl->format, entry,
                         &tail_shape, false);
        } else {
            for (const struct vr_ctl_column *c = tail_columns; c->title != NULL; c++) {
                vr_ctl_cell(&out, json_object_get(entry, c->path));
                vr_buf_text(&out, c[1].title == NULL ? "\n" : "  ");
            }
        }
        fwrite(out.data, 1, out.size, stdout);
        vr_buf_deinit(&out);
    }
    fflush(stdout);
}

enum vr_ctl_exit vr_ctl_audit_tail(struct vr_ctl *ctl)
{
    bool all = strcmp(vr_ctl_arg(ctl, 0), "all") == 0;
    double every = vr_ctl_seconds(ctl->line, "watch", 2);
    int64_t most = vr_ctl_number(ctl->line, "looks", 0);
    json_int_t last = 0;
    enum vr_ctl_exit code = VR_CTL_OK;

    for (int64_t looks = 0; code == VR_CTL_OK && (most == 0 || looks < most); looks++) {
        json_t *answer = NULL;

        if (looks > 0) {
            pause_for(every);
        }
        code = all ? vr_ctl_get(ctl, "/v1/audit", NULL, &answer)
                   : vr_ctl_get(ctl, "/v1/rooms/%/audit", vr_ctl_arg(ctl, 0), &answer);
        if (code == VR_CTL_OK) {
            print_entries(ctl, json_object_get(answer, "entries"), &last);
        }
        json_decref(answer);
    }
    return code;
}
