/* dtls_provider.c - see the header. What a provider is: provider(7), provider-base(7). */
#include "actors/media/dtls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME "voicerooms-dtls"
#define NAMES_MAX 8

/* What an operation keeps: the algorithms with one of these (first) names, and with this property.
 * An operation that is not listed keeps everything. */
struct kept {
    int operation;
    const char *property;
    const char *names[NAMES_MAX];
};

/* clang-format off */
static const struct kept kept[] = {
    /* A client's certificate: browsers make P-256, or RSA where a page asks for it. */
    {OSSL_OP_DECODER, "structure=SubjectPublicKeyInfo", {"EC", "RSA", "ED25519"}},
    {OSSL_OP_KEYMGMT, "", {"EC", "RSA", "ED25519", "X25519"}},
    /* The suites of dtls.c, and what the generator of random numbers stands on. */
    {OSSL_OP_CIPHER, "", {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-256-CTR", "AES-256-ECB"}},
    /* The two last: libssl asks for them at start; an X509 is known by its SHA1. */
    {OSSL_OP_DIGEST, "", {"SHA2-256", "SHA2-384", "SHA2-512", "SHA2-224", "SHA1", "MD5"}},
    {OSSL_OP_MAC, "", {"HMAC"}},
    {OSSL_OP_KDF, "", {"TLS1-PRF"}},
};
/* clang-format on */
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

/* Written once, before anybody can ask for them. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM chosen[KEPT_COUNT][NAMES_MAX + 1];

static uint32_t name_count(const struct kept *want)
{
    uint32_t count = 0;

    while (count < NAMES_MAX && want->names[count] != NULL) {
        count++;
    }
    return count;
}

static bool is_kept(const struct kept *want, const OSSL_ALGORITHM *algorithm)
{
    size_t size = strcspn(algorithm->algorithm_names, ":"); /* other names follow */
    bool found = false;

    for (uint32_t i = 0; i < name_count(want); i++) {
        found = found || (strlen(want->names[i]) == size &&
                          strncmp(algorithm->algorithm_names, want->names[i], size) == 0);
    }
    return found && strstr(algorithm->property_definition, want->property) != NULL;
}

/* Each name exactly once, or this OpenSSL is not as we know it. */
static bool choose(const struct kept *want, OSSL_ALGORITHM *out)
{
    int no_cache = 0;
    uint32_t count = 0;

    for (const OSSL_ALGORITHM *one =
             OSSL_PROVIDER_query_operation(whole, want->operation, &no_cache);
         one != NULL && one->algorithm_names != NULL; one++) {
        if (is_kept(want, one)) {
            if (count == name_count(want)) {
                return false;
            }
            out[count++] = *one;
        }
    }
    return count == name_count(want);
}

static bool choose_all(void)
{
    bool good = true;

    for (uint32_t i = 0; i < KEPT_COUNT; i++) {
        good = good && choose(&kept[i], chosen[i]);
    }
    return good;
}

/* ---- the provider ---- */

/* What is asked of it is asked of the whole one; its algorithms are given what they expect. */
static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    (void)ctx;
    for (uint32_t i = 0; i < KEPT_COUNT; i++) {
        if (kept[i].operation == operation) {
            *no_cache = 0;
            return chosen[i];
        }
    }
    return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
}

static int capabilities(void *ctx, const char *what, OSSL_CALLBACK *each, void *with)
{
    (void)ctx;
    return OSSL_PROVIDER_get_capabilities(whole, what, each, with);
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **ctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
        {0, NULL}};

    (void)handle;
    (void)in;
    *out = functions;
    *ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

/* ---- its library ---- */

static void make(void)
{
    OSSL_LIB_CTX *made = NULL;

    if (OSSL_PROVIDER_available(NULL, "default") == 1) {
        whole = OSSL_PROVIDER_try_load(NULL, "default", 1);
    }
    if (whole != NULL && choose_all()) {
        made = OSSL_LIB_CTX_new();
    }
    if (made != NULL && OSSL_PROVIDER_add_builtin(made, NAME, start) == 1 &&
        OSSL_PROVIDER_load(made, NAME) != NULL) {
        library = made;
    } else {
        OSSL_LIB_CTX_free(made);
    }
    ERR_clear_error();
}

struct ossl_lib_ctx_st *vr_dtls_library(void)
{
    return CRYPTO_THREAD_run_once(&once, make) == 1 ? library : NULL;
}
