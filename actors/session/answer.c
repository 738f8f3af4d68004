/* answer.c - the join answer as JSON (docs/protocol.md, "Join answer") and the resume token in it.
 */
#include "actors/session/ice.h"
#include "actors/session/session_internal.h"

#include "actors/wire/resume.h"

_Static_assert(VR_RESUME_TEXT == 288, "the size in session_internal.h");

enum vr_err session_resume_token(const struct session *session, char out[288])
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(session->worker));
    struct vr_resume resume = {
        .room = session->room,
        .session = session->id,
        .user_ref_hint = session->user_hint,
        .token_ref = session->token_ref,
        .participant = session->who.participant,
        .generation = session->who.generation,
        .role = session->role,
        .expires_at_s = clock->wall(clock->ctx) / 1000000 + RESUME_VALID_S,
    };

    return vr_resume_write(&resume, session->env->resume_key, out);
}

/* The other nodes of the cluster, as they are now. */
static void write_others(struct vr_buf *out, const struct vr_session_services *services,
                         uint32_t before)
{
    char urls[VR_NODE_URLS_MAX][256];
    uint32_t count = services->nodes == NULL ? 0 : services->nodes(services->ctx, urls);

    for (uint32_t i = 0; i < count; i++) {
        vr_buf_text(out, before + i == 0 ? "" : ",");
        vr_json_text(out, urls[i]);
    }
}

static void write_texts(struct vr_buf *out, const struct vr_env *env)
{
    vr_buf_text(out, ",\"nodes\":[");
    for (uint32_t i = 0; i < env->node_url_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        vr_json_text(out, env->node_urls[i]);
    }
    write_others(out, env->session_services, env->node_url_count);
    /* A client that came by one of them has no need to try the others. */
    vr_buf_printf(out, "],\"own_nodes\":%u", env->node_url_count);
}

/* What became of the transport, so that a client whose socket alone broke leaves it alone. */
static const char *media_word(const struct session *session, const struct join_answer *answer)
{
    return answer->sdp != NULL ? "new" : session_has_peer(session) ? "kept" : "gone";
}

static void write_media(struct vr_buf *out, const struct session *session,
                        const struct join_answer *answer)
{
    const struct vr_peer_conf *peer = &session->media;

    vr_buf_text(out, ",\"slots\":[");
    for (uint32_t i = 0; i < peer->slot_count; i++) {
        vr_buf_text(out, i == 0 ? "{\"mid\":" : ",{\"mid\":");
        vr_json_text(out, peer->slot_mid[i]);
        vr_buf_printf(out, ",\"ssrc\":%u}", VR_SLOT_SSRC + i);
    }
    vr_buf_text(out, "],\"capabilities\":[");
    if (peer->red_pt != VR_PT_NONE && peer->red_receive) {
        vr_buf_text(out, "\"red\"");
    }
    vr_buf_printf(out, "],\"media\":\"%s\"", media_word(session, answer));
    if (answer->sdp != NULL) {
        vr_buf_text(out, ",\"sdp\":");
        vr_json_text(out, vr_blob_text(answer->sdp));
    }
}

struct vr_blob *session_answer_json(const struct session *session, const struct join_answer *answer)
{
    const struct vr_env *env = session->env;
    const struct vr_answer *room = answer->room;
    struct vr_buf out = {0};
    struct vr_blob *blob = NULL;
    char id[VR_ID_TEXT];

    vr_buf_text(&out, "{\"protocol\":1,\"node\":");
    vr_json_text(&out, env->node);
    write_texts(&out, env);
    vr_buf_printf(&out,
                  ",\"epoch\":%llu,\"sequence\":%llu,\"digest\":\"%016llx\",\"session\":\"%s\","
                  "\"generation\":%u,\"participant\":%u,\"role\":\"%s\",\"resume_token\":",
                  (unsigned long long)room->epoch, (unsigned long long)room->sequence,
                  (unsigned long long)room->digest, vr_id_format(session->id, id),
                  session->who.generation, session->who.participant, vr_role_name(session->role));
    vr_json_text(&out, answer->resume_token);
    vr_buf_text(&out, ",\"ice_servers\":");
    vr_ice_servers_write(env, id, &out);
    write_media(&out, session, answer);
    vr_buf_text(&out, ",\"state\":");
    vr_buf_text(&out, room->body == NULL ? "null" : vr_blob_text(room->body));
    vr_buf_text(&out, "}");
    if (!out.failed) {
        blob = vr_blob_new(vr_buf_bytes(&out));
    }
    vr_buf_deinit(&out);
    return blob;
}
