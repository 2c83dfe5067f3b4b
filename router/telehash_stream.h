/*
 * telehash_stream.h - streams of the public API: what the application's threads and the agent share.
 *
 *     telehash_stream.c   the public functions; any thread
 *     telehash_pull.c     the agent's side: asks the switch, calls back
 *     telehash_listen.c   and of listening: offers what others open
 *
 * A stream has a buffer each way, so that the application never waits for the switch: what is written is
 * gathered in the body of the next write, what is read comes from the answer to the last read.
 *
 * Floor:  6; private to it.
 * Thread: telehash_stream.c any; the others the agent's.
 */
#ifndef TH_ROUTER_TELEHASH_STREAM_H
#define TH_ROUTER_TELEHASH_STREAM_H

#include "router/telehash_node.h"
#include "switch/core/served.h"
#include "switch/pull.h"

enum { TH_NODE_STREAMS_MAX = 1024, TH_STREAM_CLOSE_MS = 60000, TH_STREAM_CLOSE_MAX_MS = 600000 };

struct th_listen {
    struct th_listen *next;
    struct th_node *node;
    char type[TH_TYPE_MAX];
    th_accept_fn on_incoming; /* NULL: to be taken off, … */
    bool is_leaving;          /* … and the switch was told so */
    void *data;
};

/* Beside who it is, all of it is under the node's lock. */
struct th_stream {
    struct th_stream *next, **at; /* of the node */
    struct th_stream *next_dirty;
    struct th_node *node;
    char hashname[TH_HASHNAME_SIZE];
    struct th_hashname peer;
    char type[TH_TYPE_MAX];
    struct th_stream_cb cb;
    void *data;

    th_stream_number number; /* 0: not open yet */
    enum th_err why;         /* how it failed */
    enum th_err why_write;   /* how writing did; what has arrived is still read, and then why */
    char words[TH_CHANNEL_ERR_MAX];
    bool is_dirty;
    bool is_asked;  /* the dialer or the switch is opening it */
    unsigned calls; /* under way: they hold a pointer to it */

    struct th_pull_write *out; /* gathered; NULL none */
    size_t out_room;
    bool is_writing, has_no_room; /* a write is under way; the application heard TH_AGAIN */
    bool wants_end, is_end_told;

    struct th_pull_data *in; /* being read; NULL none */
    size_t in_read;
    bool is_reading, is_at_end, has_nothing; /* a read is under way; …; it heard TH_AGAIN */

    bool wants_reset, wants_close, is_finished; /* the application's; the switch was told */
    char err[TH_CHANNEL_ERR_MAX];
    th_ms close_by;     /* 0: not set */
    th_ms close_end_by; /* however much the other side takes; 0: not set */
};

/* What th_incoming is really: the first member is the public part. */
struct th_incoming_inside {
    struct th_incoming incoming;
    struct th_node *node;
    const struct th_pull_accepted *accepted;
    struct th_stream *stream; /* once it is taken */
};

/* Makes one and puts it into the node's list. Errors: TH_LIMIT, TH_NO_MEMORY, TH_INVALID (not running). */
TH_MUST enum th_err th_node_stream_make(struct th_node *node, const struct th_hashname *peer,
                                        const char *type, const struct th_stream_cb *cb, void *data,
                                        struct th_stream **out);

/* Takes it out of every list and frees it. */
void th_node_stream_free(struct th_stream *stream);

/* The agent is to look at it. Under the node's lock; wake it afterwards. */
void th_node_stream_touch(struct th_stream *stream);

/* When one that is closed and still has bytes to hand over is given up: a minute after the other side last
 * took some, and ten after this was first asked. Under the node's lock. */
th_ms th_stream_close_by(struct th_stream *stream, th_ms now);

/* The agent's side of all streams and listeners; embedded in it. */
struct th_pulling {
    struct th_node *node;
    th_pid sw; /* the switch whose numbers these are; 0: none yet */
    uint64_t monitor;
    bool is_accepting, wants_listen; /* asks for the next stream; types have to be told */
    bool has_stopped;                /* the node has, for good */
    bool is_leaving;                 /* the agent ends soon: nothing is begun any more */
    th_ms again_at;                  /* something could not be asked; TH_NEVER */
    th_ms close_by;                  /* of the first stream that may not wait longer; TH_NEVER */
};

/* node: borrowed; it points to the pulling from now on. */
void th_pulling_init(struct th_pulling *pulling, struct th_node *node);
/* Does what is to be done: once every server has started, after every message. */
void th_pulling_look(struct th_pulling *pulling, const struct th_self *self);
/* True: it was the switch's end. */
bool th_pulling_on_down(struct th_pulling *pulling, const struct th_self *self,
                        const struct th_down *down);
/* Tries again what could not be asked, and closes what waited too long; when the deadline has come. */
void th_pulling_on_alarm(struct th_pulling *pulling, const struct th_self *self);
th_ms th_pulling_deadline(const struct th_pulling *pulling);
/* Something could not be asked now: th_pulling_look is called again after a moment. */
void th_pulling_try_again(struct th_pulling *pulling, const struct th_self *self);
/* Tells the switch which types are accepted, if it does not know, and asks it for the next stream. Its
 * pid is known. */
void th_pulling_accept(struct th_pulling *pulling, const struct th_self *self);
/* The node's servers have stopped for good: every stream fails and is closed. */
void th_pulling_stop(struct th_pulling *pulling, const struct th_self *self);
/* The agent ends: every stream is told so and gone. No call is under way any more. */
void th_pulling_end(struct th_pulling *pulling);

#endif
