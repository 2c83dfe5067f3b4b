#include "switch/base/hash.h"
#include <stdbool.h>
#include "tests/lib/test_cmocka.h"

struct item {
    uint64_t key;
    UT_hash_handle hh;
};

static const uint8_t secret[TH_HASH_SECRET_BYTES] = {1, 2, 3};

static bool add(struct item **table, struct item *item)
{
    unsigned h = th_hash(secret, &item->key, sizeof item->key);

    HASH_ADD_BYHASHVALUE(hh, *table, key, sizeof item->key, h, item);
    return item->hh.tbl != NULL;
}

static struct item *find(struct item *table, uint64_t key)
{
    struct item *item;

    HASH_FIND_BYHASHVALUE(hh, table, &key, sizeof key, th_hash(secret, &key, sizeof key), item);
    return item;
}

static void hash_depends_on_the_secret_and_on_every_byte(void **state)
{
    (void)state;
    uint8_t other[TH_HASH_SECRET_BYTES] = {1, 2, 4};

    assert_int_equal(th_hash(secret, "abc", 3), th_hash(secret, "abc", 3));
    assert_int_not_equal(th_hash(secret, "abc", 3), th_hash(other, "abc", 3));
    assert_int_not_equal(th_hash(secret, "abc", 3), th_hash(secret, "abd", 3));
}

static void what_was_added_is_found_and_walked_in_order_of_adding(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct item items[N];
    struct item *table = NULL;
    uint64_t next = 0;

    for (uint64_t i = 0; i < N; i++) {
        items[i].key = i;
        assert_true(add(&table, &items[i]));
    }

    assert_ptr_equal(find(table, 217), &items[217]);
    assert_null(find(table, N));
    for (struct item *item = table; item; item = item->hh.next)
        assert_int_equal(item->key, next++);
    assert_int_equal(next, N);
    HASH_CLEAR(hh, table);
}

static void refused_memory_is_seen_by_who_adds(void **state)
{
    (void)state;
    struct item item = {.key = 1};
    struct item *table = NULL;

    th_mem_refuse(1);
    assert_false(add(&table, &item));
    assert_null(table);

    assert_true(add(&table, &item));
    HASH_CLEAR(hh, table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_depends_on_the_secret_and_on_every_byte),
        cmocka_unit_test(what_was_added_is_found_and_walked_in_order_of_adding),
        cmocka_unit_test(refused_memory_is_seen_by_who_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
