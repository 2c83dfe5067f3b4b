/*
 * cli.h - what a program may be told: one table of commands and flags for each. Help and completion are
 * made from it, and tests/form/cli_test.py checks that the man pages name the same.
 *
 * A new command or flag is one row of its program's table, and a paragraph in its page.
 *
 * Floor:  1 (cli).
 * Thread: any.
 */
#ifndef TH_CLI_CLI_H
#define TH_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The word that follows a flag or a command is called by what it is, in capitals, and completed by that
 * name: FILE, PATH (a file), DIR, what the program's choices list, and what its fill knows. */
struct th_cli_flag {
    const char *name;     /* "--socket", "-f" */
    const char *value;    /* "PATH"; NULL: nothing follows */
    const char *commands; /* what it goes with: "watch, seeds export"; NULL: everything */
    const char *help;
    const char *wanted; /* what a wrong value is told: "name a file"; NULL: its reader says it */
    bool is_filter;     /* one of the FILTER... that the command's params name */
};

struct th_cli_command {
    const char *name;   /* one word, or two for one of a group: "seeds add" */
    const char *params; /* the words that follow: "HASHNAME NAME", "[SERVER]", "FILE..."; "" */
    const char *help;
};

struct th_cli_choice {
    const char *value; /* "LEVEL" */
    const char *words; /* "error warn info debug" */
};

struct th_cli_offer; /* what completion has to offer */

/* Offers a word, if it goes on from what was typed. about: NULL for nothing to say. */
void th_cli_offer(struct th_cli_offer *offer, const char *word, const char *about);

struct th_cli_program {
    const char *name;
    const char *params; /* of a program without commands: "[SUITE...]"; "" */
    const struct th_cli_command *commands;
    unsigned command_count;
    const struct th_cli_flag *flags;
    unsigned flag_count;
    const struct th_cli_choice *choices;
    unsigned choice_count;

    /* Offers what is named VALUE just now, such as the hashnames of live peers; says nothing when it
     * cannot. words: the whole command line so far, without the program; borrowed. May be NULL. */
    void (*fill)(struct th_cli_offer *offer, const char *value, int count, char *const words[]);
};

/*
 * Obeys the words that only scripts say, as the first argument:
 *   __complete WORD...  offers what the last word, which may be empty, can go on to: a line each, what
 *                       it is after a tab; or ":file" or ":folder", which the shell completes itself
 *   __words             the table, a row a line, its fields set off by tabs
 * Returns the exit code, or -1 when it was neither.
 */
int th_cli_hidden(const struct th_cli_program *program, int argc, char *const argv[]);

/* The flag called NAME; NULL when there is none. */
const struct th_cli_flag *th_cli_flag_find(const struct th_cli_flag *flags, unsigned count,
                                           const char *name);

/* Whether a flag may be said with a command. */
bool th_cli_goes_with(const struct th_cli_flag *flag, const char *command);

/* How many words must and may follow, by params. */
void th_cli_params_count(const char *params, unsigned *least, unsigned *most);

/* The word of params that word number AT stands for, without brackets and dots; false: none does. */
enum { TH_CLI_NAME_MAX = 32 };
bool th_cli_param_at(char name[TH_CLI_NAME_MAX], const char *params, unsigned at);

/* How many letters must be added, removed or exchanged to make one of the other (Levenshtein), and fewer
 * than how many are a slip and no other word. */
enum { TH_CLI_FAR = 1000 };
unsigned th_cli_distance(const char *a, size_t a_len, const char *b);
unsigned th_cli_near_max(size_t len);

/* The command or flag that somebody may have meant; NULL when none is near. */
const char *th_cli_nearest_command(const struct th_cli_program *program, const char *words);
const char *th_cli_nearest_flag(const struct th_cli_flag *flags, unsigned count, const char *name);

/* What help says of one command: its usage, what it does, its flags. */
void th_cli_print_command(FILE *out, const struct th_cli_program *program,
                          const struct th_cli_command *command);

/* What help says, each line at most 100 columns: the commands with what may follow them, and the flags. */
void th_cli_print_commands(FILE *out, const struct th_cli_program *program);
void th_cli_print_flags(FILE *out, const struct th_cli_program *program, bool filters);

/* The program's name and version, the commit that it was built from, and the libraries it runs with. */
void th_cli_print_version(FILE *out, const char *name);

/* The commit, 12 hex digits, or "unknown". */
const char *th_cli_commit(void);

#endif
