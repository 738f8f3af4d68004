#include "store/space.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

void vr_space_init(struct vr_space *space, const char *folder, size_t bytes)
{
    char path[4096];

    *space = (struct vr_space){.fd = -1, .bytes = bytes};
    if ((size_t)snprintf(path, sizeof(path), "%s/reserve", folder) < sizeof(path)) {
        space->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    vr_space_hold(space);
}

void vr_space_deinit(struct vr_space *space)
{
    if (space->fd >= 0) {
        close(space->fd);
    }
    space->fd = -1;
}

bool vr_space_hold(struct vr_space *space)
{
    struct stat about;

    if (!space->held && space->fd >= 0) {
        /* What has its blocks already costs no write: a start must not wait for the disk. */
        space->held = (fstat(space->fd, &about) == 0 && about.st_size >= (off_t)space->bytes &&
                       about.st_blocks * 512 >= about.st_size) ||
                      posix_fallocate(space->fd, 0, (off_t)space->bytes) == 0;
        if (!space->held) {
            vr_space_free(space); /* a part of it helps nobody */
        }
    }
    return space->held;
}

void vr_space_free(struct vr_space *space)
{
    space->held = false;
    if (space->fd >= 0 && ftruncate(space->fd, 0) != 0) {
        space->held =
            false; /* cutting needs no block; if it fails the disk is broken, and writes say so */
    }
}

uint64_t vr_space_left(const struct vr_space *space)
{
    struct statvfs fs;

    if (space->fd < 0 || fstatvfs(space->fd, &fs) != 0) {
        return 0;
    }
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}
