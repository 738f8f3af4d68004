/* Goal: a calendar program reads what we write: escaped, folded at 75 octets between characters,
 * times in UTC. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "nodes/calendar.h"

static const char *written(struct vr_buf *out, const struct vr_calendar_event *event)
{
    vr_calendar_begin(out, "Rooms");
    vr_calendar_event(out, event, VR_SECONDS(1774000000));
    vr_calendar_end(out);
    vr_buf_append(out, "", 1);
    assert_false(out->failed);
    return (const char *)out->data;
}

static void one_event(void **state)
{
    const struct vr_calendar_event event = {.uid = "01abc",
                                            .title = "Songs; by, the \\ fire",
                                            .description = "First\nsecond\x01",
                                            .url = "https://voice.example/#/room/01abc",
                                            .starts_wall = VR_SECONDS(1900000000),
                                            .revision = 3};
    struct vr_buf out = {0};

    (void)state;
    assert_string_equal(written(&out, &event),
                        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Voicerooms//EN\r\n"
                        "CALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\nX-WR-CALNAME:Rooms\r\n"
                        "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n"
                        "BEGIN:VEVENT\r\nUID:01abc@voicerooms\r\nDTSTAMP:20260320T094640Z\r\n"
                        "DTSTART:20300317T174640Z\r\nDURATION:PT1H\r\nSEQUENCE:3\r\n"
                        "SUMMARY:Songs\\; by\\, the \\\\ fire\r\n"
                        "DESCRIPTION:First\\nsecond\r\n"
                        "URL:https://voice.example/#/room/01abc\r\n"
                        "LOCATION:https://voice.example/#/room/01abc\r\n"
                        "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT10M\r\n"
                        "DESCRIPTION:Songs\\; by\\, the \\\\ fire\r\n"
                        "END:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
    vr_buf_deinit(&out);
}

static void long_lines_fold_between_characters(void **state)
{
    struct vr_calendar_event event = {.uid = "01", .description = "", .url = ""};
    char title[301] = "";
    struct vr_buf out = {0};
    const char *text = NULL;

    (void)state;
    for (int i = 0; i < 100; i++) {
        strncat(title, "\xe2\x82\xac", sizeof(title) - strlen(title) - 1); /* the euro sign */
    }
    event.title = title;
    text = written(&out, &event);
    for (const char *line = text; *line != '\0';) {
        const char *end = strstr(line, "\r\n");

        assert_non_null(end);
        assert_true(end - line <= 75);
        assert_true(((unsigned char)*line & 0xc0) != 0x80);
        line = end + 2;
        if (*line == ' ') {
            assert_true(((unsigned char)line[1] & 0xc0) != 0x80);
        }
    }
    assert_null(strstr(text, "URL:"));
    vr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event),
        cmocka_unit_test(long_lines_fold_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
