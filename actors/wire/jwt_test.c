/* Goal: a token is taken only when its key, its signature, its times and every claim are exactly
 * right; more than sixty hostile ones, each wrong in one way, are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "actors/wire/base64url.h"
#include "actors/wire/jwt.h"

#define NOW 1700000000
#define RFC_KEY                                                                                    \
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"

static const char secret[] = "0123456789abcdef0123456789abcdef";

static bool find_key(void *ctx, const char *kid, struct vr_key *out)
{
    (void)ctx;
    snprintf(out->kid, sizeof(out->kid), "%s", kid);
    if (strcmp(kid, "key1") == 0) {
        memcpy(out->secret, secret, 32);
        out->secret_size = 32;
        return true;
    }
    if (strcmp(kid, "weak") == 0) { /* a key that a careless operator stored */
        memcpy(out->secret, secret, 31);
        out->secret_size = 31;
        return true;
    }
    if (strcmp(kid, "joe") == 0) {
        return vr_base64url_read(vr_bytes_of(RFC_KEY), out->secret, sizeof(out->secret),
                                 &out->secret_size);
    }
    return false;
}

static bool is_revoked(void *ctx, const char *jti)
{
    (void)ctx;
    return strcmp(jti, "stolen") == 0;
}

static const struct vr_jwt_verify verifier = {.key = find_key, .revoked = is_revoked, .now_s = NOW};

static enum vr_err read_at(const struct vr_buf *token, int64_t now_s, struct vr_grants *out,
                           struct vr_why *why)
{
    struct vr_jwt_verify verify = verifier;

    verify.now_s = now_s;
    return vr_jwt_read(vr_buf_bytes(token), &verify, out, why);
}

/* Header and payload as given, signed with `key`. */
static struct vr_buf signed_with(const char *header, const char *payload, const void *key,
                                 int key_size, const EVP_MD *digest)
{
    struct vr_buf token = {0};
    uint8_t tag[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    vr_base64url_write(vr_bytes_of(header), &token);
    vr_buf_text(&token, ".");
    vr_base64url_write(vr_bytes_of(payload), &token);
    assert_non_null(HMAC(digest, key, key_size, token.data, token.size, tag, &size));
    vr_buf_text(&token, ".");
    vr_base64url_write(vr_bytes(tag, size), &token);
    return token;
}

static struct vr_buf make(const char *header, const char *payload)
{
    return signed_with(header, payload, secret, 32, EVP_sha256());
}

#define H "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"key1\"}"
#define SUB "\"sub\":\"ana\""
#define EXP "\"exp\":1700000600"
#define P "{" SUB "," EXP "}"
#define VOICE(grants) "{" SUB "," EXP ",\"voice\":{" grants "}}"

struct row {
    const char *what;
    const char *header;
    const char *payload;
};

/* clang-format off */
static const struct row fine[] = {
    { "the least",               H, P },
    { "no typ",                  "{\"alg\":\"HS256\",\"kid\":\"key1\"}", P },
    { "kid by iss",              "{\"alg\":\"HS256\"}", "{\"iss\":\"key1\"," SUB "," EXP "}" },
    { "kid and the same iss",    H, "{\"iss\":\"key1\"," SUB "," EXP "}" },
    { "unknown claims",          H, "{" SUB "," EXP ",\"metadata\":\"x\",\"voice\":{\"canPublishData\":true}}" },
    { "within the skew",         H, "{" SUB ",\"exp\":1699999941,\"nbf\":1700000060,\"iat\":1700000060}" },
    { "white space in the JSON", H, "{ \"sub\" : \"ana\" ,\r\n" EXP " }" },
    { "escapes in a name",       H, "{" SUB "," EXP ",\"name\":\"\\u00c4na\"}" },
    { "not the revoked jti",     H, "{" SUB "," EXP ",\"jti\":\"mine\"}" },
};

static const struct row hostile[] = {
    /* algorithm */
    { "alg none",                "{\"alg\":\"none\",\"kid\":\"key1\"}", P },
    { "alg None",                "{\"alg\":\"None\",\"kid\":\"key1\"}", P },
    { "alg NONE",                "{\"alg\":\"NONE\",\"kid\":\"key1\"}", P },
    { "alg nOnE",                "{\"alg\":\"nOnE\",\"kid\":\"key1\"}", P },
    { "alg hs256",               "{\"alg\":\"hs256\",\"kid\":\"key1\"}", P },
    { "alg Hs256",               "{\"alg\":\"Hs256\",\"kid\":\"key1\"}", P },
    { "alg with a space",        "{\"alg\":\"HS256 \",\"kid\":\"key1\"}", P },
    { "alg RS256",               "{\"alg\":\"RS256\",\"kid\":\"key1\"}", P },
    { "alg ES256",               "{\"alg\":\"ES256\",\"kid\":\"key1\"}", P },
    { "alg EdDSA",               "{\"alg\":\"EdDSA\",\"kid\":\"key1\"}", P },
    { "alg HS384",               "{\"alg\":\"HS384\",\"kid\":\"key1\"}", P },
    { "alg HS512",               "{\"alg\":\"HS512\",\"kid\":\"key1\"}", P },
    { "alg empty",               "{\"alg\":\"\",\"kid\":\"key1\"}", P },
    { "alg missing",             "{\"kid\":\"key1\"}", P },
    { "alg null",                "{\"alg\":null,\"kid\":\"key1\"}", P },
    { "alg a list",              "{\"alg\":[\"HS256\"],\"kid\":\"key1\"}", P },
    { "alg a number",            "{\"alg\":256,\"kid\":\"key1\"}", P },
    { "alg with a zero inside",  "{\"alg\":\"HS256\\u0000\",\"kid\":\"key1\"}", P },
    { "alg twice",               "{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"key1\"}", P },
    { "ALG instead",             "{\"ALG\":\"HS256\",\"kid\":\"key1\"}", P },
    /* the rest of the header */
    { "typ of another kind",     "{\"alg\":\"HS256\",\"typ\":\"JWE\",\"kid\":\"key1\"}", P },
    { "typ a number",            "{\"alg\":\"HS256\",\"typ\":1,\"kid\":\"key1\"}", P },
    { "crit",                    "{\"alg\":\"HS256\",\"kid\":\"key1\",\"crit\":[\"exp\"]}", P },
    { "b64 false",               "{\"alg\":\"HS256\",\"kid\":\"key1\",\"b64\":false}", P },
    { "a key inside",            "{\"alg\":\"HS256\",\"kid\":\"key1\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", P },
    { "a key's address",         "{\"alg\":\"HS256\",\"kid\":\"key1\",\"jku\":\"https://example.com/k\"}", P },
    { "a certificate's address", "{\"alg\":\"HS256\",\"kid\":\"key1\",\"x5u\":\"https://example.com/c\"}", P },
    { "a certificate",           "{\"alg\":\"HS256\",\"kid\":\"key1\",\"x5c\":[\"AA==\"]}", P },
    { "compressed",              "{\"alg\":\"HS256\",\"kid\":\"key1\",\"zip\":\"DEF\"}", P },
    { "encrypted",               "{\"alg\":\"HS256\",\"kid\":\"key1\",\"enc\":\"A128GCM\"}", P },
    { "header a list",           "[\"HS256\"]", P },
    { "header a text",           "\"HS256\"", P },
    { "header null",             "null", P },
    { "header not JSON",         "{alg:HS256}", P },
    { "header with more behind", H "{}", P },
    { "header not UTF-8",        "{\"alg\":\"HS256\",\"kid\":\"key1\",\"x\":\"\xff\"}", P },
    /* key */
    { "no kid and no iss",       "{\"alg\":\"HS256\"}", P },
    { "unknown kid",             "{\"alg\":\"HS256\",\"kid\":\"key2\"}", P },
    { "kid empty",               "{\"alg\":\"HS256\",\"kid\":\"\"}", "{\"iss\":\"key1\"," SUB "," EXP "}" },
    { "kid null",                "{\"alg\":\"HS256\",\"kid\":null}", "{\"iss\":\"key1\"," SUB "," EXP "}" },
    { "kid a path",              "{\"alg\":\"HS256\",\"kid\":\"../../key1\"}", P },
    { "kid /dev/null",           "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", P },
    { "kid with SQL",            "{\"alg\":\"HS256\",\"kid\":\"key1' OR '1'='1\"}", P },
    { "kid with a zero",         "{\"alg\":\"HS256\",\"kid\":\"key1\\u0000\"}", P },
    { "kid with a line",         "{\"alg\":\"HS256\",\"kid\":\"key1\\n\"}", P },
    { "kid too long",            "{\"alg\":\"HS256\",\"kid\":\"key1key1key1key1key1key1key1key1k\"}", P },
    { "kid a list",              "{\"alg\":\"HS256\",\"kid\":[\"key1\"]}", P },
    { "kid twice",               "{\"alg\":\"HS256\",\"kid\":\"key2\",\"kid\":\"key1\"}", P },
    { "iss of another key",      H, "{\"iss\":\"key2\"," SUB "," EXP "}" },
    { "iss a number",            H, "{\"iss\":1," SUB "," EXP "}" },
    { "a key of 31 bytes",       "{\"alg\":\"HS256\",\"kid\":\"weak\"}", P },
    /* payload */
    { "payload a list",          H, "[" P "]" },
    { "payload a text",          H, "\"ana\"" },
    { "payload a number",        H, "1" },
    { "payload true",            H, "true" },
    { "payload not JSON",        H, "sub=ana" },
    { "payload cut",             H, "{" SUB "," EXP },
    { "payload with more",       H, P " x" },
    { "payload not UTF-8",       H, "{" EXP ",\"sub\":\"\xc3\x28\"}" },
    { "payload half a surrogate", H, "{" EXP ",\"sub\":\"\\ud800\"}" },
    { "payload with a mark",     H, "\xef\xbb\xbf" P },
    { "payload with a comment",  H, "{/**/" SUB "," EXP "}" },
    { "payload, comma too many", H, "{" SUB "," EXP ",}" },
    { "payload nested deep",     H, "{" SUB "," EXP ",\"x\":[[[[[[[[1]]]]]]]]}" },
    /* times */
    { "exp missing",             H, "{" SUB "}" },
    { "exp null",                H, "{" SUB ",\"exp\":null}" },
    { "exp a text",              H, "{" SUB ",\"exp\":\"1700000600\"}" },
    { "exp true",                H, "{" SUB ",\"exp\":true}" },
    { "exp a fraction",          H, "{" SUB ",\"exp\":1700000600.5}" },
    { "exp in exponents",        H, "{" SUB ",\"exp\":17e8}" },
    { "exp infinite",            H, "{" SUB ",\"exp\":1e999}" },
    { "exp not a number",        H, "{" SUB ",\"exp\":NaN}" },
    { "exp negative",            H, "{" SUB ",\"exp\":-1}" },
    { "exp zero",                H, "{" SUB ",\"exp\":0}" },
    { "exp of 2^63",             H, "{" SUB ",\"exp\":9223372036854775808}" },
    { "exp of 2^63 - 1",         H, "{" SUB ",\"exp\":9223372036854775807}" },
    { "exp beyond year 9999",    H, "{" SUB ",\"exp\":253402300800}" },
    { "exp in milliseconds",     H, "{" SUB ",\"exp\":1700000600000}" },
    { "exp hexadecimal",         H, "{" SUB ",\"exp\":0x7fffffff}" },
    { "exp a list",              H, "{" SUB ",\"exp\":[1700000600]}" },
    { "exp twice",               H, "{" SUB ",\"exp\":1," EXP "}" },
    { "exp twice by an escape",  H, "{" SUB ",\"\\u0065xp\":1," EXP "}" },
    { "expired",                 H, "{" SUB ",\"exp\":1699999940}" },
    { "expired long ago",        H, "{" SUB ",\"exp\":1}" },
    { "not yet valid",           H, "{" SUB "," EXP ",\"nbf\":1700000061}" },
    { "nbf a text",              H, "{" SUB "," EXP ",\"nbf\":\"0\"}" },
    { "nbf negative",            H, "{" SUB "," EXP ",\"nbf\":-5}" },
    { "made in the future",      H, "{" SUB "," EXP ",\"iat\":1700000061}" },
    { "iat a fraction",          H, "{" SUB "," EXP ",\"iat\":1.5}" },
    { "iat false",               H, "{" SUB "," EXP ",\"iat\":false}" },
    /* identity */
    { "sub missing",             H, "{" EXP "}" },
    { "sub empty",               H, "{" EXP ",\"sub\":\"\"}" },
    { "sub a number",            H, "{" EXP ",\"sub\":1}" },
    { "sub a list",              H, "{" EXP ",\"sub\":[\"ana\"]}" },
    { "sub with a zero",         H, "{" EXP ",\"sub\":\"ana\\u0000admin\"}" },
    { "sub with a line",         H, "{" EXP ",\"sub\":\"ana\\nadmin\"}" },
    { "sub with a C1 control",   H, "{" EXP ",\"sub\":\"ana\\u0085\"}" },
    { "sub twice",               H, "{" EXP "," SUB ",\"sub\":\"bob\"}" },
    { "name a number",           H, "{" SUB "," EXP ",\"name\":5}" },
    { "name empty",              H, "{" SUB "," EXP ",\"name\":\"\"}" },
    { "name with an escape",     H, "{" SUB "," EXP ",\"name\":\"\\u001b[2J\"}" },
    { "name of 65 bytes",        H, "{" SUB "," EXP ",\"name\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}" },
    { "jti a number",            H, "{" SUB "," EXP ",\"jti\":1}" },
    { "jti too long",            H, "{" SUB "," EXP ",\"jti\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}" },
    { "jti revoked",             H, "{" SUB "," EXP ",\"jti\":\"stolen\"}" },
    { "jti revoked, escaped",    H, "{" SUB "," EXP ",\"jti\":\"\\u0073tolen\"}" },
    /* grants */
    { "voice a list",            H, "{" SUB "," EXP ",\"voice\":[]}" },
    { "voice true",              H, "{" SUB "," EXP ",\"voice\":true}" },
    { "voice null",              H, "{" SUB "," EXP ",\"voice\":null}" },
    { "video a text",            H, "{" SUB "," EXP ",\"video\":\"admin\"}" },
    { "admin 1",                 H, VOICE("\"admin\":1") },
    { "admin a text",            H, VOICE("\"admin\":\"true\"") },
    { "admin null",              H, VOICE("\"admin\":null") },
    { "admin twice",             H, VOICE("\"admin\":false,\"admin\":true") },
    { "canPublish 0",            H, VOICE("\"canPublish\":0") },
    { "canPublish null",         H, VOICE("\"canPublish\":null") },
    { "canModerate a list",      H, VOICE("\"canModerate\":[true]") },
    { "roomJoin an object",      H, VOICE("\"roomJoin\":{}") },
    { "role unknown",            H, VOICE("\"role\":\"owner\"") },
    { "role in capitals",        H, VOICE("\"role\":\"HOST\"") },
    { "role a number",           H, VOICE("\"role\":3") },
    { "role empty",              H, VOICE("\"role\":\"\"") },
    { "room a number",           H, VOICE("\"room\":7") },
    { "room empty",              H, VOICE("\"room\":\"\"") },
    { "room not an id",          H, VOICE("\"room\":\"my-room\"") },
    { "room with a wildcard",    H, VOICE("\"room\":\"**************************\"") },
    { "room too long",           H, VOICE("\"room\":\"000000000000000000000000001\"") },
};
/* clang-format on */

static void takes_sound_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        struct vr_buf token = make(fine[i].header, fine[i].payload);
        struct vr_grants grants;
        struct vr_why why = {0};

        if (read_at(&token, NOW, &grants, &why) != VR_OK) {
            fail_msg("%s: %s", fine[i].what, why.text);
        }
        assert_string_equal(grants.user, "ana");
        assert_string_equal(grants.kid, "key1");
        vr_buf_deinit(&token);
    }
}

static void refuses_hostile_tokens(void **state)
{
    static const struct vr_grants nothing;

    (void)state;
    assert_true(sizeof(hostile) / sizeof(hostile[0]) >= 60);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct vr_buf token =
            strstr(hostile[i].header, "weak") != NULL
                ? signed_with(hostile[i].header, hostile[i].payload, secret, 31, EVP_sha256())
                : make(hostile[i].header, hostile[i].payload);
        struct vr_grants grants;
        struct vr_why why = {0};

        memset(&grants, 0xff, sizeof(grants));
        if (read_at(&token, NOW, &grants, &why) != VR_E_UNAUTHORIZED ||
            why.code != VR_E_UNAUTHORIZED) {
            fail_msg("taken: %s", hostile[i].what);
        }
        /* Nothing of it is left for a caller that forgets to look. */
        assert_string_equal(grants.user, nothing.user);
        assert_false(grants.admin || grants.room_join || grants.can_publish);
        vr_buf_deinit(&token);
    }
}

static void assert_refused(const char *what, struct vr_bytes token)
{
    struct vr_grants grants;
    struct vr_why why = {0};

    if (vr_jwt_read(token, &verifier, &grants, &why) != VR_E_UNAUTHORIZED) {
        fail_msg("taken: %s", what);
    }
    assert_string_equal(why.text, "the token is not valid");
}

/* Rows of text that no signer makes. */
static void refuses_broken_envelopes(void **state)
{
    struct vr_buf good = make(H, P);
    struct vr_buf work = {0};
    size_t first = (size_t)((uint8_t *)memchr(good.data, '.', good.size) - good.data);
    size_t last =
        first + 1 +
        (size_t)((uint8_t *)memchr(good.data + first + 1, '.', good.size) - good.data - first - 1);
    static const char *const plain[] = {
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "....",
        "null",
        "{}",
        "Bearer a.b.c",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.", /* unsigned, with an empty signature */
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ",  /* without the last dot */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        assert_refused(plain[i], vr_bytes_of(plain[i]));
    }
    for (size_t size = 0; size < good.size; size++) {
        assert_refused("cut", vr_bytes(good.data, size));
    }
    for (size_t i = 0; i < good.size; i++) { /* one character changed, anywhere */
        uint8_t kept = good.data[i];

        good.data[i] = kept == 'A' ? 'B' : 'A';
        assert_refused("changed", vr_buf_bytes(&good));
        good.data[i] = kept;
    }
    for (size_t at = 0; at <= good.size; at++) { /* one character more, anywhere */
        static const char extra[] = " =+/\n\t.%\"A";

        for (size_t k = 0; k + 1 < sizeof(extra); k++) {
            work.size = 0;
            vr_buf_append(&work, good.data, at);
            vr_buf_append(&work, &extra[k], 1);
            vr_buf_append(&work, good.data + at, good.size - at);
            assert_refused("one more", vr_buf_bytes(&work));
        }
    }
    work.size = 0; /* header.payload. */
    vr_buf_append(&work, good.data, last + 1);
    assert_refused("signature empty", vr_buf_bytes(&work));
    work.size = 0; /* .payload.signature */
    vr_buf_append(&work, good.data + first, good.size - first);
    assert_refused("header empty", vr_buf_bytes(&work));
    work.size = 0; /* header..signature */
    vr_buf_append(&work, good.data, first + 1);
    vr_buf_append(&work, good.data + last, good.size - last);
    assert_refused("payload empty", vr_buf_bytes(&work));
    vr_buf_deinit(&good);
    vr_buf_deinit(&work);
}

/* The last character of a 32-byte signature carries four bits: sixteen spellings, one of them ours.
 */
static void one_spelling_of_a_signature(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct vr_buf good = make(H, P);
    struct vr_grants grants;
    int taken = 0;

    (void)state;
    for (int i = 0; i < 64; i++) {
        good.data[good.size - 1] = (uint8_t)alphabet[i];
        taken += read_at(&good, NOW, &grants, NULL) == VR_OK;
    }
    assert_int_equal(taken, 1);
    vr_buf_deinit(&good);
}

static void refuses_foreign_signatures(void **state)
{
    static const char public_key[] =
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n";
    struct vr_buf tokens[] = {
        signed_with(H, P, "0123456789abcdef0123456789abcdeg", 32, EVP_sha256()),
        signed_with(H, P, secret, 31, EVP_sha256()),
        signed_with(H, P, "", 0, EVP_sha256()),
        signed_with("{\"alg\":\"HS256\",\"kid\":\"key1\"}", P, public_key, sizeof(public_key) - 1,
                    EVP_sha256()),
        signed_with(H, P, secret, 32, EVP_sha384()),
        signed_with(H, P, secret, 32, EVP_sha512()),
        signed_with(H, P, secret, 32, EVP_sha1()),
    };
    struct vr_buf one = make(H, P);
    struct vr_buf other = make(H, "{\"sub\":\"root\"," EXP "}");
    struct vr_buf mixed = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        assert_refused("foreign", vr_buf_bytes(&tokens[i]));
        vr_buf_deinit(&tokens[i]);
    }
    /* The signature of one token under the payload of another. */
    vr_buf_append(&mixed, other.data, other.size - 43);
    vr_buf_append(&mixed, one.data + one.size - 43, 43);
    assert_refused("swapped", vr_buf_bytes(&mixed));
    vr_buf_deinit(&one);
    vr_buf_deinit(&other);
    vr_buf_deinit(&mixed);
}

static void refuses_huge_ones_before_decoding(void **state)
{
    struct vr_buf payload = {0};
    struct vr_buf token;
    struct vr_grants grants;

    (void)state;
    vr_buf_text(&payload, "{" SUB "," EXP ",\"x\":\"");
    while (payload.size < 6000) {
        vr_buf_text(&payload, "x");
    }
    vr_buf_append(&payload, "\"}", 3);
    token = make(H, (const char *)payload.data);
    assert_true(token.size < VR_JWT_MAX);
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    vr_buf_deinit(&token);

    payload.size -= 3;
    while (payload.size < 7000) {
        vr_buf_text(&payload, "x");
    }
    vr_buf_append(&payload, "\"}", 3);
    token = make(H, (const char *)payload.data);
    assert_true(token.size > VR_JWT_MAX);
    assert_refused("huge", vr_buf_bytes(&token));
    vr_buf_deinit(&token);
    vr_buf_deinit(&payload);
}

static void vector_of_rfc_7515(void **state)
{
    /* Appendix A.1: its signature holds, and it then fails for what we ask beyond it: a sub. */
    static const char token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcG"
                                "xlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    struct vr_jwt_verify verify = verifier;
    struct vr_grants grants;
    struct vr_why why = {0};
    char changed[sizeof(token)];

    (void)state;
    verify.now_s = 1300819370;
    assert_int_equal(vr_jwt_read(vr_bytes_of(token), &verify, &grants, &why), VR_E_UNAUTHORIZED);
    assert_non_null(strstr(why.text, "sub"));
    verify.now_s = 1300819380 + VR_JWT_SKEW_S;
    assert_int_equal(vr_jwt_read(vr_bytes_of(token), &verify, &grants, &why), VR_E_UNAUTHORIZED);
    assert_non_null(strstr(why.text, "expired"));
    memcpy(changed, token, sizeof(token));
    changed[sizeof(token) - 10] ^= 1;
    assert_int_equal(vr_jwt_read(vr_bytes_of(changed), &verify, &grants, &why), VR_E_UNAUTHORIZED);
    assert_string_equal(why.text, "the token is not valid");
}

static void absent_is_not_false(void **state)
{
    struct vr_buf token = make(H, P);
    struct vr_grants grants;

    (void)state;
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    assert_true(grants.can_publish && grants.can_subscribe && grants.can_request_to_speak);
    assert_false(grants.room_join || grants.room_create || grants.admin || grants.can_moderate ||
                 grants.hidden);
    assert_int_equal(grants.role, VR_ROLE_LISTENER);
    assert_string_equal(grants.name, "ana"); /* the user's id when no name was given */
    vr_buf_deinit(&token);

    token = make(H, VOICE("\"canPublish\":false,\"canSubscribe\":true,\"canRequestToSpeak\":false,"
                          "\"role\":\"host\""));
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    assert_false(grants.can_publish || grants.can_request_to_speak);
    assert_true(grants.can_subscribe);
    assert_int_equal(grants.role, VR_ROLE_HOST);
    vr_buf_deinit(&token);
}

static void video_is_an_alias(void **state)
{
    struct vr_buf token =
        make(H, "{" SUB "," EXP ",\"video\":{\"roomJoin\":true,\"roomAdmin\":true}}");
    struct vr_grants grants;

    (void)state;
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    assert_true(grants.room_join && grants.room_admin);
    vr_buf_deinit(&token);
    /* With both, voice alone counts. */
    token = make(H, "{" SUB "," EXP ",\"video\":{\"admin\":true},\"voice\":{\"roomJoin\":true}}");
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    assert_true(grants.room_join);
    assert_false(grants.admin);
    vr_buf_deinit(&token);
}

static void audience(void **state)
{
    /* clang-format off */
    static const struct { const char *payload; bool fine; } rows[] = {
        { "{" SUB "," EXP ",\"aud\":\"rooms\"}", true },
        { "{" SUB "," EXP ",\"aud\":[\"x\",\"rooms\"]}", true },
        { "{" SUB "," EXP ",\"aud\":\"Rooms\"}", false },
        { "{" SUB "," EXP ",\"aud\":[]}", false },
        { "{" SUB "," EXP ",\"aud\":[[\"rooms\"]]}", false },
        { "{" SUB "," EXP ",\"aud\":1}", false },
        { P, false },
    };
    /* clang-format on */
    struct vr_jwt_verify verify = verifier;

    (void)state;
    verify.audience = "rooms";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_buf token = make(H, rows[i].payload);
        struct vr_grants grants;

        assert_int_equal(vr_jwt_read(vr_buf_bytes(&token), &verify, &grants, NULL),
                         rows[i].fine ? VR_OK : VR_E_UNAUTHORIZED);
        vr_buf_deinit(&token);
    }
}

static void minted_is_read(void **state)
{
    struct vr_grants in = {.user = "guest-17",
                           .name = "Zo\xc3\xab \"Z\"",
                           .jti = "j1",
                           .room = "0123456789abcdefghjkmnpqrs",
                           .room_join = true,
                           .room_create = true,
                           .can_subscribe = true,
                           .role = VR_ROLE_MODERATOR,
                           .guest = true,
                           .expires_at = NOW + 60,
                           .issued_at = NOW};
    struct vr_key key;
    struct vr_grants out;
    struct vr_why why = {0};
    struct vr_buf token = {0};
    struct vr_id id;

    (void)state;
    assert_true(find_key(NULL, "key1", &key));
    if (!vr_id_parse(in.room, &id)) {
        vr_id_format((struct vr_id){1, 2}, in.room);
    }
    assert_int_equal(vr_jwt_write(&in, &key, &token), VR_OK);
    if (read_at(&token, NOW, &out, &why) != VR_OK) {
        fail_msg("%s", why.text);
    }
    assert_string_equal(out.user, in.user);
    assert_string_equal(out.name, in.name);
    assert_string_equal(out.jti, in.jti);
    assert_string_equal(out.room, in.room);
    assert_string_equal(out.kid, "key1");
    assert_true(out.room_join && out.room_create && out.can_subscribe && out.guest);
    assert_false(out.can_publish || out.can_request_to_speak || out.admin || out.room_admin ||
                 out.room_list);
    assert_int_equal(out.role, VR_ROLE_MODERATOR);
    assert_int_equal(out.expires_at, NOW + 60);
    assert_int_equal(out.issued_at, NOW);
    assert_int_equal(read_at(&token, NOW + 60 + VR_JWT_SKEW_S, &out, &why), VR_E_UNAUTHORIZED);
    vr_buf_deinit(&token);
    key.secret_size = 31;
    assert_int_equal(vr_jwt_write(&in, &key, &token), VR_E_BAD_REQUEST);
    vr_buf_deinit(&token);
}

static void long_user_makes_a_name(void **state)
{
    struct vr_buf payload = {0};
    struct vr_buf token;
    struct vr_grants grants;

    (void)state;
    vr_buf_text(&payload, "{" EXP ",\"sub\":\"x");
    for (int i = 0; i < 63; i++) {
        vr_buf_text(&payload, "\xc3\xa4"); /* 127 bytes in all */
    }
    vr_buf_append(&payload, "\"}", 3);
    token = make(H, (const char *)payload.data);
    assert_int_equal(read_at(&token, NOW, &grants, NULL), VR_OK);
    assert_int_equal(strlen(grants.user), 127);
    assert_int_equal(strlen(grants.name), 63); /* not in the middle of a character */
    vr_buf_deinit(&token);
    vr_buf_deinit(&payload);
}

static unsigned allocations_left;

static void *scarce_malloc(size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

/* With memory gone at any step a token is either minted and read whole or not at all: half of its
 * grants could be more than was meant. */
static void memory_may_run_out_at_any_step(void **state)
{
    struct vr_grants in = {.user = "u",
                           .name = "n",
                           .jti = "j",
                           .room_join = true,
                           .guest = true,
                           .expires_at = NOW + 60,
                           .issued_at = NOW};
    struct vr_key key;
    unsigned minted = 0;
    unsigned was_read = 0;

    (void)state;
    assert_true(find_key(NULL, "key1", &key));
    vr_id_format((struct vr_id){1, 2}, in.room);
    for (unsigned limit = 0; limit < 300; limit++) {
        struct vr_buf token = {0};
        struct vr_grants out;
        enum vr_err err;

        allocations_left = limit;
        json_set_alloc_funcs(scarce_malloc, free);
        err = vr_jwt_write(&in, &key, &token);
        json_set_alloc_funcs(malloc, free);
        if (err == VR_OK) {
            minted++;
            assert_int_equal(read_at(&token, NOW, &out, NULL), VR_OK);
            assert_string_equal(out.room, in.room);
            assert_string_equal(out.jti, "j");
            assert_false(out.can_publish || out.can_subscribe || out.can_request_to_speak);
            assert_true(out.guest && out.room_join);
            allocations_left = limit;
            json_set_alloc_funcs(scarce_malloc, free);
            err = read_at(&token, NOW, &out, NULL);
            json_set_alloc_funcs(malloc, free);
            was_read += err == VR_OK;
            assert_true(err == VR_E_UNAUTHORIZED || strcmp(out.room, in.room) == 0);
        } else {
            assert_int_equal(err, VR_E_NO_MEMORY);
        }
        vr_buf_deinit(&token);
    }
    assert_true(minted > 100 && was_read > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_sound_tokens),
        cmocka_unit_test(refuses_hostile_tokens),
        cmocka_unit_test(refuses_broken_envelopes),
        cmocka_unit_test(one_spelling_of_a_signature),
        cmocka_unit_test(refuses_foreign_signatures),
        cmocka_unit_test(refuses_huge_ones_before_decoding),
        cmocka_unit_test(vector_of_rfc_7515),
        cmocka_unit_test(absent_is_not_false),
        cmocka_unit_test(video_is_an_alias),
        cmocka_unit_test(audience),
        cmocka_unit_test(minted_is_read),
        cmocka_unit_test(long_user_makes_a_name),
        cmocka_unit_test(memory_may_run_out_at_any_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
