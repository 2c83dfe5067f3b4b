/*
 * thsim - the same node as in telehashd, thousands of times in one process, on a simulated network and
 * clock; whatever happens can be had again from one number.
 */
#include "tools/cli/cli.h"
#include "tools/sim/command.h"

#include <string.h>

/* The flags of each are in the table below it. */
static const struct th_sim_command commands[] = {
    {"run", "", "runs a scenario; prints its result as JSON", th_sim_command_run},
    {"list", "", "shows the scenarios, and the faults that can be added", th_sim_command_list},
    {"replay", "TOKEN", "runs what a token says again; with --trace in plain words",
     th_sim_command_replay},
    {"swarm", "", "draws runs at random until the time is over; makes one that fails smaller",
     th_sim_command_swarm},
    {"report", "FILE...", "makes one page with pictures (HTML) of what run printed",
     th_sim_command_report},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct th_cli_flag flags[] = {
    {"--scenario", "SCENARIO", "run, swarm", "what happens, as list shows it; run needs one", NULL,
     false},
    {"--nodes", "N", "run", "how many nodes (what list says)", NULL, false},
    {"--seed", "S", "run, swarm",
     "the number that everything is drawn from (1; of swarm the time of day)", NULL, false},
    {"--virtual", "T", "run", "how long the run lasts on its own clock", NULL, false},
    {"--faults", "FAULTS", "run", "what goes wrong besides, such as loss=50,nat=300; see list",
     NULL, false},
    {"--quiet", NULL, "run", "do not say how far it is", NULL, false},
    {"--trace", NULL, "replay", "print in plain words what happens", NULL, false},
    {"--from", "T", "replay", "nothing earlier", NULL, false},
    {"--to", "T", "replay", "nothing later", NULL, false},
    {"--node", "HEX", "replay", "only of nodes whose hashname begins so", NULL, false},
    {"--wall", "T", "swarm", "no run is begun after this time", NULL, false},
    {"--runs", "N", "swarm", "no more than so many", NULL, false},
    {"--first", "N", "swarm", "begin with the run of this number, from 0; to go on (0)", NULL,
     false},
    {"--jobs", "N", "swarm", "so many at once (1)", NULL, false},
    {"--nodes-max", "N", "swarm", "no run has more nodes (150)", NULL, false},
    {"--run-wall", "T", "swarm",
     "a run that takes longer, of the processor's time, has failed (2m)", NULL, false},
    {"--no-shrink", NULL, "swarm", "tell failures as they were drawn", NULL, false},
    {"--help", NULL, NULL, "print this and end; alone", NULL, false},
    {"--version", NULL, NULL, "print the versions of program and libraries and end; alone", NULL,
     false},
};

static void fill(struct th_cli_offer *offer, const char *value, int count, char *const words[])
{
    (void)count, (void)words;
    if (strcmp(value, "SCENARIO") == 0)
        for (unsigned i = 0; th_scenarios[i]; i++)
            th_cli_offer(offer, th_scenarios[i]->name, th_scenarios[i]->about);
}

static struct th_cli_program table_of(struct th_cli_command *words)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        words[i] = (struct th_cli_command){commands[i].name, commands[i].params, commands[i].about};
    return (struct th_cli_program){.name = "thsim",
                                   .params = "",
                                   .commands = words,
                                   .command_count = COMMANDS,
                                   .flags = flags,
                                   .flag_count = sizeof flags / sizeof flags[0],
                                   .fill = fill};
}

static void print_help(const struct th_cli_program *table)
{
    puts(
        "usage: thsim COMMAND ...\n\n"
        "Runs many nodes in one process on a simulated network, under a virtual clock, and checks\n"
        "that they keep their promises. The same seed gives the same run, on every machine.\n");
    th_cli_print_commands(stdout, table);
    puts("");
    th_cli_print_flags(stdout, table, false);
    puts("\nTimes are such as 90s, 30m, 1h. A TOKEN is SCENARIO/NODES/SEED[/FAULTS].\n"
         "FILE is what run printed; - is standard input.\n"
         "Exit: 0 no check failed, 1 one did, 2 wrong usage.");
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    struct th_cli_command words[COMMANDS];
    struct th_cli_program table = table_of(words);
    int code = th_cli_hidden(&table, argc, argv);

    if (code >= 0)
        return code;
    if (word == NULL)
        return th_sim_complain("thsim", "wants a command");
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(&table);
        return TH_EXIT_OK;
    }
    if (strcmp(word, "--version") == 0) {
        th_cli_print_version(stdout, "thsim");
        return TH_EXIT_OK;
    }
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return th_sim_complain(word, "there is no such command");
}
