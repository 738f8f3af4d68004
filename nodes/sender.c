/* sender.c - attempts over HTTP: libcurl's multi interface on a thread of its own. */
#include "nodes/sender.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "nodes/config.h"
#include "nodes/sender_internal.h"

#define LOOK_EVERY_MS 100
#define TIMEOUT_MS 10000L
#define CONNECT_MS 5000L
#define SCANNED_MAX 20000
#define PER_WEBHOOK 4

static int64_t wall(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->wall(clock->ctx);
}

/* --- one attempt --- */

/** libcurl is about to connect: this very address is judged, whatever the name said before. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct flight *flight = ctx;
    struct vr_net_address to;

    if (purpose != CURLSOCKTYPE_IPCXN || !vr_net_address_of(&address->addr, &to) ||
        !vr_webhook_may_reach(&to, flight->clear, flight->sender->allow,
                              flight->sender->allow_count)) {
        flight->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/** Nothing of the answer is kept. */
static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

static void flight_clear(struct flight *flight)
{
    if (flight->easy != NULL) {
        curl_multi_remove_handle(flight->sender->multi, flight->easy);
        curl_easy_cleanup(flight->easy);
    }
    curl_slist_free_all(flight->headers);
    vr_buf_deinit(&flight->body);
    if (flight->record != NULL) {
        vr__outbox_record__free_unpacked(flight->record, NULL);
    }
    *flight = (struct flight){0};
}

static bool headers_set(struct flight *flight, const struct vr_webhook *webhook)
{
    char id[32];
    char signature[VR_WEBHOOK_SIGNATURE_TEXT];
    char line[3][128];
    int64_t now = wall() / 1000000;
    const char *plain[] = {"Content-Type: application/json", "User-Agent: Voicerooms/1", "Expect:"};
    struct curl_slist *list = NULL;

    sender_message_id(flight->key, id);
    if (!vr_webhook_sign(webhook->secret, id, now, vr_buf_bytes(&flight->body), signature)) {
        return false;
    }
    snprintf(line[0], sizeof(line[0]), "webhook-id: %s", id);
    snprintf(line[1], sizeof(line[1]), "webhook-timestamp: %lld", (long long)now);
    snprintf(line[2], sizeof(line[2]), "webhook-signature: %s", signature);
    for (size_t i = 0; i < 6; i++) {
        struct curl_slist *grown = curl_slist_append(list, i < 3 ? line[i] : plain[i - 3]);

        if (grown == NULL) {
            curl_slist_free_all(list);
            return false;
        }
        list = grown;
    }
    flight->headers = list;
    return true;
}

static void options_set(struct flight *flight, const struct vr_webhook *webhook)
{
    CURL *easy = flight->easy;

    flight->clear = strncasecmp(webhook->url, "http://", 7) == 0;
    curl_easy_setopt(easy, CURLOPT_URL, webhook->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight->headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)flight->body.data);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)flight->body.size);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, flight);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L); /* each attempt is judged anew */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, 65536L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight->error);
}

/** Takes `record`. */
static void start(struct vr_sender *sender, struct flight *flight, const uint8_t *key,
                  Vr__OutboxRecord *record, const struct vr_webhook *webhook)
{
    json_t *payload = sender_payload(sender, record);
    char *text = payload == NULL ? NULL : json_dumps(payload, JSON_COMPACT);

    *flight =
        (struct flight){.used = true, .webhook = webhook->id, .record = record, .sender = sender};
    memcpy(flight->key, key, DELIVERY_KEY);
    if (text != NULL) {
        vr_buf_text(&flight->body, text);
    }
    free(text);
    json_decref(payload);
    flight->easy = curl_easy_init();
    if (flight->easy == NULL || flight->body.size == 0 || flight->body.failed ||
        !headers_set(flight, webhook)) {
        flight_clear(flight); /* memory is out: the row stays, the next look tries again */
        return;
    }
    options_set(flight, webhook);
    curl_multi_add_handle(sender->multi, flight->easy);
}

/* --- its end --- */

/** The receiver said that it is gone: nothing more is sent there. */
static void disable(struct vr_sender *sender, struct vr_id id, const char *why)
{
    struct vr_webhook webhook;
    struct vr_deployment_change change = {.commit = vr_deployment_commit(),
                                          .audit = {.act = "webhook:disable"}};
    struct vr_buf body = {0};

    if (change.commit == NULL || !vr_deployment_webhook(sender->conf.deployment, id, &webhook)) {
        vr_commit_free(change.commit);
        return;
    }
    webhook.disabled = true;
    snprintf(webhook.disabled_why, sizeof(webhook.disabled_why), "%s", why);
    snprintf(change.audit.reason, sizeof(change.audit.reason), "%s", why);
    if (vr_deployment_webhook_body(sender->conf.deployment, &webhook, change.commit, &body) ==
        VR_OK) {
        change.row = (struct vr_deployment_row){
            .kind = VR_DEPLOYMENT_WEBHOOK, .id = id, .body = vr_buf_bytes(&body)};
        vr_deployment_change(sender->conf.deployment, &change, NULL, NULL);
    } else {
        vr_commit_free(change.commit);
    }
    vr_buf_deinit(&body);
    explicit_bzero(&webhook, sizeof(webhook));
}

static void failed(struct flight *flight, struct vr_commit *commit, char *error)
{
    struct vr_sender *sender = flight->sender;
    Vr__OutboxRecord row = *flight->record;

    atomic_fetch_add(&sender->failed, 1);
    row.attempts++;
    row.error = error;
    row.due = wall() + vr_webhook_wait(row.attempts, vr_random_system());
    if (row.attempts >= sender->conf.attempts) {
        vr_commit_remove(commit, VR_TABLE_OUTBOX, vr_bytes(flight->key, DELIVERY_KEY));
        flight->key[0] = STAGE_DEAD;
        atomic_fetch_add(&sender->dead, 1);
        vr_log(VR_LOG_WARN, "a webhook delivery is given up", VR_S("type", row.type),
               VR_S("why", error));
    }
    sender_row_put(commit, flight->key, &row);
}

static void ended(struct flight *flight, CURLcode code)
{
    struct vr_commit *commit = sender_commit();
    struct vr_sender *sender = flight->sender;
    struct vr_webhook webhook;
    long status = 0;
    char error[300];

    curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &status);
    if (commit == NULL ||
        !vr_deployment_webhook(sender->conf.deployment, flight->webhook, &webhook)) {
        vr_commit_free(commit); /* removed meanwhile, and its rows with it */
        flight_clear(flight);
        return;
    }
    explicit_bzero(&webhook, sizeof(webhook));
    if (code == CURLE_OK && status >= 200 && status < 300) {
        vr_commit_remove(commit, VR_TABLE_OUTBOX, vr_bytes(flight->key, DELIVERY_KEY));
        atomic_fetch_add(&sender->delivered, 1);
    } else {
        if (flight->refused) {
            atomic_fetch_add(&sender->refused, 1);
            snprintf(error, sizeof(error),
                     "its address is private, or http is used: see webhook_allow");
        } else if (code == CURLE_OK) {
            snprintf(error, sizeof(error), "it answered HTTP %ld", status);
        } else {
            snprintf(error, sizeof(error), "%s",
                     flight->error[0] != 0 ? flight->error : curl_easy_strerror(code));
        }
        failed(flight, commit, error);
    }
    if (vr_records_commit(sender->conf.records, commit, NULL) == VR_OK && code == CURLE_OK &&
        status == 410) {
        disable(sender, flight->webhook, "it answered 410 Gone");
    }
    flight_clear(flight);
}

static void take_ended(struct vr_sender *sender)
{
    CURLMsg *msg = NULL;
    int left = 0;

    while ((msg = curl_multi_info_read(sender->multi, &left)) != NULL) {
        struct flight *flight = NULL;

        if (msg->msg == CURLMSG_DONE &&
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &flight) == CURLE_OK) {
            ended(flight, msg->data.result);
        }
    }
}

/* --- what is due --- */

struct look {
    struct vr_sender *sender;
    uint8_t last[ORDER_KEY]; /* of the row before: the first of each is the only one that may go */
    uint32_t scanned;
    bool any;
    struct vr_webhook webhook; /* of the row before, too: rows of one stand together */
    bool known;
};

static struct flight *free_flight(struct vr_sender *sender, struct vr_id webhook)
{
    struct flight *found = NULL;
    uint32_t same = 0;

    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        if (!sender->flights[i].used) {
            found = &sender->flights[i];
        } else if (vr_id_equal(sender->flights[i].webhook, webhook)) {
            same++;
        }
    }
    return same < PER_WEBHOOK ? found : NULL;
}

static bool flies(const struct vr_sender *sender, const uint8_t *key)
{
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        if (sender->flights[i].used && memcmp(sender->flights[i].key, key, ORDER_KEY) == 0) {
            return true;
        }
    }
    return false;
}

static bool look_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct look *look = ctx;
    struct vr_id id;
    Vr__OutboxRecord *record = NULL;
    struct flight *flight = NULL;

    look->scanned++;
    if (key.size != DELIVERY_KEY || (look->any && memcmp(look->last, key.data, ORDER_KEY) == 0)) {
        return look->scanned < SCANNED_MAX;
    }
    id = vr_id_get(key.data + 1);
    if (!look->any || memcmp(look->last, key.data, 17) != 0) {
        look->known = vr_deployment_webhook(look->sender->conf.deployment, id, &look->webhook);
    }
    look->any = true;
    memcpy(look->last, key.data, ORDER_KEY);
    flight = look->known && !look->webhook.disabled && !flies(look->sender, key.data)
                 ? free_flight(look->sender, id)
                 : NULL;
    record = flight == NULL ? NULL : vr__outbox_record__unpack(NULL, value.size, value.data);
    if (record != NULL && record->due <= wall()) {
        start(look->sender, flight, key.data, record, &look->webhook);
    } else if (record != NULL) {
        vr__outbox_record__free_unpacked(record, NULL);
    }
    return look->scanned < SCANNED_MAX;
}

static void start_due(struct vr_sender *sender)
{
    struct look *look = calloc(1, sizeof(*look));
    uint8_t stage = STAGE_DELIVERY;

    if (look == NULL) {
        return;
    }
    look->sender = sender;
    if (vr_records_scan(sender->conf.records, VR_TABLE_OUTBOX, vr_bytes(&stage, 1),
                        vr_bytes(&stage, 1), look_row, look) == VR_OK) {
        atomic_store(&sender->waiting, look->scanned);
    }
    explicit_bzero(look, sizeof(*look));
    free(look);
}

static void *sender_run(void *arg)
{
    struct vr_sender *sender = arg;
    int running = 0;

    while (!atomic_load(&sender->over)) {
        vr_deployment_wants_look(sender->conf.deployment);
        while (sender_fan_out(sender)) {
        }
        start_due(sender);
        curl_multi_perform(sender->multi, &running);
        take_ended(sender);
        curl_multi_poll(sender->multi, NULL, 0, LOOK_EVERY_MS, NULL);
        curl_multi_perform(sender->multi, &running);
        take_ended(sender);
    }
    return NULL;
}

enum vr_err vr_sender_new(const struct vr_sender_conf *conf, struct vr_sender **out)
{
    struct vr_sender *sender = calloc(1, sizeof(*sender));

    *out = NULL;
    if (sender == NULL) {
        return VR_E_NO_MEMORY;
    }
    sender->conf = *conf;
    for (uint32_t i = 0; i < conf->allow->count && sender->allow_count < 64; i++) {
        if (vr_net_range_parse(conf->allow->item[i], &sender->allow[sender->allow_count])) {
            sender->allow_count++;
        }
    }
    pthread_mutex_init(&sender->ring_lock, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sender->multi = curl_multi_init();
    if (sender->multi == NULL || pthread_create(&sender->thread, NULL, sender_run, sender) != 0) {
        curl_multi_cleanup(sender->multi);
        pthread_mutex_destroy(&sender->ring_lock);
        free(sender);
        return VR_E_NO_MEMORY;
    }
    *out = sender;
    return VR_OK;
}

void vr_sender_free(struct vr_sender *sender)
{
    if (sender == NULL) {
        return;
    }
    atomic_store(&sender->over, true);
    curl_multi_wakeup(sender->multi);
    pthread_join(sender->thread, NULL);
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        if (sender->flights[i].used) {
            flight_clear(&sender->flights[i]);
        }
    }
    curl_multi_cleanup(sender->multi);
    for (uint32_t i = 0; i < RING_SIZE; i++) {
        json_decref(sender->ring[i].event);
    }
    pthread_mutex_destroy(&sender->ring_lock);
    free(sender);
}

void vr_sender_stats(const struct vr_sender *sender, struct vr_sender_stats *out)
{
    *out = (struct vr_sender_stats){.delivered = atomic_load(&sender->delivered),
                                    .failed = atomic_load(&sender->failed),
                                    .dead = atomic_load(&sender->dead),
                                    .refused = atomic_load(&sender->refused),
                                    .waiting = atomic_load(&sender->waiting)};
}
