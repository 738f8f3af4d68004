/* sound_clock.h - what a shard answers to VR_NOTE_SOUND_CLOCK: when was said what listeners hear?
 *
 * Asked by a session, of the shard that its client hears through, and of those where other talkers
 * are, on this node or another. As bytes, so that it goes between nodes; one that does not know the
 * question does not answer. Times are differences to the answering: nodes share no clock. */
#ifndef VR_MESSAGES_SOUND_CLOCK_H
#define VR_MESSAGES_SOUND_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/messages/command.h"
#include "actors/messages/peer.h"

#define VR_SOUND_HERE UINT32_MAX /* `shard` of a talker whose packets come from himself */

/** A slot as the asking client gets it: its RTP time is the talker's plus `ts_offset`. */
struct vr_sound_slot {
    uint32_t ssrc;
    vr_participant_id participant;
    uint32_t ts_offset;
    uint32_t shard; /* where the talker's own packets arrive */
};

/** Somebody whose own packets arrive here: his RTP time `ts` was `ago` before the answer. */
struct vr_sound_talker {
    vr_participant_id participant;
    uint32_t ts;
    uint32_t ago_us;
};

struct vr_sound_clock {
    vr_time_us now; /* of the answering shard: exact for who shares its machine */
    uint32_t slot_count;
    uint32_t talker_count;
    struct vr_sound_slot slots[VR_SLOTS_MAX];
    struct vr_sound_talker talkers[VR_SPOKE_MAX];
};

#define VR_SOUND_CLOCK_MAX (11 + VR_SLOTS_MAX * 16 + VR_SPOKE_MAX * 12)

/** Bytes written to `out`, of VR_SOUND_CLOCK_MAX. */
size_t vr_sound_clock_write(const struct vr_sound_clock *clock, uint8_t *out);
/** False: cut, too long, or of another version. */
bool vr_sound_clock_read(struct vr_bytes in, struct vr_sound_clock *clock);

/** NULL: he is not among them. */
const struct vr_sound_talker *vr_sound_talker_of(const struct vr_sound_clock *clock,
                                                 vr_participant_id participant);

#endif
