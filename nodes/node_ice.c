/* node_ice.c - the stun: and turn: servers that clients are told, and credentials for them. */
#include <stdio.h>
#include <string.h>

#include "actors/wire/turn.h"
#include "nodes/node_internal.h"

/** The first line of a file. */
static enum vr_err line_read(const char *file, const char *setting, char *out, size_t capacity,
                             struct vr_why *why)
{
    FILE *stream = fopen(file, "re");
    bool good = stream != NULL && fgets(out, (int)capacity, stream) != NULL;

    if (stream != NULL) {
        fclose(stream);
    }
    if (good) {
        out[strcspn(out, "\r\n")] = 0;
    }
    return good && out[0] != 0
               ? VR_OK
               : vr_fail(why, VR_E_NOT_FOUND, "%s %s cannot be read", setting, file);
}

static bool mint(const struct vr_env *env, const char *who, char username[128],
                 char credential[128])
{
    const struct vr_node *node = (const struct vr_node *)env; /* its first member */
    const struct vr_clock *clock = vr_clock_system();
    int64_t expires_s =
        clock->wall(clock->ctx) / VR_SECONDS(1) + (int64_t)node->config->ice_credential_s;

    return vr_turn_credential(vr_bytes_of(node->turn_secret), expires_s, who, username,
                              credential) == VR_OK;
}

enum vr_err node_ice_fill(struct vr_node *node, struct vr_why *why)
{
    const struct vr_config *config = node->config;
    char credential[128] = "";
    enum vr_err err = VR_OK;

    if (config->ice_credential_file[0] != 0) {
        err = line_read(config->ice_credential_file, "ice_credential_file", credential,
                        sizeof(credential), why);
    }
    if (err == VR_OK && config->ice_secret_file[0] != 0) {
        err = line_read(config->ice_secret_file, "ice_secret_file", node->turn_secret,
                        sizeof(node->turn_secret), why);
        node->env.mint = mint;
    }
    for (uint32_t i = 0; err == VR_OK && i < config->ice_urls.count; i++) {
        struct vr_ice_server *server = &node->ice[i];
        bool turn = strncmp(config->ice_urls.item[i], "turn", 4) == 0;

        node_text_put(server->urls, sizeof(server->urls), config->ice_urls.item[i]);
        node_text_put(server->username, sizeof(server->username), turn ? config->ice_username : "");
        node_text_put(server->credential, sizeof(server->credential), turn ? credential : "");
        server->minted = turn && config->ice_secret_file[0] != 0;
        node->env.ice_server_count++;
    }
    explicit_bzero(credential, sizeof(credential));
    return err;
}
