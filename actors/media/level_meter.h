/* level_meter.h - how loud an Opus packet is, by decoding it: for senders without the level
 * extension. A sample of the packets is enough (a decoder conceals what it did not get). */
#ifndef VR_MEDIA_LEVEL_METER_H
#define VR_MEDIA_LEVEL_METER_H

#include <stdint.h>

#include "actors/base/bytes.h"

struct vr_level_meter;

struct vr_level_meter *vr_level_meter_new(void); /* about 18 KB; NULL: memory is out */
void vr_level_meter_free(struct vr_level_meter *meter);
/** RFC 6464: 0 loudest to 127; 127 when the packet cannot be decoded. */
uint8_t vr_level_meter_measure(struct vr_level_meter *meter, struct vr_bytes opus);

#endif
