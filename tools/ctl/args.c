/* args.c - reads a command line against the table. */
#include "tools/ctl/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32
#define NAMES_MAX 64
#define TIME_MAX (10.0 * 366 * 86400)

static enum vr_err unknown(struct vr_why *why, const char *what, const char *word,
                           const char *const *words, size_t count)
{
    const char *nearest = vr_ctl_nearest(word, words, count);

    if (nearest != NULL) {
        return vr_fail(why, VR_E_BAD_REQUEST, "%s '%.40s' is not known; did you mean '%s'?", what,
                       word, nearest);
    }
    return vr_fail(why, VR_E_BAD_REQUEST, "%s '%.40s' is not known", what, word);
}

bool vr_ctl_time_parse(const char *text, double *seconds)
{
    static const struct {
        char letter;
        double factor;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end = NULL;
    double factor = 1;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 16 ||
        strspn(text, "0123456789.") + 1 < strlen(text)) {
        return false;
    }
    *seconds = strtod(text, &end);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (*end == units[i].letter) {
            factor = units[i].factor;
            end++;
            break;
        }
    }
    *seconds *= factor;
    return *end == '\0' && *seconds <= TIME_MAX;
}

static bool whole_number(const char *text, int64_t *out)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words[count] != NULL) {
        count++;
    }
    return count;
}

static enum vr_err judge_word(const char *what, const char *const *words, const char *text,
                              struct vr_why *why)
{
    size_t count = count_words(words);
    struct vr_why said;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            return VR_OK;
        }
    }
    if (unknown(&said, what, text, words, count) != VR_OK && why != NULL) {
        size_t size = 0;

        *why = said;
        size = strlen(why->text);
        for (size_t i = 0; i < count && size < sizeof(why->text); i++) {
            size += (size_t)snprintf(why->text + size, sizeof(why->text) - size, "%s%s",
                                     i == 0 ? " (one of " : ", ", words[i]);
        }
        if (size + 1 < sizeof(why->text)) {
            snprintf(why->text + size, sizeof(why->text) - size, ")");
        }
    }
    return VR_E_BAD_REQUEST;
}

static enum vr_err judge_value(const struct vr_ctl_flag *flag, const char *text, struct vr_why *why)
{
    char name[WORD_MAX + 3];
    double seconds = 0;
    int64_t number = 0;

    snprintf(name, sizeof(name), "--%s", flag->name);
    switch (flag->kind) {
    case VR_CTL_SWITCH:
    case VR_CTL_TEXT:
        return VR_OK;
    case VR_CTL_NUMBER:
        return whole_number(text, &number)
                   ? VR_OK
                   : vr_fail(why, VR_E_BAD_REQUEST, "%s needs a whole number, not '%.40s'", name,
                             text);
    case VR_CTL_TIME:
        return vr_ctl_time_parse(text, &seconds)
                   ? VR_OK
                   : vr_fail(why, VR_E_BAD_REQUEST,
                             "%s needs a time as 30, 15m, 2h or 7d, not '%.40s'", name, text);
    case VR_CTL_WORD:
        return judge_word(name, flag->words, text, why);
    }
    return VR_OK;
}

/** Everything that a reading of the line moves along. */
struct reading {
    const struct vr_ctl_table *table;
    int argc;
    char *const *argv;
    int next;
    struct vr_ctl_line *line;
    struct vr_why *why;
};

static const struct vr_ctl_flag *find_in(const struct vr_ctl_flag *flags, const char *name,
                                         size_t size)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (size == 1 ? flags->letter == name[0]
                      : strlen(flags->name) == size && strncmp(flags->name, name, size) == 0) {
            return flags;
        }
    }
    return NULL;
}

static const struct vr_ctl_flag *find_flag(const struct reading *r, const char *name, size_t size)
{
    const struct vr_ctl_flag *flag = find_in(r->table->globals, name, size);

    if (flag == NULL && r->line->command != NULL) {
        flag = find_in(r->line->command->flags, name, size);
    }
    return flag;
}

static enum vr_err no_flag(struct reading *r, const char *word)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    const struct vr_ctl_flag *lists[] = {r->line->command == NULL ? NULL : r->line->command->flags,
                                         r->table->globals};

    for (size_t i = 0; i < 2; i++) {
        for (const struct vr_ctl_flag *f = lists[i]; f != NULL && f->name != NULL; f++) {
            if (count < NAMES_MAX) {
                names[count++] = f->name;
            }
        }
    }
    return unknown(r->why, "the flag", word + strspn(word, "-"), names, count);
}

static enum vr_err keep(struct reading *r, const struct vr_ctl_flag *flag, const char *text)
{
    if (text != NULL && judge_value(flag, text, r->why) != VR_OK) {
        return VR_E_BAD_REQUEST;
    }
    if (strcmp(flag->name, "help") == 0) {
        r->line->help = true;
        return VR_OK;
    }
    if (strcmp(flag->name, "version") == 0) {
        r->line->version = true;
        return VR_OK;
    }
    if (r->line->value_count == VR_CTL_VALUES_MAX) {
        return vr_fail(r->why, VR_E_BAD_REQUEST, "too many flags");
    }
    r->line->values[r->line->value_count++] = (struct vr_ctl_value){flag, text};
    return VR_OK;
}

/** --name, --name=value, --name value, -n value, -nvalue. */
static enum vr_err take_flag(struct reading *r, const char *word)
{
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t size = is_long ? strcspn(name, "=") : 1;
    const struct vr_ctl_flag *flag = is_long && size < 2 ? NULL : find_flag(r, name, size);
    const char *value = NULL;

    if (flag == NULL) {
        return no_flag(r, word);
    }
    if (name[size] != '\0') {
        value = name + size + (name[size] == '=' ? 1 : 0);
    }
    if (flag->kind == VR_CTL_SWITCH) {
        return value == NULL ? keep(r, flag, NULL)
                             : vr_fail(r->why, VR_E_BAD_REQUEST, "--%s takes no value", flag->name);
    }
    if (value == NULL && r->next < r->argc) {
        value = r->argv[r->next++];
    }
    if (value == NULL) {
        return vr_fail(r->why, VR_E_BAD_REQUEST, "--%s needs %s", flag->name, flag->value);
    }
    return keep(r, flag, value);
}

static enum vr_err take_noun(struct reading *r, const char *word)
{
    const char *nouns[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < r->table->count; i++) {
        const struct vr_ctl_command *command = &r->table->commands[i];

        if (strcmp(command->noun, word) == 0) {
            r->line->noun = command->noun;
            r->line->command = command->verb[0] == '\0' ? command : NULL;
            return VR_OK;
        }
        if (count < NAMES_MAX && (count == 0 || strcmp(nouns[count - 1], command->noun) != 0)) {
            nouns[count++] = command->noun;
        }
    }
    return unknown(r->why, "the command", word, nouns, count);
}

static enum vr_err take_verb(struct reading *r, const char *word)
{
    const char *verbs[NAMES_MAX];
    size_t count = 0;
    char what[WORD_MAX + 16];

    for (size_t i = 0; i < r->table->count; i++) {
        const struct vr_ctl_command *command = &r->table->commands[i];

        if (strcmp(command->noun, r->line->noun) != 0) {
            continue;
        }
        if (strcmp(command->verb, word) == 0) {
            r->line->command = command;
            return VR_OK;
        }
        if (count < NAMES_MAX) {
            verbs[count++] = command->verb;
        }
    }
    snprintf(what, sizeof(what), "%s:", r->line->noun);
    return unknown(r->why, what, word, verbs, count);
}

static enum vr_err take_arg(struct reading *r, const char *word)
{
    const struct vr_ctl_arg *arg = r->line->command->args;
    int64_t number = 0;

    for (size_t i = 0; i < r->line->arg_count && arg != NULL && arg->name != NULL; i++) {
        arg++;
    }
    if (arg == NULL || arg->name == NULL || r->line->arg_count == VR_CTL_ARGS_MAX) {
        return vr_fail(r->why, VR_E_BAD_REQUEST, "'%.40s' is one word too many", word);
    }
    if (word[0] == '\0') {
        return vr_fail(r->why, VR_E_BAD_REQUEST, "%s is empty", arg->name);
    }
    if (arg->number && !whole_number(word, &number)) {
        return vr_fail(r->why, VR_E_BAD_REQUEST, "%s is a number, not '%.40s'", arg->name, word);
    }
    if (arg->words != NULL && judge_word(arg->name, arg->words, word, r->why) != VR_OK) {
        return VR_E_BAD_REQUEST;
    }
    r->line->args[r->line->arg_count++] = word;
    return VR_OK;
}

static enum vr_err take_word(struct reading *r, const char *word)
{
    if (r->line->noun == NULL) {
        return take_noun(r, word);
    }
    return r->line->command == NULL ? take_verb(r, word) : take_arg(r, word);
}

static enum vr_err judge_whole(struct reading *r)
{
    const struct vr_ctl_arg *arg = r->line->command->args;

    for (size_t i = 0; arg != NULL && arg->name != NULL; i++, arg++) {
        if (i >= r->line->arg_count && !arg->optional) {
            return vr_fail(r->why, VR_E_BAD_REQUEST, "%s is missing", arg->name);
        }
    }
    for (size_t i = 0; i < r->line->value_count; i++) {
        if (!vr_ctl_flag_fits(r->line->values[i].flag, r->line->command)) {
            return vr_fail(r->why, VR_E_BAD_REQUEST, "--%s does not go with this command",
                           r->line->values[i].flag->name);
        }
    }
    return VR_OK;
}

enum vr_err vr_ctl_parse(const struct vr_ctl_table *table, int argc, char *const argv[],
                         struct vr_ctl_line *out, struct vr_why *why)
{
    struct reading r = {
        .table = table, .argc = argc, .argv = argv, .next = 1, .line = out, .why = why};
    bool flags = true;

    *out = (struct vr_ctl_line){0};
    while (r.next < argc) {
        const char *word = argv[r.next++];
        enum vr_err err = VR_OK;

        if (flags && strcmp(word, "--") == 0) {
            flags = false;
            continue;
        }
        err =
            flags && word[0] == '-' && word[1] != '\0' ? take_flag(&r, word) : take_word(&r, word);
        if (err != VR_OK) {
            return err;
        }
    }
    if (out->help || out->version || out->command == NULL) {
        return VR_OK;
    }
    return judge_whole(&r);
}

const char *vr_ctl_text(const struct vr_ctl_line *line, const char *name)
{
    for (size_t i = line->value_count; i > 0; i--) {
        if (strcmp(line->values[i - 1].flag->name, name) == 0) {
            return line->values[i - 1].text;
        }
    }
    return NULL;
}

bool vr_ctl_given(const struct vr_ctl_line *line, const char *name)
{
    for (size_t i = 0; i < line->value_count; i++) {
        if (strcmp(line->values[i].flag->name, name) == 0) {
            return true;
        }
    }
    return false;
}

int64_t vr_ctl_number(const struct vr_ctl_line *line, const char *name, int64_t otherwise)
{
    const char *text = vr_ctl_text(line, name);
    int64_t number = 0;

    return text != NULL && whole_number(text, &number) ? number : otherwise;
}

double vr_ctl_seconds(const struct vr_ctl_line *line, const char *name, double otherwise)
{
    const char *text = vr_ctl_text(line, name);
    double seconds = 0;

    return text != NULL && vr_ctl_time_parse(text, &seconds) ? seconds : otherwise;
}
