/* command.c - names of commands, roles and phases; making and freeing commands and answers. */
#include "actors/messages/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a log calls the commands that no client may send. */
static const char *inner_name(enum vr_command_kind kind)
{
    /* clang-format off */
    static const struct {
        enum vr_command_kind kind;
        const char *name;
    } names[] = {
        { VR_CMD_CREATE, "create" }, { VR_CMD_START,  "start"  }, { VR_CMD_LOST, "lost" },
        { VR_CMD_DELETE, "delete" }, { VR_CMD_SPOKE,  "spoke"  }, { VR_CMD_SHOW, "show" },
        { VR_CMD_MOVE,   "move"   }, { VR_CMD_RESTORE, "restore" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].kind == kind) {
            return names[i].name;
        }
    }
    return "unknown";
}

static const char *const json_names[] = {
#define X(name, json) json,
    VR_COMMAND_MAP(X)
#undef X
};

static const char *const role_names[] = {"listener", "speaker", "moderator", "host"};
static const char *const phase_names[] = {"scheduled", "active", "ended"};
static const char *const visibility_names[] = {"public", "unlisted", "private"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

_Static_assert(COUNT(role_names) == VR_ROLES, "every role has a name");
_Static_assert(COUNT(phase_names) == VR_ENDED + 1, "every phase has a name");
_Static_assert(COUNT(visibility_names) == VR_PRIVATE + 1, "every visibility has a name");

static const char *name_of(const char *const *names, size_t count, size_t value)
{
    return value < count ? names[value] : "unknown";
}

/* Place of `word` in `names`, or `count`. */
static size_t find_name(const char *const *names, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && strcmp(names[i], word) == 0) {
            return i;
        }
    }
    return count;
}

const char *vr_command_name(enum vr_command_kind kind)
{
    const char *json = name_of(json_names, COUNT(json_names), (size_t)kind);

    return json != NULL ? json : inner_name(kind);
}

bool vr_command_parse(const char *json_name, enum vr_command_kind *out)
{
    size_t found = find_name(json_names, COUNT(json_names), json_name);

    if (found == COUNT(json_names)) {
        return false;
    }
    *out = (enum vr_command_kind)found;
    return true;
}

const char *vr_role_name(enum vr_role role)
{
    return name_of(role_names, COUNT(role_names), (size_t)role);
}

bool vr_role_parse(const char *word, enum vr_role *out)
{
    size_t found = find_name(role_names, COUNT(role_names), word);

    if (found == COUNT(role_names)) {
        return false;
    }
    *out = (enum vr_role)found;
    return true;
}

const char *vr_phase_name(enum vr_phase phase)
{
    return name_of(phase_names, COUNT(phase_names), (size_t)phase);
}

const char *vr_visibility_name(enum vr_visibility visibility)
{
    return name_of(visibility_names, COUNT(visibility_names), (size_t)visibility);
}

bool vr_visibility_parse(const char *word, enum vr_visibility *out)
{
    size_t found = find_name(visibility_names, COUNT(visibility_names), word);

    if (found == COUNT(visibility_names)) {
        return false;
    }
    *out = (enum vr_visibility)found;
    return true;
}

void vr_settings_deinit(struct vr_settings *settings)
{
    for (uint32_t i = 0; i < settings->invited_count; i++) {
        free(settings->invited[i]);
    }
    free(settings->invited);
    explicit_bzero(settings->passcode, sizeof(settings->passcode));
    *settings = (struct vr_settings){0};
}

struct vr_command *vr_command_new(enum vr_command_kind kind)
{
    struct vr_command *command = calloc(1, sizeof(*command));

    if (command != NULL) {
        command->kind = kind;
    }
    return command;
}

void vr_command_free(struct vr_command *command)
{
    if (command == NULL) {
        return;
    }
    vr_blob_release(command->text);
    if (command->settings != NULL) {
        vr_settings_deinit(command->settings);
        free(command->settings);
    }
    explicit_bzero(command->passcode, sizeof(command->passcode));
    free(command);
}

static struct vr_settings *settings_copy(const struct vr_settings *from)
{
    struct vr_settings *copy = malloc(sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    *copy = *from;
    copy->invited = NULL;
    copy->invited_count = 0;
    if (from->invited_count > 0) {
        copy->invited = calloc(from->invited_count, sizeof(*copy->invited));
    }
    while (copy->invited != NULL && copy->invited_count < from->invited_count) {
        char *user = strdup(from->invited[copy->invited_count]);

        if (user == NULL) {
            break;
        }
        copy->invited[copy->invited_count++] = user;
    }
    if (copy->invited_count < from->invited_count) {
        vr_settings_deinit(copy);
        free(copy);
        return NULL;
    }
    return copy;
}

struct vr_command *vr_command_copy(const struct vr_command *command)
{
    struct vr_command *copy = malloc(sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }
    *copy = *command;
    vr_blob_retain(copy->text);
    if (command->settings != NULL) {
        copy->settings = settings_copy(command->settings);
        if (copy->settings == NULL) {
            vr_command_free(copy);
            return NULL;
        }
    }
    return copy;
}

struct vr_answer *vr_answer_new(enum vr_err err, const char *why)
{
    struct vr_answer *answer = calloc(1, sizeof(*answer));

    if (answer == NULL) {
        return NULL;
    }
    answer->err = err;
    if (why == NULL && err != VR_OK) {
        why = vr_err_text(err);
    }
    snprintf(answer->why, sizeof(answer->why), "%s", why == NULL ? "" : why);
    return answer;
}

void vr_answer_free(struct vr_answer *answer)
{
    if (answer != NULL) {
        vr_blob_release(answer->body);
        free(answer);
    }
}
