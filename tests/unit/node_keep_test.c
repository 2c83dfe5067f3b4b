/*
 * A node whose application keeps no files: identity, peers, ages and clock through its load and save.
 */
#include "router/telehash.h"

#include <stdlib.h>

#include "tests/lib/test_node.h"

enum { PARTS = TH_KEPT_CLOCK + 1, ALIENS = 77 /* no error of ours */ };

/* What an application keeps, and how it fails. */
struct shelf {
    struct test_bell bell;
    char *text[PARTS];
    unsigned saves[PARTS]; /* that succeeded */
    unsigned refused, loads;
    int save_fails, load_fails; /* enum th_err, for all parts but the identity */
    int identity_fails;         /* for that alone */
    int lies;                   /* load says TH_OK and a size that was never there */
    unsigned ready, alone;
    char log[4096];
};

static void shelf_init(struct shelf *shelf)
{
    memset(shelf, 0, sizeof *shelf);
    test_bell_init(&shelf->bell);
}

static void shelf_clear(struct shelf *shelf)
{
    for (unsigned i = 0; i < PARTS; i++)
        free(shelf->text[i]);
    test_bell_clear(&shelf->bell);
}

static void put(struct shelf *shelf, enum th_kept_part part, const char *text, size_t len)
{
    free(shelf->text[part]);
    shelf->text[part] = calloc(1, len + 1);
    assert_non_null(shelf->text[part]);
    memcpy(shelf->text[part], text, len);
}

static enum th_err load(void *data, enum th_kept_part part, char *text, size_t *len)
{
    struct shelf *shelf = data;
    int failure = part == TH_KEPT_IDENTITY ? shelf->identity_fails : shelf->load_fails;
    enum th_err e = (enum th_err)failure;

    uv_mutex_lock(&shelf->bell.lock);
    shelf->loads++;
    if (e == TH_OK && shelf->lies) {
        *len += 1;
    } else if (e == TH_OK && shelf->text[part] == NULL) {
        e = TH_NO_ENTRY;
    } else if (e == TH_OK) {
        size_t room = *len;
        *len = strlen(shelf->text[part]);
        e = *len > room ? TH_TOO_BIG : TH_OK;
        if (e == TH_OK)
            memcpy(text, shelf->text[part], *len);
    }
    uv_mutex_unlock(&shelf->bell.lock);
    return e;
}

static enum th_err save(void *data, enum th_kept_part part, const char *text, size_t len)
{
    struct shelf *shelf = data;
    int failure = part == TH_KEPT_IDENTITY ? shelf->identity_fails : shelf->save_fails;

    if (failure) {
        test_count(&shelf->bell, &shelf->refused);
        return (enum th_err)failure;
    }
    uv_mutex_lock(&shelf->bell.lock);
    put(shelf, part, text, len);
    uv_mutex_unlock(&shelf->bell.lock);
    test_count(&shelf->bell, &shelf->saves[part]);
    return TH_OK;
}

static void take_log(void *data, int level, const char *topic, const char *text)
{
    struct shelf *shelf = data;

    (void)level, (void)topic;
    uv_mutex_lock(&shelf->bell.lock);
    strncat(shelf->log, text, sizeof shelf->log - strlen(shelf->log) - 1);
    uv_mutex_unlock(&shelf->bell.lock);
}

static int has_said(struct shelf *shelf, const char *words)
{
    int is_so;

    uv_mutex_lock(&shelf->bell.lock);
    is_so = strstr(shelf->log, words) != NULL;
    uv_mutex_unlock(&shelf->bell.lock);
    return is_so;
}

static void on_event(struct th_node *node, const struct th_node_event *event, void *data)
{
    struct shelf *shelf = data;

    (void)node;
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_READY)
        test_count(&shelf->bell, &shelf->ready);
    if (event->kind == TH_EVENT_STATE && event->state == TH_STATE_ALONE)
        test_count(&shelf->bell, &shelf->alone);
}

static enum th_err new_node(struct th_node **node, struct shelf *shelf, const char *entry)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct th_node_options options;

    th_node_options_init(&options, sizeof options);
    options.listen = listen;
    options.listen_count = 1;
    options.seeds = entry;
    options.seeds_len = entry ? strlen(entry) : 0;
    options.log = take_log;
    options.log_data = shelf;
    options.load = load;
    options.save = save;
    options.keep_data = shelf;
    *node = NULL;
    return th_node_new(node, &options);
}

/* --- the identity -------------------------------------------------------------------------------------- */

static void identity_is_made_once_and_the_same_in_every_run(void **state)
{
    (void)state;
    struct shelf shelf;
    struct th_node *node;
    char first[TH_HASHNAME_SIZE];
    shelf_init(&shelf);

    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
    memcpy(first, th_node_hashname(node), sizeof first);
    th_node_close(node, NULL, NULL);
    assert_int_equal(shelf.saves[TH_KEPT_IDENTITY], 1);
    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);

    assert_string_equal(th_node_hashname(node), first);
    assert_int_equal(shelf.saves[TH_KEPT_IDENTITY], 1);
    th_node_close(node, NULL, NULL);
    shelf_clear(&shelf);
}

static void identity_that_is_not_saved_or_read_makes_no_node(void **state)
{
    (void)state;
    static const struct {
        int says;
        enum th_err told;
    } cases[] = {
        {TH_IO, TH_IO},    {TH_NO_SPACE, TH_NO_SPACE}, {TH_NO_PERMISSION, TH_NO_PERMISSION},
        {TH_AGAIN, TH_IO}, {TH_TOO_BIG, TH_IO},        {TH_FORMAT, TH_IO},
        {TH_EOF, TH_IO},   {TH_NEWER, TH_IO},          {ALIENS, TH_IO}};

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shelf shelf;
        struct th_node *node;
        shelf_init(&shelf);
        shelf.identity_fails = cases[i].says;

        assert_int_equal(new_node(&node, &shelf, NULL), cases[i].told);
        assert_null(node);
        assert_true(has_said(&shelf, "identity: "));
        assert_null(shelf.text[TH_KEPT_IDENTITY]);
        shelf_clear(&shelf);
    }
}

/* The first time there is nothing to load: only save can fail. */
static enum th_err loads_nothing(void *data, enum th_kept_part part, char *text, size_t *len)
{
    (void)data, (void)part, (void)text, (void)len;
    return TH_NO_ENTRY;
}

static enum th_err saves_nothing(void *data, enum th_kept_part part, const char *text, size_t len)
{
    (void)part, (void)text, (void)len;
    return *(const enum th_err *)data;
}

static void new_identity_that_is_not_saved_makes_no_node(void **state)
{
    (void)state;
    static const enum th_err says[] = {TH_IO, TH_NO_SPACE, TH_NO_ENTRY, TH_AGAIN};
    static const enum th_err told[] = {TH_IO, TH_NO_SPACE, TH_IO, TH_IO};

    for (unsigned i = 0; i < sizeof says / sizeof says[0]; i++) {
        struct th_node_options options;
        struct th_node *node = NULL;
        enum th_err e = says[i];
        th_node_options_init(&options, sizeof options);
        options.load = loads_nothing;
        options.save = saves_nothing;
        options.keep_data = &e;

        assert_int_equal(th_node_new(&node, &options), told[i]);
        assert_null(node);
    }
}

static void identity_of_the_options_goes_before_the_kept_one(void **state)
{
    (void)state;
    struct th_node_options options;
    struct th_identity *identity;
    struct th_node *node;
    enum th_err never = TH_IO;
    char hashname[TH_HASHNAME_SIZE];
    assert_int_equal(th_identity_generate(&identity), TH_OK);
    th_identity_hashname(identity, hashname);
    th_node_options_init(&options, sizeof options);
    options.identity = identity;
    options.load = loads_nothing;
    options.save = saves_nothing;
    options.keep_data = &never;

    assert_int_equal(th_node_new(&node, &options), TH_OK);
    assert_string_equal(th_node_hashname(node), hashname);
    th_node_close(node, NULL, NULL);
    th_identity_free(identity);
}

/* --- what cannot be read ------------------------------------------------------------------------------- */

static void text_that_cannot_be_read_is_told_and_nothing_is_saved_over_it(void **state)
{
    (void)state;
    static const struct {
        enum th_kept_part part;
        const char *text;
        enum th_err told;
    } cases[] = {
        {TH_KEPT_IDENTITY, "no keys", TH_FORMAT},
        {TH_KEPT_PEERS, "{\"format\":1,\"peers\":7}", TH_FORMAT},
        {TH_KEPT_AGES, "", TH_FORMAT},
        {TH_KEPT_CLOCK, "{\"format\":1}", TH_FORMAT},
        {TH_KEPT_PEERS, "{\"format\":2}", TH_NEWER},
        {TH_KEPT_AGES, "{\"format\":99,\"ages\":{}}", TH_NEWER},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shelf shelf;
        struct th_node *node;
        shelf_init(&shelf);
        assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
        th_node_close(node, NULL, NULL);
        put(&shelf, cases[i].part, cases[i].text, strlen(cases[i].text));

        assert_int_equal(new_node(&node, &shelf, NULL), cases[i].told);
        assert_null(node);
        assert_string_equal(shelf.text[cases[i].part], cases[i].text);
        assert_true(shelf.log[0] != 0);
        shelf_clear(&shelf);
    }
}

static void load_that_fails_or_lies_makes_no_node(void **state)
{
    (void)state;
    struct shelf shelf;
    struct th_node *node;
    shelf_init(&shelf);
    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
    th_node_close(node, NULL, NULL);

    shelf.load_fails = TH_IO;
    assert_int_equal(new_node(&node, &shelf, NULL), TH_IO);
    shelf.load_fails = TH_NO_PERMISSION;
    assert_int_equal(new_node(&node, &shelf, NULL), TH_NO_PERMISSION);
    shelf.load_fails = TH_TOO_BIG; /* without saying how much more: len stays */
    assert_int_equal(new_node(&node, &shelf, NULL), TH_IO);
    shelf.load_fails = 0;
    shelf.lies = 1;
    assert_int_equal(new_node(&node, &shelf, NULL), TH_IO);
    shelf.lies = 0;
    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
    th_node_close(node, NULL, NULL);
    shelf_clear(&shelf);
}

/* Room is asked for as often as need be, but not without end. */
static void large_text_is_loaded_and_one_over_a_megabyte_refused(void **state)
{
    (void)state;
    static char text[(1 << 20) + 64];
    static const char begin[] = "{\"format\":1,\"at\":12345}";
    struct shelf shelf;
    struct th_node *node;
    shelf_init(&shelf);

    memset(text, ' ', sizeof text);
    memcpy(text, begin, sizeof begin - 1);
    put(&shelf, TH_KEPT_CLOCK, text, 1 << 20);
    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
    th_node_close(node, NULL, NULL);
    put(&shelf, TH_KEPT_CLOCK, text, (1 << 20) + 1);

    assert_int_equal(new_node(&node, &shelf, NULL), TH_TOO_BIG);
    shelf_clear(&shelf);
}

/* --- peers --------------------------------------------------------------------------------------------- */

/* Lets a node that knows `seed` join, and closes it. */
static void run_once(struct shelf *shelf, struct th_node *seed)
{
    char entry[TEST_ENTRY_MAX];
    struct th_node *node;

    test_entry_of(seed, entry);
    assert_int_equal(new_node(&node, shelf, entry), TH_OK);
    assert_int_equal(th_node_start(node, NULL, on_event, shelf), TH_OK);
    assert_true(test_wait_for(&shelf->bell, &shelf->ready, 1));
    th_node_close(node, NULL, NULL);
}

static void node_without_seeds_joins_through_the_peers_of_its_last_run(void **state)
{
    (void)state;
    struct shelf shelf;
    struct th_node *seed = test_node_new(NULL), *node;
    shelf_init(&shelf);
    assert_int_equal(th_node_start(seed, NULL, NULL, NULL), TH_OK);

    run_once(&shelf, seed);
    assert_non_null(shelf.text[TH_KEPT_PEERS]);
    assert_non_null(strstr(shelf.text[TH_KEPT_PEERS], th_node_hashname(seed)));
    assert_non_null(strstr(shelf.text[TH_KEPT_AGES], th_node_hashname(seed)));
    assert_true(shelf.saves[TH_KEPT_CLOCK] > 0);
    assert_int_equal(new_node(&node, &shelf, NULL), TH_OK);
    assert_int_equal(th_node_start(node, NULL, on_event, &shelf), TH_OK);

    assert_true(test_wait_for(&shelf.bell, &shelf.ready, 2));
    th_node_close(node, NULL, NULL);
    th_node_close(seed, NULL, NULL);
    assert_false(has_said(&shelf, "not_saved"));
    shelf_clear(&shelf);
}

static void save_that_fails_is_said_and_the_node_goes_on(void **state)
{
    (void)state;
    struct shelf shelf;
    struct th_node *seed = test_node_new(NULL);
    shelf_init(&shelf);
    assert_int_equal(th_node_start(seed, NULL, NULL, NULL), TH_OK);
    shelf.save_fails = TH_NO_SPACE;

    run_once(&shelf, seed);
    assert_true(shelf.refused > 0);
    assert_true(has_said(&shelf, "not_saved what the application keeps/peers.json"));
    assert_null(shelf.text[TH_KEPT_PEERS]);
    shelf.save_fails = 0;
    shelf.ready = 0;
    run_once(&shelf, seed);

    assert_non_null(shelf.text[TH_KEPT_PEERS]);
    th_node_close(seed, NULL, NULL);
    shelf_clear(&shelf);
}

static void on_closed(void *data)
{
    *(int *)data = 1;
}

/* On the loop of the application the last save comes before on_closed, and the loop is free after it. */
static void node_on_a_loop_saves_before_it_has_closed(void **state)
{
    (void)state;
    struct shelf shelf;
    struct th_node *seed = test_node_new(NULL), *node;
    char entry[TEST_ENTRY_MAX];
    uv_loop_t loop;
    int is_closed = 0;
    shelf_init(&shelf);
    assert_int_equal(th_node_start(seed, NULL, NULL, NULL), TH_OK);
    test_entry_of(seed, entry);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(new_node(&node, &shelf, entry), TH_OK);
    assert_int_equal(th_node_start(node, &loop, on_event, &shelf), TH_OK);

    while (shelf.ready == 0)
        uv_run(&loop, UV_RUN_ONCE);
    th_node_close(node, on_closed, &is_closed);
    while (!is_closed)
        uv_run(&loop, UV_RUN_ONCE);

    assert_int_equal(shelf.saves[TH_KEPT_PEERS], 1);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    th_node_close(seed, NULL, NULL);
    shelf_clear(&shelf);
}

/* --- versions ------------------------------------------------------------------------------------------ */

static void one_callback_without_the_other_is_refused(void **state)
{
    (void)state;
    for (unsigned has_load = 0; has_load < 2; has_load++) {
        struct th_node_options options;
        struct th_node *node = NULL;
        th_node_options_init(&options, sizeof options);
        if (has_load)
            options.load = loads_nothing;
        else
            options.save = saves_nothing;

        assert_int_equal(th_node_new(&node, &options), TH_INVALID);
        assert_null(node);
    }
}

/* A program that was built before there was load: what lies behind its options is not looked at. */
static void options_of_the_first_version_are_taken(void **state)
{
    (void)state;
    struct th_node_options options;
    struct th_node *node = NULL;
    size_t first = offsetof(struct th_node_options, load);
    memset(&options, 0x5a, sizeof options);

    th_node_options_init(&options, first);
    assert_int_equal(options.size, first);
    assert_int_equal(th_node_new(&node, &options), TH_OK);
    th_node_close(node, NULL, NULL);
    th_node_options_init(&options, first - 1);

    assert_int_equal(options.size, 0);
    assert_int_equal(th_node_new(&node, &options), TH_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_is_made_once_and_the_same_in_every_run),
        cmocka_unit_test(identity_that_is_not_saved_or_read_makes_no_node),
        cmocka_unit_test(new_identity_that_is_not_saved_makes_no_node),
        cmocka_unit_test(identity_of_the_options_goes_before_the_kept_one),
        cmocka_unit_test(text_that_cannot_be_read_is_told_and_nothing_is_saved_over_it),
        cmocka_unit_test(load_that_fails_or_lies_makes_no_node),
        cmocka_unit_test(large_text_is_loaded_and_one_over_a_megabyte_refused),
        cmocka_unit_test(node_without_seeds_joins_through_the_peers_of_its_last_run),
        cmocka_unit_test(save_that_fails_is_said_and_the_node_goes_on),
        cmocka_unit_test(node_on_a_loop_saves_before_it_has_closed),
        cmocka_unit_test(one_callback_without_the_other_is_refused),
        cmocka_unit_test(options_of_the_first_version_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
