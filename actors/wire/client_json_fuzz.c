/* Goal: no text makes the clients' codec fail worse than with an error; what it takes lies within
 * the bounds of a command, and every answer to it is JSON. */
#include <jansson.h>

#include "actors/base/assert.h"
#include "actors/wire/client_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_settings(const struct vr_settings *settings)
{
    vr_assert(settings->tag_count <= VR_TAGS_MAX && settings->invited_count <= VR_INVITED_MAX);
    vr_assert(settings->visibility <= VR_PRIVATE && settings->entry <= VR_ENTRY_SPEAKS);
    vr_assert(settings->starts_at_wall >= 0);
    vr_assert((settings->set & VR_SET_TITLE) == 0 || settings->title[0] != 0);
}

static void check_answer(const struct vr_client_msg *msg, enum vr_err err, const struct vr_why *why)
{
    struct vr_answer answer = {.err = err};
    struct vr_buf out = {0};
    json_t *json;

    memcpy(answer.why, why->text, sizeof(answer.why));
    vr_client_answer_write(msg, &answer, NULL, &out);
    json = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    vr_assert(json_is_object(json));
    json_decref(json);
    vr_buf_deinit(&out);
}

static void check(struct vr_client_msg *msg, enum vr_err err, const struct vr_why *why)
{
    vr_assert(err == VR_OK ? why->text[0] == 0 : why->code == err);
    if (err == VR_OK && msg->is_command) {
        vr_assert(msg->command != NULL && msg->command->kind == msg->kind);
        vr_assert(msg->command->text == NULL || msg->command->text->size <= 4096);
        if (msg->command->settings != NULL) {
            check_settings(msg->command->settings);
        }
    }
    check_answer(msg, err, why);
    vr_client_msg_deinit(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum vr_command_kind kinds[] = {VR_CMD_CREATE, VR_CMD_JOIN, VR_CMD_BAN,
                                                 VR_CMD_UNMUTE};
    struct vr_client_msg msg;
    char name[VR_NAME_MAX + 1];
    enum vr_err err;

    {
        struct vr_why why = {0};

        err = vr_client_msg_parse(vr_bytes(data, size), &msg, &why);
        check(&msg, err, &why);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct vr_why why = {0};

        err = vr_client_body_parse(vr_bytes(data, size), kinds[i], &msg, &why);
        check(&msg, err, &why);
    }
    (void)!vr_client_text_parse(vr_bytes(data, size), "name", 1, name, sizeof(name), NULL);
    return 0;
}
