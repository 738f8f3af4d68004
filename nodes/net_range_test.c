/* Goal: ranges of addresses hold what they should, and no inward address passes for a public one.
 */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "nodes/net_range.h"

static bool holds(const char *range, const char *address)
{
    struct vr_net_range parsed;
    struct vr_net_address from;

    assert_true(vr_net_range_parse(range, &parsed));
    assert_true(vr_net_address_parse(address, &from));
    return vr_net_range_holds(&parsed, &from);
}

static void ranges_hold_their_addresses(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.1.2"));
    assert_false(holds("10.0.0.0/8", "11.0.0.0"));
    assert_true(holds("192.0.2.128/25", "192.0.2.200"));
    assert_false(holds("192.0.2.128/25", "192.0.2.127"));
    assert_true(holds("192.0.2.7", "192.0.2.7"));
    assert_false(holds("192.0.2.7", "192.0.2.8"));
    assert_true(holds("0.0.0.0/0", "255.1.2.3"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("2001:db8::1/128", "2001:db8::1"));
}

static void what_is_no_range_is_refused(void **state)
{
    static const char *const bad[] = {"",           "10.0.0.0/33", "10.0.0.1/8",  "10.0.0.0/",
                                      "10.0.0.0/x", "10.0.0/8",    "::/129",      "::1/127",
                                      "/8",         "example.org", "10.0.0.0/8 ", "10.0.0.0/-1"};
    struct vr_net_range range;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(vr_net_range_parse(bad[i], &range));
    }
}

static void inward_addresses_are_not_public(void **state)
{
    static const char *const inward[] = {"127.0.0.1",
                                         "127.8.8.8",
                                         "0.0.0.0",
                                         "0.1.2.3",
                                         "10.1.2.3",
                                         "100.64.0.1",
                                         "100.127.255.255",
                                         "169.254.169.254",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.168.1.1",
                                         "192.0.0.8",
                                         "192.0.2.1",
                                         "198.18.0.1",
                                         "198.51.100.7",
                                         "203.0.113.9",
                                         "224.0.0.1",
                                         "239.1.1.1",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "::ffff:127.0.0.1",
                                         "::ffff:192.168.0.1",
                                         "64:ff9b::7f00:1",
                                         "64:ff9b:1::1",
                                         "100::1",
                                         "2001::1",
                                         "2001:db8::1",
                                         "2002:7f00:1::",
                                         "2002:a00:1::1",
                                         "fc00::1",
                                         "fd12:3456::1",
                                         "fe80::1",
                                         "fec0::1",
                                         "ff02::1",
                                         "::7f00:1",
                                         "3fff::1"};
    static const char *const outward[] = {"1.1.1.1",        "8.8.8.8",         "100.63.255.255",
                                          "100.128.0.0",    "172.15.0.1",      "172.32.0.1",
                                          "192.169.0.1",    "2606:4700::1111", "2a00:1450::1",
                                          "::ffff:8.8.8.8", "223.255.255.255"};
    struct vr_net_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(inward) / sizeof(inward[0]); i++) {
        assert_true(vr_net_address_parse(inward[i], &address));
        if (vr_net_is_public(&address)) {
            fail_msg("%s passes for public", inward[i]);
        }
    }
    for (size_t i = 0; i < sizeof(outward) / sizeof(outward[0]); i++) {
        assert_true(vr_net_address_parse(outward[i], &address));
        if (!vr_net_is_public(&address)) {
            fail_msg("%s does not pass for public", outward[i]);
        }
    }
}

static void an_address_of_a_socket_is_the_same(void **state)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct vr_net_address a;
    struct vr_net_address b;

    (void)state;
    inet_pton(AF_INET, "10.0.0.7", &four.sin_addr);
    inet_pton(AF_INET6, "::ffff:10.0.0.7", &six.sin6_addr);
    assert_true(vr_net_address_of((struct sockaddr *)&four, &a));
    assert_true(vr_net_address_of((struct sockaddr *)&six, &b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_false(vr_net_address_of(&other, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_hold_their_addresses),
        cmocka_unit_test(what_is_no_range_is_refused),
        cmocka_unit_test(inward_addresses_are_not_public),
        cmocka_unit_test(an_address_of_a_socket_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
