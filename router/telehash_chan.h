/*
 * telehash_chan.h - channels of the public API: what the application's threads and the agent share.
 *
 *     telehash_chan.c   the public functions; any thread
 *     telehash_take.c   the agent's side: asks the switch, calls back
 *     telehash_take_listen.c   … and tells it what is listened for
 *
 * What is sent waits in the channel until the agent hands it to the switch, a few packets of each channel in
 * turn, and so many in all as the switch has taken the ones before (th_switch_msg_chan_count). What comes waits in the switch
 * until the agent asks for it, which it does when the callbacks of the last answer have returned.
 *
 * Floor:  6; private to it.
 */
#ifndef TH_ROUTER_TELEHASH_CHAN_H
#define TH_ROUTER_TELEHASH_CHAN_H

#include "router/telehash_node.h"
#include "switch/base/index.h"
#include "switch/chans.h"
#include "switch/core/served.h"

enum {
    TH_NODE_CHANS_MAX = 1024,
    TH_NODE_POSTED_MAX =
        512, /* packets of all channels in the switch's mailbox, which has other guests */
    TH_NODE_COUNT_AT = 128, /* it is asked so often whether it has taken them */
    TH_NODE_TURN_MAX = 8    /* packets of a channel before the next one's turn */
};

struct th_chan_listen {
    struct th_chan_listen *next;
    struct th_node *node;
    char type[TH_TYPE_MAX];
    th_chan_accept_fn on_incoming; /* NULL: to be taken off, … */
    bool is_leaving;               /* … and the switch was told so */
    void *data;
};

/* Beside who it is, all of it is under the node's lock. */
struct th_chan {
    struct th_chan *next, **at; /* of the node */
    struct th_chan *next_dirty;
    struct th_chan *next_turn;      /* the agent's alone */
    struct th_index_node by_number; /* the agent's alone */
    struct th_node *node;
    char hashname[TH_HASHNAME_SIZE];
    struct th_hashname peer;
    char type[TH_TYPE_MAX];
    struct th_chan_cb cb;
    void *data;

    th_chan_number number; /* 0: not open yet */
    enum th_err why;       /* how it ended */
    char words[TH_CHANNEL_ERR_MAX];
    uint64_t dropped;
    bool is_dirty, is_indexed;
    bool has_turn;    /* the agent's alone */
    bool is_asked;    /* the dialer or the switch is opening it */
    bool is_over;     /* nothing comes or goes any more */
    bool is_end_told; /* the application was told so, or said so itself */

    struct th_chan_send *out[TH_CHAN_WAITING_MAX]; /* a ring */
    unsigned out_first, out_count;
    bool has_ended, wants_close; /* the application's: sent its last; lets go */
    char err[TH_CHANNEL_ERR_MAX];
};

/* What th_chan_incoming is really: the first member is the public part. */
struct th_chan_incoming_inside {
    struct th_chan_incoming incoming;
    struct th_node *node;
    const struct th_chan_item *item;
    struct th_chan *chan; /* once it is taken */
};

/* The agent is to look at it. Under the node's lock; wake it afterwards. */
void th_node_chan_touch(struct th_chan *chan);

/* The oldest packet that waits, given; NULL none. Under the node's lock. */
struct th_chan_send *th_node_chan_next_out(struct th_chan *chan);

/* Takes it out of every list and frees it. */
void th_node_chan_free(struct th_chan *chan);

/* A node that is over: its listeners. */
void th_node_chans_clear(struct th_node *node);

/* The agent's side of all channels; embedded in it. */
struct th_taking {
    struct th_node *node;
    th_pid sw; /* the switch whose numbers these are; 0: none yet */
    uint64_t monitor;
    struct th_index by_number; /* channels that are open */
    unsigned told_listens;     /* that the switch may know of */
    bool is_taking, wants_listen;
    struct th_chan *first_turn, *last_turn; /* those of which packets wait */
    unsigned posted;  /* packets that the switch may not have taken yet; … */
    unsigned counted; /* … and of them those that it was asked about */
    unsigned refused; /* packets that its mailbox had no room for */
    bool is_counting;
    bool has_stopped; /* the node has, for good */
    bool is_leaving;  /* the agent ends soon: nothing is begun any more */
    th_ms again_at;   /* something could not be asked; TH_NEVER */
};

/* As the functions of the same names in telehash_stream.h. */
void th_taking_init(struct th_taking *taking, struct th_node *node);
void th_taking_look(struct th_taking *taking, const struct th_self *self);
void th_taking_on_down(struct th_taking *taking, const struct th_self *self,
                       const struct th_down *down);
void th_taking_on_alarm(struct th_taking *taking, const struct th_self *self);
void th_taking_stop(struct th_taking *taking, const struct th_self *self);
/* Something could not be asked now. */
void th_taking_try_again(struct th_taking *taking, const struct th_self *self);
/* Tells the switch of all types that are listened for, or no more. */
void th_taking_tell_listens(struct th_taking *taking, const struct th_self *self);
/* The agent will end: the other sides are told so. */
void th_taking_leave(struct th_taking *taking, const struct th_self *self);
void th_taking_end(struct th_taking *taking);

#endif
