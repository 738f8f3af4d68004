/* Goal: reports are counted as far as they make sense, per room and in all, and nobody can fill the
 * memory with rooms. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "nodes/quality.h"

static struct vr_id room_of(uint64_t number)
{
    uint8_t bytes[16] = {0};

    memcpy(bytes, &number, sizeof(number));
    return vr_id_get(bytes);
}

static void take(struct vr_quality *quality, uint64_t room, const char *report)
{
    vr_quality_take(quality, room_of(room), vr_bytes_of(report));
}

static void assert_room(struct vr_quality *quality, uint64_t room, const char *expected)
{
    struct vr_buf out = {0};

    vr_quality_room_write(quality, room_of(room), &out);
    vr_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data, expected);
    vr_buf_deinit(&out);
}

static void assert_metrics_hold(struct vr_quality *quality, const char *line)
{
    struct vr_buf out = {0};

    vr_quality_metrics_write(quality, &out);
    vr_buf_append(&out, "", 1);
    assert_non_null(strstr((const char *)out.data, line));
    vr_buf_deinit(&out);
}

static void sums_up_by_room(void **state)
{
    struct vr_quality *quality = vr_quality_new();

    (void)state;
    take(quality, 1, "{\"join_ms\": 80, \"loss\": 0.5}");
    take(quality, 1, "{\"join_ms\": 120}");
    take(quality, 2, "{\"rtt_ms\": 30.5}");
    assert_room(quality, 1,
                "{\"join_ms\":{\"count\":2,\"mean\":100.0000,\"max\":120.0000},"
                "\"loss\":{\"count\":1,\"mean\":0.5000,\"max\":0.5000}}");
    assert_room(quality, 2, "{\"rtt_ms\":{\"count\":1,\"mean\":30.5000,\"max\":30.5000}}");
    assert_room(quality, 3, "{}");
    take(quality, 4, "{\"capture_to_playout_ms\": 140}");
    assert_room(quality, 4,
                "{\"capture_to_playout_ms\":{\"count\":1,\"mean\":140.0000,\"max\":140.0000}}");
    assert_metrics_hold(quality,
                        "voiceroom_client_capture_to_playout_seconds_bucket{le=\"0.1\"} 0\n");
    assert_metrics_hold(quality,
                        "voiceroom_client_capture_to_playout_seconds_bucket{le=\"0.2\"} 1\n");
    assert_metrics_hold(quality, "voiceroom_client_join_seconds_bucket{le=\"0.1\"} 1\n");
    assert_metrics_hold(quality, "voiceroom_client_join_seconds_bucket{le=\"0.2\"} 2\n");
    assert_metrics_hold(quality, "voiceroom_client_join_seconds_sum 0.200000\n");
    assert_metrics_hold(quality, "voiceroom_client_loss_ratio_bucket{le=\"0.5\"} 1\n");
    assert_metrics_hold(quality, "voiceroom_client_round_trip_seconds_count 1\n");
    vr_quality_free(quality);
}

static void nonsense_is_left_out(void **state)
{
    static const char *const reports[] = {
        "",
        "[]",
        "7",
        "{",
        "{\"loss\": \"0.5\"}",
        "{\"loss\": 1.5, \"join_ms\": -1}",
        "{\"jitter_ms\": 1e300}",
        "{\"other\": 5}",
        "{\"rtt_ms\": null}",
    };
    struct vr_quality *quality = vr_quality_new();

    (void)state;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        take(quality, 1, reports[i]);
    }
    assert_room(quality, 1, "{}");
    assert_metrics_hold(quality, "voiceroom_client_jitter_seconds_count 0\n");
    vr_quality_free(quality);
}

static void the_room_of_longest_ago_makes_room(void **state)
{
    struct vr_quality *quality = vr_quality_new();

    (void)state;
    for (uint64_t room = 1; room <= VR_QUALITY_ROOMS_MAX; room++) {
        take(quality, room, "{\"loss\": 0}");
    }
    take(quality, 1, "{\"loss\": 0}");
    take(quality, VR_QUALITY_ROOMS_MAX + 1, "{\"loss\": 0}");
    assert_room(quality, 1, "{\"loss\":{\"count\":2,\"mean\":0.0000,\"max\":0.0000}}");
    assert_room(quality, 2, "{}");
    assert_room(quality, VR_QUALITY_ROOMS_MAX + 1,
                "{\"loss\":{\"count\":1,\"mean\":0.0000,\"max\":0.0000}}");
    vr_quality_free(quality);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_up_by_room),
        cmocka_unit_test(nonsense_is_left_out),
        cmocka_unit_test(the_room_of_longest_ago_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
