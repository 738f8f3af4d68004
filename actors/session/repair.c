/* repair.c - asks the client to mend its media: the shard has found that sound goes one way only.
 *
 * Only the client can: an ICE-lite server starts no checks, and only an offer makes a new
 * transport. Who has no WebSocket (WHIP, WHEP) can't be asked. */
#include "actors/session/session_internal.h"

#include "actors/base/log.h"

static void tell(struct session *session, const char *act, const char *why)
{
    char room[VR_ID_TEXT];
    struct vr_buf text = {0};
    struct vr_blob *blob = NULL;

    vr_buf_printf(&text,
                  "{\"type\":\"session:repair\",\"act\":\"%s\",\"reason\":\"%s\",\"room\":\"%s\","
                  "\"epoch\":%llu,\"sequence\":%llu}",
                  act, why, vr_id_format(session->room, room), (unsigned long long)session->epoch,
                  (unsigned long long)session->sequence);
    blob = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (blob != NULL) {
        session_send(session, blob);
        vr_blob_release(blob);
    }
}

void session_repair(struct session *session, struct vr_id peer, enum vr_repair_act act,
                    uint8_t verdict)
{
    const char *word = vr_repair_name(act);
    const char *why = vr_hearing_name((enum vr_hearing_verdict)verdict);
    char room[VR_ID_TEXT];
    char id[VR_ID_TEXT];

    /* A transport that was closed meanwhile needs no repair, and one that is being replaced has it.
     */
    if (act == VR_REPAIR_NONE || session_peer_find(session, peer) == NULL || session->joining) {
        return;
    }
    vr_log(VR_LOG_INFO, "sound goes one way: the client is asked to repair it",
           VR_S("room", vr_id_format(session->room, room)),
           VR_S("session", vr_id_format(session->id, id)), VR_S("act", word), VR_S("why", why),
           VR_S("socket", session->socket == NULL ? "none" : "there"));
    tell(session, word, why);
}
