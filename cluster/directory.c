/* directory.c - calls through the table of whichever back end is there. */
#include "cluster/directory.h"

#include <stddef.h>

void vr_directory_free(struct vr_directory *directory)
{
    if (directory != NULL) {
        directory->ops->free(directory);
    }
}

enum vr_err vr_directory_take(struct vr_directory *directory, struct vr_id room,
                              struct vr_owner *out)
{
    return directory->ops->take(directory, room, out);
}

enum vr_err vr_directory_find(struct vr_directory *directory, struct vr_id room,
                              struct vr_owner *out)
{
    return directory->ops->find(directory, room, out);
}

void vr_directory_release(struct vr_directory *directory, struct vr_id room)
{
    directory->ops->release(directory, room);
}

uint32_t vr_directory_self(struct vr_directory *directory)
{
    return directory->ops->self(directory);
}
