/* engine_rig.h - for tests: engines, shards and clients in memory under one fake clock, with a
 * network in between that can lose, turn round and double. */
#ifndef VR_MEDIA_ENGINE_RIG_H
#define VR_MEDIA_ENGINE_RIG_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/media/dtls.h"
#include "actors/media/engine.h"
#include "actors/media/shard.h"
#include "actors/wire/red.h"
#include "actors/wire/rtcp.h"
#include "bench/client/client.h"

#ifndef RIG_PEOPLE /* a test of a crowd says how large */
#define RIG_PEOPLE 16
#define RIG_PEERS 64 /* of an engine */
#endif
#define RIG_NODES 64
#define RIG_HEARD 4096
#define RIG_QUEUE 4096

struct rig;
struct rig_node;

struct rig_heard {
    uint32_t participant;
    uint32_t slot;
    uint16_t seq;
    uint32_t ts;
    uint8_t pt;
    uint8_t level;
    bool marker;
    uint8_t mid;
    uint32_t word; /* first bytes of the payload: what was said */
    uint16_t size;
    uint8_t blocks; /* of RED; 0: plain */
    uint8_t padding;
    vr_time_us at;
    uint8_t bytes[256]; /* the payload's first */
    struct {
        uint32_t word;
        uint16_t ts_offset;
    } older[2]; /* newest first */
};

struct rig_person {
    struct rig *rig;
    struct rig_node *node;
    struct vr_client *client;
    struct vr_path path;
    struct vr_peer_conf conf;
    enum vr_peer_state state;
    uint32_t states; /* bit per state that was told */
    uint16_t seq;
    uint32_t ts;
    struct rig_heard heard[RIG_HEARD];
    uint32_t heard_count;
    uint32_t rtcp_sr, rtcp_rr;
    enum vr_repair_act repair; /* asked last, and what for */
    uint8_t repair_for;
    uint32_t repairs;
};

struct rig_node { /* one engine with one shard */
    struct rig *rig;
    struct vr_engine *engine;
    struct vr_shard *shard;
    uint32_t number;
    uint64_t bytes_in, bytes_out; /* to and from addresses */
    uint32_t speakers_count;
    uint32_t speakers_reports;
    struct vr_speaker speakers[VR_SPOKE_MAX];
};

struct rig_datagram {
    int to; /* person, or -1: his node */
    int person;
    struct vr_path path;
    size_t size;
    uint8_t data[1600];
};

struct rig {
    vr_time_us now;
    struct vr_random_seeded random;
    struct vr_dtls_identity *identity;
    struct rig_node nodes[RIG_NODES];
    uint32_t node_count;
    struct rig_person *people[RIG_PEOPLE];
    uint32_t people_count;
    struct rig_datagram *queue;
    uint32_t queue_count;
    bool (*lose)(struct rig *rig, const struct rig_datagram *datagram); /* NULL: nothing */
    /* Of what a node sends: false: it does not leave. NULL: all leaves. */
    bool (*out)(struct rig_node *node, const struct vr_path *path, struct vr_bytes data);
    void (*told)(struct rig_node *node, enum vr_peer_state state); /* before it is; NULL: nobody */
    struct vr_keep *keep; /* of nodes to come; keep_rig.h */
    void *test;
    bool hold; /* queue only; the test delivers */
    uint32_t lost;
    uint32_t relayed;
    uint32_t summaries; /* of shards, to each other */
    bool links_down;
    uint32_t fan_out; /* of shards that are added from now on */
    /* What leaves a node, instead of bringing it over at once; NULL: at once. */
    void (*link)(struct rig_node *from, uint32_t shard, const struct vr_relay *relay);
    bool gso;          /* of nodes to come */
    enum vr_pack pack; /* the same */
    uint32_t bursts;   /* of several datagrams, and of these the last: */
    uint32_t burst_count;
    size_t burst_segment;
};

static inline void rig_path(struct vr_path *path, uint16_t port)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)&path->remote;

    memset(path, 0, sizeof *path);
    in4->sin_family = AF_INET;
    in4->sin_addr.s_addr = htonl(0x0a000001);
    in4->sin_port = htons(port);
}

static inline void rig_push(struct rig *rig, int to, int person, const struct vr_path *path,
                            struct vr_bytes data)
{
    struct rig_datagram *d = &rig->queue[rig->queue_count];

    if (rig->queue_count == RIG_QUEUE || data.size > sizeof d->data) {
        abort();
    }
    d->to = to;
    d->person = person;
    d->path = *path;
    d->size = data.size;
    memcpy(d->data, data.data, data.size);
    rig->queue_count++;
}

static inline void rig_engine_send(void *ctx, const struct vr_path *path, struct vr_bytes data)
{
    struct rig_node *node = ctx;

    if (node->rig->out != NULL && !node->rig->out(node, path, data)) {
        return;
    }
    node->bytes_out += data.size;
    for (uint32_t i = 0; i < node->rig->people_count; i++) {
        if (memcmp(&node->rig->people[i]->path.remote, &path->remote, sizeof path->remote) == 0) {
            rig_push(node->rig, (int)i, (int)i, path, data);
            return;
        }
    }
}

/* What several datagrams to one place are: of one size. */
static inline void rig_engine_burst(void *ctx, const struct vr_hop *hop, struct vr_bytes data,
                                    size_t segment)
{
    struct rig_node *node = ctx;
    struct vr_path path;

    memset(&path, 0, sizeof path);
    path.socket = hop->socket;
    memcpy(&path.remote, &hop->remote,
           hop->remote.any.sa_family == AF_INET6 ? sizeof hop->remote.in6 : sizeof hop->remote.in4);
    if (data.size > segment) {
        node->rig->bursts++;
        node->rig->burst_count = (uint32_t)((data.size + segment - 1) / segment);
        node->rig->burst_segment = segment;
    }
    for (size_t at = 0; at < data.size; at += segment) {
        rig_engine_send(
            ctx, &path,
            vr_bytes(data.data + at, data.size - at < segment ? data.size - at : segment));
    }
}

static inline int rig_index(const struct rig_person *person)
{
    for (uint32_t i = 0; i < person->rig->people_count; i++) {
        if (person->rig->people[i] == person) {
            return (int)i;
        }
    }
    return -1;
}

static inline void rig_client_send(void *ctx, struct vr_bytes data)
{
    struct rig_person *person = ctx;

    rig_push(person->rig, -1, rig_index(person), &person->path, data);
}

/* The first word of what was said; a frame shorter than that (DTX has one byte) says 0. */
static inline uint32_t rig_word_of(struct vr_bytes payload)
{
    return payload.size >= 4 ? vr_get32(payload.data) : 0;
}

/* What a listener gets as RED is sound RED, whatever a speaker sent: anything else ends the test.
 */
static inline void rig_heard_red(const struct rig_person *person, struct vr_bytes payload,
                                 struct rig_heard *heard)
{
    struct vr_red red;

    if (!vr_red_split(payload, &red) || red.count > 3) {
        abort();
    }
    heard->blocks = (uint8_t)red.count;
    for (uint32_t i = 0; i < red.count; i++) {
        const struct vr_red_block *block = &red.blocks[i];

        if (block->pt != person->conf.opus_pt) {
            abort();
        }
        if (i + 1 == red.count) {
            heard->word = rig_word_of(block->payload);
        } else {
            heard->older[red.count - 2 - i].word = rig_word_of(block->payload);
            heard->older[red.count - 2 - i].ts_offset = block->ts_offset;
        }
    }
}

static inline void rig_client_rtp(void *ctx, const struct vr_rtp *rtp)
{
    struct rig_person *person = ctx;
    struct rig_heard *heard = &person->heard[person->heard_count++ % RIG_HEARD];
    struct vr_bytes value;

    memset(heard, 0, sizeof *heard);
    heard->participant = rtp->csrc_count == 1 ? vr_rtp_csrc(rtp, 0) : 0;
    heard->slot = rtp->ssrc - VR_SLOT_SSRC;
    heard->seq = rtp->seq;
    heard->ts = rtp->ts;
    heard->pt = rtp->pt;
    heard->marker = rtp->marker;
    heard->size = (uint16_t)rtp->payload.size;
    heard->padding = rtp->padding;
    heard->at = person->rig->now;
    memcpy(heard->bytes, rtp->payload.data,
           rtp->payload.size < sizeof heard->bytes ? rtp->payload.size : sizeof heard->bytes);
    heard->word = rig_word_of(rtp->payload);
    if (rtp->pt == person->conf.red_pt) {
        rig_heard_red(person, rtp->payload, heard);
    }
    if (vr_rtp_ext_find(rtp, person->conf.level_id, &value) && value.size == 1) {
        heard->level = value.data[0] & 0x7f;
    }
    if (vr_rtp_ext_find(rtp, person->conf.mid_id, &value) && value.size == 1) {
        heard->mid = value.data[0];
    }
}

static inline void rig_client_rtcp(void *ctx, struct vr_bytes compound)
{
    struct rig_person *person = ctx;

    person->rtcp_sr += compound.data[1] == 200;
    person->rtcp_rr += compound.data[1] == 201;
}

/* ---- the shard's ways out ---- */

static inline struct rig_node *rig_node_of(struct rig *rig, uint32_t number)
{
    for (uint32_t i = 0; i < rig->node_count; i++) {
        if (rig->nodes[i].number == number) {
            return &rig->nodes[i];
        }
    }
    return NULL;
}

static inline void rig_relay(void *ctx, uint32_t shard, struct vr_relay *relay)
{
    struct rig_node *from = ctx;
    struct rig_node *to = rig_node_of(from->rig, shard);

    from->rig->relayed++;
    if (from->rig->link != NULL && vr_shard_node(shard) != vr_shard_node(from->number)) {
        from->rig->link(from, shard, relay);
    } else if (to != NULL && !from->rig->links_down) {
        vr_shard_relay_in(to->shard, from->rig->now, relay);
    }
    vr_relay_release(relay);
}

static inline void rig_levels(void *ctx, uint32_t shard, const struct vr_speaker *items,
                              uint32_t count, bool deaf)
{
    struct rig_node *from = ctx;
    struct rig_node *to = rig_node_of(from->rig, shard);

    from->rig->summaries++;
    if (to != NULL && !from->rig->links_down) {
        vr_shard_levels_in(to->shard, from->rig->now, from->number, items, count, deaf);
    }
}

static inline void rig_speakers(void *ctx, const struct vr_speaker *items, uint32_t count)
{
    struct rig_node *node = ctx;

    node->speakers_reports++;
    node->speakers_count = count;
    memcpy(node->speakers, items, count * sizeof items[0]);
}

static inline void rig_peer_state(void *ctx, const struct vr_peer_conf *conf,
                                  enum vr_peer_state state)
{
    struct rig_node *node = ctx;

    if (node->rig->told != NULL) {
        node->rig->told(node, state);
    }
    for (uint32_t i = 0; i < node->rig->people_count; i++) {
        struct rig_person *person = node->rig->people[i];

        if (vr_id_equal(person->conf.peer, conf->peer)) {
            person->state = state;
            person->states |= 1u << state;
        }
    }
}

static inline void rig_repair(void *ctx, const struct vr_peer_conf *conf, enum vr_repair_act act,
                              uint8_t verdict)
{
    struct rig_node *node = ctx;

    for (uint32_t i = 0; i < node->rig->people_count; i++) {
        struct rig_person *person = node->rig->people[i];

        if (vr_id_equal(person->conf.peer, conf->peer)) {
            person->repair = act;
            person->repair_for = verdict;
            person->repairs++;
        }
    }
}

static const struct vr_shard_ops rig_ops = {rig_relay, rig_levels, rig_speakers, rig_peer_state,
                                            rig_repair};

/* ---- life ---- */

static inline void rig_start_node(struct rig_node *node)
{
    struct rig *rig = node->rig;
    struct vr_engine_conf conf = {.random = &rig->random.random,
                                  .identity = rig->identity,
                                  .peers_max = RIG_PEERS,
                                  .send = rig_engine_send,
                                  .send_burst = rig_engine_burst,
                                  .ctx = node,
                                  .gso = rig->gso,
                                  .pack = rig->pack,
                                  .keep = rig->keep,
                                  .now = rig->now};
    struct vr_shard_conf shard = {.room = {1, 2},
                                  .number = node->number,
                                  .slots = 4,
                                  .ops = &rig_ops,
                                  .ctx = node,
                                  .fan_out = rig->fan_out};

    if (vr_engine_new(&conf, &node->engine) != VR_OK ||
        vr_shard_open(node->engine, &shard, &node->shard) != VR_OK) {
        abort();
    }
}

static inline void rig_add_node(struct rig *rig, uint32_t number)
{
    struct rig_node *node = &rig->nodes[rig->node_count++];

    node->rig = rig;
    node->number = number;
    rig_start_node(node);
}

/* Without nodes. */
static inline struct rig *rig_new_bare(uint64_t seed, bool gso, enum vr_pack pack)
{
    struct rig *rig = calloc(1, sizeof *rig);

    rig->gso = gso;
    rig->pack = pack;
    rig->queue = calloc(RIG_QUEUE, sizeof *rig->queue);
    rig->now = VR_SECONDS(1000);
    vr_random_seeded_init(&rig->random, seed);
    if (vr_engine_global_init() != VR_OK ||
        vr_dtls_identity_new(vr_bytes(NULL, 0), &rig->identity) != VR_OK) {
        abort();
    }
    return rig;
}

static inline struct rig *rig_new_with(uint64_t seed, bool gso, enum vr_pack pack)
{
    struct rig *rig = rig_new_bare(seed, gso, pack);

    rig_add_node(rig, 1);
    return rig;
}

static inline struct rig *rig_new(uint64_t seed)
{
    return rig_new_with(seed, false, VR_PACK_OFF);
}

static inline void rig_free(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->node_count; i++) {
        vr_engine_free(rig->nodes[i].engine);
    }
    for (uint32_t i = 0; i < rig->people_count; i++) {
        vr_client_free(rig->people[i]->client);
        free(rig->people[i]);
    }
    vr_dtls_identity_free(rig->identity);
    free(rig->queue);
    free(rig);
}

static inline void rig_deliver(struct rig *rig, const struct rig_datagram *d)
{
    uint8_t data[2048];

    memcpy(data, d->data, d->size);
    if (d->to < 0) {
        struct rig_node *node = rig->people[d->person]->node;

        node->bytes_in += d->size;
        vr_engine_input(node->engine, rig->now, &d->path, data, d->size, sizeof data);
    } else {
        vr_client_input(rig->people[d->to]->client, data, d->size);
    }
}

/* Deliver until nothing is on its way. */
static inline void rig_pump(struct rig *rig)
{
    if (rig->hold) {
        return;
    }
    while (rig->queue_count > 0) {
        struct rig_datagram d = rig->queue[0];

        rig->queue_count--;
        memmove(rig->queue, rig->queue + 1, rig->queue_count * sizeof d);
        if (rig->lose != NULL && rig->lose(rig, &d)) {
            rig->lost++;
            continue;
        }
        rig_deliver(rig, &d);
    }
}

static inline void rig_advance(struct rig *rig, vr_time_us time)
{
    vr_time_us end = rig->now + time;

    while (rig->now < end) {
        vr_time_us step = end - rig->now < VR_MS(10) ? end - rig->now : VR_MS(10);

        for (uint32_t i = 0; i < rig->node_count; i++) {
            vr_time_us due = vr_engine_deadline(rig->nodes[i].engine);

            step = due > rig->now && due - rig->now < step ? due - rig->now : step;
        }
        rig->now += step;
        for (uint32_t i = 0; i < rig->node_count; i++) {
            if (vr_engine_deadline(rig->nodes[i].engine) <= rig->now) {
                vr_engine_tick(rig->nodes[i].engine, rig->now);
            }
        }
        rig_pump(rig);
    }
}

struct rig_wish {
    uint32_t node; /* index */
    uint32_t generation;
    const char *profiles;
    bool no_level, red, red_receive, muted, no_gate, wrong_fingerprint, no_sender;
    bool asked; /* its ICE password is known: it is asked whether it hears */
    bool pack60;
    uint32_t hello_padding;
    uint32_t mtu;
    uint32_t participant; /* 0: a new one */
    uint8_t slot_count;   /* 0: 4 */
};

static inline void rig_gate(struct rig_node *node, uint32_t participant, uint64_t version,
                            bool send, bool hear, bool gone)
{
    struct vr_gate gate = {
        .version = version, .generation = 1, .may_send = send, .may_hear = hear, .gone = gone};

    if (vr_shard_gate(node->shard, participant, &gate, node->rig->now) != VR_OK) {
        abort();
    }
}

/* A person with client and posted transport, not yet connected. */
static inline struct rig_person *rig_person(struct rig *rig, struct rig_wish wish)
{
    struct rig_person *person = calloc(1, sizeof *person);
    uint32_t n = rig->people_count++;
    struct vr_client_conf conf = {.ufrag = "clnt",
                                  .pwd = "clientpasswordclientpass",
                                  .profiles = wish.profiles,
                                  .hello_padding = wish.hello_padding,
                                  .mtu = wish.mtu,
                                  .opus_pt = 111,
                                  .red_pt = wish.red ? 63 : 0,
                                  .level_id = wish.no_level ? 0 : 1,
                                  .ssrc = 1000 + n,
                                  .send = rig_client_send,
                                  .rtp = rig_client_rtp,
                                  .rtcp = rig_client_rtcp,
                                  .ctx = person};

    rig->people[n] = person;
    person->rig = rig;
    person->node = &rig->nodes[wish.node];
    person->seq = (uint16_t)(65000 + 100 * n); /* near a wrap */
    person->ts = 4000000000u + n;
    rig_path(&person->path, (uint16_t)(40000 + n));
    person->conf = (struct vr_peer_conf){
        .peer = {7, n + 1},
        .room = {1, 2},
        .participant = wish.participant == 0 ? 100 + n : wish.participant,
        .generation = wish.generation == 0 ? 1 : wish.generation,
        .fingerprint_set = true,
        .opus_pt = 111,
        .red_pt = wish.red || wish.red_receive ? 63 : VR_PT_NONE,
        .level_id = wish.no_level ? 0 : 1,
        .mid_id = 4,
        .slot_count = wish.slot_count == 0 ? 4 : wish.slot_count,
        .may_send = !wish.no_sender,
        .red_receive = wish.red_receive,
        .pack60 = wish.pack60,
    };
    snprintf(person->conf.ufrag, sizeof person->conf.ufrag, "srv%u", n);
    snprintf(person->conf.pwd, sizeof person->conf.pwd, "serverpasswordserverpass%u", n);
    if (wish.asked) {
        snprintf(person->conf.peer_ufrag, sizeof person->conf.peer_ufrag, "%s", conf.ufrag);
        snprintf(person->conf.peer_pwd, sizeof person->conf.peer_pwd, "%s", conf.pwd);
    }
    for (int k = 0; k < 4; k++) {
        person->conf.slot_mid[k][0] = (char)('1' + k);
    }
    conf.server_ufrag = person->conf.ufrag;
    conf.server_pwd = person->conf.pwd;
    if (vr_client_new(&conf, &person->client) != VR_OK) {
        abort();
    }
    vr_client_fingerprint(person->client, person->conf.fingerprint);
    person->conf.fingerprint[0] ^= wish.wrong_fingerprint;
    if (!wish.no_gate) {
        for (uint32_t i = 0; i < rig->node_count; i++) {
            rig_gate(&rig->nodes[i], person->conf.participant, 1, !wish.muted, true, false);
        }
    }
    if (vr_shard_peer_open(person->node->shard, &person->conf, rig->now) != VR_OK) {
        abort();
    }
    return person;
}

static inline void rig_connect(struct rig_person *person)
{
    vr_client_check(person->client, true, true);
    rig_pump(person->rig);
    vr_client_connect(person->client);
    rig_pump(person->rig);
}

static inline struct rig_person *rig_join(struct rig *rig, struct rig_wish wish)
{
    struct rig_person *person = rig_person(rig, wish);

    rig_connect(person);
    return person;
}

/* One packet of 20 ms; its payload is a word made of speaker and sequence. */
static inline uint32_t rig_word(const struct rig_person *person)
{
    return (uint32_t)person->conf.participant << 16 | person->seq;
}

static inline void rig_say(struct rig_person *person, uint8_t level)
{
    uint8_t payload[40] = {0x78};
    uint8_t previous[40] = {0x78};

    person->seq++;
    person->ts += 960;
    vr_put32(payload + 36, rig_word(person));
    vr_put32(payload, rig_word(person));
    vr_put32(previous + 36, rig_word(person) - 1);
    vr_put32(previous, rig_word(person) - 1);
    vr_client_speak(person->client, &(struct vr_client_packet){.seq = person->seq,
                                                               .ts = person->ts,
                                                               .level = level,
                                                               .payload = {payload, 40},
                                                               .previous = {previous, 40},
                                                               .previous_offset = 960});
    rig_pump(person->rig);
}

/* Say so many packets, one each 20 ms. */
static inline void rig_talk(struct rig_person *person, uint8_t level, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        rig_say(person, level);
        rig_advance(person->rig, VR_MS(20));
    }
}

static inline void rig_checks(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->people_count; i++) {
        if (rig->people[i]->state == VR_PEER_UP || rig->people[i]->state == VR_PEER_SILENT) {
            vr_client_check(rig->people[i]->client, true, true);
        }
    }
    rig_pump(rig);
}

static inline uint32_t rig_heard_from(const struct rig_person *person,
                                      const struct rig_person *speaker)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < person->heard_count && i < RIG_HEARD; i++) {
        count += person->heard[i].participant == speaker->conf.participant;
    }
    return count;
}

static inline struct vr_engine_stats rig_stats(const struct rig_node *node)
{
    struct vr_engine_stats stats;

    vr_engine_stats(node->engine, &stats);
    return stats;
}

static inline int rig_set_up(void **state)
{
    *state = rig_new(7);
    return 0;
}

static inline int rig_tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

#endif
