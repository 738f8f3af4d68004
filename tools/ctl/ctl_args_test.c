/* Goal: every form of a command line is read as documented, and what is wrong is named. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "tools/ctl/args.h"

#define WORDS(...)                                                                                 \
    (const char *[])                                                                               \
    {                                                                                              \
        "voiceroomctl", __VA_ARGS__, NULL                                                          \
    }

static enum vr_err parse(const char *const *argv, struct vr_ctl_line *line, struct vr_why *why)
{
    int argc = 0;

    while (argv[argc] != NULL) {
        argc++;
    }
    *why = (struct vr_why){0};
    return vr_ctl_parse(vr_ctl_table(), argc, (char *const *)argv, line, why);
}

static void test_forms_of_flags(void **state)
{
    static const char *const forms[][6] = {
        {"voiceroomctl", "room", "list", "-o", "json", NULL},
        {"voiceroomctl", "room", "list", "-ojson", NULL, NULL},
        {"voiceroomctl", "-o=json", "room", "list", NULL, NULL},
        {"voiceroomctl", "room", "--output=json", "list", NULL, NULL},
        {"voiceroomctl", "--output", "json", "room", "list", NULL}};
    struct vr_ctl_line line;
    struct vr_why why;

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        assert_int_equal(parse(forms[i], &line, &why), VR_OK);
        assert_string_equal(line.command->verb, "list");
        assert_string_equal(vr_ctl_text(&line, "output"), "json");
    }
}

static void test_values(void **state)
{
    struct vr_ctl_line line;
    struct vr_why why;

    (void)state;
    assert_int_equal(parse(WORDS("room", "create", "--capacity", "20", "--slow-hand", "2m", "--tag",
                                 "a", "--tag", "b", "--", "-x"),
                           &line, &why),
                     VR_OK);
    assert_int_equal(line.arg_count, 1);
    assert_string_equal(line.args[0], "-x");
    assert_int_equal(vr_ctl_number(&line, "capacity", 0), 20);
    assert_true(vr_ctl_seconds(&line, "slow-hand", 0) == 120);
    assert_string_equal(vr_ctl_text(&line, "tag"), "b");
    assert_int_equal(line.value_count, 4);
    assert_null(vr_ctl_text(&line, "topic"));
    assert_int_equal(vr_ctl_number(&line, "speaker-capacity", 7), 7);
}

static void test_help_wins(void **state)
{
    struct vr_ctl_line line;
    struct vr_why why;

    (void)state;
    assert_int_equal(parse(WORDS("room", "end", "--help"), &line, &why), VR_OK);
    assert_true(line.help);
    assert_string_equal(line.command->verb, "end");
    assert_int_equal(parse(WORDS("room"), &line, &why), VR_OK);
    assert_null(line.command);
    assert_string_equal(line.noun, "room");
}

static void test_suggestions(void **state)
{
    static const struct {
        const char *word;
        const char *meant;
    } cases[] = {{"lsit", "list"},  {"delet", "delete"}, {"creat", "create"},
                 {"upd", "update"}, {"qqqqqq", NULL},    {"", NULL}};
    static const char *const words[] = {"create", "list", "update", "delete"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = vr_ctl_nearest(cases[i].word, words, 4);

        if (cases[i].meant == NULL) {
            assert_null(found);
        } else {
            assert_string_equal(found, cases[i].meant);
        }
    }
}

static void test_times(void **state)
{
    static const char *const bad[] = {"",   "x",    "1x",  "-1",     "1h2",   "1e9",
                                      ".5", "0x10", "nan", "99999d", "1.2.3", "1 s"};
    double seconds = 0;

    (void)state;
    assert_true(vr_ctl_time_parse("90", &seconds) && seconds == 90);
    assert_true(vr_ctl_time_parse("0.5", &seconds) && seconds == 0.5);
    assert_true(vr_ctl_time_parse("1.5h", &seconds) && seconds == 5400);
    assert_true(vr_ctl_time_parse("7d", &seconds) && seconds == 604800);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(vr_ctl_time_parse(bad[i], &seconds));
    }
}

/** The table itself: nouns stand together, examples parse, nothing is described twice. */
static void test_table_is_sound(void **state)
{
    const struct vr_ctl_table *table = vr_ctl_table();

    (void)state;
    for (size_t i = 0; i < table->count; i++) {
        const struct vr_ctl_command *command = &table->commands[i];

        assert_non_null(command->run);
        assert_non_null(strstr(command->example, command->noun));
        for (size_t j = i + 1; j < table->count; j++) {
            bool same = strcmp(command->noun, table->commands[j].noun) == 0;

            assert_false(same && strcmp(command->verb, table->commands[j].verb) == 0);
            assert_true(!same || strcmp(table->commands[j - 1].noun, command->noun) == 0);
        }
        for (const struct vr_ctl_flag *own = command->flags; own != NULL && own->name != NULL;
             own++) {
            for (const struct vr_ctl_flag *all = table->globals; all->name != NULL; all++) {
                assert_string_not_equal(own->name, all->name);
            }
            assert_true((own->kind == VR_CTL_SWITCH) == (own->value == NULL));
            assert_true((own->kind == VR_CTL_WORD) == (own->words != NULL));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_flags), cmocka_unit_test(test_values),
        cmocka_unit_test(test_help_wins),      cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_times),          cmocka_unit_test(test_table_is_sound),
    };

    return cmocka_run_group_tests_name("ctl_args", tests, NULL, NULL);
}
