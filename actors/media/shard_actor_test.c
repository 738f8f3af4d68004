/* Goal: a shard speaks the messages of its class: peers, gates before and after them, states to the
 * session, speakers to the room, relays between two media workers; woken by late news it sleeps
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"
#include "actors/runtime/system.h"

/* The rig's people, but its nodes' engines hang on media workers and their shards are actors. */
struct world {
    struct rig *rig;
    struct vr_system *system;
    struct vr_engine *engines[2];
    uint32_t opened, gates_done, pongs, diagnoses;
    enum vr_err opened_err;
    uint32_t speakers;
    struct vr_speaker speaker;
    uint32_t levels;
    enum vr_peer_state states[16];
    uint32_t state_count;
};

static vr_time_us world_now(void *ctx)
{
    return ((struct world *)ctx)->rig->now;
}

/* Room and session are ears only. */
static enum vr_err ear_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    return VR_OK;
}

static enum vr_err ear_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                              struct vr_why *why)
{
    struct world *world = vr_worker_context(vr_actor_worker(actor));

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_SPEAKERS) {
        world->speakers++;
        if (msg->as.speakers.count > 0) {
            world->speaker = msg->as.speakers.items[0];
        }
    } else if (msg->kind == VR_MSG_PEER_STATE) {
        world->states[world->state_count++ % 16] = msg->as.peer_state.state;
    }
    return VR_OK;
}

static void ear_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    (void)actor;
    (void)state;
    (void)reason;
}

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    static const struct vr_actor_class room = {
        VR_ACTOR_ROOM, "room", 1, VR_WORKER_CONTROL, ear_open, ear_handle, NULL, ear_close, 0};
    static const struct vr_actor_class session = {
        VR_ACTOR_SESSION, "session", 1, VR_WORKER_CONTROL, ear_open, ear_handle, NULL,
        ear_close,        0};

    (void)ctx;
    return address->kind == VR_ACTOR_SHARD     ? vr_shard_class()
           : address->kind == VR_ACTOR_ROOM    ? &room
           : address->kind == VR_ACTOR_SESSION ? &session
                                               : NULL;
}

static void turn(struct world *world)
{
    for (int round = 0; round < 6; round++) {
        vr_worker_turn(vr_system_worker(world->system, VR_WORKER_CONTROL, 0), world->rig->now);
        vr_worker_turn(vr_system_worker(world->system, VR_WORKER_MEDIA, 0), world->rig->now);
        vr_worker_turn(vr_system_worker(world->system, VR_WORKER_MEDIA, 1), world->rig->now);
        rig_pump(world->rig);
    }
}

static void pass(struct world *world, vr_time_us time)
{
    vr_time_us end = world->rig->now + time;

    while (world->rig->now < end) {
        rig_advance(world->rig, VR_MS(10));
        turn(world);
    }
}

static int start(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct vr_clock *clock = calloc(1, sizeof *clock);
    struct vr_system_conf conf = {
        .control_workers = 1, .media_workers = 2, .node = 1, .classify = classify};

    world->rig = rig_new(3);
    rig_add_node(world->rig, 1);
    *clock = (struct vr_clock){world_now, world_now, world};
    conf.clock = clock;
    conf.random = &world->rig->random.random;
    assert_int_equal(vr_system_new(&conf, &world->system), VR_OK);
    vr_worker_set_context(vr_system_worker(world->system, VR_WORKER_CONTROL, 0), world);
    for (uint32_t i = 0; i < 2; i++) {
        struct vr_worker *worker = vr_system_worker(world->system, VR_WORKER_MEDIA, i);
        struct vr_engine_conf engine = {.worker = worker,
                                        .random = &world->rig->random.random,
                                        .identity = world->rig->identity,
                                        .peers_max = 16,
                                        .send = rig_engine_send,
                                        .ctx = &world->rig->nodes[i]};

        assert_int_equal(vr_engine_new(&engine, &world->engines[i]), VR_OK);
        vr_engine_free(world->rig->nodes[i].engine);
        world->rig->nodes[i].engine = world->engines[i];
        vr_worker_set_context(worker, world->engines[i]);
    }
    *state = world;
    return 0;
}

static int stop(void **state)
{
    struct world *world = *state;
    const struct vr_clock *clock = vr_system_clock(world->system);

    vr_system_free(world->system); /* the shards go before their engines */
    free((void *)clock);
    rig_free(world->rig);
    free(world);
    return 0;
}

static void on_reply(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct world *world = ctx;

    assert_int_equal(err, VR_OK);
    world->opened += answer->kind == VR_MSG_PEER_OPENED;
    world->gates_done += answer->kind == VR_MSG_GATE_DONE;
    world->pongs += answer->kind == VR_MSG_PONG && answer->as.number == 77;
    if (answer->kind == VR_MSG_CLUSTER_DONE) {
        world->diagnoses +=
            answer->as.note.err == VR_OK &&
            strstr(vr_blob_text(answer->as.note.bytes), "\"transports\":1,") != NULL &&
            strstr(vr_blob_text(answer->as.note.bytes), "\"transport\":\"udp\"") != NULL;
    }
    if (answer->kind == VR_MSG_PEER_OPENED) {
        world->opened_err = answer->as.peer_opened.err;
    }
}

static void ask(struct world *world, struct vr_msg *msg)
{
    vr_ask(vr_system_worker(world->system, VR_WORKER_CONTROL, 0), msg, VR_SECONDS(1), on_reply,
           world);
    turn(world);
}

static void gate(struct world *world, uint32_t shard, uint32_t participant, uint64_t version,
                 bool send)
{
    struct vr_msg msg = {.kind = VR_MSG_GATE, .to = vr_shard_address((struct vr_id){1, 2}, shard)};

    msg.as.gate.participant = participant;
    msg.as.gate.generation = 1;
    msg.as.gate.version = version;
    msg.as.gate.may_send = send;
    msg.as.gate.may_hear = true;
    ask(world, &msg);
}

/* A person whose transport is opened by message. */
static struct rig_person *person(struct world *world, uint32_t node, uint32_t n)
{
    struct rig_person *p = calloc(1, sizeof *p);
    struct vr_client_conf conf = {.ufrag = "clnt",
                                  .pwd = "clientpasswordclientpass",
                                  .opus_pt = 111,
                                  .level_id = 1,
                                  .ssrc = 1000 + n,
                                  .send = rig_client_send,
                                  .rtp = rig_client_rtp,
                                  .rtcp = rig_client_rtcp,
                                  .ctx = p};
    struct vr_msg msg = {.kind = VR_MSG_PEER_OPEN,
                         .to = vr_shard_address((struct vr_id){1, 2}, node)};

    world->rig->people[world->rig->people_count++] = p;
    p->rig = world->rig;
    p->node = &world->rig->nodes[node];
    rig_path(&p->path, (uint16_t)(40000 + n));
    p->conf = (struct vr_peer_conf){.peer = {7, n},
                                    .room = {1, 2},
                                    .participant = n,
                                    .generation = 1,
                                    .fingerprint_set = true,
                                    .opus_pt = 111,
                                    .red_pt = VR_PT_NONE,
                                    .level_id = 1,
                                    .slot_count = 4,
                                    .may_send = true};
    p->conf.session = vr_session_address((struct vr_id){8, n});
    snprintf(p->conf.ufrag, sizeof p->conf.ufrag, "srv%u", n);
    snprintf(p->conf.pwd, sizeof p->conf.pwd, "serverpasswordserverpass%u", n);
    conf.server_ufrag = p->conf.ufrag;
    conf.server_pwd = p->conf.pwd;
    assert_int_equal(vr_client_new(&conf, &p->client), VR_OK);
    vr_client_fingerprint(p->client, p->conf.fingerprint);
    msg.as.peer = malloc(sizeof p->conf);
    *msg.as.peer = p->conf;
    ask(world, &msg);
    return p;
}

static void talk(struct world *world, struct rig_person *who, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        rig_say(who, 30);
        pass(world, VR_MS(20));
    }
}

static void a_room_on_two_workers(void **state)
{
    struct world *world = *state;
    struct vr_shard_set *set;
    struct rig_person *ana;
    struct rig_person *ben;
    struct vr_msg msg;
    uint32_t heard;

    gate(world, 0, 1, 1, true); /* before the peer */
    assert_int_equal(world->gates_done, 1);
    ana = person(world, 0, 1);
    ben = person(world, 1, 2);
    assert_int_equal(world->opened, 2);
    assert_int_equal(world->opened_err, VR_OK);
    gate(world, 1, 2, 1, true); /* after the peer */
    gate(world, 1, 1, 1, true);
    gate(world, 0, 2, 1, true);
    rig_connect(ana);
    rig_connect(ben);
    turn(world);
    assert_int_equal(world->state_count, 4);
    assert_int_equal(world->states[1], VR_PEER_UP);
    for (uint32_t i = 0; i < 2; i++) {
        msg = (struct vr_msg){.kind = VR_MSG_SHARD_SET,
                              .to = vr_shard_address((struct vr_id){1, 2}, i)};
        set = vr_shard_set_new();
        set->epoch = 1;
        set->version = 1;
        set->count = 2;
        set->shards[1] = 1;
        msg.as.shard_set = set;
        vr_system_post(world->system, &msg);
    }
    turn(world);
    talk(world, ana, 40);
    assert_int_equal(rig_heard_from(ben, ana), 40);
    assert_true(world->speakers >= 1 && world->speakers <= 4);
    assert_int_equal(world->speaker.participant, 1);
    talk(world, ben, 10);
    assert_int_equal(rig_heard_from(ana, ben), 10);

    heard = ben->heard_count;
    gate(world, 0, 1, 2, false);
    assert_int_equal(world->gates_done, 5);
    talk(world, ana, 5);
    assert_int_equal(ben->heard_count, heard);

    msg = (struct vr_msg){
        .kind = VR_MSG_PING, .to = vr_shard_address((struct vr_id){1, 2}, 1), .as.number = 77};
    ask(world, &msg);
    assert_int_equal(world->pongs, 1);

    msg = (struct vr_msg){.kind = VR_MSG_CLUSTER, .to = vr_shard_address((struct vr_id){1, 2}, 1)};
    msg.as.note.type = VR_NOTE_DIAGNOSIS;
    ask(world, &msg);
    assert_int_equal(world->diagnoses, 1);

    msg =
        (struct vr_msg){.kind = VR_MSG_PEER_CLOSE, .to = vr_shard_address((struct vr_id){1, 2}, 1)};
    msg.as.peer_close.peer = ben->conf.peer;
    vr_system_post(world->system, &msg);
    turn(world);
    assert_int_equal(world->states[4], VR_PEER_CLOSED);
    assert_int_equal(rig_stats(&world->rig->nodes[1]).peers, 0);
}

static void closing(void **state)
{
    struct world *world = *state;
    struct rig_person *ana = person(world, 0, 1);
    struct vr_runtime_stats stats;
    struct vr_msg msg = {.kind = VR_MSG_SHARD_CLOSE,
                         .to = vr_shard_address((struct vr_id){1, 2}, 0)};

    vr_system_post(world->system, &msg);
    turn(world);
    assert_int_equal(world->states[0], VR_PEER_CLOSED);
    vr_system_stats(world->system, &stats);
    assert_int_equal(stats.actors[VR_ACTOR_SHARD], 0);
    msg = (struct vr_msg){.kind = VR_MSG_SHARD_LEVELS,
                          .to = vr_shard_address((struct vr_id){1, 2}, 0),
                          .from = vr_shard_address((struct vr_id){1, 2}, 1)};
    vr_system_post(world->system, &msg); /* late news wakes it for a moment */
    turn(world);
    vr_system_stats(world->system, &stats);
    assert_int_equal(stats.actors[VR_ACTOR_SHARD], 0);
    (void)ana;
}

static void wrong_room_is_refused(void **state)
{
    struct world *world = *state;
    struct vr_msg msg = {.kind = VR_MSG_PEER_OPEN, .to = vr_shard_address((struct vr_id){1, 9}, 0)};

    person(world, 0, 1);
    msg.as.peer = malloc(sizeof *msg.as.peer);
    *msg.as.peer = world->rig->people[0]->conf;
    ask(world, &msg);
    assert_int_equal(world->opened_err, VR_E_BAD_REQUEST);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_room_on_two_workers),
        TEST(closing),
        TEST(wrong_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
