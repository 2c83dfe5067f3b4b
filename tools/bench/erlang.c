#include "tools/bench/erlang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 128 };

/* Compiled, not interpreted; the processes where the scheduler puts them, but of `apart`. */
static const char script[] =
    "#!/usr/bin/env escript\n"
    "-mode(compile).\n"
    "-export([init/1, handle_call/3, handle_cast/2, handle_event/2]).\n"
    "init(State) -> {ok, State}.\n"
    "handle_call(ask, _From, none) -> {reply, ok, none}.\n"
    "handle_cast(cast, {1, Me}) -> Me ! done, {noreply, none};\n"
    "handle_cast(cast, {Left, Me}) -> {noreply, {Left - 1, Me}}.\n"
    "handle_event(Event, Pid) -> Pid ! Event, {ok, Pid}.\n"
    "start(State) -> {ok, Pid} = gen_server:start(?MODULE, State, []), Pid.\n"
    "times(_, 0) -> ok;\n"
    "times(Do, N) -> Do(), times(Do, N - 1).\n"
    "count(0, Me) -> Me ! done;\n"
    "count(N, Me) -> receive _ -> count(N - 1, Me) end.\n"
    "us(Do) -> {Us, _} = timer:tc(Do), Us.\n"
    "take(call, N, _) ->\n"
    "  Pid = start(none),\n"
    "  us(fun() -> times(fun() -> ok = gen_server:call(Pid, ask) end, N) end);\n"
    "take(apart, N, _) ->\n"
    "  {ok, Pid} = gen_server:start(?MODULE, none, [{spawn_opt, [{scheduler, 2}]}]),\n"
    "  Me = self(),\n"
    "  Ask = fun() -> times(fun() -> ok = gen_server:call(Pid, ask) end, N) end,\n"
    "  spawn_opt(fun() -> Me ! {us, us(Ask)} end, [{scheduler, 1}]),\n"
    "  receive {us, Us} -> Us end;\n"
    "take(cast, N, _) ->\n"
    "  Pid = start({N, self()}),\n"
    "  us(fun() -> times(fun() -> gen_server:cast(Pid, cast) end, N),\n"
    "              receive done -> ok end end);\n"
    "take(event, N, K) ->\n"
    "  {ok, Manager} = gen_event:start(),\n"
    "  Me = self(),\n"
    "  [ok = gen_event:add_handler(Manager, {?MODULE, I}, spawn(fun() -> count(N, Me) end))\n"
    "   || I <- lists:seq(1, K)],\n"
    "  us(fun() -> times(fun() -> gen_event:notify(Manager, {event, 1}) end, N),\n"
    "              times(fun() -> receive done -> ok end end, K) end);\n"
    "take(idle, N, _) ->\n"
    "  Pids = [start(none) || _ <- lists:seq(1, N)],\n"
    "  lists:sum([element(2, process_info(Pid, memory)) || Pid <- Pids]).\n"
    "main([What, Count, Receivers]) ->\n"
    "  N = list_to_integer(Count),\n"
    "  K = list_to_integer(Receivers),\n"
    "  take(list_to_atom(What), N div 10, K),\n"
    "  io:format(\"~.3f~n\", [take(list_to_atom(What), N, K) / N]).\n";

static const char *const words[] = {
    [TH_ERLANG_CALL] = "call",   [TH_ERLANG_CALL_APART] = "apart", [TH_ERLANG_CAST] = "cast",
    [TH_ERLANG_EVENT] = "event", [TH_ERLANG_IDLE] = "idle",
};

static bool is_on_path(const char *program)
{
    const char *path = getenv("PATH");
    char name[4096];

    while (path && *path) {
        size_t len = strcspn(path, ":");

        snprintf(name, sizeof name, "%.*s/%s", (int)len, path, program);
        if (len > 0 && access(name, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

bool th_erlang_is_there(void)
{
    return is_on_path("erl") && is_on_path("escript");
}

static double run(const char *file, enum th_erlang_what what, unsigned count, unsigned receivers)
{
    char command[COMMAND_MAX], line[64] = "";

    snprintf(command, sizeof command, "escript %s %s %u %u", file, words[what], count, receivers);
    FILE *out = popen(command, "r");
    if (out == NULL)
        return 0;
    bool is_read = fgets(line, sizeof line, out) != NULL;
    return pclose(out) == 0 && is_read ? strtod(line, NULL) : 0;
}

double th_erlang_take(enum th_erlang_what what, unsigned count, unsigned receivers)
{
    char file[] = "/tmp/thbench-XXXXXX";
    int fd = mkstemp(file);
    double value = 0;

    if (fd < 0)
        return 0;
    if (write(fd, script, sizeof script - 1) == (ssize_t)(sizeof script - 1))
        value = run(file, what, count, receivers);
    close(fd);
    unlink(file);
    return value;
}

static void note_missing(const struct th_bench *bench, const struct th_figure *figure,
                         bool has_erlang, unsigned taken)
{
    if (!has_erlang)
        th_bench_note("%s: without its reference, for there is no erl on PATH (apt-get install "
                      "erlang-base)",
                      figure->name);
    else if (taken < bench->rounds)
        th_bench_note("%s: Erlang failed in %u rounds", figure->name, bench->rounds - taken);
}

bool th_erlang_compare(struct th_bench *bench, struct th_figure *figure,
                       const struct th_erlang_pair *pair)
{
    struct th_samples ours = {0}, erlang = {0};
    bool has_erlang = th_erlang_is_there(), is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double value = pair->ours(pair->data);
        double reference = has_erlang ? pair->erlang(pair->data) : 0;

        is_ok = value > 0 && th_samples_add(&ours, value) == TH_OK;
        if (is_ok && reference > 0)
            is_ok = th_samples_add(&erlang, reference) == TH_OK;
    }
    if (is_ok) {
        note_missing(bench, figure, has_erlang, erlang.count);
        th_figure_fill(figure, &ours, &erlang);
        th_bench_tell(bench, figure);
    }
    th_samples_clear(&ours);
    th_samples_clear(&erlang);
    return is_ok;
}
