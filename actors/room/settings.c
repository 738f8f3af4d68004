/* settings.c - what a room is called and how it is set up: checked, then taken over as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/state.h"

void settings_free(struct settings *settings)
{
    free(settings->invited);
    *settings = (struct settings){0};
}

static enum vr_err check(struct step *step, const struct vr_settings *wanted, bool creating)
{
    const struct vr_room_conf *conf = &step->room->conf;
    const uint32_t guarded = VR_SET_PASSCODE | VR_SET_VISIBILITY | VR_SET_INVITED;

    if ((wanted->set & guarded) != 0 && !creating && step->rank < VR_RANK_HOST) {
        return vr_fail(&step->why, VR_E_FORBIDDEN,
                       "only the host changes passcode, visibility and invitations");
    }
    if ((creating || (wanted->set & VR_SET_TITLE) != 0) && wanted->title[0] == 0) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "title: must not be empty");
    }
    if ((wanted->set & VR_SET_CAPACITY) != 0 && wanted->capacity > conf->capacity_max) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "capacity: at most %u", conf->capacity_max);
    }
    if ((wanted->set & VR_SET_SPEAKERS) != 0 && wanted->speaker_capacity > conf->capacity_max) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "speaker_capacity: at most %u",
                       conf->capacity_max);
    }
    if (wanted->tag_count > VR_TAGS_MAX || wanted->invited_count > VR_INVITED_MAX) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "too many tags or invitations");
    }
    if ((wanted->set & VR_SET_STARTS_AT) != 0 && !creating && step->room->phase != VR_SCHEDULED) {
        return vr_fail(&step->why, VR_E_CONFLICT, "the room has begun already");
    }
    return VR_OK;
}

static enum vr_err set_passcode(struct step *step, const char *passcode)
{
    struct vr_room *room = step->room;
    uint8_t salt[16];
    uint8_t hash[32] = {0};

    if (passcode[0] == 0) {
        room->settings.has_passcode = false;
        memset(room->settings.passcode_hash, 0, sizeof(room->settings.passcode_hash));
        return VR_OK;
    }
    room->conf.random->fill(room->conf.random->ctx, salt, sizeof(salt));
    if (!room->conf.hash_passcode(room->conf.ctx, passcode, salt, hash)) {
        return vr_fail(&step->why, VR_E_INTERNAL, "the passcode could not be kept");
    }
    room->settings.has_passcode = true;
    memcpy(room->settings.passcode_salt, salt, sizeof(salt));
    memcpy(room->settings.passcode_hash, hash, sizeof(hash));
    return VR_OK;
}

static enum vr_err set_invited(struct step *step, const struct vr_settings *wanted)
{
    struct vr_room *room = step->room;
    struct vr_id *refs = NULL;

    if (wanted->invited_count > 0) {
        refs = calloc(wanted->invited_count, sizeof(*refs));
        if (refs == NULL) {
            return vr_fail(&step->why, VR_E_NO_MEMORY, "memory is out");
        }
    }
    for (uint32_t i = 0; i < wanted->invited_count; i++) {
        refs[i] = room->conf.ref(room->conf.ctx, wanted->invited[i]);
    }
    free(room->settings.invited);
    room->settings.invited = refs;
    room->settings.invited_count = wanted->invited_count;
    return VR_OK;
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static void set_texts(struct settings *settings, const struct vr_settings *wanted)
{
    if ((wanted->set & VR_SET_TITLE) != 0) {
        COPY(settings->title, wanted->title);
    }
    if ((wanted->set & VR_SET_TOPIC) != 0) {
        COPY(settings->topic, wanted->topic);
    }
    if ((wanted->set & VR_SET_DESCRIPTION) != 0) {
        COPY(settings->description, wanted->description);
    }
    if ((wanted->set & VR_SET_LANGUAGE) != 0) {
        COPY(settings->language, wanted->language);
    }
    if ((wanted->set & VR_SET_TAGS) != 0) {
        memcpy(settings->tags, wanted->tags, sizeof(settings->tags));
        settings->tag_count = wanted->tag_count;
    }
}

static void set_numbers(struct step *step, const struct vr_settings *wanted)
{
    struct settings *settings = &step->room->settings;
    const struct vr_room_conf *conf = &step->room->conf;

    if ((wanted->set & VR_SET_VISIBILITY) != 0) {
        settings->visibility = wanted->visibility;
    }
    if ((wanted->set & VR_SET_LOCKED) != 0) {
        settings->locked = wanted->locked;
    }
    if ((wanted->set & VR_SET_CAPACITY) != 0) {
        settings->capacity = wanted->capacity == 0 ? conf->capacity_max : wanted->capacity;
    }
    if ((wanted->set & VR_SET_SPEAKERS) != 0) {
        settings->speaker_capacity = wanted->speaker_capacity == 0 ? conf->speaker_capacity_default
                                                                   : wanted->speaker_capacity;
    }
    if ((wanted->set & VR_SET_SLOW_HAND) != 0) {
        settings->slow_hand_s = wanted->slow_hand_s;
    }
    if ((wanted->set & VR_SET_ENTRY) != 0) {
        settings->entry = wanted->entry;
    }
    if ((wanted->set & VR_SET_STARTS_AT) != 0) {
        settings->starts_at_wall = wanted->starts_at_wall;
    }
}

enum vr_err settings_apply(struct step *step, const struct vr_settings *wanted, bool creating)
{
    enum vr_err err = check(step, wanted, creating);

    /* What may fail comes first and one at a time, so that a refusal leaves no half change. */
    if (err == VR_OK && (wanted->set & VR_SET_INVITED) != 0) {
        err = set_invited(step, wanted);
    }
    if (err == VR_OK && (wanted->set & VR_SET_PASSCODE) != 0) {
        err = set_passcode(step, wanted->passcode);
    }
    if (err == VR_OK) {
        set_texts(&step->room->settings, wanted);
        set_numbers(step, wanted);
    }
    return err;
}
