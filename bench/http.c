#include "bench/http.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int dial(const struct vr_http_target *target)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(target->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || inet_pton(AF_INET, target->host, &name.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

int vr_http(const struct vr_http_target *target, const char *method, const char *path,
            const char *token, const char *type, const char *body, struct vr_buf *out)
{
    struct vr_buf request = {0};
    struct vr_buf answer = {0};
    char chunk[4096];
    const char *end;
    ssize_t n;
    int status = 0;
    int fd = dial(target);

    if (fd < 0) {
        return 0;
    }
    vr_buf_printf(&request, "%s %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n", method, path,
                  target->host, target->port);
    vr_buf_printf(&request,
                  "Authorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                  token, type, strlen(body));
    vr_buf_text(&request, body);
    if (!request.failed &&
        send(fd, request.data, request.size, MSG_NOSIGNAL) == (ssize_t)request.size) {
        while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0) {
            vr_buf_append(&answer, chunk, (size_t)n);
        }
    }
    close(fd);
    vr_buf_append(&answer, "", 1);
    end = answer.failed ? NULL : strstr((char *)answer.data, "\r\n\r\n");
    if (end != NULL && answer.size > 12) {
        status = (int)strtol((char *)answer.data + 9, NULL, 10);
        vr_buf_text(out, end + 4);
    }
    vr_buf_deinit(&request);
    vr_buf_deinit(&answer);
    return status;
}

static void base64url(struct vr_bytes in, char *out)
{
    size_t n = (size_t)EVP_EncodeBlock((unsigned char *)out, in.data, (int)in.size);

    while (n > 0 && out[n - 1] == '=') {
        n--;
    }
    out[n] = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    }
}

const char *vr_http_mint(const char *kid, const char *secret, const char *user, const char *grants,
                         char out[1024])
{
    char head[128];
    char body[512];
    uint8_t digest[32];
    unsigned size = sizeof digest;
    size_t at;
    long now = (long)time(NULL);

    snprintf(head, sizeof head, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
    snprintf(
        body, sizeof body,
        "{\"iss\":\"%s\",\"sub\":\"%s\",\"name\":\"%s\",\"iat\":%ld,\"exp\":%ld,\"voice\":{%s}}",
        kid, user, user, now, now + 3600, grants);
    base64url(vr_bytes_of(head), out);
    at = strlen(out);
    out[at++] = '.';
    base64url(vr_bytes_of(body), out + at);
    at = strlen(out);
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (uint8_t *)out, at, digest, &size);
    out[at++] = '.';
    base64url(vr_bytes(digest, size), out + at);
    return out;
}
