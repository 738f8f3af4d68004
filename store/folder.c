#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static enum vr_err tell_holder(int fd, const char *folder, struct vr_why *why)
{
    char pid[24] = "";
    ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[got > 0 ? got : 0] = 0;
    pid[strcspn(pid, "\n")] = 0;
    return vr_fail(why, VR_E_EXISTS, "%s is in use by process %s", folder,
                   pid[0] == 0 ? "(unknown)" : pid);
}

enum vr_err vr_folder_lock(const char *folder, int *fd, struct vr_why *why)
{
    char path[4096];
    char pid[24];
    int length;

    *fd = -1;
    if ((size_t)snprintf(path, sizeof(path), "%s/voiceroomd.lock", folder) >= sizeof(path)) {
        return vr_fail(why, VR_E_NOT_FOUND, "the folder's name is too long");
    }
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        return vr_fail(why, VR_E_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        enum vr_err err = tell_holder(*fd, folder, why);

        close(*fd);
        *fd = -1;
        return err;
    }
    /* The pid is only for people: on a full disk it may stay out. */
    length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (pwrite(*fd, pid, (size_t)length, 0) == length && ftruncate(*fd, length) != 0) {
        return VR_OK;
    }
    return VR_OK;
}

void vr_folder_unlock(int fd)
{
    if (fd >= 0) {
        close(fd); /* the file stays: removing it would let two processes lock two files */
    }
}
