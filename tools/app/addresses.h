/*
 * addresses.h - which addresses others are told, and how an operator's names become such.
 *
 * Floor:  7 (app).
 * Thread: any; the functions that look something up block.
 */
#ifndef TH_APP_ADDRESSES_H
#define TH_APP_ADDRESSES_H

#include "switch/net.h"
#include "switch/wire/seed_uri.h"
#include "tools/app/config.h"

/*
 * What others should use to reach us: what is advertised, if anything is; else what we listen on,
 * with what others saw us under when that is public and nothing of ours is. Loopback and link-local
 * addresses are left out when there is a better one.
 *
 * Fills at most TH_PATHS_MAX; the most useful first.
 */
void th_addresses_choose(struct th_paths *out, const struct th_paths *advertised,
                         const struct th_addr *listen, unsigned listen_count,
                         const struct th_addr *observed, unsigned observed_count);

/*
 * A seeds file with our own entry, and in it our seed in one line: names before addresses, for they last
 * longer.
 * text  filled with memory of th_mem.
 * hosts host_count of them, those of the addresses that were given by name.
 * Errors: TH_NO_MEMORY.
 */
TH_MUST enum th_err th_addresses_entry(char **text, const struct th_identity *identity,
                                       const struct th_paths *paths,
                                       const struct th_seed_host *hosts, unsigned host_count);

/*
 * Looks up the names of --advertise.
 * is_missing  one for each name: filled with whether it has no address now.
 * Errors: TH_NOT_FOUND (a name that does not resolve now; the others are in out), TH_INVALID (it means an
 *         address that nobody could reach). say is filled then.
 */
TH_MUST enum th_err th_addresses_resolve(struct th_paths *out, bool *is_missing,
                                         const char *const *names, unsigned count,
                                         char say[TH_SAY_MAX]);

/* Looks up one name and appends its addresses; those that nobody could reach are left out. */
void th_addresses_look_up(struct th_paths *out, const struct th_seed_host *host);

/*
 * What we would listen on, without listening: a wildcard is every interface's address.
 * For --init, which binds nothing. Addresses with port 0 are left out.
 * Returns how many were filled, at most max.
 */
unsigned th_addresses_would_listen(struct th_addr *out, unsigned max, const struct th_addr *listen,
                                   unsigned listen_count);

#endif
