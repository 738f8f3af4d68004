/* owner.h - from an embedded member back to the struct that holds it. */
#ifndef VR_BASE_OWNER_H
#define VR_BASE_OWNER_H

#include <stddef.h>

#define VR_OWNER(member_ptr, type, member) ((type *)((char *)(member_ptr)-offsetof(type, member)))

#endif
