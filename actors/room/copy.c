#include "actors/room/copy.h"

#include "actors/room/passcode.h"
#include "store/personal.h"

static struct vr_id ref_of(void *ctx, const char *text)
{
    return vr_personal_ref(ctx, text);
}

static enum vr_err ensure(void *ctx, const char *user, struct vr_commit *commit, struct vr_id *ref)
{
    return vr_personal_ensure(ctx, user, commit, ref);
}

static enum vr_err seal(void *ctx, struct vr_id ref, struct vr_bytes plain, struct vr_buf *out)
{
    return vr_personal_seal(ctx, ref, plain, out);
}

static enum vr_err unseal(void *ctx, struct vr_id ref, struct vr_bytes sealed, struct vr_buf *out)
{
    return vr_personal_open(ctx, ref, sealed, out);
}

static enum vr_err user_of(void *ctx, struct vr_id ref, struct vr_buf *out)
{
    return vr_personal_user(ctx, ref, out);
}

struct vr_room_conf vr_room_conf_of(struct vr_system *system, const struct vr_env *env)
{
    const struct vr_room_services *services = env->room_services;

    return (struct vr_room_conf){
        .random = vr_system_random(system),
        .ref = ref_of,
        .hash_passcode = vr_passcode_hash,
        .ctx = services->personal,
        .capacity_max = env->capacity_max,
        .capacity_default = env->capacity_default,
        .speaker_capacity_default = env->speaker_capacity_default,
        .grace = env->grace,
        .host_grace = env->host_grace,
        .chat_per_10s = env->chat_per_10s,
        .reactions_per_10s = env->reactions_per_10s,
        .audience = env->audience,
        .outbox = services->outbox,
    };
}

struct vr_vault vr_room_vault_of(const struct vr_room_services *services)
{
    return (struct vr_vault){ensure, seal, unseal, user_of, services->personal};
}

static void attach_all(struct vr_room *room)
{
    for (vr_participant_id id = vr_room_next(room, 0); id != 0; id = vr_room_next(room, id)) {
        struct vr_person_view view;

        if (vr_room_person(room, id, &view) && !view.was_lost) {
            (void)vr_room_attach(room, id, view.generation);
        }
    }
}

struct vr_room *vr_room_copy_load(struct vr_system *system, struct vr_id id, uint64_t epoch,
                                  struct vr_instant at, struct vr_why *why)
{
    const struct vr_env *env = vr_system_context(system);
    struct vr_room_conf conf = vr_room_conf_of(system, env);
    struct vr_vault vault = vr_room_vault_of(env->room_services);
    struct vr_room *room;

    conf.provisional = true;
    room = vr_room_new(id, &conf, epoch);
    if (room == NULL) {
        (void)vr_fail(why, VR_E_NO_MEMORY, "no memory for a room");
        return NULL;
    }
    if (vr_room_load(vr_system_records(system), &vault, room, at, why) != VR_OK) {
        vr_room_free(room);
        return NULL;
    }
    attach_all(room);
    return room;
}
