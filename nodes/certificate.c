/* certificate.c - two files, the folders that hold them, and the context made of them.
 *
 * Folders are watched, not files: whoever renews a certificate puts new files, or new symbolic
 * links, in the place of the old ones. What hides behind two links (certbot's live/ seen through a
 * link of one's own) no folder here tells of, so once a minute the files are looked at as well. */
#include "nodes/certificate.h"

#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "nodes/tls.h"

#define PATH_SIZE 1024
/* Certificate and key are written one after the other: wait for the second. */
#define QUIET_MS 300
#define LOOK_MS 60000
#define NAME_TOO_LONG "the name of a certificate's file is too long"

/** What tells one version of a file from the next. */
struct version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct vr_certificate {
    struct vr_certificate_conf conf;
    char file[PATH_SIZE];
    char key[PATH_SIZE];
    struct version seen[2];
    struct ssl_ctx_st *tls;
    bool trusted;
    uv_loop_t *loop;         /* NULL: not watching */
    uv_fs_event_t folder[2]; /* of the certificate, of the key */
    uv_timer_t quiet;
    uv_timer_t look;
    atomic_llong not_after;
    atomic_ullong taken;
    atomic_ullong refused;
};

static struct version version_of(const char *path)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        return (struct version){0};
    }
    return (struct version){about.st_dev, about.st_ino, about.st_size, about.st_mtim};
}

static bool version_same(const struct version *a, const struct version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/** Make a context of the two files, and look whether it is any good now. */
static enum vr_err load(const char *file, const char *key, struct ssl_ctx_st **out,
                        struct vr_tls_about *about, struct vr_why *why)
{
    enum vr_err err = vr_tls_open(file, key, out, why);

    if (err == VR_OK) {
        vr_tls_about(*out, about);
    }
    return err;
}

static void put_in_force(struct vr_certificate *certificate, struct ssl_ctx_st *tls,
                         const struct vr_tls_about *about)
{
    struct ssl_ctx_st *old = certificate->tls;

    certificate->tls = tls;
    certificate->trusted = certificate->conf.configured && !about->self_signed;
    atomic_store(&certificate->not_after, about->not_after);
    if (old != NULL) {
        atomic_fetch_add(&certificate->taken, 1);
        if (certificate->conf.changed != NULL) {
            certificate->conf.changed(certificate->conf.ctx, tls, certificate->trusted);
        }
        vr_tls_close(old);
    }
}

enum vr_err vr_certificate_new(const struct vr_certificate_conf *conf, struct vr_certificate **out,
                               struct vr_why *why)
{
    struct vr_certificate *certificate = calloc(1, sizeof(*certificate));
    struct ssl_ctx_st *tls = NULL;
    struct vr_tls_about about = {0};
    enum vr_err err = VR_OK;

    *out = NULL;
    if (certificate == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    certificate->conf = *conf;
    certificate->conf.certificate = NULL; /* the copies count */
    certificate->conf.key = NULL;
    if (snprintf(certificate->file, PATH_SIZE, "%s", conf->certificate) >= PATH_SIZE ||
        snprintf(certificate->key, PATH_SIZE, "%s", conf->key) >= PATH_SIZE) {
        err = vr_fail(why, VR_E_UNPROCESSABLE, NAME_TOO_LONG);
    }
    certificate->seen[0] = version_of(certificate->file);
    certificate->seen[1] = version_of(certificate->key);
    if (err == VR_OK) {
        err = load(certificate->file, certificate->key, &tls, &about, why);
    }
    if (err != VR_OK) {
        free(certificate);
        return err;
    }
    if (about.not_after <= (int64_t)time(NULL)) {
        vr_log(VR_LOG_WARN, "the certificate has run out", VR_S("file", certificate->file));
    }
    put_in_force(certificate, tls, &about);
    *out = certificate;
    return VR_OK;
}

void vr_certificate_free(struct vr_certificate *certificate)
{
    if (certificate != NULL) {
        vr_tls_close(certificate->tls);
        free(certificate);
    }
}

struct ssl_ctx_st *vr_certificate_tls(const struct vr_certificate *certificate)
{
    return certificate->tls;
}

bool vr_certificate_trusted(const struct vr_certificate *certificate)
{
    return certificate->trusted;
}

void vr_certificate_stats(const struct vr_certificate *certificate,
                          struct vr_certificate_stats *out)
{
    *out = (struct vr_certificate_stats){0};
    if (certificate != NULL) {
        out->not_after = atomic_load(&certificate->not_after);
        out->taken = atomic_load(&certificate->taken);
        out->refused = atomic_load(&certificate->refused);
    }
}

/* --- a new pair --- */

static enum vr_err take(struct vr_certificate *certificate, const char *file, const char *key,
                        struct vr_why *why)
{
    struct ssl_ctx_st *tls = NULL;
    struct vr_tls_about about = {0};
    enum vr_err err = load(file, key, &tls, &about, why);

    if (err == VR_OK && about.not_after <= (int64_t)time(NULL)) {
        err = vr_fail(why, VR_E_UNPROCESSABLE, "%s: the certificate has run out", file);
        vr_tls_close(tls);
    }
    if (err != VR_OK) {
        atomic_fetch_add(&certificate->refused, 1);
        return err;
    }
    put_in_force(certificate, tls, &about);
    vr_log(VR_LOG_INFO, "a new certificate is in force", VR_S("file", file),
           VR_S("sha256", about.sha256), VR_I("not_after", about.not_after));
    return VR_OK;
}

static void look(struct vr_certificate *certificate)
{
    const struct version now[2] = {version_of(certificate->file), version_of(certificate->key)};
    struct vr_why why = {0};

    if (version_same(&now[0], &certificate->seen[0]) &&
        version_same(&now[1], &certificate->seen[1])) {
        return;
    }
    memcpy(certificate->seen, now, sizeof(now));
    if (take(certificate, certificate->file, certificate->key, &why) != VR_OK) {
        vr_log(VR_LOG_ERROR, "the new certificate is refused, the old one stays",
               VR_S("why", why.text));
    }
}

static void on_quiet(uv_timer_t *timer)
{
    look(VR_OWNER(timer, struct vr_certificate, quiet));
}

static void on_look(uv_timer_t *timer)
{
    look(VR_OWNER(timer, struct vr_certificate, look));
}

static void on_folder(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct vr_certificate *certificate = event->data;

    (void)name;
    (void)events;
    (void)status;
    if (!uv_is_active((uv_handle_t *)&certificate->quiet)) {
        uv_timer_start(&certificate->quiet, on_quiet, QUIET_MS, 0);
    }
}

/* --- watching --- */

static void folders_watch(struct vr_certificate *certificate)
{
    const char *const paths[2] = {certificate->file, certificate->key};
    char copy[PATH_SIZE];

    for (int i = 0; i < 2; i++) {
        int failed = 0;

        snprintf(copy, sizeof(copy), "%s", paths[i]);
        uv_fs_event_stop(&certificate->folder[i]);
        failed = uv_fs_event_start(&certificate->folder[i], on_folder, dirname(copy), 0);
        if (failed != 0) {
            vr_log(VR_LOG_WARN, "the certificate's folder is looked at once a minute only",
                   VR_S("file", paths[i]), VR_S("why", uv_strerror(failed)));
        }
    }
}

void vr_certificate_watch(struct vr_certificate *certificate, struct uv_loop_s *loop)
{
    certificate->loop = loop;
    for (int i = 0; i < 2; i++) {
        uv_fs_event_init(loop, &certificate->folder[i]);
        certificate->folder[i].data = certificate;
    }
    uv_timer_init(loop, &certificate->quiet);
    uv_timer_init(loop, &certificate->look);
    uv_timer_start(&certificate->look, on_look, LOOK_MS, LOOK_MS);
    if (certificate->conf.configured) { /* the data folder never comes to rest */
        folders_watch(certificate);
    }
}

void vr_certificate_unwatch(struct vr_certificate *certificate)
{
    if (certificate->loop == NULL) {
        return;
    }
    certificate->loop = NULL;
    uv_close((uv_handle_t *)&certificate->folder[0], NULL);
    uv_close((uv_handle_t *)&certificate->folder[1], NULL);
    uv_close((uv_handle_t *)&certificate->quiet, NULL);
    uv_close((uv_handle_t *)&certificate->look, NULL);
}

enum vr_err vr_certificate_reload(struct vr_certificate *certificate, const char *file,
                                  const char *key, struct vr_why *why)
{
    const struct version now[2] = {version_of(file), version_of(key)};
    bool others = strcmp(file, certificate->file) != 0 || strcmp(key, certificate->key) != 0;
    bool configured = certificate->conf.configured;
    enum vr_err err = VR_OK;

    if (strlen(file) >= PATH_SIZE || strlen(key) >= PATH_SIZE) {
        return vr_fail(why, VR_E_UNPROCESSABLE, NAME_TOO_LONG);
    }
    certificate->conf.configured = true;
    err = take(certificate, file, key, why);
    if (err != VR_OK) {
        certificate->conf.configured = configured;
        return err;
    }
    memcpy(certificate->seen, now, sizeof(now));
    if (others) {
        snprintf(certificate->file, PATH_SIZE, "%s", file);
        snprintf(certificate->key, PATH_SIZE, "%s", key);
    }
    if (certificate->loop != NULL && (others || !configured)) {
        folders_watch(certificate);
    }
    return VR_OK;
}
