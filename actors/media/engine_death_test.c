/* Goal: whatever an engine was at when it died, the next one repeats no SRTP index, lets nobody be
 * heard who was mute, loses no more than the datagram that was on its way, and refuses what was
 * torn, piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/media/keep_rig.h"

#define SAID_MAX 4096

static struct keep_rig *new_rig(uint64_t seed, bool gso)
{
    return keep_rig_new(seed, gso, VR_PACK_OFF);
}

static uint64_t draw(struct keep_rig *keep, uint64_t bound)
{
    return vr_random_below(&keep->rig->random.random, bound);
}

/* ---- deaths at any datagram ---- */

struct said {
    uint32_t word;
    bool mute;   /* he had been told that he is, or everybody else had */
    bool counts; /* he may be heard, and it was not said in doubt */
};

struct talk {
    struct said said[SAID_MAX];
    uint32_t count;
    bool mute[RIG_PEOPLE]; /* answered */
    bool open[RIG_PEOPLE]; /* answered */
    uint64_t version[RIG_PEOPLE];
};

static void say(struct talk *talk, struct rig_person *who, uint32_t i)
{
    struct said *said = &talk->said[talk->count++];

    assert_true(talk->count <= SAID_MAX);
    rig_say(who, (uint8_t)(20 + i));
    *said = (struct said){.word = rig_word(who), .mute = talk->mute[i], .counts = talk->open[i]};
}

/* The room's order to the shard. When the process dies over it, it is not answered: he may be mute
 * then or not. */
static void order(struct keep_rig *keep, struct talk *talk, uint32_t i, bool send)
{
    if (keep->dead) {
        return;
    }
    talk->open[i] = false;
    talk->mute[i] = false;
    rig_gate(&keep->rig->nodes[0], keep->rig->people[i]->conf.participant, ++talk->version[i], send,
             true, false);
    talk->open[i] = send && !keep->dead;
    talk->mute[i] = !send && !keep->dead;
}

static uint32_t times_heard(const struct rig_person *who, uint32_t word)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < who->heard_count && i < RIG_HEARD; i++) {
        count += who->heard[i].word == word;
    }
    return count;
}

static uint32_t count_lost(struct keep_rig *keep, const struct talk *talk)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < talk->count; i++) {
        for (uint32_t k = 0; k < keep->rig->people_count; k++) {
            struct rig_person *who = keep->rig->people[k];
            uint32_t times = times_heard(who, talk->said[i].word);

            if (talk->said[i].word >> 16 == who->conf.participant) {
                continue;
            }
            assert_true(times <= 1);
            assert_false(talk->said[i].mute && times > 0);
            lost += talk->said[i].counts && times == 0;
        }
    }
    return lost;
}

static void run(uint64_t seed, bool gso, bool mutes, uint32_t turns)
{
    struct keep_rig *keep = new_rig(seed, gso);
    struct rig *rig = keep->rig;
    struct talk *talk = calloc(1, sizeof *talk);
    uint32_t lost;

    for (uint32_t i = 0; i < 8; i++) {
        rig_join(rig, (struct rig_wish){.profiles = i % 4 == 3 ? "SRTP_AES128_CM_SHA1_80" : NULL,
                                        .red_receive = i % 4 == 2});
        talk->open[i] = true;
        talk->version[i] = 1;
    }
    for (uint32_t turn = 0; turn < turns; turn++) {
        if (keep->die_at == 0 && !keep->dead && draw(keep, 4) == 0) {
            keep->die_at = 1 + (uint32_t)draw(keep, 40);
        }
        for (uint32_t i = 0; i < 3; i++) {
            say(talk, rig->people[i], i);
            rig_advance(rig, VR_MS(1 + draw(keep, 3)));
        }
        if (mutes && draw(keep, 3) == 0) {
            order(keep, talk, (uint32_t)draw(keep, 3), draw(keep, 2) == 0);
        }
        if (keep->dead) {
            rig->now += VR_MS(draw(keep, 30));
            keep_kill(keep);
        }
        rig_advance(rig, VR_MS(12));
        if (turn % 40 == 0) {
            rig_checks(rig);
        }
    }
    rig_advance(rig, VR_MS(100));
    assert_int_equal(keep->twice + keep->repeated, 0);
    lost = count_lost(keep, talk);
    /* The datagram at which it died, and those that would have left with it. */
    assert_true(mutes || lost <= keep->deaths * (gso ? 3 : 1));
    assert_true(keep->deaths > turns / 20);
    assert_int_equal(rig_stats(&rig->nodes[0]).srtp_rejected_auth, 0);
    free(talk);
    keep_rig_free(keep);
}

static void at_any_datagram(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        run(seed, seed % 2 == 0, false, 300);
    }
}

static void mute_is_mute(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 28; seed++) {
        run(seed, seed % 2 == 0, true, 300);
    }
}

/* ---- a real kill, at any instruction ---- */

static void at_any_instruction(void **state)
{
    struct keep_rig *keep = new_rig(3, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *cleo =
        rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    uint32_t *seq = keep_shared(2 * sizeof *seq); /* how far the child has come */

    (void)state;
    rig_talk(ana, 20, 3);
    rig_talk(ben, 20, 3);
    seq[0] = ana->seq;
    seq[1] = ana->ts;
    for (uint32_t round = 0; round < 60; round++) {
        uint64_t before[2];
        pid_t child = fork();

        if (child == 0) {
            for (uint32_t i = 0; i < 3000; i++) { /* a test that waits must not be left behind */
                seq[0] = ana->seq + 1u;
                seq[1] = ana->ts + 960;
                rig_say(ana, 20);
                rig->now += VR_MS(20);
            }
            for (;;) {
                pause();
            }
        }
        assert_true(child > 0);
        usleep((useconds_t)(200 + draw(keep, 3000))); /* any moment will do: none is waited for */
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        rig->now += VR_SECONDS(1);
        keep_kill(keep);
        assert_int_equal(keep_restored(keep).peers, 3);
        assert_int_equal(keep_restored(keep).torn, 0);
        ana->seq = (uint16_t)seq[0];
        ana->ts = seq[1];
        before[0] = keep->highest[1][0];
        before[1] = keep->highest[2][0];
        rig_talk(ana, 20, 3);
        /* The child may have died with one stored and not sent, or sent and not yet noted. */
        assert_in_range(keep->highest[1][0], before[0] + 3, before[0] + 5);
        assert_in_range(keep->highest[2][0], before[1] + 3, before[1] + 5);
        seq[0] = ana->seq;
        seq[1] = ana->ts;
        rig_checks(rig);
    }
    assert_int_equal(keep->twice + keep->repeated, 0);
    assert_int_equal(rig_stats(ana->node).srtp_rejected_auth, 0);
    (void)ben;
    (void)cleo;
    munmap(seq, 2 * sizeof *seq);
    keep_rig_free(keep);
}

/* ---- who comes back and who does not ---- */

static void joins_under_way(void **state)
{
    struct keep_rig *keep = new_rig(4, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *checked = rig_person(rig, (struct rig_wish){0});
    struct rig_person *midway = rig_person(rig, (struct rig_wish){0});
    struct vr_peer_conf ask = {0};
    uint64_t out;

    (void)state;
    vr_client_check(checked->client, true, true);
    vr_client_check(midway->client, true, true);
    rig_pump(rig);
    keep->die_at = 1; /* the server's answer to the first hello */
    vr_client_connect(midway->client);
    rig_pump(rig);
    assert_true(keep->dead);
    keep_kill(keep);
    assert_int_equal(keep_restored(keep).peers, 1);
    assert_int_equal(keep_restored(keep).joining, 2);
    out = ana->node->bytes_out;
    vr_client_resend(midway->client);
    vr_client_connect(checked->client);
    rig_pump(rig);
    assert_int_equal(ana->node->bytes_out, out); /* nothing of DTLS is answered */
    ask.peer = midway->conf.peer;
    ask.participant = midway->conf.participant;
    assert_int_equal(vr_shard_peer_open(ana->node->shard, &ask, rig->now), VR_E_NOT_FOUND);
    ask.peer = ana->conf.peer;
    ask.participant = ana->conf.participant;
    assert_int_equal(vr_shard_peer_open(ana->node->shard, &ask, rig->now), VR_OK);
    keep_rig_free(keep);
}

static void nobody_asks_for_them(void **state)
{
    struct keep_rig *keep = new_rig(5, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){0});

    (void)state;
    rig_talk(ana, 20, 5);
    keep->nobody_adopts = true;
    keep_kill(keep);
    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10); /* speech waits for no actor */
    rig_gate(ben->node, ben->conf.participant, 1, true, true, false);
    ana->states = 0;
    assert_int_equal(vr_shard_peer_open(ana->node->shard, &ana->conf, rig->now), VR_OK);
    assert_int_equal(ana->states, 1 << VR_PEER_UP); /* who adopts is told how it is */
    rig_talk(ana, 20, 400);
    rig_checks(rig);
    assert_int_equal(cleo->state, VR_PEER_UP);
    rig_talk(ana, 20, 200);
    assert_int_equal(cleo->state, VR_PEER_CLOSED);
    assert_int_equal(ana->state, VR_PEER_UP);
    assert_int_equal(rig_heard_from(ben, ana), 610);
    keep_kill(keep);
    assert_int_equal(keep_restored(keep).peers, 2);
    keep_rig_free(keep);
}

static uint8_t *find(struct keep_rig *keep, const char *text)
{
    return memmem(keep->memory, keep->size, text, strlen(text));
}

static void torn_records(void **state)
{
    struct keep_rig *keep = new_rig(6, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){0});

    (void)state;
    rig_talk(ana, 20, 5);
    keep_bury(keep);
    find(keep, ben->conf.pwd)[2] ^= 1;
    ben->state = VR_PEER_CLOSED;
    keep_rise(keep);
    assert_int_equal(keep_restored(keep).torn, 1);
    assert_int_equal(keep_restored(keep).peers, 2);
    assert_null(find(keep, ben->conf.pwd)); /* and his keys are gone */
    rig_talk(ana, 20, 5);
    assert_int_equal(rig_heard_from(cleo, ana), 10);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    keep_rig_free(keep);
}

static void foreign_memory(void **state)
{
    static const struct {
        size_t at;
        enum vr_keep_found found;
    } cases[] = {
        {0, VR_KEEP_DAMAGED},
        {9, VR_KEEP_DAMAGED},
        {33, VR_KEEP_DAMAGED},
        {VR_KEEP_PARENT_AT + 3, VR_KEEP_GOES_ON},
    };

    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0] + 2; i++) {
        struct keep_rig *keep = new_rig(7 + i, false);
        struct rig_person *ana = rig_join(keep->rig, (struct rig_wish){0});
        enum vr_keep_found wanted;

        assert_true(keep->found == VR_KEEP_NEW);
        memset(keep->memory + VR_KEEP_PARENT_AT, 7, VR_KEEP_PARENT_BYTES);
        keep_bury(keep);
        assert_true(vr_keep_knows(keep->memory, keep->size, 1, 64, keep->boot));
        assert_false(vr_keep_knows(keep->memory, keep->size, 1, 63, keep->boot));
        if (i < sizeof cases / sizeof cases[0]) {
            keep->memory[cases[i].at] ^= 2;
            wanted = cases[i].found;
        } else {
            keep->boot.hi += i == 4;
            keep->empty = i == 5;
            wanted = i == 4 ? VR_KEEP_OTHER_BOOT : VR_KEEP_EMPTIED;
        }
        ana->state = wanted == VR_KEEP_GOES_ON ? ana->state : VR_PEER_CLOSED;
        keep_rise(keep);
        assert_int_equal(keep->found, wanted);
        assert_int_equal(keep_restored(keep).peers, wanted == VR_KEEP_GOES_ON);
        assert_true(wanted == VR_KEEP_GOES_ON || find(keep, ana->conf.pwd) == NULL);
        assert_int_equal(keep->memory[VR_KEEP_PARENT_AT], 7);
        keep_rig_free(keep);
    }
}

/* His packet was in hand at two deaths: it may be the reason. */
static void who_kills_us(void **state)
{
    struct keep_rig *keep = new_rig(8, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        rig_talk(ana, 20, 3);
        keep->die_at = 1;
        rig_say(ana, 20);
        assert_true(keep->dead);
        vr_keep_blame(keep->image, keep->size, i == 0 ? 0 : (uint32_t)gettid());
        vr_keep_blame(keep->image, keep->size, 1); /* another thread's fault is not his */
        ana->state = i == 1 ? VR_PEER_CLOSED : ana->state;
        keep_kill(keep);
        assert_int_equal(keep_restored(keep).blamed, i == 1);
        if (i == 1) {
            break;
        }
    }
    assert_int_equal(keep_restored(keep).peers, 1);
    assert_int_equal(ben->state, VR_PEER_UP);
    keep_bury(keep); /* at rest: nobody is to blame */
    vr_keep_blame(keep->memory, keep->size, 0);
    keep_rise(keep);
    assert_int_equal(keep_restored(keep).peers, 1);
    keep_rig_free(keep);
}

/* A restored peer whose packets all fail would be mute for ever, and only he would know. */
static void restored_wrong(void **state)
{
    struct keep_rig *keep = new_rig(9, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    (void)state;
    rig_talk(ana, 20, 5);
    keep_kill(keep);
    for (uint32_t i = 0; i < 50; i++) {
        uint8_t junk[100] = {0x90, 111};

        vr_put16(junk + 2, (uint16_t)(ana->seq + 1 + i));
        vr_put32(junk + 8, 1000);
        assert_int_equal(ana->state, VR_PEER_UP);
        rig->now += VR_MS(20);
        vr_engine_input(rig->nodes[0].engine, rig->now, &ana->path, junk, sizeof junk, sizeof junk);
    }
    assert_int_equal(ana->state, VR_PEER_CLOSED);
    assert_int_equal(ben->state, VR_PEER_UP);
    keep_rig_free(keep);
}

static void die_when_up(struct rig_node *node, enum vr_peer_state state)
{
    struct keep_rig *keep = node->rig->test;

    if (state == VR_PEER_UP && !keep->dead) {
        keep_die(keep);
    }
}

/* Two transports with the same keys are left: only one may go on counting. */
static void within_an_ice_restart(void **state)
{
    struct keep_rig *keep = new_rig(10, false);
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct vr_peer_conf conf = ben->conf;

    (void)state;
    rig_talk(ana, 30, 5);
    rig_talk(ben, 30, 5);
    conf.restarts = conf.peer;
    conf.peer = (struct vr_id){9, 9};
    strncpy(conf.ufrag, "newfrag", sizeof conf.ufrag);
    assert_int_equal(vr_shard_peer_open(ben->node->shard, &conf, rig->now), VR_OK);
    rig_path(&ben->path, 56789);
    ben->conf = conf;
    vr_client_restart(ben->client, "newfrag", ben->conf.pwd);
    rig->told = die_when_up;
    vr_client_check(ben->client, true, true);
    rig_pump(rig);
    assert_true(keep->dead);
    rig->told = NULL;
    keep_kill(keep);
    assert_int_equal(keep_restored(keep).peers, 2);
    assert_int_equal(rig_stats(ana->node).peers, 2);
    for (uint32_t i = 0; i < 20; i++) {
        rig_talk(ana, 30, 50);
        rig_talk(ben, 30, 50);
        rig_checks(rig);
    }
    assert_int_equal(rig_heard_from(ben, ana), 1005);
    assert_int_equal(rig_heard_from(ana, ben), 1005);
    assert_true(ben->rtcp_sr > 5);
    assert_int_equal(keep->twice + keep->repeated, 0);
    keep_rig_free(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_any_datagram),      cmocka_unit_test(mute_is_mute),
        cmocka_unit_test(at_any_instruction),   cmocka_unit_test(joins_under_way),
        cmocka_unit_test(nobody_asks_for_them), cmocka_unit_test(torn_records),
        cmocka_unit_test(foreign_memory),       cmocka_unit_test(who_kills_us),
        cmocka_unit_test(restored_wrong),       cmocka_unit_test(within_an_ice_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
