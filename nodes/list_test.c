/* Goal: pages of the list of rooms join without a gap or a double in every order, and a cursor that
 * is not ours is refused. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/random.h"
#include "nodes/list_rows.h"

#define ROOMS 57

static void make(struct vr_random_seeded *random, enum vr_list_sort sort,
                 struct vr_list_place places[ROOMS])
{
    for (int i = 0; i < ROOMS; i++) {
        char title[VR_TITLE_MAX + 1];
        struct vr_list_facts facts = {
            .room = vr_random_id(&random->random),
            .participants = (uint32_t)vr_random_below(&random->random, 4),
            .created_wall = VR_SECONDS(vr_random_below(&random->random, 5)),
            .starts_wall = VR_SECONDS(vr_random_below(&random->random, 3)),
            .title = title};

        snprintf(title, sizeof(title), "Room %u \xc3\xa9 x",
                 (unsigned)vr_random_below(&random->random, 6));
        vr_list_place(sort, &facts, &places[i]);
    }
}

static int by_place(const void *a, const void *b)
{
    return vr_list_compare(a, b);
}

static void pages_join(void **state)
{
    struct vr_random_seeded random;

    (void)state;
    vr_random_seeded_init(&random, 3);
    for (int sort = 0; sort < VR_LIST_SORTS; sort++) {
        struct vr_list_place places[ROOMS];
        struct vr_list_place cursor;
        uint32_t seen = 0;
        bool more = true;
        bool first = true;

        make(&random, (enum vr_list_sort)sort, places);
        while (more) {
            struct vr_list_page *page = calloc(1, sizeof(*page));
            char text[VR_CURSOR_MAX];

            page->limit = 10;
            page->after = first ? NULL : &cursor;
            for (int i = 0; i < ROOMS; i++) {
                vr_list_offer(page, &places[i]);
            }
            if (first) {
                qsort(places, ROOMS, sizeof(places[0]), by_place);
            }
            more = page->count > page->limit;
            for (uint32_t i = 0; i < page->count && i < page->limit; i++) {
                assert_int_equal(vr_list_compare(&page->places[i], &places[seen]), 0);
                seen++;
            }
            if (more) {
                assert_true(vr_list_cursor_write((enum vr_list_sort)sort,
                                                 &page->places[page->limit - 1], text));
                assert_true(vr_list_cursor_read(text, (enum vr_list_sort)sort, &cursor));
                assert_false(vr_list_cursor_read(
                    text, (enum vr_list_sort)((sort + 1) % VR_LIST_SORTS), &cursor));
                assert_true(vr_list_cursor_read(text, (enum vr_list_sort)sort, &cursor));
            }
            first = false;
            free(page);
        }
        assert_int_equal(seen, ROOMS);
    }
}

static void strange_cursors(void **state)
{
    static const char *const cursors[] = {"", "x", "!!!!", "MSBsaXZlIDAgMCA",
                                          "MSBsaXZlIHggMCAwIDA"};
    struct vr_list_place place;

    (void)state;
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        assert_false(vr_list_cursor_read(cursors[i], VR_LIST_LIVE, &place));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_join),
                                       cmocka_unit_test(strange_cursors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
