/* notify.h - tells the service manager (systemd, Type=notify) how the program is; says nothing
 * where none asked for it. Protocol: sd_notify(3), a datagram to the socket in NOTIFY_SOCKET. */
#ifndef VR_NODES_NOTIFY_H
#define VR_NODES_NOTIFY_H

#include <stdbool.h>

#include "actors/base/clock.h"

/** Lines as "READY=1\nSTATUS=...". False: nobody listens, or the socket takes nothing. */
bool vr_notify(const char *lines);
/** The same with a descriptor, of which the manager keeps a copy ("FDSTORE=1"). */
bool vr_notify_fd(const char *lines, int fd);

/** How long the manager waits for the next "WATCHDOG=1" before it kills this process; 0: it does
 * not watch it. */
vr_time_us vr_notify_watchdog(void);

#endif
