/* kv_curl.c - libcurl's multi interface driven by libuv: its sockets are polled, its timer is one
 * of the loop's, and what ended is told after libcurl has returned. */
#include "cluster/kv_curl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "actors/base/owner.h"

/* A server that lies dead or behind a cut wire is noticed on an idle stream after some 8 s. */
#define KEEPALIVE_IDLE_S 5
#define KEEPALIVE_EACH_S 1
#define KEEPALIVE_COUNT 3

struct watched { /* one socket of libcurl */
    uv_poll_t poll;
    struct vr_curl *curl;
    curl_socket_t fd;
};

static void set_ready(struct vr_curl *curl, struct vr_curl_request *request)
{
    if (vr_list_empty(&request->ready_link)) {
        vr_list_push(&curl->ready, &request->ready_link);
    }
}

static void end_request(struct vr_curl *curl, struct vr_curl_request *request, CURLcode code)
{
    request->code = code;
    request->ended = true;
    if (request->easy != NULL) {
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &request->status);
        curl_multi_remove_handle(curl->multi, request->easy);
        curl_easy_cleanup(request->easy);
        request->easy = NULL;
    }
    set_ready(curl, request);
}

static void take_messages(struct vr_curl *curl)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        struct vr_curl_request *request = NULL;
        CURLcode code = message->data.result;

        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
            end_request(curl, request, code);
        }
    }
}

/* A callback may stop requests that wait here, or close everything. */
static void tell_ready(struct vr_curl *curl)
{
    struct vr_list *item;

    while (!curl->closing && (item = vr_list_pop(&curl->ready)) != NULL) {
        struct vr_curl_request *request = VR_OWNER(item, struct vr_curl_request, ready_link);

        request->told(request);
    }
}

static void act(struct vr_curl *curl, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(curl->multi, fd, events, &running);
    take_messages(curl);
    tell_ready(curl);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = VR_OWNER(poll, struct watched, poll);
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;

    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(watched->curl, watched->fd, flags);
}

static void on_timer(uv_timer_t *timer)
{
    act(VR_OWNER(timer, struct vr_curl, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    tell_ready(VR_OWNER(idle, struct vr_curl, idle));
}

static int set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct vr_curl *curl = ctx;

    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(&curl->timer);
    } else if (!uv_is_closing((uv_handle_t *)&curl->timer)) {
        uv_update_time(curl->conf.loop); /* libcurl counts from now */
        uv_timer_start(&curl->timer, on_timer, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

static void drop_handle(struct vr_curl *curl)
{
    if (--curl->handles == 0 && curl->closed != NULL) {
        curl->closed(curl);
    }
}

static void on_watched_closed(uv_handle_t *handle)
{
    struct watched *watched = VR_OWNER((uv_poll_t *)handle, struct watched, poll);
    struct vr_curl *curl = watched->curl;

    free(watched);
    drop_handle(curl);
}

static struct watched *watch_socket(struct vr_curl *curl, curl_socket_t fd)
{
    struct watched *watched = calloc(1, sizeof(*watched));

    if (watched == NULL) {
        return NULL;
    }
    watched->curl = curl;
    watched->fd = fd;
    if (uv_poll_init_socket(curl->conf.loop, &watched->poll, fd) != 0) {
        free(watched);
        return NULL;
    }
    curl->handles++;
    return watched;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct vr_curl *curl = ctx;
    struct watched *watched = socket_ctx;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL) {
            uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
        }
        return 0;
    }
    if (watched == NULL) {
        watched = watch_socket(curl, fd);
        if (watched == NULL) {
            return -1;
        }
        curl_multi_assign(curl->multi, fd, watched);
    }
    events |= what != CURL_POLL_IN ? UV_WRITABLE : 0;
    events |= what != CURL_POLL_OUT ? UV_READABLE : 0;
    uv_poll_start(&watched->poll, events, on_poll);
    return 0;
}

static size_t give_body(char *out, size_t size, size_t count, void *ctx)
{
    struct vr_curl_request *request = ctx;
    size_t left = request->body.size - request->body_at;
    size_t taken = size * count < left ? size * count : left;

    memcpy(out, request->body.data + request->body_at, taken);
    request->body_at += taken;
    request->handed = request->handed || taken > 0;
    return taken;
}

static size_t take_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct vr_curl_request *request = ctx;
    size_t bytes = size * count;

    if (bytes > request->in_max - request->in.size) {
        return 0; /* CURLE_WRITE_ERROR ends the request */
    }
    vr_buf_append(&request->in, data, bytes);
    if (request->stream) {
        set_ready(request->curl, request);
    }
    return request->in.failed ? 0 : bytes;
}

static int tune_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    int count = KEEPALIVE_COUNT;

    (void)ctx;
    (void)purpose;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    return CURL_SOCKOPT_OK;
}

static void set_up_tls(CURL *easy, const struct vr_curl_conf *conf)
{
    if (conf->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* the operator's own and no other */
    }
    if (conf->cert_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, conf->cert_file);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, conf->key_file);
    }
}

static void set_up(struct vr_curl *curl, struct vr_curl_request *request, const char *url)
{
    CURL *easy = request->easy;

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, curl->headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, tune_socket);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EACH_S);
    set_up_tls(easy, &curl->conf);
}

void vr_curl_start(struct vr_curl *curl, struct vr_curl_request *request, const char *url,
                   long connect_ms, long time_ms)
{
    vr_curl_stop(curl, request);
    request->curl = curl;
    request->body_at = 0;
    request->handed = false;
    request->ended = false;
    request->status = 0;
    request->code = CURLE_OK;
    vr_list_init(&request->ready_link);
    request->easy = request->body.failed ? NULL : curl_easy_init();
    if (request->easy == NULL) {
        end_request(curl, request, CURLE_OUT_OF_MEMORY);
    } else {
        set_up(curl, request, url);
        curl_easy_setopt(request->easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
        curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, time_ms);
        if (curl_multi_add_handle(curl->multi, request->easy) != CURLM_OK) {
            curl_easy_cleanup(request->easy);
            request->easy = NULL;
            end_request(curl, request, CURLE_FAILED_INIT);
        }
    }
    if (request->ended) {
        uv_idle_start(&curl->idle, on_idle);
    }
}

void vr_curl_stop(struct vr_curl *curl, struct vr_curl_request *request)
{
    if (request->curl == NULL) {
        return;
    }
    if (request->easy != NULL) {
        curl_multi_remove_handle(curl->multi, request->easy);
        curl_easy_cleanup(request->easy);
        request->easy = NULL;
    }
    vr_list_remove(&request->ready_link);
    vr_buf_deinit(&request->in);
}

enum vr_err vr_curl_open(struct vr_curl *curl, const struct vr_curl_conf *conf, struct vr_why *why)
{
    struct curl_slist *expect;

    *curl = (struct vr_curl){.conf = *conf};
    vr_list_init(&curl->ready);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return vr_fail(why, VR_E_INTERNAL, "libcurl cannot be started");
    }
    curl->multi = curl_multi_init();
    curl->headers = curl_slist_append(NULL, "Content-Type: application/json");
    expect = curl_slist_append(curl->headers, "Grpc-Metadata-hasleader: true");
    expect = expect == NULL ? NULL : curl_slist_append(expect, "Expect:");
    if (curl->multi == NULL || expect == NULL) {
        curl_slist_free_all(curl->headers);
        curl_multi_cleanup(curl->multi);
        curl_global_cleanup();
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for libcurl");
    }
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    uv_timer_init(conf->loop, &curl->timer);
    uv_idle_init(conf->loop, &curl->idle);
    curl->handles = 2;
    return VR_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    drop_handle(VR_OWNER((uv_timer_t *)handle, struct vr_curl, timer));
}

static void on_idle_closed(uv_handle_t *handle)
{
    drop_handle(VR_OWNER((uv_idle_t *)handle, struct vr_curl, idle));
}

void vr_curl_close(struct vr_curl *curl, void (*closed)(struct vr_curl *curl))
{
    curl->closing = true;
    curl->closed = closed;
    uv_close((uv_handle_t *)&curl->timer, on_timer_closed);
    uv_close((uv_handle_t *)&curl->idle, on_idle_closed);
    curl_multi_cleanup(curl->multi);
    curl->multi = NULL;
    curl_slist_free_all(curl->headers);
    curl->headers = NULL;
    curl_global_cleanup();
}
