#include "bench/rig/ice.h"

#include <stdio.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define PRIORITY 0x7e0000ffu
#define TIE 0x1122334455667788u

static const uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,        STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                 STUN_ATTRIBUTE_PRIORITY,        STUN_ATTRIBUTE_USE_CANDIDATE,
                                 STUN_ATTRIBUTE_ICE_CONTROLLING, STUN_ATTRIBUTE_ICE_CONTROLLED,
                                 STUN_ATTRIBUTE_FINGERPRINT,     STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
                                 STUN_ATTRIBUTE_ERROR_CODE,      0};

/* One for the process: responses are matched by their member's socket, so no transaction is kept.
 */
static StunAgent agent;

void vr_ice_global_init(void)
{
    stun_agent_init(&agent, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
}

size_t vr_ice_check(const struct vr_ice_names *names, uint8_t *out, size_t capacity)
{
    StunMessage message;
    StunTransactionId id;
    char username[256];
    int length = snprintf(username, sizeof(username), "%s:%s", names->remote_ufrag, names->ufrag);
    size_t size = stun_usage_ice_conncheck_create(
        &agent, &message, out, capacity, (const uint8_t *)username, (size_t)length,
        (const uint8_t *)names->remote_pwd, strlen(names->remote_pwd), names->controlling,
        names->controlling, PRIORITY, TIE, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);

    if (size > 0) {
        stun_message_id(&message, id);
        stun_agent_forget_transaction(&agent, id);
    }
    return size;
}

static bool our_password(StunAgent *of, StunMessage *message, uint8_t *username, uint16_t size,
                         uint8_t **password, size_t *password_size, void *ctx)
{
    const struct vr_ice_names *names = ctx;

    (void)of;
    (void)message;
    (void)username;
    (void)size;
    *password = (uint8_t *)names->pwd;
    *password_size = strlen(names->pwd);
    return true;
}

enum vr_ice_input vr_ice_input(const struct vr_ice_names *names, struct vr_bytes datagram,
                               const struct sockaddr_storage *from, uint8_t *reply,
                               size_t *reply_size)
{
    StunMessage message, answer;
    struct vr_ice_names borrowed = *names;
    bool control = names->controlling;
    uint16_t type;

    if (datagram.size < 20) {
        return VR_ICE_NOTHING;
    }
    type = vr_get16(datagram.data);
    if (type == 0x0101) {
        return VR_ICE_ANSWERED;
    }
    if (type != 0x0001 || stun_agent_validate(&agent, &message, datagram.data, datagram.size,
                                              our_password, &borrowed) != STUN_VALIDATION_SUCCESS) {
        return VR_ICE_NOTHING;
    }
    (void)stun_usage_ice_conncheck_create_reply(&agent, &message, &answer, reply, reply_size, from,
                                                sizeof(struct sockaddr_in), &control, TIE,
                                                STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    return *reply_size > 0 ? VR_ICE_ASKED : VR_ICE_NOTHING;
}
