/* sender_store.c - the outbox in the store: events become deliveries, deliveries become dead
 * letters and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/wire/mac.h"
#include "nodes/routes_admin.h"
#include "nodes/sender_internal.h"

#define FAN_OUT_MAX 200
#define LISTED_MAX 500

struct vr_commit *sender_commit(void)
{
    return vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
}

void sender_row_put(struct vr_commit *commit, const uint8_t key[DELIVERY_KEY],
                    const Vr__OutboxRecord *record)
{
    size_t size = vr__outbox_record__get_packed_size(record);
    uint8_t *packed = malloc(size + 1);

    if (packed == NULL) {
        commit->ops.failed = true;
        return;
    }
    vr__outbox_record__pack(record, packed);
    vr_commit_put(commit, VR_TABLE_OUTBOX, vr_bytes(key, DELIVERY_KEY), vr_bytes(packed, size));
    free(packed);
}

void sender_message_id(const uint8_t key[DELIVERY_KEY], char out[32])
{
    uint8_t digest[VR_MAC_SIZE] = {0};
    char text[VR_ID_TEXT];

    /* Not the stage: a dead letter that is sent again is the same message. */
    (void)vr_digest(vr_bytes(key + 1, DELIVERY_KEY - 1), digest);
    snprintf(out, 32, "msg_%s", vr_id_format(vr_id_get(digest), text));
}

static json_t *people_json(const struct vr_sender *sender, const Vr__OutboxRecord *record)
{
    json_t *people = json_array();

    for (size_t i = 0; i < record->n_participants && (i + 1) * 16 <= record->refs.len; i++) {
        struct vr_buf user = {0};
        struct vr_id ref = vr_id_get(record->refs.data + i * 16);
        bool there = vr_personal_user(sender->conf.personal, ref, &user) == VR_OK;

        json_array_append_new(
            people,
            json_pack("{s:I, s:o}", "participant", (json_int_t)record->participants[i], "user",
                      there ? json_stringn((const char *)user.data, user.size) : json_null()));
        vr_buf_deinit(&user);
    }
    return people;
}

json_t *sender_payload(const struct vr_sender *sender, const Vr__OutboxRecord *record)
{
    json_t *data = json_loads(record->data, 0, NULL);

    if (!json_is_object(data)) {
        json_decref(data);
        data = json_object();
    }
    if (record->n_participants > 0) {
        json_object_set_new(data, "people", people_json(sender, record));
    }
    return json_pack("{s:s, s:o, s:o}", "type", record->type, "timestamp",
                     vr_admin_time(record->at), "data", data);
}

/* --- events into deliveries --- */

struct fan_out {
    struct vr_sender *sender;
    struct vr_commit *commit;
    struct vr_webhook webhooks[VR_WEBHOOKS_MAX];
    uint32_t webhook_count;
    uint32_t count;
    json_t *told;
};

static bool fan_out_one(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct fan_out *out = ctx;
    Vr__OutboxRecord *record = vr__outbox_record__unpack(NULL, value.size, value.data);

    if (out->count == FAN_OUT_MAX) {
        if (record != NULL) {
            vr__outbox_record__free_unpacked(record, NULL);
        }
        return false;
    }
    out->count++;
    vr_commit_remove(out->commit, VR_TABLE_OUTBOX, key);
    for (uint32_t i = 0; record != NULL && key.size == EVENT_KEY && i < out->webhook_count; i++) {
        const struct vr_webhook *webhook = &out->webhooks[i];
        uint8_t row[DELIVERY_KEY] = {STAGE_DELIVERY};

        if (!webhook->disabled && vr_webhook_wants(webhook, record->type)) {
            vr_id_put(row + 1, webhook->id);
            memcpy(row + 17, key.data + 1, EVENT_KEY - 1);
            sender_row_put(out->commit, row, record);
        }
    }
    if (record != NULL) {
        json_array_append_new(out->told, sender_payload(out->sender, record));
        vr__outbox_record__free_unpacked(record, NULL);
    }
    return true;
}

static void ring_add(struct vr_sender *sender, const json_t *told)
{
    size_t i = 0;
    json_t *event = NULL;

    pthread_mutex_lock(&sender->ring_lock);
    json_array_foreach(told, i, event)
    {
        struct ring_entry *entry = &sender->ring[sender->ring_count % RING_SIZE];

        json_decref(entry->event);
        sender->ring_count++;
        *entry = (struct ring_entry){sender->ring_count, json_incref(event)};
        json_object_set_new(event, "number", json_integer((json_int_t)sender->ring_count));
    }
    pthread_mutex_unlock(&sender->ring_lock);
}

bool sender_fan_out(struct vr_sender *sender)
{
    struct fan_out *out = calloc(1, sizeof(*out));
    uint8_t stage = STAGE_EVENT;
    bool more = false;

    if (out == NULL) {
        return false;
    }
    out->sender = sender;
    out->commit = sender_commit();
    out->told = json_array();
    out->webhook_count = vr_deployment_webhooks(sender->conf.deployment, out->webhooks);
    if (out->commit == NULL ||
        vr_records_scan(sender->conf.records, VR_TABLE_OUTBOX, vr_bytes(&stage, 1),
                        vr_bytes(&stage, 1), fan_out_one, out) != VR_OK ||
        out->count == 0) {
        vr_commit_free(out->commit);
    } else if (vr_records_commit(sender->conf.records, out->commit, NULL) == VR_OK) {
        more = out->count == FAN_OUT_MAX;
        ring_add(sender, out->told);
    }
    json_decref(out->told);
    explicit_bzero(out, sizeof(*out));
    free(out);
    return more;
}

json_t *vr_sender_events(struct vr_sender *sender, uint64_t after, size_t most)
{
    json_t *events = json_array();
    uint64_t first = 0;
    uint64_t next = after;
    bool lost = false;

    pthread_mutex_lock(&sender->ring_lock);
    if (after > sender->ring_count) {
        next = sender->ring_count; /* of a life before: from now on */
        after = next;
    }
    first = sender->ring_count > RING_SIZE ? sender->ring_count - RING_SIZE + 1 : 1;
    lost = after + 1 < first;
    for (uint64_t n = lost ? first : after + 1;
         n <= sender->ring_count && json_array_size(events) < most; n++) {
        json_array_append_new(events, json_deep_copy(sender->ring[(n - 1) % RING_SIZE].event));
        next = n;
    }
    pthread_mutex_unlock(&sender->ring_lock);
    return json_pack("{s:o, s:I, s:b}", "events", events, "next", (json_int_t)next, "lost",
                     lost ? 1 : 0);
}

/* --- deliveries for who looks after them --- */

struct listing {
    const struct vr_sender *sender;
    json_t *found;
};

static bool list_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct listing *listing = ctx;
    Vr__OutboxRecord *record = vr__outbox_record__unpack(NULL, value.size, value.data);
    char id[32];

    if (record != NULL && key.size == DELIVERY_KEY) {
        bool dead = key.data[0] == STAGE_DEAD;

        sender_message_id(key.data, id);
        json_array_append_new(listing->found,
                              json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "id", id,
                                        "type", record->type, "status", dead ? "dead" : "waiting",
                                        "room", vr_admin_id(vr_id_get(key.data + 17)), "at",
                                        vr_admin_time(record->at), "attempts",
                                        (json_int_t)record->attempts, "due",
                                        dead ? json_null() : vr_admin_time(record->due), "error",
                                        vr_admin_text(record->error)));
    }
    if (record != NULL) {
        vr__outbox_record__free_unpacked(record, NULL);
    }
    return json_array_size(listing->found) < LISTED_MAX;
}

json_t *vr_sender_deliveries(struct vr_sender *sender, struct vr_id webhook)
{
    struct listing listing = {sender, json_array()};
    uint8_t key[17];
    enum vr_err err = VR_OK;

    vr_id_put(key + 1, webhook);
    for (uint8_t stage = STAGE_DELIVERY; stage <= STAGE_DEAD && err == VR_OK; stage++) {
        key[0] = stage;
        err = vr_records_scan(sender->conf.records, VR_TABLE_OUTBOX, vr_bytes(key, 17),
                              vr_bytes(key, 17), list_row, &listing);
    }
    return json_pack("{s:o}", "deliveries", listing.found);
}

enum vr_err vr_sender_test(struct vr_sender *sender, struct vr_id webhook, char id[32])
{
    struct vr_commit *commit = sender_commit();
    const struct vr_clock *clock = vr_clock_system();
    Vr__OutboxRecord record = VR__OUTBOX_RECORD__INIT;
    uint8_t key[DELIVERY_KEY] = {STAGE_DELIVERY};

    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    record.type = (char *)(uintptr_t) "webhook.test";
    record.at = clock->wall(clock->ctx);
    record.created = record.at;
    record.data = (char *)(uintptr_t) "{}";
    vr_id_put(key + 1, webhook);
    vr_id_put(key + 17,
              vr_random_id(vr_random_system())); /* a queue of its own: nothing is before it */
    vr_put64(key + 41, (uint64_t)record.at);
    sender_message_id(key, id);
    sender_row_put(commit, key, &record);
    return vr_records_commit(sender->conf.records, commit, NULL);
}

struct redeliver {
    struct vr_commit *commit;
    const char *only;
    uint32_t count;
};

static bool redeliver_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct redeliver *again = ctx;
    Vr__OutboxRecord *record = vr__outbox_record__unpack(NULL, value.size, value.data);
    char id[32];

    if (record != NULL && key.size == DELIVERY_KEY) {
        sender_message_id(key.data, id);
        if (again->only[0] == 0 || strcmp(again->only, id) == 0) {
            uint8_t row[DELIVERY_KEY];

            memcpy(row, key.data, sizeof(row));
            vr_commit_remove(again->commit, VR_TABLE_OUTBOX, key);
            row[0] = STAGE_DELIVERY;
            record->attempts = 0;
            record->due = 0;
            sender_row_put(again->commit, row, record);
            again->count++;
        }
    }
    if (record != NULL) {
        vr__outbox_record__free_unpacked(record, NULL);
    }
    return again->count < LISTED_MAX;
}

uint32_t vr_sender_redeliver(struct vr_sender *sender, struct vr_id webhook, const char *id)
{
    struct redeliver again = {.commit = sender_commit(), .only = id};
    uint8_t key[17] = {STAGE_DEAD};

    if (again.commit == NULL) {
        return 0;
    }
    vr_id_put(key + 1, webhook);
    if (vr_records_scan(sender->conf.records, VR_TABLE_OUTBOX, vr_bytes(key, 17), vr_bytes(key, 17),
                        redeliver_row, &again) != VR_OK ||
        again.count == 0) {
        vr_commit_free(again.commit);
        return 0;
    }
    return vr_records_commit(sender->conf.records, again.commit, NULL) == VR_OK ? again.count : 0;
}

void vr_sender_forget(struct vr_sender *sender, struct vr_id webhook, struct vr_commit *commit)
{
    uint8_t key[17];

    (void)sender;
    vr_id_put(key + 1, webhook);
    for (uint8_t stage = STAGE_DELIVERY; stage <= STAGE_DEAD; stage++) {
        key[0] = stage;
        vr_commit_remove_prefix(commit, VR_TABLE_OUTBOX, vr_bytes(key, 17));
    }
}
