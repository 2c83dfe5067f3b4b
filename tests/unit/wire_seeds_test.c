#include "switch/wire/seeds.h"

#include "switch/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static struct th_seed made(uint16_t number)
{
    uint8_t seed_bytes[TH_KEY_BYTES] = {(uint8_t)number, (uint8_t)(number >> 8)};
    struct th_identity id;
    struct th_seed seed = {.paths.count = 1};

    th_identity_make(&id, seed_bytes);
    seed.id = id.hashname;
    seed.parts = id.parts;
    seed.key = id.keys.pub;
    assert_true(th_addr_read_ip(&seed.paths.addr[0], "192.0.2.1", (uint16_t)(number + 1)));
    return seed;
}

/* Not inlined: gcc 12 at -O2 would take what points into the text for a pointer to the variable. */
static __attribute__((noinline)) char *file_of(const struct th_seed *seeds, unsigned count)
{
    char *text = NULL;

    assert_int_equal(th_seeds_write(&text, seeds, count), TH_OK);
    return text;
}

/* The good file of one seed with one word replaced by another. */
static char *file_with(const char *word, const char *other)
{
    struct th_seed seed = made(1);
    char *good = file_of(&seed, 1), *text = th_mem_zalloc(5000, 1);

    assert_non_null(strstr(good, word));
    size_t before = (size_t)(strstr(good, word) - good);
    snprintf(text, 5000, "%.*s%s%s", (int)before, good, other, good + before + strlen(word));
    th_mem_free(good);
    return text;
}

static void refused(struct th_seeds *seeds, char *text, const char *words)
{
    char complaint[TH_COMPLAINT_MAX] = "";
    struct th_seeds before = *seeds;

    assert_int_equal(th_seeds_read(seeds, th_bytes_of(text), complaint), TH_FORMAT);
    if (strstr(complaint, words) == NULL)
        fail_msg("the complaint is: %s", complaint);
    assert_memory_equal(seeds, &before, sizeof before);
    th_mem_free(text);
}

static char *copy(const char *text)
{
    return th_mem_copy(text, strlen(text));
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct th_seed some[] = {made(1), made(2), made(3)};
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX];
    struct th_fingerprint fp = {{9}};
    assert_true(th_parts_add(&some[1].parts, 0x1a, &fp));
    th_hashname_of(&some[1].id, &some[1].parts);
    some[2].paths.count = TH_PATHS_MAX;
    for (unsigned i = 0; i < TH_PATHS_MAX; i++)
        assert_true(th_addr_read_ip(&some[2].paths.addr[i],
                                    "2fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535));

    char *text = file_of(some, 3);

    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);
    assert_int_equal(seeds.count, 3);
    assert_memory_equal(seeds.seed, some, sizeof some);
    th_mem_free(text);
    th_seeds_clear(&seeds);
}

static void the_largest_seed_fits_its_room(void **state)
{
    (void)state;
    struct th_seed seeds[20];
    seeds[0] = made(1);
    for (uint8_t csid = 0xf0; seeds[0].parts.count < TH_PARTS_MAX; csid++)
        assert_true(th_parts_add(&seeds[0].parts, csid, &seeds[0].parts.part[0].fingerprint));
    seeds[0].paths.count = TH_PATHS_MAX;
    for (unsigned i = 0; i < TH_PATHS_MAX; i++)
        assert_true(th_addr_read_ip(&seeds[0].paths.addr[i],
                                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535));
    for (size_t i = 1; i < 20; i++)
        seeds[i] = seeds[0];

    char *text = file_of(seeds, 20);

    assert_true(strlen(text) > 20 * 1000);
    th_mem_free(text);
}

static void an_empty_file_of_seeds_is_fine(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX];

    assert_int_equal(th_seeds_read(&seeds, th_bytes_of("{}"), complaint), TH_OK);
    char *text = file_of(NULL, 0);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);

    assert_int_equal(seeds.count, 0);
    assert_null(seeds.seed);
    th_mem_free(text);
}

static void a_hashname_is_appended_once(void **state)
{
    (void)state;
    struct th_seed some[] = {made(1), made(2)};
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX];
    char *one = file_of(some, 1), *both = file_of(some, 2);

    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(one), complaint), TH_OK);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(both), complaint), TH_OK);

    assert_int_equal(seeds.count, 2);
    assert_true(th_hashname_is_equal(&seeds.seed[1].id, &some[1].id));
    th_mem_free(one);
    th_mem_free(both);
    th_seeds_clear(&seeds);
}

static void unknown_members_and_paths_are_skipped(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX];
    char *text =
        file_with("\"paths\":[", "\"admin\":{\"name\":\"x\"},\"paths\":[{\"type\":\"http\"},");

    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);

    assert_int_equal(seeds.count, 1);
    assert_int_equal(seeds.seed[0].paths.count, 1);
    th_mem_free(text);
    th_seeds_clear(&seeds);
}

static void a_file_that_is_no_json_is_refused_with_line_and_column(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};

    refused(&seeds, copy(""), "line 1, column 0");
    refused(&seeds, copy("{\n  oops}"), "line 2, column 6");
    refused(&seeds, copy("[]"), "line 1");
    refused(&seeds, copy("7"), "line 1");
}

static void a_bad_seed_is_named_and_the_list_stays_as_it_was(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    struct th_seed two = made(2);
    char complaint[TH_COMPLAINT_MAX], *text = file_of(&two, 1);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_OK);
    th_mem_free(text);
    struct th_seed one = made(1);
    char hex[TH_HASHNAME_HEX + 1];
    th_hashname_write(hex, &one.id);

    refused(&seeds, copy("{\"abc\":{}}"), "\"abc\"");
    refused(&seeds, file_with("\"parts\"", "\"tarps\""), hex);
    refused(&seeds, file_with("\"keys\"", "\"locks\""), "no key");
    refused(&seeds, file_with("{\"3a\":\"", "{\"3a\":\"0"), "\"parts\"");
    refused(&seeds, file_with("\"paths\":[", "\"oaths\":[],\"paths\":7,\"x\":["), "\"paths\"");
    refused(&seeds, file_with("\"keys\":{\"3a\":\"", "\"keys\":{\"3a\":\"AAAA"), "base64");
    refused(&seeds, file_with("\"keys\":{\"3a\":\"", "\"keys\":{\"2a\":\""), "no key");

    assert_int_equal(seeds.count, 1);
    assert_true(th_hashname_is_equal(&seeds.seed[0].id, &two.id));
    th_seeds_clear(&seeds);
}

static void parts_and_key_must_make_the_hashname(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    struct th_seed wrong_name = made(1), wrong_key = made(1), other = made(2);

    wrong_name.id = other.id;
    refused(&seeds, file_of(&wrong_name, 1), "another hashname");
    wrong_key.key = other.key;
    refused(&seeds, file_of(&wrong_key, 1), "does not match");
}

static void more_seeds_than_the_limit_are_refused_together(void **state)
{
    (void)state;
    struct th_seed *many = th_mem_zalloc(TH_SEEDS_MAX + 1, sizeof *many);
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX];
    for (uint16_t i = 0; i <= TH_SEEDS_MAX; i++)
        many[i] = made(i);
    char *all = file_of(many, TH_SEEDS_MAX + 1), *some = file_of(many, TH_SEEDS_MAX);

    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(all), complaint), TH_LIMIT);
    assert_int_equal(seeds.count, 0);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(some), complaint), TH_OK);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(some), complaint), TH_OK);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(all), complaint), TH_LIMIT);
    assert_int_equal(seeds.count, TH_SEEDS_MAX);

    th_mem_free(all);
    th_mem_free(some);
    th_mem_free(many);
    th_seeds_clear(&seeds);
}

static void without_memory_nothing_is_read_or_written(void **state)
{
    (void)state;
    struct th_seed seed = made(1);
    struct th_seeds seeds = {0};
    char complaint[TH_COMPLAINT_MAX], *text = file_of(&seed, 1), *other = NULL;

    th_mem_refuse(1);
    assert_int_equal(th_seeds_read(&seeds, th_bytes_of(text), complaint), TH_NO_MEMORY);
    th_mem_refuse(1);
    assert_int_equal(th_seeds_write(&other, &seed, 1), TH_NO_MEMORY);

    assert_null(seeds.seed);
    assert_null(other);
    th_mem_free(text);
}

static void node_that_is_added_again_gets_the_addresses_that_it_lacks(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    struct th_seed first = made(1), again = made(1), other = made(2);
    again.paths.count = TH_PATHS_MAX;
    for (unsigned i = 0; i < TH_PATHS_MAX; i++)
        assert_true(th_addr_read_ip(&again.paths.addr[i], "192.0.2.1", (uint16_t)(2 + i)));

    assert_int_equal(th_seeds_add(&seeds, &first), TH_OK);
    assert_int_equal(th_seeds_add(&seeds, &other), TH_OK);
    assert_int_equal(th_seeds_add(&seeds, &again), TH_OK); /* its first address is there already */
    again.paths.addr[0].port = 9;
    assert_int_equal(th_seeds_add(&seeds, &again), TH_OK); /* one more has no room */

    assert_int_equal(seeds.count, 2);
    assert_int_equal(seeds.seed[0].paths.count, TH_PATHS_MAX);
    for (unsigned i = 0; i < TH_PATHS_MAX; i++)
        assert_int_equal(seeds.seed[0].paths.addr[i].port, 2 + i);
    assert_int_equal(seeds.seed[1].paths.count, 1);
    th_seeds_clear(&seeds);
}

static void list_that_is_full_or_finds_no_memory_takes_no_other_and_stays_whole(void **state)
{
    (void)state;
    struct th_seeds seeds = {0};
    struct th_seed seed = made(1);

    th_mem_refuse(1);
    assert_int_equal(th_seeds_add(&seeds, &seed), TH_NO_MEMORY);
    assert_int_equal(seeds.count, 0);
    for (unsigned i = 0; i < TH_SEEDS_MAX; i++) {
        memcpy(seed.id.b, &i, sizeof i);
        assert_int_equal(th_seeds_add(&seeds, &seed), TH_OK);
    }
    unsigned known = TH_SEEDS_MAX / 2, unknown = TH_SEEDS_MAX;

    memcpy(seed.id.b, &unknown, sizeof unknown);
    assert_int_equal(th_seeds_add(&seeds, &seed), TH_LIMIT);
    memcpy(seed.id.b, &known, sizeof known);
    assert_int_equal(th_seeds_add(&seeds, &seed), TH_OK);
    assert_int_equal(seeds.count, TH_SEEDS_MAX);
    th_seeds_clear(&seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_largest_seed_fits_its_room),
        cmocka_unit_test(an_empty_file_of_seeds_is_fine),
        cmocka_unit_test(a_hashname_is_appended_once),
        cmocka_unit_test(unknown_members_and_paths_are_skipped),
        cmocka_unit_test(a_file_that_is_no_json_is_refused_with_line_and_column),
        cmocka_unit_test(a_bad_seed_is_named_and_the_list_stays_as_it_was),
        cmocka_unit_test(parts_and_key_must_make_the_hashname),
        cmocka_unit_test(more_seeds_than_the_limit_are_refused_together),
        cmocka_unit_test(without_memory_nothing_is_read_or_written),
        cmocka_unit_test(node_that_is_added_again_gets_the_addresses_that_it_lacks),
        cmocka_unit_test(list_that_is_full_or_finds_no_memory_takes_no_other_and_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
