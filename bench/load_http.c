#include "bench/load_http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct load_http {
    CURL *curl;
    char url[256];
    struct vr_key key;
};

static bool read_key(const char *path, struct vr_key *key)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    const char *kid = json_string_value(json_object_get(json, "kid"));
    const char *secret = json_string_value(json_object_get(json, "secret"));
    bool fine = kid != NULL && secret != NULL && strlen(secret) <= sizeof(key->secret);

    if (fine) {
        snprintf(key->kid, sizeof(key->kid), "%s", kid);
        key->secret_size = strlen(secret);
        memcpy(key->secret, secret, key->secret_size);
    } else {
        fprintf(stderr, "voiceroom-load: %s holds no key\n", path);
    }
    json_decref(json);
    return fine;
}

struct load_http *load_http_new(const char *url, const char *key_file)
{
    struct load_http *http = calloc(1, sizeof(*http));

    if (http == NULL || !read_key(key_file, &http->key)) {
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

static struct curl_slist *authorize(struct load_http *http, const char *user, bool host,
                                    bool speaker)
{
    struct vr_grants grants = {.room_join = true,
                               .room_create = host,
                               .room_list = true,
                               .can_publish = true,
                               .can_subscribe = true,
                               .can_request_to_speak = true,
                               .role = speaker ? VR_ROLE_SPEAKER : VR_ROLE_LISTENER,
                               .issued_at = time(NULL),
                               .expires_at = time(NULL) + 7200};
    struct vr_buf line = {0};
    struct curl_slist *head = NULL;

    snprintf(grants.user, sizeof(grants.user), "%s", user);
    snprintf(grants.name, sizeof(grants.name), "%s", user);
    snprintf(grants.kid, sizeof(grants.kid), "%s", http->key.kid);
    vr_buf_text(&line, "Authorization: Bearer ");
    if (vr_jwt_write(&grants, &http->key, &line) == VR_OK) {
        vr_buf_append(&line, "", 1);
        head = curl_slist_append(NULL, (const char *)line.data);
        head = curl_slist_append(head, "Content-Type: application/json");
        head = curl_slist_append(head, "Expect:");
    }
    vr_buf_deinit(&line);
    return head;
}

/* The JSON of a 2xx answer, or NULL with a line on stderr. */
static json_t *post(struct load_http *http, const char *path, struct curl_slist *head,
                    const char *body, double *ms)
{
    struct vr_buf answer = {0};
    char url[512];
    long status = 0;
    double seconds = 0;
    json_t *json = NULL;

    snprintf(url, sizeof(url), "%s%s", http->url, path);
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, head);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, 10000L);
    if (curl_easy_perform(http->curl) == CURLE_OK) {
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(http->curl, CURLINFO_TOTAL_TIME, &seconds);
        json = json_loadb((const char *)answer.data, answer.size, 0, NULL);
    }
    if (status / 100 != 2 || json == NULL) {
        fprintf(stderr, "voiceroom-load: POST %s: %ld %.*s\n", path, status, (int)answer.size,
                answer.data == NULL ? "" : (const char *)answer.data);
        json_decref(json);
        json = NULL;
    }
    if (ms != NULL) {
        *ms = seconds * 1000;
    }
    vr_buf_deinit(&answer);
    curl_slist_free_all(head);
    return json;
}

bool load_http_room(struct load_http *http, const char *title, char room[27])
{
    char body[256];
    json_t *json;

    snprintf(body, sizeof(body), "{\"title\":\"%s\",\"capacity\":10000}", title);
    json = post(http, "/v1/rooms", authorize(http, "load-host", true, true), body, NULL);
    snprintf(room, 27, "%s", json == NULL ? "" : json_string_value(json_object_get(json, "id")));
    json_decref(json);
    return room[0] != 0;
}

static bool sdp_line(const char *sdp, const char *name, char *out, size_t size)
{
    const char *at = strstr(sdp, name);
    size_t length;

    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    length = strcspn(at, "\r\n");
    snprintf(out, size, "%.*s", (int)length, at);
    return length > 0 && length < size;
}

static bool read_fingerprint(const char *text, uint8_t out[32])
{
    for (int i = 0; i < 32; i++) {
        char *end;

        out[i] = (uint8_t)strtoul(text, &end, 16);
        if (end != text + 2 || (i < 31 && *end != ':')) {
            return false;
        }
        text = end + 1;
    }
    return true;
}

static bool read_candidate(const char *sdp, struct sockaddr_in *out)
{
    for (const char *at = sdp; (at = strstr(at, "a=candidate:")) != NULL; at++) {
        char address[64];
        int before = 0; /* bytes up to the port */
        unsigned long port;

        if (sscanf(at, "a=candidate:%*s %*s %*s %*s %63s %n", address, &before) != 1) {
            continue;
        }
        port = strtoul(at + before, NULL, 10);
        if (port > 0 && port <= UINT16_MAX && inet_pton(AF_INET, address, &out->sin_addr) == 1) {
            out->sin_family = AF_INET;
            out->sin_port = htons((uint16_t)port);
            return true;
        }
    }
    return false;
}

bool load_http_join(struct load_http *http, const char *room, const char *user, bool speaker,
                    const char *offer, struct load_answer *answer, double *ms)
{
    bool host = strcmp(user, "load-host") == 0;
    json_t *ask = json_pack("{s:i,s:[],s:s}", "protocol", 1, "capabilities", "sdp", offer);
    char *body = json_dumps(ask, 0);
    char path[128];
    char fingerprint[128];
    const char *sdp;
    json_t *json;
    bool fine;

    snprintf(path, sizeof(path), "/v1/rooms/%s/join", room);
    json = post(http, path, authorize(http, user, host, speaker), body, ms);
    sdp = json_string_value(json_object_get(json, "sdp"));
    *answer = (struct load_answer){0};
    fine = sdp != NULL && sdp_line(sdp, "a=ice-ufrag:", answer->ufrag, sizeof(answer->ufrag)) &&
           sdp_line(sdp, "a=ice-pwd:", answer->pwd, sizeof(answer->pwd)) &&
           sdp_line(sdp, "a=fingerprint:sha-256 ", fingerprint, sizeof(fingerprint)) &&
           read_fingerprint(fingerprint, answer->fingerprint) &&
           read_candidate(sdp, &answer->server);
    if (fine) {
        snprintf(answer->session, sizeof(answer->session), "%s",
                 json_string_value(json_object_get(json, "session")));
    }
    json_decref(json);
    json_decref(ask);
    free(body);
    return fine;
}
