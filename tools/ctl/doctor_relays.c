/* doctor_relays.c - what doctor finds out about the relays that a node names: each is asked as a
 * browser would, from this machine, with the name and password that the node hands out. */
#include <stdio.h>

#include "tools/ctl/commands.h"
#include "tools/ctl/relay_try.h"

#define URLS_MAX 8 /* each may take seconds when nobody is there */

static void row(json_t *rows, const char *endpoint, const char *result, const char *detail)
{
    struct vr_buf safe = {0};

    vr_ctl_safe(&safe, detail);
    vr_buf_append(&safe, "", 1);
    vr_ctl_doctor_row(rows, endpoint, "relays", result, safe.failed ? "" : (const char *)safe.data);
    vr_buf_deinit(&safe);
}

static void examine(const struct vr_ctl *one, json_t *rows, const char *url, const json_t *server)
{
    const char *username = json_string_value(json_object_get(server, "username"));
    const char *credential = json_string_value(json_object_get(server, "credential"));
    const char *endpoint = one->settings.endpoints[0];
    struct vr_relay_url where;
    struct vr_relay_found found = {.good = false};
    char detail[480];

    if (vr_relay_url_read(url, &where) != VR_OK) {
        snprintf(detail, sizeof(detail), "%.200s: this is not tried from here", url);
        row(rows, endpoint, "warn", detail);
        return;
    }
    vr_relay_try(&(struct vr_relay_try){.url = &where,
                                        .username = username == NULL ? "" : username,
                                        .credential = credential == NULL ? "" : credential,
                                        .ca_file = one->settings.ca_file},
                 &found);
    if (found.good) {
        snprintf(detail, sizeof(detail), "%.200s: %s, in %.0f ms", url, found.detail, found.ms);
    } else {
        snprintf(detail, sizeof(detail), "%.200s: %s", url, found.detail);
    }
    row(rows, endpoint, found.good ? "ok" : "fail", detail);
}

/** `urls` is a text or a list of them. */
static size_t examine_server(const struct vr_ctl *one, json_t *rows, const json_t *server,
                             size_t tried)
{
    json_t *urls = json_object_get(server, "urls");
    size_t count = json_is_array(urls) ? json_array_size(urls) : 1;

    for (size_t i = 0; i < count && tried < URLS_MAX; i++) {
        const char *url = json_string_value(json_is_array(urls) ? json_array_get(urls, i) : urls);

        if (url != NULL) {
            examine(one, rows, url, server);
            tried++;
        }
    }
    return tried;
}

void vr_ctl_doctor_relays(const struct vr_ctl *one, json_t *rows, const char *token)
{
    struct vr_ctl_send send = {.method = "GET", .path = "/v1/ice-servers", .token = token};
    struct vr_ctl_reply reply = {0};
    json_t *answer = NULL;
    json_t *server = NULL;
    size_t i = 0;
    size_t tried = 0;

    if (vr_ctl_http_send(one->http, &send, &reply, NULL) == VR_CTL_OK && reply.status == 200) {
        answer = json_loads((const char *)reply.body.data, 0, NULL);
    }
    json_array_foreach(json_object_get(answer, "ice_servers"), i, server)
    {
        tried = examine_server(one, rows, server, tried);
    }
    if (answer == NULL) {
        row(rows, one->settings.endpoints[0], "warn", "not told without a token");
    } else if (tried == 0) {
        row(rows, one->settings.endpoints[0], "ok",
            "none is named (ice_urls): people without UDP need the node's media_tcp_port");
    }
    json_decref(answer);
    vr_buf_deinit(&reply.body);
}
