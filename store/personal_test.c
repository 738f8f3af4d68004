/* Goal: a user's fields open while he is known and never again once he is erased, whatever was in
 * flight. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/commit.h"
#include "store/lmdb_testing.h"
#include "store/memory.h"
#include "store/personal.h"

static const uint8_t pepper[32] = "a pepper of this test, 32 bytes.";

struct fixture {
    struct vr_records *records;
    struct vr_personal *personal;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_int_equal(vr_memory_new(&fixture->records), VR_OK);
    vr_memory_set_immediate(fixture->records, true);
    assert_int_equal(vr_personal_new(fixture->records, pepper, &fixture->personal), VR_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    vr_personal_free(fixture->personal);
    vr_memory_free(fixture->records);
    free(fixture);
    return 0;
}

static struct vr_commit *new_commit(void)
{
    return vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
}

static struct vr_id ensure(struct vr_records *records, struct vr_personal *personal,
                           const char *user)
{
    struct vr_commit *commit = new_commit();
    struct vr_id ref;

    assert_int_equal(vr_personal_ensure(personal, user, commit, &ref), VR_OK);
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    return ref;
}

static void erase(struct vr_records *records, struct vr_personal *personal, struct vr_id ref)
{
    struct vr_commit *commit = new_commit();

    assert_int_equal(vr_personal_erase(personal, ref, commit), VR_OK);
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
}

static struct vr_buf seal(struct vr_personal *personal, struct vr_id ref, const char *text)
{
    struct vr_buf sealed = {0};

    assert_int_equal(vr_personal_seal(personal, ref, vr_bytes_of(text), &sealed), VR_OK);
    return sealed;
}

static enum vr_err open_field(struct vr_personal *personal, struct vr_id ref,
                              const struct vr_buf *sealed, const char *expected)
{
    struct vr_buf plain = {0};
    enum vr_err err = vr_personal_open(personal, ref, vr_buf_bytes(sealed), &plain);

    if (err == VR_OK) {
        assert_int_equal(plain.size, strlen(expected));
        if (plain.size > 0) {
            assert_memory_equal(plain.data, expected, plain.size);
        }
    } else {
        assert_int_equal(plain.size, 0);
    }
    vr_buf_deinit(&plain);
    return err;
}

static void a_ref_is_stable_and_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct vr_personal *other = NULL;
    const uint8_t other_pepper[32] = {1};
    /* HMAC-SHA-256 by another implementation (Python's hmac), first 128 bits */
    struct vr_id known = {0xc3a39c093c6660bc, 0x85bdb024ba633a66};

    assert_true(vr_id_equal(vr_personal_ref(f->personal, "ana"), known));
    assert_true(vr_id_equal(ensure(f->records, f->personal, "ana"), known));
    assert_false(vr_id_equal(vr_personal_ref(f->personal, "ben"), known));
    assert_int_equal(vr_personal_new(f->records, other_pepper, &other), VR_OK);
    assert_false(vr_id_equal(vr_personal_ref(other, "ana"), known));
    vr_personal_free(other);
}

static void fields_open_for_their_user_only(void **state)
{
    struct fixture *f = *state;
    struct vr_id ana = ensure(f->records, f->personal, "ana");
    struct vr_id ben = ensure(f->records, f->personal, "ben");
    struct vr_buf one = seal(f->personal, ana, "Ana Maria");
    struct vr_buf two = seal(f->personal, ana, "Ana Maria");
    struct vr_buf empty = seal(f->personal, ana, "");
    struct vr_buf user = {0};

    assert_false(vr_bytes_equal(vr_buf_bytes(&one), vr_buf_bytes(&two))); /* a fresh nonce */
    assert_null(memmem(one.data, one.size, "Ana", 3));
    assert_int_equal(open_field(f->personal, ana, &one, "Ana Maria"), VR_OK);
    assert_int_equal(open_field(f->personal, ana, &two, "Ana Maria"), VR_OK);
    assert_int_equal(open_field(f->personal, ana, &empty, ""), VR_OK);
    assert_int_equal(open_field(f->personal, ben, &one, ""), VR_E_DAMAGED);
    assert_int_equal(vr_personal_user(f->personal, ben, &user), VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&user), vr_bytes_of("ben")));
    vr_buf_deinit(&user);
    vr_buf_deinit(&one);
    vr_buf_deinit(&two);
    vr_buf_deinit(&empty);
}

static void every_changed_byte_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct vr_id ana = ensure(f->records, f->personal, "ana");
    struct vr_buf sealed = seal(f->personal, ana, "Ana");

    for (size_t i = 0; i < sealed.size; i++) {
        struct vr_buf part = {.data = sealed.data, .size = i};

        sealed.data[i] ^= 0x40;
        assert_int_equal(open_field(f->personal, ana, &sealed, ""), VR_E_DAMAGED);
        sealed.data[i] ^= 0x40;
        assert_int_equal(open_field(f->personal, ana, &part, ""), VR_E_DAMAGED);
    }
    vr_buf_deinit(&sealed);
}

static void an_erased_user_is_noise(void **state)
{
    struct fixture *f = *state;
    struct vr_id ana = ensure(f->records, f->personal, "ana");
    struct vr_buf sealed = seal(f->personal, ana, "Ana");
    struct vr_buf out = {0};

    erase(f->records, f->personal, ana);
    assert_int_equal(open_field(f->personal, ana, &sealed, ""), VR_E_NOT_FOUND);
    assert_int_equal(vr_personal_seal(f->personal, ana, vr_bytes_of("x"), &out), VR_E_NOT_FOUND);
    assert_int_equal(vr_personal_user(f->personal, ana, &out), VR_E_NOT_FOUND);
    /* He comes back: the same ref, another key, and what was stays noise. */
    assert_true(vr_id_equal(ensure(f->records, f->personal, "ana"), ana));
    assert_int_equal(open_field(f->personal, ana, &sealed, ""), VR_E_DAMAGED);
    vr_buf_deinit(&sealed);
    sealed = seal(f->personal, ana, "Ana again");
    assert_int_equal(open_field(f->personal, ana, &sealed, "Ana again"), VR_OK);
    vr_buf_deinit(&sealed);
}

static void a_key_outlives_a_failed_commit(void **state)
{
    struct fixture *f = *state;
    struct vr_commit *first = new_commit();
    struct vr_commit *second = new_commit();
    struct vr_commit *third = new_commit();
    struct vr_personal *fresh = NULL;
    struct vr_buf sealed;
    struct vr_id ana;

    vr_memory_set_immediate(f->records, false);
    assert_int_equal(vr_personal_ensure(f->personal, "ana", first, &ana), VR_OK);
    sealed = seal(f->personal, ana, "Ana"); /* before the row has landed */
    assert_int_equal(vr_personal_ensure(f->personal, "ana", second, &ana), VR_OK);
    vr_records_submit(f->records, first, NULL, NULL);
    vr_records_submit(f->records, second, NULL, NULL);
    assert_true(vr_memory_step(f->records, VR_E_FULL));
    assert_true(vr_memory_step(f->records, VR_OK));
    assert_int_equal(vr_personal_new(f->records, pepper, &fresh), VR_OK);
    assert_int_equal(open_field(fresh, ana, &sealed, "Ana"), VR_OK);
    assert_int_equal(vr_personal_ensure(f->personal, "ana", third, &ana), VR_OK);
    assert_int_equal(third->op_count, 0); /* known by now */
    vr_commit_free(third);
    vr_personal_free(fresh);
    vr_buf_deinit(&sealed);
}

static void erasing_overtakes_nothing(void **state)
{
    struct fixture *f = *state;
    struct vr_id ana = ensure(f->records, f->personal, "ana");
    struct vr_buf old = seal(f->personal, ana, "old");
    struct vr_commit *gone = new_commit();
    struct vr_commit *back = new_commit();
    struct vr_personal *fresh = NULL;
    struct vr_buf young;

    vr_memory_set_immediate(f->records, false);
    assert_int_equal(vr_personal_erase(f->personal, ana, gone), VR_OK);
    vr_records_submit(f->records, gone, NULL, NULL);
    assert_int_equal(open_field(f->personal, ana, &old, ""), VR_E_NOT_FOUND); /* at once */
    assert_int_equal(vr_personal_ensure(f->personal, "ana", back, &ana), VR_OK);
    assert_int_equal(back->op_count, 1);
    vr_records_submit(f->records, back, NULL, NULL);
    young = seal(f->personal, ana, "young");
    vr_memory_set_immediate(f->records, true); /* both land */
    assert_int_equal(vr_personal_new(f->records, pepper, &fresh), VR_OK);
    assert_int_equal(open_field(fresh, ana, &old, ""), VR_E_DAMAGED);
    assert_int_equal(open_field(fresh, ana, &young, "young"), VR_OK);
    vr_personal_free(fresh);
    vr_buf_deinit(&old);
    vr_buf_deinit(&young);
}

static void more_users_than_the_cache_holds(void **state)
{
    struct fixture *f = *state;
    struct vr_id first = ensure(f->records, f->personal, "user 0");
    struct vr_buf sealed = seal(f->personal, first, "zero");
    char name[32];

    for (int i = 1; i < 9000; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        ensure(f->records, f->personal, name);
    }
    assert_int_equal(open_field(f->personal, first, &sealed, "zero"), VR_OK);
    vr_buf_deinit(&sealed);
}

static uint64_t digest_of_seed(uint64_t seed)
{
    struct vr_random_seeded random;
    struct vr_records *records = NULL;
    struct vr_personal *personal = NULL;
    struct vr_commit *commit = new_commit();
    struct vr_buf sealed;
    uint64_t digest;

    vr_random_seeded_init(&random, seed);
    assert_int_equal(vr_memory_new(&records), VR_OK);
    vr_memory_set_immediate(records, true);
    assert_int_equal(vr_personal_new(records, pepper, &personal), VR_OK);
    vr_personal_set_random(personal, &random.random);
    sealed = seal(personal, ensure(records, personal, "ana"), "Ana");
    vr_commit_put(commit, VR_TABLE_AUDIT, vr_bytes_of("a"), vr_buf_bytes(&sealed));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    digest = vr_memory_digest(records);
    vr_buf_deinit(&sealed);
    vr_personal_free(personal);
    vr_memory_free(records);
    return digest;
}

static void one_seed_gives_one_digest(void **state)
{
    (void)state;
    assert_true(digest_of_seed(5) == digest_of_seed(5));
    assert_true(digest_of_seed(5) != digest_of_seed(6));
}

struct search {
    struct vr_personal *personal;
    struct vr_id ref;
    int opened;
    int rows;
};

static bool try_to_open(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct search *search = ctx;
    struct vr_buf out = {0};

    (void)key;
    search->rows++;
    search->opened += vr_personal_open(search->personal, search->ref, value, &out) == VR_OK;
    vr_buf_deinit(&out);
    return true;
}

static bool file_contains(const char *folder, const char *text)
{
    struct stat info;
    char path[128];
    void *data;
    bool found;
    int fd;

    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &info), 0);
    data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(data != MAP_FAILED);
    found = memmem(data, (size_t)info.st_size, text, strlen(text)) != NULL;
    munmap(data, (size_t)info.st_size);
    close(fd);
    return found;
}

/* Over LMDB: rows sealed for an erased user lie in the file, and nothing in it opens them. */
static void erased_in_the_file_too(void **state)
{
    char folder[64];
    struct vr_lmdb_conf conf = {.map_bytes = 16 << 20, .reserve_bytes = 65536};
    struct vr_records *records = NULL;
    struct vr_personal *personal = NULL;
    struct search search = {0};

    (void)state;
    conf.folder = make_folder(folder);
    assert_int_equal(vr_lmdb_open(&conf, &records, NULL), VR_OK);
    assert_int_equal(vr_personal_new(records, pepper, &personal), VR_OK);
    search.ref = ensure(records, personal, "ana");
    for (uint8_t i = 0; i < 50; i++) {
        struct vr_buf sealed = seal(personal, search.ref, "a secret that is in no row in clear");
        struct vr_commit *commit = new_commit();

        vr_commit_put(commit, VR_TABLE_AUDIT, vr_bytes(&i, 1), vr_buf_bytes(&sealed));
        assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
        vr_buf_deinit(&sealed);
    }
    erase(records, personal, search.ref);
    vr_personal_free(personal);
    vr_lmdb_close(records);
    assert_int_equal(vr_lmdb_open(&conf, &records, NULL), VR_OK);
    assert_int_equal(vr_personal_new(records, pepper, &personal), VR_OK);
    search.personal = personal;
    for (int table = 0; table < VR_TABLE_COUNT; table++) {
        assert_int_equal(vr_records_scan(records, (enum vr_table)table, vr_bytes_of(""),
                                         vr_bytes_of(""), try_to_open, &search),
                         VR_OK);
    }
    assert_true(search.rows >= 50);
    assert_int_equal(search.opened, 0);
    ensure(records, personal, "ana"); /* with a new key neither */
    assert_int_equal(vr_records_scan(records, VR_TABLE_AUDIT, vr_bytes_of(""), vr_bytes_of(""),
                                     try_to_open, &search),
                     VR_OK);
    assert_int_equal(search.opened, 0);
    vr_personal_free(personal);
    vr_lmdb_close(records);
    assert_false(file_contains(folder, "a secret that"));
    remove_folder(folder);
}

static struct vr_buf row_of(struct vr_records *records, struct vr_id ref)
{
    struct vr_buf row = {0};
    uint8_t name[16];

    vr_id_put(name, ref);
    assert_int_equal(vr_records_get(records, VR_TABLE_USERS, vr_bytes(name, 16), &row), VR_OK);
    return row;
}

static void keys_of_two_nodes_both_open(void **state)
{
    struct fixture *f = *state;
    struct vr_records *there = NULL;
    struct vr_personal *other = NULL;
    struct vr_commit *commit;
    struct vr_buf merged = {0};
    struct vr_buf again = {0};
    struct vr_buf ours, theirs, sealed_here, sealed_there;
    struct vr_id ref;
    uint8_t name[16];

    assert_int_equal(vr_memory_new(&there), VR_OK);
    vr_memory_set_immediate(there, true);
    assert_int_equal(vr_personal_new(there, pepper, &other), VR_OK);
    ref = ensure(f->records, f->personal, "ana");
    (void)ensure(there, other, "ana");
    sealed_here = seal(f->personal, ref, "Ana of here");
    sealed_there = seal(other, ref, "Ana of there");
    assert_int_equal(open_field(f->personal, ref, &sealed_there, ""), VR_E_DAMAGED);

    ours = row_of(f->records, ref);
    theirs = row_of(there, ref);
    assert_int_equal(vr_personal_merge(vr_buf_bytes(&ours), vr_buf_bytes(&theirs), &merged), VR_OK);
    commit = new_commit();
    vr_id_put(name, ref);
    vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(name, 16), vr_buf_bytes(&merged));
    assert_int_equal(vr_records_commit(f->records, commit, NULL), VR_OK);
    assert_int_equal(open_field(f->personal, ref, &sealed_there, "Ana of there"), VR_OK);
    assert_int_equal(open_field(f->personal, ref, &sealed_here, "Ana of here"), VR_OK);
    assert_int_equal(vr_personal_user(f->personal, ref, &again), VR_OK);
    assert_memory_equal(again.data, "ana", 3);
    again.size = 0; /* merging once more changes nothing */
    assert_int_equal(vr_personal_merge(vr_buf_bytes(&merged), vr_buf_bytes(&theirs), &again),
                     VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&again), vr_buf_bytes(&merged)));
    again.size = 0;
    assert_int_equal(vr_personal_merge(vr_buf_bytes(&ours), vr_bytes("\x0a\x01x", 3), &again),
                     VR_E_BAD_WIRE);

    erase(f->records, f->personal, ref); /* all keys at once */
    assert_int_equal(open_field(f->personal, ref, &sealed_there, ""), VR_E_NOT_FOUND);
    vr_buf_deinit(&again);
    vr_buf_deinit(&merged);
    vr_buf_deinit(&ours);
    vr_buf_deinit(&theirs);
    vr_buf_deinit(&sealed_here);
    vr_buf_deinit(&sealed_there);
    vr_personal_free(other);
    vr_memory_free(there);
}

/* Another node still has the row as it was; it comes by a snapshot, or a commit that was late. */
static void an_older_row_brings_nobody_back(void **state)
{
    struct fixture *f = *state;
    struct vr_id ref = ensure(f->records, f->personal, "ana");
    struct vr_buf old = row_of(f->records, ref);
    struct vr_buf sealed = seal(f->personal, ref, "Ana");
    struct vr_buf gone, anew, young, merged = {0};
    struct vr_personal *fresh = NULL;

    erase(f->records, f->personal, ref);
    gone = row_of(f->records, ref);
    assert_int_equal(vr_personal_merge(vr_buf_bytes(&gone), vr_buf_bytes(&old), &merged), VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&merged), vr_buf_bytes(&gone)));
    merged.size = 0; /* and there he goes as well */
    assert_int_equal(vr_personal_merge(vr_buf_bytes(&old), vr_buf_bytes(&gone), &merged), VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&merged), vr_buf_bytes(&gone)));
    assert_int_equal(vr_personal_new(f->records, pepper, &fresh), VR_OK);
    assert_int_equal(open_field(fresh, ref, &sealed, ""), VR_E_NOT_FOUND);

    (void)ensure(f->records, fresh, "ana"); /* he comes again, as somebody new */
    anew = row_of(f->records, ref);
    young = seal(fresh, ref, "young");
    for (int i = 0; i < 2; i++) {
        const struct vr_buf *older = i == 0 ? &old : &gone;

        merged.size = 0;
        assert_int_equal(vr_personal_merge(vr_buf_bytes(&anew), vr_buf_bytes(older), &merged),
                         VR_OK);
        assert_true(vr_bytes_equal(vr_buf_bytes(&merged), vr_buf_bytes(&anew)));
        merged.size = 0;
        assert_int_equal(vr_personal_merge(vr_buf_bytes(older), vr_buf_bytes(&anew), &merged),
                         VR_OK);
        assert_true(vr_bytes_equal(vr_buf_bytes(&merged), vr_buf_bytes(&anew)));
    }
    vr_personal_reread(fresh);
    assert_int_equal(open_field(fresh, ref, &young, "young"), VR_OK);
    assert_int_equal(open_field(fresh, ref, &sealed, ""), VR_E_DAMAGED);
    vr_buf_deinit(&old);
    vr_buf_deinit(&gone);
    vr_buf_deinit(&anew);
    vr_buf_deinit(&young);
    vr_buf_deinit(&merged);
    vr_buf_deinit(&sealed);
    vr_personal_free(fresh);
}

/* Each commit is made before it knows of the other's key: whichever lands last, both open. */
static void both_land(struct vr_records *records, bool ours_first)
{
    struct vr_records *there = NULL;
    struct vr_personal *other = NULL;
    struct vr_personal *personal = NULL;
    struct vr_commit *commits[2] = {new_commit(), new_commit()};
    struct vr_buf theirs, sealed_here, sealed_there;
    struct vr_id ref;
    uint8_t name[16];

    assert_int_equal(vr_memory_new(&there), VR_OK);
    vr_memory_set_immediate(there, true);
    assert_int_equal(vr_personal_new(there, pepper, &other), VR_OK);
    assert_int_equal(vr_personal_new(records, pepper, &personal), VR_OK);
    (void)ensure(there, other, "ana");
    assert_int_equal(vr_personal_ensure(personal, "ana", commits[0], &ref), VR_OK);
    sealed_here = seal(personal, ref, "Ana of here");
    sealed_there = seal(other, ref, "Ana of there");
    theirs = row_of(there, ref);
    vr_id_put(name, ref);
    vr_commit_put(commits[1], VR_TABLE_USERS, vr_bytes(name, 16), vr_buf_bytes(&theirs));
    assert_int_equal(vr_records_commit(records, commits[ours_first ? 0 : 1], NULL), VR_OK);
    assert_int_equal(vr_records_commit(records, commits[ours_first ? 1 : 0], NULL), VR_OK);

    for (int fresh = 0; fresh < 2; fresh++) {
        struct vr_commit *commit = new_commit();

        assert_int_equal(open_field(personal, ref, &sealed_here, "Ana of here"), VR_OK);
        assert_int_equal(open_field(personal, ref, &sealed_there, "Ana of there"), VR_OK);
        assert_int_equal(vr_personal_ensure(personal, "ana", commit, &ref), VR_OK);
        assert_int_equal(commit->op_count, 0); /* it has landed: nothing is to be put again */
        vr_commit_free(commit);
        vr_personal_free(personal);
        assert_int_equal(vr_personal_new(records, pepper, &personal), VR_OK);
    }
    erase(records, personal, ref);
    assert_int_equal(open_field(personal, ref, &sealed_there, ""), VR_E_NOT_FOUND);
    vr_buf_deinit(&theirs);
    vr_buf_deinit(&sealed_here);
    vr_buf_deinit(&sealed_there);
    vr_personal_free(other);
    vr_personal_free(personal);
    vr_memory_free(there);
}

static void keys_on_their_way_both_land(void **state)
{
    (void)state;
    for (int ours_first = 0; ours_first < 2; ours_first++) {
        struct vr_lmdb_conf conf = {.map_bytes = 16 << 20, .reserve_bytes = 65536};
        struct vr_records *records = NULL;
        char folder[64];

        assert_int_equal(vr_memory_new(&records), VR_OK);
        vr_memory_set_immediate(records, true);
        both_land(records, ours_first == 1);
        vr_memory_free(records);
        conf.folder = make_folder(folder);
        assert_int_equal(vr_lmdb_open(&conf, &records, NULL), VR_OK);
        both_land(records, ours_first == 1);
        vr_lmdb_close(records);
        remove_folder(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ref_is_stable_and_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_open_for_their_user_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_erased_user_is_noise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_outlives_a_failed_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(erasing_overtakes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_users_than_the_cache_holds, set_up, tear_down),
        cmocka_unit_test(one_seed_gives_one_digest),
        cmocka_unit_test_setup_teardown(an_older_row_brings_nobody_back, set_up, tear_down),
        cmocka_unit_test(erased_in_the_file_too),
        cmocka_unit_test_setup_teardown(keys_of_two_nodes_both_open, set_up, tear_down),
        cmocka_unit_test(keys_on_their_way_both_land),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
