#include "actors/room/names.h"

#include <string.h>

#include "actors/base/utf8.h"

/* One character, in lower case; a byte that begins none stands for itself. Moves `*text` behind it;
 * 0 at the end. */
static uint32_t next_folded(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    size_t size = vr_utf8_size(p, strlen(*text) + 1);
    uint32_t c = p[0];

    if (c == 0) {
        return 0;
    }
    *text += size == 0 ? 1 : size;
    if (size == 2) {
        c = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    } else if (size > 2) {
        c = (uint32_t)(p[0] & (size == 3 ? 0x0f : 0x07));
        for (size_t i = 1; i < size; i++) {
            c = c << 6 | (p[i] & 0x3f);
        }
    }
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) {
        return c + 0x20;
    }
    if (c >= 0x400 && c <= 0x40f) {
        return c + 0x50;
    }
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x4ff)) {
        return c | 1; /* pairs, the large one even */
    }
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) {
        return c + (c & 1); /* pairs, the large one odd */
    }
    return c;
}

static bool begins(const char *text, const char *part)
{
    for (;;) {
        uint32_t wanted = next_folded(&part);

        if (wanted == 0) {
            return true;
        }
        if (next_folded(&text) != wanted) {
            return false;
        }
    }
}

bool name_holds(const char *name, const char *part)
{
    do {
        if (begins(name, part)) {
            return true;
        }
    } while (next_folded(&name) != 0);
    return false;
}

uint32_t json_people_named(const struct vr_room *room, bool with_user, const char *part,
                           const struct vr_command *page, struct vr_buf *out)
{
    uint32_t count = 0;
    uint32_t next = 0;

    vr_buf_text(out, "[");
    for (uint32_t i = 0; i < room->people_count && next == 0; i++) {
        const struct person *person = room->people[i];

        if (!person_listed(person) || person->id <= page->after ||
            !name_holds(person->name, part)) {
            continue;
        }
        if (page->limit != 0 && count == page->limit) {
            next = person->id;
        } else {
            vr_buf_text(out, count++ == 0 ? "" : ",");
            json_person(room, person, with_user, out);
        }
    }
    vr_buf_text(out, "]");
    return next;
}
