/* client_settings.c - fields of room settings; each that is there sets its bit. */
#include <stdlib.h>

#include "actors/wire/client_fields.h"

static struct vr_settings *settings_of(struct vr_client_msg *msg, enum vr_setting bit)
{
    msg->command->settings->set |= bit;
    return msg->command->settings;
}

static void copy(char *out, struct vr_bytes text)
{
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
}

static bool put_title(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(settings_of(msg, VR_SET_TITLE)->title, value->text);
    return true;
}

static bool put_topic(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(settings_of(msg, VR_SET_TOPIC)->topic, value->text);
    return true;
}

static bool put_description(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(settings_of(msg, VR_SET_DESCRIPTION)->description, value->text);
    return true;
}

static bool put_language(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(settings_of(msg, VR_SET_LANGUAGE)->language, value->text);
    return true;
}

static bool put_tags(struct vr_client_msg *msg, const struct field_value *value)
{
    struct vr_settings *settings = settings_of(msg, VR_SET_TAGS);

    settings->tag_count = (uint32_t)json_array_size(value->json);
    for (uint32_t i = 0; i < settings->tag_count; i++) {
        copy(settings->tags[i], field_item(value, i));
    }
    return true;
}

static bool put_visibility(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_VISIBILITY)->visibility = (enum vr_visibility)value->number;
    return true;
}

static bool put_locked(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_LOCKED)->locked = value->flag;
    return true;
}

static bool put_capacity(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_CAPACITY)->capacity = (uint32_t)value->number;
    return true;
}

static bool put_speaker_capacity(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_SPEAKERS)->speaker_capacity = (uint32_t)value->number;
    return true;
}

static bool put_slow_hand(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_SLOW_HAND)->slow_hand_s = (uint32_t)value->number;
    return true;
}

static bool put_entry(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_ENTRY)->entry = (enum vr_speak_on_entry)value->number;
    return true;
}

static bool put_passcode(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(settings_of(msg, VR_SET_PASSCODE)->passcode, value->text);
    return true;
}

static bool put_starts_at(struct vr_client_msg *msg, const struct field_value *value)
{
    settings_of(msg, VR_SET_STARTS_AT)->starts_at_wall = value->time;
    return true;
}

static bool put_invited(struct vr_client_msg *msg, const struct field_value *value)
{
    struct vr_settings *settings = settings_of(msg, VR_SET_INVITED);
    size_t count = json_array_size(value->json);

    if (count == 0) {
        return true;
    }
    settings->invited = calloc(count, sizeof(*settings->invited));
    if (settings->invited == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct vr_bytes user = field_item(value, i);

        settings->invited[i] = strndup((const char *)user.data, user.size);
        if (settings->invited[i] == NULL) {
            return false; /* those before are counted and freed with the settings */
        }
        settings->invited_count++;
    }
    return true;
}

static const char *const visibilities[] = {"public", "unlisted", "private", NULL};
static const char *const entries[] = {"listen", "speak", NULL};

_Static_assert(VR_PUBLIC == 0 && VR_UNLISTED == 1 && VR_PRIVATE == 2, "places of the words above");
_Static_assert(VR_ENTRY_LISTENS == 0 && VR_ENTRY_SPEAKS == 1, "places of the words above");

#define SIZE_OF(member) (sizeof(((struct vr_settings *)NULL)->member) - 1)

/* clang-format off */
static const struct field title       = {"title",            FIELD_TEXT,   1, SIZE_OF(title),       put_title,        NULL, 0};
static const struct field topic       = {"topic",            FIELD_TEXT,   0, SIZE_OF(topic),       put_topic,        NULL, 0};
static const struct field description = {"description",      FIELD_LINES,  0, SIZE_OF(description), put_description,  NULL, 0};
static const struct field language    = {"language",         FIELD_TEXT,   0, SIZE_OF(language),    put_language,     NULL, 0};
static const struct field tags        = {"tags",             FIELD_LIST,   0, VR_TAGS_MAX,          put_tags,         NULL, VR_TAG_MAX};
static const struct field visibility  = {"visibility",       FIELD_WORD,   0, 0,                    put_visibility,   visibilities, 0};
static const struct field locked      = {"locked",           FIELD_FLAG,   0, 0,                    put_locked,       NULL, 0};
static const struct field capacity    = {"capacity",         FIELD_NUMBER, 0, 1000000,              put_capacity,     NULL, 0};
static const struct field speakers    = {"speaker_capacity", FIELD_NUMBER, 0, 100000,               put_speaker_capacity, NULL, 0};
static const struct field slow_hand   = {"slow_hand_s",      FIELD_NUMBER, 0, 86400,                put_slow_hand,    NULL, 0};
static const struct field entry       = {"entry",            FIELD_WORD,   0, 0,                    put_entry,        entries, 0};
static const struct field passcode    = {"passcode",         FIELD_SECRET, 0, SIZE_OF(passcode),    put_passcode,     NULL, 0};
static const struct field starts_at   = {"starts_at",        FIELD_TIME,   0, 0,                    put_starts_at,    NULL, 0};
static const struct field invited     = {"invited",          FIELD_LIST,   0, VR_INVITED_MAX,       put_invited,      NULL, VR_USER_MAX};
/* clang-format on */

const struct field_use settings_uses[] = {
    {&title, MAY},      {&topic, MAY},    {&description, MAY}, {&language, MAY}, {&tags, MAY},
    {&visibility, MAY}, {&locked, MAY},   {&capacity, MAY},    {&speakers, MAY}, {&slow_hand, MAY},
    {&entry, MAY},      {&passcode, MAY}, {&starts_at, MAY},   {&invited, MAY},
};
const size_t settings_use_count = sizeof(settings_uses) / sizeof(settings_uses[0]);
