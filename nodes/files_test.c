/* files_test.c - goal: only what lies in the folder is served, in the form that fits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/files.h"

static char folder[] = "/tmp/voiceroom-files-XXXXXX";
static const char *const names[] = {"/index.html", "/assets/app-1.js", "/assets/app-1.js.br",
                                    "/.secret"};

static int start(void **state)
{
    char path[200];

    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/assets", folder);
    mkdir(path, 0700);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FILE *stream = NULL;

        snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        stream = fopen(path, "w");
        if (stream == NULL) {
            return -1;
        }
        fputs(names[i], stream);
        fclose(stream);
    }
    return 0;
}

static int stop(void **state)
{
    char path[200];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/assets", folder);
    rmdir(path);
    return rmdir(folder);
}

static const char *found(const struct vr_files *files, const char *path)
{
    const struct vr_file *file = vr_files_find(files, vr_bytes_of(path));

    return file == NULL ? "" : file->path;
}

static void paths_lead_to_files_or_the_page(void **state)
{
    struct vr_files *files = NULL;
    const struct vr_file *script = NULL;

    (void)state;
    assert_int_equal(vr_files_load(folder, &files, NULL), VR_OK);
    assert_string_equal(found(files, "/"), "/index.html");
    assert_string_equal(found(files, "/rooms/abc"),
                        "/index.html"); /* the application's own routes */
    assert_string_equal(found(files, "/assets/app-2.js"), "");
    assert_string_equal(found(files, "/.secret"), "");
    assert_string_equal(found(files, "/../../etc/passwd.txt"), "");
    assert_string_equal(found(files, "/assets/../index.html"), "");
    script = vr_files_find(files, vr_bytes_of("/assets/app-1.js"));
    assert_non_null(script);
    assert_true(script->hashed);
    assert_non_null(script->brotli);
    assert_null(script->gzip);
    assert_string_equal(vr_blob_text(script->brotli), "/assets/app-1.js.br");
    assert_string_equal(script->type, "text/javascript; charset=utf-8");
    vr_files_free(files);
}

static void a_folder_without_a_page_is_refused(void **state)
{
    struct vr_files *files = NULL;
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(vr_files_load("/nonexistent", &files, &why), VR_E_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nonexistent"));
    assert_null(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_files_or_the_page),
        cmocka_unit_test(a_folder_without_a_page_is_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
