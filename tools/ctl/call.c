/* call.c - one request of a command: question, --dry-run, --curl, sending. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "actors/base/ids.h"
#include "actors/base/random.h"
#include "tools/ctl/ctl.h"

void vr_ctl_encode(struct vr_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL) {
            vr_buf_append(out, text, 1);
        } else {
            vr_buf_printf(out, "%%%02X", (unsigned char)*text);
        }
    }
}

static void build_path(struct vr_buf *out, const struct vr_ctl_request *request, const char *path)
{
    size_t arg = 0;

    for (; *path != '\0'; path++) {
        if (*path == '%' && arg < sizeof(request->args) / sizeof(request->args[0]) &&
            request->args[arg] != NULL) {
            vr_ctl_encode(out, request->args[arg++]);
        } else {
            vr_buf_append(out, path, 1);
        }
    }
    if (request->query != NULL) {
        vr_buf_text(out, request->query);
    }
    vr_buf_append(out, "", 1);
}

/** Within single quotes of a shell. */
static void quoted(struct vr_buf *out, const char *text)
{
    vr_buf_text(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            vr_buf_text(out, "'\\''");
        } else {
            vr_buf_append(out, text, 1);
        }
    }
    vr_buf_text(out, "'");
}

/** The request as a line for a shell; the token stands there as a variable. */
static void print_curl(const struct vr_ctl *ctl, const struct vr_ctl_send *send)
{
    struct vr_buf line = {0};
    struct vr_buf url = {0};

    vr_buf_printf(&line, "curl -X %s", send->method);
    if (send->token[0] != '\0') {
        vr_buf_text(&line, " -H \"Authorization: Bearer $VOICEROOM_TOKEN\"");
    }
    if (send->if_match != NULL) {
        vr_buf_text(&line, " -H ");
        vr_buf_printf(&url, "If-Match: %s", send->if_match);
        vr_buf_append(&url, "", 1);
        quoted(&line, url.failed ? "" : (const char *)url.data);
        url.size = 0;
    }
    if (send->body != NULL) {
        vr_buf_text(&line, send->yaml ? " -H 'Content-Type: application/yaml' --data-binary "
                                      : " -H 'Content-Type: application/json' -d ");
        quoted(&line, send->body);
    }
    if (ctl->settings.ca_file[0] != '\0') {
        vr_buf_text(&line, " --cacert ");
        quoted(&line, ctl->settings.ca_file);
    }
    vr_buf_printf(&url, "%s%s", ctl->settings.endpoints[0], send->path);
    vr_buf_append(&url, "", 1);
    vr_buf_text(&line, " ");
    quoted(&line, url.failed ? "" : (const char *)url.data);
    vr_buf_text(&line, "\n");
    fwrite(line.data, 1, line.size, stdout);
    vr_buf_deinit(&line);
    vr_buf_deinit(&url);
}

static enum vr_ctl_exit send_it(struct vr_ctl *ctl, const struct vr_ctl_send *send, bool quiet,
                                json_t **answer)
{
    struct vr_ctl_reply reply = {0};
    struct vr_why why = {0};
    enum vr_ctl_exit code = vr_ctl_http_send(ctl->http, send, &reply, &why);

    if (code != VR_CTL_OK) {
        (void)vr_ctl_fail(ctl, code, "%s", why.text);
        vr_ctl_say(ctl, "  to do:   %s",
                   code == VR_CTL_TIMEOUT
                       ? "raise --timeout; whether the node has acted is not known"
                       : "see whether the node runs there ('voiceroomctl doctor'), or name another "
                         "--endpoint");
    } else if (reply.status < 200 || reply.status >= 300) {
        code = quiet ? vr_ctl_exit_of(reply.status) : vr_ctl_explain(ctl, &reply);
    } else if (answer != NULL && reply.body.size > 0) {
        *answer = json_loads((const char *)reply.body.data, JSON_DECODE_ANY, NULL);
        if (*answer == NULL) {
            code = vr_ctl_fail(ctl, VR_CTL_ERROR,
                               "%s answered no JSON: is it a node of Voicerooms?", reply.endpoint);
        }
    }
    vr_buf_deinit(&reply.body);
    return code;
}

static void warn_of_clear_token(struct vr_ctl *ctl)
{
    for (size_t i = 0; i < ctl->settings.endpoint_count && !ctl->warned; i++) {
        const char *endpoint = ctl->settings.endpoints[i];

        if (strncmp(endpoint, "https://", 8) != 0 && !vr_ctl_is_local(endpoint)) {
            vr_ctl_say(ctl, "warning: the token goes to %s unencrypted; use https", endpoint);
            ctl->warned = true;
        }
    }
}

/** Show what the act is about; a target that does not exist ends it here. */
static enum vr_ctl_exit look_at_target(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                                       const char *token, json_t **target)
{
    struct vr_buf path = {0};
    struct vr_ctl_request look = *request;
    struct vr_ctl_send send = {.method = "GET", .token = token};
    enum vr_ctl_exit code = VR_CTL_OK;

    if (request->target == NULL) {
        return VR_CTL_OK;
    }
    look.query = NULL;
    build_path(&path, &look, request->target);
    send.path = (const char *)path.data;
    code = path.failed ? VR_CTL_ERROR : send_it(ctl, &send, false, target);
    vr_buf_deinit(&path);
    return code;
}

static enum vr_ctl_exit confirm(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                                const char *token)
{
    json_t *target = NULL;
    char line[16] = "";
    struct vr_buf name = {0};
    enum vr_ctl_exit code = VR_CTL_OK;

    if (!isatty(STDIN_FILENO)) {
        return vr_ctl_fail(
            ctl, VR_CTL_USAGE,
            "this cannot be undone; repeat it with --yes (or try it with --dry-run)");
    }
    code = look_at_target(ctl, request, token, &target);
    if (code == VR_CTL_OK) {
        vr_ctl_cell(&name,
                    request->target == NULL ? NULL : vr_ctl_at(target, request->target_path));
        vr_buf_append(&name, "", 1);
        fprintf(stderr, "%s (%s) [y/N] ", request->question,
                request->target == NULL ? request->args[0] : (const char *)name.data);
        if (fgets(line, sizeof(line), stdin) == NULL ||
            (strcasecmp(line, "y\n") != 0 && strcasecmp(line, "yes\n") != 0)) {
            code = vr_ctl_fail(ctl, VR_CTL_ERROR, "not done");
        }
    }
    vr_buf_deinit(&name);
    json_decref(target);
    return code;
}

static enum vr_ctl_exit dry_run(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                                const struct vr_ctl_send *send)
{
    json_t *target = NULL;
    enum vr_ctl_exit code = look_at_target(ctl, request, send->token, &target);

    json_decref(target);
    if (code != VR_CTL_OK) {
        return code;
    }
    vr_ctl_say(ctl, "dry run: nothing is changed; it would be %s %s%s%s", send->method, send->path,
               send->body == NULL ? "" : " ", send->body == NULL ? "" : send->body);
    return VR_CTL_NOT_SENT;
}

/** What stands before sending: --curl, --dry-run, the question. */
static enum vr_ctl_exit may_send(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                                 const struct vr_ctl_send *send)
{
    unsigned traits = ctl->line->command->traits;

    if (vr_ctl_given(ctl->line, "curl")) {
        print_curl(ctl, send);
        return VR_CTL_NOT_SENT;
    }
    if (request->reads) {
        return VR_CTL_OK;
    }
    if ((traits & VR_CTL_CHANGES) != 0 && vr_ctl_given(ctl->line, "dry-run")) {
        return dry_run(ctl, request, send);
    }
    if ((traits & VR_CTL_DESTROYS) != 0 && !vr_ctl_given(ctl->line, "yes")) {
        return confirm(ctl, request, send->token);
    }
    return VR_CTL_OK;
}

enum vr_ctl_exit vr_ctl_call(struct vr_ctl *ctl, const struct vr_ctl_request *request,
                             json_t **answer)
{
    struct vr_buf path = {0};
    char key[VR_ID_TEXT];
    struct vr_ctl_send send = {.method = request->method, .if_match = request->if_match};
    char *body = request->body == NULL ? NULL : json_dumps(request->body, JSON_COMPACT);
    enum vr_ctl_exit code = vr_ctl_token(ctl, &send.token);

    build_path(&path, request, request->path);
    send.path = path.failed ? "/" : (const char *)path.data;
    send.body = request->yaml != NULL ? request->yaml : body;
    send.yaml = request->yaml != NULL;
    if (request->idempotent) {
        send.idempotency_key = vr_id_format(vr_random_id(vr_random_system()), key);
    }
    if (code == VR_CTL_OK) {
        code = may_send(ctl, request, &send);
    }
    if (code == VR_CTL_OK) {
        if (send.token[0] != '\0') {
            warn_of_clear_token(ctl);
        }
        code = send_it(ctl, &send, request->quiet, answer);
    }
    free(body);
    vr_buf_deinit(&path);
    return code;
}

enum vr_ctl_exit vr_ctl_get(struct vr_ctl *ctl, const char *path, const char *arg, json_t **answer)
{
    struct vr_ctl_request request = {.method = "GET", .path = path, .args = {arg}};

    return vr_ctl_call(ctl, &request, answer);
}

enum vr_ctl_exit vr_ctl_print(struct vr_ctl *ctl, const json_t *value,
                              const struct vr_ctl_shape *shape)
{
    struct vr_buf out = {0};
    enum vr_ctl_exit code = VR_CTL_OK;

    vr_ctl_write(&out, ctl->format, value, shape, ctl->colour);
    if (out.failed || fwrite(out.data, 1, out.size, stdout) != out.size || fflush(stdout) != 0) {
        code = vr_ctl_fail(ctl, VR_CTL_ERROR, "the output could not be written");
    }
    vr_buf_deinit(&out);
    return code;
}

enum vr_ctl_exit vr_ctl_show(struct vr_ctl *ctl, const char *path, const char *list,
                             const struct vr_ctl_shape *shape)
{
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_get(ctl, path, vr_ctl_arg(ctl, 0), &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, list == NULL ? answer : json_object_get(answer, list), shape);
    }
    json_decref(answer);
    return code;
}
