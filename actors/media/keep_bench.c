/* What a keep costs.
 *
 *     keep_bench forward N [keep]   N packets of one speaker to seven listeners; to be counted by
 *                                   valgrind --tool=callgrind --toggle-collect=vr_engine_input
 *     keep_bench restore N          a memory with N peers: bytes, and the time until they go on */
#include <time.h>

#include "actors/media/engine_internal.h"
#include "actors/media/keep_rig.h"

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* other work on the machine does not count */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int forward(uint32_t packets, bool kept)
{
    struct keep_rig *keep = keep_rig_new(1, false, VR_PACK_OFF);
    struct rig *rig = keep->rig;
    struct rig_person *ana;
    double from;

    rig->out = NULL;
    if (!kept) {
        struct vr_keep *opened = rig->keep;

        vr_engine_free(rig->nodes[0].engine);
        rig->keep = NULL;
        rig_start_node(&rig->nodes[0]);
        rig->keep = opened;
    }
    ana = rig_join(rig, (struct rig_wish){0});
    for (uint32_t i = 0; i < 7; i++) {
        rig_join(rig, (struct rig_wish){.muted = true});
    }
    from = seconds();
    for (uint32_t i = 0; i < packets; i++) {
        rig_say(ana, 20);
        rig->now += VR_MS(20);
    }
    printf("%u packets to 7 listeners%s: %.2f us each, clients included\n", packets,
           kept ? " over a keep" : "", (seconds() - from) * 1e6 / packets);
    keep_rig_free(keep);
    return 0;
}

static void no_send(void *ctx, const struct vr_path *path, struct vr_bytes datagram)
{
    (void)ctx;
    (void)path;
    (void)datagram;
}

/* One real peer, then so many like him: other ids, names, addresses, people. */
static void fill(struct vr_keep_part *to, const struct vr_keep_part *from, uint32_t count)
{
    struct vr_gate open = {.generation = 1, .may_send = true, .may_hear = true};

    memcpy(to->shards, from->shards, sizeof *to->shards);
    for (uint32_t i = 0; i < count; i++) {
        struct vr_peer_cold *cold = &to->cold[i];

        *cold = from->cold[0];
        cold->conf.peer.lo = i + 1;
        cold->conf.participant = i + 1;
        snprintf(cold->conf.ufrag, sizeof cold->conf.ufrag, "u%u", i);
        cold->tuple.port = (uint16_t)i;
        cold->tuple_sum = vr_tuple_sum(&cold->tuple);
        cold->sum = vr_peer_sum(cold);
        to->hot[i] = from->hot[0];
        vr_keep_gate_put(&to->gates[i], 0, i + 1, &open);
    }
    to->head->peers_high = count;
    to->head->gates_high = count;
    to->head->shards_high = 1;
}

static int restore(uint32_t count)
{
    struct keep_rig *one = keep_rig_new(1, false, VR_PACK_OFF);
    struct vr_keep_conf conf = {.size = vr_keep_size(1, count), .workers = 1, .peers_max = count};
    struct vr_engine_conf engine_conf = {.random = &one->rig->random.random,
                                         .identity = one->rig->identity,
                                         .peers_max = count,
                                         .send = no_send};
    struct vr_engine *engine;
    struct vr_keep_restored restored;
    struct vr_keep *keep;
    struct vr_keep_part from;
    struct vr_keep_part to;
    enum vr_keep_found found;
    double begin;

    rig_talk(rig_join(one->rig, (struct rig_wish){0}), 20, 50);
    conf.memory = keep_shared(conf.size);
    if (vr_keep_open(&conf, &keep, &found) != VR_OK ||
        !vr_keep_part(one->rig->keep, 0, 64, &from) || !vr_keep_part(keep, 0, count, &to)) {
        return 1;
    }
    fill(&to, &from, count);
    begin = seconds();
    engine_conf.keep = keep;
    engine_conf.now = one->rig->now;
    if (vr_engine_new(&engine_conf, &engine) != VR_OK) {
        return 1;
    }
    vr_engine_go_on(engine, one->rig->now);
    begin = seconds() - begin;
    vr_keep_restored(keep, 0, &restored);
    printf("%u of %u peers go on after %.2f ms; %zu bytes each (cold %zu, hot %zu), a gate %zu\n",
           restored.peers, count, begin * 1e3, sizeof *to.cold + sizeof *to.hot, sizeof *to.cold,
           sizeof *to.hot, sizeof *to.gates);
    begin = seconds();
    for (uint32_t i = 0; i < restored.peers; i++) {
        if (!vr_peer_keyed(engine, i)) {
            return 1;
        }
    }
    printf("their contexts, made when the first packet comes: %.2f us each\n",
           (seconds() - begin) * 1e6 / count);
    vr_engine_free(engine);
    vr_keep_close(keep);
    munmap(conf.memory, conf.size);
    keep_rig_free(one);
    return 0;
}

int main(int argc, char **argv)
{
    uint32_t count = argc < 3 ? 0 : (uint32_t)strtoul(argv[2], NULL, 10);

    if (count > 0 && strcmp(argv[1], "forward") == 0) {
        return forward(count, argc > 3);
    }
    if (count > 0 && strcmp(argv[1], "restore") == 0) {
        return restore(count);
    }
    fprintf(stderr, "keep_bench forward N [keep] | restore N\n");
    return 2;
}
