/*
 * ctl_run.h - what every command of thctl is given, and how it asks the daemon.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_RUN_H
#define TH_APP_CTL_RUN_H

#include "tools/app/ctl_args.h"
#include "tools/app/ctl_client.h"
#include "tools/app/ctl_text.h"

/* Everything that a command needs; borrowed. */
struct th_ctl_run {
    struct th_ctl *ctl;
    const struct th_ctl_args *args;
    const struct th_style *style;
};

/*
 * Calls a method.
 * params   given; NULL for none.
 * timeout_ms  how long its answer may take.
 * result   filled when 0 is returned; the caller's.
 * say      filled when the exit code is not 0.
 * Returns the exit code: 0, 1, or 2 (the daemon found fault with params).
 */
int th_ctl_ask(const struct th_ctl_run *run, const char *method, json_t *params,
               unsigned timeout_ms, json_t **result, char say[TH_SAY_MAX]);

/* The same for what takes as long as the network does, more_ms beside --timeout. A daemon that does not
 * answer at all is told after --timeout all the same: it is asked first for what it always knows. */
int th_ctl_ask_long(const struct th_ctl_run *run, const char *method, json_t *params,
                    unsigned more_ms, json_t **result, char say[TH_SAY_MAX]);

/* Prints a result as JSON, if that is wanted; false when it is not. */
bool th_ctl_print_json(const struct th_ctl_run *run, const json_t *result);

#endif
