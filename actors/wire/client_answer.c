/* client_answer.c - answers and refusals as JSON text. */
#include "actors/wire/client_json.h"

#include <time.h>

#include "actors/base/utf8.h"

/* Bytes up to the 0 that stand for themselves: most texts are nothing else. */
static size_t plain_size(const uint8_t *text)
{
    size_t size = 0;

    while (text[size] >= 32 && text[size] < 127 && text[size] != '"' && text[size] != '\\') {
        size++;
    }
    return size;
}

void vr_json_text(struct vr_buf *out, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    const uint8_t *end = p + strlen(text);

    vr_buf_append(out, "\"", 1);
    while (p < end) {
        size_t plain = plain_size(p);
        size_t size;

        vr_buf_append(out, p, plain);
        p += plain;
        if (p == end) {
            break;
        }
        size = vr_utf8_size(p, (size_t)(end - p));

        if (size == 0) {
            vr_buf_text(out,
                        "\xef\xbf\xbd"); /* U+FFFD: an answer is valid JSON, whatever was stored */
            size = 1;
        } else if (*p == '"' || *p == '\\') {
            vr_buf_printf(out, "\\%c", *p);
        } else if (*p == '\n') {
            vr_buf_text(out, "\\n");
        } else if (*p == '\r') {
            vr_buf_text(out, "\\r"); /* each line of an SDP ends so */
        } else if (*p < 32 || *p == 127) {
            vr_buf_printf(out, "\\u%04x", *p);
        } else {
            vr_buf_append(out, p, size);
        }
        p += size;
    }
    vr_buf_append(out, "\"", 1);
}

static void two_digits(struct vr_buf *out, char before, int value)
{
    char text[3] = {before, (char)('0' + value / 10 % 10), (char)('0' + value % 10)};

    vr_buf_append(out, text, sizeof(text));
}

void vr_json_time(struct vr_buf *out, vr_time_us wall)
{
    time_t seconds = (time_t)(wall / 1000000);
    struct tm parts;

    if (wall <= 0 || gmtime_r(&seconds, &parts) == NULL) {
        vr_buf_text(out, "null");
        return;
    }
    /* Each person in each answer to a join has one: without printf, which is most of what a list
     * costs. `wall` is after 1970, so the year has its four digits. */
    vr_buf_text(out, "\"");
    vr_buf_unsigned(out, (uint64_t)parts.tm_year + 1900);
    two_digits(out, '-', parts.tm_mon + 1);
    two_digits(out, '-', parts.tm_mday);
    two_digits(out, 'T', parts.tm_hour);
    two_digits(out, ':', parts.tm_min);
    two_digits(out, ':', parts.tm_sec);
    vr_buf_text(out, "Z\"");
}

static void member_name(struct vr_buf *out, const char *name)
{
    vr_buf_text(out, ",\"");
    vr_buf_text(out, name);
    vr_buf_text(out, "\":");
}

void vr_json_member_text(struct vr_buf *out, const char *name, const char *text)
{
    member_name(out, name);
    vr_json_text(out, text);
}

void vr_json_member_time(struct vr_buf *out, const char *name, vr_time_us wall)
{
    member_name(out, name);
    vr_json_time(out, wall);
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
        vr_buf_text(out,
                    answer->provisional ? ",\"ok\":true,\"provisional\":true" : ",\"ok\":true");
        if (answer->why[0] != 0) { /* done, and something to be known about it */
            vr_buf_text(out, ",\"detail\":");
            vr_json_text(out, answer->why);
        }
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
