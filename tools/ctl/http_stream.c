#include "tools/ctl/http_stream.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vr_ctl_stream {
    CURL *curl;
};

/** Until the socket can be read or written; false: not in time. */
static bool wait_for(struct vr_ctl_stream *stream, short events, vr_time_us until)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us left = until - clock->now(clock->ctx);
    curl_socket_t socket = CURL_SOCKET_BAD;
    struct pollfd one = {.events = events};

    if (left <= 0 || curl_easy_getinfo(stream->curl, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK ||
        socket == CURL_SOCKET_BAD) {
        return false;
    }
    one.fd = socket;
    return poll(&one, 1, (int)(left / VR_MS(1)) + 1) > 0;
}

struct vr_ctl_stream *vr_ctl_stream_open(const char *host, const char *port, bool tls,
                                         const char *ca_file, vr_time_us patience,
                                         struct vr_why *why)
{
    struct vr_ctl_stream *stream = calloc(1, sizeof(*stream));
    const char *open = strchr(host, ':') != NULL ? "[" : "";
    const char *close = open[0] != '\0' ? "]" : "";
    char url[320];
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (stream != NULL) {
        stream->curl = curl_easy_init();
    }
    if (stream != NULL && stream->curl != NULL) {
        snprintf(url, sizeof(url), "%s://%s%s%s:%s", tls ? "https" : "http", open, host, close,
                 port);
        curl_easy_setopt(stream->curl, CURLOPT_URL, url);
        curl_easy_setopt(stream->curl, CURLOPT_CONNECT_ONLY, 1L);
        curl_easy_setopt(stream->curl, CURLOPT_PROXY, "");
        curl_easy_setopt(stream->curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(stream->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
        curl_easy_setopt(stream->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(patience / VR_MS(1)));
        if (ca_file[0] != '\0') {
            curl_easy_setopt(stream->curl, CURLOPT_CAINFO, ca_file);
        }
        code = curl_easy_perform(stream->curl);
    }
    if (code == CURLE_OK) {
        return stream;
    }
    (void)vr_fail(why, VR_E_BUSY, "%s", curl_easy_strerror(code));
    vr_ctl_stream_close(stream);
    return NULL;
}

void vr_ctl_stream_close(struct vr_ctl_stream *stream)
{
    if (stream != NULL) {
        curl_easy_cleanup(stream->curl);
        free(stream);
    }
}

bool vr_ctl_stream_send(struct vr_ctl_stream *stream, struct vr_bytes bytes, vr_time_us until)
{
    while (bytes.size > 0) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(stream->curl, bytes.data, bytes.size, &sent);

        if (code != CURLE_OK && (code != CURLE_AGAIN || !wait_for(stream, POLLOUT, until))) {
            return false;
        }
        bytes = vr_bytes(bytes.data + sent, bytes.size - sent);
    }
    return true;
}

bool vr_ctl_stream_receive(struct vr_ctl_stream *stream, struct vr_buf *out, vr_time_us until)
{
    uint8_t piece[2048];

    for (;;) {
        size_t size = 0;
        CURLcode code = curl_easy_recv(stream->curl, piece, sizeof(piece), &size);

        if (code == CURLE_OK) {
            vr_buf_append(out, piece, size);
            return size > 0 && !out->failed;
        }
        if (code != CURLE_AGAIN || !wait_for(stream, POLLIN, until)) {
            return false;
        }
    }
}
