/* passcode.c - this folder's one use of OpenSSL. */
#include "actors/room/passcode.h"

#include <openssl/evp.h>
#include <string.h>

/* A guess costs a millisecond of a control worker; wrong ones are few by rate limit, so more would
 * harm us only. */
#define ROUNDS 4096

bool vr_passcode_hash(void *ctx, const char *passcode, const uint8_t salt[16], uint8_t out[32])
{
    (void)ctx;
    return PKCS5_PBKDF2_HMAC(passcode, (int)strlen(passcode), salt, 16, ROUNDS, EVP_sha256(), 32,
                             out) == 1;
}
