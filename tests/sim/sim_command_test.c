/* The words of thsim: what is read, and what is refused with the right exit code. */
#include "tools/sim/command.h"

#include "tests/lib/test_cmocka.h"

#include <stdio.h>
#include <string.h>

static void times_are_read_with_their_unit(void **state)
{
    (void)state;
    const struct {
        const char *text;
        th_ms ms;
    } times[] = {{"90s", 90000}, {"30m", 1800000},  {"1h", 3600000},
                 {"250ms", 250}, {"12.345", 12345}, {"1.5s", 1500},
                 {"0", 0},       {"612", 612000},   {"0.25m", 15000}};
    const char *wrong[] = {"", "s", "-1s", "1d", "1s ", " 1s", "1.2.3", "x", "1e3", "9999999999s"};
    th_ms ms = 77;

    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(th_sim_read_time(&ms, times[i].text));
        assert_int_equal(ms, times[i].ms);
    }
    ms = 77;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(th_sim_read_time(&ms, wrong[i]));

    assert_false(th_sim_read_time(&ms, NULL));
    assert_int_equal(ms, 77);
}

static void numbers_are_whole_and_within_their_limit(void **state)
{
    (void)state;
    uint64_t number = 0;

    assert_true(th_sim_read_number(&number, "18446744073709551615", UINT64_MAX));
    assert_true(number == UINT64_MAX);
    assert_true(th_sim_read_number(&number, "7", 7));
    assert_int_equal(number, 7);
    assert_false(th_sim_read_number(&number, "8", 7));
    assert_false(th_sim_read_number(&number, "18446744073709551616", UINT64_MAX));
    assert_false(th_sim_read_number(&number, "-1", 7));
    assert_false(th_sim_read_number(&number, "", 7));
    assert_false(th_sim_read_number(&number, NULL, 7));
    assert_int_equal(number, 7);
}

enum { WORDS_MAX = 8 };

/* Runs a command with words that are wrong; what it prints goes to stderr and is not looked at. */
static int refused(int (*command)(int argc, char **argv), const char *line)
{
    char copy[256], *words[WORDS_MAX] = {0}, *at = copy;
    int count = 0;

    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &at); word && count < WORDS_MAX - 1;
         word = strtok_r(NULL, " ", &at))
        words[count++] = word;
    return command(count, words);
}

static void wrong_words_end_with_2_before_anything_runs(void **state)
{
    (void)state;
    const char *runs[] = {"run",
                          "run --scenario",
                          "run --scenario warm",
                          "run --nodes 10",
                          "run --scenario cold --nodes 1",
                          "run --scenario cold --nodes many",
                          "run --scenario cold --virtual soon",
                          "run --scenario cold --faults gain=5",
                          "run --scenario cold --sed 1",
                          "run --scenario cold --seed"};
    const char *replays[] = {"replay",
                             "replay cold",
                             "replay warm/10/1",
                             "replay cold/1/1",
                             "replay cold/10/1 --from now",
                             "replay cold/10/1 --to then",
                             "replay cold/10/1 --node xyz",
                             "replay cold/10/1 --trac"};
    puts("(the complaints that follow are part of the test)");
    fflush(stdout);

    for (unsigned i = 0; i < sizeof runs / sizeof runs[0]; i++)
        assert_int_equal(refused(th_sim_command_run, runs[i]), TH_EXIT_USAGE);
    for (unsigned i = 0; i < sizeof replays / sizeof replays[0]; i++)
        assert_int_equal(refused(th_sim_command_replay, replays[i]), TH_EXIT_USAGE);
    assert_int_equal(refused(th_sim_command_list, "list all"), TH_EXIT_USAGE);
}

static void faults_are_written_as_they_are_read(void **state)
{
    (void)state;
    char text[TH_FAULTS_TEXT_MAX], wrong[TH_FAULTS_TEXT_MAX], all[TH_FAULTS_TEXT_MAX] = "";
    struct th_faults faults;

    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++) {
        snprintf(text, sizeof text, "%s=%u", kind->name, (unsigned)kind->max);
        assert_true(th_faults_read(&faults, text, wrong));
        th_faults_write(&faults, all);
        assert_string_equal(all, kind->max == kind->usual ? "" : text);
        snprintf(text, sizeof text, "%s=%llu", kind->name, (unsigned long long)kind->max + 1);
        assert_false(th_faults_read(&faults, text, wrong));
    }

    th_faults_init(&faults);
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++)
        *th_fault_of(&faults, kind) = kind->max;
    th_faults_write(&faults, all);
    assert_true(th_faults_read(&faults, all, wrong));
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++)
        assert_int_equal(*th_fault_of(&faults, kind), kind->max);

    th_faults_init(&faults);
    th_faults_write(&faults, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_their_unit),
        cmocka_unit_test(numbers_are_whole_and_within_their_limit),
        cmocka_unit_test(wrong_words_end_with_2_before_anything_runs),
        cmocka_unit_test(faults_are_written_as_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
