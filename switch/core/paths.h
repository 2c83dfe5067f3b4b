/*
 * paths.h - the addresses of one remote node, and what each has shown so far.
 *
 * An address that we were told of (a seeds file, a connect) is a place to send opens to. One that an
 * open came from may be forged: until something decrypts from it, it gets at most three times the
 * bytes that came from it (RFC 9000, 8.1). One that a line packet came from has proven itself.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's of its exchange.
 */
#ifndef TH_CORE_PATHS_H
#define TH_CORE_PATHS_H

#include "switch/core/switchboard.h"

enum {
    TH_PATH_AMPLIFY = 3, /* bytes out for a byte in, before an address is proven … */
    TH_PATH_BUDGET_MAX = (1 << 30) - 1, /* … and so many at most, whatever came in */
    TH_PATH_OPEN_MS = 1000,             /* between two opens to one address (protocol.md 4) */
    TH_PATH_LOYAL_MS = 2000 /* the address in use stays so while it was heard this lately */
};

struct th_exchange_path {
    struct th_addr addr;
    uint32_t is_told : 1;   /* by a seeds file, a node or us; else an open came from it */
    uint32_t is_proven : 1; /* something decrypted from it */
    uint32_t budget : 30;   /* bytes that may go there while it is neither told nor proven */
    th_ms rx_at;            /* 0: never */
    th_ms open_sent_at;     /* 0: never */
};

/* Holds no memory until the first. */
struct th_exchange_paths {
    struct th_exchange_path *path;
    uint8_t count, room; /* 0..TH_EXCHANGE_PATHS_MAX */
    int8_t used;         /* index of the one in use; -1 none */
};

void th_exchange_paths_init(struct th_exchange_paths *paths);

/* Forgets all and frees their memory. */
void th_exchange_paths_clear(struct th_exchange_paths *paths);

/*
 * The entry of an address, made if need be; those that were handed out before may move. When all
 * places are taken, one goes that we were not told of and that has not proven itself, else any; of
 * these the one that was heard least lately, and never the one in use.
 * Returns NULL without memory.
 */
struct th_exchange_path *th_exchange_paths_add(struct th_exchange_paths *paths,
                                               const struct th_addr *addr);

/* NULL when unknown. */
struct th_exchange_path *th_exchange_paths_find(struct th_exchange_paths *paths,
                                                const struct th_addr *addr);

/* The one in use; NULL none. */
struct th_exchange_path *th_exchange_paths_used(struct th_exchange_paths *paths);

/*
 * Something decrypted from this address: it is proven, and becomes the one in use unless that one
 * was heard within TH_PATH_LOYAL_MS.
 * Returns true when another address is in use now.
 */
bool th_exchange_paths_on_proof(struct th_exchange_paths *paths, const struct th_addr *addr,
                                struct th_now now);

/* The line ended: what had proven itself is a place to send opens to, no more. */
void th_exchange_paths_on_end(struct th_exchange_paths *paths);

/* An open of len bytes came from there: so much the more may go there. */
void th_exchange_path_on_open(struct th_exchange_path *path, size_t len);

/* True when len more bytes may go there now; notes them if so. */
bool th_exchange_path_may_send(struct th_exchange_path *path, size_t len);

/* True when an open may go there now. */
bool th_exchange_path_may_open(const struct th_exchange_path *path, struct th_now now);

#endif
