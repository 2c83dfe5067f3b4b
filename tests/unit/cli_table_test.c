/* The table of what a program may be told: what follows a command, and which flags go with it. */
#include "tests/lib/test_cmocka.h"
#include "tools/cli/cli.h"

#include <string.h>

static void words_that_must_and_may_follow_are_counted(void **state)
{
    static const struct {
        const char *params;
        unsigned least, most;
    } rows[] = {{"", 0, 0},
                {"HASHNAME", 1, 1},
                {"HASHNAME NAME", 2, 2},
                {"[SERVER]", 0, 1},
                {"URI [NAME]", 1, 2},
                {"FILE...", 1, (unsigned)-1},
                {"[FILTER...]", 0, 0},
                {"[SUITE...]", 0, (unsigned)-1}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned least, most;

        th_cli_params_count(rows[i].params, &least, &most);

        assert_int_equal(least, rows[i].least);
        assert_int_equal(most, rows[i].most);
    }
}

static void word_stands_for_the_parameter_at_its_place(void **state)
{
    static const struct {
        const char *params;
        unsigned at;
        const char *name; /* NULL: none */
    } rows[] = {{"HASHNAME NAME", 0, "HASHNAME"}, {"HASHNAME NAME", 1, "NAME"},
                {"HASHNAME NAME", 2, NULL},       {"[SERVER]", 0, "SERVER"},
                {"FILE...", 0, "FILE"},           {"FILE...", 7, "FILE"},
                {"[SUITE...]", 3, "SUITE"},       {"", 0, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[TH_CLI_NAME_MAX];

        bool is_there = th_cli_param_at(name, rows[i].params, rows[i].at);

        assert_int_equal(is_there, rows[i].name != NULL);
        if (is_there)
            assert_string_equal(name, rows[i].name);
    }
}

static void flag_goes_with_the_commands_it_names_whole(void **state)
{
    const struct th_cli_flag all = {.name = "--json"};
    const struct th_cli_flag some = {.name = "--for", .commands = "watch, seeds export, log"};

    (void)state;
    assert_true(th_cli_goes_with(&all, "watch"));
    assert_true(th_cli_goes_with(&some, "watch"));
    assert_true(th_cli_goes_with(&some, "seeds export"));
    assert_true(th_cli_goes_with(&some, "log"));
    assert_false(th_cli_goes_with(&some, "seeds"));
    assert_false(th_cli_goes_with(&some, "lo"));
    assert_false(th_cli_goes_with(&some, "logs"));
    assert_false(th_cli_goes_with(&some, "export"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_must_and_may_follow_are_counted),
        cmocka_unit_test(word_stands_for_the_parameter_at_its_place),
        cmocka_unit_test(flag_goes_with_the_commands_it_names_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
