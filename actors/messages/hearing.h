/* hearing.h - words between a shard, which finds that sound goes one way only, and the session
 * whose client is to repair it (docs/architecture.md, "Does he hear?"). */
#ifndef VR_MESSAGES_HEARING_H
#define VR_MESSAGES_HEARING_H

enum vr_hearing_verdict {
    VR_HEARING_UNKNOWN, /* no evidence: nothing was sent, or he neither answers nor reports */
    VR_HEARING_HEARS,
    VR_HEARING_AWAY, /* nothing arrives there, and nothing has come from there since */
    VR_HEARING_DEAF, /* one-sided: he reaches us, we do not reach him */
    VR_HEARING_DUMB, /* one-sided: his reports say that he sends, and nothing comes */
    VR_HEARING_VERDICTS
};

static inline const char *vr_hearing_name(enum vr_hearing_verdict verdict)
{
    static const char *const names[] = {"unknown", "hears", "away", "deaf", "dumb"};

    return verdict < VR_HEARING_VERDICTS ? names[verdict] : "unknown";
}

/** What a client is asked to do about it. */
enum vr_repair_act {
    VR_REPAIR_NONE,
    VR_REPAIR_RESTART, /* ICE restart: DTLS and SRTP go on */
    VR_REPAIR_REBUILD, /* a new transport, up before the old one closes */
};

static inline const char *vr_repair_name(enum vr_repair_act act)
{
    static const char *const names[] = {"none", "restart", "rebuild"};

    return act <= VR_REPAIR_REBUILD ? names[act] : "none";
}

#endif
