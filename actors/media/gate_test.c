/* Goal: a gate is shut until told, late news never opens it, and a newer session silences the
 * older. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/gate.h"

struct step {
    struct vr_gate news;
    bool taken;
    uint32_t generation; /* of the packet asked about */
    bool in;
    bool out;
};

static void table(void **state)
{
    static const struct step steps[] = {
        {{.version = 5, .generation = 1, .may_send = true, .may_hear = true}, true, 1, true, true},
        {{.version = 4, .generation = 1, .may_send = false, .may_hear = false},
         false,
         1,
         true,
         true},
        {{.version = 6, .generation = 1, .may_send = false, .may_hear = true},
         true,
         1,
         false,
         true},
        {{.version = 5, .generation = 1, .may_send = true, .may_hear = true},
         false,
         1,
         false,
         true},
        {{.version = 6, .generation = 1, .may_send = false, .may_hear = true},
         true,
         1,
         false,
         true},
        {{.version = 1, .generation = 2, .may_send = true, .may_hear = true}, true, 2, true, true},
        {{.version = 9, .generation = 1, .may_send = true, .may_hear = true},
         false,
         1,
         false,
         false},
        {{.version = 2, .generation = 2, .may_send = true, .may_hear = true, .gone = true},
         true,
         2,
         false,
         false},
        {{.version = 1, .generation = 2, .may_send = true, .may_hear = true},
         false,
         3,
         false,
         false},
        {{.version = 3, .generation = 3, .may_send = true, .may_hear = true}, true, 3, true, true},
        /* a new owner counts from what it knows, a former one counts no more */
        {{.epoch = 8, .version = 1, .generation = 2, .may_send = false, .may_hear = true},
         true,
         2,
         false,
         true},
        {{.epoch = 7, .version = 99, .generation = 9, .may_send = true, .may_hear = true},
         false,
         2,
         false,
         true},
    };
    struct vr_gate gate = {0};

    (void)state;
    assert_false(vr_gate_passes_in(&gate, 0));
    assert_false(vr_gate_passes_out(&gate, UINT32_MAX));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(vr_gate_apply(&gate, &steps[i].news), steps[i].taken);
        assert_int_equal(vr_gate_passes_in(&gate, steps[i].generation), steps[i].in);
        assert_int_equal(vr_gate_passes_out(&gate, steps[i].generation), steps[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
