#include "actors/wire/resume.h"

#include <openssl/sha.h>

struct vr_id vr_resume_user_hint(const char *user)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)user, strlen(user), digest);
    return vr_id_get(digest);
}
