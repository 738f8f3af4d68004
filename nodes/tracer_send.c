/* tracer_send.c - a batch of spans to the collector, by libcurl. */
#include <curl/curl.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "nodes/tracer_internal.h"

#define TIMEOUT_MS 5000L
#define CONNECT_MS 2000L
#define LAST_WORDS VR_SECONDS(1)

struct tracer_post {
    CURL *easy;
    struct curl_slist *headers;
    const atomic_bool *over;
    vr_time_us over_at; /* 0: not seen to be over */
    bool complained;    /* once for each time that the collector goes away */
};

static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

/* The node stops: nobody waits for a collector that hangs. */
static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct tracer_post *post = ctx;
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us now = clock->now(clock->ctx);

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (!atomic_load(post->over)) {
        return 0;
    }
    if (post->over_at == 0) {
        post->over_at = now;
    }
    return now - post->over_at > LAST_WORDS;
}

static bool headers_set(struct tracer_post *post)
{
    static const char *const lines[] = {"Content-Type: application/json",
                                        "User-Agent: Voicerooms/1", "Expect:"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct curl_slist *grown = curl_slist_append(post->headers, lines[i]);

        if (grown == NULL) {
            return false;
        }
        post->headers = grown;
    }
    return true;
}

struct tracer_post *tracer_post_new(const char *endpoint, const char *ca)
{
    struct tracer_post *post = calloc(1, sizeof(*post));

    if (post == NULL) {
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    post->easy = curl_easy_init();
    if (post->easy == NULL || !headers_set(post)) {
        tracer_post_free(post);
        return NULL;
    }
    curl_easy_setopt(post->easy, CURLOPT_URL, endpoint);
    curl_easy_setopt(post->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(post->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(post->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(post->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, post->headers);
    curl_easy_setopt(post->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(post->easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(post->easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(post->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(post->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(post->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(post->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(post->easy, CURLOPT_XFERINFODATA, post);
    if (ca[0] != '\0') {
        curl_easy_setopt(post->easy, CURLOPT_CAINFO, ca);
    }
    return post;
}

void tracer_post_free(struct tracer_post *post)
{
    if (post == NULL) {
        return;
    }
    curl_easy_cleanup(post->easy);
    curl_slist_free_all(post->headers);
    free(post);
}

static void complain(struct tracer_post *post, CURLcode code, long status)
{
    if (!post->complained) {
        vr_log(VR_LOG_WARN, "the collector of traces does not take them",
               VR_S("why", code == CURLE_OK ? "" : curl_easy_strerror(code)),
               VR_U("status", status));
    }
    post->complained = true;
}

enum tracer_outcome tracer_post_send(struct tracer_post *post, struct vr_bytes body,
                                     const atomic_bool *over)
{
    CURLcode code;
    long status = 0;

    post->over = over;
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, (const char *)body.data);
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE, (long)body.size);
    code = curl_easy_perform(post->easy);
    curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status >= 200 && status < 300) {
        post->complained = false;
        return TRACER_TAKEN;
    }
    complain(post, code, status);
    /* OTLP/HTTP: these four may be tried again, the others not. */
    if (code != CURLE_OK || status == 429 || (status >= 502 && status <= 504)) {
        return TRACER_FAILED;
    }
    return TRACER_REFUSED;
}
