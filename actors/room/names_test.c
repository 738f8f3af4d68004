/* names_test.c - goal: people of a large room are found by a part of their name, in pages, whatever
 * is large or small. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/names.h"
#include "actors/room/room_kit.h"

static void parts_of_names(void **state)
{
    static const struct {
        const char *name, *part;
        bool want;
    } rows[] = {
        {"Ana Silva", "", true},
        {"Ana Silva", "silva", true},
        {"Ana Silva", "A S", true},
        {"Ana Silva", "ann", false},
        {"Ana", "anabel", false},
        {"Élodie Martin", "élo", true},
        {"élodie", "ÉLO", true},
        {"Élodie", "elo", false},
        {"ŁUKASZ Žižka", "łukasz ž", true},
        {"Олена Коваль", "олена к", true},
        {"ЁЖИК", "ёжик", true},
        {"ΑΝΝΑ", "αννα", true},
        {"李 雷", "雷", true},
        {"مريم", "ريم", true},
        {"🎷 jazz", "🎷 J", true},
        {"\xff\xfe", "\xfe", true},
        {"\xc3", "é", false},
        {"×", "÷", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(name_holds(rows[i].name, rows[i].part), rows[i].want);
    }
}

static bool answers(struct kit *kit, const char *part, vr_participant_id after, const char *needle)
{
    struct vr_command *command = kit_command(VR_CMD_SHOW, "ana");
    bool found;

    command->want = VR_SHOW_PARTICIPANTS;
    command->text = vr_blob_new(vr_bytes_of(part));
    command->after = after;
    command->limit = 2;
    assert_int_equal(kit_do(kit, command), VR_OK);
    found = strstr(vr_blob_text(kit->answer.body), needle) != NULL;
    return found;
}

static void pages_of_the_found(void **state)
{
    struct kit kit;

    (void)state;
    kit_init(&kit, 5);
    assert_int_equal(kit_create(&kit, "ana", kit_settings("names")), VR_OK);
    assert_int_equal(kit_join(&kit, "ana"), 1);
    for (uint32_t i = 0; i < 6; i++) {
        char user[16];

        snprintf(user, sizeof(user), i % 2 == 0 ? "even%u" : "odd%u", i);
        assert_int_equal(kit_join(&kit, user), i + 2);
    }
    assert_true(answers(&kit, "EVEN", 0, "name of even0"));
    assert_true(answers(&kit, "EVEN", 0, "name of even2"));
    assert_false(answers(&kit, "EVEN", 0, "odd"));
    assert_true(answers(&kit, "EVEN", 0, "\"next_after\":5"));
    assert_true(answers(&kit, "EVEN", 5, "name of even4"));
    assert_true(answers(&kit, "EVEN", 5, "\"next_after\":null"));
    assert_true(answers(&kit, "nobody", 0, "{\"participants\":[],\"next_after\":null}"));
    kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_names),
        cmocka_unit_test(pages_of_the_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
