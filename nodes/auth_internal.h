/* auth_internal.h - what auth.c and auth_keys.c share. */
#ifndef VR_NODES_AUTH_INTERNAL_H
#define VR_NODES_AUTH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "nodes/auth.h"

#define GUEST_KID "guest"
#define ADMIN_KID "admin"
#define JOIN_CODE_SIZE 12

struct revoked {
    char jti[VR_JTI_MAX + 1];
    uint64_t hash; /* of jti, as in vr_auth_ref */
    int64_t until; /* wall seconds; the token has expired by then. 0: not told, kept for ever */
};

/** A key is good only while it is live: a new one is not until its commit is done, one that goes is
 * not from the moment that its end was asked. */
enum key_state { KEY_COMING, KEY_LIVE, KEY_GOING };

struct held_key {
    struct vr_key key;
    uint64_t hash;      /* of its kid, as in vr_auth_ref */
    int64_t created_at; /* wall seconds; 0: not known */
    enum key_state state;
};

struct vr_auth {
    struct vr_auth_conf conf;
    struct vr_key guest;
    char join_code[JOIN_CODE_SIZE + 1];
    atomic_uint_fast64_t changes; /* how often something that was good ceased to be */
    pthread_rwlock_t lock;        /* over the rest */
    uint32_t key_count;
    struct held_key keys[VR_KEYS_MAX];
    struct revoked *revoked; /* sorted by jti */
    size_t revoked_count;
    size_t revoked_capacity;
};

/* auth_keys.c */
VR_MUST_CHECK enum vr_err auth_keys_load(struct vr_auth *auth);
/** The live keys of `fresh` instead of ours; those under way stay. Under the lock. */
void auth_keys_take(struct vr_auth *auth, const struct vr_auth *fresh);
int64_t auth_wall_s(const struct vr_auth *auth);

#endif
