/* Goal: what was put into a backup comes out again, however its bytes are cut; a changed bit, a
 * missing end, bytes too many, another key and a part in the wrong place are told apart and
 * refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>

#include "tools/ctl/archive.h"

static const uint8_t key[VR_SEAL_KEY] = {7};
static const uint8_t other_key[VR_SEAL_KEY] = {8};

/** Two parts: a small one and one of several pieces. */
static void make(struct vr_buf *out)
{
    static uint8_t large[200 * 1000];
    struct vr_archive_writer *writer = vr_archive_writer_new(key, 1795430000, "{\"a\":1}", out);

    for (size_t i = 0; i < sizeof(large); i++) {
        large[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_non_null(writer);
    vr_archive_part(writer, "store/a", out);
    vr_archive_data(writer, vr_bytes_of("hello "), out);
    vr_archive_data(writer, vr_bytes_of("there"), out);
    vr_archive_part_end(writer, out);
    vr_archive_part(writer, "etcd", out);
    vr_archive_data(writer, vr_bytes(large, sizeof(large)), out);
    vr_archive_part_end(writer, out);
    assert_int_equal(vr_archive_end(writer, out), VR_OK);
    vr_archive_writer_free(writer);
}

/** What came out, as text: the large part as its size. */
static enum vr_err read_all(const uint8_t with[VR_SEAL_KEY], struct vr_bytes in, size_t piece,
                            struct vr_buf *out, struct vr_why *why)
{
    struct vr_archive_reader *reader = vr_archive_reader_new(with);
    struct vr_archive_event event;
    enum vr_err err = VR_E_IN_PROGRESS;
    size_t size = 0;

    while (err == VR_E_IN_PROGRESS && in.size > 0) {
        size_t now = piece < in.size ? piece : in.size;

        vr_archive_feed(reader, vr_bytes(in.data, now));
        in = vr_bytes(in.data + now, in.size - now);
        while ((err = vr_archive_next(reader, &event, why)) == VR_OK) {
            static const char *const names[] = {"about ", "part ", "", "end", "over"};

            vr_buf_text(out, names[event.kind]);
            if (event.kind == VR_ARCHIVE_ABOUT || event.kind == VR_ARCHIVE_PART ||
                (event.kind == VR_ARCHIVE_DATA && event.body.size < 100)) {
                vr_buf_append(out, event.body.data, event.body.size);
            }
            size = event.kind == VR_ARCHIVE_PART ? 0 : size + event.body.size;
            vr_buf_text(out, "|");
        }
    }
    if (err == VR_E_IN_PROGRESS) {
        err = vr_archive_over(reader, why);
    }
    vr_archive_reader_free(reader);
    return err;
}

static enum vr_err outcome(const uint8_t with[VR_SEAL_KEY], struct vr_bytes in, struct vr_why *why)
{
    struct vr_buf ignored = {0};
    enum vr_err err = read_all(with, in, 50000, &ignored, why);

    vr_buf_deinit(&ignored);
    return err;
}

static void comes_out_again(void **state)
{
    static const size_t pieces[] = {1, 7, 4096, 1000000};
    struct vr_archive_head head;
    struct vr_buf made = {0};

    (void)state;
    make(&made);
    assert_true(vr_archive_head_read(vr_buf_bytes(&made), &head, NULL));
    assert_int_equal(head.made_at, 1795430000);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct vr_buf text = {0};
        struct vr_why why = {0};

        assert_int_equal(read_all(key, vr_buf_bytes(&made), pieces[i], &text, &why), VR_OK);
        vr_buf_append(&text, "", 1);
        assert_string_equal((char *)text.data, "about {\"a\":1}|part store/a|hello |there|end|"
                                               "part etcd|||||end|over|");
        vr_buf_deinit(&text);
    }
    vr_buf_deinit(&made);
}

static void damage_is_told(void **state)
{
    struct vr_buf made = {0};
    struct vr_why why = {0};

    (void)state;
    make(&made);
    for (size_t at = 0; at < made.size; at += at < 400 ? 1 : 997) {
        enum vr_err err;

        made.data[at] ^= 0x10;
        err = outcome(key, vr_buf_bytes(&made), &why);
        made.data[at] ^= 0x10;
        assert_true(err == VR_E_DAMAGED || (at >= 24 && at < 32 && err == VR_E_FORBIDDEN));
    }
    for (size_t size = 0; size < made.size; size += size < 400 ? 1 : 997) {
        assert_int_equal(outcome(key, vr_bytes(made.data, size), &why), VR_E_DAMAGED);
    }
    vr_buf_append(&made, "x", 1);
    assert_int_equal(outcome(key, vr_buf_bytes(&made), &why), VR_E_DAMAGED);
    assert_non_null(strstr(why.text, "after its end"));
    vr_buf_deinit(&made);
}

static void another_key_is_told(void **state)
{
    struct vr_buf made = {0};
    struct vr_why why = {0};

    (void)state;
    make(&made);
    assert_int_equal(outcome(other_key, vr_buf_bytes(&made), &why), VR_E_FORBIDDEN);
    assert_non_null(strstr(why.text, "another key"));
    vr_buf_deinit(&made);
}

static void order_is_kept(void **state)
{
    static const struct {
        const char *messages[4];
        bool last; /* of the last one */
    } wrong[] = {
        {{"Pa"}, false},        {{"Dx"}, false},
        {{"H{}", "Dx"}, false}, {{"H{}", "H{}"}, false},
        {{"H{}", "P"}, false},  {{"H{}", "Pa b"}, false},
        {{"H{}", "E"}, false},  {{"H{}", "Pa", "Pb"}, false},
        {{"H{}", "Z"}, true},   {{"H{}", "Pa", "Z"}, true},
        {{"H{}", ""}, false},   {{"H{}"}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct vr_archive_reader *reader = vr_archive_reader_new(key);
        struct vr_buf made = {0};
        struct vr_archive_writer *writer = vr_archive_writer_new(key, 1, "{}", &made);
        struct vr_archive_event event;
        enum vr_err err = VR_OK;

        vr_archive_feed(reader, vr_bytes(made.data, VR_ARCHIVE_HEAD));
        assert_int_equal(vr_archive_next(reader, &event, NULL), VR_E_IN_PROGRESS);
        for (size_t m = 0; m < 4 && wrong[i].messages[m] != NULL; m++) {
            bool last = wrong[i].last && (m == 3 || wrong[i].messages[m + 1] == NULL);

            assert_int_equal(err, VR_OK);
            err = vr_archive_take(reader, vr_bytes_of(wrong[i].messages[m]), last, &event, NULL);
        }
        assert_int_equal(err, VR_E_DAMAGED);
        vr_archive_writer_free(writer);
        vr_archive_reader_free(reader);
        vr_buf_deinit(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_again),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(another_key_is_told),
        cmocka_unit_test(order_is_kept),
    };

    return vr_seal_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
