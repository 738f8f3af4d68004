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
#define KINDS 3

/* Written once, before anybody can ask for them. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_LIB_CTX *library;
static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM readers[KINDS + 1];

/* What certificates of clients are made with: browsers P-256, or RSA where a page asks for it. */
static bool is_wanted(const OSSL_ALGORITHM *reader)
{
    static const char *const kinds[KINDS] = {"EC", "RSA", "ED25519"};
    bool wanted = false;

    for (uint32_t i = 0; i < KINDS; i++) {
        wanted = wanted || strcmp(reader->algorithm_names, kinds[i]) == 0;
    }
    return wanted && strstr(reader->property_definition, "structure=SubjectPublicKeyInfo") != NULL;
}

static bool choose_readers(void)
{
    int no_cache = 0;
    uint32_t count = 0;

    for (const OSSL_ALGORITHM *one =
             OSSL_PROVIDER_query_operation(whole, OSSL_OP_DECODER, &no_cache);
         one != NULL && one->algorithm_names != NULL; one++) {
        if (count < KINDS && is_wanted(one)) {
            readers[count++] = *one;
        }
    }
    return count == KINDS;
}

/* ---- the provider ---- */

/* What is asked of it is asked of the whole one; its algorithms are given what they expect. */
static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    (void)ctx;
    if (operation == OSSL_OP_DECODER) {
        *no_cache = 0;
        return readers;
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
    if (whole != NULL && choose_readers()) {
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
