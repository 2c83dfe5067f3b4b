/*
 * reliable.h - one reliable channel: bytes in, the same bytes out on the other side, in order, once.
 *
 *     th_reliable_write(r, now, bytes, &taken);
 *     while (th_reliable_next(r, now, buffer, sizeof buffer, &len))
 *         send(buffer, len);
 *     sleep_until(th_reliable_deadline(r, now));
 *     th_reliable_tick(r, now);
 *     …
 *     th_relpkt_read(&packet, received), th_reliable_on_packet(r, now, &packet);
 *     th_reliable_read(r, now, buffer, sizeof buffer, &got);
 *
 * telehash.org v2/reliable.md, protocol.md 5. A peer that does not know our keys (relpkt.h) gets what the
 * specification says: `ack` is what the application has read, 32 packets at most are beyond it, what it
 * misses is sent again at most once a second. Between two of ours what arrived is told in runs, credit
 * says how much the reader takes, and losses are found from the order and the time of sending (RACK and
 * its probe, RFC 8985; the waits of RFC 9002). Who writes more than the other side reads is stopped; what
 * a reader has not read is bounded by what it was given credit for.
 *
 * A number means the same content for ever, so what was cut into packets stays so. Packets are made for the
 * smallest way (TH_CHANPKT_MAX), or as large as the way carries if the peer puts together what is sent in
 * parts when it carries less (relpkt.h).
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's of the line.
 */
#ifndef TH_CORE_RELIABLE_H
#define TH_CORE_RELIABLE_H

#include "switch/core/congestion.h"
#include "switch/wire/relpkt.h"

enum {
    TH_REL_WINDOW_FIRST =
        64, /* packets of credit at first; doubled for who reads faster, up to … */
    TH_REL_WINDOW_MAX = 2048, /* … 2.5 MiB: 250 Mbit/s over 80 ms */
    TH_REL_FOREIGN_OUT = 32,  /* beyond what was acknowledged: the C switch's window */
    TH_REL_FOREIGN_IN = 100,  /* the specification's; the JavaScript switch asks nobody */
    TH_REL_RUNS_MAX = 512,    /* out of order; one more is dropped, as if lost */
    TH_REL_SEND_FIRST =
        65536, /* bytes that may wait to be sent or acknowledged: twice the window of … */
    TH_REL_SEND_MAX = 4 << 20,         /* … the way, from the first to the second */
    TH_REL_ACK_MS = 5,                 /* a lone packet is acknowledged after; sooner from two on */
    TH_REL_FOREIGN_ACK_MS = 1000,      /* others may take this long */
    TH_REL_RESEND_MS = 1000,           /* between two of one number to others */
    TH_REL_PROBE_MAX_MS = 5000,        /* pauses between probes grow up to this */
    TH_REL_KEEP_MS = 15000,            /* a channel that says nothing shows that it lives */
    TH_REL_SILENCE_MS = 60000,         /* nothing heard: it is over */
    TH_REL_FOREIGN_SILENCE_MS = 10000, /* others say nothing while they have nothing to say */
    TH_REL_OPEN_MS =
        30000, /* for a first answer: who has just moved tells us so with its next keepalive,
                               which comes within 25 s */
    TH_REL_RELEASE_MS = 60000,      /* what was written before the release is given up after so
                                          long without progress … */
    TH_REL_RELEASE_MAX_MS = 600000, /* … and after so long with some */
    TH_REL_ERR_MS = 500,            /* between two errs to who goes on talking */
    TH_REL_LINGER_MS = 5000 /* after its end its last acknowledgement may be asked for again */
};

/* What the channels of a node share: the packets of credit that they may give beyond their first
 * TH_REL_WINDOW_FIRST, all together. Who keeps one packet back and sends all that come after it has us hold
 * a whole window. */
struct th_credit {
    uint32_t left; /* packets */
    struct th_drops
        *drops; /* where a window that stays as it is is counted, STREAM_CREDIT; borrowed */
};

struct th_reliable_config {
    uint32_t c;
    const char *type; /* printable ASCII without " and \; copied */
    bool is_ours;     /* we opened it: our first packet goes out at once */
    bool is_compact;  /* other channels of the line showed that the peer is one of ours … */
    bool takes_parts; /* … and takes parts */
    struct th_congestion *way; /* of the line; borrowed for its life */
    struct th_credit *credit;  /* of the node; the same; NULL: no limit but each channel's */
};

struct th_reliable;

/* What there is to see of one; counters since it began. */
struct th_reliable_look {
    bool is_compact;
    uint64_t written, read;   /* bytes of the application */
    uint64_t waiting, unread; /* bytes held: to be sent or acknowledged; arrived and not read */
    uint64_t packets, again,
        probes;      /* content: sent, of it sent again, of it because nothing came */
    uint32_t window; /* credit that the peer gets, in packets */
};

/* Returns NULL without memory. */
TH_MUST struct th_reliable *th_reliable_new(const struct th_reliable_config *config,
                                            struct th_now now);

/* Its line is gone: what has arrived and was not read becomes one of its own, which is read to its end, then
 * tells why. Only th_reliable_read, _readable, _err and _free may be called of that one. NULL: nothing is left,
 * nobody wants it, or no memory. */
TH_MUST struct th_reliable *th_reliable_leave(struct th_reliable *r, enum th_err why);

/* Frees it, whatever state it is in; its way forgets what was in flight. Harmless for NULL. */
void th_reliable_free(struct th_reliable *r);

/* --- the application's side --- */

/*
 * Takes bytes to be sent.
 * taken   filled on TH_OK: at least 1, may be fewer than there are.
 * Errors: TH_AGAIN (no room: th_reliable_is_writable says when), TH_INVALID (after its end), TH_NO_MEMORY,
 *         and how the channel ended: TH_REFUSED (the first answer was an err), TH_GONE (an err later),
 *         TH_TIMED_OUT, TH_CANCELLED (we reset it).
 */
TH_MUST enum th_err th_reliable_write(struct th_reliable *r, struct th_now now,
                                      struct th_bytes bytes, size_t *taken);

/*
 * Gives bytes that arrived, also when the channel has ended since, unless we reset it.
 * got     filled on TH_OK: at least 1.
 * Errors: TH_AGAIN (nothing is there), TH_EOF (the other side's end), and how the channel ended.
 */
TH_MUST enum th_err th_reliable_read(struct th_reliable *r, struct th_now now, uint8_t *buffer,
                                     size_t cap, size_t *got);

/* Nothing more is written; reading goes on. Harmless when said twice. */
void th_reliable_end(struct th_reliable *r);

/* Closes it at once, forgets what was not read, and tells the other side so, as well as that can be. err: UTF-8, cut to fit. */
void th_reliable_reset(struct th_reliable *r, struct th_now now, const char *err);

/* The application wants nothing more of it: what was written is still sent, for TH_REL_RELEASE_MAX_MS at
 * most and while some of it arrives within TH_REL_RELEASE_MS, then our end. What arrives is thrown away;
 * once the other side has all of ours, it is answered by an err. */
void th_reliable_release(struct th_reliable *r, struct th_now now);

/* A call would not say TH_AGAIN. */
bool th_reliable_is_readable(const struct th_reliable *r);
bool th_reliable_is_writable(const struct th_reliable *r);

/* Bytes that a read would give now. */
size_t th_reliable_readable(const struct th_reliable *r);

const char *th_reliable_type(const struct th_reliable *r);

/* The peer's err that ended it; "" none. */
const char *th_reliable_err(const struct th_reliable *r);

/* TH_OK while it goes on or has ended as both sides wanted; else how it ended. */
enum th_err th_reliable_why(const struct th_reliable *r);

/* It was released, and nothing is left to do: free it. */
bool th_reliable_is_over(const struct th_reliable *r, struct th_now now);

void th_reliable_look(const struct th_reliable *r, struct th_reliable_look *look);

/* --- the line's side --- */

/*
 * A packet of its number came.
 * Drops: STREAM_ACK (acknowledges what was never sent; nothing of it is used), STREAM_REPEAT, STREAM_BEYOND
 *        (its credit, its end, or what can be kept out of order).
 */
TH_MUST enum th_drop th_reliable_on_packet(struct th_reliable *r, struct th_now now,
                                           const struct th_relpkt *packet);

/* The peer puts parts together. */
bool th_reliable_takes_parts(const struct th_reliable *r);

/* What was sent is not acknowledged, and probes are not: perhaps what is large does not pass any more. */
bool th_reliable_is_in_doubt(const struct th_reliable *r);

/* Another address is in use: probes at once. The way was told by the line. */
void th_reliable_on_moved(struct th_reliable *r, struct th_now now);

/* Makes the next packet that may leave now; false when there is none. cap: how large it may be, at least
 * TH_CHANPKT_MAX. */
TH_MUST bool th_reliable_next(struct th_reliable *r, struct th_now now, uint8_t *out, size_t cap,
                              size_t *len);

/* The earliest moment at which tick or next have something to do; `now` when next has at once. */
th_ms th_reliable_deadline(const struct th_reliable *r, struct th_now now);
void th_reliable_tick(struct th_reliable *r, struct th_now now);

#endif
