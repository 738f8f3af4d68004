/* Goal: over a death of its process a session is as it was for its client, as long as its transport
 * lives, and no more than that. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_rig.h"

#define SHARD 0u

/* Ana joins and is up; then the process is gone, and the next one knows what her shard kept. */
static struct vr_peer_conf die(void **state)
{
    struct world *before = *state;
    struct world *after = NULL;
    struct vr_peer_conf kept;

    join(before);
    peer_is(before, 0, VR_PEER_UP);
    kept = before->opened[0];
    assert_int_equal(set_up((void **)&after), 0);
    memcpy(after->token, before->token, sizeof(after->token));
    after->session_id = before->session_id;
    after->generation = before->generation;
    after->session = before->session;
    after->now = before->now + VR_MS(30);
    tear_down((void **)&before);
    *state = after;
    return kept;
}

static void restore(struct world *world, const struct vr_peer_conf *kept)
{
    assert_int_equal(vr_session_restore(world->control, kept, SHARD), VR_OK);
    settle(world);
}

static void its_client_finds_it_and_its_transport(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;
    struct vr_id session = world->session_id;

    restore(world, &kept);
    assert_int_equal(world->opened_count, 1); /* asked to go on, and nothing else */
    assert_true(vr_id_equal(world->opened[0].peer, kept.peer));
    assert_string_equal(world->opened[0].ufrag, "");
    assert_int_equal(last_asked(world), VR_CMD_RESUME); /* "it lives" */
    assert_true(world->last_flag);
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(world->last_by.generation, 1);
    world->attach = true;
    start(world, true, false, "");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    assert_true(vr_id_equal(world->session_id, session));
    assert_non_null(strstr(world->json, "\"media\":\"kept\""));
    assert_non_null(strstr(world->json, "\"generation\":1,\"participant\":17"));
    assert_non_null(strstr(world->json, "{\"mid\":\"1\",\"ssrc\":1448214528}"));
    assert_int_equal(world->opened_count, 1);
    assert_int_equal(world->closed_count, 0);
    send_event(world, 13, "{\"type\":\"room:updated\",\"mark\":\"news\"}", false);
    settle(world);
    assert_true(was_sent(world, "news"));
}

/* Without a socket it lives as any session does: as long as its transport. */
static void without_its_client_it_goes_on(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    restore(world, &kept);
    pass(world, VR_SECONDS(60));
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_int_equal(world->asked_count, 1);
    assert_true(vr_session_lives(world->control, kept.session.id, 17, 1));
    assert_false(vr_session_lives(world->control, kept.session.id, 17, 2));
    assert_false(vr_session_lives(world->control, kept.session.id, 18, 1));
    world->opened[0] = kept;
    peer_is(world, 0, VR_PEER_SILENT);
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    assert_false(vr_session_lives(world->control, kept.session.id, 17, 1));
    pass(world, VR_SECONDS(20));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void a_transport_that_is_not_there_is_lost(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    world->refuse_peer = VR_E_NOT_FOUND;
    restore(world, &kept);
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    start(world, true, false, ""); /* in its grace time: back, and told to make a new one */
    assert_int_equal(world->joined_err, VR_OK);
    assert_non_null(strstr(world->json, "\"media\":\"gone\""));
}

static void the_room_has_the_last_word(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    world->refuse = VR_E_GONE; /* kicked; or a newer session has the place */
    restore(world, &kept);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_true(vr_id_equal(world->closed[0], kept.peer));
    start(world, true, false, "");
    assert_int_equal(world->joined_err, VR_E_GONE);
}

/* A room that is not there yet is asked again. */
static void a_room_that_cannot_answer_is_waited_for(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    world->refuse = VR_E_BUSY;
    restore(world, &kept);
    pass(world, VR_SECONDS(2));
    assert_int_equal(world->asked_count, 2);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

/* WHIP has no socket: its resource is its user's, over a restart too. */
static void it_is_still_its_users(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    restore(world, &kept);
    assert_int_equal(vr_session_delete(world->control, kept.session.id, "bob"), VR_E_NOT_FOUND);
    assert_int_equal(vr_session_delete(world->control, kept.session.id, "ana"), VR_OK);
    settle(world);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_true(vr_id_equal(world->closed[0], kept.peer));
}

static bool withdrawn(void *ctx, struct vr_id token_ref)
{
    (void)ctx;
    return vr_id_equal(token_ref, (struct vr_id){6, 6});
}

static uint64_t withdrawals(void *ctx)
{
    (void)ctx;
    return 0; /* none since this process began */
}

/* What was withdrawn while nobody ran ends it though its client never says a word. */
static void it_ends_with_its_access_token(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;

    world->services.withdrawn = withdrawn;
    world->services.withdrawals = withdrawals;
    kept.token_ref = (struct vr_id){6, 6};
    restore(world, &kept);
    pass(world, VR_SECONDS(1));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_true(vr_id_equal(world->closed[0], kept.peer));
}

/* What was granted comes back with the token that grants it, not before. */
static void rights_come_with_the_token(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;
    uint64_t order = 0;

    restore(world, &kept);
    start(world, true, false, "");
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"1\"}");
    assert_string_equal(world->last_by.user, "");
    assert_int_equal(world->last_by.participant, 17);
    order = world->last_by.order;
    assert_true(order > ((uint64_t)1 << 32 | 100000)); /* later than all of the life before */
    start(world, true, false, "bob");
    assert_int_equal(world->joined_err, VR_E_UNAUTHORIZED);
    start(world, true, false, "ana");
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"1\"}");
    assert_string_equal(world->last_by.user, "ana");
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(world->last_by.generation, 1);
    assert_true(world->last_by.order > order);
}

/* It died while an ICE restart was under way, or a return: the later transport has the session. */
static void of_two_transports_the_later_one_has_it(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;
    struct vr_peer_conf later = kept;

    later.peer = (struct vr_id){9, 9};
    later.restarts = kept.peer;
    for (int way = 0; way < 2; way++) {
        restore(world, way == 0 ? &kept : &later);
        restore(world, way == 0 ? &later : &kept);
        assert_int_equal(vr_session_restore(world->control, &kept, SHARD), VR_E_EXISTS);
        world->opened[0] = later;
        world->closed_count = 0;
        peer_is(world, 0, VR_PEER_UP);
        assert_int_equal(world->closed_count, 1);
        assert_true(vr_id_equal(world->closed[0], kept.peer));
        assert_int_equal(vr_session_delete(world->control, kept.session.id, "ana"), VR_OK);
        settle(world);
    }
}

static void what_is_no_session_of_ours_is_refused(void **state)
{
    struct vr_peer_conf kept = die(state);
    struct world *world = *state;
    struct vr_peer_conf bad = kept;

    bad.participant = 0;
    assert_int_equal(vr_session_restore(world->control, &bad, SHARD), VR_E_BAD_REQUEST);
    bad = kept;
    bad.session.kind = VR_ACTOR_ROOM;
    assert_int_equal(vr_session_restore(world->control, &bad, SHARD), VR_E_BAD_REQUEST);
    bad = kept;
    bad.session.sub = 3; /* of another node */
    assert_int_equal(vr_session_restore(world->control, &bad, SHARD), VR_E_BAD_REQUEST);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(its_client_finds_it_and_its_transport),
        WITH_WORLD(without_its_client_it_goes_on),
        WITH_WORLD(a_transport_that_is_not_there_is_lost),
        WITH_WORLD(the_room_has_the_last_word),
        WITH_WORLD(a_room_that_cannot_answer_is_waited_for),
        WITH_WORLD(it_is_still_its_users),
        WITH_WORLD(it_ends_with_its_access_token),
        WITH_WORLD(rights_come_with_the_token),
        WITH_WORLD(of_two_transports_the_later_one_has_it),
        WITH_WORLD(what_is_no_session_of_ours_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
