/* Goal: the documents of this project come out as the same thing in JSON; what they do not use is
 * refused. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "nodes/yaml_json.h"

static void documents(void **state)
{
    static const struct {
        const char *yaml;
        const char *json; /* NULL: refused */
    } cases[] = {
        {"a: 1\nb: [x, 'true', true, null, ~]\n",
         "{\"a\":1,\"b\":[\"x\",\"true\",true,null,null]}"},
        {"'200': {x: -1.5, y: 1.}\n", "{\"200\":{\"x\":-1.5,\"y\":\"1.\"}}"},
        {"200: 007\n", "{\"200\":\"007\"}"},
        {"t: |\n  one\n  \"two\"\n", "{\"t\":\"one\\n\\\"two\\\"\\n\"}"},
        {"- a\n- - b\n  - {}\n", "[\"a\",[\"b\",{}]]"},
        {"openapi: 3.1.0\n", "{\"openapi\":\"3.1.0\"}"},
        {"a: &x 1\nb: *x\n", NULL},
        {"a: [1\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vr_buf out = {0};
        enum vr_err err = vr_yaml_to_json(vr_bytes_of(cases[i].yaml), &out);

        if (cases[i].json == NULL) {
            assert_int_not_equal(err, VR_OK);
        } else {
            assert_int_equal(err, VR_OK);
            vr_buf_append(&out, "", 1);
            assert_string_equal((const char *)out.data, cases[i].json);
        }
        vr_buf_deinit(&out);
    }
}

static void too_deep(void **state)
{
    char deep[401];
    struct vr_buf out = {0};

    (void)state;
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    deep[400] = '\0';
    assert_int_equal(vr_yaml_to_json(vr_bytes_of(deep), &out), VR_E_BAD_WIRE);
    vr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(documents), cmocka_unit_test(too_deep)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
