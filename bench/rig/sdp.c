#include "bench/rig/sdp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_head(const struct vr_bench_sdp *sdp, uint32_t sections, struct vr_buf *out)
{
    vr_buf_text(out, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (uint32_t i = 0; i < sections; i++) {
        if (sdp->mids != NULL) {
            vr_buf_printf(out, " %s", sdp->mids[i]);
        } else {
            vr_buf_printf(out, " %u", i);
        }
    }
    vr_buf_text(out, "\r\na=msid-semantic: WMS *\r\n");
}

static void put_section(const struct vr_bench_sdp *sdp, const struct vr_seat *seat, uint32_t i,
                        struct vr_buf *out)
{
    char address[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &seat->address.sin_addr, address, sizeof(address));
    vr_buf_printf(out,
                  "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                  "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 ",
                  seat->ufrag, seat->pwd);
    for (int b = 0; b < 32; b++) {
        vr_buf_printf(out, "%02X%s", seat->fingerprint[b], b < 31 ? ":" : "\r\n");
    }
    vr_buf_printf(out, "a=setup:%s\r\n", sdp->setup);
    if (sdp->mids != NULL) {
        vr_buf_printf(out, "a=mid:%s\r\n", sdp->mids[i]);
    } else {
        vr_buf_printf(out, "a=mid:%u\r\n", i);
    }
    vr_buf_printf(out,
                  "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                  "a=%s\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
                  "a=fmtp:111 useinbandfec=1;usedtx=1\r\n",
                  sdp->send && i == 0 ? sdp->both ? "sendrecv" : "sendonly" : "recvonly");
    if (sdp->send && i == 0) {
        vr_buf_printf(out, "a=ssrc:%u cname:bench-%u\r\n", vr_seat_ssrc(seat), seat->number);
    }
    if (sdp->candidate) {
        vr_buf_printf(out,
                      "a=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\n",
                      address, ntohs(seat->address.sin_port));
    }
}

void vr_bench_sdp_write(const struct vr_bench_sdp *sdp, const struct vr_seat *seat,
                        struct vr_buf *out)
{
    uint32_t sections = sdp->receive + (sdp->send ? 1 : 0);

    put_head(sdp, sections, out);
    for (uint32_t i = 0; i < sections; i++) {
        put_section(sdp, seat, i, out);
    }
    vr_buf_append(out, "", 1);
}

static bool read_line(const char *sdp, const char *name, char *out, size_t size)
{
    const char *at = strstr(sdp, name);
    size_t length;

    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    length = strcspn(at, "\r\n ");
    snprintf(out, size, "%.*s", (int)length, at);
    return length > 0 && length < size;
}

static bool read_fingerprint(const char *sdp, uint8_t out[32])
{
    static const char name[] = "a=fingerprint:sha-256 ";
    const char *at = strstr(sdp, name);

    at = at == NULL ? NULL : at + strlen(name);
    for (int i = 0; at != NULL && i < 32; i++) {
        char *end;

        out[i] = (uint8_t)strtoul(at, &end, 16);
        if (end != at + 2 || (i < 31 && *end != ':')) {
            return false;
        }
        at = end + 1;
    }
    return at != NULL;
}

static bool read_candidate(const char *sdp, struct sockaddr_in *out)
{
    for (const char *at = sdp; (at = strstr(at, "a=candidate:")) != NULL; at++) {
        char transport[8], address[64];
        int before = 0; /* bytes up to the port */
        unsigned long port;

        if (sscanf(at, "a=candidate:%*s 1 %7s %*s %63s %n", transport, address, &before) != 2 ||
            (transport[0] | 32) != 'u') {
            continue;
        }
        port = strtoul(at + before, NULL, 10);
        if (port > 0 && port <= UINT16_MAX && inet_pton(AF_INET, address, &out->sin_addr) == 1) {
            out->sin_family = AF_INET;
            out->sin_port = htons((uint16_t)port);
            return true;
        }
    }
    return false;
}

static uint8_t read_level(const char *sdp)
{
    for (const char *at = sdp; (at = strstr(at, "a=extmap:")) != NULL; at++) {
        const char *number = at + strlen("a=extmap:");
        char uri[128];
        char *end;
        unsigned long id = strtoul(number, &end, 10);

        /* A direction ("/sendonly") may follow the number. */
        if (end == number || sscanf(end + strcspn(end, " "), " %127s", uri) != 1) {
            continue;
        }
        if (strstr(uri, "ssrc-audio-level") != NULL && id < 15) {
            return (uint8_t)id;
        }
    }
    return 0;
}

bool vr_bench_sdp_read(const char *text, struct vr_remote *out)
{
    const char *opus = strstr(text, " opus/48000");
    const char *start = opus;

    *out = (struct vr_remote){.opus_pt = 111};
    while (start != NULL && start > text && start[-1] != ':') {
        start--;
    }
    if (start != NULL) {
        out->opus_pt = (uint8_t)strtoul(start, NULL, 10);
    }
    out->level_id = read_level(text);
    return read_line(text, "a=ice-ufrag:", out->ufrag, sizeof(out->ufrag)) &&
           read_line(text, "a=ice-pwd:", out->pwd, sizeof(out->pwd)) &&
           read_fingerprint(text, out->fingerprint) && read_candidate(text, &out->address);
}

bool vr_bench_sdp_mid(const char *text, uint32_t number, char *out, size_t size)
{
    const char *at = text;

    for (uint32_t i = 0; (at = strstr(at, "a=mid:")) != NULL; i++, at++) {
        if (i == number) {
            return read_line(at, "a=mid:", out, size);
        }
    }
    return false;
}
