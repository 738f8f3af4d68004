/* screen.c - names, chat, and what a room is called through the node's word filter, before a room
 * hears of them. */
#include "actors/session/session_internal.h"

enum vr_err session_screen(const struct vr_session_services *services, const char *what,
                           const char *text, struct vr_buf *masked, struct vr_why *why)
{
    enum vr_screened screened = services->screen == NULL || text[0] == 0
                                    ? VR_SCREEN_FINE
                                    : services->screen(services->ctx, text, masked);

    if (screened == VR_SCREEN_REFUSED) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: has a word that is not allowed here", what);
    }
    return masked->failed ? vr_fail(why, VR_E_NO_MEMORY, "memory is out") : VR_OK;
}

/* In its place: a "*" is never longer than what it stands for. */
static enum vr_err screen_field(const struct vr_session_services *services, const char *what,
                                char *field, size_t size, struct vr_why *why)
{
    struct vr_buf masked = {0};
    enum vr_err err = session_screen(services, what, field, &masked, why);

    if (err == VR_OK && masked.size > 0 && masked.size < size) {
        memcpy(field, masked.data, masked.size);
        field[masked.size] = 0;
    }
    vr_buf_deinit(&masked);
    return err;
}

enum vr_err session_screen_name(const struct vr_session_services *services,
                                struct vr_actor_identity *who, struct vr_why *why)
{
    return screen_field(services, "name", who->name, sizeof(who->name), why);
}

static enum vr_err screen_settings(const struct vr_session_services *services,
                                   struct vr_settings *settings, struct vr_why *why)
{
    enum vr_err err =
        screen_field(services, "title", settings->title, sizeof(settings->title), why);

    if (err == VR_OK) {
        err = screen_field(services, "topic", settings->topic, sizeof(settings->topic), why);
    }
    if (err == VR_OK) {
        err = screen_field(services, "description", settings->description,
                           sizeof(settings->description), why);
    }
    for (uint32_t i = 0; err == VR_OK && i < settings->tag_count; i++) {
        err = screen_field(services, "tags", settings->tags[i], sizeof(settings->tags[i]), why);
    }
    return err;
}

static enum vr_err screen_chat(const struct vr_session_services *services,
                               struct vr_command *command, struct vr_why *why)
{
    struct vr_buf masked = {0};
    struct vr_blob *text = NULL;
    enum vr_err err = VR_OK;

    if (command->text == NULL) {
        return VR_OK;
    }
    err = session_screen(services, "text", vr_blob_text(command->text), &masked, why);
    if (err == VR_OK && masked.size > 0) {
        text = vr_blob_new(vr_buf_bytes(&masked));
        err = text == NULL ? vr_fail(why, VR_E_NO_MEMORY, "memory is out") : VR_OK;
    }
    if (text != NULL) {
        vr_blob_release(command->text);
        command->text = text;
    }
    vr_buf_deinit(&masked);
    return err;
}

enum vr_err vr_session_screen(const struct vr_session_services *services,
                              struct vr_command *command, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    if (command->kind == VR_CMD_CHAT) {
        return screen_chat(services, command, why);
    }
    if ((command->kind != VR_CMD_CREATE && command->kind != VR_CMD_UPDATE) ||
        command->settings == NULL) {
        return VR_OK;
    }
    if (command->kind == VR_CMD_CREATE) { /* he is its host, and named before he comes in */
        err = session_screen_name(services, &command->by, why);
    }
    return err == VR_OK ? screen_settings(services, command->settings, why) : err;
}
