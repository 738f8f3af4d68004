/* kv_etcd_watch.c - watches: one stream each, resumed behind the last event that was told.
 *
 * A stream that breaks is begun anew at the current endpoint for up to RESUME_MAX; then, and at
 * once when etcd says that the revision is compacted or that it has no leader, the watch is lost. A
 * member that is alive but silent is noticed by the calls: their rotation moves watches along. What
 * progress notes say is not used: in 3.4.23 one may overtake the events that it stands for. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/kv_etcd_internal.h"

#define RESUME_MAX_MS 5000u
#define LOOK_MS 100u
#define LINE_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct watch {
    struct vr_curl_request request;
    struct vr_list link; /* kv_etcd.watches */
    struct kv_etcd *kv;
    struct vr_buf prefix;
    int64_t next; /* revision */
    vr_kv_watch_fn told;
    void *ctx;
    uint32_t endpoint;
    bool running;    /* a stream was begun */
    bool live;       /* and etcd has said that it is created */
    bool doomed;     /* to be lost */
    bool lost;       /* told; waits for unwatch */
    bool busy, dead; /* within its callback; to be freed behind it */
    uint64_t begun;  /* ms of the loop: this stream */
    uint64_t down;   /* ms: since when it is not live */
};

static void free_watch(struct watch *watch)
{
    vr_curl_stop(&watch->kv->curl, &watch->request);
    vr_list_remove(&watch->link);
    if (watch->busy) {
        watch->dead = true;
        return;
    }
    vr_buf_deinit(&watch->request.body);
    vr_buf_deinit(&watch->prefix);
    free(watch);
}

/* False: the callback has freed it, or all. */
static bool tell(struct watch *watch, bool lost, int64_t revision, const struct vr_kv_event *events,
                 uint32_t count)
{
    watch->busy = true;
    watch->told(watch->ctx, lost, revision, events, count);
    watch->busy = false;
    if (watch->dead) {
        vr_buf_deinit(&watch->request.body);
        vr_buf_deinit(&watch->prefix);
        free(watch);
        return false;
    }
    return true;
}

static void lose(struct watch *watch, const char *why)
{
    vr_log(VR_LOG_INFO, "a watch on etcd is lost", VR_S("why", why),
           VR_I("revision", watch->next - 1));
    vr_kv_etcd_count(&watch->kv->stats.watches_lost);
    watch->lost = true;
    watch->running = false;
    vr_curl_stop(&watch->kv->curl, &watch->request);
    (void)tell(watch, true, watch->next - 1, NULL, 0);
}

static void begin(struct watch *watch)
{
    struct kv_etcd *kv = watch->kv;
    char url[URL_MAX];

    watch->endpoint = kv->current;
    watch->running = true;
    watch->live = false;
    watch->begun = uv_now(kv->curl.conf.loop);
    vr_buf_deinit(&watch->request.body);
    vr_kv_json_watch(&watch->request.body, vr_buf_bytes(&watch->prefix), watch->next);
    vr_kv_etcd_url(kv, watch->endpoint, "/v3/watch", url);
    vr_curl_start(&kv->curl, &watch->request, url, CONNECT_MS, 0);
}

static void fall(struct watch *watch)
{
    vr_curl_stop(&watch->kv->curl, &watch->request);
    if (watch->live) {
        watch->down = uv_now(watch->kv->curl.conf.loop);
    }
    watch->running = false;
    watch->live = false;
}

/* Callbacks may free any watch: the walk only marks, and what is marked is told one by one. */
static bool look_after(struct watch *watch, uint64_t now)
{
    if (watch->lost || watch->live) {
        return false;
    }
    if (now - watch->down > RESUME_MAX_MS) {
        watch->doomed = true;
    } else if (watch->running && now - watch->begun > TRY_MS) {
        fall(watch);
        vr_kv_etcd_rotate(watch->kv, watch->endpoint);
    } else if (!watch->running) {
        begin(watch);
    }
    return true;
}

static struct watch *find_doomed(struct kv_etcd *kv)
{
    /* A watch is freed only after it was cancelled, and then it is not in the list. */
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    VR_LIST_EACH(item, &kv->watches)
    {
        struct watch *watch = VR_OWNER(item, struct watch, link);

        if (watch->doomed && !watch->lost) {
            return watch;
        }
    }
    return NULL;
}

static void on_look(uv_timer_t *timer)
{
    struct kv_etcd *kv = VR_OWNER(timer, struct kv_etcd, look);
    uint64_t now = uv_now(kv->curl.conf.loop);
    struct watch *doomed;
    bool waiting = false;

    VR_LIST_EACH(item, &kv->watches)
    {
        waiting = look_after(VR_OWNER(item, struct watch, link), now) || waiting;
    }
    while (!kv->stopped && (doomed = find_doomed(kv)) != NULL) {
        lose(doomed, "no endpoint gave it back");
    }
    if (!waiting && !kv->stopped) {
        uv_timer_stop(timer);
    }
}

static void look_soon(struct kv_etcd *kv)
{
    if (!uv_is_active((uv_handle_t *)&kv->look)) {
        uv_update_time(kv->curl.conf.loop);
        uv_timer_start(&kv->look, on_look, LOOK_MS, LOOK_MS);
    }
}

/* One call for the events of one revision. False: the watch is freed. */
static bool tell_events(struct watch *watch, const struct vr_kv_watch_line *line)
{
    uint32_t at = 0;

    while (at < line->event_count) {
        int64_t revision = line->events[at].pair.mod_revision;
        uint32_t end = at + 1;

        while (end < line->event_count && line->events[end].pair.mod_revision == revision) {
            end++;
        }
        if (revision >= watch->next) { /* 3.4.23 may tell an old one again */
            watch->next = revision + 1;
            if (!tell(watch, false, revision, &line->events[at], end - at)) {
                return false;
            }
        }
        at = end;
    }
    return true;
}

/* False: stop reading, the watch has fallen, is lost or freed. */
static bool on_line(struct watch *watch, struct vr_bytes bytes)
{
    struct vr_kv_watch_line line;
    bool go_on = true;

    if (vr_kv_json_watch_line(bytes, &line) != VR_OK) {
        fall(watch);
        vr_kv_etcd_rotate(watch->kv, watch->endpoint);
        look_soon(watch->kv);
        return false;
    }
    if (line.failed) {
        vr_kv_etcd_rotate(watch->kv, watch->endpoint);
    }
    if (line.failed || line.canceled) {
        go_on = false;
        lose(watch, line.failed                 ? "no leader"
                    : line.compact_revision > 0 ? "compacted"
                                                : "canceled");
    } else {
        watch->live = watch->live || line.created;
        go_on = tell_events(watch, &line);
    }
    vr_kv_watch_line_deinit(&line);
    return go_on;
}

/* The bytes are taken away first: the callbacks may end this request and its buffer. */
static bool read_lines(struct watch *watch)
{
    struct vr_buf in = watch->request.in;
    bool whole = watch->request.ended; /* no more comes: the rest is a line as well */
    bool good = true;
    size_t at = 0;

    watch->request.in = (struct vr_buf){0};
    while (good && at < in.size) {
        const uint8_t *end = memchr(in.data + at, '\n', in.size - at);
        size_t size = end == NULL ? in.size - at : (size_t)(end - (in.data + at));

        if (end == NULL && !whole) {
            vr_buf_append(&watch->request.in, in.data + at, size);
            break;
        }
        good = size == 0 || on_line(watch, vr_bytes(in.data + at, size));
        at += size + 1;
    }
    vr_buf_deinit(&in);
    return good;
}

static void on_told(struct vr_curl_request *request)
{
    struct watch *watch = VR_OWNER(request, struct watch, request);
    struct vr_kv_refusal refusal;
    bool ended = request->ended;

    if (ended && request->code == CURLE_OK && request->status != 200) {
        vr_kv_etcd_judge(request, &refusal);
        vr_kv_etcd_rotate(watch->kv, watch->endpoint);
        if (strstr(refusal.text, "no leader") != NULL) {
            lose(watch, "no leader");
            return;
        }
    } else if (!read_lines(watch)) {
        return;
    }
    if (ended) {
        fall(watch);
        vr_kv_etcd_rotate(watch->kv, watch->endpoint);
        look_soon(watch->kv);
    }
}

void *vr_kv_etcd_watch(struct vr_kv *base, struct vr_bytes prefix, int64_t revision,
                       vr_kv_watch_fn told, void *ctx)
{
    struct kv_etcd *kv = VR_OWNER(base, struct kv_etcd, base);
    struct watch *watch = kv->stopped ? NULL : calloc(1, sizeof(*watch));

    if (watch == NULL) {
        return NULL;
    }
    watch->kv = kv;
    watch->next = revision < 1 ? 1 : revision;
    watch->told = told;
    watch->ctx = ctx;
    watch->request.stream = true;
    watch->request.in_max = LINE_MAX_BYTES;
    watch->request.told = on_told;
    vr_buf_append(&watch->prefix, prefix.data, prefix.size);
    if (watch->prefix.failed) {
        free(watch);
        return NULL;
    }
    vr_list_push(&kv->watches, &watch->link);
    uv_update_time(kv->curl.conf.loop);
    watch->down = uv_now(kv->curl.conf.loop);
    begin(watch);
    look_soon(kv);
    return watch;
}

void vr_kv_etcd_unwatch(struct vr_kv *base, void *watch)
{
    (void)base;
    if (watch != NULL) {
        free_watch(watch);
    }
}

void vr_kv_etcd_move_watches(struct kv_etcd *kv)
{
    VR_LIST_EACH(item, &kv->watches)
    {
        struct watch *watch = VR_OWNER(item, struct watch, link);

        if (!watch->lost && !watch->busy && watch->endpoint != kv->current) {
            fall(watch);
            look_soon(kv);
        }
    }
}

void vr_kv_etcd_end_watches(struct kv_etcd *kv)
{
    VR_LIST_EACH(item, &kv->watches)
    {
        free_watch(VR_OWNER(item, struct watch, link));
    }
}
