#include "bench/rig/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/clock.h"

#define IDLE_MAX 128

struct request {
    CURL *curl;
    struct curl_slist *head;
    struct vr_buf body;
    vr_http_answer answer;
    void *ctx;
};

struct vr_http {
    CURLM *multi;
    uint32_t busy;
    CURL *idle[IDLE_MAX];
    uint32_t idle_count;
};

struct vr_http *vr_http_new(uint32_t connections)
{
    struct vr_http *http = calloc(1, sizeof(*http));

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(http);
        return NULL;
    }
    http->multi = curl_multi_init();
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)connections * 4);
    return http;
}

static size_t collect(char *data, size_t size, size_t count, void *ctx)
{
    vr_buf_append(ctx, data, size * count);
    return size * count;
}

static void request_free(struct request *request)
{
    if (request != NULL) {
        curl_slist_free_all(request->head);
        vr_buf_deinit(&request->body);
        free(request);
    }
}

void vr_http_free(struct vr_http *http)
{
    if (http != NULL) {
        for (uint32_t i = 0; i < http->idle_count; i++) {
            curl_easy_cleanup(http->idle[i]);
        }
        curl_multi_cleanup(http->multi);
        free(http);
    }
}

static void set_head(struct request *request, const char *token)
{
    struct vr_buf line = {0};

    vr_buf_printf(&line, "Authorization: Bearer %s", token);
    vr_buf_append(&line, "", 1);
    request->head = curl_slist_append(NULL, (const char *)line.data);
    request->head = curl_slist_append(request->head, "Content-Type: application/json");
    request->head = curl_slist_append(request->head, "Expect:");
    vr_buf_deinit(&line);
}

static struct request *request_new(struct vr_http *http, const char *url, vr_http_answer answer,
                                   void *ctx)
{
    struct request *request = calloc(1, sizeof(*request));
    CURL *curl = http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();

    if (request == NULL || curl == NULL) {
        free(request);
        curl_easy_cleanup(curl);
        return NULL;
    }
    request->curl = curl;
    request->answer = answer;
    request->ctx = ctx;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &request->body);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 20000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L); /* a node signs its own certificate */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    return request;
}

static bool begin(struct vr_http *http, struct request *request)
{
    http->busy++;
    return curl_multi_add_handle(http->multi, request->curl) == CURLM_OK;
}

bool vr_http_get(struct vr_http *http, const char *url, vr_http_answer answer, void *ctx)
{
    struct request *request = request_new(http, url, answer, ctx);

    return request != NULL && begin(http, request);
}

bool vr_http_send(struct vr_http *http, const char *url, const char *token, const char *body,
                  vr_http_answer answer, void *ctx)
{
    struct request *request = request_new(http, url, answer, ctx);

    if (request == NULL) {
        return false;
    }
    set_head(request, token);
    curl_easy_setopt(request->curl, CURLOPT_HTTPHEADER, request->head);
    if (body != NULL) {
        curl_easy_setopt(request->curl, CURLOPT_COPYPOSTFIELDS, body);
    } else {
        curl_easy_setopt(request->curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
    return begin(http, request);
}

static void finished(struct vr_http *http, CURL *curl, CURLcode result)
{
    struct request *request = NULL;
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&request);
    if (result == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    } else {
        fprintf(stderr, "voiceroom-bench: %s\n", curl_easy_strerror(result));
    }
    curl_multi_remove_handle(http->multi, curl);
    if (http->idle_count < IDLE_MAX) {
        http->idle[http->idle_count++] = curl;
    } else {
        curl_easy_cleanup(curl);
    }
    http->busy--;
    vr_buf_append(&request->body, "", 1);
    request->answer(request->ctx, status, vr_bytes(request->body.data, request->body.size - 1));
    request_free(request);
}

void vr_http_turn(struct vr_http *http)
{
    CURLMsg *msg;
    int running, left;

    if (http->busy == 0) {
        return;
    }
    curl_multi_perform(http->multi, &running);
    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (msg->msg == CURLMSG_DONE) {
            finished(http, msg->easy_handle, msg->data.result);
        }
    }
}

void vr_http_finish(struct vr_http *http, double seconds)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us end = clock->now(clock->ctx) + (vr_time_us)(seconds * 1e6);

    while (http->busy > 0 && clock->now(clock->ctx) < end) {
        int ready;

        vr_http_turn(http);
        if (http->busy > 0) {
            curl_multi_poll(http->multi, NULL, 0, 10, &ready);
        }
    }
}

uint32_t vr_http_busy(const struct vr_http *http)
{
    return http->busy;
}
