/* origins.c - a short list under a lock. */
#include "nodes/origins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ORIGINS_MAX 64
#define ORIGIN_SIZE 256

struct vr_origins {
    pthread_mutex_t lock;
    uint32_t count;
    char item[ORIGINS_MAX][ORIGIN_SIZE];
};

struct vr_origins *vr_origins_new(void)
{
    struct vr_origins *origins = calloc(1, sizeof(*origins));

    if (origins != NULL) {
        pthread_mutex_init(&origins->lock, NULL);
    }
    return origins;
}

void vr_origins_free(struct vr_origins *origins)
{
    if (origins != NULL) {
        pthread_mutex_destroy(&origins->lock);
        free(origins);
    }
}

/** Under the lock. */
static bool known(const struct vr_origins *origins, const char *origin)
{
    for (uint32_t i = 0; i < origins->count; i++) {
        if (strcasecmp(origins->item[i], origin) == 0) {
            return true;
        }
    }
    return false;
}

void vr_origins_add(struct vr_origins *origins, const char *url)
{
    const char *host = strstr(url, "://");
    size_t size = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    char origin[ORIGIN_SIZE] = "";

    /* A policy of a page ends at some signs: such an address is nobody's. */
    if (size == 0 || size >= sizeof(origin) || strcspn(url, " ;,*'\"\r\n") < size) {
        return;
    }
    memcpy(origin, url, size);
    pthread_mutex_lock(&origins->lock);
    if (!known(origins, origin) && origins->count < ORIGINS_MAX) {
        memcpy(origins->item[origins->count++], origin, sizeof(origin));
    }
    pthread_mutex_unlock(&origins->lock);
}

bool vr_origins_has(struct vr_origins *origins, const char *origin)
{
    bool found;

    if (origins == NULL) {
        return false;
    }
    pthread_mutex_lock(&origins->lock);
    found = known(origins, origin);
    pthread_mutex_unlock(&origins->lock);
    return found;
}

void vr_origins_write(struct vr_origins *origins, struct vr_buf *out)
{
    if (origins == NULL) {
        return;
    }
    pthread_mutex_lock(&origins->lock);
    for (uint32_t i = 0; i < origins->count; i++) {
        vr_buf_text(out, " ");
        vr_buf_text(out, origins->item[i]);
    }
    pthread_mutex_unlock(&origins->lock);
}
