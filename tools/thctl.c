/*
 * thctl - looks at a running telehashd and steers it, over its control socket.
 */
#include "tools/app/config.h"
#include "tools/app/control_event.h"
#include "tools/app/control_table.h"
#include "tools/app/ctl_args.h"
#include "tools/app/ctl_capture.h"
#include "tools/app/ctl_client.h"
#include "tools/app/ctl_doctor.h"
#include "tools/app/ctl_complete.h"
#include "tools/app/ctl_health.h"
#include "tools/app/ctl_help.h"
#include "tools/app/ctl_live.h"
#include "tools/app/ctl_picture.h"
#include "tools/app/ctl_ping.h"
#include "tools/app/ctl_pipe.h"
#include "tools/app/ctl_reach.h"
#include "tools/app/ctl_seeds.h"
#include "tools/app/ctl_show.h"
#include "tools/app/ctl_top.h"
#include "tools/app/openmetrics.h"

#include "switch/wire/hashname.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REACH_MS = 15000, ASK_MS = 3000, STOP_MS = 10000 };

struct command;

struct thctl {
    struct th_ctl_args args;
    unsigned argument_count; /* of args.word, those that follow the command */
    const char **argument;
    struct th_style style;
    struct th_ctl ctl;
    char why_not[TH_SAY_MAX]; /* it is not connected; "" it is */
};

/* The flags that go with it name it in their table (tools/app/ctl_args.c). */
struct command {
    const char *name;   /* one word, or two for one of a group */
    const char *params; /* the words that follow, as th_cli_command has them */
    const char *method; /* NULL: none alone */
    const char *help;   /* NULL: the method's */
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

/*
 * Returns 0 and the result, else the exit code; what was wrong has been said then.
 * more_ms  beside --timeout, for what takes as long as the network does; 0 for what the daemon knows.
 */
static int call(struct thctl *t, const char *method, json_t *params, unsigned more_ms,
                json_t **result)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = more_ms ? th_ctl_ask_long(&run, method, params, more_ms, result, say)
                       : th_ctl_ask(&run, method, params, t->args.timeout_ms, result, say);

    return code ? complain(say, code) : 0;
}

static bool print_json(struct thctl *t, const json_t *result)
{
    struct th_ctl_run run = run_of(t);

    return th_ctl_print_json(&run, result);
}

/* --- commands that ask one method and show its answer --------------------------------------------- */

static bool is_healthy(const json_t *result)
{
    return json_is_true(json_object_get(result, "healthy"));
}

static bool is_found(const json_t *result)
{
    return json_is_true(json_object_get(result, "found"));
}

static bool is_reached(const json_t *result)
{
    const char *word = json_string_value(json_object_get(result, "result"));

    return word && strcmp(word, "reached") == 0;
}

static const struct show {
    const char *method;
    void (*show)(const json_t *result, const struct th_style *style);
    unsigned more_ms;                      /* as `call` has it */
    bool (*is_good)(const json_t *result); /* else exit 1; NULL: any answer is */
} shows[] = {
    {"status", th_show_status, 0, NULL},
    {"health", th_show_health, 0, is_healthy},
    {"reach", th_show_reach, ASK_MS, NULL}, /* the peers have a second for their answers */
    {"peers", th_show_peers, 0, NULL},
    {"lines", th_show_lines, 0, NULL},
    {"channels", th_show_channels, 0, NULL},
    {"drops", th_show_drops, 0, NULL},
    {"servers", th_show_servers, 0, NULL},
    {"seek", th_show_seek, REACH_MS, is_found},
    {"connect", th_show_connect, REACH_MS, is_reached},
};

static const struct show *show_of(const char *method)
{
    size_t i = 0;

    while (strcmp(shows[i].method, method) != 0) {
        i++;
        TH_CHECK(i < sizeof shows / sizeof shows[0]);
    }
    return &shows[i];
}

static int run_shown(struct thctl *t, const struct command *command)
{
    const struct show *row = show_of(command->method);
    json_t *params = NULL, *result;

    if (t->argument_count > 0)
        params = json_pack("{s:s}", "hashname", t->argument[0]);
    else if (t->args.is_all)
        params = json_pack("{s:b}", "all", 1);
    int code = call(t, command->method, params, row->more_ms, &result);
    if (code)
        return code;
    if (!print_json(t, result))
        row->show(result, &t->style);
    code = row->is_good == NULL || row->is_good(result) ? 0 : 1;
    json_decref(result);
    return code;
}

/* --- commands that look, and more than that ------------------------------------------------------- */

static int run_metrics(struct thctl *t, const struct command *command)
{
    json_t *result;
    int code = call(t, command->method, NULL, 0, &result);

    if (code)
        return code;
    if (!print_json(t, result))
        th_metrics_write(stdout, result,
                         t->args.is_prometheus ? TH_METRICS_TEXT : TH_METRICS_OPENMETRICS);
    json_decref(result);
    return 0;
}

/* It has something to say also when no daemon is there. */
static int run_doctor(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);

    (void)command;
    return th_ctl_doctor(&run, t->why_not);
}

static int run_top(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX] = "";
    int code = th_ctl_top(&run, t->argument_count > 0 ? t->argument[0] : NULL, say);

    (void)command;
    return code ? complain(say, code) : 0;
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
    int code = call(t, command->method, NULL, 0, &result);

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

static int run_pipe(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = strcmp(command->method, "pipe.listen") == 0
                   ? th_ctl_pipe_listen(&run, t->argument[0], say)
                   : th_ctl_pipe_open(&run, t->argument[0], t->argument[1], REACH_MS, say);

    return code ? complain(say, code) : 0;
}

static int run_watch(struct thctl *t, const struct command *command)
{
    return stream(t, command, json_incref(t->args.filter));
}

/* What has a file of its own and asks for itself. */
static int run_other(struct thctl *t, const struct command *command)
{
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX] = "";
    int code;

    if (strcmp(command->name, "capture") == 0)
        code = th_ctl_capture(&run, t->argument[0], say);
    else if (strcmp(command->name, "graph") == 0)
        code = th_ctl_graph(&run, t->argument_count ? t->argument[0] : NULL, say);
    else
        code = th_ctl_buckets(&run, say);
    return say[0] ? complain(say, code) : code;
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
    int code = call(t, "log", json_incref(t->args.log), 0, &result);
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
    struct th_ctl_run run = run_of(t);
    char say[TH_SAY_MAX];
    int code = th_ctl_steer(&run, command->method, t->argument[0], say);

    return code ? complain(say, code) : 0;
}

/* --- the table of commands, and help -------------------------------------------------------------- */

static const struct command commands[] = {
    {"status", "", "status", NULL, run_shown},
    {"health", "", "health", NULL, run_shown},
    {"reach", "", "reach", NULL, run_shown},
    {"doctor", "", "doctor", NULL, run_doctor},
    {"top", "[VIEW]", NULL, "peers, traffic, servers or drops, live; keys sort, filter and switch",
     run_top},
    {"peers", "", "peers", NULL, run_shown},
    {"buckets", "", "buckets", NULL, run_other},
    {"graph", "[HASHNAME]", NULL,
     "our neighbourhood as a graph in DOT, and who told of whom when a hashname is sought",
     run_other},
    {"lines", "", "lines", NULL, run_shown},
    {"channels", "", "channels", NULL, run_shown},
    {"drops", "", "drops", NULL, run_shown},
    {"watch", "[FILTER...]", "watch.start", NULL, run_watch},
    {"capture", "FILE [FILTER...]", "capture.start", NULL, run_other},
    {"log", "", "log.start", "the log: what is in memory, or with -f what comes", run_log},
    {"seek", "HASHNAME", "seek", NULL, run_shown},
    {"connect", "HASHNAME", "connect", NULL, run_shown},
    {"ping", "HASHNAME", "ping", NULL, run_ping},
    {"pipe listen", "NAME", "pipe.listen",
     "join standard input and output with the first that opens a pipe of that name to us",
     run_pipe},
    {"pipe", "HASHNAME NAME", "pipe.open", NULL, run_pipe},
    {"servers", "", "servers", NULL, run_shown},
    {"metrics", "", "metrics", NULL, run_metrics},
    {"trace", "SERVER", "server.trace", NULL, run_trace},
    {"suspend", "SERVER", "server.suspend", NULL, run_steer},
    {"resume", "SERVER", "server.resume", NULL, run_steer},
    {"restart", "SERVER", "server.restart", NULL, run_steer},
    {"seeds export", "", "seeds.export", NULL, run_settings},
    {"seeds list", "", "seeds.list", NULL, run_settings},
    {"seeds add", "URI", "seeds.add", NULL, run_settings},
    {"seeds remove", "SEED", "seeds.remove", NULL, run_settings},
    {"reload", "", "reload", NULL, run_settings},
    {"stop", "", "stop", NULL, run_stop},
    {"help", "[COMMAND...]", NULL, "print this, or more of one command", NULL},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* Values that are one of a few words; the rest is found by its name (tools/cli/cli.h). */
static const struct th_cli_choice choices[] = {
    {"LEVEL", "error warn info debug"},
    {"KIND", "line_up line_down line_silent line_heard path_changed opened packet ended link_up "
             "link_down dialed state server_up server_down"},
    {"VIEW", "peers traffic servers drops"},
    {"TYPE", "seek link path peer connect bridge other"},
};

/* The table as help and completion want it. words: filled, of COMMANDS. */
static struct th_cli_program table_of(struct th_cli_command *words)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *help = commands[i].help;

        words[i] = (struct th_cli_command){commands[i].name, commands[i].params,
                                           help ? help : th_method_find(commands[i].method)->help};
    }
    return (struct th_cli_program){.name = "thctl",
                                   .params = "",
                                   .commands = words,
                                   .command_count = COMMANDS,
                                   .flags = th_ctl_flags,
                                   .flag_count = th_ctl_flag_count,
                                   .choices = choices,
                                   .choice_count = sizeof choices / sizeof choices[0],
                                   .fill = th_ctl_fill};
}

/* All of it, or what the words after "help", or before --help, name. Returns the exit code. */
static int help(const struct thctl *t)
{
    struct th_cli_command words[COMMANDS];
    struct th_cli_program table = table_of(words);
    unsigned skip = t->args.word_count > 0 && strcmp(t->args.word[0], "help") == 0;
    char say[TH_SAY_MAX];

    if (t->args.is_help && t->args.word_count == 1)
        skip = 0; /* help --help */
    if (t->args.word_count == skip)
        th_ctl_help(stdout, &table);
    else if (!th_ctl_help_of(stdout, &table, t->args.word_count - skip, t->args.word + skip, say))
        return complain(say, 2);
    return 0;
}

static int refuse_command(const struct thctl *t)
{
    struct th_cli_command words[COMMANDS];
    struct th_cli_program table = table_of(words);
    char say[TH_SAY_MAX];

    th_ctl_say_unknown(&table, t->args.word_count, t->args.word, say);
    return complain(say, 2);
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

/* A flag that is not the command's, with those that it is of. */
static int refuse_stray(const struct th_cli_flag *flag, const char *command)
{
    char what[TH_SAY_MAX];

    snprintf(what, sizeof what, "%s%s go%s with %s%s, not with",
             flag->is_filter ? "filters such as " : "", flag->name, flag->is_filter ? "" : "es",
             flag->commands, strchr(flag->commands, ',') ? "" : " alone");
    return refuse(what, command);
}

/* The word that should follow next is not there. */
static int refuse_short(const struct thctl *t, const struct command *command)
{
    static const struct {
        const char *param, *what;
    } rows[] = {{"HASHNAME", "a hashname is missing after"},
                {"URI", "a URI (telehash://…) is missing after"},
                {"SEED", "a seed's hashname is missing after"},
                {"SERVER", "a server's name is missing after"}};
    char param[TH_CLI_NAME_MAX] = "", what[TH_SAY_MAX];

    bool is_named = th_cli_param_at(param, command->params, t->argument_count);
    TH_CHECK(is_named);
    snprintf(what, sizeof what, "%s is missing after", param);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].param, param) == 0)
            snprintf(what, sizeof what, "%s", rows[i].what);
    return refuse(what, command->name);
}

/* What goes with the command, before anything is asked. Returns 0 or the exit code. */
static int check_arguments(struct thctl *t, const struct command *command)
{
    struct th_filter filter;
    char say[TH_SAY_MAX];
    bool takes_hashname = t->argument_count && strstr(command->params, "HASHNAME");
    const struct th_cli_flag *stray = th_ctl_args_stray(&t->args, command->name);
    unsigned least, most;

    if (stray)
        return refuse_stray(stray, command->name);
    if (t->args.for_ms && command->run == run_log && !t->args.is_follow)
        return complain("--for goes with log -f: without -f it does not wait", 2);
    th_cli_params_count(command->params, &least, &most);
    if (t->argument_count > most)
        return refuse("too many words after", command->name);
    if (t->argument_count < least)
        return refuse_short(t, command);
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

/* Returns 0 or the exit code; why_not is filled then. */
static int connect_daemon(struct thctl *t)
{
    char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX];
    struct th_environment env;

    th_environment_read(&env);
    unsigned count = th_socket_candidates(paths, t->args.socket, &env, t->why_not);
    if (paths[0][0] == '\0')
        return 2;
    if (th_ctl_connect(&t->ctl, paths, count, t->args.timeout_ms, t->why_not) != TH_OK)
        return 1;
    t->why_not[0] = '\0';
    return 0;
}

static int run(struct thctl *t)
{
    if (t->args.is_help)
        return help(t);
    if (t->args.is_version) {
        th_cli_print_version(stdout, "thctl");
        return 0;
    }
    if (t->args.word_count == 0) {
        struct th_cli_command words[COMMANDS];
        struct th_cli_program table = table_of(words);

        th_ctl_help(stderr, &table);
        return 2;
    }
    const struct command *command = take_command(t);
    if (command == NULL)
        return refuse_command(t);
    int code = check_arguments(t, command);
    if (code)
        return code;
    if (command->run == NULL)
        return help(t);
    t->style = th_style_of(stdout, t->args.is_full);
    code = connect_daemon(t);
    if (code == 0 || (code == 1 && command->run == run_doctor))
        code = command->run(t, command);
    else
        complain(t->why_not, code);
    th_ctl_close(&t->ctl);
    return code;
}

int main(int argc, char *argv[])
{
    static struct thctl thctl = {.ctl = {.fd = -1}};
    struct thctl *t = &thctl;
    struct th_cli_command words[COMMANDS];
    struct th_cli_program table = table_of(words);
    char say[TH_SAY_MAX];

    int code = th_cli_hidden(&table, argc, argv);
    if (code >= 0)
        return code;
    code = th_ctl_args_read(&t->args, argc, argv, say) ? run(t) : complain(say, 2);
    th_ctl_args_clear(&t->args);
    if (fflush(stdout) != 0 && errno != EPIPE)
        return complain("cannot write to stdout", 1);
    return code;
}
