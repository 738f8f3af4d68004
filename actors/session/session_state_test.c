/* Goal: every pair of the session's table does what docs/protocol.md promises, and no other pair is
 * allowed. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_state.h"

#define REFUSED (-1)

/* clang-format off */
/* next state by state and event; columns: joined refused alone back over left grace-over */
static const int next[VR_SESSION_STATES][VR_SESSION_EVENTS] = {
    [VR_SESSION_JOINING] = {VR_SESSION_LIVE, VR_SESSION_GONE, REFUSED, REFUSED,
                            VR_SESSION_GONE, VR_SESSION_GONE, REFUSED},
    [VR_SESSION_LIVE] = {REFUSED, REFUSED, VR_SESSION_LOST, VR_SESSION_LIVE,
                         VR_SESSION_GONE, VR_SESSION_GONE, REFUSED},
    [VR_SESSION_LOST] = {REFUSED, REFUSED, REFUSED, VR_SESSION_LIVE,
                         VR_SESSION_GONE, VR_SESSION_GONE, VR_SESSION_GONE},
    [VR_SESSION_GONE] = {REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED},
};
/* clang-format on */

static void all_pairs(void **state)
{
    (void)state;
    for (int from = 0; from < VR_SESSION_STATES; from++) {
        for (int event = 0; event < VR_SESSION_EVENTS; event++) {
            struct vr_session_move move = {.next = VR_SESSION_STATES};
            bool known = vr_session_move(from, event, &move);

            assert_int_equal(known, next[from][event] != REFUSED);
            if (known) {
                assert_int_equal((int)move.next, next[from][event]);
            } else {
                assert_int_equal(move.next, VR_SESSION_STATES);
            }
        }
    }
}

static void the_room_is_told(void **state)
{
    struct vr_session_move move;

    (void)state;
    for (int from = 0; from < VR_SESSION_GONE; from++) {
        assert_true(vr_session_move(from, VR_SESSION_EV_LEFT, &move));
        assert_int_equal(move.action, VR_SESSION_TELL_LEFT);
        assert_true(vr_session_move(from, VR_SESSION_EV_OVER, &move));
        assert_int_equal(move.action, VR_SESSION_CLOSE); /* the room knows already */
    }
    assert_true(vr_session_move(VR_SESSION_LIVE, VR_SESSION_EV_ALONE, &move));
    assert_int_equal(move.action, VR_SESSION_TELL_LOST);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(vr_session_state_name(VR_SESSION_LOST), "lost");
    assert_string_equal(vr_session_event_name(VR_SESSION_EV_GRACE_OVER), "grace over");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pairs),
        cmocka_unit_test(the_room_is_told),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
