/* stun.c - libnice's STUN library at home. */
#include "actors/media/stun.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

struct vr_stun {
    StunAgent agent;
    vr_stun_lookup_fn lookup;
    void *ctx;
};

static const uint16_t known_attributes[] = {
    STUN_ATTRIBUTE_USERNAME,        STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
    STUN_ATTRIBUTE_PRIORITY,        STUN_ATTRIBUTE_USE_CANDIDATE,
    STUN_ATTRIBUTE_ICE_CONTROLLING, STUN_ATTRIBUTE_ICE_CONTROLLED,
    STUN_ATTRIBUTE_FINGERPRINT,     STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
    STUN_ATTRIBUTE_ERROR_CODE,      0};

enum vr_err vr_stun_new(struct vr_stun **out)
{
    struct vr_stun *stun = calloc(1, sizeof *stun);

    *out = stun;
    if (stun == NULL) {
        return VR_E_NO_MEMORY;
    }
    stun_agent_init(&stun->agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    return VR_OK;
}

void vr_stun_free(struct vr_stun *stun)
{
    free(stun);
}

/* The library asks for the password of USERNAME, "ours:theirs" in a request to us (RFC
 * 8445, 7.2.2). */
static bool find_password(StunAgent *agent, StunMessage *message, uint8_t *username, uint16_t size,
                          uint8_t **password, size_t *password_size, void *user_data)
{
    struct vr_stun *stun = user_data;
    const uint8_t *colon = username == NULL ? NULL : memchr(username, ':', size);
    struct vr_bytes found = {NULL, 0};

    (void)agent;
    (void)message;
    if (colon == NULL ||
        !stun->lookup(stun->ctx, vr_bytes(username, (size_t)(colon - username)), &found)) {
        return false;
    }
    *password = (uint8_t *)found.data; /* the library reads it only */
    *password_size = found.size;
    return true;
}

static socklen_t address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

enum vr_stun_verdict vr_stun_input(struct vr_stun *stun, struct vr_bytes datagram,
                                   const struct sockaddr_storage *from, vr_stun_lookup_fn lookup,
                                   void *ctx, struct vr_stun_check *out)
{
    StunMessage request;
    StunMessage reply;
    bool controlling =
        false; /* ICE-lite: controlled for good. With tie 0 a conflict is answered 487. */
    StunUsageIceReturn answered;

    stun->lookup = lookup;
    stun->ctx = ctx;
    out->reply_size = 0;
    out->use_candidate = false;
    if (datagram.size < 20 || datagram.size > 1500 || datagram.data[0] != 0 ||
        datagram.data[1] != 1) {
        return VR_STUN_IGNORED; /* a Binding request and nothing else (RFC 8489, 5) */
    }
    if (stun_agent_validate(&stun->agent, &request, datagram.data, datagram.size, find_password,
                            stun) != STUN_VALIDATION_SUCCESS ||
        !stun_message_has_attribute(&request, STUN_ATTRIBUTE_MESSAGE_INTEGRITY) ||
        !stun_message_has_attribute(&request, STUN_ATTRIBUTE_FINGERPRINT)) {
        return VR_STUN_IGNORED;
    }
    out->reply_size = sizeof out->reply;
    answered = stun_usage_ice_conncheck_create_reply(
        &stun->agent, &request, &reply, out->reply, &out->reply_size, from, address_size(from),
        &controlling, 0, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
    if (answered == STUN_USAGE_ICE_RETURN_ROLE_CONFLICT) {
        return out->reply_size > 0 ? VR_STUN_CONFLICT : VR_STUN_IGNORED;
    }
    if (answered != STUN_USAGE_ICE_RETURN_SUCCESS || out->reply_size == 0) {
        out->reply_size = 0;
        return VR_STUN_IGNORED;
    }
    out->use_candidate = stun_usage_ice_conncheck_use_candidate(&request);
    return VR_STUN_CHECK;
}

size_t vr_stun_ask(struct vr_stun *stun, const struct vr_stun_question *question,
                   uint8_t out[VR_STUN_REPLY_MAX])
{
    StunMessage message;
    StunTransactionId id; /* with the cookie before it */
    size_t size;

    if (!stun_agent_init_request(&stun->agent, &message, out, VR_STUN_REPLY_MAX, STUN_BINDING)) {
        return 0;
    }
    memcpy(out + 8, question->id, VR_STUN_ID);
    /* The priority of a host candidate (RFC 8445, 5.1.2.1) as in our answers; an ICE-lite agent is
     * controlled (6.1.1), so that this cannot nominate anything. */
    if (stun_message_append32(&message, STUN_ATTRIBUTE_PRIORITY, 0x7effffffu) !=
            STUN_MESSAGE_RETURN_SUCCESS ||
        stun_message_append64(&message, STUN_ATTRIBUTE_ICE_CONTROLLED, question->tie) !=
            STUN_MESSAGE_RETURN_SUCCESS ||
        stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, question->username,
                                  strlen(question->username)) != STUN_MESSAGE_RETURN_SUCCESS) {
        return 0;
    }
    size = stun_agent_finish_message(&stun->agent, &message, (const uint8_t *)question->password,
                                     strlen(question->password));
    /* The library remembers 200 requests: there are more of ours. */
    stun_message_id(&message, id);
    stun_agent_forget_transaction(&stun->agent, id);
    return size;
}

const uint8_t *vr_stun_answers(struct vr_bytes datagram)
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};

    /* Class success or error, method Binding (RFC 8489, 5). */
    if (datagram.size < 20 || datagram.data[0] != 1 ||
        (datagram.data[1] != 0x01 && datagram.data[1] != 0x11) ||
        memcmp(datagram.data + 4, cookie, sizeof cookie) != 0) {
        return NULL;
    }
    return datagram.data + 8;
}
