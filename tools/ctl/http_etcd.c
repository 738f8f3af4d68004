/* http_etcd.c - libcurl: etcd's snapshot through its JSON gateway. The answer is a line of JSON for
 * each piece: {"result":{"remaining_bytes":"...","blob":"..."}}; the last 32 bytes of all are the
 * SHA-256 of those before, by which `etcdctl snapshot restore` judges them, and we do. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/backup.h"

#define LINE_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct snapshot {
    struct vr_ctl *ctl;
    struct vr_backup_file *file;
    struct vr_buf line;
    struct vr_seal_hash *hash;
    uint8_t tail[VR_SEAL_HASH]; /* the last bytes that came, which are not hashed yet */
    size_t tail_size;
    uint64_t bytes;
    char refused[200]; /* what etcd said */
    enum vr_ctl_exit code;
};

static void hash_blob(struct snapshot *snapshot, struct vr_bytes blob)
{
    struct vr_buf both = {0};
    size_t fixed;

    vr_buf_append(&both, snapshot->tail, snapshot->tail_size);
    vr_buf_append(&both, blob.data, blob.size);
    if (both.failed) {
        snapshot->code = VR_CTL_ERROR;
        return;
    }
    fixed = both.size > VR_SEAL_HASH ? both.size - VR_SEAL_HASH : 0;
    vr_seal_hash_add(snapshot->hash, vr_bytes(both.data, fixed));
    snapshot->tail_size = both.size - fixed;
    memcpy(snapshot->tail, both.data + fixed, snapshot->tail_size);
    snapshot->bytes += blob.size;
    vr_buf_deinit(&both);
}

static void take_blob(struct snapshot *snapshot, const char *text)
{
    size_t size = strlen(text);
    uint8_t *blob = malloc(size + 1);
    size_t got = 0;

    if (blob == NULL || !vr_seal_base64_read(text, size, blob, size + 1, &got)) {
        snapshot->code =
            vr_ctl_fail(snapshot->ctl, VR_CTL_ERROR, "etcd sent a snapshot that cannot be read");
    } else {
        hash_blob(snapshot, vr_bytes(blob, got));
        if (snapshot->code == VR_CTL_OK) {
            snapshot->code = vr_backup_file_add(snapshot->ctl, snapshot->file, vr_bytes(blob, got));
        }
    }
    free(blob);
}

static void take_line(struct snapshot *snapshot)
{
    json_t *line = json_loadb((const char *)snapshot->line.data, snapshot->line.size, 0, NULL);
    const char *blob = json_string_value(vr_ctl_at(line, "result.blob"));
    const char *wrong = json_string_value(vr_ctl_at(line, "error.message"));

    if (wrong == NULL) {
        wrong = json_string_value(json_object_get(line, "error"));
    }
    if (blob != NULL) {
        take_blob(snapshot, blob);
    } else if (wrong != NULL) {
        snprintf(snapshot->refused, sizeof(snapshot->refused), "%s", wrong);
        snapshot->code = VR_CTL_ERROR;
    } else if (line == NULL || json_object_get(line, "result") == NULL) {
        snprintf(snapshot->refused, sizeof(snapshot->refused), "this is not etcd");
        snapshot->code = VR_CTL_ERROR;
    }
    json_decref(line);
    snapshot->line.size = 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct snapshot *snapshot = ctx;
    size_t all = size * count;

    for (size_t at = 0; at < all && snapshot->code == VR_CTL_OK;) {
        const char *end = memchr(data + at, '\n', all - at);
        size_t piece = end == NULL ? all - at : (size_t)(end - data) - at;

        vr_buf_append(&snapshot->line, data + at, piece);
        at += piece + (end == NULL ? 0 : 1);
        if (snapshot->line.failed || snapshot->line.size > LINE_MAX_BYTES) {
            snapshot->code = VR_CTL_ERROR;
        } else if (end != NULL && snapshot->line.size > 0) {
            take_line(snapshot);
        }
    }
    return snapshot->code == VR_CTL_OK ? all : 0;
}

static CURLcode ask(CURL *curl, const struct vr_ctl_line *line, const char *url,
                    struct snapshot *snapshot)
{
    const char *ca = vr_ctl_text(line, "etcd-ca");
    const char *certificate = vr_ctl_text(line, "etcd-certificate");
    const char *key = vr_ctl_text(line, "etcd-key");

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "{}");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, snapshot);
    if (ca != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    }
    if (certificate != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
    }
    if (key != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    return curl_easy_perform(curl);
}

static enum vr_ctl_exit judge(struct snapshot *snapshot)
{
    uint8_t hash[VR_SEAL_HASH];

    vr_seal_hash_end(snapshot->hash, hash);
    snapshot->hash = NULL;
    if (snapshot->bytes <= VR_SEAL_HASH || memcmp(hash, snapshot->tail, sizeof(hash)) != 0) {
        return vr_ctl_fail(snapshot->ctl, VR_CTL_ERROR,
                           "etcd's snapshot came incomplete or damaged: try again");
    }
    return VR_CTL_OK;
}

/** One member; false: it gave nothing, the next one may. */
static bool from_member(struct snapshot *snapshot, const char *address, CURLcode *code)
{
    char url[300];
    CURL *curl = curl_easy_init();

    *code = CURLE_OUT_OF_MEMORY;
    if (curl != NULL) {
        snprintf(url, sizeof(url), "%s/v3/maintenance/snapshot", address);
        *code = ask(curl, snapshot->ctl->line, url, snapshot);
        if (*code == CURLE_OK && snapshot->code == VR_CTL_OK && snapshot->line.size > 0) {
            take_line(snapshot); /* the last one may come without its end */
        }
    }
    curl_easy_cleanup(curl);
    return *code == CURLE_OK || snapshot->bytes > 0 || snapshot->code != VR_CTL_OK;
}

enum vr_ctl_exit vr_backup_etcd(struct vr_ctl *ctl, struct vr_backup_file *file)
{
    struct snapshot snapshot = {.ctl = ctl, .file = file, .hash = vr_seal_hash_new()};
    char list[1024];
    char *rest = NULL;
    CURLcode code = CURLE_URL_MALFORMAT;
    uint8_t ignored[VR_SEAL_HASH];

    snprintf(list, sizeof(list), "%s", vr_ctl_text(ctl->line, "etcd"));
    for (char *one = strtok_r(list, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        if (from_member(&snapshot, one, &code)) {
            break;
        }
    }
    if (snapshot.refused[0] != 0) {
        snapshot.code = vr_ctl_fail(ctl, VR_CTL_ERROR, "etcd: %s", snapshot.refused);
    } else if (snapshot.code == VR_CTL_OK && code != CURLE_OK) {
        snapshot.code = vr_ctl_fail(ctl, VR_CTL_UNAVAILABLE, "etcd: %s", curl_easy_strerror(code));
    } else if (snapshot.code == VR_CTL_OK) {
        snapshot.code = judge(&snapshot);
    }
    vr_seal_hash_end(snapshot.hash, ignored);
    vr_buf_deinit(&snapshot.line);
    return snapshot.code;
}
