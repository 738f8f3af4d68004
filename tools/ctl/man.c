/* man.c - the manual page, written from the table: voiceroomctl man | man -l - */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/commands.h"

/** Text for roff: backslashes and dashes as they are, no request at the start of a line. */
static void text(struct vr_buf *out, const char *from)
{
    if (*from == '.' || *from == '\'') {
        vr_buf_text(out, "\\&");
    }
    for (; *from != '\0'; from++) {
        if (*from == '\\') {
            vr_buf_text(out, "\\e");
        } else if (*from == '-') {
            vr_buf_text(out, "\\-");
        } else {
            vr_buf_append(out, from, 1);
        }
    }
}

static void flag_entry(struct vr_buf *out, const struct vr_ctl_flag *flag)
{
    vr_buf_text(out, ".TP\n\\fB");
    if (flag->letter != 0) {
        vr_buf_printf(out, "\\-%c\\fR, \\fB", flag->letter);
    }
    vr_buf_text(out, "\\-\\-");
    text(out, flag->name);
    vr_buf_text(out, "\\fR");
    if (flag->value != NULL) {
        vr_buf_printf(out, " \\fI%s\\fR", flag->value);
    }
    vr_buf_text(out, "\n");
    text(out, flag->help);
    vr_buf_text(out, "\n");
}

static void command_entry(struct vr_buf *out, const struct vr_ctl_command *command)
{
    vr_buf_text(out, ".SS \"");
    text(out, command->noun);
    vr_buf_text(out, command->verb[0] == '\0' ? "" : " ");
    text(out, command->verb);
    for (const struct vr_ctl_arg *arg = command->args; arg != NULL && arg->name != NULL; arg++) {
        vr_buf_printf(out, arg->optional ? " [%s]" : " %s", arg->name);
    }
    vr_buf_text(out, "\"\n");
    text(out, command->help);
    vr_buf_text(out, ".\n");
    for (const struct vr_ctl_flag *f = command->flags; f != NULL && f->name != NULL; f++) {
        flag_entry(out, f);
    }
    vr_buf_text(out, ".PP\nExample: \\fB");
    text(out, "voiceroomctl ");
    text(out, command->example);
    vr_buf_text(out, "\\fR\n");
}

static void entry(struct vr_buf *out, const char *tag, const char *what)
{
    vr_buf_text(out, ".TP\n\\fB");
    text(out, tag);
    vr_buf_text(out, "\\fR\n");
    text(out, what);
    vr_buf_text(out, "\n");
}

void vr_ctl_man_write(struct vr_buf *out, const struct vr_ctl_table *table)
{
    static const char *const exits[][2] = {
        {"0", "done"},
        {"1", "error"},
        {"2", "usage: the command line, or a value that the node does not accept"},
        {"3", "not found"},
        {"4", "denied: no token, not a good one, or not its grant"},
        {"5", "conflict: the state does not allow it now"},
        {"6", "unavailable: no node reached, or it is too busy"},
        {"7", "timeout"}};

    vr_buf_text(out,
                ".TH VOICEROOMCTL 1 \"\" \"voiceroomctl " VR_CTL_VERSION
                "\" \"Voicerooms\"\n.SH NAME\nvoiceroomctl \\- rooms, people and nodes of "
                "Voicerooms from a terminal\n.SH SYNOPSIS\n.B voiceroomctl\n\\fINOUN\\fR "
                "\\fIVERB\\fR [\\fIarguments\\fR] [\\fIflags\\fR]\n.SH DESCRIPTION\n"
                "Speaks the REST interface of a node. Data goes to standard output, messages to "
                "standard error.\n.SH COMMANDS\n");
    for (size_t i = 0; i < table->count; i++) {
        command_entry(out, &table->commands[i]);
    }
    vr_buf_text(out, ".SH OPTIONS\n");
    for (const struct vr_ctl_flag *f = table->globals; f->name != NULL; f++) {
        flag_entry(out, f);
    }
    vr_buf_text(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        entry(out, exits[i][0], exits[i][1]);
    }
    vr_buf_text(out, ".SH ENVIRONMENT\n");
    entry(out, "VOICEROOM_ENDPOINT", "endpoints, separated by commas, when no --endpoint is given");
    entry(out, "VOICEROOM_TOKEN", "the token, when neither --token-file nor --key-file is given");
    entry(out, "NO_COLOR", "when not empty: no bold and no colour");
    vr_buf_text(out, ".SH FILES\n");
    entry(out, "$XDG_CONFIG_HOME/voicerooms/contexts.json",
          "contexts: {\"current\": NAME, \"contexts\": {NAME: {\"endpoints\": [...], \"key_file\", "
          "\"token_file\", \"ca_file\"}}}");
    entry(out, "./data/admin-key.json",
          "the key, when nothing else is given and the node is local");
}

enum vr_ctl_exit vr_ctl_man(struct vr_ctl *ctl)
{
    struct vr_buf out = {0};

    (void)ctl;
    vr_ctl_man_write(&out, vr_ctl_table());
    fwrite(out.data, 1, out.size, stdout);
    vr_buf_deinit(&out);
    return VR_CTL_OK;
}
