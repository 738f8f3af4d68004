/* ice.c - the list of ICE servers in JSON. */
#include "actors/session/ice.h"

#include "actors/wire/client_json.h"

void vr_ice_server_take(const struct vr_env *env, uint32_t index, const char *who,
                        struct vr_ice_server *out)
{
    *out = env->ice_servers[index];
    if (out->minted &&
        (env->mint == NULL || !env->mint(env, who, out->username, out->credential))) {
        out->username[0] = 0;
        out->credential[0] = 0;
    }
}

void vr_ice_servers_write(const struct vr_env *env, const char *who, struct vr_buf *out)
{
    vr_buf_text(out, "[");
    for (uint32_t i = 0; i < env->ice_server_count; i++) {
        struct vr_ice_server server;

        vr_ice_server_take(env, i, who, &server);
        vr_buf_text(out, i == 0 ? "{\"urls\":[" : ",{\"urls\":[");
        vr_json_text(out, server.urls);
        vr_buf_text(out, "]");
        if (server.username[0] != '\0') {
            vr_buf_text(out, ",\"username\":");
            vr_json_text(out, server.username);
            vr_buf_text(out, ",\"credential\":");
            vr_json_text(out, server.credential);
        }
        vr_buf_text(out, "}");
    }
    vr_buf_text(out, "]");
}
