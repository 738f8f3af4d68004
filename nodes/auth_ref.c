/* auth_ref.c - hashes of key and jti, compared with the keys and revocations of now. */
#include "nodes/auth_ref.h"

#include "actors/wire/resume.h"
#include "nodes/auth_internal.h"

static uint64_t hash_of(const char *text)
{
    return text[0] == 0 ? 0 : vr_resume_user_hint(text).hi;
}

struct vr_id vr_auth_ref(const struct vr_grants *grants)
{
    return (struct vr_id){hash_of(grants->kid), hash_of(grants->jti)};
}

bool vr_auth_ref_withdrawn(struct vr_auth *auth, struct vr_id ref)
{
    bool guest = hash_of(auth->guest.kid) == ref.hi;
    bool known = ref.hi == 0 || (guest && auth->conf.guests != VR_GUESTS_OFF);
    bool revoked = false;

    pthread_rwlock_rdlock(&auth->lock);
    for (uint32_t i = 0; i < auth->key_count && !known; i++) {
        known = auth->keys[i].state == KEY_LIVE && hash_of(auth->keys[i].key.kid) == ref.hi;
    }
    /* Few are revoked and still kept, and a return by the resume token alone is rare. */
    for (size_t i = 0; ref.lo != 0 && i < auth->revoked_count && !revoked; i++) {
        revoked = hash_of(auth->revoked[i].jti) == ref.lo;
    }
    pthread_rwlock_unlock(&auth->lock);
    return !known || revoked;
}
