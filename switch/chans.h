/*
 * chans.h - what another server asks of the switch about applications' channels that are not reliable.
 *
 * Whoever has such channels asks for what came on any of them, and is answered when something is there:
 * so nobody is sent more than it can take. Meanwhile a few packets of each channel wait; then the oldest
 * goes for the newest, and is counted; of a channel that nobody was told of the newest goes. What is too big
 * for TH_PACKETS_LEN_MAX, or whose JSON is no object, is dropped.
 *
 *     listen                               open
 *     take, take …                         take, take …
 *     send, send with `end` or `err`       send, send with `end` or `err`
 *
 * An answer without a body says TH_NO_MEMORY. One server has all of them: the first that listens or opens, until it ends.
 *
 * Floor:  3.
 * Limits: TH_CHAN… below, and core/packets.h.
 */
#ifndef TH_SWITCH_CHANS_H
#define TH_SWITCH_CHANS_H

#include "switch/core/packets.h"
#include "switch/pull.h"

enum {
    TH_CHANS_MAX = 1024,       /* of a node, of both sides; … */
    TH_CHANS_THEIRS = 768,     /* … beyond so many only ours are opened */
    TH_CHANS_BACKLOG_MAX = 32, /* theirs of which the owner was not told yet */
    TH_CHAN_QUEUE_MAX = 64,    /* packets of one channel that wait for the owner */
    TH_CHANS_QUEUE_MAX =
        8192,              /* of all channels, 10 MB; then one goes of the channel that has most */
    TH_CHANS_TAKE_MAX = 64 /* packets of one answer */
};

/* Names a channel within one life of the switch; never 0. */
typedef uint64_t th_chan_number;

/* Body struct th_pull_listen. Reply th_switch_msg_result: TH_OK, TH_INVALID (the name), TH_IN_USE (by
 * another server), TH_LIMIT, TH_NO_MEMORY. Channels that are open go on. */
extern const struct th_msg_kind th_switch_msg_chan_listen;

/* Body struct th_chan_open. Reply th_switch_msg_opened, whose `stream` is the channel: TH_OK, TH_NO_LINE,
 * TH_INVALID, TH_IN_USE, TH_LIMIT, TH_TOO_BIG, TH_NO_MEMORY. It comes before anything of the channel. */
extern const struct th_msg_kind th_switch_msg_chan_open;
struct th_chan_open {
    struct th_hashname to;
    char type[TH_TYPE_MAX];
    bool end;
    size_t json_len, body_len; /* both lie behind the struct: a JSON object or nothing, the body */
    uint8_t bytes[];
};

/* Cast, body struct th_chan_send: a further packet. Dropped when the channel has ended. With end or err it
 * is the last, and nothing more is told of the channel. */
extern const struct th_msg_kind th_switch_msg_chan_send;
struct th_chan_send {
    th_chan_number chan;
    bool end;
    char err[TH_CHANNEL_ERR_MAX];
    size_t json_len, body_len;
    uint8_t bytes[];
};

/* Body struct th_chan_count. Reply th_switch_msg_result, TH_OK: all that the caller sent before was taken, so
 * it may send as much again. Who counts so does not fill the mailbox, which others need too. */
extern const struct th_msg_kind th_switch_msg_chan_count;
struct th_chan_count {
    uint32_t
        refused; /* packets that the mailbox had no room for, since the last: counted as drops */
};

/* Copies what lies behind the structs: the JSON, then the body. */
void th_chan_put(uint8_t *bytes, struct th_bytes json, struct th_bytes body);

/* Makes those two; NULL without memory. */
TH_MUST struct th_chan_open *th_chan_open_new(struct th_bytes json, struct th_bytes body);
TH_MUST struct th_chan_send *th_chan_send_new(struct th_bytes json, struct th_bytes body);

/* No body; one at a time. Reply th_switch_msg_chan_taken, body struct th_chan_taken, when there is
 * something; TH_INVALID at once to a second one, and to who has neither type nor channel. */
extern const struct th_msg_kind th_switch_msg_chan_take;
extern const struct th_msg_kind th_switch_msg_chan_taken;

/* A packet, or a channel's end, or both. */
struct th_chan_item {
    struct th_chan_item *next;
    th_chan_number chan;
    bool is_first;            /* theirs is new; then */
    struct th_hashname from;  /* … who and */
    char type[TH_TYPE_MAX];   /* … what it is */
    bool has_packet, is_over; /* over: the last of the channel */
    enum th_err why;          /* over: TH_OK (their end), TH_GONE or TH_REFUSED (their err: words),
                                 TH_TIMED_OUT (silence), or how the line ended */
    char words[TH_CHANNEL_ERR_MAX];
    uint32_t dropped; /* so many before it had no room */
    size_t json_len, body_len;
    uint8_t bytes[]; /* the JSON text, then the body */
};
struct th_chan_taken {
    enum th_err err;
    struct th_chan_item *first; /* oldest; they go with this body */
};

/* --- the switch's side --- */

struct th_chans;

TH_MUST struct th_chans *th_chans_new(struct th_switchboard *board);
void th_chans_free(struct th_chans *chans);

/* Takes a message of the kinds above; false for another one. */
bool th_chans_on_msg(struct th_chans *chans, const struct th_self *self, struct th_msg *msg);
/* A TH_ACTION_PACKET or TH_ACTION_ENDED of a channel of type OTHER. */
void th_chans_on_action(struct th_chans *chans, const struct th_self *self,
                        const struct th_action *action);
/* A server has ended. */
void th_chans_on_down(struct th_chans *chans, const struct th_self *self, th_pid pid);

#endif
