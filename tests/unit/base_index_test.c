#include "switch/base/index.h"
#include "switch/base/mem.h"
#include "tests/lib/test_cmocka.h"

enum { NODES = 1000 };

static void put_in(struct th_index *index, struct th_index_node *nodes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(th_index_add(index, &nodes[i], i), TH_OK);
}

static void who_was_put_in_is_found_until_taken_out(void **state)
{
    (void)state;
    static struct th_index_node nodes[NODES];
    struct th_index index = {0};
    assert_null(th_index_find(&index, 0));

    put_in(&index, nodes, NODES);
    for (unsigned i = 0; i < NODES; i += 2)
        th_index_remove(&index, &nodes[i]);

    assert_int_equal(index.count, NODES / 2);
    for (unsigned i = 0; i < NODES; i++)
        assert_ptr_equal(th_index_find(&index, i), i % 2 ? &nodes[i] : NULL);
    th_index_clear(&index);
}

static void several_of_one_key_are_all_found(void **state)
{
    (void)state;
    struct th_index_node nodes[3] = {{0}};
    struct th_index index = {0};
    unsigned found = 0;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(th_index_add(&index, &nodes[i], 7), TH_OK);

    for (struct th_index_node *node = th_index_find(&index, 7); node; node = th_index_next(node))
        found |= 1u << (node - nodes);

    assert_int_equal(found, 7);
    th_index_clear(&index);
}

static void what_has_become_too_large_gives_memory_back(void **state)
{
    (void)state;
    static struct th_index_node nodes[NODES];
    struct th_index index = {0};
    put_in(&index, nodes, NODES);
    size_t full = index.bucket_count;
    assert_true(full >= NODES);

    for (unsigned i = 10; i < NODES; i++)
        th_index_remove(&index, &nodes[i]);

    assert_true(index.bucket_count <= 64);
    for (unsigned i = 0; i < NODES; i++)
        assert_ptr_equal(th_index_find(&index, i), i < 10 ? &nodes[i] : NULL);
    th_index_clear(&index);
}

static void without_memory_to_become_smaller_it_stays_as_it_is(void **state)
{
    (void)state;
    static struct th_index_node nodes[NODES];
    struct th_index index = {0};
    put_in(&index, nodes, NODES);
    size_t full = index.bucket_count;

    for (unsigned i = 1; i < NODES; i++) {
        th_mem_refuse(1);
        th_index_remove(&index, &nodes[i]);
    }
    th_mem_refuse(0);

    assert_int_equal(index.bucket_count, full);
    assert_ptr_equal(th_index_find(&index, 0), &nodes[0]);
    th_index_clear(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_put_in_is_found_until_taken_out),
        cmocka_unit_test(several_of_one_key_are_all_found),
        cmocka_unit_test(what_has_become_too_large_gives_memory_back),
        cmocka_unit_test(without_memory_to_become_smaller_it_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
