#include "tools/app/ctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

/* What was printed into a style of its own. */
struct paper {
    char *text;
    size_t len;
    struct th_style style;
};

static void open_paper(struct paper *paper)
{
    *paper = (struct paper){0};
    paper->style.out = open_memstream(&paper->text, &paper->len);
    assert_non_null(paper->style.out);
}

static void assert_printed(struct paper *paper, const char *wanted)
{
    fclose(paper->style.out);
    assert_string_equal(paper->text, wanted);
    free(paper->text);
}

/* True when the text holds these words one after the other. */
static bool holds(const char *text, const char *const *words)
{
    for (unsigned i = 0; words[i]; i++) {
        text = strstr(text, words[i]);
        if (text == NULL)
            return false;
        text += strlen(words[i]);
    }
    return true;
}

static void a_table_is_aligned_and_names_its_columns(void **state)
{
    (void)state;
    struct th_table table = {0};
    struct paper paper;

    open_paper(&paper);
    th_table_column(&table, "NAME", false);
    th_table_column(&table, "N", true);
    th_table_column(&table, "PATH", false);
    th_table_cell(&table, "a");
    th_table_cell(&table, "%d", 100);
    th_table_cell(&table, "x");
    th_table_cell(&table, "longer");
    th_table_cell(&table, "%d", 7);
    th_table_cell(&table, "y z");
    th_table_print(&table, &paper.style);

    assert_printed(&paper, "NAME      N  PATH\n"
                           "a       100  x\n"
                           "longer    7  y z\n");
}

static void durations_and_sizes_have_units(void **state)
{
    (void)state;
    char text[32];

    assert_string_equal(th_text_ms(text, 0), "0 ms");
    assert_string_equal(th_text_ms(text, 999), "999 ms");
    assert_string_equal(th_text_ms(text, 59999), "59 s");
    assert_string_equal(th_text_ms(text, 60000), "1 min");
    assert_string_equal(th_text_ms(text, 3600000 * 2 + 60000 * 5), "2 h 5 min");
    assert_string_equal(th_text_ms(text, 86400000ull * 4 + 3600000), "4 d 1 h");
    assert_string_equal(th_text_bytes_count(text, 999), "999 B");
    assert_string_equal(th_text_bytes_count(text, 1500), "1.5 kB");
    assert_string_equal(th_text_bytes_count(text, 999999), "999.9 kB");
    assert_string_equal(th_text_bytes_count(text, 3200000), "3.2 MB");
    assert_string_equal(th_text_bytes_count(text, UINT64_MAX), "18.4 EB");
}

static void hashnames_are_as_short_as_can_be_told_apart(void **state)
{
    (void)state;
    char a[65], b[65];

    memset(a, 'a', 64);
    a[64] = '\0';
    memcpy(b, a, sizeof b);
    assert_int_equal(th_hex_digits((const char *[]){a, NULL, b}, 3), 8); /* the same one */
    b[5] = 'b';
    assert_int_equal(th_hex_digits((const char *[]){a, b}, 2), 8);
    memcpy(b, a, sizeof b);
    b[11] = 'b';
    assert_int_equal(th_hex_digits((const char *[]){a, b}, 2), 12);
    memcpy(b, a, sizeof b);
    b[63] = 'b';
    assert_int_equal(th_hex_digits((const char *[]){a, b}, 2), 64);
}

static void elsewhere_than_on_a_terminal_nothing_is_short_or_coloured(void **state)
{
    (void)state;
    FILE *file = tmpfile();

    assert_non_null(file);
    struct th_style style = th_style_of(file, false);
    assert_false(style.is_short);
    assert_false(style.is_coloured);
    assert_string_equal(th_bold(&style), "");
    fclose(file);
}

static void unknown_values_print_as_unknown(void **state)
{
    (void)state;
    struct paper paper;
    json_t *status = json_pack("{s:s, s:n, s:n, s:i, s:[s]}", "hashname", "abcd", "state", "links",
                               "uptime_ms", 5000, "warnings", "look here");

    open_paper(&paper);
    th_show_status(status, &paper.style);
    assert_printed(&paper, "hashname    abcd\n"
                           "state       unknown\n"
                           "links       -\n"
                           "lines       -\n"
                           "uptime      5 s\n"
                           "version     -\n"
                           "warnings    look here\n");
    json_decref(status);
}

static void a_trace_tells_who_was_asked_and_who_told_of_it(void **state)
{
    (void)state;
    char target[65], first[65], second[65];
    struct paper paper;

    memset(target, 'f', 64);
    memset(first, '0', 64);
    memset(second, '1', 64);
    target[64] = first[64] = second[64] = '\0';
    second[0] = 'e';
    json_t *result = json_pack(
        "{s:s, s:b, s:i, s:i, s:i, s:b, s:s, s:s, s:[{s:s, s:b, s:i, s:i, s:n, s:i}, "
        "{s:s, s:b, s:n, s:i, s:s, s:i}, {s:s, s:b, s:n, s:n, s:s, s:i}], s:[s]}",
        "target", target, "found", 1, "took_ms", 12, "asked", 3, "hops", 2, "line", 1, "told_by",
        second, "result", "reached", "steps",                                                //
        "asked", first, "answered", 1, "rtt_ms", 0, "entries", 4, "via", "hop", 0,           //
        "asked", second, "answered", 0, "rtt_ms", "gave_up_ms", 250, "via", first, "hop", 1, //
        "asked", second, "answered", 0, "rtt_ms", "gave_up_ms", "via", first, "hop", 1,      //
        "closest", target);
    assert_non_null(result);

    open_paper(&paper);
    paper.style.is_short = true;
    th_show_seek(result, &paper.style);
    fclose(paper.style.out);
    assert_non_null(strstr(paper.text, "seeking ffffffff\n"));
    assert_non_null(strstr(paper.text, "\n"
                                       "WHO TOLD OF WHOM   BITS          ANSWER  TOLD OF\n"
                                       "we                    -               -        1\n"
                                       "`- 00000000           0          < 1 ms        4\n"
                                       "   |- e1111111        3  none in 250 ms        -\n"
                                       "   `- e1111111        3      not needed        -\n"
                                       "      `- ffffffff   all           found        -\n"
                                       "\n"));
    assert_true(
        holds(paper.text, (const char *[]){"asking 3", "12 ms", "2 hops", "e1111111 told of it",
                                           "a line to it is up", NULL}));
    free(paper.text);
    json_decref(result);
}

static void a_second_try_is_a_tree_for_each_of_its_paths(void **state)
{
    char target[65], first[65], second[65];
    struct paper paper;
    (void)state;
    memset(target, 'f', 64);
    memset(first, '0', 64);
    memset(second, '1', 64);
    target[64] = first[64] = second[64] = '\0';
    json_t *result =
        json_pack("{s:s, s:b, s:i, s:i, s:i, s:[{s:n, s:s, s:b, s:i, s:i, s:n, s:i}, "
                  "{s:i, s:s, s:b, s:i, s:i, s:n, s:i}], s:[]}",
                  "target", target, "found", 0, "took_ms", 12, "asked", 2, "paths", 8, "steps", //
                  "path", "asked", first, "answered", 1, "rtt_ms", 1, "entries", 4, "via", "hop",
                  0, //
                  "path", 7, "asked", second, "answered", 1, "rtt_ms", 2, "entries", 5, "via",
                  "hop", 0, "closest");
    assert_non_null(result);

    open_paper(&paper);
    paper.style.is_short = true;
    th_show_seek(result, &paper.style);
    fclose(paper.style.out);
    assert_true(
        holds(paper.text, (const char *[]){"WHO TOLD OF WHOM", "00000000", "once more over 8 paths",
                                           "PATH", "7  we", "7  `- 11111111", "not found", NULL}));
    free(paper.text);
    json_decref(result);
}

/* And what a peer said reaches no terminal as a command. */
static void the_ways_of_a_dial_are_a_table_in_the_order_tried(void **state)
{
    (void)state;
    struct paper paper;
    json_t *result =
        json_pack("{s:s, s:s, s:n, s:i, s:[{s:s, s:n, s:i, s:i, s:i, s:s},"
                  "{s:s, s:s, s:i, s:i, s:i, s:s, s:s}, {s:s, s:s, s:i, s:i, s:i, s:s},"
                  "{s:s, s:s, s:i, s:i, s:i, s:s}, {s:s, s:s, s:n, s:n, s:n, s:s, s:s}]}",
                  "hashname", "abcd", "result", "timed_out", "path", "took_ms", 3000, "ways", //
                  "kind", "direct", "via", "tries", 1, "after_ms", 0, "took_ms", 0, "outcome",
                  "no_address", //
                  "kind", "introduced", "via", "aaaa", "tries", 1, "after_ms", 30, "took_ms", 20,
                  "outcome", "refused", "said", "bu\033sy", //
                  "kind", "introduced", "via", "bbbb", "tries", 3, "after_ms", 50, "took_ms", 2950,
                  "outcome", "timed_out", //
                  "kind", "introduced", "via", "cccc", "tries", 1, "after_ms", 60, "took_ms", 70,
                  "outcome", "reached", //
                  "kind", "bridge", "via", "dddd", "tries", "after_ms", "took_ms", "outcome",
                  "reached", "path", "127.0.0.1:3");
    assert_non_null(result);

    open_paper(&paper);
    th_show_connect(result, &paper.style);
    assert_printed(&paper, "abcd timed out (3 s)\n"
                           "\n"
                           "WAY         VIA   TRIES   AFTER    TOOK  OUTCOME\n"
                           "direct      -         1  < 1 ms  < 1 ms  no address is known\n"
                           "introduced  aaaa      1   30 ms   20 ms  refused: \"bu\\u001Bsy\"\n"
                           "introduced  bbbb      3   50 ms     2 s  asked, but no line came up\n"
                           "introduced  cccc      1   60 ms   70 ms  reached\n"
                           "bridge      dddd      -       -       -  carries the line\n");
    json_decref(result);
}

static void pings_print_like_ping(void **state)
{
    (void)state;
    struct paper paper;
    json_t *good =
        json_pack("{s:s, s:s, s:[f]}", "hashname", "abcd", "path", "127.0.0.1:7", "rtt_ms", 0.25);
    json_t *lost = json_pack("{s:s, s:[]}", "hashname", "abcd", "rtt_ms");
    struct th_ping_sum sum = {.sent = 4, .received = 3, .least_ms = 1, .most_ms = 3, .sum_ms = 6};

    open_paper(&paper);
    th_show_ping_probe(good, 1, &paper.style);
    th_show_ping_probe(lost, 2, &paper.style);
    th_show_ping_sum(&sum, "abcd", &paper.style);
    assert_printed(&paper, "answer from abcd (127.0.0.1:7): seq=1 time=0.250 ms\n"
                           "no answer from abcd: seq=2\n"
                           "\n--- abcd ---\n4 sent, 3 received, 25 % lost\n"
                           "rtt min/avg/max = 1.000/2.000/3.000 ms\n");
    json_decref(good);
    json_decref(lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_aligned_and_names_its_columns),
        cmocka_unit_test(durations_and_sizes_have_units),
        cmocka_unit_test(hashnames_are_as_short_as_can_be_told_apart),
        cmocka_unit_test(elsewhere_than_on_a_terminal_nothing_is_short_or_coloured),
        cmocka_unit_test(unknown_values_print_as_unknown),
        cmocka_unit_test(a_trace_tells_who_was_asked_and_who_told_of_it),
        cmocka_unit_test(a_second_try_is_a_tree_for_each_of_its_paths),
        cmocka_unit_test(the_ways_of_a_dial_are_a_table_in_the_order_tried),
        cmocka_unit_test(pings_print_like_ping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
