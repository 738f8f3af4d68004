/* tokens.h - access tokens for voiceroomd, minted as an operator's back end would. */
#ifndef VR_BENCH_TOKENS_H
#define VR_BENCH_TOKENS_H

#include "actors/wire/jwt.h"

/** `path`: admin-key.json. False with a line on stderr. */
bool vr_bench_key_read(const char *path, struct vr_key *key);
/** Appends the token of a user and a 0; hosts may create rooms. */
bool vr_bench_token(const struct vr_key *key, const char *user, enum vr_role role,
                    struct vr_buf *out);

#endif
