#include "bench/drivers/janus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actors/base/clock.h"

#define PENDING 65536
#define MESSAGE_MAX 262144

struct pending {
    vr_janus_answer answer;
    void *ctx;
};

struct vr_janus {
    int fd;
    uint64_t session, create_handle;
    uint32_t next;
    const char *plugin;
    struct pending pending[PENDING];
    char text[MESSAGE_MAX];
};

static void request(struct vr_janus *janus, json_t *message, vr_janus_answer answer, void *ctx)
{
    uint32_t id = janus->next++ % PENDING;
    char transaction[16];
    char *text;

    janus->pending[id] = (struct pending){answer, ctx};
    snprintf(transaction, sizeof(transaction), "%u", id);
    json_object_set_new(message, "transaction", json_string(transaction));
    if (janus->session != 0) {
        json_object_set_new(message, "session_id", json_integer((json_int_t)janus->session));
    }
    text = json_dumps(message, JSON_COMPACT);
    if (text == NULL || send(janus->fd, text, strlen(text), 0) < 0) {
        perror("voiceroom-bench: janus");
        janus->pending[id].answer = NULL;
        answer(ctx, NULL);
    }
    free(text);
    json_decref(message);
}

static void dispatch(struct vr_janus *janus, json_t *message)
{
    const char *kind = json_string_value(json_object_get(message, "janus"));
    const char *transaction = json_string_value(json_object_get(message, "transaction"));
    json_t *error = json_object_get(vr_janus_data(message), "error");
    struct pending *pending;
    vr_janus_answer answer;
    bool bad;

    if (kind == NULL || transaction == NULL || strcmp(kind, "ack") == 0) {
        return;
    }
    pending = &janus->pending[strtoul(transaction, NULL, 10) % PENDING];
    answer = pending->answer;
    if (answer == NULL) {
        return;
    }
    pending->answer = NULL;
    bad = strcmp(kind, "error") == 0 || error != NULL;
    if (bad) {
        char *text = json_dumps(message, JSON_COMPACT);
        fprintf(stderr, "voiceroom-bench: janus: %s\n", text);
        free(text);
    }
    answer(pending->ctx, bad ? NULL : message);
}

void vr_janus_turn(struct vr_janus *janus)
{
    for (;;) {
        ssize_t size = recv(janus->fd, janus->text, sizeof(janus->text), MSG_DONTWAIT);
        json_t *message;

        if (size <= 0) {
            return;
        }
        message = json_loadb(janus->text, (size_t)size, JSON_DISABLE_EOF_CHECK, NULL);
        dispatch(janus, message);
        json_decref(message);
    }
}

struct wait {
    bool done;
    uint64_t id;
};

static void on_id(void *ctx, json_t *answer)
{
    struct wait *wait = ctx;

    wait->done = true;
    wait->id = vr_janus_id(answer);
}

static bool await(struct vr_janus *janus, const struct wait *wait)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us end = clock->now(clock->ctx) + VR_SECONDS(10);

    while (!wait->done && clock->now(clock->ctx) < end) {
        usleep(1000);
        vr_janus_turn(janus);
    }
    return wait->done;
}

struct vr_janus *vr_janus_open(const char *path, const char *plugin)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct vr_janus *janus = calloc(1, sizeof(*janus));
    struct wait wait = {0};

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    if (janus == NULL) {
        return NULL;
    }
    janus->plugin = plugin;
    janus->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (janus->fd < 0 || connect(janus->fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
        perror(path);
        vr_janus_close(janus);
        return NULL;
    }
    request(janus, json_pack("{s:s}", "janus", "create"), on_id, &wait);
    if (!await(janus, &wait) || wait.id == 0) {
        vr_janus_close(janus);
        return NULL;
    }
    janus->session = wait.id;
    wait = (struct wait){0};
    vr_janus_attach(janus, on_id, &wait);
    if (!await(janus, &wait) || wait.id == 0) {
        vr_janus_close(janus);
        return NULL;
    }
    janus->create_handle = wait.id;
    return janus;
}

void vr_janus_close(struct vr_janus *janus)
{
    if (janus != NULL) {
        if (janus->fd >= 0) {
            close(janus->fd);
        }
        free(janus);
    }
}

void vr_janus_attach(struct vr_janus *janus, vr_janus_answer answer, void *ctx)
{
    request(janus, json_pack("{s:s,s:s}", "janus", "attach", "plugin", janus->plugin), answer, ctx);
}

void vr_janus_message(struct vr_janus *janus, uint64_t handle, json_t *body, json_t *jsep,
                      vr_janus_answer answer, void *ctx)
{
    json_t *message = json_pack("{s:s,s:I,s:o}", "janus", "message", "handle_id",
                                (json_int_t)handle, "body", body);

    if (jsep != NULL) {
        json_object_set_new(message, "jsep", jsep);
    }
    request(janus, message, answer, ctx);
}

static void on_created(void *ctx, json_t *answer)
{
    struct wait *wait = ctx;

    wait->done = true;
    wait->id = answer != NULL;
}

bool vr_janus_create(struct vr_janus *janus, json_t *body)
{
    struct wait wait = {0};

    vr_janus_message(janus, janus->create_handle, body, NULL, on_created, &wait);
    return await(janus, &wait) && wait.id != 0;
}

uint64_t vr_janus_id(const json_t *answer)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(answer, "data"), "id"));
}

const char *vr_janus_sdp(const json_t *answer)
{
    return json_string_value(json_object_get(json_object_get(answer, "jsep"), "sdp"));
}

json_t *vr_janus_data(const json_t *answer)
{
    return json_object_get(json_object_get(answer, "plugindata"), "data");
}

json_t *vr_janus_jsep(const char *type, const char *sdp)
{
    return json_pack("{s:s,s:s}", "type", type, "sdp", sdp);
}
