/* drivers.c - every server that the bench can talk to. */
#include "bench/drivers/drivers.h"

#include <string.h>

static const struct vr_driver *const drivers[] = {&vr_driver_voiceroomd, &vr_driver_videoroom_cm,
                                                  &vr_driver_videoroom_gcm, &vr_driver_audiobridge};

const struct vr_driver *vr_driver_find(const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}
