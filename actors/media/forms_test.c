/* Goal: each kind of listener gets its own header, strangers too, and padding never needs more than
 * the one byte that counts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/media/forms.h"
#include "actors/wire/rtp.h"

static const uint8_t opus[1200] = {0x78};

static struct vr_slot_packet packet_of(uint32_t slot, size_t size)
{
    return (struct vr_slot_packet){.slot = slot,
                                   .ts = 960,
                                   .participant = 7,
                                   .tier = VR_TIER_WIDE,
                                   .opus = vr_bytes(opus, size)};
}

static struct vr_shape shape_of(uint8_t pt)
{
    struct vr_shape shape = {.opus_pt = pt, .red_pt = 63, .level_id = 1, .mid_id = 4};

    shape.mid[0][0] = '1';
    shape.mid[1][0] = '2';
    return shape;
}

static void assert_form(const struct vr_form *form, uint8_t pt, size_t payload)
{
    struct vr_rtp rtp;

    assert_true(vr_rtp_parse(vr_bytes(form->bytes, form->size), &rtp));
    assert_int_equal(rtp.pt, pt);
    assert_int_equal(rtp.payload.size, payload);
    assert_int_equal(rtp.padding, form->padding);
}

static void sizes_far_apart_stay_apart(void **state)
{
    struct vr_forms *forms = calloc(1, sizeof *forms);
    struct vr_slot_packet small = packet_of(0, 20), large = packet_of(1, 600);
    const struct vr_slot_packet *packets[] = {&small, &large};
    struct vr_shape shape = shape_of(111);
    const struct vr_form *got;

    (void)state;
    vr_forms_begin(forms, packets, 2, true);
    got = vr_forms_get(forms, 0, &shape, 0);
    assert_form(&got[0], 111, 20);
    assert_form(&got[1], 111, 600);
    assert_int_equal(got[0].size % VR_FORM_CLASS, 0);
    assert_int_equal(got[1].size % VR_FORM_CLASS, 0);
    assert_true(got[0].padding < VR_FORM_CLASS && got[1].padding < VR_FORM_CLASS);
    large = packet_of(1, 250);
    vr_forms_begin(forms, packets, 2, true);
    got = vr_forms_get(forms, 0, &shape, 0);
    assert_int_equal(got[0].size, got[1].size);
    assert_form(&got[0], 111, 20);
    free(forms);
}

/* More kinds than are kept, and offers that the table of kinds had no place for. */
static void every_kind_gets_its_own(void **state)
{
    struct vr_forms *forms = calloc(1, sizeof *forms);
    struct vr_slot_packet packet = packet_of(0, 40);
    const struct vr_slot_packet *packets[] = {&packet};

    (void)state;
    vr_forms_begin(forms, packets, 1, false);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint8_t kind = 0; kind < 12; kind++) {
            struct vr_shape shape = shape_of((uint8_t)(96 + kind));

            assert_form(vr_forms_get(forms, kind, &shape, 0), (uint8_t)(96 + kind), 40);
            shape = shape_of((uint8_t)(110 + kind));
            assert_form(vr_forms_get(forms, VR_SHAPE_NONE, &shape, 0), (uint8_t)(110 + kind), 40);
        }
    }
    free(forms);
}

static void kinds_are_shared_and_given_back(void **state)
{
    struct vr_shapes *shapes = calloc(1, sizeof *shapes);
    struct vr_peer_conf conf = {.opus_pt = 111};
    uint16_t first = vr_shapes_take(shapes, &conf);

    (void)state;
    assert_int_equal(vr_shapes_take(shapes, &conf), first);
    for (uint32_t i = 1; i < VR_SHAPES_MAX; i++) {
        memcpy(conf.slot_mid[0], &(char[]){(char)('a' + i / 100), (char)('0' + i % 100), 0}, 3);
        assert_int_not_equal(vr_shapes_take(shapes, &conf), VR_SHAPE_NONE);
    }
    conf.opus_pt = 96;
    assert_int_equal(vr_shapes_take(shapes, &conf), VR_SHAPE_NONE);
    vr_shapes_release(shapes, VR_SHAPE_NONE);
    vr_shapes_release(shapes, first);
    assert_int_equal(vr_shapes_take(shapes, &conf), VR_SHAPE_NONE); /* one is left who uses it */
    vr_shapes_release(shapes, first);
    assert_int_equal(vr_shapes_take(shapes, &conf), first);
    free(shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_far_apart_stay_apart),
        cmocka_unit_test(every_kind_gets_its_own),
        cmocka_unit_test(kinds_are_shared_and_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
