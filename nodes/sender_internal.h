/* sender_internal.h - what the files of sender.h share. */
#ifndef VR_NODES_SENDER_INTERNAL_H
#define VR_NODES_SENDER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "nodes/sender.h"
#include "nodes/webhook.h"
#include "room_record.pb-c.h"

/* Keys of VR_TABLE_OUTBOX: the stage, and for deliveries the webhook, before what the event's row
 * had: room 16, epoch 8, sequence 8, n 2. */
#define STAGE_EVENT 0
#define STAGE_DELIVERY 1
#define STAGE_DEAD 2
#define EVENT_KEY 35
#define DELIVERY_KEY 51
#define ORDER_KEY 33 /* stage, webhook, room: what is sent in order */

#define RING_SIZE 1000
#define FLIGHTS_MAX 16

struct ring_entry {
    uint64_t number;
    json_t *event;
};

struct flight {
    bool used;
    uint8_t key[DELIVERY_KEY];
    struct vr_id webhook;
    Vr__OutboxRecord *record;
    struct vr_buf body;
    void *easy;    /* CURL * */
    void *headers; /* struct curl_slist * */
    bool clear;    /* http:// */
    bool refused;
    struct vr_sender *sender;
    char error[256];
};

struct vr_sender {
    struct vr_sender_conf conf;
    struct vr_net_range allow[64];
    size_t allow_count;
    pthread_t thread;
    atomic_bool over;
    void *multi; /* CURLM * */
    struct flight flights[FLIGHTS_MAX];
    atomic_uint_fast64_t delivered, failed, dead, refused, waiting;

    pthread_mutex_t ring_lock; /* over the next ones */
    struct ring_entry ring[RING_SIZE];
    uint64_t ring_count; /* numbers of the newest; the first is 1 */
};

/* sender_store.c */
/** The event as it is sent: {"type", "timestamp", "data"}. NULL: memory is out. */
json_t *sender_payload(const struct vr_sender *sender, const Vr__OutboxRecord *record);
/** Events into deliveries. True: there may be more. */
bool sender_fan_out(struct vr_sender *sender);
struct vr_commit *sender_commit(void);
void sender_row_put(struct vr_commit *commit, const uint8_t key[DELIVERY_KEY],
                    const Vr__OutboxRecord *record);
/** The id under which a delivery is known to its receiver: the same for each attempt. */
void sender_message_id(const uint8_t key[DELIVERY_KEY], char out[32]);

#endif
