#include "tools/app/ctl_show.h"

#include "switch/base/mem.h"
#include "switch/wire/hashname.h"

#include <stdlib.h>
#include <string.h>

static const char unknown[] = "-";

/* --- reading what the daemon said ----------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : unknown;
}

static bool is_true(const json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

static const char *yes_no(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    return json_is_boolean(value) ? (json_is_true(value) ? "yes" : "no") : unknown;
}

static const char *count_of(char text[32], const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    if (!json_is_integer(value))
        return unknown;
    snprintf(text, 32, "%lld", (long long)json_integer_value(value));
    return text;
}

static const char *ms_of(char text[32], const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    return json_is_integer(value) ? th_text_ms(text, (uint64_t)json_integer_value(value)) : unknown;
}

/* A round trip: 0 is one of less than a millisecond. */
static const char *rtt_of(char text[32], const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    return json_is_integer(value) && json_integer_value(value) == 0 ? "< 1 ms"
                                                                    : ms_of(text, row, key);
}

static const char *bytes_of(char text[32], const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    return json_is_integer(value) ? th_text_bytes_count(text, (uint64_t)json_integer_value(value))
                                  : unknown;
}

/* How many digits to show of the hashnames under `key` in a list of rows: 64 when not short. */
static int digits_for(const json_t *rows, const char *key, const struct th_style *style)
{
    size_t count = json_array_size(rows);
    const char **hex;
    unsigned digits;

    if (!style->is_short || count == 0)
        return TH_HASHNAME_HEX;
    hex = th_mem_zalloc(count, sizeof *hex);
    if (hex == NULL)
        return TH_HASHNAME_HEX;
    for (size_t i = 0; i < count; i++)
        hex[i] = json_string_value(json_object_get(json_array_get(rows, i), key));
    digits = th_hex_digits(hex, (unsigned)count);
    th_mem_free(hex);
    return (int)digits;
}

const char *th_show_hex(char text[72], const char *hex, const struct th_style *style)
{
    snprintf(text, 72, "%.*s", style->is_short ? TH_HEX_SHORT_MIN : TH_HASHNAME_HEX, hex);
    return text;
}

/* --- status --------------------------------------------------------------------------------------- */

static const char *text_at(const json_t *list, size_t i)
{
    const char *text = json_string_value(json_array_get(list, i));

    return text ? text : unknown;
}

static void show_list(const json_t *result, const char *key, const char *name,
                      const struct th_style *style)
{
    const json_t *list = json_object_get(result, key);

    for (size_t i = 0; i < json_array_size(list); i++)
        fprintf(style->out, "%-12s%s\n", i == 0 ? name : "", text_at(list, i));
}

void th_show_status(const json_t *result, const struct th_style *style)
{
    const char *state = text_of(result, "state");
    const json_t *warnings = json_object_get(result, "warnings");
    bool is_ready = strcmp(state, "ready") == 0;
    char text[32];

    fprintf(style->out, "%-12s%s%s%s\n", "hashname", th_bold(style), text_of(result, "hashname"),
            th_plain(style));
    fprintf(style->out, "%-12s%s%s%s\n", "state", is_ready ? th_green(style) : th_bold(style),
            strcmp(state, unknown) == 0 ? "unknown" : state, th_plain(style));
    fprintf(style->out, "%-12s%s\n", "links", count_of(text, result, "links"));
    fprintf(style->out, "%-12s%s\n", "lines", count_of(text, result, "lines"));
    fprintf(style->out, "%-12s%s\n", "uptime", ms_of(text, result, "uptime_ms"));
    show_list(result, "listen", "listen", style);
    if (json_is_string(json_object_get(result, "mapped")))
        fprintf(style->out, "%-12s%s\n", "mapped", text_of(result, "mapped"));
    show_list(result, "advertised", "advertised", style);
    show_list(result, "observed", "observed", style);
    show_list(result, "addresses", "addresses", style);
    fprintf(style->out, "%-12s%s\n", "version", text_of(result, "version"));
    for (size_t i = 0; i < json_array_size(warnings); i++)
        fprintf(style->out, "%-12s%s%s%s\n", i == 0 ? "warnings" : "", th_red(style),
                text_at(warnings, i), th_plain(style));
}

/* --- tables --------------------------------------------------------------------------------------- */

/* What a column shows of a row. text: where it may be written. */
typedef const char *(*cell_fn)(char text[32], const json_t *row, const char *key);

/* A table of rows: a column each, and what is under it. */
struct column {
    const char *head;
    const char *key;
    cell_fn cell; /* NULL: a hashname */
    bool is_right;
};

static const char *plain_of(char text[32], const json_t *row, const char *key)
{
    (void)text;
    return text_of(row, key);
}

static const char *yes_no_of(char text[32], const json_t *row, const char *key)
{
    (void)text;
    return yes_no(row, key);
}

static const char *link_of(char text[32], const json_t *row, const char *key)
{
    (void)text;
    return is_true(row, key) ? text_of(row, "direction") : unknown;
}

static const char *line_state_of(char text[32], const json_t *row, const char *key)
{
    snprintf(text, 32, "%s%s", is_true(row, key) ? "up" : "opening",
             is_true(row, "pending") ? ", challenged" : "");
    return text;
}

static const char *us_of(char text[32], const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);

    if (!json_is_integer(value))
        return unknown;
    snprintf(text, 32, "%.2f ms", (double)json_integer_value(value) / 1000.0);
    return text;
}

static const struct column peer_columns[] = {
    {"HASHNAME", "hashname", NULL, false},    {"BUCKET", "bucket", count_of, true},
    {"LINK", "link", link_of, false},         {"LINE", "line", yes_no_of, false},
    {"SEED", "seed", yes_no_of, false},       {"RTT", "rtt_ms", rtt_of, true},
    {"LINE AGE", "line_age_ms", ms_of, true}, {"HEARD", "last_rx_ms_ago", ms_of, true},
    {"RX", "rx_bytes", bytes_of, true},       {"TX", "tx_bytes", bytes_of, true},
    {"PATH", "path", plain_of, false},
};
static const struct column line_columns[] = {
    {"HASHNAME", "hashname", NULL, false},    {"STATE", "up", line_state_of, false},
    {"CS", "csid", plain_of, false},          {"CHANNELS", "channels", count_of, true},
    {"RTT", "rtt_ms", rtt_of, true},          {"AGE", "line_age_ms", ms_of, true},
    {"HEARD", "last_rx_ms_ago", ms_of, true}, {"RX", "rx_bytes", bytes_of, true},
    {"TX", "tx_bytes", bytes_of, true},       {"PATH", "path", plain_of, false},
};
static const struct column channel_columns[] = {
    {"HASHNAME", "hashname", NULL, false},
    {"CHANNEL", "c", count_of, true},
    {"TYPE", "type", plain_of, false},
    {"OPENED BY", "opened_by", plain_of, false},
    {"OWNER", "owner", plain_of, false},
    {"AGE", "age_ms", ms_of, true},
    {"SILENCE LEFT", "silence_left_ms", ms_of, true},
    {"RX", "rx_packets", count_of, true},
    {"TX", "tx_packets", count_of, true},
};
static const struct column drop_columns[] = {
    {"REASON", "reason", plain_of, false},
    {"COUNT", "count", count_of, true},
    {"SERVER", "server", plain_of, false},
    {"MEANING", "meaning", plain_of, false},
};
static const struct column server_columns[] = {
    {"SERVER", "name", plain_of, false},         {"STATE", "state", plain_of, false},
    {"DOING", "doing", plain_of, false},         {"FOR", "doing_ms", ms_of, true},
    {"THREAD", "thread", plain_of, false},       {"MAILBOX", "mailbox", count_of, true},
    {"PEAK", "mailbox_peak", count_of, true},    {"REFUSED", "refused", count_of, true},
    {"MESSAGES", "messages", count_of, true},    {"LONGEST", "longest_callback_us", us_of, true},
    {"IN", "longest_callback", plain_of, false}, {"RESTARTS", "restarts", count_of, true},
};
#define COUNT_OF(columns) (sizeof(columns) / sizeof(columns)[0])

/* none: what is said when there are no rows; NULL: then the table is only its head. */
static void show_rows(const json_t *rows, const struct column *columns, size_t count,
                      const char *none, const struct th_style *style)
{
    struct th_table table = {0};
    int digits = digits_for(rows, "hashname", style);
    char text[32];

    if (json_array_size(rows) == 0 && none) {
        fprintf(style->out, "%s\n", none);
        return;
    }
    for (size_t at = 0; at < count; at++)
        th_table_column(&table, columns[at].head, columns[at].is_right);
    for (size_t i = 0; i < json_array_size(rows) * count; i++) {
        const json_t *row = json_array_get(rows, i / count);
        const struct column *column = &columns[i % count];

        if (column->cell)
            th_table_cell(&table, "%s", column->cell(text, row, column->key));
        else
            th_table_cell(&table, "%.*s", digits, text_of(row, column->key));
    }
    th_table_print(&table, style);
}

/* Sums up what a person wants to know first. */
static void show_peer_counts(const json_t *result, const struct th_style *style)
{
    unsigned links = 0, lines = 0;

    for (size_t i = 0; i < json_array_size(result); i++) {
        links += is_true(json_array_get(result, i), "link");
        lines += is_true(json_array_get(result, i), "line");
    }
    fprintf(style->out, "%s%zu peer%s: %u linked, %u with a line%s\n", th_dim(style),
            json_array_size(result), json_array_size(result) == 1 ? "" : "s", links, lines,
            th_plain(style));
}

void th_show_peers(const json_t *result, const struct th_style *style)
{
    show_rows(result, peer_columns, COUNT_OF(peer_columns), "no peers", style);
    if (json_array_size(result) > 0)
        show_peer_counts(result, style);
}

void th_show_lines(const json_t *result, const struct th_style *style)
{
    show_rows(result, line_columns, COUNT_OF(line_columns), "no lines", style);
}

void th_show_channels(const json_t *result, const struct th_style *style)
{
    show_rows(result, channel_columns, COUNT_OF(channel_columns), "no channels", style);
}

void th_show_drops(const json_t *result, const struct th_style *style)
{
    show_rows(result, drop_columns, COUNT_OF(drop_columns), "nothing was dropped", style);
}

void th_show_servers(const json_t *result, const struct th_style *style)
{
    show_rows(result, server_columns, COUNT_OF(server_columns), NULL, style);
}

/* --- reaching out --------------------------------------------------------------------------------- */

const char *th_show_dial_result(const char *word)
{
    if (strcmp(word, "not_found") == 0)
        return "not found: nobody who was asked knows it";
    if (strcmp(word, "no_path") == 0)
        return "found, but no line came up: it does not answer";
    if (strcmp(word, "timed_out") == 0)
        return "timed out";
    return word;
}

void th_show_connect(const json_t *result, const struct th_style *style)
{
    const char *word = text_of(result, "result");
    char hex[72], text[32];
    const char *took = ms_of(text, result, "took_ms");

    th_show_hex(hex, text_of(result, "hashname"), style);
    if (strcmp(word, "reached") == 0)
        fprintf(style->out, "%s%s%s reached at %s in %s\n", th_green(style), hex, th_plain(style),
                text_of(result, "path"), took);
    else
        fprintf(style->out, "%s%s%s %s (%s)\n", th_red(style), hex, th_plain(style),
                th_show_dial_result(word), took);
    th_show_ways(result, digits_for(json_object_get(result, "ways"), "via", style), style);
}

void th_show_ping_probe(const json_t *result, unsigned sequence, const struct th_style *style)
{
    const json_t *rtts = json_object_get(result, "rtt_ms");
    char hex[72];

    th_show_hex(hex, text_of(result, "hashname"), style);
    if (json_array_size(rtts) > 0)
        fprintf(style->out, "answer from %s (%s): seq=%u time=%.3f ms\n", hex,
                text_of(result, "path"), sequence, json_real_value(json_array_get(rtts, 0)));
    else
        fprintf(style->out, "%sno answer from %s: seq=%u%s\n", th_red(style), hex, sequence,
                th_plain(style));
}

void th_show_ping_sum(const struct th_ping_sum *sum, const char *hex, const struct th_style *style)
{
    char text[72];
    unsigned lost = sum->sent - sum->received;

    fprintf(style->out, "\n--- %s ---\n%u sent, %u received, %u %% lost\n",
            th_show_hex(text, hex, style), sum->sent, sum->received,
            sum->sent ? lost * 100 / sum->sent : 0);
    if (sum->received > 0)
        fprintf(style->out, "rtt min/avg/max = %.3f/%.3f/%.3f ms\n", sum->least_ms,
                sum->sum_ms / sum->received, sum->most_ms);
}
