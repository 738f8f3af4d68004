/* debian.h - what Debian's package manager knows of this machine, read from its own file. Pure. */
#ifndef VR_CTL_DEBIAN_H
#define VR_CTL_DEBIAN_H

#include <stdbool.h>
#include <stddef.h>

/** As dpkg orders versions (deb-version(7)): below, at or above 0. */
int vr_debian_compare(const char *a, const char *b);

/** The version of a package that is installed, out of the text of /var/lib/dpkg/status. False: it
 * is not. */
bool vr_debian_version(const char *status, const char *package, char *out, size_t room);

#endif
