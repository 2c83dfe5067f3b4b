/*
 * pull.h - what other servers ask of the switch about streams (reliable channels): all of it calls, whose
 * answers come when there is something to say.
 *
 * A reader asks for bytes and is answered when some are there; a writer hands bytes over and is answered
 * when all are taken; who listens asks for the next stream. So nobody is sent what it has no room for, an
 * answer cannot be lost (call.h), and who does not ask stops the other side.
 *
 *     listen, accept, accept …             open
 *     read, read … until TH_EOF            write, write …, finish
 *
 * A stream belongs to the server that opened or accepted it, and ends with it.
 *
 * Floor:  3.
 * Thread: its place's; others post and call.
 * Limits: TH_PULL_… below, and core/streams.h.
 */
#ifndef TH_SWITCH_PULL_H
#define TH_SWITCH_PULL_H

#include "switch/core/streams.h"
#include "switch/run/call.h"

enum {
    TH_PULL_BACKLOG_MAX = 32,     /* streams that wait for one listener; further ones are refused */
    TH_PULL_READ_MAX = 256 << 10, /* bytes of one answer */
    TH_PULL_WRITE_MAX = 256 << 10,
    TH_PULL_FIRST_MAX = 16 << 10 /* there is always room for so much */
};

/* Names a stream within one life of the switch; never 0. */
typedef uint64_t th_stream_number;

/* Body struct th_pull_listen. Reply th_switch_msg_result: TH_OK, TH_INVALID (the name), TH_IN_USE (by
 * another server), TH_LIMIT, TH_NO_MEMORY. It ends with the caller. */
extern const struct th_msg_kind th_switch_msg_listen;
struct th_pull_listen {
    char type[TH_TYPE_MAX];
    bool is_over; /* listens no more; streams that wait are refused */
};

/* No body; one at a time for each caller. Reply th_switch_msg_accepted, body struct th_pull_accepted,
 * when a stream of any of the caller's types has come. TH_INVALID at once to who listens to none, and to
 * a second one while the first waits; TH_CANCELLED when the caller listens no more and has no stream. */
extern const struct th_msg_kind th_switch_msg_accept;
extern const struct th_msg_kind th_switch_msg_accepted;
struct th_pull_accepted {
    enum th_err err;
    th_stream_number stream;
    struct th_hashname from;
    char type[TH_TYPE_MAX];
    size_t len; /* of its first bytes, as far as they have come */
    uint8_t bytes[];
};

/* Body struct th_pull_open, with bytes that go out in the first packet. Reply th_switch_msg_opened: TH_OK, TH_NO_LINE, TH_INVALID, TH_LIMIT,
 * TH_NO_MEMORY. That the other side refuses comes as the end of a read or write (TH_REFUSED). */
extern const struct th_msg_kind th_switch_msg_stream_open;
extern const struct th_msg_kind th_switch_msg_opened;
struct th_pull_open {
    struct th_hashname to;
    char type[TH_TYPE_MAX];
    size_t len; /* 0..TH_PULL_FIRST_MAX */
    uint8_t bytes[];
};
struct th_pull_opened {
    enum th_err err;
    th_stream_number stream;
};

/* Body struct th_pull_read; one at a time for each stream. Reply th_switch_msg_data, body struct
 * th_pull_data: TH_OK with 1..max bytes, TH_EOF, or how the stream ended (reliable.h), TH_CANCELLED also
 * when its line was replaced; TH_NOT_FOUND for none of the caller's, TH_INVALID while one waits. */
extern const struct th_msg_kind th_switch_msg_read;
extern const struct th_msg_kind th_switch_msg_data;
struct th_pull_read {
    th_stream_number stream;
    size_t max; /* 1..TH_PULL_READ_MAX */
};
struct th_pull_data {
    enum th_err err;
    char words[TH_CHANNEL_ERR_MAX]; /* the other side's err; "" none */
    size_t len;
    uint8_t bytes[];
};

/* Body struct th_pull_write; one at a time for each stream. Reply th_switch_msg_result when all is taken:
 * TH_OK, or as for a read. */
extern const struct th_msg_kind th_switch_msg_write;
struct th_pull_write {
    th_stream_number stream;
    size_t len; /* 1..TH_PULL_WRITE_MAX */
    uint8_t bytes[];
};

/* Body struct th_pull_finish. Reply th_switch_msg_result: TH_OK; TH_NOT_FOUND. What waits of the stream is
 * answered with TH_CANCELLED, but for a read after an END. */
extern const struct th_msg_kind th_switch_msg_finish;
struct th_pull_finish {
    th_stream_number stream;
    enum th_finish {
        TH_FINISH_END,     /* nothing more is written; reading goes on */
        TH_FINISH_RELEASE, /* nothing more is wanted: what was written is sent, then our end */
        TH_FINISH_RESET    /* at once, with err */
    } how;
    char err[TH_CHANNEL_ERR_MAX];
};

/* --- the switch's side --- */

struct th_pulls;

TH_MUST struct th_pulls *th_pulls_new(struct th_switchboard *board);
/* Streams end with the board; nobody is answered: callers are told that the switch has gone. */
void th_pulls_free(struct th_pulls *pulls);

/* Takes a message of the kinds above; false for another one. */
bool th_pulls_on_msg(struct th_pulls *pulls, const struct th_self *self, struct th_msg *msg);
/* A TH_ACTION_STREAM. */
void th_pulls_on_action(struct th_pulls *pulls, const struct th_self *self,
                        const struct th_action *action);
/* A server has ended. */
void th_pulls_on_down(struct th_pulls *pulls, const struct th_self *self, th_pid pid);

#endif
