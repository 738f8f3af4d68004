/* err.h - one enum for every error, and a sentence for the person who reads it. */
#ifndef VR_BASE_ERR_H
#define VR_BASE_ERR_H

#define VR_MUST_CHECK __attribute__((warn_unused_result))

/* name, code in JSON and problem documents, HTTP status, text. One list makes all four. */
/* clang-format off */
#define VR_ERR_MAP(X)                                                                              \
    X(VR_E_BAD_REQUEST,   "bad-request",        400, "the request is malformed")                   \
    X(VR_E_BAD_WIRE,      "bad-wire",           400, "malformed message")                          \
    X(VR_E_UNKNOWN_MSG,   "unknown-message",    400, "unknown message")                            \
    X(VR_E_BAD_SDP,       "bad-sdp",            422, "the SDP offer cannot be answered")           \
    X(VR_E_UNAUTHORIZED,  "unauthorized",       401, "no valid token was given")                   \
    X(VR_E_FORBIDDEN,     "forbidden",          403, "the role does not allow it")                 \
    X(VR_E_BANNED,        "banned",             403, "banned from this room")                      \
    X(VR_E_PASSCODE,      "wrong-passcode",     403, "the passcode is missing or wrong")           \
    X(VR_E_NOT_INVITED,   "not-invited",        403, "this room is by invitation")                 \
    X(VR_E_LOCKED,        "locked",             403, "the room is locked")                         \
    X(VR_E_NOT_FOUND,     "not-found",          404, "no such thing")                              \
    X(VR_E_METHOD,        "method-not-allowed", 405, "the method is not allowed here")             \
    X(VR_E_CONFLICT,      "conflict",           409, "the state does not allow it now")            \
    X(VR_E_ROOM_FULL,     "room-full",          409, "the room is full")                           \
    X(VR_E_STAGE_FULL,    "stage-full",         409, "all places for speakers are taken")          \
    X(VR_E_EXISTS,        "exists",             409, "it exists already")                          \
    X(VR_E_IN_PROGRESS,   "in-progress",        409, "the same request is still running")          \
    X(VR_E_GONE,          "gone",               410, "it is over")                                 \
    X(VR_E_STALE,         "stale",              412, "it has changed since it was read")           \
    X(VR_E_TOO_LARGE,     "too-large",          413, "the body is too large")                      \
    X(VR_E_MEDIA_TYPE,    "media-type",         415, "the content type is not accepted")           \
    X(VR_E_KEY_REUSED,    "idempotency-key-reused", 422, "the idempotency key was used for another request") \
    X(VR_E_UNPROCESSABLE, "invalid",            422, "a value is not allowed")                     \
    X(VR_E_RATE,          "rate-limited",       429, "too many requests")                          \
    X(VR_E_INTERNAL,      "internal",           500, "something failed on our side")               \
    X(VR_E_BUSY,          "busy",               503, "too much waits already, try again")          \
    X(VR_E_FROZEN,        "frozen",             503, "no valid owner now, try again")              \
    X(VR_E_FENCED,        "fenced",             503, "a newer owner exists, try again")            \
    X(VR_E_DRAINING,      "draining",           503, "this node is being drained")                 \
    X(VR_E_TIMEOUT,       "timeout",            504, "no answer in time")                          \
    X(VR_E_NO_MEMORY,     "no-memory",          503, "memory is out")                              \
    X(VR_E_DAMAGED,       "damaged",            500, "stored data is damaged")                     \
    X(VR_E_FULL,          "storage-full",       507, "the disk or the store is full")
/* clang-format on */

enum vr_err {
    VR_OK = 0,
#define X(name, code, status, text) name,
    VR_ERR_MAP(X)
#undef X
        VR_ERR_COUNT
};

/** On the caller's stack; every function that takes one accepts NULL. */
struct vr_why {
    enum vr_err code;
    char text[160];
};

/** Fill `why` (may be NULL) and return `code`: `return vr_fail(why, VR_E_..., "...")`. */
enum vr_err vr_fail(struct vr_why *why, enum vr_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *vr_err_code(enum vr_err err); /* "room-full"; "ok" for VR_OK */
int vr_err_status(enum vr_err err);       /* HTTP status; 200 for VR_OK */
const char *vr_err_text(enum vr_err err);
/** From the `code` word back; VR_E_INTERNAL when unknown. */
enum vr_err vr_err_from_code(const char *code);

#endif
