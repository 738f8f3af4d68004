/* records_listing.c - a room's own record: its settings and dates, for the room and for the list of
 * rooms. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/records_internal.h"

/* The settings and dates that listing and room share. */
static bool listing_fields(const Vr__RoomRecord *record, struct vr_room_listing *out)
{
    bool fine = RECORD_TEXT(out->title, record->title) && RECORD_TEXT(out->topic, record->topic) &&
                RECORD_TEXT(out->description, record->description) &&
                RECORD_TEXT(out->language, record->language) &&
                RECORD_TEXT(out->end_reason, record->end_reason) && record->n_tags <= VR_TAGS_MAX &&
                record->visibility <= VR_PRIVATE && record->phase <= VR_ENDED &&
                record->entry <= VR_ENTRY_SPEAKS && record->invited.len % 16 == 0 &&
                record->invited.len / 16 <= VR_INVITED_MAX &&
                (record->passcode_hash.len == 0 || record->passcode_hash.len == 32) &&
                record->passcode_salt.len == record->passcode_hash.len / 2;

    for (size_t i = 0; fine && i < record->n_tags; i++) {
        fine = RECORD_TEXT(out->tags[i], record->tags[i]);
    }
    if (!fine) {
        return false;
    }
    out->tag_count = (uint32_t)record->n_tags;
    out->visibility = (enum vr_visibility)record->visibility;
    out->phase = (enum vr_phase)record->phase;
    out->locked = record->locked;
    out->has_passcode = record->passcode_hash.len == 32;
    out->capacity = record->capacity;
    out->speaker_capacity = record->speaker_capacity;
    out->slow_hand_s = record->slow_hand_s;
    out->entry = (enum vr_speak_on_entry)record->entry;
    out->revision = record->revision;
    out->created_wall = record->created_at;
    out->starts_wall = record->starts_at;
    out->started_wall = record->started_at;
    out->ended_wall = record->ended_at;
    out->creator_ref = record_id(record->creator_ref);
    out->invited_count = (uint32_t)(record->invited.len / 16);
    for (uint32_t i = 0; i < out->invited_count; i++) {
        out->invited[i] = vr_id_get(record->invited.data + (size_t)i * 16);
    }
    return true;
}

static enum vr_err open_nothing(void *ctx, struct vr_id ref, struct vr_bytes sealed,
                                struct vr_buf *out)
{
    (void)ctx;
    (void)ref;
    (void)sealed;
    (void)out;
    return VR_E_NOT_FOUND;
}

static enum vr_err name_nobody(void *ctx, struct vr_id ref, struct vr_buf *out)
{
    (void)ctx;
    (void)ref;
    (void)out;
    return VR_E_NOT_FOUND;
}

const struct vr_vault vr_vault_closed = {.open = open_nothing, .user = name_nobody};

enum vr_err vr_room_listing_decode(struct vr_bytes value, const struct vr_vault *vault,
                                   struct vr_room_listing *out)
{
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);
    bool fine;

    *out = (struct vr_room_listing){0};
    if (record == NULL) {
        return VR_E_DAMAGED;
    }
    fine =
        listing_fields(record, out) && record_unseal(vault, out->creator_ref, record->creator_name,
                                                     out->creator_name, sizeof(out->creator_name));
    vr__room_record__free_unpacked(record, NULL);
    return fine ? VR_OK : VR_E_DAMAGED;
}

static void take_settings(struct vr_room *room, const struct vr_room_listing *from)
{
    struct settings *to = &room->settings;

    memcpy(to->title, from->title, sizeof(to->title));
    memcpy(to->topic, from->topic, sizeof(to->topic));
    memcpy(to->description, from->description, sizeof(to->description));
    memcpy(to->language, from->language, sizeof(to->language));
    memcpy(to->tags, from->tags, sizeof(to->tags));
    to->tag_count = from->tag_count;
    to->visibility = from->visibility;
    to->locked = from->locked;
    to->capacity = from->capacity;
    to->speaker_capacity = from->speaker_capacity;
    to->slow_hand_s = from->slow_hand_s;
    to->entry = from->entry;
    to->has_passcode = from->has_passcode;
    to->starts_at_wall = from->starts_wall;
    room->phase = from->phase;
    room->revision = from->revision;
    room->created_wall = from->created_wall;
    room->started_wall = from->started_wall;
    room->ended_wall = from->ended_wall;
    memcpy(room->end_reason, from->end_reason, sizeof(room->end_reason));
}

static enum vr_err fill_room(struct vr_room *room, const struct vr_vault *vault,
                             const Vr__RoomRecord *record, struct vr_room_listing *listing)
{
    if (room->exists || !listing_fields(record, listing) ||
        !record_user(vault, listing->creator_ref, room->creator_user, sizeof(room->creator_user)) ||
        !record_unseal(vault, listing->creator_ref, record->creator_name, room->creator_name,
                       sizeof(room->creator_name))) {
        return VR_E_DAMAGED;
    }
    if (listing->invited_count > 0) {
        room->settings.invited = calloc(listing->invited_count, sizeof(struct vr_id));
        if (room->settings.invited == NULL) {
            return VR_E_NO_MEMORY;
        }
        memcpy(room->settings.invited, listing->invited,
               listing->invited_count * sizeof(struct vr_id));
        room->settings.invited_count = listing->invited_count;
    }
    take_settings(room, listing);
    if (listing->has_passcode) {
        memcpy(room->settings.passcode_salt, record->passcode_salt.data, 16);
        memcpy(room->settings.passcode_hash, record->passcode_hash.data, 32);
    }
    room->exists = true;
    return VR_OK;
}

enum vr_err record_load_room(struct vr_room *room, const struct vr_vault *vault,
                             struct vr_bytes value)
{
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);
    struct vr_room_listing *listing = calloc(1, sizeof(*listing));
    enum vr_err err = VR_E_NO_MEMORY;

    if (record == NULL) {
        err = VR_E_DAMAGED;
    } else if (listing != NULL) {
        err = fill_room(room, vault, record, listing);
    }
    free(listing);
    vr__room_record__free_unpacked(record, NULL);
    return err;
}
