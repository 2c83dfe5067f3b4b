/*
 * telehash.h - a telehash v2.1 node in your program.
 *
 * A node has an identity, of which its hashname follows, joins the mesh through the seeds that it is
 * given, and reaches others by their hashname.
 *
 *     struct th_node_options options;
 *     struct th_node *node;
 *
 *     th_node_options_init(&options, sizeof options);
 *     options.seeds = text_of_a_seeds_file;
 *     options.seeds_len = strlen(text_of_a_seeds_file);
 *     if (th_node_new(&node, &options) == TH_OK && th_node_start(node, NULL, on_event, me) == TH_OK)
 *         th_node_connect(node, hashname, 0, on_connected, me);
 *     …
 *     th_node_close(node, NULL, NULL);
 *
 * Threads. A node runs either on threads of its own or on your uv loop, as th_node_start is told.
 *
 *   own threads   Callbacks run on one thread of the node, never two at the same time. Functions may
 *                 be called from any thread and from callbacks. A callback that takes its time holds
 *                 up the next callbacks, not the node.
 *   your loop     Everything runs inside uv_run, callbacks too. Call the node's functions on the
 *                 loop's thread.
 *
 * Every function, unless it says otherwise:
 *
 *   what it is given   texts, bytes and structures are borrowed until it returns; what is needed longer is
 *                      copied. `data` is yours: it is handed to the callbacks as it is.
 *   what it gives      is filled on TH_OK alone, and as it was after an error.
 *   NULL               where an object, a text or a place to fill is wanted is TH_INVALID; a function that
 *                      answers nothing does nothing then.
 *   thread             as above: any, or the loop's.
 *
 * What a callback gets is good until it returns. The library installs no signal handler, changes nothing that
 * belongs to the whole process, and closes no loop that it did not make.
 */
#ifndef TELEHASH_H
#define TELEHASH_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TH_API __attribute__((visibility("default")))
#else
#define TH_API
#endif

/* The same list as in switch/base/err.h, which the library itself is built with; a test compares
 * them. */
#ifndef TH_ERR_IS_DEFINED
#define TH_ERR_IS_DEFINED
enum th_err {
    TH_OK,
    TH_NO_MEMORY,
    TH_INVALID, /* a wrong argument */
    TH_FORMAT,  /* malformed data */
    TH_TOO_BIG,
    TH_LIMIT,
    TH_FULL,
    TH_GONE,
    TH_TIMED_OUT,
    TH_CANCELLED,
    TH_WOULD_DEADLOCK,
    TH_SHUTDOWN,
    TH_NO_PATH, /* found, but not to be reached */
    TH_NO_LINE,
    TH_NOT_FOUND, /* nobody told of that hashname; an address that is not on this machine */
    TH_REFUSED,
    TH_IN_USE,
    TH_NO_PERMISSION,
    TH_IO,
    TH_NO_SPACE,
    TH_NO_ENTRY,
    TH_NEWER,
    TH_AGAIN,
    TH_EOF
};
#endif

/* A short English phrase without newline, for any value, for ever; never NULL. */
TH_API const char *th_strerror(enum th_err e);

/* --- identity --- */

enum { TH_HASHNAME_SIZE = 65 }; /* of a buffer for a hashname: 64 hex digits and a 0 */

/* The keys of a node. It can be used for a node more than once, but not at the same time: two nodes
 * with one identity take each other's lines. */
struct th_identity;

/*
 * Makes new keys with the system's randomness.
 * out     filled; yours until th_identity_free.
 * Errors: TH_INVALID (NULL), TH_NO_MEMORY, TH_IO (no randomness).
 */
TH_API enum th_err th_identity_generate(struct th_identity **out);

/*
 * Reads keys as th_identity_export and other implementations write them:
 * {"3a": base64, "3a_secret": base64}.
 * out     filled; yours until th_identity_free.
 * json    len bytes; no closing 0 is needed.
 * Errors: TH_FORMAT (no such JSON; keys that are none, or do not belong together), TH_INVALID (NULL),
 *         TH_NO_MEMORY.
 */
TH_API enum th_err th_identity_import(struct th_identity **out, const char *json, size_t len);

/*
 * Writes the keys, the secret one too: wipe it when it is no more needed.
 * json    filled, with a closing 0; NULL only asks for the size.
 * len     in: room in json; out: bytes needed, the closing 0 included, also with TH_TOO_BIG.
 * Errors: TH_TOO_BIG (not enough room), TH_INVALID (no identity, no len).
 */
TH_API enum th_err th_identity_export(const struct th_identity *identity, char *json, size_t *len);

/* hashname: filled; "" for a NULL identity. */
TH_API void th_identity_hashname(const struct th_identity *identity,
                                 char hashname[TH_HASHNAME_SIZE]);

/* Wipes the keys and frees them; a node keeps its own copy. NULL is allowed. */
TH_API void th_identity_free(struct th_identity *identity);

/* --- a node --- */

struct th_node;

/* level: 0 error, 1 warning, 2 information, 3 debug; topic: which part; text: one line. Called on
 * any thread, at the same time on several. */
typedef void (*th_node_log_fn)(void *data, int level, const char *topic, const char *text);

/*
 * What a node keeps between its runs: texts, of which each is replaced as a whole.
 *
 * Without load and save it has new keys every time, unless you give an identity, and knows nobody but the
 * seeds. With them it finds back through the peers of its last run, even when no seed answers.
 */
enum th_kept_part {
    TH_KEPT_IDENTITY, /* its keys, the secret one too; not asked for when options give an identity */
    TH_KEPT_PEERS,    /* whom to try first, with addresses and public keys */
    TH_KEPT_AGES,     /* since when which nodes are known; up to 110 kB */
    TH_KEPT_CLOCK     /* what others know of our clock */
};

/*
 * Gives what was saved last.
 *
 * text    to be filled; no closing 0 is needed.
 * len     in: room in text; out: its size.
 * Return: TH_OK; TH_NO_ENTRY (nothing was ever saved); TH_TOO_BIG (not enough room: len says how much is
 *         needed, at most 1 MiB, and you are asked again); anything else: it cannot be read.
 *
 * Called in th_node_new, for each part, and once more as callbacks are before something is saved.
 */
typedef enum th_err (*th_node_load_fn)(void *data, enum th_kept_part part, char *text, size_t *len);

/*
 * Takes a text in the place of the one before. Whoever is interrupted must be left with one of both, whole.
 *
 * text    good until this returns.
 * Return: TH_OK once load will give it; anything else: it is tried again, every 30 s, with what is true then.
 *
 * The identity is saved in th_node_new, the rest as callbacks are: soon after the node has peers, twice a
 * minute if it has changed, and when the node is closed.
 */
typedef enum th_err (*th_node_save_fn)(void *data, enum th_kept_part part, const char *text,
                                       size_t len);

/* Fill with th_node_options_init, then set what you want. Everything is copied by th_node_new. */
struct th_node_options {
    size_t size; /* filled by th_node_options_init; later versions append members */
    const struct th_identity *identity; /* NULL: a new one, for as long as the node lives */
    const char *seeds;                  /* text of a seeds file; NULL: nobody to join from */
    size_t seeds_len;
    const char *const *listen;    /* "192.0.2.1:42424", "[::]:0"; port 0: any that is free */
    size_t listen_count;          /* 0: both families on port 42424, at most 8 */
    const char *const *advertise; /* addresses to tell others instead of those of this machine */
    size_t advertise_count;       /* at most 8 */
    unsigned k;         /* links at each distance, width of searches for them: 2 to 64; 0: 8 */
    unsigned links_max; /* links in all, 2 to 4096; 0: 256 */
    int is_seed;        /* 1 (as it is filled): others may join through us and be answered by us */
    int log_level;
    th_node_log_fn log; /* NULL: silent */
    void *log_data;
    th_node_load_fn load; /* NULL: nothing is kept; else save is there too */
    th_node_save_fn save;
    void *keep_data; /* of both */
};

/* size: sizeof *options of your program. A NULL or a size that no version had does nothing. */
TH_API void th_node_options_init(struct th_node_options *options, size_t size);

/*
 * Makes a node that does nothing yet.
 * out     filled; yours until th_node_close.
 * Errors: TH_INVALID (options not initialized; an address that is none; too many; a number out of its
 *         range; load without save), TH_FORMAT (seeds; what load gave: nothing is saved over it), TH_NEWER
 *         (a later version saved that), TH_TOO_BIG (load has more than 1 MiB), TH_NO_MEMORY, TH_IO (no
 *         randomness; load or save failed), TH_NO_PERMISSION, TH_NO_SPACE (as load or save said). What is
 *         wrong is said to options->log.
 */
TH_API enum th_err th_node_new(struct th_node **out, const struct th_node_options *options);

/* 64 hex digits; good until the node is closed. NULL for NULL. */
TH_API const char *th_node_hashname(const struct th_node *node);

enum th_node_event_kind {
    TH_EVENT_STATE,     /* state */
    TH_EVENT_LINK_UP,   /* hashname, is_seed */
    TH_EVENT_LINK_DOWN, /* hashname, why */
    TH_EVENT_STOPPED    /* why: it failed too often and gave up; only th_node_close is of use now */
};

enum th_node_event_state {
    TH_STATE_STARTING,
    TH_STATE_JOINING,
    TH_STATE_READY, /* it is part of a mesh */
    TH_STATE_ALONE  /* nobody answers, or nobody is known; it goes on trying */
};

struct th_node_event {
    enum th_node_event_kind kind;
    enum th_node_event_state state;
    const char *hashname; /* NULL where it has no meaning */
    int is_seed;
    enum th_err why;
};

/* The first state told is the one that the node is in by then; no later one is missed. Each link is told
 * up and down in turn; one that comes and goes faster than the callback returns may not be told at all. */
typedef void (*th_node_event_fn)(struct th_node *node, const struct th_node_event *event,
                                 void *data);

/*
 * Starts a node: opens its sockets, then joins.
 *
 * loop      NULL: threads of its own; else everything runs on this loop. The loop stays yours, and
 *           must run until th_node_close has told.
 * on_event  called from now on until the node is closed; NULL: nobody listens.
 * Errors:   TH_IN_USE, TH_NO_PERMISSION, TH_NOT_FOUND, TH_IO (an address that cannot be listened
 *           on: said to options->log), TH_NO_MEMORY, TH_LIMIT (threads or descriptors), TH_INVALID
 *           (started already). After the errors of an address it may be tried again.
 */
TH_API enum th_err th_node_start(struct th_node *node, uv_loop_t *loop, th_node_event_fn on_event,
                                 void *data);

/*
 * Writes how others can join through this node, as a seeds file with one entry.
 * json    filled, with a closing 0; NULL only asks for the size.
 * len     in: room in json; out: bytes needed, the closing 0 included, also with TH_TOO_BIG.
 * Errors: TH_TOO_BIG (not enough room), TH_INVALID (not started; closed), TH_NO_MEMORY.
 */
TH_API enum th_err th_node_seeds_entry(struct th_node *node, char *json, size_t *len);

/* result: TH_OK (there is an encrypted line to it), TH_NOT_FOUND, TH_NO_PATH, TH_TIMED_OUT, TH_LIMIT
 * (too many at once), TH_GONE (a part of the node was just being restarted: try again), TH_SHUTDOWN
 * (the node is closed or has stopped). */
typedef void (*th_connect_fn)(struct th_node *node, enum th_err result, const char *hashname,
                              void *data);

/*
 * Finds a node and opens a line to it.
 *
 * hashname    64 hex digits.
 * timeout_ms  for all of it, 1 to 2^32 - 1; 0: 15000.
 * on_done     called exactly once when this returns TH_OK, else never; not from inside. NULL: nobody listens.
 * Errors:     TH_INVALID (no hashname, or the node's own; not started; closed), TH_LIMIT (1024 wait),
 *             TH_NO_MEMORY.
 */
TH_API enum th_err th_node_connect(struct th_node *node, const char *hashname, uint32_t timeout_ms,
                                   th_connect_fn on_done, void *data);

/* --- streams --- */

/*
 * A stream carries bytes both ways between two nodes, in order and without loss, over the encrypted line
 * between them; it survives a change of address of either. Each has a type, by which the other side knows
 * what it is for: "_" and up to 30 printable characters without space, quote and backslash, or "sock".
 *
 * It ends in one of three ways: each side has said th_stream_shutdown, and reads TH_EOF after the other's
 * last byte; a side resets it; or the other side, or the line to it, is lost (TH_TIMED_OUT, TH_CANCELLED).
 * What had arrived by then, in order, is read first all the same, unless we have reset it ourselves.
 * Whatever happens, it is yours until you call th_stream_close and on_close has told; only when the node is
 * closed or stops, on_close comes without.
 */
struct th_stream;

/* NULL for those that you do not want. Called as all callbacks are, never from inside a function. */
struct th_stream_cb {
    /* There is something to read, its end or its failure too: read until TH_AGAIN. Comes the first time
     * there is, and whenever a read had said TH_AGAIN. */
    void (*on_readable)(struct th_stream *stream, void *data);
    /* A write said TH_AGAIN, and now there is room. */
    void (*on_writable)(struct th_stream *stream, void *data);
    /* The last of its callbacks; the stream is gone when it returns. why: TH_OK, TH_SHUTDOWN (the node is
     * closed or has stopped), or how it had failed before it was closed. */
    void (*on_close)(struct th_stream *stream, enum th_err why, void *data);
};

/* Somebody opens a stream to us. Good until the callback returns. */
struct th_incoming {
    const char *hashname; /* who */
    const char *type;
    const void *first; /* its first bytes, as far as they have come */
    size_t first_len;
};

/* Call th_stream_accept from inside to take it; else it is refused. */
typedef void (*th_accept_fn)(struct th_node *node, const struct th_incoming *incoming, void *data);

/*
 * Takes streams of a type from now on. One node opens at most 128 with us, and those of all nodes begin only
 * while there are fewer than 768 of 1024; who opens more is refused with "no room".
 *
 * type         one that is taken already gets another on_incoming.
 * on_incoming  NULL: takes none any more. Those that are open go on.
 * Errors:      TH_INVALID (no such type, or the node is closed), TH_LIMIT (64 types), TH_NO_MEMORY.
 */
TH_API enum th_err th_node_listen(struct th_node *node, const char *type, th_accept_fn on_incoming,
                                  void *data);

/*
 * Takes the stream that on_incoming tells of. Its first bytes are read from it like all others.
 *
 * incoming  as it was given to on_incoming, on the same thread, once.
 * cb        copied.
 * out       filled; yours until on_close.
 * Errors:   TH_INVALID (NULL, or taken already; the node is being closed), TH_LIMIT (1024 streams),
 *           TH_NO_MEMORY.
 */
TH_API enum th_err th_stream_accept(const struct th_incoming *incoming,
                                    const struct th_stream_cb *cb, void *data,
                                    struct th_stream **out);

/*
 * Opens a stream; the node is found and reached first if need be. What is written meanwhile waits. Whether
 * that succeeds is told by on_readable and what th_stream_read says then: TH_NOT_FOUND, TH_NO_PATH,
 * TH_TIMED_OUT, TH_REFUSED (nobody there takes streams of that type, or who does refused), TH_LIMIT.
 *
 * hashname  64 hex digits.
 * cb        copied.
 * out       filled; yours until on_close.
 * Errors:   TH_INVALID (no hashname, or the node's own; no type; not started; closed), TH_LIMIT (1024
 *           streams), TH_NO_MEMORY.
 */
TH_API enum th_err th_stream_open(struct th_node *node, const char *hashname, const char *type,
                                  const struct th_stream_cb *cb, void *data,
                                  struct th_stream **out);

/*
 * Hands over bytes to be sent. At most 256 KiB of a stream wait here.
 *
 * bytes   len of them, at least 1; copied as far as they are taken.
 * taken   filled on TH_OK: at least 1, may be fewer than len.
 * Errors: TH_AGAIN (no room; on_writable follows), TH_INVALID (NULL or 0 bytes; after th_stream_shutdown
 *         or th_stream_close), TH_NO_MEMORY, and how the stream has failed.
 */
TH_API enum th_err th_stream_write(struct th_stream *stream, const void *bytes, size_t len,
                                   size_t *taken);

/*
 * Gives bytes that arrived. Who does not read stops the other side; up to 256 KiB wait here, and what the
 * other side was allowed to send.
 *
 * buffer  filled, up to cap bytes, at least 1.
 * got     filled on TH_OK: at least 1.
 * Errors: TH_AGAIN (nothing yet; on_readable follows), TH_EOF (the other side has shut down), TH_INVALID
 *         (NULL or 0 bytes; after th_stream_close), and how the stream has failed: TH_GONE (the other side
 *         reset it: th_stream_err), TH_REFUSED, TH_TIMED_OUT, TH_CANCELLED (we did, or the other node has
 *         begun anew), and those of th_stream_open.
 */
TH_API enum th_err th_stream_read(struct th_stream *stream, void *buffer, size_t cap, size_t *got);

/* Our end: nothing more is written, the other side reads TH_EOF after all that was. Reading goes on. Harmless
 * when said twice, or of one that has failed. */
TH_API void th_stream_shutdown(struct th_stream *stream);

/* Ends it at once both ways; what is on its way, or was not read here, is lost. It still has to be closed.
 * err: for the other side, UTF-8, of which 63 bytes go there; NULL or "": "reset". */
TH_API void th_stream_reset(struct th_stream *stream, const char *err);

/* Lets go of it: what was written is still sent, as long as the node lives, then our end; what arrives is
 * thrown away. Also one that is not open yet is opened for what was written. It is reset when the other
 * side takes nothing for a minute, and when it has not taken all after ten minutes (twenty when more than the node
 * sends ahead waits here). on_close follows, once; the stream may be used until then only by its callbacks. */
TH_API void th_stream_close(struct th_stream *stream);

/* With what words the other side reset it; "" when it did not, and for NULL. Good until on_close. */
TH_API const char *th_stream_err(const struct th_stream *stream);

/* The hashname of the other side; good until on_close. NULL for NULL. */
TH_API const char *th_stream_peer(const struct th_stream *stream);

/* --- channels --- */

/*
 * A channel carries packets both ways between two nodes, over the encrypted line between them; it survives
 * a change of address of either. Each packet arrives whole and once, or not at all, and one that was sent
 * later may come before it: for what is of no use when it is late, such as positions in a game, voice, or
 * the reading of a sensor. What has to arrive belongs into a stream. A channel has no congestion control:
 * how much is sent is the application's business. It has a type, as a stream has; the two are apart, so
 * that a node may take both of one type.
 *
 * A packet is a JSON object and a body of bytes, of which either may be left out: the same channels that
 * other implementations call unreliable, with the object under "_".
 *
 * The first that arrives opens the channel there, whichever was lost before it. It ends when a side says so
 * (is_end, th_chan_close), when nothing was sent or came for 10 s, or the other node is silent for so long
 * (TH_TIMED_OUT: whoever wants it to stay sends something), or with the line (TH_TIMED_OUT, TH_CANCELLED). If
 * the other side's end is lost, the next packet that you send is answered by one (TH_GONE, "closed"). Nobody
 * answers for a type that the other node does not take, so a channel on which nothing ever came may be heard
 * by nobody.
 *
 * Whatever happens, it is yours until you call th_chan_close and on_close has told; only when the node is
 * closed or stops, on_close comes without.
 */
struct th_chan;

enum {
    TH_CHAN_PACKET_MAX =
        1000, /* bytes of JSON and body together: so many pass on every path; a larger one
                                  that comes is dropped, and one whose JSON is no object */
    TH_CHAN_WAITING_MAX = 64 /* packets of a channel that wait to be sent, and to be told of */
};

/* Zero what you leave out. What a callback gets is good until it returns. */
struct th_chan_packet {
    const char
        *json; /* an object, "{…}"; NULL: none. Received: what the other side put there, with no 0
                         behind it */
    size_t json_len;
    const void *body; /* NULL: none */
    size_t body_len;
    int is_end; /* the last: nothing is sent or comes after it */
    uint32_t
        dropped; /* received: so many came before it, and went because on_packet took too long; sent:
                         not looked at */
};

/* NULL for those that you do not want. Called as all callbacks are, never from inside a function. */
struct th_chan_cb {
    void (*on_packet)(struct th_chan *chan, const struct th_chan_packet *packet, void *data);
    /* Nothing comes any more, once; not after an end of ours. why: TH_OK (the other side's end), TH_GONE
     * (the other side closed it with words: th_chan_err; its node was closed: "gone"; it had ended, and its
     * end got lost: "closed"), TH_REFUSED (the same, and nothing came before),
     * TH_TIMED_OUT (silence), TH_CANCELLED (the other node has begun anew), TH_NOT_FOUND, TH_NO_PATH,
     * TH_NO_LINE, TH_LIMIT, TH_NO_MEMORY. */
    void (*on_end)(struct th_chan *chan, enum th_err why, void *data);
    /* The last of its callbacks; the channel is gone when it returns. why: as of on_end, TH_OK also when
     * we ended it; TH_SHUTDOWN (the node is closed or has stopped). */
    void (*on_close)(struct th_chan *chan, enum th_err why, void *data);
};

/* Somebody opens a channel to us. Good until the callback returns. */
struct th_chan_incoming {
    const char *hashname; /* who */
    const char *type;
    const struct th_chan_packet *first;
};

/* Call th_chan_accept from inside to take it; else it is refused. */
typedef void (*th_chan_accept_fn)(struct th_node *node, const struct th_chan_incoming *incoming,
                                  void *data);

/*
 * Takes channels of a type from now on. One node opens at most 128 with us (192 with its streams), and those
 * of all nodes begin only while there are fewer than 768 of 1024. Nodes are told of in turn. Who asks for another
 * type hears nothing, as the specification wants it.
 *
 * type         one that is taken already gets another on_incoming.
 * on_incoming  NULL: takes none any more. Those that are open go on.
 * Errors:      TH_INVALID (no such type, or the node is closed), TH_LIMIT (64 types), TH_NO_MEMORY.
 */
TH_API enum th_err th_chan_listen(struct th_node *node, const char *type,
                                  th_chan_accept_fn on_incoming, void *data);

/*
 * Takes the channel that on_incoming tells of. Its first packet comes to on_packet like all others.
 *
 * incoming  as it was given to on_incoming, on the same thread, once.
 * cb        copied.
 * out       filled; yours until on_close.
 * Errors:   TH_INVALID (NULL, or taken already; the node is being closed), TH_LIMIT (1024 channels),
 *           TH_NO_MEMORY.
 */
TH_API enum th_err th_chan_accept(const struct th_chan_incoming *incoming,
                                  const struct th_chan_cb *cb, void *data, struct th_chan **out);

/*
 * Opens a channel; the node is found and reached first if need be, and what is sent meanwhile waits. That
 * it could not be reached is told by on_end.
 *
 * hashname  64 hex digits.
 * first     the packet that opens it; NULL: an empty one. The other side sees it before it takes the channel.
 *           When it is lost, the first that arrives does so in its place.
 * cb        copied.
 * out       filled; yours until on_close.
 * Errors:   TH_INVALID (no hashname, or the node's own; no type; as th_chan_send; not started; closed),
 *           TH_TOO_BIG, TH_LIMIT (1024 channels), TH_NO_MEMORY.
 */
TH_API enum th_err th_chan_open(struct th_node *node, const char *hashname, const char *type,
                                const struct th_chan_packet *first, const struct th_chan_cb *cb,
                                void *data, struct th_chan **out);

/*
 * Sends a packet. That it was taken does not say that it arrives.
 *
 * packet  copied.
 * Errors: TH_AGAIN (64 wait: it was not taken), TH_TOO_BIG (over TH_CHAN_PACKET_MAX), TH_INVALID (NULL; the
 *         JSON is no object in UTF-8; after is_end or th_chan_close), TH_EOF (the other side's end came),
 *         TH_NO_MEMORY, and how the channel has ended otherwise.
 */
TH_API enum th_err th_chan_send(struct th_chan *chan, const struct th_chan_packet *packet);

/* Lets go of it: what was sent still leaves, then our end, or err for the other side (up to 63 bytes of
 * UTF-8; NULL: just the end). What comes is thrown away. on_close follows, once. */
TH_API void th_chan_close(struct th_chan *chan, const char *err);

/* How many packets came and went because on_packet took too long, so far. 0 for NULL. */
TH_API uint64_t th_chan_dropped(const struct th_chan *chan);

/* With what words the other side closed it; "" when it did not, and for NULL. Good until on_close. */
TH_API const char *th_chan_err(const struct th_chan *chan);

/* The hashname of the other side; good until on_close. NULL for NULL. */
TH_API const char *th_chan_peer(const struct th_chan *chan);

typedef void (*th_close_fn)(void *data);

/*
 * Ends a node: its links are ended so that others need not wait, its sockets closed, everything
 * freed. Callbacks may still come until on_closed is called, which is the last of all; the node is
 * gone then.
 *
 * On your loop it returns at once; run the loop until on_closed, after which the loop has no handle
 * of the node. On own threads it returns at once when on_closed is given, and on_closed is called on
 * a thread that ends after it; with NULL it waits until all is done, but in a callback it cannot and
 * does not. A node that was not started is gone when this returns. NULL is allowed.
 */
TH_API void th_node_close(struct th_node *node, th_close_fn on_closed, void *data);

#ifdef __cplusplus
}
#endif

#endif
