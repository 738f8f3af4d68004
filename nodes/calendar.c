#include "nodes/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_OCTETS 75 /* RFC 5545, 3.1: without the line break */

/** Folded so that no character is cut in two: a line break and a space go on. */
static void content_line(struct vr_buf *out, const char *name, const char *value)
{
    size_t column = strlen(name);
    const char *at = value;

    vr_buf_text(out, name);
    while (*at != '\0') {
        size_t size = 1;

        while (((unsigned char)at[size] & 0xc0) == 0x80) {
            size++;
        }
        if (column + size > LINE_MAX_OCTETS) {
            vr_buf_text(out, "\r\n ");
            column = 1;
        }
        vr_buf_append(out, at, size);
        column += size;
        at += size;
    }
    vr_buf_text(out, "\r\n");
}

/** TEXT of RFC 5545, 3.3.11; other control characters have no place in it. */
static void text_line(struct vr_buf *out, const char *name, const char *value)
{
    struct vr_buf escaped = {0};

    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n') {
            vr_buf_text(&escaped, "\\n");
        } else if (strchr("\\;,", *at) != NULL) {
            vr_buf_text(&escaped, "\\");
            vr_buf_append(&escaped, at, 1);
        } else if ((unsigned char)*at >= 0x20 && *at != 0x7f) {
            vr_buf_append(&escaped, at, 1);
        }
    }
    vr_buf_append(&escaped, "", 1);
    out->failed = out->failed || escaped.failed;
    if (!escaped.failed) {
        content_line(out, name, (const char *)escaped.data);
    }
    vr_buf_deinit(&escaped);
}

static void time_line(struct vr_buf *out, const char *name, vr_time_us wall)
{
    time_t seconds = (time_t)(wall / 1000000);
    struct tm parts = {0};

    gmtime_r(&seconds, &parts);
    vr_buf_printf(out, "%s%04d%02d%02dT%02d%02d%02dZ\r\n", name, parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void vr_calendar_begin(struct vr_buf *out, const char *name)
{
    vr_buf_text(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Voicerooms//EN\r\n"
                     "CALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\n");
    text_line(out, "X-WR-CALNAME:", name);
    vr_buf_text(out, "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n");
}

void vr_calendar_event(struct vr_buf *out, const struct vr_calendar_event *event,
                       vr_time_us now_wall)
{
    vr_buf_printf(out, "BEGIN:VEVENT\r\nUID:%s@voicerooms\r\n", event->uid);
    time_line(out, "DTSTAMP:", now_wall);
    time_line(out, "DTSTART:", event->starts_wall);
    vr_buf_printf(out, "DURATION:PT1H\r\nSEQUENCE:%" PRIu64 "\r\n", event->revision);
    text_line(out, "SUMMARY:", event->title);
    if (event->description[0] != '\0') {
        text_line(out, "DESCRIPTION:", event->description);
    }
    if (event->url[0] != '\0') {
        content_line(out, "URL:", event->url);
        text_line(out, "LOCATION:", event->url);
    }
    vr_buf_text(out, "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT10M\r\n");
    text_line(out, "DESCRIPTION:", event->title);
    vr_buf_text(out, "END:VALARM\r\nEND:VEVENT\r\n");
}

void vr_calendar_end(struct vr_buf *out)
{
    vr_buf_text(out, "END:VCALENDAR\r\n");
}
