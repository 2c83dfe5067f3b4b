/*
 * chanpkt.h - what a line carries: packets of channels.
 *
 * telehash.org v2/channels.md. The head is a JSON object with the channel's number "c"; "type" opens
 * a channel, "end" closes it, "err" closes it at once, "seq" makes it reliable.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_CHANPKT_H
#define TH_WIRE_CHANPKT_H

#include "switch/wire/packet.h"
#include "switch/wire/text.h"

enum { TH_TYPE_MAX = 32, TH_CHANNEL_ERR_MAX = 64 }; /* with their closing 0 */

/* Borrows head and body from the bytes it was read from. */
struct th_chanpkt {
    uint32_t c;
    bool has_seq, has_ack; /* of a reliable channel */
    uint32_t seq, ack;
    bool end;
    char type[TH_TYPE_MAX];       /* "" when there is none */
    char err[TH_CHANNEL_ERR_MAX]; /* "" when there is none; cut to fit */
    struct th_bytes head;         /* the JSON text, for the readers of see.h and path.h */
    struct th_bytes body;
};

/*
 * Reads a decrypted channel packet.
 * Drops: PACKET_… of th_packet_read; CHANNEL_HEAD (no JSON object, no "c" of 1..2^32-1, a type that
 * is no string or too long, a seq or ack that is no number of 32 bits). out is untouched then.
 */
TH_MUST enum th_drop th_chanpkt_read(struct th_chanpkt *out, struct th_bytes plain);

/* The value of "_", under which applications put their JSON, as it stands in the head of a packet that was
 * read: an object, if it is ours. Empty when there is none. A key with an escape in it is another one. */
struct th_bytes th_chanpkt_app(const struct th_chanpkt *packet);

/* Whether a text is a JSON object in UTF-8, as an application may put it there. */
bool th_chanpkt_is_object(struct th_bytes text);

/* What to write; zeroed fields are left out. */
struct th_chanpkt_out {
    uint32_t c;
    const char *type; /* NULL: none */
    const char *err;  /* NULL or "": none */
    bool end;
    struct th_bytes fields; /* JSON members without braces, as the th_…_put of see.h make them */
    struct th_bytes body;
};

/* Errors: TH_TOO_BIG (over cap). */
TH_MUST enum th_err th_chanpkt_write(uint8_t *out, size_t cap, size_t *len,
                                     const struct th_chanpkt_out *packet);

#endif
