/*
 * peer.h - a node for measuring others: a switchboard on a socket of its own, without a table.
 *
 * It opens a line to the node under test, asks for a link if it is told to, keeps that link, answers
 * seeks with an empty see, and asks as many seeks as wanted.
 *
 * Floor:  7 (bench).
 * Thread: the main one.
 */
#ifndef TH_BENCH_PEER_H
#define TH_BENCH_PEER_H

#include "switch/core/switchboard.h"
#include "switch/wire/seeds.h"

/* Read freely; write through the functions below. Does not move once it is open. */
struct th_bench_peer {
    struct th_identity identity;
    struct th_rng rng;
    struct th_switchboard *board;
    struct th_hashname server;
    struct th_addr addr; /* the server's */
    int fd;              /* connected to it: nobody else can send to us */
    bool wants_link;
    bool is_up;      /* the line */
    bool is_linked;  /* the server answered our link, or asked for one */
    unsigned asking; /* seeks without answer so far */
    uint64_t answered, lost;
};

/*
 * Makes an identity, a socket to the server, and sends the first open.
 * Errors: TH_IO (no socket), TH_NO_MEMORY, and those of th_switchboard_open.
 */
TH_MUST enum th_err th_bench_peer_open(struct th_bench_peer *peer, const struct th_seed *server,
                                       bool wants_link);

/* Takes what arrived, without waiting, and does what is due. Returns true when something came. */
bool th_bench_peer_pump(struct th_bench_peer *peer);

/* Waits at most `ms` for something to arrive. */
void th_bench_peer_wait(const struct th_bench_peer *peer, int ms);

/* Asks the server for a random name. False when that was not possible. */
bool th_bench_peer_seek(struct th_bench_peer *peer);

/* Closes the socket and frees everything. Harmless for a zeroed one. */
void th_bench_peer_close(struct th_bench_peer *peer);

#endif
