/* doctor_libraries.c - which versions of the libraries that the node stands on are installed on
 * this machine, and whether one has a hole that we know of. What Debian has mended since is apt's
 * to say. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/ctl/commands.h"
#include "tools/ctl/debian.h"

#define STATUS "/var/lib/dpkg/status"
#define STATUS_MAX (64 << 20)

static const char *const libraries[] = {"libssl3",  "libsrtp2-1", "libnice10",   "libh2o0.13",
                                        "libopus0", "liblmdb0",   "libuv1",      "libzmq5",
                                        "libczmq4", "libcurl4",   "libjansson4", "libsodium23"};

static const struct {
    const char *package;
    const char *mended; /* from this version on */
    const char *what;
} holes[] = {
    {"libssl3", "3.0.22-1~deb12u2",
     "DTLS of strangers reaches it (CVE-2026-84782, CVE-2026-75806): apt upgrade, then restart the "
     "node"},
    {"coturn", "4.9.0",
     "internal addresses by way of IPv4-mapped ones (CVE-2026-27624), unless its file denies "
     "::ffff:0:0-::ffff:ffff:ffff, as docs/examples/turnserver.conf does"},
    {"etcd-server", "3.4.44",
     "its users and roles can be got round (CVE-2026-33413, CVE-2026-33343): let only mutual TLS "
     "on a private network reach it"},
};

static void row(json_t *rows, const char *endpoint, const char *result, const char *detail)
{
    vr_ctl_doctor_row(rows, endpoint, "libraries", result, detail);
}

/** All of it, as text; NULL: this is no Debian. The caller frees it. */
static char *status_read(void)
{
    FILE *file = fopen(STATUS, "re");
    struct vr_buf text = {0};
    char piece[16384];
    size_t size = 0;

    if (file == NULL) {
        return NULL;
    }
    while ((size = fread(piece, 1, sizeof(piece), file)) > 0 && text.size < STATUS_MAX) {
        vr_buf_append(&text, piece, size);
    }
    fclose(file);
    vr_buf_append(&text, "", 1);
    if (text.failed) {
        vr_buf_deinit(&text);
        return NULL;
    }
    return (char *)text.data;
}

static size_t holes_tell(json_t *rows, const char *endpoint, const char *status)
{
    char version[128];
    char detail[480];
    size_t found = 0;

    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        if (vr_debian_version(status, holes[i].package, version, sizeof(version)) &&
            vr_debian_compare(version, holes[i].mended) < 0) {
            snprintf(detail, sizeof(detail), "%s %s: %s", holes[i].package, version, holes[i].what);
            row(rows, endpoint, "warn", detail);
            found++;
        }
    }
    return found;
}

void vr_ctl_doctor_libraries(json_t *rows, const char *endpoint)
{
    char *status = status_read();
    struct vr_buf list = {0};
    char version[128];

    if (status == NULL) {
        row(rows, endpoint, "ok", "this machine has no dpkg to ask for them");
        return;
    }
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (vr_debian_version(status, libraries[i], version, sizeof(version))) {
            vr_buf_printf(&list, "%s%s %s", list.size == 0 ? "" : ", ", libraries[i], version);
        }
    }
    vr_buf_text(&list, holes_tell(rows, endpoint, status) == 0 ? ": none with a hole known to us"
                                                               : ": see the lines above");
    vr_buf_append(&list, "", 1);
    row(rows, endpoint, "ok", list.failed ? "" : (const char *)list.data);
    vr_buf_deinit(&list);
    free(status);
}
