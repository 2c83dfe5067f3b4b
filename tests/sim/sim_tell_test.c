/* What who reads the trace of a run is told. */
#include "tests/lib/test_cmocka.h"
#include "tools/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static const char token[] = "cold/4/1/null=1,lookups=4,length=8000,rest=0";

/* Runs it; *words: filled with what was printed, to be freed; NULL: nobody reads along. */
static void run(struct th_sim *sim, char **words, th_ms from, th_ms to, const char *node)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct th_sim_plan plan;
    size_t len;

    assert_true(th_sim_token_read(&plan, token, complaint));
    th_sim_init(sim, &plan);
    sim->is_quiet = true;
    FILE *out = words ? open_memstream(words, &len) : NULL;
    sim->world.trace.out = out;
    sim->world.trace.from = from;
    sim->world.trace.to = to;
    snprintf(sim->world.trace.node, sizeof sim->world.trace.node, "%s", node);
    assert_true(th_sim_run(sim));
    th_sim_check(sim, false, "made_up", "nothing is wrong");
    sim->world.trace.out = NULL; /* what its end says goes nowhere */
    if (out)
        fclose(out);
}

static void packets_of_a_line_are_told_in_the_words_of_the_protocol(void **state)
{
    (void)state;
    struct th_sim sim;
    char *words;

    run(&sim, &words, 0, 0, "");

    assert_non_null(strstr(words, "switch is to open a line to "));
    assert_non_null(strstr(words, "switch is to open a seek channel to "));
    assert_non_null(strstr(words, ": \"seek\":\""));
    assert_non_null(strstr(words, "router hears link on their new channel "));
    assert_non_null(strstr(words, "dialer hears seek on our channel "));
    assert_non_null(strstr(words, "{\"see\":["));
    assert_non_null(strstr(words, "dialer is to reach "));
    assert_non_null(strstr(words, ": found; "));
    free(words);
    th_sim_clear(&sim);
}

static void run_is_the_same_whoever_reads_along(void **state)
{
    (void)state;
    char read[TH_TRACE_HEX + 1], unread[TH_TRACE_HEX + 1];
    struct th_sim sim;
    char *words;

    run(&sim, &words, 0, 0, "");
    th_sim_trace_hash(&sim.world.trace, read);
    free(words);
    th_sim_clear(&sim);
    run(&sim, NULL, 0, 0, "");
    th_sim_trace_hash(&sim.world.trace, unread);
    th_sim_clear(&sim);

    assert_string_equal(read, unread);
}

/* Of all that is printed between two moments each line begins with when it was. */
static void nothing_is_told_before_the_beginning_or_after_the_end(void **state)
{
    (void)state;
    struct th_sim sim;
    char *words, *at, *line;
    unsigned lines = 0;

    run(&sim, &words, 100, 2000, "");

    for (line = strtok_r(words, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
        if (strstr(line, "check failed"))
            continue;
        double seconds = strtod(line, NULL);
        assert_true(seconds >= 0.1 && seconds <= 2.0);
        lines++;
    }
    assert_true(lines > 10);
    free(words);
    th_sim_clear(&sim);
}

static void check_that_fails_is_told_whatever_is_looked_at(void **state)
{
    (void)state;
    struct th_sim sim;
    char *words;

    run(&sim, &words, 1, 2, "0000000000000000");

    assert_non_null(strstr(words, "check failed: made_up: nothing is wrong\n"));
    assert_ptr_equal(strchr(words, '\n') + 1, words + strlen(words));
    free(words);
    th_sim_clear(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_a_line_are_told_in_the_words_of_the_protocol),
        cmocka_unit_test(run_is_the_same_whoever_reads_along),
        cmocka_unit_test(nothing_is_told_before_the_beginning_or_after_the_end),
        cmocka_unit_test(check_that_fails_is_told_whatever_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
