/* help.c - help for all, for a noun, for a command. */
#include <string.h>

#include "tools/ctl/commands.h"

static void flag_line(struct vr_buf *out, const struct vr_ctl_flag *flag)
{
    struct vr_buf left = {0};

    vr_buf_printf(&left, flag->letter == 0 ? "      " : "  -%c, ", flag->letter);
    vr_buf_printf(&left, "--%s%s%s", flag->name, flag->value == NULL ? "" : " ",
                  flag->value == NULL ? "" : flag->value);
    vr_buf_append(&left, "", 1);
    vr_buf_printf(out, "%-32s  %s\n", left.failed ? "" : (const char *)left.data, flag->help);
    vr_buf_deinit(&left);
}

static void usage_words(struct vr_buf *out, const struct vr_ctl_command *command)
{
    vr_buf_printf(out, "%s%s%s", command->noun, command->verb[0] == '\0' ? "" : " ", command->verb);
    for (const struct vr_ctl_arg *arg = command->args; arg != NULL && arg->name != NULL; arg++) {
        vr_buf_printf(out, arg->optional ? " [%s]" : " %s", arg->name);
    }
}

static void command_line(struct vr_buf *out, const struct vr_ctl_command *command)
{
    struct vr_buf left = {0};

    usage_words(&left, command);
    vr_buf_append(&left, "", 1);
    vr_buf_printf(out, "  %-44s  %s\n", left.failed ? "" : (const char *)left.data, command->help);
    vr_buf_deinit(&left);
}

static void globals(struct vr_buf *out, const struct vr_ctl_table *table,
                    const struct vr_ctl_command *command)
{
    for (const struct vr_ctl_flag *flag = table->globals; flag->name != NULL; flag++) {
        if (command == NULL || vr_ctl_flag_fits(flag, command)) {
            flag_line(out, flag);
        }
    }
}

static void help_command(struct vr_buf *out, const struct vr_ctl_table *table,
                         const struct vr_ctl_command *command)
{
    vr_buf_printf(out, "%s\n\nUsage:\n  voiceroomctl ", command->help);
    usage_words(out, command);
    vr_buf_text(out, " [flags]\n");
    if (command->flags != NULL) {
        vr_buf_text(out, "\nFlags:\n");
        for (const struct vr_ctl_flag *flag = command->flags; flag->name != NULL; flag++) {
            flag_line(out, flag);
        }
    }
    vr_buf_text(out, "\nFlags of all commands:\n");
    globals(out, table, command);
    vr_buf_printf(out, "\nExample:\n  voiceroomctl %s\n", command->example);
}

void vr_ctl_help_write(struct vr_buf *out, const struct vr_ctl_table *table, const char *noun,
                       const struct vr_ctl_command *command)
{
    if (command != NULL) {
        help_command(out, table, command);
        return;
    }
    vr_buf_text(out,
                noun == NULL
                    ? "voiceroomctl - rooms, people and nodes of Voicerooms from a terminal\n\n"
                      "Usage:\n  voiceroomctl NOUN VERB [arguments] [flags]\n\nCommands:\n"
                    : "Commands:\n");
    for (size_t i = 0; i < table->count; i++) {
        if (noun == NULL || strcmp(noun, table->commands[i].noun) == 0) {
            command_line(out, &table->commands[i]);
        }
    }
    if (noun == NULL) {
        vr_buf_text(out, "\nFlags:\n");
        globals(out, table, NULL);
        vr_buf_text(out,
                    "\nEnds with 0 done, 1 error, 2 usage, 3 not found, 4 denied, 5 conflict, 6 "
                    "unavailable, 7 timeout.\n");
    }
    vr_buf_text(out, "\n'voiceroomctl NOUN VERB --help' says more about a command.\n");
}
