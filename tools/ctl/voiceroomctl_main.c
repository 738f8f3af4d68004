/* voiceroomctl_main.c - reads the line, runs the command, again with --watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/commands.h"

static bool coloured(int fd)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fd) && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static int show_help(const struct vr_ctl_line *line, FILE *to)
{
    struct vr_buf out = {0};

    vr_ctl_help_write(&out, vr_ctl_table(), line->noun, line->command);
    fwrite(out.data, 1, out.size, to);
    vr_buf_deinit(&out);
    return VR_CTL_OK;
}

static int bad_usage(struct vr_ctl *ctl, const struct vr_why *why)
{
    const struct vr_ctl_line *line = ctl->line;

    (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why->text);
    if (line->command != NULL) {
        vr_ctl_say(ctl, "  to do:   see 'voiceroomctl %s%s%s --help'", line->command->noun,
                   line->command->verb[0] == '\0' ? "" : " ", line->command->verb);
    } else {
        vr_ctl_say(ctl, "  to do:   see 'voiceroomctl %s%s--help'",
                   line->noun == NULL ? "" : line->noun, line->noun == NULL ? "" : " ");
    }
    return VR_CTL_USAGE;
}

/** Once, or with --watch until something fails or the person interrupts. */
static enum vr_ctl_exit run(struct vr_ctl *ctl)
{
    const struct vr_ctl_command *command = ctl->line->command;
    double every = vr_ctl_seconds(ctl->line, "watch", 0);
    struct timespec pause = {(time_t)every, (long)((every - (double)(time_t)every) * 1e9)};
    /* These go on by themselves. */
    bool own = command->run == vr_ctl_room_watch || command->run == vr_ctl_events ||
               command->run == vr_ctl_audit_tail || command->run == vr_ctl_top;
    bool again = vr_ctl_given(ctl->line, "watch") && !own;
    enum vr_ctl_exit code = VR_CTL_OK;

    do {
        if (again && isatty(STDOUT_FILENO)) {
            fputs("\033[H\033[2J", stdout);
        }
        code = command->run(ctl);
        if (again && code == VR_CTL_OK) {
            nanosleep(&pause, NULL);
        }
    } while (again && code == VR_CTL_OK);
    return code == VR_CTL_NOT_SENT ? VR_CTL_OK : code;
}

static int run_line(struct vr_ctl *ctl)
{
    struct vr_why why = {0};
    const char *format = vr_ctl_text(ctl->line, "output");
    enum vr_ctl_exit code = VR_CTL_OK;

    if (vr_ctl_given(ctl->line, "watch") && vr_ctl_seconds(ctl->line, "watch", 0) < 0.1) {
        return (int)vr_ctl_fail(ctl, VR_CTL_USAGE, "--watch: at least 0.1 s");
    }
    if (vr_ctl_given(ctl->line, "timeout") && vr_ctl_seconds(ctl->line, "timeout", 0) < 0.01) {
        return (int)vr_ctl_fail(ctl, VR_CTL_USAGE, "--timeout: at least 0.01 s");
    }
    (void)vr_ctl_format_parse(format == NULL ? "table" : format, &ctl->format);
    if (vr_ctl_settings_load(ctl->line, &ctl->settings, &why) != VR_OK) {
        return (int)vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
    }
    ctl->http = vr_ctl_http_new(&ctl->settings);
    if (ctl->http == NULL) {
        return (int)vr_ctl_fail(ctl, VR_CTL_ERROR, "libcurl could not be started");
    }
    code = run(ctl);
    vr_ctl_http_free(ctl->http);
    return (int)code;
}

int main(int argc, char **argv)
{
    struct vr_ctl_line line = {0};
    struct vr_why why = {0};
    struct vr_ctl *ctl = calloc(1, sizeof(*ctl));
    int code = VR_CTL_ERROR;

    if (ctl == NULL) {
        return VR_CTL_ERROR;
    }
    ctl->line = &line;
    ctl->colour = coloured(STDOUT_FILENO);
    ctl->colour_errors = coloured(STDERR_FILENO);
    if (vr_ctl_parse(vr_ctl_table(), argc, argv, &line, &why) != VR_OK) {
        code = bad_usage(ctl, &why);
    } else if (line.help) {
        code = show_help(&line, stdout);
    } else if (line.version) {
        code = (int)vr_ctl_version(ctl);
    } else if (line.command == NULL) {
        show_help(&line, stderr);
        code = VR_CTL_USAGE;
    } else {
        code = run_line(ctl);
    }
    explicit_bzero(ctl, sizeof(*ctl));
    free(ctl);
    return code;
}
