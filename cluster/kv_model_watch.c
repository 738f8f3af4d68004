/* kv_model_watch.c - watches of the model: what they tell, when they are deaf, how they are lost.
 */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/kv_model_internal.h"

#define WATCH_DEAF VR_SECONDS(3)

static void kill_watch(struct model_watch *watch)
{
    watch->dead = true;
    vr_list_remove(&watch->link);
    vr_list_push(&watch->client->model->dead_watches, &watch->link);
}

static void lose_watch(struct model_watch *watch)
{
    kill_watch(watch);
    watch->told(watch->ctx, true, 0, NULL, 0);
}

static bool is_deaf(const struct model_watch *watch)
{
    const struct model_way *way = model_way_of(watch->client);

    return way->cut_to || way->cut_from || !watch->client->model->quorum;
}

/* All changes of one revision in one call. Returns where to go on. */
static struct vr_list *tell_revision(struct model_watch *watch, struct vr_list *link)
{
    struct vr_kv_model *model = watch->client->model;
    struct vr_kv_event events[VR_KV_OPS_MAX];
    int64_t revision = VR_OWNER(link, struct model_change, link)->event.pair.mod_revision;
    uint32_t count = 0;

    for (; link != &model->store.history; link = link->next) {
        const struct model_change *change = VR_OWNER(link, struct model_change, link);

        if (change->event.pair.mod_revision != revision) {
            break;
        }
        if (model_has_prefix(change->event.pair.key, watch->prefix) && count < VR_KV_OPS_MAX) {
            events[count++] = change->event;
        }
    }
    watch->next = revision + 1;
    if (count > 0) {
        watch->told(watch->ctx, false, revision, events, count);
    }
    return link;
}

/* From the end: all but the newest few were told long ago. */
static struct vr_list *first_untold(const struct model_watch *watch)
{
    struct vr_list *history = &watch->client->model->store.history;
    struct vr_list *link = history;

    while (link->prev != history &&
           VR_OWNER(link->prev, struct model_change, link)->event.pair.mod_revision >=
               watch->next) {
        link = link->prev;
    }
    return link;
}

static void pump(void *ctx)
{
    struct model_watch *watch = ctx;
    struct vr_kv_model *model = watch->client->model;
    struct vr_list *link;

    if (watch->dead || watch->client->closed || is_deaf(watch) ||
        model_way_of(watch->client)->silent) {
        return;
    }
    if (watch->next <= model->store.compacted && watch->next <= model->store.revision) {
        lose_watch(watch);
        return;
    }
    link = first_untold(watch);
    while (link != &model->store.history && !watch->dead) {
        link = tell_revision(watch, link);
    }
}

static void each_watch(struct vr_kv_model *model, void (*fn)(struct model_watch *watch))
{
    VR_LIST_EACH(link, &model->clients)
    {
        struct model_client *client = VR_OWNER(link, struct model_client, link);

        VR_LIST_EACH(item, &client->watches)
        {
            fn(VR_OWNER(item, struct model_watch, link));
        }
    }
}

static void pump_soon(struct model_watch *watch)
{
    struct vr_kv_model *model = watch->client->model;

    model_later(model, watch->client->node, model_between(model, WAY_MIN, WAY_MAX), pump, watch);
}

static void notice_deafness(void *ctx)
{
    struct model_watch *watch = ctx;

    if (!watch->dead && !watch->client->closed && watch->deaf_at != 0 &&
        vr_sim_now(watch->client->model->sim) >= watch->deaf_at) {
        lose_watch(watch);
    }
}

/* The way has changed: what is deaf now is noticed later, what hears again is told. */
static void check_watch(struct model_watch *watch)
{
    struct vr_kv_model *model = watch->client->model;

    if (!is_deaf(watch)) {
        watch->deaf_at = 0;
        pump_soon(watch);
    } else if (watch->deaf_at == 0) {
        watch->deaf_at = vr_sim_now(model->sim) + WATCH_DEAF;
        model_later(model, watch->client->node, WATCH_DEAF, notice_deafness, watch);
    }
}

void *model_watch(struct vr_kv *kv, struct vr_bytes prefix, int64_t revision, vr_kv_watch_fn told,
                  void *ctx)
{
    struct model_client *client = VR_OWNER(kv, struct model_client, kv);
    struct model_watch *watch = calloc(1, sizeof(*watch));
    uint8_t *copy = malloc(prefix.size + 1);

    vr_assert(watch != NULL && copy != NULL);
    memcpy(copy, prefix.data, prefix.size);
    *watch = (struct model_watch){.client = client,
                                  .prefix = vr_bytes(copy, prefix.size),
                                  .next = revision,
                                  .told = told,
                                  .ctx = ctx};
    vr_list_init(&watch->link);
    vr_list_push(&client->watches, &watch->link);
    check_watch(watch);
    return watch;
}

void model_unwatch(struct vr_kv *kv, void *handle)
{
    struct model_watch *watch = handle;

    (void)kv;
    if (!watch->dead) {
        kill_watch(watch);
    }
}

void model_wake_watches(struct vr_kv_model *model)
{
    each_watch(model, pump_soon);
}

void model_check_watches(struct vr_kv_model *model)
{
    each_watch(model, check_watch);
}

void model_lose_watches(struct model_client *client)
{
    while (!client->closed && !vr_list_empty(&client->watches)) {
        lose_watch(VR_OWNER(client->watches.next, struct model_watch, link));
    }
}

void model_free_watches(struct vr_list *watches)
{
    struct vr_list *link;

    while ((link = vr_list_pop(watches)) != NULL) {
        struct model_watch *watch = VR_OWNER(link, struct model_watch, link);

        free((void *)(uintptr_t)watch->prefix.data);
        free(watch);
    }
}
