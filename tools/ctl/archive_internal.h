/* archive_internal.h - what writing and reading a backup share. */
#ifndef VR_CTL_ARCHIVE_INTERNAL_H
#define VR_CTL_ARCHIVE_INTERNAL_H

#include <stdint.h>

#define ARCHIVE_VERSION 1
#define ARCHIVE_CLEAR 32 /* bytes before the seal's header, vouched for by each message */

static const uint8_t archive_magic[8] = {'V', 'R', 'B', 'A', 'C', 'K', 'U', 'P'};

#endif
