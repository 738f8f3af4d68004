/* folder.h - inside store/: one process at a time in a data folder. */
#ifndef VR_STORE_FOLDER_H
#define VR_STORE_FOLDER_H

#include "actors/base/err.h"

/** Locks FOLDER/voiceroomd.lock and writes the pid into it. The lock ends with the process, however
 * that dies; a child that is forked meanwhile does not keep it if it closes `*fd`. Errors:
 * VR_E_EXISTS with the pid of who has it; VR_E_NOT_FOUND when the folder can't be used. */
VR_MUST_CHECK enum vr_err vr_folder_lock(const char *folder, int *fd, struct vr_why *why);
void vr_folder_unlock(int fd); /* -1 is fine */

#endif
