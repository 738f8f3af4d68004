#include "bench/load_http.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/drivers/tokens.h"
#include "bench/rig/sdp.h"

#define TRIES 30u

struct load_http {
    CURL *curl;
    char url[256];
    struct vr_key key;
};

struct load_http *load_http_new(const char *url, const char *key_file)
{
    struct load_http *http = calloc(1, sizeof(*http));

    if (http == NULL || !vr_bench_key_read(key_file, &http->key)) {
        free(http);
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    http->curl = curl_easy_init();
    snprintf(http->url, sizeof(http->url), "%s", url);
    return http;
}

void load_http_free(struct load_http *http)
{
    if (http != NULL) {
        curl_easy_cleanup(http->curl);
        free(http);
    }
}

static size_t collect(char *data, size_t size, size_t count, void *ctx)
{
    vr_buf_append(ctx, data, size * count);
    return size * count;
}

static struct curl_slist *authorize(struct load_http *http, const char *user, enum vr_role role)
{
    struct vr_buf line = {0};
    struct curl_slist *head = NULL;

    vr_buf_text(&line, "Authorization: Bearer ");
    if (vr_bench_token(&http->key, user, role, &line)) {
        head = curl_slist_append(NULL, (const char *)line.data);
        head = curl_slist_append(head, "Content-Type: application/json");
        head = curl_slist_append(head, "Expect:");
    }
    vr_buf_deinit(&line);
    return head;
}

/* The JSON of an answer. */
static json_t *ask(struct load_http *http, const char *body, long *status, double *seconds)
{
    struct vr_buf answer = {0};
    json_t *json = NULL;

    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, 30000L);
    if (curl_easy_perform(http->curl) == CURLE_OK) {
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, status);
        curl_easy_getinfo(http->curl, CURLINFO_TOTAL_TIME, seconds);
        json = json_loadb((const char *)answer.data, answer.size, 0, NULL);
    }
    vr_buf_deinit(&answer);
    return json;
}

/* As any client: asked again when the server says so. 0: it does not. */
static long asked_to_wait_ms(long status, const json_t *json)
{
    return status == 503 ? (long)json_integer_value(json_object_get(json, "retry_after_ms")) : 0;
}

/* The JSON of a 2xx answer, or NULL with a line on stderr. `ms`: of the request that was answered
 * so. */
static json_t *post(struct load_http *http, const char *path, struct curl_slist *head,
                    const char *body, double *ms)
{
    char url[512];
    long status = 0;
    double seconds = 0;
    json_t *json;

    snprintf(url, sizeof(url), "%s%s", http->url, path);
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, head);
    json = ask(http, body, &status, &seconds);
    for (uint32_t tries = 1; tries < TRIES && asked_to_wait_ms(status, json) > 0; tries++) {
        long wait = asked_to_wait_ms(status, json);

        nanosleep(&(struct timespec){wait / 1000, wait % 1000 * 1000000}, NULL);
        json_decref(json);
        json = ask(http, body, &status, &seconds);
    }
    if (status / 100 != 2 || json == NULL) {
        char *text = json == NULL ? NULL : json_dumps(json, 0);

        fprintf(stderr, "voiceroom-load: POST %s: %ld %s\n", path, status,
                text == NULL ? "" : text);
        free(text);
        json_decref(json);
        json = NULL;
    }
    if (ms != NULL) {
        *ms = seconds * 1000;
    }
    curl_slist_free_all(head);
    return json;
}

bool load_http_room(struct load_http *http, const char *title, char room[27])
{
    char body[256];
    json_t *json;

    snprintf(body, sizeof(body), "{\"title\":\"%s\",\"capacity\":10000}", title);
    json = post(http, "/v1/rooms", authorize(http, "load-host", VR_ROLE_HOST), body, NULL);
    snprintf(room, 27, "%s", json == NULL ? "" : json_string_value(json_object_get(json, "id")));
    json_decref(json);
    return room[0] != 0;
}

bool load_http_join(struct load_http *http, const char *room, const char *user, enum vr_role role,
                    const char *offer, struct vr_remote *answer, double *ms)
{
    json_t *ask = json_pack("{s:i,s:[],s:s}", "protocol", 1, "capabilities", "sdp", offer);
    char *body = json_dumps(ask, 0);
    char path[128];
    const char *sdp;
    json_t *json;
    bool fine;

    snprintf(path, sizeof(path), "/v1/rooms/%s/join", room);
    json = post(http, path, authorize(http, user, role), body, ms);
    sdp = json_string_value(json_object_get(json, "sdp"));
    *answer = (struct vr_remote){0};
    fine = sdp != NULL && vr_bench_sdp_read(sdp, answer);
    json_decref(json);
    json_decref(ask);
    free(body);
    return fine;
}
