/*
 * reliable_inside.h - the two halves of a reliable channel, shared by the files that work on them.
 *
 * reliable.c       the whole: states, timers, what goes out next
 * reliable_out.c   what is sent: bytes, the packets they were cut into, what was lost of them
 * reliable_in.c    what is received: packets until they are read
 *
 * Floor:  2 (core), sans-I/O; private to it.
 * Thread: the owner's of the line.
 */
#ifndef TH_CORE_RELIABLE_INSIDE_H
#define TH_CORE_RELIABLE_INSIDE_H

#include "switch/core/reliable.h"

#define TH_SEG_NONE UINT32_MAX

/* A number that was sent and not yet acknowledged with all before it. */
struct th_seg {
    th_ms sent_at;
    uint32_t at;           /* its first byte: position in the stream, modulo 2^32 */
    uint32_t older, newer; /* in order of sending, while it is in flight */
    uint16_t len;
    uint8_t sends;     /* times it was sent; stays at 255 */
    bool is_in_flight; /* in the order of sending and counted by the way */
    bool has_arrived;
    bool is_lost; /* to be sent again */
    bool end;
};

struct th_out {
    uint8_t *bytes; /* a ring; its room is a power of two */
    size_t room;
    uint64_t first, sent, written; /* positions: not acknowledged from, never sent from, end */
    bool wants_end, has_end;       /* the application said so; a packet says so */

    struct th_seg *segs; /* a ring by number; its room is a power of two */
    uint32_t seg_room;
    uint32_t una, next;      /* numbers: the first not acknowledged, the next new one */
    uint32_t limit;          /* credit: numbers below it */
    uint32_t full;           /* what a full packet counts for in flight, as packets are now */
    uint32_t oldest, newest; /* in flight, by time of sending */
    uint32_t arrived_count;  /* beyond una */
    uint32_t lost_count, lost_from; /* none is lost below it */

    th_ms rack_at; /* RACK: the packet sent last of those that arrived, … */
    uint32_t rack_seq;
    th_ms rack_rtt;      /* … and how long it took */
    uint32_t highest;    /* number + 1 that arrived; 0 none */
    bool is_reordered;   /* one below it arrived later, though sent once */
    unsigned patience;   /* quarters of a round trip that are waited then */
    th_ms patience_at;   /* when it last grew */
    th_ms overdue_at;    /* when the next is lost; TH_NEVER */
    unsigned told_count; /* runs of the last acknowledgement: need not be gone through again */
    struct th_run told[TH_GOT_MAX];

    uint32_t part_seq,
        part_at; /* it goes out in parts, and this is the next; part_at 0: none does */

    th_ms sent_at;   /* content, last */
    unsigned probes; /* in a row without an acknowledgement */
    unsigned probes_due;
    bool has_answer; /* something was acknowledged: the type need not go along any more */
    uint64_t packets, again, probed;
};

/* A packet that arrived. */
struct th_slot {
    uint8_t *bytes; /* NULL when len is 0 */
    uint16_t len;   /* of one that is not there yet: of its parts that are */
    bool is_there, end;
};

struct th_in {
    struct th_slot *slots; /* a ring by number; its room is a power of two */
    uint32_t room;
    uint32_t read, next;      /* numbers: the first not read to its end; the first missing */
    uint32_t read_len;        /* bytes of `read` that were read */
    uint32_t window, max;     /* packets; numbers below max are taken */
    struct th_credit *credit; /* what the window beyond the first was taken from; NULL none */
    uint32_t told_max;
    uint32_t seen;       /* number + 1, also of what had to be dropped */
    struct th_run *runs; /* beyond next, ascending */
    unsigned run_count, run_room;
    bool has_end, is_at_end; /* end_seq is known; it was read */
    bool is_stopped;         /* nothing more is taken; what is there is read */
    uint32_t end_seq;
    uint64_t total, unread; /* bytes */
    th_ms grown_at;         /* window: since when grown_from was `read` */
    uint32_t grown_from;
    bool is_short;    /* since then the other side had more than its credit allowed */
    unsigned unacked; /* packets */
    bool wants_ack;
    th_ms ack_at; /* TH_NEVER */
};

struct th_reliable {
    uint32_t c;
    char type[TH_TYPE_MAX];
    bool is_ours, is_compact, takes_parts, is_released;
    uint8_t
        parts_said; /* acknowledgements that said that we take parts; some, as any may be lost */
    bool has_heard;
    bool wants_err;  /* an err is to be sent */
    bool is_reset;   /* we sent one, or it waits */
    enum th_err why; /* not TH_OK: it is dead */
    char err[TH_CHANNEL_ERR_MAX];
    th_ms heard_at, said_at; /* anything */
    th_ms err_at;            /* when err was last sent */
    th_ms over_at;           /* both ends are done, or it is dead: gone for good then; TH_NEVER */
    th_ms
        release_ends_at; /* something of what was written has to be acknowledged by then; TH_NEVER */
    th_ms release_by;    /* and all of it by then; once it is released */
    struct th_congestion *way;
    struct th_out out;
    struct th_in in;
};

/* reliable_out.c */

void th_out_init(struct th_out *out);

/* Frees it, and takes what is in flight off the way's count. */
void th_out_clear(struct th_out *out, struct th_congestion *way);

/* Bytes that a write would take now: twice the window of the way, within TH_REL_SEND_FIRST and
 * TH_REL_SEND_MAX, less what is kept. */
size_t th_out_room(const struct th_out *out, const struct th_congestion *way);

/* Keeps bytes until they are acknowledged; copied. At most th_out_room. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_out_write(struct th_out *out, struct th_bytes bytes);

/* Whether an acknowledgement is of what was sent. */
bool th_out_is_sane(const struct th_out *out, const struct th_relpkt *packet);

/* Takes an acknowledgement that is sane: what arrived is let go, what is missing is lost. */
void th_out_on_ack(struct th_reliable *r, struct th_now now, const struct th_relpkt *packet);

/* The packet of a number that is in the window. */
static inline struct th_seg *th_out_seg(const struct th_out *out, uint32_t seq)
{
    return &out->segs[seq & (out->seg_room - 1)];
}

/* The number to be sent again, or a new one, that may leave now in a packet of at most cap bytes; TH_SEG_NONE
 * when there is none. */
uint32_t th_out_pick(struct th_reliable *r, struct th_now now, size_t cap);

/* Something may leave now. */
bool th_out_wants(const struct th_reliable *r);

/* Fills the content of a packet of at most cap bytes, by way of body, and notes that it is sent. What is larger
 * goes out in parts: the first, and th_out_pick gives the others. False without memory. */
TH_MUST bool th_out_send(struct th_reliable *r, struct th_now now, uint32_t seq, size_t cap,
                         struct th_relpkt *packet, uint8_t body[TH_CHANPKT_PROVEN_MAX]);

/* Marks as lost what was sent so long before something that arrived that it cannot be on its way still
 * (RFC 8985, RACK). Nothing for one of another implementation, which says what it misses. */
void th_out_find_lost(struct th_reliable *r, struct th_now now);

/* When silence is to be broken by sending something once more; TH_NEVER when nothing is waited for. */
th_ms th_out_probe_at(const struct th_reliable *r);

/* Orders that, if it is due; the next waits twice as long. */
void th_out_probe(struct th_reliable *r, struct th_now now);

/* What an ordered probe is to send; TH_SEG_NONE: nothing, or none is ordered. The first that is missing,
 * which a reader waits for, and the newest, whose arrival shows what was lost before it. Beyond the credit:
 * the next, which is not taken but answered. */
uint32_t th_out_pick_probe(struct th_out *out);

/* All that was written, and our end, is acknowledged. */
bool th_out_is_done(const struct th_out *out);

/* A quiet channel holds no memory. */
void th_out_rest(struct th_out *out);

/* reliable_in.c */

/* credit: the line's, of which a window takes; borrowed for its life. */
void th_in_init(struct th_in *in, struct th_credit *credit, struct th_now now);

/* Nothing more comes: what is in order stays to be read, what is not is forgotten. Parts of a
 * number that is not whole stay unused until th_in_clear, which follows at once when all is read. */
void th_in_stop(struct th_in *in);

/* Frees it, what was not read too, and gives back its part of the credit. */
void th_in_clear(struct th_in *in);

/* Keeps what a packet brings, in whatever order. Drops: STREAM_REPEAT, STREAM_BEYOND. */
TH_MUST enum th_drop th_in_take(struct th_reliable *r, struct th_now now,
                                const struct th_relpkt *packet);

/* Bytes copied; 0 when nothing is there. */
size_t th_in_read(struct th_reliable *r, struct th_now now, uint8_t *buffer, size_t cap);

/* Bytes that a read would give now. */
size_t th_in_readable(const struct th_in *in);

/* Fills the acknowledgement of a packet that leaves. with_lists: what came out of order, or is missing,
 * is in it too. */
void th_in_fill_ack(struct th_reliable *r, struct th_relpkt *packet, bool with_lists);

/* The other side's end came, and all before it. */
bool th_in_is_done(const struct th_reliable *r);

/* There is something that an acknowledgement has to list. */
bool th_in_has_holes(const struct th_in *in);

/* A quiet channel holds no memory: parts go too, whose others did not come; that number is sent anew. */
void th_in_rest(struct th_in *in);

#endif
