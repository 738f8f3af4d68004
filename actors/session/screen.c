/* screen.c - names and chat through the node's word filter, before a room hears of them. */
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

enum vr_err session_screen_name(const struct vr_session_services *services,
                                struct vr_actor_identity *who, struct vr_why *why)
{
    struct vr_buf masked = {0};
    enum vr_err err = session_screen(services, "name", who->name, &masked, why);

    /* A "*" is never longer than what it stands for. */
    if (err == VR_OK && masked.size > 0 && masked.size < sizeof(who->name)) {
        memcpy(who->name, masked.data, masked.size);
        who->name[masked.size] = 0;
    }
    vr_buf_deinit(&masked);
    return err;
}

enum vr_err session_screen_chat(const struct vr_session_services *services,
                                struct vr_command *command, struct vr_why *why)
{
    struct vr_buf masked = {0};
    struct vr_blob *text = NULL;
    enum vr_err err = VR_OK;

    if (command->kind != VR_CMD_CHAT || command->text == NULL) {
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
