/* room_kit.h - what the tests of this folder share: a room in a bottle, with time and chance in
 * hand. Included by tests only. */
#ifndef VR_ROOM_ROOM_KIT_H
#define VR_ROOM_ROOM_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/records.h"
#include "actors/room/room.h"

struct kit {
    struct vr_room *room;
    struct vr_instant at;
    struct vr_effects effects; /* of the last step */
    struct vr_answer answer;   /* of the last step */
    struct vr_random_seeded random;
    uint32_t sessions;
    bool keep_effects; /* gather them over steps */
};

static inline uint64_t kit_hash(const char *text, uint64_t hash)
{
    while (*text != 0) {
        hash = (hash ^ (uint8_t)*text++) * 0x100000001b3ull;
    }
    return hash;
}

static inline struct vr_id kit_ref(void *ctx, const char *text)
{
    (void)ctx;
    return (struct vr_id){kit_hash(text, 7), kit_hash(text, 77)};
}

static inline bool kit_passcode(void *ctx, const char *passcode, const uint8_t salt[16],
                                uint8_t out[32])
{
    (void)ctx;
    memset(out, 0, 32);
    vr_put64(out, kit_hash(passcode, vr_get64(salt)));
    return true;
}

static inline struct vr_room_conf kit_conf(const struct vr_random *random)
{
    return (struct vr_room_conf){
        .random = random,
        .ref = kit_ref,
        .hash_passcode = kit_passcode,
        .capacity_max = 1000,
        .capacity_default = 100,
        .speaker_capacity_default = 10,
        .grace = VR_SECONDS(15),
        .host_grace = VR_SECONDS(60),
        .chat_per_10s = 10,
        .reactions_per_10s = 20,
    };
}

#define KIT_ROOM ((struct vr_id){0x1111, 0x2222})

static inline void kit_init(struct kit *kit, uint64_t seed)
{
    struct vr_room_conf conf;

    *kit = (struct kit){.at = {VR_SECONDS(1000), VR_SECONDS(1800000000)}};
    vr_random_seeded_init(&kit->random, seed);
    conf = kit_conf(&kit->random.random);
    kit->room = vr_room_new(KIT_ROOM, &conf, 3);
    if (kit->room == NULL) {
        abort();
    }
}

static inline void kit_clear(struct kit *kit)
{
    vr_blob_release(kit->answer.body);
    kit->answer = (struct vr_answer){0};
    if (!kit->keep_effects) {
        vr_effects_deinit(&kit->effects);
    }
}

static inline void kit_deinit(struct kit *kit)
{
    kit->keep_effects = false;
    kit_clear(kit);
    vr_room_free(kit->room);
    kit->room = NULL;
}

static inline void kit_pass(struct kit *kit, vr_time_us time)
{
    kit->at.now += time;
    kit->at.wall += time;
}

static inline void kit_tick(struct kit *kit)
{
    kit_clear(kit);
    vr_room_tick(kit->room, kit->at, &kit->effects);
}

/* Run one command; takes it. */
static inline enum vr_err kit_do(struct kit *kit, struct vr_command *cmd)
{
    enum vr_err err;

    kit_clear(kit);
    err = vr_room_step(kit->room, cmd, kit->at, &kit->effects, &kit->answer);
    vr_command_free(cmd);
    return err;
}

static inline struct vr_command *kit_command(enum vr_command_kind kind, const char *user)
{
    struct vr_command *cmd = vr_command_new(kind);

    if (cmd == NULL) {
        abort();
    }
    snprintf(cmd->by.user, sizeof(cmd->by.user), "%s", user);
    snprintf(cmd->by.name, sizeof(cmd->by.name), "name of %s", user);
    return cmd;
}

static inline void kit_text(struct vr_command *cmd, const char *text)
{
    vr_blob_release(cmd->text);
    cmd->text = vr_blob_new(vr_bytes_of(text));
}

static inline struct vr_settings *kit_settings(const char *title)
{
    struct vr_settings *settings = calloc(1, sizeof(*settings));

    if (settings == NULL) {
        abort();
    }
    settings->set = VR_SET_TITLE;
    snprintf(settings->title, sizeof(settings->title), "%s", title);
    return settings;
}

static inline enum vr_err kit_create(struct kit *kit, const char *user,
                                     struct vr_settings *settings)
{
    struct vr_command *cmd = kit_command(VR_CMD_CREATE, user);

    cmd->settings = settings != NULL ? settings : kit_settings("a room");
    return kit_do(kit, cmd);
}

static inline struct vr_command *kit_join_command(struct kit *kit, const char *user)
{
    struct vr_command *cmd = kit_command(VR_CMD_JOIN, user);

    cmd->session = vr_session_address((struct vr_id){9, ++kit->sessions});
    cmd->shard = vr_shard_address(KIT_ROOM, 0);
    return cmd;
}

/* The participant's number; 0 when it was refused. */
static inline vr_participant_id kit_join(struct kit *kit, const char *user)
{
    return kit_do(kit, kit_join_command(kit, user)) == VR_OK ? kit->answer.participant : 0;
}

static inline vr_participant_id kit_join_as(struct kit *kit, const char *user, enum vr_role role)
{
    struct vr_command *cmd = kit_join_command(kit, user);

    cmd->by.granted = role;
    return kit_do(kit, cmd) == VR_OK ? kit->answer.participant : 0;
}

static inline struct vr_person_view kit_person(const struct kit *kit, vr_participant_id who)
{
    struct vr_person_view view = {0};

    (void)vr_room_person(kit->room, who, &view);
    return view;
}

/* What participant `who` says, aimed at `target` (0: nobody). */
static inline struct vr_command *kit_by(const struct kit *kit, enum vr_command_kind kind,
                                        vr_participant_id who, vr_participant_id target)
{
    struct vr_person_view view = kit_person(kit, who);
    struct vr_command *cmd = kit_command(kind, view.user == NULL ? "" : view.user);

    cmd->by.participant = who;
    cmd->by.generation = view.generation;
    cmd->target = target;
    return cmd;
}

static inline enum vr_err kit_say(struct kit *kit, enum vr_command_kind kind, vr_participant_id who,
                                  vr_participant_id target)
{
    return kit_do(kit, kit_by(kit, kind, who, target));
}

/* The JSON of the n-th event (from 0) of this type in the last effects; NULL when there is none. */
static inline const struct vr_effect *kit_event(const struct kit *kit, const char *type, int n)
{
    char start[80];

    snprintf(start, sizeof(start), "{\"type\":\"%s\"", type);
    for (uint32_t i = 0; i < kit->effects.count; i++) {
        const struct vr_effect *effect = &kit->effects.items[i];

        if (effect->kind == VR_EFFECT_EVENT &&
            strncmp(vr_blob_text(effect->as.event.json), start, strlen(start)) == 0 && n-- == 0) {
            return effect;
        }
    }
    return NULL;
}

static inline bool kit_said(const struct kit *kit, const char *type, const char *part)
{
    const struct vr_effect *effect = kit_event(kit, type, 0);

    return effect != NULL && strstr(vr_blob_text(effect->as.event.json), part) != NULL;
}

/* A vault that hides nothing: ref and text as they are. `kit_users` maps refs back. */
struct kit_vault {
    char users[256][VR_USER_MAX + 1];
    struct vr_id refs[256];
    uint32_t count;
};

static inline enum vr_err kit_ensure(void *ctx, const char *user, struct vr_commit *commit,
                                     struct vr_id *ref)
{
    struct kit_vault *vault = ctx;

    (void)commit;
    *ref = kit_ref(NULL, user);
    for (uint32_t i = 0; i < vault->count; i++) {
        if (vr_id_equal(vault->refs[i], *ref)) {
            return VR_OK;
        }
    }
    if (vault->count == 256) {
        return VR_E_NO_MEMORY;
    }
    vault->refs[vault->count] = *ref;
    snprintf(vault->users[vault->count], sizeof(vault->users[0]), "%s", user);
    vault->count++;
    return VR_OK;
}

static inline enum vr_err kit_seal(void *ctx, struct vr_id ref, struct vr_bytes plain,
                                   struct vr_buf *out)
{
    (void)ctx;
    (void)ref;
    vr_buf_append(out, plain.data, plain.size);
    return VR_OK;
}

static inline enum vr_err kit_user(void *ctx, struct vr_id ref, struct vr_buf *out)
{
    struct kit_vault *vault = ctx;

    for (uint32_t i = 0; i < vault->count; i++) {
        if (vr_id_equal(vault->refs[i], ref)) {
            vr_buf_text(out, vault->users[i]);
            return VR_OK;
        }
    }
    return VR_E_NOT_FOUND;
}

static inline struct vr_vault kit_vault_of(struct kit_vault *vault)
{
    return (struct vr_vault){kit_ensure, kit_seal, kit_seal, kit_user, vault};
}

#endif
