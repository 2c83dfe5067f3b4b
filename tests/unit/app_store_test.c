#include "tools/app/store.h"

#include "router/keep.h"
#include "switch/base/mem.h"
#include "tools/app/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test_cmocka.h"

/* A folder of its own for each test; the state directory in it is not there yet. */
struct place {
    char folder[64];
    char dir[128];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    assert_non_null(place);
    snprintf(place->folder, sizeof place->folder, "/tmp/th-store-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->dir, sizeof place->dir, "%s/deep/state", place->folder);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int remove_place(void **state)
{
    struct place *place = *state;

    nftw(place->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

static void path_of(char path[256], const struct place *place, const char *name)
{
    snprintf(path, 256, "%s/%s", place->dir, name);
}

static void put(const struct place *place, const char *name, const char *text)
{
    char path[256];

    path_of(path, place, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static bool says(const struct place *place, const char *name, const char *text)
{
    char path[256], *found;
    size_t len;

    path_of(path, place, name);
    if (th_file_read(AT_FDCWD, path, TH_STORE_FILE_MAX, &found, &len, NULL) != TH_OK)
        return false;
    bool is_same = strcmp(found, text) == 0;
    th_mem_free(found);
    return is_same;
}

static void open_store(struct th_store *store, const struct place *place)
{
    char say[TH_SAY_MAX];

    assert_int_equal(th_store_open(store, place->dir, say), TH_OK);
}

static struct th_seed some_peer(uint8_t n)
{
    uint8_t seed[TH_KEY_BYTES] = {n};
    struct th_identity id;

    th_identity_make(&id, seed);
    return (struct th_seed){
        .id = id.hashname,
        .parts = id.parts,
        .key = id.keys.pub,
        .paths = {.count = 1,
                  .addr = {{.ip = {192, 0, 2, n}, .port = 42424, .family = TH_FAMILY_IPV4}}},
    };
}

static void a_missing_directory_is_made_for_its_owner_alone(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct stat st;

    open_store(&store, place);

    assert_int_equal(stat(place->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    th_store_close(&store);
}

static void a_directory_is_used_by_one_at_a_time(void **state)
{
    const struct place *place = *state;
    struct th_store first, second;
    char say[TH_SAY_MAX];

    open_store(&first, place);
    assert_int_equal(th_store_open(&second, place->dir, say), TH_IN_USE);
    assert_non_null(strstr(say, place->dir));
    th_store_close(&second);

    th_store_close(&first);
    open_store(&second, place);
    th_store_close(&second);
}

static void a_file_in_the_place_of_the_directory_is_refused(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    char say[TH_SAY_MAX], path[256];

    open_store(&store, place);
    th_store_close(&store);
    put(place, "file", "mine");
    path_of(path, place, "file");

    assert_int_equal(th_store_open(&store, path, say), TH_INVALID);
    assert_non_null(strstr(say, "is no directory"));
    th_store_close(&store);
    assert_true(says(place, "file", "mine"));
}

static void an_identity_is_made_once_and_read_ever_after(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_identity first, second, peeked;
    uint8_t seed[TH_KEY_BYTES] = {1}, other[TH_KEY_BYTES] = {2};
    char say[TH_SAY_MAX], path[256];
    struct stat st;
    bool is_new;

    assert_int_equal(th_store_peek_identity(&peeked, place->dir, say), TH_NO_ENTRY);
    open_store(&store, place);
    assert_int_equal(th_store_identity(&store, &first, seed, &is_new, say), TH_OK);
    assert_true(is_new);
    path_of(path, place, "identity.json");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(th_store_identity(&store, &second, other, &is_new, say), TH_OK);
    assert_false(is_new);
    assert_true(th_hashname_is_equal(&first.hashname, &second.hashname));
    assert_int_equal(th_store_peek_identity(&peeked, place->dir, say), TH_OK);
    assert_true(th_hashname_is_equal(&first.hashname, &peeked.hashname));
    th_store_close(&store);
}

static void a_broken_identity_is_reported_and_left_alone(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_identity id;
    uint8_t seed[TH_KEY_BYTES] = {1};
    char say[TH_SAY_MAX];
    bool is_new;

    open_store(&store, place);
    put(place, "identity.json", "{\"3a\":\"short\"}");

    assert_int_equal(th_store_identity(&store, &id, seed, &is_new, say), TH_FORMAT);
    assert_non_null(strstr(say, "identity.json"));
    assert_true(says(place, "identity.json", "{\"3a\":\"short\"}"));
    th_store_close(&store);
}

static void an_identity_elsewhere_is_read_and_nothing_is_made(void **state)
{
    const struct place *place = *state;
    static const uint8_t seed[TH_KEY_BYTES] = {5};
    struct th_store store;
    struct th_identity made, read;
    char path[256], say[TH_SAY_MAX];
    bool is_new;

    open_store(&store, place);
    assert_int_equal(th_store_identity(&store, &made, seed, &is_new, say), TH_OK);
    th_store_close(&store);
    path_of(path, place, "identity.json");
    assert_int_equal(chmod(path, 0400), 0);

    assert_int_equal(th_store_read_identity(&read, path, say), TH_OK);
    assert_true(th_hashname_is_equal(&read.hashname, &made.hashname));
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(th_store_read_identity(&read, path, say), TH_NO_PERMISSION);
    assert_non_null(strstr(say, "--identity"));
    assert_int_equal(chmod(path, 0404), 0);
    assert_int_equal(th_store_read_identity(&read, path, say), TH_NO_PERMISSION);
    assert_int_equal(th_store_read_identity(&read, place->dir, say), TH_INVALID);
    path_of(path, place, "missing");
    assert_int_equal(th_store_read_identity(&read, path, say), TH_NO_ENTRY);
    assert_non_null(strstr(say, "missing: no such file"));
    put(place, "broken", "{\"3a\":1}");
    path_of(path, place, "broken");
    assert_int_equal(th_store_read_identity(&read, path, say), TH_FORMAT);
    assert_true(says(place, "broken", "{\"3a\":1}"));
}

static void an_identity_that_others_can_read_is_refused(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_identity id;
    uint8_t seed[TH_KEY_BYTES] = {1};
    char say[TH_SAY_MAX], path[256];
    bool is_new;

    open_store(&store, place);
    assert_int_equal(th_store_identity(&store, &id, seed, &is_new, say), TH_OK);
    path_of(path, place, "identity.json");
    assert_int_equal(chmod(path, 0640), 0);

    assert_int_equal(th_store_identity(&store, &id, seed, &is_new, say), TH_NO_PERMISSION);
    assert_non_null(strstr(say, "640"));
    th_store_close(&store);
}

/* --- what the node keeps, on the real disk ----------------------------------------------------------- */

static enum th_err load(struct th_keep *keep, struct th_store *store, struct th_seeds *peers,
                        char warning[TH_SAY_MAX], char say[TH_SAY_MAX])
{
    struct th_kept kept = {0};

    th_keep_init(keep, &store->disk.disk);
    enum th_err e = th_keep_load(keep, &kept, warning, say);
    *peers = kept.peers;
    kept.peers = (struct th_seeds){0};
    th_kept_clear(&kept);
    return e;
}

/* A keep that has read what is there. */
static struct th_keep loaded_keep(struct th_store *store)
{
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];
    struct th_seeds peers = {0};
    struct th_keep keep;

    assert_int_equal(load(&keep, store, &peers, warning, say), TH_OK);
    th_seeds_clear(&peers);
    return keep;
}

static void write_all(struct th_keep *keep)
{
    char say[TH_SAY_MAX];
    enum th_keep_file file;
    bool is_end;

    while (th_keep_is_due(keep))
        assert_int_equal(th_keep_step(keep, &file, &is_end, say), TH_OK);
}

static void save_peers(struct th_keep *keep, const struct th_seeds *peers)
{
    assert_int_equal(th_keep_put_peers(keep, peers), TH_OK);
    write_all(keep);
}

static void save_at(struct th_keep *keep, int64_t at)
{
    assert_int_equal(th_keep_put_at(keep, at), TH_OK);
    write_all(keep);
}

static void peers_and_date_come_back_in_the_next_run(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seed peers[] = {some_peer(1), some_peer(2)};
    struct th_seeds saved = {.count = 2, .room = 2, .seed = peers}, loaded = {0};
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];

    open_store(&store, place);
    struct th_keep keep = loaded_keep(&store);
    save_peers(&keep, &saved);
    save_at(&keep, 1795227207580);
    th_keep_clear(&keep);
    th_store_close(&store);
    assert_true(says(place, "state.json", "{\"format\":1,\"at\":1795227207580}\n"));

    open_store(&store, place);
    assert_int_equal(load(&keep, &store, &loaded, warning, say), TH_OK);
    assert_string_equal(warning, "");
    assert_int_equal(keep.at, 1795227207580);
    assert_int_equal(loaded.count, 2);
    assert_true(th_hashname_is_equal(&loaded.seed[1].id, &peers[1].id));
    assert_true(th_addr_is_equal(&loaded.seed[1].paths.addr[0], &peers[1].paths.addr[0]));
    th_seeds_clear(&loaded);
    th_keep_clear(&keep);
    th_store_close(&store);
}

static void none_never_replace_some_and_a_date_only_rises(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seed peer = some_peer(1);
    struct th_seeds some = {.count = 1, .room = 1, .seed = &peer}, none = {0}, loaded = {0};
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];

    open_store(&store, place);
    struct th_keep keep = loaded_keep(&store);
    save_peers(&keep, &some);
    save_peers(&keep, &none);
    save_at(&keep, 9);
    save_at(&keep, 8);
    th_keep_clear(&keep);

    assert_int_equal(load(&keep, &store, &loaded, warning, say), TH_OK);
    assert_int_equal(loaded.count, 1);
    assert_int_equal(keep.at, 9);
    th_seeds_clear(&loaded);
    th_keep_clear(&keep);
    th_store_close(&store);
}

static void what_did_not_change_is_not_written(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seed peer = some_peer(1);
    struct th_seeds some = {.count = 1, .room = 1, .seed = &peer};

    open_store(&store, place);
    struct th_keep keep = loaded_keep(&store);
    save_peers(&keep, &some);
    put(place, "peers.json", "a mark");
    save_peers(&keep, &some);

    assert_true(says(place, "peers.json", "a mark"));
    th_keep_clear(&keep);
    th_store_close(&store);
}

static void what_is_kept_is_for_its_owner_alone(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct stat st;
    char path[256];

    open_store(&store, place);
    struct th_keep keep = loaded_keep(&store);
    save_at(&keep, 1);

    path_of(path, place, "state.json");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    path_of(path, place, "state.json.new");
    assert_int_not_equal(stat(path, &st), 0);
    th_keep_clear(&keep);
    th_store_close(&store);
}

static void broken_files_are_kept_aside_under_free_names(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seeds loaded = {0};
    struct th_keep keep;
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];

    open_store(&store, place);
    put(place, "peers.json.broken-1", "earlier");
    put(place, "peers.json", "{\"format\":1,\"peers\":{\"00\":{}}}");
    put(place, "state.json", "[");

    assert_int_equal(load(&keep, &store, &loaded, warning, say), TH_OK);
    assert_int_equal(loaded.count, 0);
    assert_non_null(strstr(warning, "peers.json.broken-2"));
    assert_non_null(strstr(warning, "state.json.broken-1"));
    assert_null(strchr(warning, '\n'));
    assert_true(says(place, "peers.json.broken-1", "earlier"));
    assert_true(says(place, "peers.json.broken-2", "{\"format\":1,\"peers\":{\"00\":{}}}"));
    assert_true(says(place, "state.json.broken-1", "["));
    th_keep_clear(&keep);
    th_store_close(&store);
}

static void files_of_a_newer_version_are_refused_and_left_alone(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seeds loaded = {0};
    struct th_keep keep;
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];

    open_store(&store, place);
    put(place, "state.json", "{\"format\":2}");

    assert_int_equal(load(&keep, &store, &loaded, warning, say), TH_NEWER);
    assert_non_null(strstr(say, "format 2"));
    assert_true(says(place, "state.json", "{\"format\":2}"));
    th_keep_clear(&keep);
    th_store_close(&store);
}

/* Once broken peers were renamed before the state was found to be of a newer version. */
static void a_refused_start_keeps_nothing_aside(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seeds loaded = {0};
    struct th_keep keep;
    char say[TH_SAY_MAX], warning[TH_SAY_MAX];

    open_store(&store, place);
    put(place, "peers.json", "broken");
    put(place, "state.json", "{\"format\":2}");

    assert_int_equal(load(&keep, &store, &loaded, warning, say), TH_NEWER);
    assert_string_equal(warning, "");
    assert_true(says(place, "peers.json", "broken"));
    assert_true(says(place, "state.json", "{\"format\":2}"));
    th_keep_clear(&keep);
    th_store_close(&store);
}

/* Once it was taken for missing, and the new identity could not be written. */
static void an_identity_that_is_a_link_to_nothing_is_refused(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_identity id;
    uint8_t seed[TH_KEY_BYTES] = {1};
    char say[TH_SAY_MAX], path[256];
    bool is_new;

    open_store(&store, place);
    path_of(path, place, "identity.json");
    assert_int_equal(symlink("nowhere", path), 0);

    assert_int_equal(th_store_identity(&store, &id, seed, &is_new, say), TH_INVALID);
    assert_non_null(strstr(say, "identity.json"));
    assert_int_equal(th_store_peek_identity(&id, place->dir, say), TH_INVALID);
    th_store_close(&store);
}

static void a_seeds_file_is_named_when_it_cannot_be_read(void **state)
{
    const struct place *place = *state;
    struct th_store store;
    struct th_seeds seeds = {0};
    char say[TH_SAY_MAX], path[256];

    open_store(&store, place);
    path_of(path, place, "seeds");
    assert_int_equal(th_store_read_seeds(&seeds, path, say), TH_NO_ENTRY);
    assert_non_null(strstr(say, path));
    put(place, "seeds", "{\"xy\":{}}");
    assert_int_equal(th_store_read_seeds(&seeds, path, say), TH_FORMAT);
    assert_non_null(strstr(say, "xy"));
    assert_int_equal(th_store_read_seeds(&seeds, place->dir, say), TH_INVALID);
    assert_int_equal(seeds.count, 0);
    th_store_close(&store);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_missing_directory_is_made_for_its_owner_alone),
        IN_PLACE(a_directory_is_used_by_one_at_a_time),
        IN_PLACE(a_file_in_the_place_of_the_directory_is_refused),
        IN_PLACE(an_identity_is_made_once_and_read_ever_after),
        IN_PLACE(a_broken_identity_is_reported_and_left_alone),
        IN_PLACE(an_identity_elsewhere_is_read_and_nothing_is_made),
        IN_PLACE(an_identity_that_others_can_read_is_refused),
        IN_PLACE(peers_and_date_come_back_in_the_next_run),
        IN_PLACE(none_never_replace_some_and_a_date_only_rises),
        IN_PLACE(what_did_not_change_is_not_written),
        IN_PLACE(what_is_kept_is_for_its_owner_alone),
        IN_PLACE(broken_files_are_kept_aside_under_free_names),
        IN_PLACE(files_of_a_newer_version_are_refused_and_left_alone),
        IN_PLACE(a_refused_start_keeps_nothing_aside),
        IN_PLACE(an_identity_that_is_a_link_to_nothing_is_refused),
        IN_PLACE(a_seeds_file_is_named_when_it_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
