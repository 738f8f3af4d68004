/* inherit.c - the shared page and memory, and finding a held socket. */
#include "nodes/inherit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* "vrparen" and the layout of the page: another one is not understood. */
#define PAGE_MAGIC (0x7672706172656e00u + VR_PARENT_PAGE_LAYOUT)
#define PAGE_BYTES 4096

_Static_assert(sizeof(struct vr_parent_page) <= PAGE_BYTES, "one page");

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool bound_to(int fd, int type, const char *address, uint16_t port)
{
    union name name = {.v6 = {0}};
    socklen_t size = sizeof(name);
    int has = 0;
    socklen_t has_size = sizeof(has);
    union name asked = {.v6 = {0}};

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &has, &has_size) != 0 || has != type ||
        getsockname(fd, &name.any, &size) != 0) {
        return false;
    }
    /* Through the parser, since an IPv6 address can be written in many ways. */
    if (name.any.sa_family == AF_INET) {
        return inet_pton(AF_INET, address, &asked.v4.sin_addr) == 1 &&
               asked.v4.sin_addr.s_addr == name.v4.sin_addr.s_addr &&
               ntohs(name.v4.sin_port) == port;
    }
    return name.any.sa_family == AF_INET6 &&
           inet_pton(AF_INET6, address, &asked.v6.sin6_addr) == 1 &&
           memcmp(&asked.v6.sin6_addr, &name.v6.sin6_addr, sizeof(asked.v6.sin6_addr)) == 0 &&
           ntohs(name.v6.sin6_port) == port;
}

bool vr_inherit_socket(const struct vr_inherit *inherit, int type, const char *address,
                       uint16_t port, int *out)
{
    for (uint32_t i = 0; inherit != NULL && port != 0 && i < inherit->socket_count; i++) {
        if (bound_to(inherit->sockets[i], type, address, port)) {
            *out = fcntl(inherit->sockets[i], F_DUPFD_CLOEXEC, 3);
            return *out >= 0;
        }
    }
    return false;
}

/** Shared memory behind a descriptor of exactly this size, zeroes if it is new; NULL: not so. */
static void *memory_map(int fd, size_t size)
{
    struct stat about;
    void *at = NULL;

    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || (size_t)about.st_size != size) {
        return NULL;
    }
    at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    madvise(at, size, MADV_DONTDUMP); /* keys live there */
    return at;
}

static void *memory_new(const char *name, size_t size, int *fd)
{
    *fd = memfd_create(name, MFD_CLOEXEC);
    if (*fd < 0 || fchmod(*fd, 0600) != 0 || ftruncate(*fd, (off_t)size) != 0) {
        return NULL;
    }
    return memory_map(*fd, size);
}

static void drop(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

bool vr_inherit_make(struct vr_inherit *inherit, size_t memory_size)
{
    if (inherit->page_fd >= 0) {
        inherit->page = memory_map(inherit->page_fd, PAGE_BYTES);
    }
    if (inherit->page == NULL || inherit->page->magic != PAGE_MAGIC) {
        if (inherit->page != NULL) {
            munmap(inherit->page, PAGE_BYTES);
        }
        drop(&inherit->page_fd);
        inherit->page = memory_new("voiceroom-page", PAGE_BYTES, &inherit->page_fd);
        if (inherit->page == NULL) {
            return false;
        }
        inherit->page->magic = PAGE_MAGIC;
    }
    inherit->memory_size = memory_size;
    if (memory_size > 0 && inherit->memory_fd >= 0) {
        inherit->memory = memory_map(inherit->memory_fd, memory_size);
    }
    if (inherit->memory == NULL) {
        drop(&inherit->memory_fd);
    }
    if (memory_size > 0 && inherit->memory == NULL) {
        inherit->memory = memory_new("voiceroom-keep", memory_size, &inherit->memory_fd);
    }
    return memory_size == 0 || inherit->memory != NULL;
}

void vr_inherit_wipe(struct vr_inherit *inherit)
{
    if (inherit->memory == NULL) {
        return;
    }
    /* The pages go back to the kernel, which hands none out unwiped; where it can't, zeroes. */
    if (fallocate(inherit->memory_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  (off_t)inherit->memory_size) != 0) {
        explicit_bzero(inherit->memory, inherit->memory_size);
    }
}

void vr_inherit_close(struct vr_inherit *inherit)
{
    for (uint32_t i = 0; i < inherit->socket_count; i++) {
        close(inherit->sockets[i]);
    }
    inherit->socket_count = 0;
    if (inherit->memory != NULL) {
        munmap(inherit->memory, inherit->memory_size);
    }
    if (inherit->page != NULL) {
        munmap(inherit->page, PAGE_BYTES);
    }
    inherit->memory = NULL;
    inherit->page = NULL;
    drop(&inherit->memory_fd);
    drop(&inherit->page_fd);
}
