#include "tools/app/openmetrics.h"

#include <stdbool.h>
#include <string.h>

enum type { GAUGE, COUNTER, HISTOGRAM, INFO };
enum { LABELS_MAX = 2 };

struct family {
    const char *name; /* without the prefix, and without what the type adds */
    enum type type;
    const char *unit;  /* the name ends with it; NULL: none */
    const char *list;  /* member with the rows; NULL: the metrics themselves are the only row */
    const char *value; /* member of a row; NULL: 1 */
    unsigned decimals; /* the member is in thousandths (3) or millionths (6) of the base unit */
    const char *label[LABELS_MAX]; /* members of a row, and names of labels */
    const char *help;
};

/* In the order of the page on interfaces. */
static const struct family families[] = {
    {"build", INFO, NULL, NULL, NULL, 0, {"version"}, "The version of the daemon."},
    {"links", GAUGE, NULL, NULL, "links", 0, {0}, "Nodes in the Kademlia table that are linked."},
    {"lines", GAUGE, NULL, NULL, "lines", 0, {0}, "Encrypted lines that are up."},
    {"state",
     GAUGE,
     NULL,
     "states",
     "now",
     0,
     {"state"},
     "1 for the state that the node is in, 0 for all others."},
    {"uptime_seconds",
     GAUGE,
     "seconds",
     NULL,
     "uptime_ms",
     3,
     {0},
     "Time since the daemon started."},
    {"packets",
     COUNTER,
     NULL,
     "packets",
     "count",
     0,
     {"direction", "kind"},
     "Datagrams by what their first bytes say they are."},
    {"bytes", COUNTER, "bytes", "bytes", "count", 0, {"direction"}, "Bytes in datagrams."},
    {"drops",
     COUNTER,
     NULL,
     "drops",
     "count",
     0,
     {"reason"},
     "What peers sent and was not accepted; thctl drops --all explains each reason."},
    {"dials", COUNTER, NULL, "dials", "count", 0, {"result"}, "Dials and lookups that ended."},
    {"dials_running", GAUGE, NULL, NULL, "dials_running", 0, {0}, "Dials that go on now."},
    {"dial_duration_seconds",
     HISTOGRAM,
     "seconds",
     NULL,
     "dial_duration",
     3,
     {0},
     "How long dials took, whatever came of them."},
    {"mailbox_depth",
     GAUGE,
     NULL,
     "servers",
     "mailbox",
     0,
     {"server"},
     "Messages that wait for a server."},
    {"callback_seconds_max",
     GAUGE,
     NULL,
     "servers",
     "longest_callback_us",
     6,
     {"server"},
     "The longest that a server was busy with one message since it started."},
    {"server_restarts",
     COUNTER,
     NULL,
     "servers",
     "restarts",
     0,
     {"server"},
     "How often a supervisor started a server anew."},
    {"udp_kernel_drops",
     COUNTER,
     NULL,
     NULL,
     "udp_kernel_drops",
     0,
     {0},
     "Datagrams that the kernel dropped because its receive buffer was full."},
};

const char *th_metrics_content_type(enum th_metrics_format format)
{
    return format == TH_METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- pieces --------------------------------------------------------------------------------------- */

static const char *sample_suffix(enum type type)
{
    return type == COUNTER ? "_total" : type == INFO ? "_info" : "";
}

static const char *type_word(enum type type, enum th_metrics_format format)
{
    switch (type) {
    case GAUGE:
        return "gauge";
    case COUNTER:
        return "counter";
    case HISTOGRAM:
        return "histogram";
    case INFO:
        return format == TH_METRICS_OPENMETRICS ? "info" : "gauge";
    }
    return "?";
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || *text == '"')
            fprintf(out, "\\%c", *text);
        else
            putc(*text, out);
    }
}

/* n thousandths (decimals 3) or millionths (6), without ending in 0 but for the one of "1.0". */
static void write_fraction(FILE *out, json_int_t n, unsigned decimals)
{
    char text[40];
    json_int_t unit = decimals == 3 ? 1000 : 1000000;
    int len = snprintf(text, sizeof text, "%lld.%0*lld", (long long)(n / unit), (int)decimals,
                       (long long)(n % unit));

    while (len > 1 && text[len - 1] == '0' && text[len - 2] != '.')
        text[--len] = '\0';
    fputs(text, out);
}

static void write_value(FILE *out, const json_t *value, unsigned decimals)
{
    json_int_t n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

    if (decimals == 0)
        fprintf(out, "%lld", (long long)n);
    else
        write_fraction(out, n, decimals);
    putc('\n', out);
}

static void write_labels(FILE *out, const struct family *family, const json_t *row)
{
    const char *before = "{";

    for (unsigned i = 0; i < LABELS_MAX && family->label[i]; i++) {
        const char *text = json_string_value(json_object_get(row, family->label[i]));

        fprintf(out, "%s%s=\"", before, family->label[i]);
        write_escaped(out, text ? text : "");
        putc('"', out);
        before = ",";
    }
    if (family->label[0])
        putc('}', out);
}

/* --- families ------------------------------------------------------------------------------------- */

static void write_head(FILE *out, const struct family *family, enum th_metrics_format format)
{
    const char *suffix = format == TH_METRICS_TEXT ? sample_suffix(family->type) : "";

    fprintf(out, "# TYPE telehash_%s%s %s\n", family->name, suffix,
            type_word(family->type, format));
    if (family->unit)
        fprintf(out, "# UNIT telehash_%s%s %s\n", family->name, suffix, family->unit);
    fprintf(out, "# HELP telehash_%s%s %s\n", family->name, suffix, family->help);
}

static void write_sample(FILE *out, const struct family *family, const json_t *row)
{
    const json_t *value = family->value ? json_object_get(row, family->value) : NULL;

    if (family->value && !json_is_integer(value) && !json_is_boolean(value))
        return;
    fprintf(out, "telehash_%s%s", family->name, sample_suffix(family->type));
    write_labels(out, family, row);
    putc(' ', out);
    if (family->value)
        write_value(out, value, family->decimals);
    else
        fputs("1\n", out);
}

/* {count, sum_ms, buckets: [{up_to_ms, count}]}, where the counts add up. */
static void write_histogram(FILE *out, const struct family *family, const json_t *histogram)
{
    const json_t *count = json_object_get(histogram, "count");
    const json_t *bucket;
    size_t i;

    json_array_foreach(json_object_get(histogram, "buckets"), i, bucket)
    {
        fprintf(out, "telehash_%s_bucket{le=\"", family->name);
        write_fraction(out, json_integer_value(json_object_get(bucket, "up_to_ms")), 3);
        fputs("\"} ", out);
        write_value(out, json_object_get(bucket, "count"), 0);
    }
    fprintf(out, "telehash_%s_bucket{le=\"+Inf\"} ", family->name);
    write_value(out, count, 0);
    fprintf(out, "telehash_%s_sum ", family->name);
    write_value(out, json_object_get(histogram, "sum_ms"), family->decimals);
    fprintf(out, "telehash_%s_count ", family->name);
    write_value(out, count, 0);
}

/* Whether the daemon knows anything of it now. */
static bool is_known(const struct family *family, const json_t *metrics)
{
    if (family->list)
        return json_array_size(json_object_get(metrics, family->list)) > 0;
    if (family->value)
        return !json_is_null(json_object_get(metrics, family->value)) &&
               json_object_get(metrics, family->value) != NULL;
    return true;
}

void th_metrics_write(FILE *out, const json_t *metrics, enum th_metrics_format format)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        const struct family *family = &families[f];
        const json_t *row;
        size_t i;

        if (!is_known(family, metrics))
            continue;
        write_head(out, family, format);
        if (family->type == HISTOGRAM)
            write_histogram(out, family, json_object_get(metrics, family->value));
        else if (family->list == NULL)
            write_sample(out, family, metrics);
        else
            json_array_foreach(json_object_get(metrics, family->list), i, row)
                write_sample(out, family, row);
    }
    fputs("# EOF\n", out);
}
