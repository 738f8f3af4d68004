/* inherit_store.c - descriptors from one program to the next, by the protocol of sd_listen_fds(3)
 * and sd_notify(3): numbers from 3 on, LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/inherit.h"
#include "nodes/notify.h"

#define FIRST_FD 3
#define NAMES_BYTES (16 * (VR_HELD_MAX + 2))

static const char name_page[] = "vr-page";
static const char name_memory[] = "vr-memory";
static const char name_socket[] = "vr-socket";

static uint32_t number_read(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    unsigned long number = 0;

    if (text == NULL) {
        return 0;
    }
    errno = 0;
    number = strtoul(text, &end, 10);
    return errno != 0 || *end != 0 || number > INT32_MAX ? 0 : (uint32_t)number;
}

static bool is_name(const char *at, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(at, name, size) == 0;
}

static void adopt_one(struct vr_inherit *inherit, int fd, const char *name, size_t size)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return; /* there is no such descriptor */
    }
    if (is_name(name, size, name_page) && inherit->page_fd < 0) {
        inherit->page_fd = fd;
    } else if (is_name(name, size, name_memory) && inherit->memory_fd < 0) {
        inherit->memory_fd = fd;
    } else if (is_name(name, size, name_socket) && inherit->socket_count < VR_HELD_MAX) {
        inherit->sockets[inherit->socket_count++] = fd;
    }
}

void vr_inherit_adopt(struct vr_inherit *inherit)
{
    const char *name = getenv("LISTEN_FDNAMES");
    uint32_t count = number_read("LISTEN_FDS");

    inherit->page_fd = -1;
    inherit->memory_fd = -1;
    if (number_read("LISTEN_PID") != (uint32_t)getpid()) {
        count = 0;
    }
    for (uint32_t i = 0; i < count && i < VR_HELD_MAX + 2 && name != NULL; i++) {
        size_t size = strcspn(name, ":");

        adopt_one(inherit, FIRST_FD + (int)i, name, size);
        name += size;
        name += *name == ':' ? 1 : 0;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/** All descriptors in one row, with their names. */
struct row {
    int *fd[VR_HELD_MAX + 2];
    uint32_t count;
    char names[NAMES_BYTES];
    size_t size;
};

static void row_add(struct row *row, int *fd, const char *name)
{
    int size = 0;

    if (*fd < 0) {
        return;
    }
    size = snprintf(row->names + row->size, sizeof(row->names) - row->size, "%s%s",
                    row->count == 0 ? "" : ":", name);
    row->size += (size_t)size;
    row->fd[row->count++] = fd;
}

static void row_fill(struct row *row, struct vr_inherit *inherit)
{
    *row = (struct row){.count = 0};
    row_add(row, &inherit->page_fd, name_page);
    row_add(row, &inherit->memory_fd, name_memory);
    for (uint32_t i = 0; i < inherit->socket_count; i++) {
        row_add(row, &inherit->sockets[i], name_socket);
    }
}

/** First up out of the way, then down to their places: a place may be another one's number. */
static bool row_move(struct row *row)
{
    int above = FIRST_FD + (int)row->count;

    for (uint32_t i = 0; i < row->count; i++) {
        int fd = fcntl(*row->fd[i], F_DUPFD_CLOEXEC, above);

        if (fd < 0) {
            return false;
        }
        close(*row->fd[i]);
        *row->fd[i] = fd;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        if (dup2(*row->fd[i], FIRST_FD + (int)i) < 0) { /* and so not closed on exec */
            return false;
        }
        close(*row->fd[i]);
        *row->fd[i] = FIRST_FD + (int)i;
    }
    return true;
}

bool vr_inherit_hand_on(struct vr_inherit *inherit)
{
    static struct row row; /* large */
    char number[16];

    row_fill(&row, inherit);
    if (!row_move(&row)) {
        return false;
    }
    snprintf(number, sizeof(number), "%d", (int)getpid());
    if (setenv("LISTEN_PID", number, 1) != 0) {
        return false;
    }
    snprintf(number, sizeof(number), "%u", row.count);
    return setenv("LISTEN_FDS", number, 1) == 0 && setenv("LISTEN_FDNAMES", row.names, 1) == 0;
}

static void store_one(int fd, const char *name)
{
    char lines[64];

    if (fd >= 0) {
        snprintf(lines, sizeof(lines), "FDSTORE=1\nFDNAME=%s", name);
        vr_notify_fd(lines, fd);
    }
}

void vr_inherit_store(const struct vr_inherit *inherit)
{
    store_one(inherit->page_fd, name_page);
    store_one(inherit->memory_fd, name_memory);
    for (uint32_t i = 0; i < inherit->socket_count; i++) {
        store_one(inherit->sockets[i], name_socket);
    }
}

void vr_inherit_unstore(void)
{
    static const char *const names[] = {name_page, name_memory, name_socket};
    char lines[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(lines, sizeof(lines), "FDSTOREREMOVE=1\nFDNAME=%s", names[i]);
        vr_notify(lines);
    }
}
