/* records.h - a room's durable form: what changed goes into a commit, and a room comes back from
 * its records.
 *
 * The rules (room.h) know nothing of this. Personal fields pass through the vault, so that this
 * file is as pure as its callers make it: the actor hands in store/personal.h, tests something
 * plain. */
#ifndef VR_ROOM_RECORDS_H
#define VR_ROOM_RECORDS_H

#include "actors/room/room.h"
#include "store/records.h"

/** Seals and opens personal fields: store/personal.h says what each does. */
struct vr_vault {
    enum vr_err (*ensure)(void *ctx, const char *user, struct vr_commit *commit, struct vr_id *ref);
    enum vr_err (*seal)(void *ctx, struct vr_id ref, struct vr_bytes plain, struct vr_buf *out);
    enum vr_err (*open)(void *ctx, struct vr_id ref, struct vr_bytes sealed, struct vr_buf *out);
    enum vr_err (*user)(void *ctx, struct vr_id ref, struct vr_buf *out);
    void *ctx;
};

/** Add to `commit` what has changed since the last call, and the audit entries of `effects`. After
 * it the room counts as saved: when the commit fails, the room must be loaded anew. Errors:
 * VR_E_NO_MEMORY and what the vault says; then the commit is not to be submitted. */
VR_MUST_CHECK enum vr_err vr_room_save(struct vr_room *room, const struct vr_effects *effects,
                                       const struct vr_vault *vault, struct vr_commit *commit);

/** Every record of the room goes. */
void vr_room_save_deletion(const struct vr_room *room, struct vr_commit *commit);

/** The rows of a room as a backup gives them back, appended to `out` as operations that put: keys
 * of its users, then all but the answers of past commands and marks, its own last. Of the log the
 * newest `audit_max` bytes. VR_E_NOT_FOUND, VR_E_NO_MEMORY, VR_E_DAMAGED. */
VR_MUST_CHECK enum vr_err vr_room_rows_read(struct vr_records *records, struct vr_id room,
                                            size_t audit_max, struct vr_buf *out);
/** Rows of a backup (operations that put, as commits have them) as they come from outside: only
 * this room's own and users' keys, each in its form, and the room's own row once.
 * VR_E_UNPROCESSABLE, VR_E_NO_MEMORY. Pure. */
VR_MUST_CHECK enum vr_err vr_room_rows_judge(struct vr_id room, const struct vr_room_conf *conf,
                                             struct vr_bytes rows, struct vr_why *why);
/** Add those rows to `commit` in the place of all that the room has; the room's own comes last.
 * Keys of users are merged with those in `records`: who was erased since then stays so. */
VR_MUST_CHECK enum vr_err vr_room_rows_save(const struct vr_room *room, struct vr_records *records,
                                            struct vr_bytes rows, struct vr_commit *commit);

/** Fill a fresh room (vr_room_new) from its records. People who were there are `reconnecting`, with
 * a grace time that starts now. Errors: VR_E_NOT_FOUND (the room stays fresh), VR_E_DAMAGED,
 * VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_room_load(struct vr_records *records, const struct vr_vault *vault,
                                       struct vr_room *room, struct vr_instant at,
                                       struct vr_why *why);

/** One record, as the store gives it: vr_room_load's inside, and the way in for a fuzzer. */
VR_MUST_CHECK enum vr_err vr_room_load_record(struct vr_room *room, const struct vr_vault *vault,
                                              enum vr_table table, struct vr_bytes key,
                                              struct vr_bytes value);
/** After the last record. */
void vr_room_loaded(struct vr_room *room, struct vr_instant at);

/** Tells the refs of all users with whose keys fields of this record are sealed; some may come
 * twice. What is no record of its table tells none. */
typedef void (*vr_ref_fn)(void *ctx, struct vr_id ref);
void vr_room_record_refs(enum vr_table table, struct vr_bytes key, struct vr_bytes value,
                         vr_ref_fn told, void *ctx);

/** The newest audit entries, at most 200, as {"entries":[...]}; `newest` is vr_room_audits(). */
VR_MUST_CHECK enum vr_err vr_room_audit_json(struct vr_records *records,
                                             const struct vr_vault *vault, struct vr_id room,
                                             uint64_t newest, struct vr_buf *out);

/** A row of VR_TABLE_ROOMS as the list of rooms needs it; strings are 0-terminated copies. */
struct vr_room_listing {
    char title[VR_TITLE_MAX + 1];
    char topic[VR_TAG_MAX + 1];
    char description[VR_TEXT_MAX + 1];
    char language[17];
    char tags[VR_TAGS_MAX][VR_TAG_MAX + 1];
    uint32_t tag_count;
    enum vr_visibility visibility;
    enum vr_phase phase;
    bool locked;
    bool has_passcode;
    uint32_t capacity;
    uint32_t speaker_capacity;
    uint32_t slow_hand_s;
    enum vr_speak_on_entry entry;
    uint64_t revision;
    vr_time_us created_wall;
    vr_time_us starts_wall; /* 0: null, as the next two */
    vr_time_us started_wall;
    vr_time_us ended_wall;
    char end_reason[257];
    struct vr_id creator_ref;
    char creator_name[VR_NAME_MAX + 1];   /* "" when erased */
    struct vr_id invited[VR_INVITED_MAX]; /* refs of users (vr_personal_ref) */
    uint32_t invited_count;
};
/** Opens nothing: for who needs a row without names; what is sealed stays so. */
extern const struct vr_vault vr_vault_closed;

VR_MUST_CHECK enum vr_err vr_room_listing_decode(struct vr_bytes value,
                                                 const struct vr_vault *vault,
                                                 struct vr_room_listing *out);

#endif
