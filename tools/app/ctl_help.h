/*
 * ctl_help.h - what thctl says of itself and of its commands; each has an example.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CTL_HELP_H
#define TH_APP_CTL_HELP_H

#include "tools/app/config.h"
#include "tools/cli/cli.h"

/* Prints all of it. */
void th_ctl_help(FILE *out, const struct th_cli_program *program);

/*
 * Prints the help of a command, or of all commands of a group such as seeds, with an example of each.
 * words: of its name. Returns false, with say filled, when there is none.
 */
bool th_ctl_help_of(FILE *out, const struct th_cli_program *program, unsigned count,
                    const char *const words[], char say[TH_SAY_MAX]);

/* Says that there is no such command, with the nearest one. */
void th_ctl_say_unknown(const struct th_cli_program *program, unsigned count,
                        const char *const words[], char say[TH_SAY_MAX]);

#endif
