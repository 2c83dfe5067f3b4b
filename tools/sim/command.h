/*
 * command.h - the commands of thsim, one function each; what they share in reading their words.
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_COMMAND_H
#define TH_SIM_COMMAND_H

#include "tools/sim/sim.h"

enum { TH_EXIT_OK = 0, TH_EXIT_FAILED = 1, TH_EXIT_USAGE = 2 };

struct th_sim_command {
    const char *name;
    const char *params; /* the words that follow; its flags are in the table of thsim.c */
    const char *about;
    /* argv[0] is the command's name. Returns the exit code. */
    int (*run)(int argc, char **argv);
};

int th_sim_command_run(int argc, char **argv);
int th_sim_command_list(int argc, char **argv);
int th_sim_command_replay(int argc, char **argv);
int th_sim_command_report(int argc, char **argv);
int th_sim_command_swarm(int argc, char **argv);

/* One line on stderr about a word of the command line. Returns TH_EXIT_USAGE. */
int th_sim_complain(const char *word, const char *what);

/* Reads a whole number; false for anything else, or above max. */
bool th_sim_read_number(uint64_t *out, const char *text, uint64_t max);

/* Reads a length of time: "90s", "30m", "1h", "250ms", or seconds as they are in a trace ("12.345"). */
bool th_sim_read_time(th_ms *out, const char *text);

#endif
