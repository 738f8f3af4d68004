/* http.c - libcurl: no redirects (a token goes where it was meant to), http and https only, bounded
 * in time and size. */
#include "tools/ctl/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (16U * 1024 * 1024)

struct vr_ctl_http {
    CURL *curl;
    const struct vr_ctl_settings *settings;
};

struct vr_ctl_http *vr_ctl_http_new(const struct vr_ctl_settings *settings)
{
    struct vr_ctl_http *http = calloc(1, sizeof(*http));

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return NULL;
    }
    http->settings = settings;
    http->curl = curl_easy_init();
    if (http->curl == NULL) {
        vr_ctl_http_free(http);
        return NULL;
    }
    return http;
}

void vr_ctl_http_free(struct vr_ctl_http *http)
{
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        curl_global_cleanup();
        free(http);
    }
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct vr_ctl_reply *reply = ctx;

    if (reply->body.size + size * count > BODY_MAX) {
        return 0;
    }
    vr_buf_append(&reply->body, data, size * count);
    return reply->body.failed ? 0 : size * count;
}

static void header_value(const char *line, size_t size, const char *name, char *out, size_t room)
{
    size_t skip = strlen(name);

    if (size <= skip || strncasecmp(line, name, skip) != 0) {
        return;
    }
    while (skip < size && line[skip] == ' ') {
        skip++;
    }
    while (size > skip && strchr("\r\n ", line[size - 1]) != NULL) {
        size--;
    }
    snprintf(out, room, "%.*s", (int)(size - skip), line + skip);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct vr_ctl_reply *reply = ctx;

    header_value(data, size * count, "x-request-id:", reply->request_id, sizeof(reply->request_id));
    header_value(data, size * count, "date:", reply->date, sizeof(reply->date));
    return size * count;
}

static bool append(struct curl_slist **list, const char *name, const char *value)
{
    char line[VR_JWT_MAX + 64];
    struct curl_slist *longer = NULL;

    if (value == NULL || value[0] == '\0') {
        return true;
    }
    snprintf(line, sizeof(line), "%s: %s", name, value);
    longer = curl_slist_append(*list, line);
    explicit_bzero(line, sizeof(line));
    *list = longer == NULL ? *list : longer;
    return longer != NULL;
}

static bool headers(const struct vr_ctl_send *send, struct curl_slist **out)
{
    char bearer[VR_JWT_MAX + 16] = "";
    bool fine = false;

    if (send->token[0] != '\0') {
        snprintf(bearer, sizeof(bearer), "Bearer %s", send->token);
    }
    fine =
        append(out, "Authorization", bearer) && append(out, "If-Match", send->if_match) &&
        append(out, "Idempotency-Key", send->idempotency_key) &&
        append(out, "Content-Type",
               send->body == NULL ? NULL : (send->yaml ? "application/yaml" : "application/json"));
    explicit_bzero(bearer, sizeof(bearer));
    return fine;
}

static CURLcode send_once(struct vr_ctl_http *http, const struct vr_ctl_send *send,
                          const char *endpoint, struct curl_slist *list, struct vr_ctl_reply *reply)
{
    CURL *curl = http->curl;
    char url[4096];
    CURLcode code = CURLE_OK;

    if (snprintf(url, sizeof(url), "%s%s", endpoint, send->path) >= (int)sizeof(url)) {
        return CURLE_URL_MALFORMAT;
    }
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, send->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(http->settings->timeout_s * 1000));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "voiceroomctl/" VR_CTL_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    if (http->settings->ca_file[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->settings->ca_file);
    }
    if (send->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(send->body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, send->body);
    }
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &reply->seconds);
    return code;
}

/** Nothing of the request can have reached a node. */
static bool never_sent(CURL *curl, CURLcode code)
{
    double connected = 0;

    if (code == CURLE_OPERATION_TIMEDOUT) {
        curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME, &connected);
        return connected <= 0;
    }
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

enum vr_ctl_exit vr_ctl_http_send(struct vr_ctl_http *http, const struct vr_ctl_send *send,
                                  struct vr_ctl_reply *reply, struct vr_why *why)
{
    struct curl_slist *list = NULL;
    bool fine = headers(send, &list);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    *reply = (struct vr_ctl_reply){0};
    for (size_t i = 0; i < http->settings->endpoint_count && fine; i++) {
        reply->body.size = 0;
        snprintf(reply->endpoint, sizeof(reply->endpoint), "%s", http->settings->endpoints[i]);
        code = send_once(http, send, reply->endpoint, list, reply);
        if (!never_sent(http->curl, code)) {
            break;
        }
    }
    curl_slist_free_all(list);
    vr_buf_append(&reply->body, "", 1);
    reply->body.size -= reply->body.failed ? 0 : 1;
    if (code == CURLE_OK && !reply->body.failed) {
        return VR_CTL_OK;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        (void)vr_fail(why, VR_E_TIMEOUT, "no answer of %.90s within %g s", reply->endpoint,
                      http->settings->timeout_s);
        return VR_CTL_TIMEOUT;
    }
    (void)vr_fail(why, VR_E_BUSY, "%.90s: %s", reply->endpoint, curl_easy_strerror(code));
    return VR_CTL_UNAVAILABLE;
}
