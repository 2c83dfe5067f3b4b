/*
 * chans_inside.h - what chans.c and chans_queue.c share.
 *
 *     chans.c         channels, the board's side, what is asked
 *     chans_queue.c   the packets that wait, and in which order the owner is told of them
 *     chans_msg.c     makes the messages
 *
 * Floor:  3; private to them.
 */
#ifndef TH_SWITCH_CHANS_INSIDE_H
#define TH_SWITCH_CHANS_INSIDE_H

#include "switch/base/index.h"
#include "switch/chans.h"
#include "switch/core/served.h"

/* A node of which there are channels: each has its turn to be told of, whoever has how many. */
struct peer {
    struct th_hashname id;
    unsigned chans;
    struct chan *first_ready, *last_ready;
    struct peer *next_ready;
};

struct chan {
    struct th_index_node by_number;
    struct chan *next, *before; /* of all */
    struct chan *next_ready;
    th_chan_number number;
    struct peer *of;
    struct th_hashname peer;
    uint32_t c;
    char type[TH_TYPE_MAX];
    bool is_ours, is_told, is_ready;
    bool is_heard; /* something came on it, so the other side has it */
    bool is_over;  /* in the board; why, words: */
    enum th_err why;
    char words[TH_CHANNEL_ERR_MAX];
    uint32_t dropped; /* since the owner took one */
    unsigned count;   /* packets that wait */
    struct th_chan_item *oldest, *newest;
};

struct th_chans {
    struct th_switchboard *board;
    th_pid owner; /* monitored; 0 none */
    uint64_t monitor;
    struct th_from taker; /* ref 0: it does not ask now */
    struct th_served types;
    struct th_index by_number;
    struct chan *first;
    struct peer *first_ready, *last_ready; /* those with channels that are */
    unsigned count, untold, queued;
    th_chan_number numbers;
};

/* The owner is to be told something of it; or it goes. */
void th_chans_make_ready(struct th_chans *chans, struct chan *chan);
void th_chans_take_off_ready(struct th_chans *chans, struct chan *chan);

/* The channel whose turn it is, taken off; there is one. */
struct chan *th_chans_next_ready(struct th_chans *chans);

/* A packet that came waits, or is dropped, or another one for it. */
void th_chans_keep(struct th_chans *chans, struct chan *chan, const struct th_chanpkt *packet);

/* The next thing to tell of a channel; NULL without memory. */
struct th_chan_item *th_chans_take_item(struct th_chans *chans, struct chan *chan);

#endif
