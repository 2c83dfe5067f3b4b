/* Results as they are read: everything that a page shows is checked here, once. */
#include "tools/sim/report_inside.h"

#include "switch/base/mem.h"

#include <errno.h>
#include <string.h>

enum { LIST_MAX = 4096, MEMBER_MAX = 40 };

#define NUMBER_MAX 1e18 /* sums of what is below can be told apart from nonsense */

/* --- looking --- */

json_t *th_report_at(const json_t *result, const char *path)
{
    char member[MEMBER_MAX];
    const json_t *at = result;

    while (at && *path) {
        size_t len = strcspn(path, ".");
        snprintf(member, sizeof member, "%.*s", (int)len, path);
        at = json_object_get(at, member);
        path += len + (path[len] == '.');
    }
    return (json_t *)at;
}

double th_report_number(const json_t *result, const char *path)
{
    return json_number_value(th_report_at(result, path));
}

const char *th_report_text(const json_t *result, const char *path)
{
    const char *text = json_string_value(th_report_at(result, path));

    return text ? text : "";
}

/* --- checking --- */

static bool complain(char *complaint, const char *path, const char *what)
{
    snprintf(complaint, TH_REPORT_COMPLAINT_MAX,
             "is no result of thsim run, or one of another version: \"%s\" %s", path, what);
    return false;
}

static bool is_number(const json_t *value)
{
    double number = json_number_value(value);

    return json_is_number(value) && number >= 0 && number <= NUMBER_MAX;
}

static bool is_list_of_numbers(const json_t *list)
{
    size_t i;
    json_t *value;

    if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
        return false;
    json_array_foreach((json_t *)list, i, value) if (!is_number(value)) return false;
    return true;
}

/* Bounds that rise, and a count between any two. */
static bool is_histogram(const json_t *histogram)
{
    const json_t *bounds = json_object_get(histogram, "bounds");
    const json_t *counts = json_object_get(histogram, "counts");
    size_t count = json_array_size(counts);

    if (!is_list_of_numbers(bounds) || !is_list_of_numbers(counts) ||
        !json_is_string(json_object_get(histogram, "scale")))
        return false;
    for (size_t i = 1; i < json_array_size(bounds); i++)
        if (json_number_value(json_array_get(bounds, i)) <=
            json_number_value(json_array_get(bounds, i - 1)))
            return false;
    return json_array_size(bounds) == (count ? count + 1 : 0);
}

static bool is_note(const json_t *note)
{
    const json_t *at = json_object_get(note, "at_ms"), *until = json_object_get(note, "until_ms");

    return is_number(at) && is_number(until) && json_number_value(until) >= json_number_value(at) &&
           json_is_string(json_object_get(note, "what"));
}

static bool is_failure(const json_t *failure)
{
    return json_is_string(json_object_get(failure, "check")) &&
           json_is_string(json_object_get(failure, "what"));
}

static bool is_list(const json_t *list, bool (*is_good)(const json_t *value))
{
    size_t i;
    json_t *value;

    if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
        return false;
    json_array_foreach((json_t *)list, i, value) if (!is_good(value)) return false;
    return true;
}

static bool is_figure(const json_t *figure)
{
    const json_t *goal = json_object_get(figure, "goal");

    if (!json_is_number(json_object_get(figure, "value")))
        return false;
    return json_is_null(goal) ||
           (json_is_number(goal) && json_is_boolean(json_object_get(figure, "reached")) &&
            json_is_string(json_object_get(figure, "goal_is")));
}

static bool is_datagrams(const json_t *value)
{
    return is_number(json_object_get(value, "count")) && is_number(json_object_get(value, "bytes"));
}

static bool is_drop(const json_t *value)
{
    return is_number(json_object_get(value, "count")) &&
           is_number(json_object_get(value, "nodes")) &&
           is_number(json_object_get(value, "most")) &&
           json_is_string(json_object_get(value, "at"));
}

static bool is_object(const json_t *object, bool (*is_good)(const json_t *value))
{
    const char *key;
    json_t *value;

    if (!json_is_object(object) || json_object_size(object) > LIST_MAX)
        return false;
    json_object_foreach((json_t *)object, key, value) if (!is_good(value)) return false;
    return true;
}

/* --- what a result has --- */

enum kind {
    TEXT,
    NUMBER,
    NUMBER_OR_NULL,
    NUMBERS,
    HISTOGRAM,
    NOTES,
    FAILURES,
    FIGURES,
    SORTS,
    DROPS,
    WORDS
};

static const struct member {
    const char *path;
    enum kind kind;
} members[] = {
    {"scenario", TEXT},
    {"replay", TEXT},
    {"commit", TEXT},
    {"trace_hash", TEXT},
    {"nodes", NUMBER},
    {"virtual_ms", NUMBER},
    {"wall_ms", NUMBER},
    {"events", NUMBER},
    {"checks", NUMBER},
    {"peak_bytes", NUMBER},
    {"all_ready_ms", NUMBER_OR_NULL},
    {"checks_failed", FAILURES},
    {"figures", FIGURES},
    {"lookups.sent", NUMBER},
    {"lookups.found", NUMBER},
    {"lookups.lost", NUMBER},
    {"lookups.linked", NUMBER},
    {"lookups.reached", NUMBER},
    {"lookups.hops_mean", NUMBER_OR_NULL},
    {"lookups.hops_p99", NUMBER_OR_NULL},
    {"lookups.asked_mean", NUMBER_OR_NULL},
    {"lookups.asked_p99", NUMBER_OR_NULL},
    {"lookups.time_ms_p50", NUMBER_OR_NULL},
    {"lookups.time_ms_p95", NUMBER_OR_NULL},
    {"lookups.seek_ms_p50", NUMBER_OR_NULL},
    {"lookups.seek_ms_p95", NUMBER_OR_NULL},
    {"lookups.reach_ms_p50", NUMBER_OR_NULL},
    {"lookups.reach_ms_p95", NUMBER_OR_NULL},
    {"histograms.hops", HISTOGRAM},
    {"histograms.asked", HISTOGRAM},
    {"histograms.took_ms", HISTOGRAM},
    {"histograms.seek_ms", HISTOGRAM},
    {"histograms.reach_ms", HISTOGRAM},
    {"histograms.links_per_node", HISTOGRAM},
    {"histograms.links_by_shared_bits", HISTOGRAM},
    {"histograms.tx_bytes_per_node", HISTOGRAM},
    {"histograms.rx_bytes_per_node", HISTOGRAM},
    {"series.slot_ms", NUMBER},
    {"series.sent", NUMBERS},
    {"series.found", NUMBERS},
    {"series.lost", NUMBERS},
    {"series.nodes_up", NUMBERS},
    {"series.nodes_ready", NUMBERS},
    {"series.datagrams", NUMBERS},
    {"series.tx_bytes", NUMBERS},
    {"messages.datagrams", SORTS},
    {"messages.ends", WORDS},
    {"messages.channel_packets", WORDS},
    {"drops", DROPS},
    {"notes", NOTES},
};

/* NULL when it is of its kind, else what is wrong. */
static const char *wrong_with(const json_t *value, enum kind kind)
{
    switch (kind) {
    case TEXT:
        return json_is_string(value) ? NULL : "is no text";
    case NUMBER:
        return is_number(value) ? NULL : "is no number, or out of bounds";
    case NUMBER_OR_NULL:
        return json_is_null(value) || is_number(value) ? NULL : "is no number, or out of bounds";
    case NUMBERS:
        return is_list_of_numbers(value) ? NULL : "is no list of numbers";
    case HISTOGRAM:
        return is_histogram(value) ? NULL : "is no histogram";
    case NOTES:
        return is_list(value, is_note) ? NULL : "is no list of notes";
    case FAILURES:
        return is_list(value, is_failure) ? NULL : "is no list of failures";
    case FIGURES:
        return is_object(value, is_figure) ? NULL : "has something that is no figure";
    case SORTS:
        return is_object(value, is_datagrams) ? NULL : "has something without count and bytes";
    case DROPS:
        return is_object(value, is_drop) ? NULL : "has something without count, nodes, most and at";
    case WORDS:
        return is_object(value, is_number) ? NULL : "has something that is no number";
    }
    return NULL;
}

/* All series have one length, and the time that passes in a piece. */
static const char *wrong_with_series(const json_t *series)
{
    size_t count = json_array_size(json_object_get(series, "sent"));
    const char *name;
    json_t *list;

    if (th_report_number(series, "slot_ms") < 1)
        return "has no length of its pieces";
    json_object_foreach((json_t *)series, name,
                        list) if (json_is_array(list) &&
                                  json_array_size(list) !=
                                      count) return "has lists of different lengths";
    return NULL;
}

bool th_report_fits(const json_t *result, char *complaint)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *value = th_report_at(result, members[i].path);
        const char *wrong = value ? wrong_with(value, members[i].kind) : "is missing";
        if (wrong)
            return complain(complaint, members[i].path, wrong);
    }
    const char *wrong = wrong_with_series(th_report_at(result, "series"));
    return wrong == NULL || complain(complaint, "series", wrong);
}

/* --- reading --- */

/* All of a file, or NULL with the complaint filled. */
static char *read_all(FILE *in, size_t *len, char *complaint)
{
    size_t room = 1 << 16, got;
    char *text = th_mem_zalloc(room, 1);

    TH_CHECK(text != NULL);
    while (*len <= TH_REPORT_BYTES_MAX && (got = fread(text + *len, 1, room - *len, in)) > 0) {
        *len += got;
        if (*len < room)
            continue;
        room *= 2;
        text = th_mem_resize(text, room, 1);
        TH_CHECK(text != NULL);
    }
    if (!ferror(in) && *len <= TH_REPORT_BYTES_MAX)
        return text;
    snprintf(complaint, TH_REPORT_COMPLAINT_MAX, "%s",
             ferror(in) ? strerror(errno) : "is too large for a result");
    th_mem_free(text);
    return NULL;
}

static json_t *read_json(const char *path, char *complaint)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "rbe");
    json_error_t error;
    json_t *json = NULL;
    size_t len = 0;

    if (in == NULL) {
        snprintf(complaint, TH_REPORT_COMPLAINT_MAX, "%s", strerror(errno));
        return NULL;
    }
    char *text = read_all(in, &len, complaint);
    if (text) {
        json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
        if (json == NULL)
            snprintf(complaint, TH_REPORT_COMPLAINT_MAX, "is no JSON: line %d: %s", error.line,
                     error.text);
    }
    th_mem_free(text);
    if (!is_stdin)
        fclose(in);
    return json;
}

bool th_report_read(struct th_report *report, const char *path, char *complaint)
{
    json_t *result = NULL;

    if (report->count == TH_REPORT_RESULTS_MAX)
        snprintf(complaint, TH_REPORT_COMPLAINT_MAX, "is one more than the %d that a page can hold",
                 TH_REPORT_RESULTS_MAX);
    else
        result = read_json(path, complaint);
    if (result == NULL)
        return false;
    if (!th_report_fits(result, complaint)) {
        json_decref(result);
        return false;
    }
    report->result[report->count++] = result;
    return true;
}
