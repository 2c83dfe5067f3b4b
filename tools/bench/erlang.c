#include "tools/bench/erlang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 128 };

/* Compiled, not interpreted; both processes where the scheduler puts them. */
static const char script[] = "#!/usr/bin/env escript\n"
                             "-mode(compile).\n"
                             "-behaviour(gen_server).\n"
                             "-export([init/1, handle_call/3, handle_cast/2]).\n"
                             "init(none) -> {ok, none}.\n"
                             "handle_call(ask, _From, none) -> {reply, ok, none}.\n"
                             "handle_cast(_, none) -> {noreply, none}.\n"
                             "ask(_, 0) -> ok;\n"
                             "ask(Pid, N) -> ok = gen_server:call(Pid, ask), ask(Pid, N - 1).\n"
                             "main([Arg]) ->\n"
                             "  N = list_to_integer(Arg),\n"
                             "  {ok, Pid} = gen_server:start(?MODULE, none, []),\n"
                             "  ask(Pid, N div 10),\n"
                             "  {Us, ok} = timer:tc(fun() -> ask(Pid, N) end),\n"
                             "  io:format(\"~.3f~n\", [Us / N]).\n";

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

static double run(const char *file, unsigned calls)
{
    char command[COMMAND_MAX], line[64] = "";

    snprintf(command, sizeof command, "escript %s %u", file, calls);
    FILE *out = popen(command, "r");
    if (out == NULL)
        return 0;
    bool is_read = fgets(line, sizeof line, out) != NULL;
    return pclose(out) == 0 && is_read ? strtod(line, NULL) : 0;
}

double th_erlang_call_us(unsigned calls)
{
    char file[] = "/tmp/thbench-XXXXXX";
    int fd = mkstemp(file);
    double us = 0;

    if (fd < 0)
        return 0;
    if (write(fd, script, sizeof script - 1) == (ssize_t)(sizeof script - 1))
        us = run(file, calls);
    close(fd);
    unlink(file);
    return us;
}
