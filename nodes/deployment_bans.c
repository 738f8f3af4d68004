/* deployment_bans.c - bans of the whole deployment: by user, by address range, or both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/wire/resume.h"
#include "nodes/deployment_internal.h"

enum vr_err vr_deployment_ban_body(struct vr_deployment *deployment,
                                   const struct vr_deployment_ban *ban, const char *by_user,
                                   struct vr_commit *commit, struct vr_buf *body)
{
    Vr__DeploymentBan record = VR__DEPLOYMENT_BAN__INIT;
    struct vr_buf range = {0};
    struct vr_buf reason = {0};
    struct vr_buf by_name = {0};
    struct vr_id ref = {0};
    uint8_t user_ref[16], by_ref[16];
    enum vr_err err = deployment_seal(deployment, "", vr_bytes_of(ban->range), commit, &range);

    deployment_share_user(deployment, deployment_own_ref(deployment), commit);

    if (err == VR_OK) {
        err = deployment_seal(deployment, ban->user, vr_bytes_of(ban->reason), commit, &reason);
    }
    if (err == VR_OK && ban->user[0] != 0) {
        err = vr_personal_ensure(deployment->conf.personal, ban->user, commit, &ref);
        deployment_share_user(deployment, ref, commit);
        vr_id_put(user_ref, ref);
        record.user_ref = deployment_binary(vr_bytes(user_ref, 16));
    }
    if (err == VR_OK && by_user[0] != 0) {
        err = vr_personal_ensure(deployment->conf.personal, by_user, commit, &ref);
        deployment_share_user(deployment, ref, commit);
        vr_id_put(by_ref, ref);
        record.by_ref = deployment_binary(vr_bytes(by_ref, 16));
        if (err == VR_OK) {
            err = deployment_seal(deployment, by_user, vr_bytes_of(ban->by), commit, &by_name);
        }
    }
    if (err == VR_OK) {
        record.range = deployment_binary(vr_buf_bytes(&range));
        record.reason = deployment_binary(vr_buf_bytes(&reason));
        record.by_name = deployment_binary(vr_buf_bytes(&by_name));
        record.at = ban->at;
        record.until = ban->until;
        err = deployment_pack(&record.base, body);
    }
    vr_buf_deinit(&range);
    vr_buf_deinit(&reason);
    vr_buf_deinit(&by_name);
    return err;
}

static struct vr_id ref_of(ProtobufCBinaryData data)
{
    return data.len == 16 ? vr_id_get(data.data) : (struct vr_id){0};
}

/** Appends an opened field with its 0, and tells where it begins. */
static size_t open_text(const struct vr_deployment *deployment, struct vr_id ref,
                        ProtobufCBinaryData sealed, struct vr_buf *keep)
{
    size_t at = keep->size;

    (void)deployment_open(deployment, ref, deployment_bytes(sealed), keep);
    vr_buf_append(keep, "", 1);
    return at;
}

bool vr_deployment_ban_read(const struct vr_deployment *deployment,
                            const struct vr_deployment_row *row, struct vr_deployment_ban *out,
                            struct vr_buf *keep)
{
    Vr__DeploymentBan *record = vr__deployment_ban__unpack(NULL, row->body.size, row->body.data);
    struct vr_id own = deployment_own_ref(deployment);
    struct vr_id ref;
    size_t user, range, reason, by;

    if (record == NULL) {
        return false;
    }
    ref = ref_of(record->user_ref);
    user = keep->size;
    if (!vr_id_is_zero(ref) && vr_personal_user(deployment->conf.personal, ref, keep) != VR_OK) {
        keep->size = user; /* erased: the ban holds, of nobody known */
    }
    vr_buf_append(keep, "", 1);
    range = open_text(deployment, own, record->range, keep);
    reason = open_text(deployment, vr_id_is_zero(ref) ? own : ref, record->reason, keep);
    by = open_text(deployment, ref_of(record->by_ref), record->by_name, keep);
    *out = (struct vr_deployment_ban){
        .id = row->id, .has_user = !vr_id_is_zero(ref), .at = record->at, .until = record->until};
    vr__deployment_ban__free_unpacked(record, NULL);
    if (keep->failed) {
        return false;
    }
    out->user = (const char *)keep->data + user;
    out->range = (const char *)keep->data + range;
    out->reason = (const char *)keep->data + reason;
    out->by = (const char *)keep->data + by;
    return true;
}

static void drop(struct vr_deployment *deployment, struct vr_id id)
{
    for (uint32_t i = 0; i < deployment->ban_count; i++) {
        if (vr_id_equal(deployment->bans[i].id, id)) {
            deployment->bans[i] = deployment->bans[--deployment->ban_count];
            return;
        }
    }
}

static bool make_room(struct vr_deployment *deployment)
{
    uint32_t capacity = deployment->ban_capacity == 0 ? 16 : deployment->ban_capacity * 2;
    struct held_ban *grown;

    if (deployment->ban_count < deployment->ban_capacity) {
        return true;
    }
    grown = realloc(deployment->bans, capacity * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    deployment->bans = grown;
    deployment->ban_capacity = capacity;
    return true;
}

void deployment_ban_apply(struct vr_deployment *deployment, const struct vr_deployment_row *row)
{
    Vr__DeploymentBan *record = NULL;
    struct vr_deployment_ban ban;
    struct vr_buf keep = {0};

    drop(deployment, row->id);
    if (row->gone || !vr_deployment_ban_read(deployment, row, &ban, &keep) ||
        !make_room(deployment)) {
        vr_buf_deinit(&keep);
        return;
    }
    record = vr__deployment_ban__unpack(NULL, row->body.size, row->body.data);
    if (record != NULL) {
        struct held_ban *held = &deployment->bans[deployment->ban_count++];

        *held =
            (struct held_ban){.id = row->id, .ref = ref_of(record->user_ref), .until = ban.until};
        held->hint = ban.user[0] == 0 ? (struct vr_id){0} : vr_resume_user_hint(ban.user);
        held->has_range = ban.range[0] != 0 && vr_net_range_parse(ban.range, &held->range);
        vr__deployment_ban__free_unpacked(record, NULL);
    }
    vr_buf_deinit(&keep);
}

static bool hits(const struct held_ban *ban, struct vr_id hint, bool addressed,
                 const struct vr_net_address *address)
{
    return (!vr_id_is_zero(ban->hint) && vr_id_equal(ban->hint, hint)) ||
           (ban->has_range && addressed && vr_net_range_holds(&ban->range, address));
}

bool vr_deployment_banned(struct vr_deployment *deployment, struct vr_id hint, const char *address,
                          struct vr_why *why)
{
    struct vr_net_address from;
    bool addressed = address[0] != 0 && vr_net_address_parse(address, &from);
    vr_time_us now = vr_deployment_wall(deployment);
    bool banned = false;

    pthread_rwlock_rdlock(&deployment->lock);
    for (uint32_t i = 0; i < deployment->barred_count && !banned; i++) {
        banned = vr_id_equal(deployment->barred[i], hint);
    }
    for (uint32_t i = 0; i < deployment->ban_count && !banned; i++) {
        const struct held_ban *ban = &deployment->bans[i];

        banned = (ban->until == 0 || ban->until > now) && hits(ban, hint, addressed, &from);
    }
    pthread_rwlock_unlock(&deployment->lock);
    if (banned) {
        (void)vr_fail(why, VR_E_BANNED, "banned from all rooms of this server");
    }
    return banned;
}

uint32_t vr_deployment_ban_count(struct vr_deployment *deployment)
{
    uint32_t count;

    pthread_rwlock_rdlock(&deployment->lock);
    count = deployment->ban_count;
    pthread_rwlock_unlock(&deployment->lock);
    return count;
}

void vr_deployment_barred(struct vr_deployment *deployment, struct vr_id hint, bool barred)
{
    uint32_t at = 0;

    pthread_rwlock_wrlock(&deployment->lock);
    while (at < deployment->barred_count && !vr_id_equal(deployment->barred[at], hint)) {
        at++;
    }
    if (!barred && at < deployment->barred_count) {
        deployment->barred[at] = deployment->barred[--deployment->barred_count];
    } else if (barred && at == deployment->barred_count && at < BARRED_MAX) {
        deployment->barred[deployment->barred_count++] = hint;
    }
    pthread_rwlock_unlock(&deployment->lock);
    atomic_fetch_add(&deployment->changes, 1);
}
