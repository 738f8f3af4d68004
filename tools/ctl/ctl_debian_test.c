/* Goal: versions are ordered as dpkg orders them, and found in its file. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tools/ctl/debian.h"

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void order(void **state)
{
    /* Each below the next one. */
    static const char *const versions[] = {"1.0~~",
                                           "1.0~rc1",
                                           "1.0~rc1-1",
                                           "1.0",
                                           "1.0-1",
                                           "1.0-1+b1",
                                           "1.0-1.1",
                                           "1.0a",
                                           "1.0+dfsg-1",
                                           "1.2",
                                           "1.10",
                                           "3.0.9-1",
                                           "3.0.22-1",
                                           "3.0.22-1+b1",
                                           "3.0.22-2~deb12u1",
                                           "3.0.22-2~deb12u2",
                                           "3.0.22-2",
                                           "10",
                                           "1:0.1",
                                           "2:0.0~1"};
    size_t count = sizeof(versions) / sizeof(versions[0]);

    (void)state;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            assert_int_equal(sign(vr_debian_compare(versions[a], versions[b])), (a > b) - (a < b));
        }
    }
    assert_int_equal(vr_debian_compare("1.01", "1.1"), 0);
    assert_int_equal(vr_debian_compare("0:1.0", "1.0"), 0);
    assert_true(vr_debian_compare("3.0.22-1~deb12u1", "3.0.22-1~deb12u2") < 0);
    assert_true(vr_debian_compare("3.4.23-4+b4", "3.4.44") < 0);
}

static void file(void **state)
{
    static const char status[] =
        "Package: libssl3\nStatus: install ok installed\n"
        "Architecture: amd64\nVersion: 3.0.22-1~deb12u2\n"
        "Description: a\n Package: coturn\n\n"
        "Package: coturn\nStatus: deinstall ok config-files\nVersion: 4.6.1-1\n\n"
        "Package: libssl3-dev\nStatus: install ok installed\nVersion: 9\n\n"
        "Package: etcd-server\nStatus: hold ok installed\nVersion: 3.4.23-4+b4";
    char version[64];

    (void)state;
    assert_true(vr_debian_version(status, "libssl3", version, sizeof(version)));
    assert_string_equal(version, "3.0.22-1~deb12u2");
    assert_true(vr_debian_version(status, "etcd-server", version, sizeof(version)));
    assert_string_equal(version, "3.4.23-4+b4");
    assert_false(vr_debian_version(status, "coturn", version, sizeof(version)));
    assert_false(vr_debian_version(status, "libssl", version, sizeof(version)));
    assert_false(vr_debian_version(status, "libssl3", version, 4));
    assert_false(vr_debian_version("", "libssl3", version, sizeof(version)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(file)};

    return cmocka_run_group_tests_name("debian", tests, NULL, NULL);
}
