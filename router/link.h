/*
 * link.h - the life of one link: when to ask for it, when to say that we are there, when to give up.
 *
 * Timers as in WireGuard: th_link_on_… says what happened and sets them, th_link_tick says what is
 * due. A link is the pair of two nodes, not a channel: when both asked at the same time it has two
 * channels, and something on either is life. What we send goes where something came last: the
 * JavaScript switch heeds only one of the two, on which it sends, and two of ours soon agree, for who
 * speaks first decides. The other channel ends by silence.
 *
 * The timers:
 *   ask      not answered yet: asked for again after 2 and 4 s, given up after 10 s;
 *   due      up: a keepalive 20-25 s after our last packet, never later (NATs forget after 30 s);
 *   repeat   a keepalive without answer: again 2 and 4 s after the first, then every 10 s. An answer
 *            is any packet on the link from 10 s before it was sent onwards, because who sent
 *            something so lately does not answer;
 *   end      nothing heard for 60 s and sent again at least twice: given up.
 *
 * Floor:  2 (tables), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_ROUTER_LINK_H
#define TH_ROUTER_LINK_H

#include "switch/base/clock.h"
#include "switch/base/rng.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TH_LINK_ASK_MS = 10000, /* an answer to our request takes at most this */

    TH_LINK_KEEPALIVE_MS_DEFAULT = 25000,
    TH_LINK_KEEPALIVE_MS_MIN = 10000,
    TH_LINK_KEEPALIVE_MS_MAX = 40000, /* 10 + 40 + 2 + 2 + 5 s: all tries fit before the end */

    TH_LINK_FRESH_MS = 10000, /* our last is newer: one that arrives is not answered */

    TH_LINK_REPEAT_SOON_MS = 2000, /* from the first to the second, and on to the third */
    TH_LINK_REPEAT_MS = 10000,     /* from then on */

    TH_LINK_TIMEOUT_MS = 60000, /* since something was heard */
    /* However long we slept, no end before so many tries and this after the last of them. */
    TH_LINK_TRIES_MIN = 3,
    TH_LINK_PATIENCE_MS = 5000
};

/* Embed by value. Read the fields freely; write them only through the functions below. There are many,
 * so the times of its machine are the low 32 bits of a th_ms, less than 24 days from heard_at. */
struct th_link {
    uint32_t ours, theirs; /* numbers of the channels; 0: none, or not known yet */
    bool is_up : 1;
    bool is_ours_heard : 1; /* something came on our channel: the other side has it */
    bool is_ours_last : 1;  /* and what came last did */
    bool has_rtt : 1;
    uint8_t tries;        /* packets that wait for the same answer */
    uint16_t every_ms;    /* upper bound between two of ours */
    uint32_t rtt_ms;      /* of the newest keepalive that was answered at the first try */
    uint32_t up_after_ms; /* from the first request on */
    uint32_t sent_low;
    union {
        uint32_t asked_low; /* before there are TH_LINK_TRIES_MIN: the first of those tries */
        uint32_t end_low;   /* from then on: not given up before */
    };
    uint32_t due_low;
    th_ms began_at; /* first request of either side */
    th_ms heard_at;
};

_Static_assert(TH_LINK_KEEPALIVE_MS_MAX <= UINT16_MAX, "every_ms");

/* What th_link_tick asks for. Call th_link_on_sent when it was done (not for GIVE_UP). */
enum th_link_want {
    TH_LINK_WAIT,   /* nothing */
    TH_LINK_ASK,    /* a request, on a new channel */
    TH_LINK_KEEP,   /* a keepalive */
    TH_LINK_GIVE_UP /* it is over */
};

/*
 * Starts a link that we asked for in this moment.
 * keepalive_ms  TH_LINK_KEEPALIVE_MS_MIN.._MAX.
 */
void th_link_init_ours(struct th_link *link, th_ms keepalive_ms, struct th_now now);

/* Starts a link that is up on channel c: they asked for it (and wait for an answer), or it is older
 * than what we know. */
void th_link_init_up(struct th_link *link, th_ms keepalive_ms, uint32_t c, bool is_ours,
                     struct th_now now, struct th_rng *rng);

/* When it came up, which it is. */
static inline th_ms th_link_up_at(const struct th_link *link)
{
    return link->began_at + link->up_after_ms;
}

/* The switch gave our channel its number; of no interest when another one is in use already. */
void th_link_on_opened(struct th_link *link, uint32_t c);

/*
 * Something came on one of its channels, which is remembered. Ends what waits for an answer; the
 * first makes the link up.
 */
void th_link_on_heard(struct th_link *link, uint32_t c, bool is_ours, struct th_now now,
                      struct th_rng *rng);

/* Something of ours leaves: sets `due`, or `repeat` when nobody answered. */
void th_link_on_sent(struct th_link *link, struct th_now now, struct th_rng *rng);

/* One of its channels ended in silence. Returns true when none is left. */
bool th_link_on_channel_ended(struct th_link *link, uint32_t c, bool is_ours);

/* True when a keepalive that arrived wants an answer. */
bool th_link_owes_answer(const struct th_link *link, struct th_now now);

/* Where to send. Returns the channel's number, 0 when there is none; is_ours is filled. */
uint32_t th_link_channel(const struct th_link *link, bool *is_ours);

/* When th_link_tick has something to say. */
th_ms th_link_deadline(const struct th_link *link);

/* What is to be done now. */
enum th_link_want th_link_tick(const struct th_link *link, struct th_now now);

#endif
