/*
 * resolver.h - looks up the names of a seed's hosts where nobody waits for it.
 *
 * Every look-up is a thread of its own that ends by itself. getaddrinfo cannot be called off and may take
 * half a minute without a network, so neither a loop nor the worker pool, which handshakes use and which
 * a loop waits for at its end, may be held by it. The caller has one look-up at a time.
 *
 * Floor:  7 (app).
 * Thread: the owner's.
 */
#ifndef TH_APP_RESOLVER_H
#define TH_APP_RESOLVER_H

#include "switch/run/server.h"
#include "switch/wire/seed_uri.h"

/* The answer; a cast to who asked, body struct th_resolved. */
extern const struct th_msg_kind th_resolved_msg;
struct th_resolved {
    struct th_hashname id;
    struct th_seed_host host; /* the first that was asked for */
    struct th_paths paths;    /* none: no name has an address now */
};

struct th_resolver;

/* pid  who is told. NULL without memory. */
struct th_resolver *th_resolver_new(struct th_host *host, th_pid pid);

/* Looks up the hosts of a seed; the answer comes later. Errors: TH_NO_MEMORY, TH_LIMIT (threads). */
TH_MUST enum th_err th_resolver_ask(struct th_resolver *resolver, const struct th_named_seed *seed);

/* Nobody is told any more; what runs ends by itself. NULL is allowed. */
void th_resolver_free(struct th_resolver *resolver);

#endif
