/* reminders.c - the thread that looks: who is to be reminded now, what the webhooks are told, what
 * is over. */
#include "nodes/reminders.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/room/records.h"
#include "nodes/routes_admin.h"
#include "room_record.pb-c.h"

#define LOOK_EVERY_S 1
#define LOOK_MANY_S 10 /* with more rows than this a look is work */
#define MANY 1000
#define BITE 100                    /* changes of one look; the rest at the next */
#define ERASED_AFTER VR_SECONDS(60) /* a user's row may come to a copy after his reminder */
#define EVENT_KEY 35                /* actors/room/outbox.h: how the sender finds an event */

struct vr_reminders {
    struct vr_reminders_conf conf;
    pthread_t thread;
    pthread_mutex_t wait_lock; /* over `over` */
    pthread_cond_t wait;
    bool over;
    bool stopped;
    atomic_uint_fast64_t newest;
    pthread_mutex_t lock; /* over the next three; the thread alone writes them */
    struct vr_reminder *due;
    uint32_t due_count;
    uint32_t due_capacity;
    /* The thread's own. */
    struct vr_reminder_row *rows; /* VR_REMINDERS_MAX of them */
    uint32_t row_count;
    uint32_t changes;
    bool leads;
    vr_time_us now_wall;
    struct vr_reminder *found;
    uint32_t found_count;
    uint32_t found_capacity;
    struct vr_room_listing room; /* 20 KB: not for the stack */
};

static const struct vr_room_listing *room_read(struct vr_reminders *reminders, struct vr_id id)
{
    struct vr_buf value = {0};
    uint8_t key[16];
    bool fine;

    vr_id_put(key, id);
    fine =
        vr_records_get(reminders->conf.records, VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)),
                       &value) == VR_OK &&
        vr_room_listing_decode(vr_buf_bytes(&value), &vr_vault_closed, &reminders->room) == VR_OK;
    vr_buf_deinit(&value);
    return fine ? &reminders->room : NULL;
}

/* --- what is due --- */

static void found_add(struct vr_reminders *reminders, const struct vr_reminder_row *row, bool begun)
{
    struct vr_reminder *item;

    if (reminders->found_count == reminders->found_capacity) {
        uint32_t capacity = reminders->found_capacity == 0 ? 64 : reminders->found_capacity * 2;
        struct vr_reminder *grown = realloc(reminders->found, capacity * sizeof(*grown));

        if (grown == NULL) {
            return;
        }
        reminders->found = grown;
        reminders->found_capacity = capacity;
    }
    item = &reminders->found[reminders->found_count++];
    *item = (struct vr_reminder){.ref = row->ref,
                                 .room = row->room,
                                 .begun = begun,
                                 .starts_wall = reminders->room.starts_wall};
    memcpy(item->title, reminders->room.title, sizeof(item->title));
}

static int by_who(const void *a, const void *b)
{
    const struct vr_reminder *x = a;
    const struct vr_reminder *y = b;

    if (!vr_id_equal(x->ref, y->ref)) {
        return x->ref.hi != y->ref.hi ? (x->ref.hi < y->ref.hi ? -1 : 1)
                                      : (x->ref.lo < y->ref.lo ? -1 : 1);
    }
    if (!vr_id_equal(x->room, y->room)) {
        return x->room.hi != y->room.hi ? (x->room.hi < y->room.hi ? -1 : 1)
                                        : (x->room.lo < y->room.lo ? -1 : 1);
    }
    return (int)x->begun - (int)y->begun;
}

/** What was due before keeps its number, so nobody hears it twice; unless it was moved to another
 * time. */
static void publish(struct vr_reminders *reminders)
{
    uint64_t newest = atomic_load(&reminders->newest);
    struct vr_reminder *old = reminders->due;
    uint32_t capacity = reminders->due_capacity;

    if (reminders->found_count > 1) {
        qsort(reminders->found, reminders->found_count, sizeof(*reminders->found), by_who);
    }
    for (uint32_t i = 0; i < reminders->found_count; i++) {
        struct vr_reminder *item = &reminders->found[i];
        const struct vr_reminder *known =
            reminders->due_count == 0
                ? NULL
                : bsearch(item, old, reminders->due_count, sizeof(*old), by_who);

        item->number =
            known != NULL && known->starts_wall == item->starts_wall ? known->number : ++newest;
    }
    pthread_mutex_lock(&reminders->lock);
    reminders->due = reminders->found;
    reminders->due_count = reminders->found_count;
    reminders->due_capacity = reminders->found_capacity;
    pthread_mutex_unlock(&reminders->lock);
    reminders->found = old;
    reminders->found_capacity = capacity;
    reminders->found_count = 0;
    atomic_store(&reminders->newest, newest);
}

uint64_t vr_reminders_newest(const struct vr_reminders *reminders)
{
    return atomic_load(&reminders->newest);
}

void vr_reminders_due(struct vr_reminders *reminders, struct vr_id ref, uint64_t after,
                      vr_reminder_fn tell, void *ctx)
{
    pthread_mutex_lock(&reminders->lock);
    for (uint32_t i = 0; i < reminders->due_count; i++) {
        const struct vr_reminder *item = &reminders->due[i];

        if (item->number > after && vr_id_equal(item->ref, ref)) {
            tell(ctx, item);
        }
    }
    pthread_mutex_unlock(&reminders->lock);
}

/* --- what the one that leads does --- */

static void event_put(const struct vr_reminders *reminders, const struct vr_reminder_row *row,
                      bool begun, struct vr_commit *commit)
{
    Vr__OutboxRecord record = VR__OUTBOX_RECORD__INIT;
    uint32_t nobody = 0; /* no participant yet: a user alone */
    uint8_t key[EVENT_KEY] = {0};
    uint8_t ref[16];
    uint8_t *packed;
    char id[VR_ID_TEXT];
    json_t *data =
        json_pack("{s:s, s:I, s:I, s:s, s:o, s:b}", "room", vr_id_format(row->room, id), "epoch",
                  (json_int_t)0, "sequence", (json_int_t)0, "title", reminders->room.title,
                  "starts_at", vr_admin_time(reminders->room.starts_wall), "begun", begun ? 1 : 0);
    char *text = data == NULL ? NULL : json_dumps(data, JSON_COMPACT);

    json_decref(data);
    vr_id_put(ref, row->ref);
    record.type = (char *)(uintptr_t) "schedule.reminder";
    record.at = record.created = reminders->now_wall;
    record.data = text;
    record.participants = &nobody;
    record.n_participants = 1;
    record.refs = (ProtobufCBinaryData){sizeof(ref), ref};
    vr_id_put(key + 1, row->room);
    vr_put64(key + 25, row->ref.lo); /* the same for the same reminder: written twice it is one */
    packed = text == NULL ? NULL : malloc(vr__outbox_record__get_packed_size(&record));
    if (packed != NULL) {
        size_t size = vr__outbox_record__pack(&record, packed);

        vr_commit_put(commit, VR_TABLE_OUTBOX, vr_bytes(key, sizeof(key)), vr_bytes(packed, size));
    }
    free(packed);
    free(text);
}

static void tell_webhooks(struct vr_reminders *reminders, const struct vr_reminder_row *row,
                          bool begun)
{
    struct vr_deployment_change change = {.commit = vr_deployment_commit()};
    struct vr_reminder_row told = *row;
    struct vr_buf body = {0};

    told.told = true;
    if (change.commit != NULL && vr_reminder_body(&told, &body) == VR_OK) {
        change.row = (struct vr_deployment_row){.kind = VR_DEPLOYMENT_REMINDER,
                                                .id = vr_reminder_id(row->ref, row->room),
                                                .body = vr_buf_bytes(&body)};
        if (atomic_load(vr_deployment_wants_events(reminders->conf.deployment))) {
            event_put(reminders, row, begun, change.commit);
        }
        vr_deployment_change(reminders->conf.deployment, &change, NULL, NULL);
        reminders->changes++;
    } else {
        vr_commit_free(change.commit);
    }
    vr_buf_deinit(&body);
}

static void take_away(struct vr_reminders *reminders, const struct vr_reminder_row *row)
{
    struct vr_deployment_change change = {.commit = vr_deployment_commit()};

    if (change.commit != NULL) {
        vr_reminder_remove(row->ref, row->room, change.commit);
        vr_deployment_change(reminders->conf.deployment, &change, NULL, NULL);
        reminders->changes++;
    }
}

static bool erased(const struct vr_reminders *reminders, const struct vr_reminder_row *row)
{
    struct vr_buf user = {0};
    enum vr_err err = vr_personal_user(reminders->conf.personal, row->ref, &user);

    vr_buf_deinit(&user);
    return err == VR_E_NOT_FOUND && reminders->now_wall > row->at + ERASED_AFTER;
}

/* --- a look --- */

static bool gather(void *ctx, const struct vr_deployment_row *row)
{
    struct vr_reminders *reminders = ctx;

    if (vr_reminder_read(row, &reminders->rows[reminders->row_count])) {
        reminders->row_count++;
    }
    return reminders->row_count < VR_REMINDERS_MAX;
}

static void judge(struct vr_reminders *reminders, const struct vr_reminder_row *row)
{
    enum vr_reminder_state state =
        vr_reminder_state(room_read(reminders, row->room), reminders->now_wall);
    bool begun = state == VR_REMINDER_BEGUN;
    bool acts = reminders->leads && reminders->changes < BITE;

    switch (state) {
    case VR_REMINDER_WAITS:
        if (acts && erased(reminders, row)) {
            take_away(reminders, row);
        }
        break;
    case VR_REMINDER_DUE:
    case VR_REMINDER_BEGUN:
        found_add(reminders, row, begun);
        if (acts && !row->told) {
            tell_webhooks(reminders, row, begun);
        }
        break;
    case VR_REMINDER_OVER:
        if (acts) {
            take_away(reminders, row);
        }
        break;
    }
}

/* Rows first, then what they lead to: nothing is written inside a walk over the store. */
static void look(struct vr_reminders *reminders)
{
    reminders->changes = 0;
    reminders->row_count = 0;
    reminders->now_wall = vr_deployment_wall(reminders->conf.deployment);
    if (vr_deployment_scan(reminders->conf.records, VR_DEPLOYMENT_REMINDER, gather, reminders) ==
        VR_OK) {
        reminders->leads = reminders->row_count > 0 && reminders->conf.leads(reminders->conf.ctx);
        for (uint32_t i = 0; i < reminders->row_count; i++) {
            judge(reminders, &reminders->rows[i]);
        }
        publish(reminders);
    }
}

static void *run(void *arg)
{
    struct vr_reminders *reminders = arg;
    struct timespec until;

    pthread_mutex_lock(&reminders->wait_lock);
    while (!reminders->over) {
        int waited = 0;

        pthread_mutex_unlock(&reminders->wait_lock);
        look(reminders);
        pthread_mutex_lock(&reminders->wait_lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += reminders->row_count > MANY ? LOOK_MANY_S : LOOK_EVERY_S;
        while (!reminders->over && waited != ETIMEDOUT) {
            waited = pthread_cond_timedwait(&reminders->wait, &reminders->wait_lock, &until);
        }
    }
    pthread_mutex_unlock(&reminders->wait_lock);
    return NULL;
}

enum vr_err vr_reminders_new(const struct vr_reminders_conf *conf, struct vr_reminders **out)
{
    struct vr_reminders *reminders = calloc(1, sizeof(*reminders));
    pthread_condattr_t kind;

    *out = NULL;
    if (reminders == NULL) {
        return VR_E_NO_MEMORY;
    }
    reminders->rows = calloc(VR_REMINDERS_MAX, sizeof(*reminders->rows));
    if (reminders->rows == NULL) {
        free(reminders);
        return VR_E_NO_MEMORY;
    }
    reminders->conf = *conf;
    pthread_mutex_init(&reminders->lock, NULL);
    pthread_mutex_init(&reminders->wait_lock, NULL);
    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(&reminders->wait, &kind);
    pthread_condattr_destroy(&kind);
    if (pthread_create(&reminders->thread, NULL, run, reminders) != 0) {
        free(reminders->rows);
        free(reminders);
        return VR_E_NO_MEMORY;
    }
    *out = reminders;
    return VR_OK;
}

void vr_reminders_stop(struct vr_reminders *reminders)
{
    if (reminders == NULL || reminders->stopped) {
        return;
    }
    pthread_mutex_lock(&reminders->wait_lock);
    reminders->over = true;
    pthread_cond_signal(&reminders->wait);
    pthread_mutex_unlock(&reminders->wait_lock);
    pthread_join(reminders->thread, NULL);
    reminders->stopped = true;
}

void vr_reminders_free(struct vr_reminders *reminders)
{
    if (reminders == NULL) {
        return;
    }
    vr_reminders_stop(reminders);
    pthread_cond_destroy(&reminders->wait);
    pthread_mutex_destroy(&reminders->wait_lock);
    pthread_mutex_destroy(&reminders->lock);
    free(reminders->rows);
    free(reminders->due);
    free(reminders->found);
    free(reminders);
}
