/* client_answer.c - answers and refusals as JSON text. */
#include "actors/wire/client_json.h"

/* Length of the UTF-8 character at `p`, 0 when it is not one (RFC 3629 4). */
static size_t utf8_size(const uint8_t *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = p[0] < 0x80   ? 1
                  : p[0] < 0xc2 ? 0
                  : p[0] < 0xe0 ? 2
                  : p[0] < 0xf0 ? 3
                  : p[0] < 0xf5 ? 4
                                : 0;
    uint32_t value = size < 2 ? p[0] : p[0] & (0x7fu >> size);

    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0; /* the 0 at the end stops here too */
        }
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 0;
    }
    return size;
}

void vr_json_text(struct vr_buf *out, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;

    vr_buf_append(out, "\"", 1);
    while (*p != 0) {
        size_t size = utf8_size(p);

        if (size == 0) {
            vr_buf_text(out,
                        "\xef\xbf\xbd"); /* U+FFFD: an answer is valid JSON, whatever was stored */
            size = 1;
        } else if (*p == '"' || *p == '\\') {
            vr_buf_printf(out, "\\%c", *p);
        } else if (*p == '\n') {
            vr_buf_text(out, "\\n");
        } else if (*p < 32 || *p == 127) {
            vr_buf_printf(out, "\\u%04x", *p);
        } else {
            vr_buf_append(out, p, size);
        }
        p += size;
    }
    vr_buf_append(out, "\"", 1);
}

static void write_id(const struct vr_client_msg *asked, struct vr_buf *out)
{
    if (asked->id[0] == 0) {
        return;
    }
    vr_buf_text(out, ",\"id\":");
    if (asked->id_is_number) {
        vr_buf_text(out, asked->id);
    } else {
        vr_json_text(out, asked->id);
    }
}

void vr_client_answer_write(const struct vr_client_msg *asked, const struct vr_answer *answer,
                            const char *extra, struct vr_buf *out)
{
    bool fine = answer->err == VR_OK;

    vr_buf_text(out, "{\"type\":");
    vr_json_text(out, fine ? asked->type : "room:error");
    write_id(asked, out);
    if (fine) {
        vr_buf_text(out, ",\"ok\":true");
    } else {
        vr_buf_text(out, ",\"request\":");
        vr_json_text(out, asked->type);
        vr_buf_text(out, ",\"code\":");
        vr_json_text(out, vr_err_code(answer->err));
        vr_buf_text(out, ",\"detail\":");
        vr_json_text(out, answer->why[0] == 0 ? vr_err_text(answer->err) : answer->why);
        vr_buf_printf(out, ",\"retry_after_ms\":%u", answer->retry_after_ms);
    }
    vr_buf_printf(out, ",\"epoch\":%llu,\"sequence\":%llu", (unsigned long long)answer->epoch,
                  (unsigned long long)answer->sequence);
    if (extra != NULL && extra[0] != 0) {
        vr_buf_text(out, ",");
        vr_buf_text(out, extra);
    }
    if (fine) {
        vr_buf_printf(out, ",\"result\":%s",
                      answer->body == NULL || answer->body->size == 0 ? "{}"
                                                                      : vr_blob_text(answer->body));
    }
    vr_buf_text(out, "}");
}
