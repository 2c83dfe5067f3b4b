/*
 * streamer.h - a server beside a node's own that carries streams, as an application does, and checks them.
 *
 * Each transfer sends so many bytes from one node to another, and so many back, both at the same time. What
 * the bytes are follows from the transfer's number and their place, so the reader knows what has to come. Each
 * side is told of its end, which is counted.
 *
 *     th_sim_streamer_start(&streamer[0]); th_sim_streamer_start(&streamer[1]);
 *     book.transfer[7] = (struct th_sim_transfer){.number = 7, .from = a, .to = b, .bytes = {1000, 1000}};
 *     th_sim_transfer_begin(&book.transfer[7]);
 *     th_sim_run_to(sim, …);
 *     th_sim_transfer_is_whole(&book.transfer[7])
 *
 * Floor:  7 (sim).
 * Thread: one.
 */
#ifndef TH_SIM_STREAMER_H
#define TH_SIM_STREAMER_H

#include "tools/sim/world.h"

enum { TH_SIM_OPENER, TH_SIM_ACCEPTER, TH_SIM_SIDES };

/* The scenario's; it stays until its nodes are down. */
struct th_sim_transfer {
    uint64_t number; /* its place in the book */
    struct th_world_node *from, *to;
    uint64_t bytes[TH_SIM_SIDES]; /* that the side sends */

    /* What the streamers find. */
    uint64_t written[TH_SIM_SIDES]; /* that the switch took from the side */
    uint64_t read[TH_SIM_SIDES];    /* that came to the side … */
    uint64_t wrong[TH_SIM_SIDES];   /* … and are not what they have to be */
    unsigned ends[TH_SIM_SIDES];    /* that the side was told */
    enum th_err why[TH_SIM_SIDES];  /* the first of them; TH_EOF: all came */
    th_ms began_at, ended_at[TH_SIM_SIDES];
};

/* All transfers of a run, so that who accepts one finds it by the number that it begins with. */
struct th_sim_transfers {
    unsigned count;
    struct th_sim_transfer *transfer;
};

/* Where a server is, and what it goes by. */
struct th_sim_streamer {
    struct th_world_node *node;
    struct th_sim_transfers *book;
};

/* Starts one at a node that is up. streamer, with its book: borrowed until the node is down. */
void th_sim_streamer_start(const struct th_sim_streamer *streamer);

/* Ends it, if it is there, soon. */
void th_sim_streamer_stop(const struct th_sim_streamer *streamer);

/* Has the transfer's first node reach the second and open the stream. */
void th_sim_transfer_begin(struct th_sim_transfer *transfer);

/* Whether a side was told its end. */
bool th_sim_transfer_is_over(const struct th_sim_transfer *transfer);

/* Whether both sides got every byte, in order and once, and were told so, once. */
bool th_sim_transfer_is_whole(const struct th_sim_transfer *transfer);

#endif
