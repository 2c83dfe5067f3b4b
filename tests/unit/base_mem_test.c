#include "switch/base/mem.h"

#include "tests/lib/test_cmocka.h"

static void new_memory_is_zero(void **state)
{
    (void)state;
    static const uint8_t zeros[40];

    uint8_t *memory = th_mem_zalloc(10, 4);

    assert_non_null(memory);
    assert_memory_equal(memory, zeros, sizeof zeros);
    th_mem_free(memory);
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    uint8_t *memory = th_mem_resize(NULL, 3, 1);
    assert_non_null(memory);
    memory[0] = 1;
    memory[2] = 3;

    memory = th_mem_resize(memory, 1000, 1);

    assert_non_null(memory);
    assert_int_equal(memory[0], 1);
    assert_int_equal(memory[2], 3);
    th_mem_free(memory);
}

static void a_size_beyond_all_memory_is_refused(void **state)
{
    (void)state;

    assert_null(th_mem_resize(NULL, SIZE_MAX / 2, 3));
    assert_null(th_mem_zalloc(SIZE_MAX / 2, 3));
}

static void a_copy_ends_with_a_zero(void **state)
{
    (void)state;

    char *copy = th_mem_copy("abcdef", 3);
    char *nothing = th_mem_copy(NULL, 0);

    assert_string_equal(copy, "abc");
    assert_string_equal(nothing, "");
    th_mem_free(copy);
    th_mem_free(nothing);
}

static void only_the_nth_allocation_is_refused(void **state)
{
    (void)state;
    th_mem_refuse(3);

    void *first = th_mem_zalloc(1, 1);
    void *second = th_mem_copy("x", 1);
    void *third = th_mem_resize(first, 9, 1);
    void *fourth = th_mem_resize(first, 9, 1);

    assert_non_null(first);
    assert_non_null(second);
    assert_null(third);
    assert_non_null(fourth);
    th_mem_free(second);
    th_mem_free(fourth);
}

static void a_refusal_can_be_called_off(void **state)
{
    (void)state;
    th_mem_refuse(1);
    th_mem_refuse(0);

    void *memory = th_mem_zalloc(1, 1);

    assert_non_null(memory);
    th_mem_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(a_size_beyond_all_memory_is_refused),
        cmocka_unit_test(a_copy_ends_with_a_zero),
        cmocka_unit_test(only_the_nth_allocation_is_refused),
        cmocka_unit_test(a_refusal_can_be_called_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
