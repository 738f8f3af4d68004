/* relay.c - STUN messages of a TURN client, written and read. */
#include "tools/ctl/relay.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "actors/wire/mac.h"

#define COOKIE 0x2112a442U
#define CLASS_ANSWER 0x0100
#define CLASS_REFUSAL 0x0110
#define CLASS_MASK 0x0110
#define UDP_PROTOCOL 17

enum attribute {
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    LIFETIME = 0x000d,
    REALM = 0x0014,
    NONCE = 0x0015,
    RELAYED_ADDRESS = 0x0016,
    REQUESTED_TRANSPORT = 0x0019,
};

/* --- where --- */

static const char *scheme_read(const char *text, struct vr_relay_url *out)
{
    static const struct {
        const char *scheme;
        const char *port;
        bool relays;
        enum vr_relay_way way;
    } known[] = {
        {"turns:", "5349", true, VR_RELAY_TLS},
        {"turn:", "3478", true, VR_RELAY_UDP},
        {"stuns:", "5349", false, VR_RELAY_TLS},
        {"stun:", "3478", false, VR_RELAY_UDP},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strncmp(text, known[i].scheme, strlen(known[i].scheme)) == 0) {
            snprintf(out->port, sizeof(out->port), "%s", known[i].port);
            out->relays = known[i].relays;
            out->way = known[i].way;
            return text + strlen(known[i].scheme);
        }
    }
    return NULL;
}

static bool part_take(char *out, size_t room, const char *from, size_t size)
{
    if (size == 0 || size >= room) {
        return false;
    }
    memcpy(out, from, size);
    out[size] = '\0';
    return true;
}

enum vr_err vr_relay_url_read(const char *text, struct vr_relay_url *out)
{
    const char *at = NULL;
    bool bracket = false;
    size_t size = 0;

    *out = (struct vr_relay_url){.port = ""};
    at = scheme_read(text, out);
    if (at == NULL) {
        return VR_E_BAD_REQUEST;
    }
    bracket = *at == '[';
    at += bracket ? 1 : 0;
    size = strcspn(at, bracket ? "]" : ":?");
    if (!part_take(out->host, sizeof(out->host), at, size)) {
        return VR_E_BAD_REQUEST;
    }
    at += size + (bracket && at[size] == ']' ? 1 : 0);
    if (*at == ':') {
        size = strspn(at + 1, "0123456789");
        if (!part_take(out->port, sizeof(out->port), at + 1, size)) {
            return VR_E_BAD_REQUEST;
        }
        at += size + 1;
    }
    if (strcmp(at, "?transport=tcp") == 0) {
        out->way = out->way == VR_RELAY_TLS ? VR_RELAY_TLS : VR_RELAY_TCP;
    } else if (*at != '\0' && (strcmp(at, "?transport=udp") != 0 || out->way == VR_RELAY_TLS)) {
        return VR_E_BAD_REQUEST;
    }
    return VR_OK;
}

/* --- questions --- */

static void attribute_put(struct vr_buf *out, enum attribute kind, const void *value, size_t size)
{
    static const uint8_t padding[4] = {0};
    uint8_t head[4];

    vr_put16(head, (uint16_t)kind);
    vr_put16(head + 2, (uint16_t)size);
    vr_buf_append(out, head, sizeof(head));
    vr_buf_append(out, value, size);
    vr_buf_append(out, padding, (4 - size % 4) % 4);
}

static void length_put(struct vr_buf *out, size_t start, size_t more)
{
    if (!out->failed) {
        vr_put16(out->data + start + 2, (uint16_t)(out->size - start - VR_RELAY_HEADER + more));
    }
}

/** MESSAGE-INTEGRITY with a long-term credential (RFC 8489, 9.2 and 14.5). */
static enum vr_err sign(const struct vr_relay_talk *talk, struct vr_buf *out, size_t start)
{
    uint8_t key[VR_MD5_SIZE];
    uint8_t mac[VR_MAC_SHA1_SIZE];
    struct vr_buf text = {0};
    bool fine = false;

    vr_buf_printf(&text, "%s:%s:%s", talk->username, talk->realm, talk->credential);
    length_put(out, start, 4 + sizeof(mac)); /* it counts itself, but is not signed */
    fine = !text.failed && !out->failed && vr_md5(vr_buf_bytes(&text), key) &&
           vr_mac_sha1(vr_bytes(key, sizeof(key)), vr_bytes(out->data + start, out->size - start),
                       mac);
    vr_buf_deinit(&text);
    if (!fine) {
        return VR_E_INTERNAL;
    }
    attribute_put(out, MESSAGE_INTEGRITY, mac, sizeof(mac));
    return VR_OK;
}

enum vr_err vr_relay_ask(struct vr_relay_talk *talk, enum vr_relay_question question,
                         const uint8_t transaction[VR_RELAY_TRANSACTION], struct vr_buf *out)
{
    static const uint8_t udp[4] = {UDP_PROTOCOL};
    static const uint8_t none[4] = {0};
    uint8_t head[8] = {0};
    size_t start = out->size;

    memcpy(talk->transaction, transaction, sizeof(talk->transaction));
    vr_put16(head, (uint16_t)question);
    vr_put32(head + 4, COOKIE);
    vr_buf_append(out, head, sizeof(head));
    vr_buf_append(out, transaction, VR_RELAY_TRANSACTION);
    if (question == VR_RELAY_ALLOCATE) {
        attribute_put(out, REQUESTED_TRANSPORT, udp, sizeof(udp));
    }
    if (question == VR_RELAY_REFRESH) {
        attribute_put(out, LIFETIME, none, sizeof(none));
    }
    if (talk->realm[0] != '\0' && question != VR_RELAY_BINDING) {
        attribute_put(out, USERNAME, talk->username, strlen(talk->username));
        attribute_put(out, REALM, talk->realm, strlen(talk->realm));
        attribute_put(out, NONCE, talk->nonce, strlen(talk->nonce));
        return sign(talk, out, start);
    }
    length_put(out, start, 0);
    return out->failed ? VR_E_INTERNAL : VR_OK;
}

/* --- answers --- */

size_t vr_relay_message_size(struct vr_bytes in)
{
    if (in.size < VR_RELAY_HEADER || (in.data[0] & 0xc0) != 0 || vr_get32(in.data + 4) != COOKIE) {
        return 0;
    }
    return VR_RELAY_HEADER + (size_t)vr_get16(in.data + 2);
}

/** Text of a server, of which one may print every character. False: too long. */
static bool text_take(struct vr_bytes value, char *out, size_t room)
{
    if (value.size >= room || memchr(value.data, 0, value.size) != NULL) {
        return false;
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return true;
}

static void reason_take(struct vr_bytes value, struct vr_relay_answer *out)
{
    size_t size = 0;

    if (value.size < 4) {
        return;
    }
    out->code = (value.data[2] & 7) * 100 + value.data[3] % 100;
    for (size_t i = 4; i < value.size && size < sizeof(out->reason) - 1; i++) {
        char c = (char)value.data[i];

        out->reason[size++] = c;
        if (c < ' ' || c > '~') {
            out->reason[size - 1] = '?';
        }
    }
}

/** XOR-RELAYED-ADDRESS (RFC 8489, 14.2). */
static void address_take(struct vr_bytes value, const uint8_t *message, char out[64])
{
    uint8_t plain[16];
    size_t size = value.size < 4 ? 0 : value.data[1] == 1 ? 4 : value.data[1] == 2 ? 16 : 0;

    if (size == 0 || value.size != 4 + size) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        plain[i] = value.data[4 + i] ^ message[4 + i]; /* the cookie, then the transaction */
    }
    inet_ntop(size == 4 ? AF_INET : AF_INET6, plain, out, 64);
}

enum vr_err vr_relay_read(struct vr_relay_talk *talk, struct vr_bytes in,
                          struct vr_relay_answer *out)
{
    size_t at = VR_RELAY_HEADER;
    uint16_t kind = 0;

    *out = (struct vr_relay_answer){.granted = false};
    if (in.size < VR_RELAY_HEADER || vr_relay_message_size(in) != in.size ||
        memcmp(in.data + 8, talk->transaction, VR_RELAY_TRANSACTION) != 0) {
        return VR_E_BAD_WIRE;
    }
    kind = vr_get16(in.data) & CLASS_MASK;
    if (kind != CLASS_ANSWER && kind != CLASS_REFUSAL) {
        return VR_E_BAD_WIRE;
    }
    out->granted = kind == CLASS_ANSWER;
    while (in.size - at >= 4) {
        uint16_t name = vr_get16(in.data + at);
        size_t size = vr_get16(in.data + at + 2);
        struct vr_bytes value = vr_bytes(in.data + at + 4, size);
        size_t padded = (size + 3) / 4 * 4;

        if (padded > in.size - at - 4) {
            return VR_E_BAD_WIRE;
        }
        if (name == ERROR_CODE) {
            reason_take(value, out);
        } else if (name == RELAYED_ADDRESS) {
            address_take(value, in.data, out->address);
        } else if ((name == REALM && !text_take(value, talk->realm, sizeof(talk->realm))) ||
                   (name == NONCE && !text_take(value, talk->nonce, sizeof(talk->nonce)))) {
            return VR_E_BAD_WIRE;
        }
        at += 4 + padded;
    }
    return VR_OK;
}
