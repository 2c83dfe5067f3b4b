#include "tools/app/ctl_show.h"

#include <stdlib.h>
#include <string.h>

static const char unknown[] = "-";

static const char *text_in(const json_t *way, const char *key)
{
    return json_string_value(json_object_get(way, key));
}

/* Dials are told in whole milliseconds, and loopback is faster. */
static const char *ms_in(char text[32], const json_t *way, const char *key)
{
    const json_t *value = json_object_get(way, key);

    if (!json_is_integer(value))
        return unknown;
    return json_integer_value(value) > 0 ? th_text_ms(text, (uint64_t)json_integer_value(value))
                                         : "< 1 ms";
}

/* What came of it, but for what the refuser said. is_direct: nobody was to introduce us. */
static const char *words_of(const char *outcome, bool is_direct)
{
    if (strcmp(outcome, "no_address") == 0)
        return "no address is known";
    if (strcmp(outcome, "no_line") == 0)
        return "there was no line to that one";
    if (strcmp(outcome, "timed_out") == 0)
        return is_direct ? "no answer" : "asked, but no line came up";
    return outcome;
}

static void add_outcome(struct th_table *table, const json_t *way, bool is_through)
{
    const char *outcome = text_in(way, "outcome"), *path = text_in(way, "path");
    const json_t *said = json_object_get(way, "said");

    if (outcome == NULL) {
        th_table_cell(table, "%s", unknown);
    } else if (json_is_string(said)) {
        /* A peer wrote it: in ASCII nothing of it reaches the terminal as a command. */
        char *text = json_dumps(said, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

        th_table_cell(table, "%s: %s", outcome, text ? text : "?");
        free(text);
    } else if (is_through) {
        th_table_cell(table, "carries the line");
    } else {
        bool is_direct = text_in(way, "via") == NULL;

        th_table_cell(table, "%s%s%s", words_of(outcome, is_direct), path ? " at " : "",
                      path ? path : "");
    }
}

static void add_way(struct th_table *table, const json_t *way, int digits)
{
    const char *kind = text_in(way, "kind"), *via = text_in(way, "via");
    const json_t *tries = json_object_get(way, "tries");
    bool is_through = kind && (strcmp(kind, "relay") == 0 || strcmp(kind, "bridge") == 0);
    char text[32];

    th_table_cell(table, "%s", kind ? kind : unknown);
    th_table_cell(table, "%.*s", digits, via ? via : unknown);
    if (json_is_integer(tries))
        th_table_cell(table, "%lld", (long long)json_integer_value(tries));
    else
        th_table_cell(table, "%s", unknown);
    th_table_cell(table, "%s", ms_in(text, way, "after_ms"));
    th_table_cell(table, "%s", ms_in(text, way, "took_ms"));
    add_outcome(table, way, is_through);
}

void th_show_ways(const json_t *result, int digits, const struct th_style *style)
{
    const json_t *ways = json_object_get(result, "ways");
    struct th_table table = {0};

    if (json_array_size(ways) == 0)
        return;
    fputc('\n', style->out);
    th_table_column(&table, "WAY", false);
    th_table_column(&table, "VIA", false);
    th_table_column(&table, "TRIES", true);
    th_table_column(&table, "AFTER", true);
    th_table_column(&table, "TOOK", true);
    th_table_column(&table, "OUTCOME", false);
    for (size_t i = 0; i < json_array_size(ways); i++)
        add_way(&table, json_array_get(ways, i), digits);
    th_table_print(&table, style);
}
