#include "nodes/list_rows.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/wire/base64url.h"

static const char *const names[VR_LIST_SORTS] = {"live", "created", "starts_at", "title"};

bool vr_list_sort_parse(const char *word, enum vr_list_sort *out)
{
    for (int i = 0; i < VR_LIST_SORTS; i++) {
        if (strcmp(word, names[i]) == 0) {
            *out = (enum vr_list_sort)i;
            return true;
        }
    }
    return false;
}

const char *vr_list_sort_name(enum vr_list_sort sort)
{
    return names[sort];
}

static void lower(const char *text, char *out, size_t capacity)
{
    size_t i = 0;

    for (; text[i] != '\0' && i + 1 < capacity; i++) {
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[i] = '\0';
}

void vr_list_place(enum vr_list_sort sort, const struct vr_list_facts *facts,
                   struct vr_list_place *out)
{
    memset(out, 0, sizeof(*out));
    out->room = facts->room;
    switch (sort) {
    case VR_LIST_LIVE:
        out->first = -(int64_t)facts->participants;
        out->second = -facts->created_wall;
        break;
    case VR_LIST_CREATED:
        out->first = -facts->created_wall;
        break;
    case VR_LIST_STARTS:
        out->first = facts->starts_wall == 0 ? INT64_MAX : facts->starts_wall;
        out->second = -facts->created_wall;
        break;
    case VR_LIST_TITLE:
        lower(facts->title, out->text, sizeof(out->text));
        break;
    case VR_LIST_SORTS:
        break;
    }
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int vr_list_compare(const struct vr_list_place *a, const struct vr_list_place *b)
{
    uint8_t left[16];
    uint8_t right[16];
    int order = compare_numbers(a->first, b->first);

    if (order == 0) {
        order = compare_numbers(a->second, b->second);
    }
    if (order == 0) {
        order = strcmp(a->text, b->text);
    }
    if (order == 0) {
        vr_id_put(left, a->room);
        vr_id_put(right, b->room);
        order = memcmp(left, right, sizeof(left));
    }
    return order;
}

void vr_list_offer(struct vr_list_page *page, const struct vr_list_place *place)
{
    uint32_t at = page->count;

    if (page->after != NULL && vr_list_compare(place, page->after) <= 0) {
        return;
    }
    while (at > 0 && vr_list_compare(place, &page->places[at - 1]) < 0) {
        at--;
    }
    if (at > page->limit) {
        return;
    }
    if (page->count <= page->limit) {
        page->count++;
    }
    memmove(&page->places[at + 1], &page->places[at],
            (page->count - 1 - at) * sizeof(page->places[0]));
    page->places[at] = *place;
}

bool vr_list_cursor_write(enum vr_list_sort sort, const struct vr_list_place *place,
                          char out[VR_CURSOR_MAX])
{
    struct vr_buf plain = {0};
    struct vr_buf text = {0};
    char id[VR_ID_TEXT];
    bool fits = false;

    vr_buf_printf(&plain, "1 %s %" PRId64 " %" PRId64 " %s %s", names[sort], place->first,
                  place->second, vr_id_format(place->room, id), place->text);
    vr_base64url_write(vr_buf_bytes(&plain), &text);
    fits = !plain.failed && !text.failed && text.size < VR_CURSOR_MAX;
    if (fits) {
        memcpy(out, text.data, text.size);
        out[text.size] = '\0';
    }
    vr_buf_deinit(&plain);
    vr_buf_deinit(&text);
    return fits;
}

/** The next word up to a space; false when there is none. */
static bool take_word(char **rest, char **word)
{
    char *space = strchr(*rest, ' ');

    if (space == NULL) {
        return false;
    }
    *space = '\0';
    *word = *rest;
    *rest = space + 1;
    return true;
}

static bool take_number(char **rest, int64_t *out)
{
    char *word = NULL;
    char *end = NULL;

    if (!take_word(rest, &word) || word[0] == '\0') {
        return false;
    }
    errno = 0;
    *out = strtoll(word, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool read_plain(char *plain, enum vr_list_sort sort, struct vr_list_place *out)
{
    char *word = NULL;

    if (!take_word(&plain, &word) || strcmp(word, "1") != 0 || !take_word(&plain, &word) ||
        strcmp(word, names[sort]) != 0) {
        return false;
    }
    if (!take_number(&plain, &out->first) || !take_number(&plain, &out->second) ||
        !take_word(&plain, &word) || !vr_id_parse(word, &out->room) ||
        strlen(plain) > VR_TITLE_MAX) {
        return false;
    }
    memcpy(out->text, plain, strlen(plain) + 1);
    return true;
}

bool vr_list_cursor_read(const char *text, enum vr_list_sort sort, struct vr_list_place *out)
{
    uint8_t plain[VR_CURSOR_MAX];
    size_t size = 0;

    memset(out, 0, sizeof(*out));
    if (!vr_base64url_read(vr_bytes_of(text), plain, sizeof(plain) - 1, &size)) {
        return false;
    }
    plain[size] = '\0';
    return strlen((char *)plain) == size && read_plain((char *)plain, sort, out);
}
