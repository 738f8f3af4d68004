#include "nodes/filter.h"

#include <stdint.h>
#include <string.h>

#define LETTERS_MAX 2000

/** A character that counts: folded, as the letter that it may stand for, and where it is. */
struct letter {
    uint32_t plain;
    uint32_t meant;
    uint16_t from;
    uint16_t to;
};

static uint32_t decode(const uint8_t *text, size_t size, size_t *used)
{
    uint32_t first = text[0];
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t value = more == 0 ? first : first & (0x3fu >> more);

    *used = 1;
    for (; *used <= more && *used < size && (text[*used] & 0xc0) == 0x80; (*used)++) {
        value = value << 6 | (text[*used] & 0x3fu);
    }
    return value;
}

static uint32_t fold_latin(uint32_t c)
{
    /* U+00C0 to U+00FF without accents */
    static const char base[] = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo*ouuuuypy";
    /* U+0100 to U+017F */
    static const char extended[] =
        "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
        "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

    if (c >= 0xc0 && c <= 0xff && c != 0xd7 && c != 0xf7) {
        return (uint32_t)base[c - 0xc0];
    }
    if (c >= 0x100 && c <= 0x17f && c - 0x100 < sizeof(extended) - 1) {
        return (uint32_t)extended[c - 0x100];
    }
    return c;
}

static uint32_t fold(uint32_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c + 32;
    }
    if (c < 0x80) {
        return c;
    }
    if (c >= 0xff21 && c <= 0xff3a) { /* full width */
        return c - 0xff21 + 'a';
    }
    if (c >= 0xff41 && c <= 0xff5a) {
        return c - 0xff41 + 'a';
    }
    if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) { /* Greek, Cyrillic */
        return c + 32;
    }
    if (c >= 0x400 && c <= 0x40f) {
        return c + 80;
    }
    return fold_latin(c);
}

static uint32_t meaning(uint32_t c)
{
    static const char digits[] = "0134578@$!|";
    static const char letters[] = "oieastbasii";
    const char *at = c < 0x80 && c != 0 ? strchr(digits, (int)c) : NULL;

    return at == NULL ? c : (uint32_t)letters[at - digits];
}

/** No width, combining: not there for who reads. */
static bool unseen(uint32_t c)
{
    return c == 0xad || (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2060 && c <= 0x2064) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

static bool in_word(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c >= 0x80 && !(c >= 0x2000 && c <= 0x206f) && !(c >= 0x3000 && c <= 0x303f) &&
            c != 0xa0);
}

static size_t letters_of(const char *text, struct letter *out, size_t most)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t size = strlen(text);
    size_t count = 0;

    for (size_t at = 0; at < size && at < LETTERS_MAX && count < most;) {
        size_t used = 0;
        uint32_t c = decode(bytes + at, size - at, &used);

        if (!unseen(c)) {
            out[count++] =
                (struct letter){fold(c), meaning(fold(c)), (uint16_t)at, (uint16_t)(at + used)};
        }
        at += used;
    }
    return count;
}

struct pattern {
    uint32_t letters[VR_FILTER_WORD_MAX];
    size_t count;
    bool open_front;
    bool open_end;
};

static void pattern_of(const char *word, struct pattern *out)
{
    struct letter letters[VR_FILTER_WORD_MAX];
    size_t count = letters_of(word, letters, VR_FILTER_WORD_MAX);
    size_t first = 0;

    *out = (struct pattern){0};
    out->open_front = count > 0 && letters[0].plain == '*';
    first = out->open_front ? 1 : 0;
    out->open_end = count > first && letters[count - 1].plain == '*';
    count -= out->open_end ? 1 : 0;
    for (size_t i = first; i < count; i++) {
        out->letters[out->count++] = letters[i].plain;
    }
}

bool vr_filter_word_valid(const char *word)
{
    struct pattern pattern;
    size_t size = strlen(word);

    if (size == 0 || size > VR_FILTER_WORD_MAX) {
        return false;
    }
    pattern_of(word, &pattern);
    for (size_t i = 0; i < pattern.count; i++) {
        if (!in_word(pattern.letters[i]) && pattern.letters[i] != ' ') {
            return false;
        }
    }
    return pattern.count > 0;
}

static bool fits(const struct letter *text, size_t count, size_t at, const struct pattern *pattern)
{
    size_t end = at + pattern->count;

    if (end > count || (!pattern->open_front && at > 0 && in_word(text[at - 1].plain)) ||
        (!pattern->open_end && end < count && in_word(text[end].plain))) {
        return false;
    }
    for (size_t i = 0; i < pattern->count; i++) {
        if (text[at + i].plain != pattern->letters[i] &&
            text[at + i].meant != pattern->letters[i]) {
            return false;
        }
    }
    return true;
}

static void write_masked(const char *text, const struct letter *letters, size_t count,
                         const bool *masked, struct vr_buf *out)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (masked[i]) {
            /* What nobody sees between two letters of the word goes with them. */
            if (i == 0 || !masked[i - 1]) {
                vr_buf_append(out, text + at, letters[i].from - at);
            }
            vr_buf_text(out, "*");
            at = letters[i].to;
        }
    }
    vr_buf_text(out, text + at);
}

enum vr_filter_verdict vr_filter_judge(const struct vr_filter_rule *rules, size_t rule_count,
                                       const char *text, struct vr_buf *out)
{
    struct letter letters[LETTERS_MAX];
    bool masked[LETTERS_MAX] = {false};
    size_t count = rule_count == 0 ? 0 : letters_of(text, letters, LETTERS_MAX);
    enum vr_filter_verdict verdict = VR_FILTER_FINE;

    for (size_t r = 0; r < rule_count; r++) {
        struct pattern pattern;

        pattern_of(rules[r].word, &pattern);
        for (size_t at = 0; pattern.count > 0 && at < count; at++) {
            if (!fits(letters, count, at, &pattern)) {
                continue;
            }
            if (rules[r].action == VR_FILTER_REJECT) {
                return VR_FILTER_REJECTED;
            }
            verdict = VR_FILTER_MASKED;
            memset(masked + at, true, pattern.count * sizeof(masked[0]));
        }
    }
    if (verdict == VR_FILTER_MASKED) {
        write_masked(text, letters, count, masked, out);
    }
    return verdict;
}
