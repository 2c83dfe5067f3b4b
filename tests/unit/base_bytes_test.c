#include "switch/base/bytes.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

static void hex_is_written_in_lower_case_with_a_closing_zero(void **state)
{
    (void)state;
    char hex[7] = "xxxxxx";

    th_hex_write(hex, (const uint8_t[]){0x00, 0xaf, 0x9c}, 3);

    assert_string_equal(hex, "00af9c");
}

static void no_bytes_make_an_empty_hex_text(void **state)
{
    (void)state;
    char hex[1] = "x";

    th_hex_write(hex, NULL, 0);

    assert_string_equal(hex, "");
}

static void hex_of_either_case_is_read(void **state)
{
    (void)state;
    uint8_t bytes[3];

    assert_true(th_hex_read(bytes, 3, "aFBc09", 6));

    assert_memory_equal(bytes, ((uint8_t[]){0xaf, 0xbc, 0x09}), 3);
}

static void bad_hex_leaves_the_bytes_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "0",    "00",   "000", "00000",
                                      "0g00", "000 ", "-100", "000/"};
    uint8_t bytes[2] = {7, 7};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(th_hex_read(bytes, 2, bad[i], strlen(bad[i])));

    assert_memory_equal(bytes, ((uint8_t[]){7, 7}), 2);
}

static void only_the_digits_of_hex_have_a_value(void **state)
{
    (void)state;
    unsigned digits = 0;

    for (int c = -128; c < 128; c++)
        if (th_hex_digit((char)c) >= 0)
            digits++;

    assert_int_equal(digits, 22);
    assert_int_equal(th_hex_digit('0'), 0);
    assert_int_equal(th_hex_digit('f'), 15);
    assert_int_equal(th_hex_digit('A'), 10);
}

static void runs_of_bytes_are_equal_by_length_and_content(void **state)
{
    (void)state;
    struct th_bytes nothing = {NULL, 0};

    assert_true(th_bytes_are_equal(th_bytes_of("abc"), th_bytes_of("abc")));
    assert_true(th_bytes_are_equal(nothing, th_bytes_of("")));
    assert_false(th_bytes_are_equal(th_bytes_of("abc"), th_bytes_of("abd")));
    assert_false(th_bytes_are_equal(th_bytes_of("abc"), th_bytes_of("ab")));
    assert_false(th_bytes_are_equal(nothing, th_bytes_of("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_written_in_lower_case_with_a_closing_zero),
        cmocka_unit_test(no_bytes_make_an_empty_hex_text),
        cmocka_unit_test(hex_of_either_case_is_read),
        cmocka_unit_test(bad_hex_leaves_the_bytes_alone),
        cmocka_unit_test(only_the_digits_of_hex_have_a_value),
        cmocka_unit_test(runs_of_bytes_are_equal_by_length_and_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
