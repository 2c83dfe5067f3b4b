#include "tools/app/ctl_live.h"

#include "tools/app/ctl_show.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 200 }; /* how long Ctrl-C may take */

static const char unknown[] = "-";

/* --- reading what the daemon said ----------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : unknown;
}

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* --- lines for people ----------------------------------------------------------------------------- */

/* When, in UTC as the daemon's log. */
static void show_time(const json_t *row, const struct th_style *style)
{
    json_int_t at_ms = number_of(row, "at_ms");
    time_t s = (time_t)(at_ms / 1000);
    struct tm tm;
    char text[32];

    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(style->out, "%s%s.%03dZ%s  ", th_dim(style), text, (int)(at_ms % 1000),
            th_plain(style));
}

static bool show_lagged(const json_t *row, const struct th_style *style)
{
    const json_t *lagged = json_object_get(row, "lagged");

    if (lagged == NULL)
        return false;
    if (json_is_integer(lagged))
        fprintf(style->out, "%s-- lagged: %lld not shown%s\n", th_red(style),
                (long long)json_integer_value(lagged), th_plain(style));
    else
        fprintf(style->out, "%s-- lagged: some not shown, nobody knows how many%s\n", th_red(style),
                th_plain(style));
    return true;
}

static const char *colour_of(const char *kind, const struct th_style *style)
{
    size_t len = strlen(kind);

    if (len > 3 && strcmp(kind + len - 3, "_up") == 0)
        return th_green(style);
    if (len > 5 && strcmp(kind + len - 5, "_down") == 0)
        return th_red(style);
    return th_bold(style);
}

/* What a peer wrote, in ASCII, so that nothing of it reaches the terminal as a command. */
static void show_foreign(const json_t *value, const struct th_style *style)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    fputs(text ? text : "?", style->out);
    free(text);
}

static void show_packet(const json_t *event, const struct th_style *style)
{
    const json_t *head = json_object_get(event, "head"), *err = json_object_get(event, "err");

    fputc(' ', style->out);
    if (json_is_object(head))
        show_foreign(head, style);
    else
        fputs("(the head is no JSON)", style->out);
    if (json_is_true(json_object_get(event, "end")))
        fputs(" end", style->out);
    if (json_is_string(err)) {
        fputs(" err=", style->out);
        show_foreign(err, style);
    }
    fprintf(style->out, " body=%lld", (long long)number_of(event, "body_bytes"));
}

/* " key=value" for what the event has. */
static void show_member(const json_t *event, const char *key, const struct th_style *style)
{
    const json_t *value = json_object_get(event, key);

    if (json_is_string(value))
        fprintf(style->out, " %s=%s", key, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(style->out, " %s=%lld", key, (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        fprintf(style->out, " %s=%s", key, json_is_true(value) ? "yes" : "no");
}

void th_show_event(const json_t *event, const struct th_style *style)
{
    static const char *const members[] = {"path", "type",   "c",       "opened_by", "direction",
                                          "seed", "result", "took_ms", "state",     "server"};
    const char *kind = text_of(event, "kind"), *hex = text_of(event, "hashname");
    const char *why = json_string_value(json_object_get(event, "why"));
    char short_hex[72];

    if (show_lagged(event, style))
        return;
    show_time(event, style);
    fprintf(style->out, "%s%-12s%s", colour_of(kind, style), kind, th_plain(style));
    if (strcmp(hex, unknown) != 0)
        fprintf(style->out, " %s", th_show_hex(short_hex, hex, style));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        show_member(event, members[i], style);
    if (json_object_get(event, "head"))
        show_packet(event, style);
    if (why)
        fprintf(style->out, " why=\"%s\"", why);
    fputc('\n', style->out);
}

void th_show_trace(const json_t *entry, const struct th_style *style)
{
    const json_t *took = json_object_get(entry, "took_us");
    const char *refused = json_string_value(json_object_get(entry, "refused"));
    const char *ended = json_string_value(json_object_get(entry, "ended"));
    bool is_in = strcmp(text_of(entry, "way"), "in") == 0;

    if (show_lagged(entry, style))
        return;
    if (ended) {
        fprintf(style->out, "-- %s has ended; waiting for its restart\n", ended);
        return;
    }
    show_time(entry, style);
    fprintf(style->out, "%s%-3s%s %-5s %-22s %-4s %-10s", is_in ? th_bold(style) : th_dim(style),
            is_in ? "in" : "out", th_plain(style), text_of(entry, "sort"),
            text_of(entry, "message"), is_in ? "from" : "to", text_of(entry, "with"));
    if (json_is_integer(took))
        fprintf(style->out, " %.3f ms", (double)json_integer_value(took) / 1000.0);
    show_member(entry, "kind", style);
    show_member(entry, "type", style);
    show_member(entry, "opened_by", style);
    if (refused)
        fprintf(style->out, " %srefused: %s%s", th_red(style), refused, th_plain(style));
    fputc('\n', style->out);
}

void th_show_log(const json_t *line, const struct th_style *style)
{
    const char *level = text_of(line, "level");
    bool is_bad = strcmp(level, "error") == 0 || strcmp(level, "warn") == 0;

    if (show_lagged(line, style))
        return;
    show_time(line, style);
    fprintf(style->out, "%s%-5s%s %s: ", is_bad ? th_red(style) : th_bold(style), level,
            th_plain(style), text_of(line, "topic"));
    for (const char *at = text_of(line, "text"); *at; at++)
        fputc((unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at, style->out);
    fputc('\n', style->out);
}

static void show_suspend(const json_t *result, const struct th_style *style)
{
    char text[32];

    fprintf(style->out, "%s is suspended for %s; thctl resume %s ends that\n",
            text_of(result, "server"), th_text_ms(text, (uint64_t)number_of(result, "for_ms")),
            text_of(result, "server"));
}

static void show_resume(const json_t *result, const struct th_style *style)
{
    bool was_suspended = json_is_true(json_object_get(result, "was_suspended"));

    fprintf(style->out, "%s %s\n", text_of(result, "server"),
            was_suspended ? "goes on" : "was not suspended");
}

static void show_restart(const json_t *result, const struct th_style *style)
{
    fprintf(style->out, "%s was restarted in %lld ms, its restart number %lld\n",
            text_of(result, "server"), (long long)number_of(result, "took_ms"),
            (long long)number_of(result, "restarts"));
}

int th_ctl_steer(const struct th_ctl_run *run, const char *method, const char *server,
                 char say[TH_SAY_MAX])
{
    static const struct {
        const char *method;
        void (*show)(const json_t *, const struct th_style *);
    } shows[] = {{"server.suspend", show_suspend},
                 {"server.resume", show_resume},
                 {"server.restart", show_restart}};
    json_t *params = json_pack("{s:s}", "server", server), *result;

    if (run->args->for_ms)
        json_object_set_new(params, "for_ms", json_integer(run->args->for_ms));
    int code = th_ctl_ask(run, method, params, run->args->timeout_ms, &result, say);
    if (code)
        return code;
    if (!th_ctl_print_json(run, result))
        for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++)
            if (strcmp(shows[i].method, method) == 0)
                shows[i].show(result, run->style);
    json_decref(result);
    return 0;
}

/* --- streams -------------------------------------------------------------------------------------- */

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct shower {
    const struct th_ctl_run *run;
    void (*show)(const json_t *, const struct th_style *);
};

/* Prints one notification; false when it cannot be written. */
static bool show(void *data, json_t *params)
{
    const struct shower *shower = data;
    FILE *out = shower->run->style->out;

    if (shower->run->args->is_json) {
        json_dumpf(params, out, JSON_COMPACT);
        fputc('\n', out);
    } else {
        shower->show(params, shower->run->style);
    }
    return fflush(out) == 0;
}

int th_ctl_follow(const struct th_ctl_run *run, th_ctl_take_fn take, void *data,
                  char say[TH_SAY_MAX])
{
    int64_t until = run->args->for_ms ? now_ms() + run->args->for_ms : INT64_MAX;
    bool wants_more = true;
    json_t *note;

    signal(SIGINT, on_interrupt);
    while (wants_more && !is_interrupted && now_ms() < until) {
        int64_t left = until - now_ms();

        enum th_err e =
            th_ctl_next(run->ctl, left < LOOK_MS ? (unsigned)left : LOOK_MS, &note, say);
        if (e == TH_TIMED_OUT)
            continue;
        if (e != TH_OK)
            return 1;
        json_t *params = json_object_get(note, "params");
        if (json_is_object(params) && json_object_del(params, "id") == 0)
            wants_more = take(data, params);
        json_decref(note);
    }
    return 0;
}

int th_ctl_stream(const struct th_ctl_run *run, const char *method, json_t *params,
                  char say[TH_SAY_MAX])
{
    struct shower shower = {.run = run, .show = th_show_event};
    json_t *answer;
    int code = th_ctl_ask(run, method, params, run->args->timeout_ms, &answer, say);

    if (code)
        return code;
    json_decref(answer);
    if (strcmp(method, "server.trace") == 0)
        shower.show = th_show_trace;
    else if (strcmp(method, "log.start") == 0)
        shower.show = th_show_log;
    return th_ctl_follow(run, show, &shower, say);
}
