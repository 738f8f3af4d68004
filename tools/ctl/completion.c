/* completion.c - completion scripts for bash, zsh and fish, written from the table. */
#include <stdio.h>
#include <string.h>

#include "tools/ctl/commands.h"

/** Is this the first command of its noun? */
static bool opens_noun(const struct vr_ctl_table *table, size_t i)
{
    return i == 0 || strcmp(table->commands[i - 1].noun, table->commands[i].noun) != 0;
}

static void words_of(struct vr_buf *out, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        vr_buf_printf(out, "%s%s", i == 0 ? "" : " ", words[i]);
    }
}

/** All flags of a command, with dashes; those of all commands when it is NULL. */
static void flags_of(struct vr_buf *out, const struct vr_ctl_table *table,
                     const struct vr_ctl_command *command)
{
    const struct vr_ctl_flag *own = command == NULL ? NULL : command->flags;

    for (const struct vr_ctl_flag *f = table->globals; f->name != NULL; f++) {
        if (command == NULL || vr_ctl_flag_fits(f, command)) {
            vr_buf_printf(out, "--%s ", f->name);
        }
    }
    for (; own != NULL && own->name != NULL; own++) {
        vr_buf_printf(out, "--%s ", own->name);
    }
}

/** "case" arms for values that are one of some words, each only once. */
static void value_arms(struct vr_buf *out, const struct vr_ctl_table *table)
{
    static const char *const files[] = {"key-file", "token-file", "ca-file", "passcode-file"};
    char seen[512] = " ";

    for (size_t i = 0; i <= table->count; i++) {
        const struct vr_ctl_flag *f = i == 0 ? table->globals : table->commands[i - 1].flags;

        for (; f != NULL && f->name != NULL; f++) {
            char mark[40];

            snprintf(mark, sizeof(mark), " %s ", f->name);
            if (f->words == NULL || strstr(seen, mark) != NULL ||
                strlen(seen) + strlen(mark) >= sizeof(seen)) {
                continue;
            }
            snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ", f->name);
            vr_buf_printf(out, "    --%s) words=\"", f->name);
            words_of(out, f->words);
            vr_buf_text(out, "\" ;;\n");
        }
    }
    vr_buf_text(out, "    -o) words=\"table wide json jsonl yaml name\" ;;\n    ");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        vr_buf_printf(out, "--%s|", files[i]);
    }
    vr_buf_text(out, "-k|-t) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
}

static void noun_list(struct vr_buf *out, const struct vr_ctl_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (opens_noun(table, i)) {
            vr_buf_printf(out, "%s%s", i == 0 ? "" : " ", table->commands[i].noun);
        }
    }
}

static void bash_nouns(struct vr_buf *out, const struct vr_ctl_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct vr_ctl_command *command = &table->commands[i];

        if (opens_noun(table, i)) {
            vr_buf_printf(out, "%s    \"%s \") words=\"", i == 0 ? "" : "\" ;;\n", command->noun);
            if (command->verb[0] == '\0' && command->args != NULL && command->args->words != NULL) {
                words_of(out, command->args->words);
            }
        }
        vr_buf_printf(out, "%s ", command->verb);
    }
    vr_buf_text(out, "\" ;;\n");
}

static void bash_commands(struct vr_buf *out, const struct vr_ctl_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct vr_ctl_command *command = &table->commands[i];

        vr_buf_printf(out, "    \"%s %s\") flags=\"", command->noun, command->verb);
        flags_of(out, table, command);
        vr_buf_text(out, "\"");
        if (command->args != NULL && command->args->words != NULL) {
            vr_buf_text(out, "; words=\"");
            words_of(out, command->args->words);
            vr_buf_text(out, "\"");
        }
        vr_buf_text(out, " ;;\n");
    }
}

/** zsh reads the same script through its bashcompinit. */
static void bash(struct vr_buf *out, const struct vr_ctl_table *table)
{
    vr_buf_text(out, "_voiceroomctl() {\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                     "    local noun= verb= words= flags= i\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in -*) continue ;; esac\n"
                     "        case ${COMP_WORDS[i-1]} in -o|-e|-c|-k|-t|-w");
    for (const struct vr_ctl_flag *f = table->globals; f->name != NULL; f++) {
        if (f->kind != VR_CTL_SWITCH) {
            vr_buf_printf(out, "|--%s", f->name);
        }
    }
    vr_buf_text(out, ") continue ;; esac\n"
                     "        if [[ -z $noun ]]; then noun=${COMP_WORDS[i]}\n"
                     "        elif [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi\n"
                     "    done\n    flags=\"");
    flags_of(out, table, NULL);
    vr_buf_text(out, "\"\n    case \"$noun $verb\" in\n    \" \") words=\"");
    noun_list(out, table);
    vr_buf_text(out, "\" ;;\n");
    bash_nouns(out, table);
    vr_buf_text(out, "    esac\n    case \"$noun $verb\" in\n");
    bash_commands(out, table);
    vr_buf_text(out, "    esac\n    case $prev in\n");
    value_arms(out, table);
    vr_buf_text(out, "    *) [[ $cur == -* ]] && words=$flags ;;\n    esac\n"
                     "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                     "}\ncomplete -F _voiceroomctl voiceroomctl\n");
}

static void fish_flag(struct vr_buf *out, const struct vr_ctl_flag *flag, const char *when)
{
    vr_buf_printf(out, "complete -c voiceroomctl%s -l %s", when, flag->name);
    if (flag->letter != 0) {
        vr_buf_printf(out, " -s %c", flag->letter);
    }
    if (flag->kind != VR_CTL_SWITCH) {
        vr_buf_text(out, " -r");
    }
    if (flag->words != NULL) {
        vr_buf_text(out, " -f -a \"");
        words_of(out, flag->words);
        vr_buf_text(out, "\"");
    }
    vr_buf_printf(out, " -d \"%s\"\n", flag->help);
}

static void fish(struct vr_buf *out, const struct vr_ctl_table *table)
{
    vr_buf_text(out, "complete -c voiceroomctl -f\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct vr_ctl_command *command = &table->commands[i];
        char when[128];

        snprintf(when, sizeof(when), " -n \"__fish_seen_subcommand_from %s%s%s\"", command->noun,
                 command->verb[0] == '\0' ? "" : "; and __fish_seen_subcommand_from ",
                 command->verb);
        if (opens_noun(table, i)) {
            vr_buf_printf(out, "complete -c voiceroomctl -n __fish_use_subcommand -a %s\n",
                          command->noun);
        }
        if (command->verb[0] != '\0') {
            vr_buf_printf(out,
                          "complete -c voiceroomctl -n \"__fish_seen_subcommand_from %s\" -a %s -d "
                          "\"%s\"\n",
                          command->noun, command->verb, command->help);
        }
        if (command->args != NULL && command->args->words != NULL) {
            vr_buf_printf(out, "complete -c voiceroomctl%s -a \"", when);
            words_of(out, command->args->words);
            vr_buf_text(out, "\"\n");
        }
        for (const struct vr_ctl_flag *f = command->flags; f != NULL && f->name != NULL; f++) {
            fish_flag(out, f, when);
        }
    }
    for (const struct vr_ctl_flag *f = table->globals; f->name != NULL; f++) {
        fish_flag(out, f, "");
    }
}

bool vr_ctl_completion_write(struct vr_buf *out, const struct vr_ctl_table *table,
                             const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        bash(out, table);
    } else if (strcmp(shell, "zsh") == 0) {
        vr_buf_text(out, "#compdef voiceroomctl\nautoload -U +X bashcompinit && bashcompinit\n");
        bash(out, table);
    } else if (strcmp(shell, "fish") == 0) {
        fish(out, table);
    } else {
        return false;
    }
    return true;
}

enum vr_ctl_exit vr_ctl_completion(struct vr_ctl *ctl)
{
    struct vr_buf out = {0};

    (void)vr_ctl_completion_write(&out, vr_ctl_table(), vr_ctl_arg(ctl, 0));
    fwrite(out.data, 1, out.size, stdout);
    vr_buf_deinit(&out);
    return VR_CTL_OK;
}
