#include "tools/app/ctl_picture.h"

#include <string.h>

enum {
    BAR_MAX = 32, /* signs; fuller buckets have their number beside it */
    FULL = 8      /* links of a bucket as wide as it is by default */
};

static const char unknown[] = "-";

/* --- what a bucket has ---------------------------------------------------------------------------- */

/* Since when the links of a bucket are known, in ms; 0 of none. */
struct ages {
    uint64_t oldest, newest;
};

static struct ages ages_of(const json_t *peers, json_int_t bucket)
{
    struct ages ages = {0, UINT64_MAX};
    const json_t *peer;
    size_t i;

    json_array_foreach(peers, i, peer)
    {
        const json_t *seen = json_object_get(peer, "first_seen_ms_ago");
        uint64_t ms = (uint64_t)json_integer_value(seen);

        if (!json_is_true(json_object_get(peer, "link")) || !json_is_integer(seen) ||
            json_integer_value(json_object_get(peer, "bucket")) != bucket)
            continue;
        ages.oldest = ms > ages.oldest ? ms : ages.oldest;
        ages.newest = ms < ages.newest ? ms : ages.newest;
    }
    return ages;
}

static void add_ages(struct th_table *table, const struct ages *ages)
{
    char oldest[32], newest[32];

    th_text_ms(oldest, ages->oldest);
    th_text_ms(newest, ages->newest);
    if (ages->newest == UINT64_MAX)
        th_table_cell(table, "%s", unknown);
    else if (strcmp(oldest, newest) == 0)
        th_table_cell(table, "%s", oldest);
    else
        th_table_cell(table, "%s to %s", newest, oldest);
}

/* --- drawing -------------------------------------------------------------------------------------- */

static void add_signs(char *text, size_t cap, const char *sign, unsigned count)
{
    size_t len = strlen(text);

    for (unsigned i = 0; i < count && len + strlen(sign) < cap; i++, len += strlen(sign))
        memcpy(text + len, sign, strlen(sign) + 1);
}

/* The links as full signs, and what is missing to FULL as empty ones. */
static void add_bar(struct th_table *table, unsigned links, const struct th_style *style)
{
    char bar[4 * BAR_MAX] = "";
    unsigned shown = links < BAR_MAX ? links : BAR_MAX;

    add_signs(bar, sizeof bar, style->is_utf8 ? "█" : "#", shown);
    if (links < FULL)
        add_signs(bar, sizeof bar, style->is_utf8 ? "░" : ".", FULL - links);
    th_table_cell(table, "%s", bar);
}

/* Which part of all hashnames it covers. */
static void add_share(struct th_table *table, json_int_t bucket)
{
    unsigned halvings = 256 - (unsigned)bucket % 257;

    if (halvings <= 10)
        th_table_cell(table, "1/%u of all", 1u << halvings);
    else
        th_table_cell(table, "2^-%u of all", halvings);
}

static void add_row(struct th_table *table, const json_t *row, const json_t *peers,
                    const struct th_style *style)
{
    json_int_t bucket = json_integer_value(json_object_get(row, "bucket"));
    json_int_t links = json_integer_value(json_object_get(row, "links"));
    json_int_t spares = json_integer_value(json_object_get(row, "spares"));
    const json_t *refreshed = json_object_get(row, "refreshed_ms_ago");
    struct ages ages = ages_of(peers, bucket);
    char text[32];

    th_table_cell(table, "%lld", (long long)bucket);
    add_share(table, bucket);
    th_table_cell(table, "%lld", (long long)links);
    add_bar(table, (unsigned)links, style);
    th_table_cell(table, "%lld", (long long)spares);
    add_ages(table, &ages);
    if (json_is_integer(refreshed))
        th_table_cell(table, "%s ago", th_text_ms(text, (uint64_t)json_integer_value(refreshed)));
    else
        th_table_cell(table, "never");
}

void th_show_buckets(const json_t *buckets, const json_t *peers, const struct th_style *style)
{
    struct th_table table = {0};
    const json_t *row;
    size_t i;

    if (json_array_size(buckets) == 0) {
        fprintf(style->out, "%sno bucket is in use%s\n", th_dim(style), th_plain(style));
        return;
    }
    th_table_column(&table, "BUCKET", true);
    th_table_column(&table, "COVERS", false);
    th_table_column(&table, "LINKS", true);
    th_table_column(&table, "FILL", false);
    th_table_column(&table, "SPARES", true);
    th_table_column(&table, "KNOWN FOR", true);
    th_table_column(&table, "DIALLED", true);
    json_array_foreach(buckets, i, row) add_row(&table, row, peers, style);
    th_table_print(&table, style);
}

int th_ctl_buckets(const struct th_ctl_run *run, char say[TH_SAY_MAX])
{
    json_t *buckets, *peers = NULL;
    int code = th_ctl_ask(run, "buckets", NULL, run->args->timeout_ms, &buckets, say);

    if (code)
        return code;
    if (!th_ctl_print_json(run, buckets)) {
        code = th_ctl_ask(run, "peers", NULL, run->args->timeout_ms, &peers, say);
        if (code == 0)
            th_show_buckets(buckets, peers, run->style);
    }
    json_decref(peers);
    json_decref(buckets);
    return code;
}
