/*
 * thctl - looks at a running telehashd and steers it, over its control socket.
 */
#include "tools/app/config.h"
#include "tools/app/control_event.h"
#include "tools/app/control_table.h"
#include "tools/app/ctl_args.h"
#include "tools/app/ctl_client.h"
#include "tools/app/ctl_health.h"
#include "tools/app/ctl_live.h"
#include "tools/app/ctl_ping.h"
#include "tools/app/ctl_pipe.h"
#include "tools/app/ctl_seeds.h"
#include "tools/app/ctl_show.h"
#include "tools/app/openmetrics.h"

#include "switch/wire/hashname.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REACH_MS = 15000, STOP_MS = 10000, FOREVER_MS = INT_MAX };

struct command;

struct thctl {
    struct th_ctl_args args;
    unsigned argument_count; /* of args.word, those that follow the command */
    const char **argument;
    struct th_style style;
    struct th_ctl ctl;
};

/* Which options a command knows besides those that all have. */
enum {
    OPTION_ALL = 1 << 0,
    OPTION_FOR = 1 << 1,
    OPTION_FILTER = 1 << 2,
    OPTION_PING = 1 << 3,
    OPTION_LOG = 1 << 4,
    OPTION_SEED = 1 << 5,
    OPTION_PROMETHEUS = 1 << 6
};

struct command {
    const char *name;   /* one word, or two for one of a group */
    const char *params; /* as the help shows them */
    const char *method; /* its help is the method's; NULL: help below */
    const char *help;
    unsigned arguments; /* how many words must follow */
    unsigned options;
    int (*run)(struct thctl *t, const struct command *command);
};

static int complain(const char *say, int code)
{
    fflush(stdout);
    th_complain("thctl", say);
    return code;
}

/* --- calling -------------------------------------------------------------------------------------- */

static struct th_ctl_run run_of(struct thctl *t)
{
    return (struct th_ctl_run){.ctl = &t->ctl, .args = &t->args, .style = &t->style};
}

/* Returns 0 and the result, else the exit code; what was wrong has been said then. */
static int call(struct thctl *t, const char *method, json_t *params, unsigned timeout_ms,
                json_t **result)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = th_ctl_ask(&run, method, params, timeout_ms, result, say);

    return code ? complain(say, code) : 0;
}

static int call_long(struct thctl *t, const char *method, json_t *params, unsigned more_ms,
                     json_t **result)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = th_ctl_ask_long(&run, method, params, more_ms, result, say);

    return code ? complain(say, code) : 0;
}

static bool print_json(struct thctl *t, const json_t *result)
{
    struct th_ctl_run run = run_of(t);

    return th_ctl_print_json(&run, result);
}

/* --- commands that look --------------------------------------------------------------------------- */

static void (*show_of(const char *method))(const json_t *, const struct th_style *)
{
    static const struct {
        const char *method;
        void (*show)(const json_t *, const struct th_style *);
    } shows[] = {
        {"status", th_show_status},     {"peers", th_show_peers},     {"buckets", th_show_buckets},
        {"lines", th_show_lines},       {"servers", th_show_servers}, {"drops", th_show_drops},
        {"channels", th_show_channels},
    };

    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++)
        if (strcmp(shows[i].method, method) == 0)
            return shows[i].show;
    return NULL;
}

static int run_look(struct thctl *t, const struct command *command)
{
    json_t *result;
    json_t *params = t->args.is_all ? json_pack("{s:b}", "all", 1) : NULL;
    int code = call(t, command->method, params, t->args.timeout_ms, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        show_of(command->method)(result, &t->style);
    json_decref(result);
    return 0;
}

static int run_health(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call(t, command->method, NULL, t->args.timeout_ms, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        th_show_health(result, &t->style);
    code = json_is_true(json_object_get(result, "healthy")) ? 0 : 1;
    json_decref(result);
    return code;
}

static int run_metrics(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call(t, command->method, NULL, t->args.timeout_ms, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        th_metrics_write(stdout, result,
                         t->args.is_prometheus ? TH_METRICS_TEXT : TH_METRICS_OPENMETRICS);
    json_decref(result);
    return 0;
}

/* --- commands that reach out ---------------------------------------------------------------------- */

static int run_seek(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call_long(t, command->method, json_pack("{s:s}", "hashname", t->argument[0]),
                         REACH_MS, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        th_show_seek(result, &t->style);
    code = json_is_true(json_object_get(result, "found")) ? 0 : 1;
    json_decref(result);
    return code;
}

static int run_connect(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call_long(t, command->method, json_pack("{s:s}", "hashname", t->argument[0]),
                         REACH_MS, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        th_show_connect(result, &t->style);
    const char *word = json_string_value(json_object_get(result, "result"));
    code = word && strcmp(word, "reached") == 0 ? 0 : 1;
    json_decref(result);
    return code;
}

static int run_ping(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = th_ctl_ping(&run, command->method, t->argument[0], REACH_MS, say);

    return say[0] ? complain(say, code) : code;
}

static int run_stop(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call(t, command->method, NULL, t->args.timeout_ms, &result);

    if (code)
        return code;
    if (!th_ctl_wait_closed(&t->ctl, STOP_MS)) {
        char say[TH_SAY_MAX];

        snprintf(say, sizeof say, "telehashd (pid %ld) was told to stop and goes on; see its log",
                 (long)t->ctl.pid);
        code = complain(say, 1);
    } else if (!print_json(t, result)) {
        printf("telehashd (pid %ld) stopped\n", (long)t->ctl.pid);
    }
    json_decref(result);
    return code;
}

/* --- commands that go on, and those that steer a server ------------------------------------------- */

static int stream(struct thctl *t, const struct command *command, json_t *params)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = th_ctl_stream(&run, command->method, params, say);

    return code ? complain(say, code) : 0;
}

/* Standard output is the stream's; who it is with is said beside it. */
static int run_pipe(struct thctl *t, const struct command *command)
{
    bool is_listen = strcmp(command->method, "pipe.listen") == 0;
    const char *name = t->argument[is_listen ? 0 : 1];
    bool is_type = name[0] == '_' || strcmp(name, "sock") == 0;
    char say[TH_SAY_MAX], type[128];
    json_t *params, *result;

    /* A name of one's own begins with _ on the wire. */
    snprintf(type, sizeof type, "%s%s", is_type ? "" : "_", name);
    if (is_listen)
        params = json_pack("{s:s}", "type", type);
    else
        params = json_pack("{s:s, s:s}", "hashname", t->argument[0], "type", type);
    int code = is_listen ? call(t, command->method, params, FOREVER_MS, &result)
                         : call_long(t, command->method, params, REACH_MS, &result);
    if (code)
        return code;
    const char *who = json_string_value(json_object_get(result, "hashname"));
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s %s\n", is_listen ? "from" : "to", who ? who : "?");
    json_decref(result);
    code = th_ctl_pipe(&t->ctl, say);
    return code ? complain(say, code) : 0;
}

static int run_watch(struct thctl *t, const struct command *command)
{
    return stream(t, command, json_incref(t->args.filter));
}

static int run_trace(struct thctl *t, const struct command *command)
{
    return stream(t, command, json_pack("{s:s}", "server", t->argument[0]));
}

/* What is in memory, or with -f what comes. */
static int run_log(struct thctl *t, const struct command *command)
{
    json_t *result, *line;
    size_t i;

    if (t->args.is_follow)
        return stream(t, command, json_incref(t->args.log));
    int code = call(t, "log", json_incref(t->args.log), t->args.timeout_ms, &result);
    if (code)
        return code;
    json_int_t last = json_integer_value(json_object_get(t->args.log, "last"));
    while (last > 0 && json_array_size(result) > (size_t)last)
        json_array_remove(result, 0);
    if (!print_json(t, result))
        json_array_foreach(result, i, line) th_show_log(line, &t->style);
    json_decref(result);
    return 0;
}

/* Seeds, and the configuration. */
static int run_settings(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX] = "";
    int code;

    if (strcmp(command->method, "seeds.export") == 0)
        code = th_ctl_seeds_export(&run, say);
    else if (strcmp(command->method, "seeds.list") == 0)
        code = th_ctl_seeds_list(&run, say);
    else if (strcmp(command->method, "seeds.add") == 0)
        code = th_ctl_seeds_add(&run, t->argument[0], say);
    else if (strcmp(command->method, "seeds.remove") == 0)
        code = th_ctl_seeds_remove(&run, t->argument[0], say);
    else
        code = th_ctl_reload(&run, say);
    return say[0] ? complain(say, code) : code;
}

static int run_steer(struct thctl *t, const struct command *command)
{
    static const struct {
        const char *method;
        void (*show)(const json_t *, const struct th_style *);
    } shows[] = {{"server.suspend", th_show_suspend},
                 {"server.resume", th_show_resume},
                 {"server.restart", th_show_restart}};
    json_t *params = json_pack("{s:s}", "server", t->argument[0]), *result;

    if (t->args.for_ms)
        json_object_set_new(params, "for_ms", json_integer(t->args.for_ms));
    int code = call(t, command->method, params, t->args.timeout_ms, &result);
    if (code)
        return code;
    if (!print_json(t, result))
        for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++)
            if (strcmp(shows[i].method, command->method) == 0)
                shows[i].show(result, &t->style);
    json_decref(result);
    return 0;
}

/* --- the table of commands, and help -------------------------------------------------------------- */

static const struct command commands[] = {
    {"status", "", "status", NULL, 0, 0, run_look},
    {"health", "", "health", NULL, 0, 0, run_health},
    {"peers", "", "peers", NULL, 0, 0, run_look},
    {"buckets", "", "buckets", NULL, 0, 0, run_look},
    {"lines", "", "lines", NULL, 0, 0, run_look},
    {"channels", "", "channels", NULL, 0, 0, run_look},
    {"drops", "[--all]", "drops", NULL, 0, OPTION_ALL, run_look},
    {"watch", "[FILTER...] [--for T]", "watch.start", NULL, 0, OPTION_FILTER | OPTION_FOR,
     run_watch},
    {"log", "[-f] [--level L] [--topic T] [-n N]", "log.start", NULL, 0, OPTION_LOG | OPTION_FOR,
     run_log},
    {"seek", "HASHNAME", "seek", NULL, 1, 0, run_seek},
    {"connect", "HASHNAME", "connect", NULL, 1, 0, run_connect},
    {"ping", "HASHNAME [-c 4] [-i S] [-W S] [-s N]", "ping", NULL, 1, OPTION_PING, run_ping},
    {"pipe listen", "NAME", "pipe.listen", NULL, 1, 0, run_pipe},
    {"pipe", "HASHNAME NAME", "pipe.open", NULL, 2, 0, run_pipe},
    {"servers", "", "servers", NULL, 0, 0, run_look},
    {"metrics", "[--prometheus]", "metrics", NULL, 0, OPTION_PROMETHEUS, run_metrics},
    {"trace", "SERVER [--for T]", "server.trace", NULL, 1, OPTION_FOR, run_trace},
    {"suspend", "SERVER [--for 30s]", "server.suspend", NULL, 1, OPTION_FOR, run_steer},
    {"resume", "SERVER", "server.resume", NULL, 1, 0, run_steer},
    {"restart", "SERVER", "server.restart", NULL, 1, 0, run_steer},
    {"seeds export", "[--uri] [--qr]", "seeds.export", NULL, 0, OPTION_SEED, run_settings},
    {"seeds list", "", "seeds.list", NULL, 0, 0, run_settings},
    {"seeds add", "URI", "seeds.add", NULL, 1, 0, run_settings},
    {"seeds remove", "SEED", "seeds.remove", NULL, 1, 0, run_settings},
    {"reload", "", "reload", NULL, 0, 0, run_settings},
    {"stop", "", "stop", NULL, 0, 0, run_stop},
    {"help", "", NULL, "print this", 0, 0, NULL},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fputs("Usage: thctl [--socket PATH] [--json] [--full] [--timeout S] COMMAND\n"
          "Looks at a running telehashd and steers it.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct th_method *method =
            commands[i].method ? th_method_find(commands[i].method) : NULL;
        char name[80];

        snprintf(name, sizeof name, "%s %s", commands[i].name, commands[i].params);
        fprintf(out, "  %-34s %s\n", name, method ? method->help : commands[i].help);
    }
    th_ctl_args_help(out);
}

/* --- the command line ----------------------------------------------------------------------------- */

static int refuse(const char *what, const char *text)
{
    char say[TH_SAY_MAX];

    snprintf(say, sizeof say, "%s %.200s; thctl help lists the commands", what,
             text[0] ? text : "\"\"");
    return complain(say, 2);
}

/* Takes the command's words off the arguments; NULL when there is none like that. */
static const struct command *take_command(struct thctl *t)
{
    const char **word = t->args.word;
    unsigned count = t->args.word_count;

    for (size_t i = 0; i < COMMANDS && count > 0; i++) {
        const char *space = strchr(commands[i].name, ' ');
        size_t len = space ? (size_t)(space - commands[i].name) : strlen(commands[i].name);
        unsigned words = space ? 2 : 1;

        if (strlen(word[0]) != len || strncmp(word[0], commands[i].name, len) != 0)
            continue;
        if (space && (count < 2 || strcmp(word[1], space + 1) != 0))
            continue;
        t->argument = word + words;
        t->argument_count = count - words;
        return &commands[i];
    }
    return NULL;
}

static bool is_hex(const char *text)
{
    struct th_prefix prefix;

    return th_prefix_read(&prefix, text, strlen(text));
}

/* An option that the command does not know; NULL when there is none. */
static const char *stray_option(const struct th_ctl_args *args, unsigned known)
{
    const struct {
        bool is_said;
        unsigned option;
        const char *complaint;
    } rows[] = {
        {args->is_all, OPTION_ALL, "--all goes with drops alone, not with"},
        {args->for_ms != 0, OPTION_FOR, "--for goes with watch, trace, log and suspend, not with"},
        {args->has_ping, OPTION_PING, "-c, -i, -W and -s go with ping alone, not with"},
        {args->filter != NULL, OPTION_FILTER, "filters go with watch alone, not with"},
        {args->is_follow || args->log, OPTION_LOG,
         "-f, -n, --level and --topic go with log alone, not with"},
        {args->is_uri || args->is_qr, OPTION_SEED,
         "--uri and --qr go with seeds export alone, not with"},
        {args->is_prometheus, OPTION_PROMETHEUS, "--prometheus goes with metrics alone, not with"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].is_said && !(known & rows[i].option))
            return rows[i].complaint;
    return NULL;
}

static const char *missing_after(const struct command *command)
{
    if (strncmp(command->params, "HASHNAME", 8) == 0)
        return "a hashname is missing after";
    if (strcmp(command->params, "URI") == 0)
        return "a URI (telehash://…) is missing after";
    if (strcmp(command->params, "SEED") == 0)
        return "a seed's hashname is missing after";
    return "a server's name is missing after";
}

/* What goes with the command, before anything is asked. Returns 0 or the exit code. */
static int check_arguments(struct thctl *t, const struct command *command)
{
    struct th_filter filter;
    char say[TH_SAY_MAX];
    bool takes_hashname = strncmp(command->params, "HASHNAME", 8) == 0;
    const char *stray = stray_option(&t->args, command->options);

    if (stray)
        return refuse(stray, command->name);
    if (t->args.for_ms && (command->options & OPTION_LOG) && !t->args.is_follow)
        return complain("--for goes with log -f: without -f it does not wait", 2);
    if (t->argument_count > command->arguments)
        return refuse("too many words after", command->name);
    if (t->argument_count < command->arguments)
        return refuse(missing_after(command), command->name);
    if (takes_hashname && !is_hex(t->argument[0])) {
        snprintf(
            say, sizeof say,
            "%.100s: is no hashname (64 hex digits, or how a peer's begins); thctl peers shows "
            "some",
            t->argument[0][0] ? t->argument[0] : "\"\"");
        return complain(say, 2);
    }
    if (!th_filter_read(&filter, t->args.filter, say))
        return complain(say, 2);
    th_filter_clear(&filter);
    return 0;
}

static int connect_daemon(struct thctl *t)
{
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX];
    char say[TH_SAY_MAX];
    struct th_environment env;

    th_environment_read(&env);
    unsigned count = th_socket_candidates(paths, t->args.socket, &env, say);
    if (paths[0][0] == '\0')
        return complain(say, 2);
    enum th_err e = th_ctl_connect(&t->ctl, paths, count, t->args.timeout_ms, say);
    return e == TH_OK ? 0 : complain(say, 1);
}

static int run(struct thctl *t)
{
    if (t->args.is_help) {
        print_help(stdout);
        return 0;
    }
    if (t->args.is_version) {
        puts("thctl " TH_VERSION);
        return 0;
    }
    if (t->args.word_count == 0) {
        print_help(stderr);
        return 2;
    }
    const struct command *command = take_command(t);
    if (command == NULL)
        return refuse("unknown command", t->args.word[0]);
    int code = check_arguments(t, command);
    if (code)
        return code;
    if (command->run == NULL) {
        print_help(stdout);
        return 0;
    }
    t->style = th_style_of(stdout, t->args.is_full);
    code = connect_daemon(t);
    if (code == 0)
        code = command->run(t, command);
    th_ctl_close(&t->ctl);
    return code;
}

int main(int argc, char *argv[])
{
    static struct thctl thctl = {.ctl = {.fd = -1}};
    struct thctl *t = &thctl;
    char say[TH_SAY_MAX];

    int code = th_ctl_args_read(&t->args, argc, argv, say) ? run(t) : complain(say, 2);
    th_ctl_args_clear(&t->args);
    if (fflush(stdout) != 0 && errno != EPIPE)
        return complain("cannot write to stdout", 1);
    return code;
}
