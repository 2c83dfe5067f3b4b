/*
 * welcome.h - what a daemon prints for who started it, on stdout.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_WELCOME_H
#define TH_APP_WELCOME_H

#include "tools/app/load.h"

/* Who we are, where, and how others join. bound: what we listen on. */
void th_welcome_print(const struct th_loaded *loaded, const struct th_config *config,
                      const struct th_addr *bound, unsigned count);

/* The entry of a seeds file, with these addresses. */
void th_welcome_print_entry(const struct th_loaded *loaded, const struct th_paths *paths);

#endif
