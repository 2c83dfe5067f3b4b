/*
 * streams.h - the reliable channels of a switchboard, which the owner reads and writes as bytes.
 *
 *     th_switchboard_stream_open(board, now, &to, "_chat", owner, tag, &c);
 *     th_switchboard_stream_write(board, now, &to, c, bytes, &taken);
 *     while (th_switchboard_next(board, &action))      // what was written leaves here
 *         …                                            // TH_ACTION_STREAM: call read or write again
 *
 * The reliable channels of one line share its way (congestion.h) and take turns, a packet each. They
 * outlive a change of the address, but not the line.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_STREAMS_H
#define TH_CORE_STREAMS_H

#include "switch/core/switchboard.h"

enum {
    TH_BOARD_STREAMS_MAX = 1024,   /* reliable channels of a node, of both sides; … */
    TH_BOARD_STREAMS_THEIRS = 768, /* … beyond so many only ours are opened; … */
    TH_LINE_STREAMS_THEIRS = 128,  /* … of one node no more than these, also those that linger */
    TH_BOARD_CREDIT = 64 << 10     /* packets, of struct th_credit: 83 MiB */
};

/* Whether a name may be an application's type: "_" and printable ASCII without " and \, or "sock",
 * the specification's for TCP; at most TH_TYPE_MAX - 1 characters. */
bool th_stream_type_is_valid(const char *type);

/* From now on reliable channels of that type are accepted, or no more. Errors: TH_LIMIT, TH_INVALID (the
 * name). Those that are open go on. */
TH_MUST enum th_err th_switchboard_serve(struct th_switchboard *board, const char *type,
                                         bool is_served);

/*
 * Opens one; its first packet leaves when the line is up.
 * owner, tag  of its actions.
 * c           filled with its number.
 * Errors: TH_NO_LINE (none, and none is being opened), TH_LIMIT, TH_INVALID (the type), TH_NO_MEMORY.
 */
TH_MUST enum th_err th_switchboard_stream_open(struct th_switchboard *board, struct th_now now,
                                               const struct th_hashname *to, const char *type,
                                               uint64_t owner, uint64_t tag, uint32_t *c);

/* One of theirs (an action with is_first) gets an owner and a tag. Harmless when it is gone. */
void th_switchboard_stream_adopt(struct th_switchboard *board, const struct th_hashname *peer,
                                 uint32_t c, uint64_t owner, uint64_t tag);

/* As in reliable.h, and TH_NOT_FOUND: there is none of that number any more. */
TH_MUST enum th_err th_switchboard_stream_write(struct th_switchboard *board, struct th_now now,
                                                const struct th_hashname *peer, uint32_t c,
                                                struct th_bytes bytes, size_t *taken);
TH_MUST enum th_err th_switchboard_stream_read(struct th_switchboard *board, struct th_now now,
                                               const struct th_hashname *peer, uint32_t c,
                                               uint8_t *buffer, size_t cap, size_t *got);

/* Of one that went with its line (an action with why), by its tag: what has arrived and was not read
 * (th_reliable_leave). Given to the caller; NULL: nothing. */
struct th_reliable *th_switchboard_stream_left(struct th_switchboard *board, uint64_t tag);

/* Bytes that a read would give now; 0 when there are none, or no such stream. */
size_t th_switchboard_stream_readable(struct th_switchboard *board, const struct th_hashname *peer,
                                      uint32_t c);

/* Its type, and the other side's err; "" when there is no such stream. */
void th_switchboard_stream_type(struct th_switchboard *board, const struct th_hashname *peer,
                                uint32_t c, char type[TH_TYPE_MAX]);
void th_switchboard_stream_words(struct th_switchboard *board, const struct th_hashname *peer,
                                 uint32_t c, char words[TH_CHANNEL_ERR_MAX]);

/* Our end: nothing more is written. */
void th_switchboard_stream_end(struct th_switchboard *board, struct th_now now,
                               const struct th_hashname *peer, uint32_t c);

/* One of theirs for which its owner has no room now: released with "busy", and counted. */
void th_switchboard_stream_refuse(struct th_switchboard *board, struct th_now now,
                                  const struct th_hashname *peer, uint32_t c);

/* err: NULL: what was written still goes out, then our end; else it is closed at once, and they are told
 * so. Its number is not to be used afterwards. */
void th_switchboard_stream_release(struct th_switchboard *board, struct th_now now,
                                   const struct th_hashname *peer, uint32_t c, const char *err);

#endif
