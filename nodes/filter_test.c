/* Goal: an unwanted word is found however it is dressed up, and nothing else is touched. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "nodes/filter.h"

static const struct vr_filter_rule rules[] = {{"bad", VR_FILTER_MASK},
                                              {"worse*", VR_FILTER_MASK},
                                              {"never", VR_FILTER_REJECT},
                                              {"Ärger", VR_FILTER_MASK},
                                              {"плохо", VR_FILTER_MASK}};

static void becomes(const char *text, const char *wanted)
{
    struct vr_buf out = {0};
    enum vr_filter_verdict verdict =
        vr_filter_judge(rules, sizeof(rules) / sizeof(rules[0]), text, &out);

    if (wanted == NULL) {
        assert_int_equal(verdict, VR_FILTER_REJECTED);
    } else if (strcmp(text, wanted) == 0) {
        assert_int_equal(verdict, VR_FILTER_FINE);
        assert_int_equal(out.size, 0);
    } else {
        assert_int_equal(verdict, VR_FILTER_MASKED);
        vr_buf_append(&out, "", 1);
        assert_string_equal((const char *)out.data, wanted);
    }
    vr_buf_deinit(&out);
}

static void words_are_found_in_any_dress(void **state)
{
    (void)state;
    becomes("this is bad.", "this is ***.");
    becomes("BAD", "***");
    becomes("b4d and bäd and b\u00e1d", "*** and *** and ***");
    becomes("b\u200ba\u00add", "***");
    becomes("ba\u0301d", "***");
    becomes("ＢＡＤ", "***");
    becomes("worsening", "*****ning");
    becomes("ÄRGER, arger", "*****, *****");
    becomes("ПЛОХО!", "*****!");
    becomes("say never", NULL);
    becomes("say N3V3R", NULL);
}

static void other_words_are_left_alone(void **state)
{
    (void)state;
    becomes("badge and forbade", "badge and forbade");
    becomes("", "");
    becomes("nevermore", "nevermore");
    becomes("日本語 👍 ok", "日本語 👍 ok");
    becomes("bä d", "bä d");
}

static void a_rule_needs_a_word(void **state)
{
    (void)state;
    assert_true(vr_filter_word_valid("two words"));
    assert_true(vr_filter_word_valid("*in*"));
    assert_false(vr_filter_word_valid(""));
    assert_false(vr_filter_word_valid("*"));
    assert_false(vr_filter_word_valid("**"));
    assert_false(vr_filter_word_valid("a*b"));
    assert_false(vr_filter_word_valid("\u200b"));
}

static void long_and_broken_texts_are_survived(void **state)
{
    char text[6001];
    struct vr_buf out = {0};

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    assert_int_equal(vr_filter_judge(rules, 5, text, &out), VR_FILTER_FINE);
    memset(text, 0xff, sizeof(text) - 1);
    (void)vr_filter_judge(rules, 5, text, &out);
    memset(text, 0xe2, sizeof(text) - 1);
    (void)vr_filter_judge(rules, 5, text, &out);
    vr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_in_any_dress),
        cmocka_unit_test(other_words_are_left_alone),
        cmocka_unit_test(a_rule_needs_a_word),
        cmocka_unit_test(long_and_broken_texts_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
