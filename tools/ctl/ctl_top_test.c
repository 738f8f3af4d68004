/* Goal: the picture of `top` names who talks, keeps its columns whatever the titles are, and never
 * is wider or longer than the terminal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "tools/ctl/output.h"
#include "tools/ctl/top.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    assert_non_null(value);
    return value;
}

static json_t *rooms_of(size_t count)
{
    json_t *rooms = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            rooms, parse("{\"title\":\"A title that is so long that no terminal of eighty columns "
                         "has it whole, 語り手の部屋\",\"counts\":{\"participants\":1200,"
                         "\"speakers\":12,\"hands\":3},\"talking\":[\"ana\",\"ben\"],\"on_stage\":"
                         "[{\"name\":\"ana\"},{\"name\":\"ben\"},{\"name\":\"Maximiliane\"},"
                         "{\"name\":\"Bartholomew\"},{\"name\":\"somebody else\"}]}"));
    }
    return rooms;
}

static json_t *nodes_of(void)
{
    return parse("[{\"node\":\"a-name-that-is-longer-than-its-column\",\"alive\":true,"
                 "\"draining\":false,\"rooms\":7,\"participants\":123456,\"stress\":0.42,"
                 "\"version\":\"1.2.3\"}]");
}

/* Lines, and the widest of them. */
static size_t measure(struct vr_buf *out, size_t *widest)
{
    size_t lines = 0;
    char *at;

    vr_buf_append(out, "", 1);
    assert_false(out->failed);
    *widest = 0;
    at = (char *)out->data;
    for (char *end = strchr(at, '\n'); end != NULL; end = strchr(at, '\n')) {
        *end = 0;
        *widest = vr_ctl_columns(at) > *widest ? vr_ctl_columns(at) : *widest;
        at = end + 1;
        lines++;
    }
    return lines;
}

static void test_fits_the_terminal(void **state)
{
    static const struct vr_ctl_screen screens[] = {{80, 24}, {200, 50}, {60, 10}, {0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
        json_t *nodes = nodes_of();
        json_t *rooms = rooms_of(60);
        struct vr_buf out = {0};
        size_t widest;
        size_t lines;

        vr_ctl_top_write(&out, nodes, rooms, &screens[i]);
        lines = measure(&out, &widest);
        assert_true(widest <= (screens[i].columns == 0 ? 160 : screens[i].columns));
        assert_true(screens[i].lines == 0 ? lines == 64 : lines < screens[i].lines);
        vr_buf_deinit(&out);
        json_decref(nodes);
        json_decref(rooms);
    }
}

static void test_columns(void **state)
{
    json_t *nodes = nodes_of();
    json_t *rooms = rooms_of(1);
    struct vr_buf out = {0};
    const char *text;

    (void)state;
    vr_ctl_top_write(&out, nodes, rooms, &(struct vr_ctl_screen){80, 24});
    vr_buf_append(&out, "", 1);
    text = (const char *)out.data;
    assert_non_null(
        strstr(text, "a-name-that-is-long…  up             7  123456     42%  1.2.3\n"));
    assert_non_null(strstr(text, "A title that is …    1200     12      3  ana, ben"));
    vr_buf_deinit(&out);
    json_decref(nodes);
    json_decref(rooms);
}

static void test_talkers(void **state)
{
    json_t *before = parse("{\"ana\":1.5,\"ben\":3.0,\"cy\":0.2}");
    json_t *now = parse("{\"ana\":1.7,\"ben\":3.0,\"cy\":1.2,\"dora\":0.1}");
    json_t *names = vr_ctl_talkers(before, now);
    json_t *want = parse("[\"cy\",\"ana\",\"dora\"]");

    (void)state;
    assert_int_equal(json_array_size(names), 3);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "cy");
    json_decref(names);
    names = vr_ctl_talkers(NULL, now); /* the first look: nothing is known */
    assert_int_equal(json_array_size(names), 0);
    json_decref(names);
    json_decref(want);
    json_decref(before);
    json_decref(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits_the_terminal),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_talkers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
