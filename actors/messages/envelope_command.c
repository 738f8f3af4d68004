/* envelope_command.c - commands to and from protobuf. */
#include <stdlib.h>

#include "actors/messages/envelope_internal.h"

/* protobuf-c has no const in its structs; packing only reads. */
static char *text(const char *in)
{
    return (char *)(uintptr_t)in;
}

static void put_identity(Vr__Wire__Identity *out, const struct vr_actor_identity *by)
{
    vr__wire__identity__init(out);
    out->user = text(by->user);
    out->name = text(by->name);
    out->address = text(by->address);
    out->participant = by->participant;
    out->generation = by->generation;
    out->order = by->order;
    out->granted = by->granted;
    out->admin = by->admin;
    out->guest = by->guest;
    out->hidden = by->hidden;
    out->no_publish = by->no_publish;
    out->no_subscribe = by->no_subscribe;
    out->no_request = by->no_request;
}

static void put_settings(struct wire_command *out, const struct vr_settings *settings)
{
    Vr__Wire__Settings *to = &out->settings;

    vr__wire__settings__init(to);
    to->set = settings->set;
    to->title = text(settings->title);
    to->topic = text(settings->topic);
    to->description = text(settings->description);
    to->language = text(settings->language);
    to->n_tags = settings->tag_count < VR_TAGS_MAX ? settings->tag_count : VR_TAGS_MAX;
    to->tags = out->tags;
    for (size_t i = 0; i < to->n_tags; i++) {
        out->tags[i] = text(settings->tags[i]);
    }
    to->visibility = settings->visibility;
    to->locked = settings->locked;
    to->capacity = settings->capacity;
    to->speaker_capacity = settings->speaker_capacity;
    to->slow_hand_s = settings->slow_hand_s;
    to->entry = settings->entry;
    to->passcode = text(settings->passcode);
    to->starts_at_wall = settings->starts_at_wall;
    to->n_invited = settings->invited_count;
    to->invited = settings->invited;
}

static void put_spoke(struct wire_command *out, const struct vr_command *command)
{
    size_t count = command->spoke_count < VR_SPOKE_MAX ? command->spoke_count : VR_SPOKE_MAX;

    for (size_t i = 0; i < count; i++) {
        vr__wire__spoke__init(&out->spoke[i]);
        out->spoke[i].participant = command->spoke[i].participant;
        out->spoke[i].ms = command->spoke[i].ms;
        out->spoke_at[i] = &out->spoke[i];
    }
    out->command.n_spoke = count;
    out->command.spoke = out->spoke_at;
}

static void put_trace(struct wire_command *out, const struct vr_trace *trace)
{
    if (vr_trace_on(trace)) {
        memcpy(out->trace, trace->id, sizeof(trace->id));
        memcpy(out->trace + sizeof(trace->id), trace->span, sizeof(trace->span));
        out->command.trace.data = out->trace;
        out->command.trace.len = sizeof(out->trace);
    }
}

void vr_wire_put_command(struct wire_command *out, const struct vr_command *command)
{
    Vr__Wire__Command *to = &out->command;

    vr__wire__command__init(to);
    to->kind = text(vr_command_name(command->kind));
    to->id = wire_put_id(&out->id, command->id);
    put_identity(&out->by, &command->by);
    to->by = &out->by;
    to->request_id = text(command->request_id);
    to->session = wire_put_address(&out->session, &command->session);
    to->shard = wire_put_address(&out->shard, &command->shard);
    to->target = command->target;
    to->target_user = text(command->target_user);
    to->ban_address = text(command->ban_address);
    to->duration_s = command->duration_s;
    to->version = command->version;
    to->message = wire_put_id(&out->message, command->message);
    to->want = command->want;
    to->after = command->after;
    to->limit = command->limit;
    to->flag = command->flag;
    to->passcode = text(command->passcode);
    to->text = wire_put_blob(&out->text, command->text);
    if (command->settings != NULL) {
        put_settings(out, command->settings);
        to->settings = &out->settings;
    }
    put_spoke(out, command);
    put_trace(out, &command->trace);
}

static bool find_kind(const char *name, enum vr_command_kind *out)
{
    for (int i = 0; i < VR_CMD_KINDS; i++) {
        if (strcmp(vr_command_name((enum vr_command_kind)i), name) == 0) {
            *out = (enum vr_command_kind)i;
            return true;
        }
    }
    return false;
}

static bool get_identity(const Vr__Wire__Identity *in, struct vr_actor_identity *out)
{
    if (in == NULL) {
        return true;
    }
    out->participant = in->participant;
    out->generation = in->generation;
    out->order = in->order;
    out->granted = (enum vr_role)in->granted;
    out->admin = in->admin;
    out->guest = in->guest;
    out->hidden = in->hidden;
    out->no_publish = in->no_publish;
    out->no_subscribe = in->no_subscribe;
    out->no_request = in->no_request;
    return in->granted < VR_ROLES && WIRE_TEXT(in->user, out->user) &&
           WIRE_TEXT(in->name, out->name) && WIRE_TEXT(in->address, out->address);
}

static enum vr_err get_invited(const Vr__Wire__Settings *in, struct vr_settings *out)
{
    if (in->n_invited > VR_INVITED_MAX) {
        return VR_E_BAD_WIRE;
    }
    if (in->n_invited == 0) {
        return VR_OK;
    }
    out->invited = calloc(in->n_invited, sizeof(char *));
    if (out->invited == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (size_t i = 0; i < in->n_invited; i++) {
        if (strlen(in->invited[i]) > VR_USER_MAX) {
            return VR_E_BAD_WIRE;
        }
        out->invited[i] = strdup(in->invited[i]);
        if (out->invited[i] == NULL) {
            return VR_E_NO_MEMORY;
        }
        out->invited_count++;
    }
    return VR_OK;
}

static bool get_tags(const Vr__Wire__Settings *in, struct vr_settings *out)
{
    if (in->n_tags > VR_TAGS_MAX) {
        return false;
    }
    for (size_t i = 0; i < in->n_tags; i++) {
        if (!WIRE_TEXT(in->tags[i], out->tags[i])) {
            return false;
        }
    }
    out->tag_count = (uint32_t)in->n_tags;
    return true;
}

static enum vr_err get_settings(const Vr__Wire__Settings *in, struct vr_command *command)
{
    struct vr_settings *out;

    if (in == NULL) {
        return VR_OK;
    }
    out = calloc(1, sizeof(*out));
    if (out == NULL) {
        return VR_E_NO_MEMORY;
    }
    command->settings = out;
    out->set = in->set;
    out->visibility = (enum vr_visibility)in->visibility;
    out->locked = in->locked;
    out->capacity = in->capacity;
    out->speaker_capacity = in->speaker_capacity;
    out->slow_hand_s = in->slow_hand_s;
    out->entry = (enum vr_speak_on_entry)in->entry;
    out->starts_at_wall = in->starts_at_wall;
    if (in->visibility > VR_PRIVATE || in->entry > VR_ENTRY_SPEAKS || !get_tags(in, out) ||
        !WIRE_TEXT(in->title, out->title) || !WIRE_TEXT(in->topic, out->topic) ||
        !WIRE_TEXT(in->description, out->description) || !WIRE_TEXT(in->language, out->language) ||
        !WIRE_TEXT(in->passcode, out->passcode)) {
        return VR_E_BAD_WIRE;
    }
    return get_invited(in, out);
}

static bool get_spoke(const Vr__Wire__Command *in, struct vr_command *out)
{
    if (in->n_spoke > VR_SPOKE_MAX) {
        return false;
    }
    for (size_t i = 0; i < in->n_spoke; i++) {
        out->spoke[i].participant = in->spoke[i]->participant;
        out->spoke[i].ms = in->spoke[i]->ms;
    }
    out->spoke_count = (uint32_t)in->n_spoke;
    return true;
}

/* Somebody's, or nothing: no message is refused for it. */
static void get_trace(const Vr__Wire__Command *in, struct vr_trace *out)
{
    if (in->trace.len == sizeof(out->id) + sizeof(out->span)) {
        memcpy(out->id, in->trace.data, sizeof(out->id));
        memcpy(out->span, in->trace.data + sizeof(out->id), sizeof(out->span));
    }
}

static enum vr_err fill(const Vr__Wire__Command *in, struct vr_command *out)
{
    out->id = wire_get_id(in->id);
    out->target = in->target;
    out->duration_s = in->duration_s;
    out->version = in->version;
    out->message = wire_get_id(in->message);
    out->want = (enum vr_show)in->want;
    out->after = in->after;
    out->limit = in->limit;
    out->flag = in->flag;
    get_trace(in, &out->trace);
    if (in->want > VR_SHOW_DIAGNOSIS || !get_identity(in->by, &out->by) || !get_spoke(in, out) ||
        !wire_get_address(in->session, &out->session) ||
        !wire_get_address(in->shard, &out->shard) || !WIRE_TEXT(in->request_id, out->request_id) ||
        !WIRE_TEXT(in->target_user, out->target_user) ||
        !WIRE_TEXT(in->ban_address, out->ban_address) || !WIRE_TEXT(in->passcode, out->passcode) ||
        (in->text != NULL && in->text->data.len > VR_COMMAND_TEXT_MAX)) {
        return VR_E_BAD_WIRE;
    }
    if (!wire_get_blob(in->text, &out->text)) {
        return VR_E_NO_MEMORY;
    }
    return get_settings(in->settings, out);
}

enum vr_err vr_wire_get_command(const Vr__Wire__Command *in, struct vr_command **out)
{
    enum vr_command_kind kind = VR_CMD_CREATE;
    struct vr_command *command;
    enum vr_err err;

    if (!find_kind(in->kind, &kind)) {
        return VR_E_UNKNOWN_MSG;
    }
    command = vr_command_new(kind);
    if (command == NULL) {
        return VR_E_NO_MEMORY;
    }
    err = fill(in, command);
    if (err != VR_OK) {
        vr_command_free(command);
        return err;
    }
    *out = command;
    return VR_OK;
}
