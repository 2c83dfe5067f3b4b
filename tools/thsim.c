/*
 * thsim - the same node as in telehashd, thousands of times in one process, on a simulated network and
 * clock; whatever happens can be had again from one number.
 */
#include "tools/sim/command.h"

#include <string.h>

static const struct th_sim_command commands[] = {
    {"run", "--scenario NAME [--nodes N] [--seed S] [--virtual T] [--faults F] [--quiet]",
     "runs a scenario; prints its result as JSON", th_sim_command_run},
    {"list", "", "shows the scenarios, and the faults that can be added", th_sim_command_list},
    {"replay", "TOKEN [--trace] [--from T] [--node HEX]",
     "runs what a token says again; with --trace in plain words", th_sim_command_replay},
    {"swarm",
     "[--wall T] [--runs N] [--seed S] [--jobs N] [--scenario NAME] [--nodes-max N]\n"
     "        [--run-wall T] [--no-shrink]",
     "draws runs at random until the time is over; makes one that fails smaller",
     th_sim_command_swarm},
    {"report", "RESULT.json...", "makes one page with pictures (HTML) of what run printed",
     th_sim_command_report},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts(
        "usage: thsim COMMAND ...\n\n"
        "Runs many nodes in one process on a simulated network, under a virtual clock, and checks\n"
        "that they keep their promises. The same seed gives the same run, on every machine.\n\n"
        "Commands:");
    for (unsigned i = 0; i < COMMANDS; i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].words, commands[i].about);
    puts("\nTimes are such as 90s, 30m, 1h. A token is SCENARIO/NODES/SEED[/FAULTS].\n"
         "Exit: 0 no check failed, 1 one did, 2 wrong usage.");
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word == NULL)
        return th_sim_complain("thsim", "wants a command");
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return TH_EXIT_OK;
    }
    if (strcmp(word, "--version") == 0) {
        printf("thsim " TH_VERSION " %s\n", th_sim_commit());
        return TH_EXIT_OK;
    }
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return th_sim_complain(word, "there is no such command");
}
