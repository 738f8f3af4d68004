/* drivers.h - the list behind vr_driver_find. */
#ifndef VR_BENCH_DRIVERS_H
#define VR_BENCH_DRIVERS_H

#include "bench/rig/driver.h"

extern const struct vr_driver vr_driver_voiceroomd;
extern const struct vr_driver vr_driver_videoroom_cm;  /* Janus with AES-CM and HMAC-SHA1 */
extern const struct vr_driver vr_driver_videoroom_gcm; /* Janus with AES-GCM */
extern const struct vr_driver vr_driver_audiobridge;   /* Janus mixing */

#endif
