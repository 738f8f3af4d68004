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

/* Left by a former process, whose owner may have lost count: what shuts is believed, what opens
 * must be newer. */
static void a_kept_gate(void **state)
{
    const struct vr_gate kept = {.epoch = 7,
                                 .version = 9,
                                 .generation = 2,
                                 .known = true,
                                 .kept = true,
                                 .may_send = true,
                                 .may_hear = true};
    struct vr_gate shut = {.epoch = 7, .version = 3, .generation = 2, .may_hear = true};
    struct vr_gate open = {
        .epoch = 7, .version = 4, .generation = 2, .may_send = true, .may_hear = true};
    struct vr_gate gate = kept;

    (void)state;
    assert_true(vr_gate_passes_in(&gate, 2)); /* before anybody has spoken */
    assert_true(vr_gate_apply(&gate, &shut));
    assert_false(vr_gate_passes_in(&gate, 2));
    assert_true(vr_gate_passes_out(&gate, 2));
    assert_false(vr_gate_apply(&gate, &open)); /* older than what was kept */
    assert_false(vr_gate_passes_in(&gate, 2));
    open.version = 10;
    assert_true(vr_gate_apply(&gate, &open));
    assert_true(vr_gate_passes_in(&gate, 2));
    assert_false(vr_gate_apply(&gate, &shut)); /* somebody speaks again: late news are late */
    assert_true(vr_gate_passes_in(&gate, 2));
    gate = kept;
    open = (struct vr_gate){.epoch = 8, .version = 1, .generation = 2, .may_hear = true};
    assert_true(vr_gate_apply(&gate, &open)); /* another owner */
    assert_false(vr_gate_passes_in(&gate, 2));
    gate = kept;
    shut.epoch = 6;
    assert_false(vr_gate_apply(&gate, &shut)); /* a deposed one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(a_kept_gate)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
