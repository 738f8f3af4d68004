/* Goal: a load balancer is told what it can use: a weight that falls with the stress but never
 * means "nobody", drain before all else, and down while the node is not ready. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "nodes/agent.h"

static void says_what_it_should(void **state)
{
    static const struct {
        bool ready, draining;
        double stress;
        const char *line;
    } cases[] = {
        {true, false, 0, "ready up 100%\n"}, {true, false, 0.371, "ready up 63%\n"},
        {true, false, 1, "ready up 1%\n"},   {true, false, -3, "ready up 100%\n"},
        {true, true, 0.2, "drain\n"},        {false, true, 0.2, "drain\n"},
        {false, false, 0.2, "down\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[32];

        vr_agent_line(cases[i].ready, cases[i].draining, cases[i].stress, line, sizeof(line));
        assert_string_equal(line, cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
