/*
 * remember.h - which peers the next run should try: those that we are linked to, then those of before.
 *
 * Floor:  5.
 * Thread: any.
 */
#ifndef TH_ROUTER_REMEMBER_H
#define TH_ROUTER_REMEMBER_H

#include "router/router.h"
#include "switch/wire/seeds.h"

enum { TH_REMEMBERED_MAX = 64 }; /* enough to find the way back; each is a dial at the next start */

/*
 * Brings the remembered peers up to date: whoever has a link, a line and an address now comes first
 * (in the order of lines), then those remembered before, until the limit is reached. Nobody linked:
 * nothing changes, so that a time without network forgets nobody.
 *
 * Errors: TH_NO_MEMORY; peers are untouched then.
 */
TH_MUST enum th_err th_remember(struct th_seeds *peers, const struct th_switch_lines *lines,
                                const struct th_router_table *table);

/* Takes a node off a list, if it is there: our own entry is in the seeds file that everybody got, and
 * nobody joins from itself. */
void th_forget(struct th_seeds *seeds, const struct th_hashname *id);

#endif
