/* trace_test.c - goal: a traceparent is taken exactly as the specification says, whatever a
 * stranger sends; spans hang where they should, and nothing is recorded that is not traced. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/base/trace.h"

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void what_is_a_traceparent(void **state)
{
    static const struct {
        const char *text;
        bool good, sampled;
    } cases[] = {
        {GOOD, true, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02", true, false},
        /* a later version: the four parts, and what else it has to say */
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true, true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true, true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more", false, false},
        /* not one */
        {"", false, false},
        {"00", false, false},
        {GOOD "-", false, false},
        {GOOD " ", false, false},
        {" " GOOD, false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false, false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", false, false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false, false},
        {"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false, false},
        {"0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\xc3\xa9", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vr_trace trace;
        bool sampled = true;
        bool good = vr_traceparent_read(vr_bytes_of(cases[i].text), &trace, &sampled);

        if (good != cases[i].good || sampled != cases[i].sampled ||
            vr_trace_on(&trace) != cases[i].good) {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
}

static void what_was_read_can_be_written(void **state)
{
    struct vr_trace trace;
    bool sampled = false;
    char text[VR_TRACEPARENT_TEXT];

    (void)state;
    assert_true(vr_traceparent_read(vr_bytes_of(GOOD), &trace, &sampled));
    vr_traceparent_write(&trace, text);
    assert_string_equal(text, GOOD);
}

struct kept {
    struct vr_span span;
    uint32_t count;
};

static void keep(void *ctx, const struct vr_span *span)
{
    struct kept *kept = ctx;

    kept->span = *span;
    kept->count++;
}

static struct vr_tracing tracing_of(struct kept *kept, struct vr_random_seeded *seeded,
                                    uint32_t share)
{
    vr_random_seeded_init(seeded, 7);
    return (struct vr_tracing){keep, kept, &seeded->random, share};
}

static void spans_hang_below_who_called(void **state)
{
    struct kept kept = {.count = 0};
    struct vr_random_seeded seeded;
    struct vr_tracing tracing = tracing_of(&kept, &seeded, 0);
    struct vr_trace caller;
    struct vr_span first;
    struct vr_span second;
    bool sampled = false;

    (void)state;
    assert_true(vr_traceparent_read(vr_bytes_of(GOOD), &caller, &sampled));
    vr_span_begin(&tracing, GOOD, 100, &first);
    assert_memory_equal(first.trace.id, caller.id, 16);
    assert_memory_equal(first.parent, caller.span, 8);
    assert_int_equal(first.kind, VR_SPAN_SERVER);
    vr_span_below(&tracing, &first.trace, 150, &second);
    assert_memory_equal(second.trace.id, caller.id, 16);
    assert_memory_equal(second.parent, first.trace.span, 8);
    assert_memory_not_equal(second.trace.span, first.trace.span, 8);
    vr_span_end(&tracing, &second, 170);
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.span.begun, 150);
    assert_int_equal(kept.span.ended, 170);
    vr_span_end(&tracing, &first, 90); /* a clock that was read late: never before the beginning */
    assert_int_equal(kept.span.ended, 100);
}

static uint32_t begun_of(const struct vr_tracing *tracing, const char *traceparent, uint32_t tries)
{
    uint32_t begun = 0;

    for (uint32_t i = 0; i < tries; i++) {
        struct vr_span span;

        vr_span_begin(tracing, traceparent, 1, &span);
        begun += vr_trace_on(&span.trace);
        vr_span_end(tracing, &span, 2);
    }
    return begun;
}

static void the_share_is_kept_and_the_caller_obeyed(void **state)
{
    struct kept kept = {.count = 0};
    struct vr_random_seeded seeded;
    struct vr_tracing tracing = tracing_of(&kept, &seeded, 0);
    static const char no[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    uint32_t quarter;

    (void)state;
    assert_int_equal(begun_of(&tracing, "", 100), 0);
    assert_int_equal(begun_of(&tracing, GOOD, 100), 100);
    tracing.share = UINT32_MAX;
    assert_int_equal(begun_of(&tracing, "", 100), 100);
    assert_int_equal(begun_of(&tracing, "nonsense", 100), 100);
    assert_int_equal(begun_of(&tracing, no, 100), 0);
    tracing.share = UINT32_MAX / 4;
    quarter = begun_of(&tracing, "", 4000);
    assert_in_range(quarter, 900, 1100);
    assert_int_equal(kept.count, 300 + quarter);
    assert_int_equal(begun_of(NULL, GOOD, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_traceparent),
        cmocka_unit_test(what_was_read_can_be_written),
        cmocka_unit_test(spans_hang_below_who_called),
        cmocka_unit_test(the_share_is_kept_and_the_caller_obeyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
