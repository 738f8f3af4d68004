/* routes_docs.c - the contract, served by the program that keeps it: /v1/openapi.yaml,
 * /v1/asyncapi.yaml as they lie in the docs folder, /openapi.json made from the first.
 *
 * Read at each request: rare, small, and an installed file may be replaced under a running node. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/routes.h"
#include "nodes/yaml_json.h"

#define DOCUMENT_MAX 1048576u

/** The file beside the program: build/release/nodes/voiceroomd and /usr/bin/voiceroomd both know
 * where docs are. */
static FILE *open_near_program(const char *name)
{
    static const char *const near[] = {"../../../docs", "../share/voicerooms/docs", "docs"};
    char program[PATH_MAX];
    char path[PATH_MAX + 128];
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash = NULL;
    FILE *file = NULL;

    if (size <= 0) {
        return NULL;
    }
    program[size] = '\0';
    slash = strrchr(program, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = '\0';
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]) && file == NULL; i++) {
        snprintf(path, sizeof(path), "%s/%s/%s", program, near[i], name);
        file = fopen(path, "rb");
    }
    return file;
}

static bool read_document(struct vr_node *node, const char *name, struct vr_buf *out)
{
    const struct vr_config *config = vr_node_config(node);
    char chunk[8192];
    char path[PATH_MAX];
    size_t size = 0;
    FILE *file = NULL;

    if (config != NULL && config->docs != NULL && config->docs[0] != '\0') {
        snprintf(path, sizeof(path), "%s/%s", config->docs, name);
        file = fopen(path, "rb");
    } else {
        file = open_near_program(name);
    }
    if (file == NULL) {
        return false;
    }
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0 && out->size < DOCUMENT_MAX) {
        vr_buf_append(out, chunk, size);
    }
    fclose(file);
    return !out->failed && out->size > 0;
}

static void answer_yaml(struct vr_http_request *request, const char *name)
{
    struct vr_buf text = {0};

    if (read_document(request->node, name, &text)) {
        vr_http_answer(request, 200, "application/yaml; charset=utf-8", vr_buf_bytes(&text));
    } else {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "this document is not installed");
    }
    vr_buf_deinit(&text);
}

void vr_route_openapi_yaml(struct vr_http_request *request)
{
    answer_yaml(request, "openapi.yaml");
}

void vr_route_asyncapi_yaml(struct vr_http_request *request)
{
    answer_yaml(request, "asyncapi.yaml");
}

void vr_route_openapi_json(struct vr_http_request *request)
{
    struct vr_buf text = {0};
    struct vr_buf json = {0};

    if (!read_document(request->node, "openapi.yaml", &text)) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "this document is not installed");
    } else if (vr_yaml_to_json(vr_buf_bytes(&text), &json) != VR_OK) {
        vr_http_answer_problem(request, VR_E_DAMAGED, "this document cannot be read");
    } else {
        vr_http_answer_json(request, 200, vr_buf_bytes(&json));
    }
    vr_buf_deinit(&text);
    vr_buf_deinit(&json);
}
