#include "tools/app/ctl_args.h"

#include "switch/base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOR_MS_MAX = 60 * 60 * 1000, CAPTURE_BYTES = 100 * 1000 * 1000 };

/* --- the table of flags --------------------------------------------------------------------------- */

/* A row here, and a branch in read_value or a row in flag_of; at most 64. */
const struct th_cli_flag th_ctl_flags[] = {
    {"--socket", "PATH", NULL, "the daemon's control socket", "name a file", false},
    {"--json", NULL, NULL, "the result as JSON, one line, for scripts", NULL, false},
    {"--full", NULL, NULL, "hashnames in full also on a terminal", NULL, false},
    {"--timeout", "S", NULL, "seconds to wait for the daemon (5)", "give seconds, 0.001 to 3600",
     false},
    {"--all", NULL, "drops", "also the reasons that were never counted", NULL, false},
    {"-f", NULL, "log", "go on with what comes", NULL, false},
    {"--level", "LEVEL", "log", "error, warn, info or debug, whatever the daemon's own",
     "give error, warn, info or debug", false},
    {"--topic", "TOPIC", "log", "only this part of the daemon, such as dialer; repeatable",
     "give a name", false},
    {"--plain", NULL, "top", "rounds of text, as without a terminal", NULL, false},
    {"-n", "N", "log, top", "so many lines of what was there (10 with -f); so many rounds of text",
     "give a number, 1 to 512", false},
    {"--for", "T", "watch, capture, log, trace, suspend",
     "how long to watch, capture, follow, trace or suspend: 500ms, 30s, 2m, 1h",
     "give a time such as 500ms, 30s, 2m or 1h (the most)", false},
    {"--count", "N", "capture", "so many packets", "give a number, 1 to 1000000000", false},
    {"--bytes", "N", "capture", "a file of at most about so many (100000000)",
     "give a number of bytes, 1000 to 4000000000", false},
    {"--snap", "N", "capture", "only the first bytes of each packet (2048)",
     "give a number of bytes, 1 to 2048", false},
    {"--force", NULL, "capture", "write over a file that is there", NULL, false},
    {"-c", "N", "ping", "how many pings (4)", "give a number, 1 to 1000", false},
    {"-i", "S", "ping, top", "seconds from one to the next (1, at least 0.1)",
     "give seconds, 0.1 to 3600", false},
    {"-W", "S", "ping", "seconds to wait for an answer (2)", "give seconds, 0.001 to 60", false},
    {"-s", "N", "ping", "bytes that each carries, 0 to 1260 (0)",
     "give a number of bytes, 0 to 1260", false},
    {"--uri", NULL, "seeds export", "in one line, as telehashd --seed takes it", NULL, false},
    {"--qr", NULL, "seeds export", "also as a QR code", NULL, false},
    {"--svg", NULL, "graph", "as a picture that needs nothing else", NULL, false},
    {"--html", NULL, "graph", "as a page with that picture", NULL, false},
    {"--prometheus", NULL, "metrics", "in the older text format of Prometheus", NULL, false},
    {"--kind", "KIND", "watch, capture",
     "line_up line_down line_silent line_heard path_changed opened packet ended link_up link_down "
     "dialed state server_up server_down",
     "give a name", true},
    {"--type", "TYPE", "watch, capture", "of a channel: seek link path peer connect bridge other",
     "give a name", true},
    {"--peer", "PREFIX", "watch, capture", "how the other's hashname begins", "give a name", true},
    {"--is", "K=V", "watch, capture",
     "packets whose head has a member K that is V; K a.b: the member b of a", "give K=V", true},
    {"--has", "K", "watch, capture", "packets whose head has a member K", "give a name", true},
    {"--help", NULL, NULL, "print this and end", NULL, false},
    {"--version", NULL, NULL, "print the versions of program and libraries and end", NULL, false},
};
const unsigned th_ctl_flag_count = sizeof th_ctl_flags / sizeof th_ctl_flags[0];

const struct th_cli_flag *th_ctl_args_stray(const struct th_ctl_args *args, const char *command)
{
    for (unsigned i = 0; i < th_ctl_flag_count; i++)
        if ((args->said >> i & 1) && !th_cli_goes_with(&th_ctl_flags[i], command))
            return &th_ctl_flags[i];
    return NULL;
}

/* --- values --------------------------------------------------------------------------------------- */

/* Reads seconds with decimals, as milliseconds. */
static bool read_seconds(unsigned *ms, const char *text, double low, double high)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < low || seconds > high)
        return false;
    *ms = (unsigned)(seconds * 1000 + 0.5);
    return true;
}

/* Reads 30s, 500ms, 2m, 1h, or seconds without a unit. */
static bool read_span(unsigned *ms, const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};
    char *end;
    double n = strtod(text, &end);

    if (end == text || !isfinite(n) || n <= 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double all = n * units[i].ms + 0.5;

        if (strcmp(end, units[i].unit) != 0)
            continue;
        if (all < 1 || all >= FOR_MS_MAX + 1)
            return false;
        *ms = (unsigned)all;
        return true;
    }
    return false;
}

static bool read_number(unsigned *number, const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < least || n > most)
        return false;
    *number = (unsigned)n;
    return true;
}

/* --- the filter of a watch ------------------------------------------------------------------------ */

static bool add_word(json_t *filter, const char *name, const char *value)
{
    json_t *list = json_object_get(filter, name);

    if (list == NULL) {
        list = json_array();
        json_object_set_new(filter, name, list);
    }
    return json_array_append_new(list, json_string(value)) == 0;
}

/* K=V; a value may have further signs in it. */
static bool add_is(json_t *filter, const char *text)
{
    const char *sign = strchr(text, '=');
    json_t *is = json_object_get(filter, "is");

    if (sign == NULL || sign == text)
        return false;
    if (is == NULL) {
        is = json_object();
        json_object_set_new(filter, "is", is);
    }
    char *name = strndup(text, (size_t)(sign - text));
    bool is_set = name && json_object_set_new(is, name, json_string(sign + 1)) == 0;
    free(name);
    return is_set;
}

static bool read_filter(struct th_ctl_args *args, const char *name, const char *value)
{
    if (args->filter == NULL)
        args->filter = json_object();
    if (strcmp(name, "--is") == 0)
        return add_is(args->filter, value);
    if (strcmp(name, "--peer") == 0)
        return json_object_set_new(args->filter, "peer", json_string(value)) == 0;
    return value[0] != '\0' && add_word(args->filter, name + 2, value);
}

/* --- which lines of the log ----------------------------------------------------------------------- */

static bool read_log(struct th_ctl_args *args, const char *name, const char *value)
{
    unsigned last;

    if (args->log == NULL)
        args->log = json_object();
    if (strcmp(name, "--topic") == 0)
        return value[0] != '\0' && add_word(args->log, "topic", value);
    if (strcmp(name, "--level") == 0)
        return value[0] != '\0' && json_object_set_new(args->log, "level", json_string(value)) == 0;
    return read_number(&last, value, 1, 512) &&
           json_object_set_new(args->log, "last", json_integer(last)) == 0;
}

/* --- options -------------------------------------------------------------------------------------- */

static bool read_ping_value(struct th_ctl_args *args, const char *name, const char *value)
{
    if (strcmp(name, "-c") == 0)
        return read_number(&args->ping_count, value, 1, 1000);
    if (strcmp(name, "-s") == 0)
        return read_number(&args->ping_size, value, 0, 1260);
    if (strcmp(name, "-i") == 0)
        return read_seconds(&args->ping_interval_ms, value, 0.1, 3600);
    return read_seconds(&args->ping_wait_ms, value, 0.001, 60);
}

static bool read_capture_value(struct th_ctl_args *args, const char *name, const char *value)
{
    if (strcmp(name, "--count") == 0)
        return read_number(&args->capture.count, value, 1, 1000 * 1000 * 1000);
    if (strcmp(name, "--snap") == 0)
        return read_number(&args->capture.snap, value, 1, 2048);
    return read_number(&args->capture.bytes_max, value, 1000, 4000000000u);
}

static bool read_value(struct th_ctl_args *args, const char *name, const char *value)
{
    if (strcmp(name, "--socket") == 0) {
        args->socket = value;
        return true;
    }
    if (strcmp(name, "--timeout") == 0)
        return read_seconds(&args->timeout_ms, value, 0.001, 3600);
    if (strcmp(name, "--for") == 0)
        return read_span(&args->for_ms, value);
    if (strcmp(name, "-n") == 0 || strcmp(name, "--level") == 0 || strcmp(name, "--topic") == 0)
        return read_log(args, name, value);
    if (strcmp(name, "--count") == 0 || strcmp(name, "--snap") == 0 || strcmp(name, "--bytes") == 0)
        return read_capture_value(args, name, value);
    if (name[1] != '-')
        return read_ping_value(args, name, value);
    return read_filter(args, name, value);
}

/* What a flag of the table without a value sets. */
static bool *flag_of(struct th_ctl_args *args, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--json", &args->is_json},
                 {"--full", &args->is_full},
                 {"--all", &args->is_all},
                 {"--uri", &args->is_uri},
                 {"--prometheus", &args->is_prometheus},
                 {"--qr", &args->is_qr},
                 {"--svg", &args->is_svg},
                 {"--html", &args->is_html},
                 {"-f", &args->is_follow},
                 {"--plain", &args->is_plain},
                 {"--force", &args->capture.is_forced},
                 {"--help", &args->is_help},
                 {"--version", &args->is_version}};

    size_t i = 0;

    while (i < sizeof flags / sizeof flags[0] && strcmp(name, flags[i].name) != 0)
        i++;
    TH_CHECK(i < sizeof flags / sizeof flags[0]); /* a flag of the table that nothing reads */
    return flags[i].flag;
}

static bool refuse(char say[TH_SAY_MAX], const char *what, const char *text)
{
    snprintf(say, TH_SAY_MAX, "%s %.200s; thctl help lists the commands", what,
             text[0] ? text : "\"\"");
    return false;
}

static bool refuse_unknown(char say[TH_SAY_MAX], const char *option, const char *name)
{
    const char *nearest = th_cli_nearest_flag(th_ctl_flags, th_ctl_flag_count, name);

    if (nearest == NULL || strcmp(nearest, name) == 0)
        return refuse(say, "unknown option", option);
    snprintf(say, TH_SAY_MAX,
             "unknown option %.200s; did you mean %s? thctl help lists the commands", option,
             nearest);
    return false;
}

/* Reads the option at argv[*at]; moves on when its value is the next word. */
static bool read_option(struct th_ctl_args *args, int argc, char *const argv[], int *at,
                        char say[TH_SAY_MAX])
{
    const char *a = argv[*at];
    const char *sign = strncmp(a, "--", 2) == 0 ? strchr(a, '=') : NULL;
    char name[TH_CLI_NAME_MAX];

    snprintf(name, sizeof name, "%.*s", sign ? (int)(sign - a) : (int)strlen(a), a);
    const struct th_cli_flag *known =
        th_cli_flag_find(th_ctl_flags, th_ctl_flag_count, strcmp(a, "-h") == 0 ? "--help" : name);
    if (known == NULL || (known->value == NULL && sign))
        return refuse_unknown(say, a, name);
    args->said |= UINT64_C(1) << (known - th_ctl_flags);
    if (known->value == NULL) {
        *flag_of(args, known->name) = true;
        return true;
    }
    if (sign == NULL && *at + 1 == argc)
        return refuse(say, "a value is missing for", a);
    const char *value = sign ? sign + 1 : argv[++*at];
    if (read_value(args, name, value))
        return true;
    snprintf(say, TH_SAY_MAX, "%s cannot be %.200s: %s", name, value[0] ? value : "\"\"",
             known->wanted);
    return false;
}

bool th_ctl_args_read(struct th_ctl_args *out, int argc, char *const argv[], char say[TH_SAY_MAX])
{
    *out = (struct th_ctl_args){.timeout_ms = 5000,
                                .ping_count = 4,
                                .ping_interval_ms = 1000,
                                .ping_wait_ms = 2000,
                                .capture.bytes_max = CAPTURE_BYTES};
    for (int i = 1; i < argc; i++) {
        bool is_option = argv[i][0] == '-' && argv[i][1] != '\0';

        if (is_option) {
            if (!read_option(out, argc, argv, &i, say))
                return false;
        } else if (out->word_count == TH_CTL_WORDS_MAX) {
            return refuse(say, "too many words:", argv[i]);
        } else {
            out->word[out->word_count++] = argv[i];
        }
        if (out->is_help || out->is_version)
            break;
    }
    return true;
}

void th_ctl_args_clear(struct th_ctl_args *args)
{
    json_decref(args->filter);
    json_decref(args->log);
    args->filter = args->log = NULL;
}
