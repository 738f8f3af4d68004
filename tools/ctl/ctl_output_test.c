/* Goal: the same value in every form of output, character by character; the man page and the
 * changes of a watched room. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column columns[] = {
    {"ID", "id", false},    {"NAME", "name", false}, {"N", "counts.n", false},
    {"MORE", "more", true}, {NULL, NULL, false},
};
static const struct vr_ctl_shape shape = {columns, "id"};

static void expect(const char *json, enum vr_ctl_format format, bool colour, const char *wanted)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    struct vr_buf out = {0};

    assert_non_null(value);
    vr_ctl_write(&out, format, value, &shape, colour);
    vr_buf_append(&out, "", 1);
    assert_false(out.failed);
    assert_string_equal((const char *)out.data, wanted);
    vr_buf_deinit(&out);
    json_decref(value);
}

#define LIST                                                                                       \
    "[{\"id\":\"a\",\"name\":\"\\u8a9e\\u308a\",\"counts\":{\"n\":3},\"more\":[\"x\",\"y\"]},"     \
    "{\"id\":\"bcd\",\"name\":\"e\\u0301\",\"counts\":{\"n\":null},\"more\":true}]"

static void test_tables(void **state)
{
    (void)state;
    expect(LIST, VR_CTL_TABLE, false, "ID   NAME  N\na    語り  3\nbcd  e\u0301     -\n");
    expect(LIST, VR_CTL_WIDE, false,
           "ID   NAME  N  MORE\na    語り  3  x,y\nbcd  e\u0301     -  yes\n");
    expect("[]", VR_CTL_TABLE, true, "\033[1mID  NAME  N\033[0m\n");
    expect("{\"id\":\"a\",\"name\":\"\"}", VR_CTL_TABLE, false,
           "ID    a\nNAME  -\nN     -\nMORE  -\n");
}

static void test_strangers_do_not_drive_the_terminal(void **state)
{
    (void)state;
    expect("[{\"id\":\"\\u001b[2J\\n\",\"name\":\"a\\u202eb\\u009b\"}]", VR_CTL_TABLE, false,
           "ID     NAME  N\n?[2J?  a?b?  -\n");
    expect("{\"id\":\"\\u001b\"}", VR_CTL_NAME, false, "?\n");
}

static void test_for_programs(void **state)
{
    (void)state;
    expect("{\"b\":1,\"a\":[]}", VR_CTL_JSON, false, "{\n  \"b\": 1,\n  \"a\": []\n}\n");
    expect("[{\"id\":1},{\"id\":\"z\"}]", VR_CTL_JSONL, false, "{\"id\":1}\n{\"id\":\"z\"}\n");
    expect("[{\"id\":1},{\"id\":\"z\"}]", VR_CTL_NAME, false, "1\nz\n");
    expect("[]", VR_CTL_NAME, false, "");
    expect(
        "{\"t\":\"plain text\",\"n\":\"no\",\"x\":\"1.5\",\"e\":\"\",\"l\":[1,{\"a\":null,\"b\":["
        "true]}],\"o\":{}}",
        VR_CTL_YAML, false,
        "t: plain text\n\"n\": \"no\"\nx: \"1.5\"\ne: \"\"\nl:\n  - 1\n  - a: null\n    b:\n      "
        "- true\no: {}\n");
    expect("[]", VR_CTL_YAML, false, "[]\n");
}

static void test_changes(void **state)
{
    json_t *before =
        json_loads("[{\"participant\":1,\"name\":\"ana\",\"role\":\"host\",\"muted\":"
                   "false,\"hand\":null,\"state\":\"live\"},{\"participant\":2,\"name\":"
                   "\"ben\"}]",
                   0, NULL);
    json_t *after =
        json_loads("[{\"participant\":1,\"name\":\"ana\",\"role\":\"host\",\"muted\":true,"
                   "\"muted_by_moderator\":true,\"hand\":{\"position\":1},\"state\":"
                   "\"live\"},{\"participant\":3,\"name\":\"cy\",\"role\":\"listener\"}]",
                   0, NULL);
    json_t *rows = vr_ctl_changes(before, after, "now");
    static const char *const wanted[] = {"left", "hand-raised", "muted", "joined"};

    (void)state;
    assert_int_equal(json_array_size(rows), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(json_string_value(json_object_get(json_array_get(rows, i), "event")),
                            wanted[i]);
    }
    json_decref(rows);
    rows = vr_ctl_changes(after, after, "now");
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    json_decref(before);
    json_decref(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_strangers_do_not_drive_the_terminal),
        cmocka_unit_test(test_for_programs),
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests_name("ctl_output", tests, NULL, NULL);
}
