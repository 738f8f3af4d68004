/* Goal: ids, bytes, randomness, errors and log lines keep their written forms. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/list.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/base/random.h"
#include "actors/base/utf8.h"

static void test_id_text_goes_both_ways(void **state)
{
    struct vr_random_seeded seeded;
    char text[VR_ID_TEXT];

    (void)state;
    vr_random_seeded_init(&seeded, 9);
    for (int i = 0; i < 1000; i++) {
        struct vr_id id = vr_random_id(&seeded.random);
        struct vr_id back;
        uint8_t bytes[16];

        assert_int_equal(strlen(vr_id_format(id, text)), 26);
        assert_true(vr_id_parse(text, &back));
        assert_true(vr_id_equal(id, back));
        vr_id_put(bytes, id);
        assert_true(vr_id_equal(id, vr_id_get(bytes)));
    }
}

static void test_id_refuses_what_is_not_one(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "0000000000000000000000000",
                                      "000000000000000000000000000",
                                      "8zzzzzzzzzzzzzzzzzzzzzzzzz",
                                      "0000000000000000000000000A",
                                      "0000000000000000000000000l",
                                      "0000000000000000000000000 ",
                                      "000000000000/0000000000000"};
    struct vr_id id = {1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(vr_id_parse(bad[i], &id));
    }
    assert_int_equal(id.hi, 1);
    assert_true(vr_id_parse("7zzzzzzzzzzzzzzzzzzzzzzzzz", &id));
    assert_true(id.hi == UINT64_MAX && id.lo == UINT64_MAX);
}

static void test_buffer_grows_and_prints(void **state)
{
    struct vr_buf buf = {0};

    (void)state;
    for (int i = 0; i < 500; i++) {
        vr_buf_printf(&buf, "%03d,", i);
    }
    assert_false(buf.failed);
    assert_int_equal(buf.size, 2000);
    assert_memory_equal(buf.data + 1996, "499,", 4);
    vr_buf_deinit(&buf);
    vr_buf_unsigned(&buf, 0);
    vr_buf_text(&buf, " ");
    vr_buf_unsigned(&buf, UINT64_MAX);
    assert_int_equal(buf.size, 22);
    assert_memory_equal(buf.data, "0 18446744073709551615", 22);
    vr_buf_deinit(&buf);
    assert_null(buf.data);
}

static void test_blob_is_counted_text(void **state)
{
    struct vr_blob *blob = vr_blob_new(vr_bytes_of("hello"));

    (void)state;
    assert_ptr_equal(vr_blob_retain(blob), blob);
    vr_blob_release(blob);
    assert_string_equal(vr_blob_text(blob), "hello");
    assert_int_equal(vr_blob_bytes(blob).size, 5);
    vr_blob_release(blob);
    vr_blob_release(NULL);
}

static void test_below_is_even_and_bounded(void **state)
{
    struct vr_random_seeded seeded;
    int seen[7] = {0};

    (void)state;
    vr_random_seeded_init(&seeded, 3);
    for (int i = 0; i < 70000; i++) {
        seen[vr_random_below(&seeded.random, 7)]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
}

static void test_errors_have_words_and_status(void **state)
{
    struct vr_why why;

    (void)state;
    for (int i = 0; i < VR_ERR_COUNT; i++) {
        assert_int_equal(vr_err_from_code(vr_err_code((enum vr_err)i)), i);
        assert_in_range(vr_err_status((enum vr_err)i), 200, 599);
    }
    assert_int_equal(vr_fail(&why, VR_E_ROOM_FULL, "%s: all %d taken", "oak", 3), VR_E_ROOM_FULL);
    assert_string_equal(why.text, "oak: all 3 taken");
    assert_int_equal(vr_fail(NULL, VR_E_BUSY, "nobody listens"), VR_E_BUSY);
}

struct item {
    int value;
    struct vr_list link;
};

static void test_list_keeps_order_and_survives_removal(void **state)
{
    struct vr_list head;
    struct item items[4];
    int sum = 0;

    (void)state;
    vr_list_init(&head);
    for (int i = 0; i < 4; i++) {
        items[i].value = i;
        vr_list_push(&head, &items[i].link);
    }
    VR_LIST_EACH(each, &head)
    {
        struct item *item = VR_OWNER(each, struct item, link);

        sum = sum * 10 + item->value;
        if (item->value % 2 == 0) {
            vr_list_remove(&item->link);
        }
    }
    assert_int_equal(sum, 123);
    assert_ptr_equal(vr_list_pop(&head), &items[1].link);
    assert_ptr_equal(vr_list_pop(&head), &items[3].link);
    assert_null(vr_list_pop(&head));
}

static void catch_line(void *ctx, const char *line, size_t size)
{
    snprintf(ctx, 1024, "%.*s", (int)size, line);
}

static void test_log_line_is_json_on_one_line(void **state)
{
    char line[1024] = "";

    (void)state;
    vr_log_set_sink(catch_line, line);
    vr_log(VR_LOG_WARN, "room \"oak\" woke", VR_S("why", "new\nline"), VR_U("count", 3),
           VR_S("left_out", NULL));
    assert_non_null(strstr(line, "\"level\":\"warn\",\"msg\":\"room \\\"oak\\\" woke\""));
    assert_non_null(strstr(line, ",\"why\":\"new\\u000aline\",\"count\":3}\n"));
    assert_null(strstr(line, "left_out"));
    line[0] = 0;
    vr_log(VR_LOG_DEBUG, "not at this level");
    assert_string_equal(line, "");
    vr_log_set_level(VR_LOG_DEBUG);
    vr_log(VR_LOG_DEBUG, "now");
    assert_non_null(strstr(line, "\"msg\":\"now\"}"));
    vr_log_set_level(VR_LOG_INFO);
    vr_log_set_sink(NULL, NULL);
}

static void test_utf8_goes_by_characters(void **state)
{
    static const struct {
        const char *text;
        size_t size; /* of the first character */
    } rows[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac!", 3},
        {"\xf0\x9f\x8e\xa4", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xc3", 0},             /* cut off */
        {"\xe2\x82", 0},         /* cut off */
        {"\xe2(\xac", 0},        /* no continuation */
        {"\x80", 0},             /* a continuation alone */
        {"\xc1\xbf", 0},         /* overlong */
        {"\xe0\x9f\xbf", 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_bytes text = vr_bytes_of(rows[i].text);

        assert_int_equal(vr_utf8_size(text.data, text.size), rows[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_goes_by_characters),
        cmocka_unit_test(test_id_text_goes_both_ways),
        cmocka_unit_test(test_id_refuses_what_is_not_one),
        cmocka_unit_test(test_buffer_grows_and_prints),
        cmocka_unit_test(test_blob_is_counted_text),
        cmocka_unit_test(test_below_is_even_and_bounded),
        cmocka_unit_test(test_errors_have_words_and_status),
        cmocka_unit_test(test_list_keeps_order_and_survives_removal),
        cmocka_unit_test(test_log_line_is_json_on_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
