#include "tools/app/ctl_help.h"

#include <string.h>

enum { NAME_MAX_OF_TWO = 2 * TH_CLI_NAME_MAX };

/* A line for a shell, and what it is for. A command without one fails a test (live/commands_test.py). */
static const struct {
    const char *command, *line, *what;
} examples[] = {
    {"status", "thctl status", "Am I in the mesh, and at which addresses?"},
    {"health", "thctl health || thctl doctor", "Act on what is wrong."},
    {"reach", "thctl reach", "Can others reach me, and by which family?"},
    {"doctor", "thctl doctor", "What is wrong here, and what is the next step?"},
    {"top", "thctl top", "The node as it changes, until q."},
    {"peers", "thctl --json peers | jq -r '.[] | select(.link) | .path'",
     "The addresses of those that we are linked to."},
    {"buckets", "thctl buckets", "How full is the table?"},
    {"graph", "thctl graph | dot -Tpng > graph.png", "Our neighbourhood, by Graphviz."},
    {"lines", "thctl lines", "Who is a line up to, and how large are its packets?"},
    {"channels", "thctl channels", "Which conversations are open, and who opened each?"},
    {"drops", "thctl drops --all", "What peers did wrong, and what they could do wrong."},
    {"watch", "thctl watch --type path --is paths.0.type=ipv4 --for 1m",
     "Who asks for paths, and has an address of IPv4, in the next minute?"},
    {"capture", "thctl capture - | wireshark -k -i -", "Our packets in the clear, live."},
    {"log", "thctl log -f --level debug --topic dialer", "What the dialer does, as it does it."},
    {"seek", "thctl seek 5a76bf3c", "Who told of whom, on the way to a node?"},
    {"connect", "thctl connect 5a76bf3c", "Which ways to it were tried, and what came of each?"},
    {"ping", "thctl ping 5a76bf3c -c 10 -i 0.2", "Ten round trips, five a second."},
    {"pipe listen", "thctl pipe listen backup > backup.tar",
     "Take what somebody sends, on this machine; on the other one: thctl pipe HASHNAME backup."},
    {"pipe", "tar c work | thctl pipe 5a76bf3c backup", "Send a folder to another machine."},
    {"servers", "thctl servers", "Does a part of the daemon hang, and in what?"},
    {"metrics", "thctl metrics > /var/lib/node_exporter/telehash.prom", "For monitoring."},
    {"trace", "thctl trace router --for 10s", "Every message of the router for ten seconds."},
    {"suspend", "thctl suspend router --for 5s", "How does the node do without it?"},
    {"resume", "thctl resume router", "It goes on at once."},
    {"restart", "thctl restart dialer", "Start it anew; the others go on."},
    {"seeds export", "thctl seeds export --uri", "Our own entry in one line, for others."},
    {"seeds list", "thctl seeds list", "From whom do we join, and who said so?"},
    {"seeds add", "thctl seeds add telehash://f06242fe…/3a=jRkGHRqH…/node.example.org:42424",
     "Join from one more node, now and later."},
    {"seeds remove", "thctl seeds remove f06242fe", "Take back what was added."},
    {"reload", "thctl reload", "After a change of telehashd.conf."},
    {"stop", "thctl stop", "End the daemon as Ctrl-C would."},
    {"help", "thctl help ping", "What ping does, and its flags."},
};

static void print_example(FILE *out, const char *command)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        if (strcmp(examples[i].command, command) == 0)
            fprintf(out, "\nExample: %s\n    $ %s\n", examples[i].what, examples[i].line);
}

void th_ctl_help(FILE *out, const struct th_cli_program *program)
{
    fputs("Usage: thctl [--socket PATH] [--json] [--full] [--timeout S] COMMAND\n"
          "Looks at a running telehashd and steers it. thctl help COMMAND says more of one.\n\n",
          out);
    th_cli_print_commands(out, program);
    fputc('\n', out);
    th_cli_print_flags(out, program, false);
    fputs("\nFILTER of watch and capture, each repeatable but --peer; shown is what fits all:\n",
          out);
    th_cli_print_flags(out, program, true);
    fputs("\n"
          "SERVER is a name that thctl servers shows. SEED is how the hashname of a seed begins.\n"
          "NAME of a pipe: up to 30 letters, digits and signs, the same at both ends.\n"
          "HASHNAME is 64 hex digits, or the first few of a peer's. Without --socket:\n"
          "$TELEHASH_SOCKET, else $XDG_RUNTIME_DIR/telehash/telehashd.sock, then\n"
          "/run/telehash/telehashd.sock.\n"
          "\n"
          "Exit: 0; 1 the daemon does not answer or refuses, not found, not reached, no answer to "
          "a\n"
          "ping, not healthy; 2 a command that is none.\n",
          out);
}

/* The first two words as one name. */
static void join(char name[NAME_MAX_OF_TWO], unsigned count, const char *const words[])
{
    snprintf(name, NAME_MAX_OF_TWO, "%.*s%s%.*s", TH_CLI_NAME_MAX - 2, words[0],
             count > 1 ? " " : "", TH_CLI_NAME_MAX - 2, count > 1 ? words[1] : "");
}

/* Whether a command is called so, or is one of the group called so. */
static bool is_of(const char *command, const char *name)
{
    size_t len = strlen(name);

    return strncmp(command, name, len) == 0 && (command[len] == '\0' || command[len] == ' ');
}

static bool print_all_of(FILE *out, const struct th_cli_program *program, const char *name)
{
    bool is_there = false;

    for (unsigned i = 0; i < program->command_count; i++) {
        if (!is_of(program->commands[i].name, name))
            continue;
        if (is_there)
            fputc('\n', out);
        is_there = true;
        th_cli_print_command(out, program, &program->commands[i]);
        print_example(out, program->commands[i].name);
    }
    return is_there;
}

bool th_ctl_help_of(FILE *out, const struct th_cli_program *program, unsigned count,
                    const char *const words[], char say[TH_SAY_MAX])
{
    char name[NAME_MAX_OF_TWO];

    join(name, count, words);
    if (print_all_of(out, program, name) || print_all_of(out, program, words[0]))
        return true;
    th_ctl_say_unknown(program, count, words, say);
    return false;
}

void th_ctl_say_unknown(const struct th_cli_program *program, unsigned count,
                        const char *const words[], char say[TH_SAY_MAX])
{
    char name[NAME_MAX_OF_TWO];

    join(name, count, words);
    const char *nearest = th_cli_nearest_command(program, name);
    if (nearest == NULL)
        nearest = th_cli_nearest_command(program, words[0]);
    snprintf(say, TH_SAY_MAX, "unknown command %.200s; %s%s%sthctl help lists the commands",
             words[0][0] ? words[0] : "\"\"", nearest ? "did you mean " : "",
             nearest ? nearest : "", nearest ? "? " : "");
}
