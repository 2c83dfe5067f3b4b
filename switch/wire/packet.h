/*
 * packet.h - the outer form of everything telehash sends: head length, head, body.
 *
 * telehash.org v2/packet.md; protocol.md 1 in our words: 16-bit big-endian length of the head, the
 * head, the rest is the body. A head of 0 bytes: body only (a line packet, or nothing at all: a
 * punch). 1: one binary byte (an open, the byte is the cipher set). 2 and more: a JSON object or
 * array in UTF-8.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_PACKET_H
#define TH_WIRE_PACKET_H

#include "switch/base/bytes.h"
#include "switch/base/err.h"
#include "switch/wire/drop.h"

/*
 * Sizes (protocol.md 1). 1232 = IPv6's minimum MTU 1280 - 40 (IPv6) - 8 (UDP); more only where it is
 * proven to pass (core/pmtu.h), at most what Ethernet carries. A channel packet leaves room for its
 * own line (58 = 2 + 16 + 24 + 16), and for being relayed whole (90 = 58 + 2 + 30 of relay head) unless
 * its path was proven to carry more: that is never a relay's.
 */
enum {
    TH_DATAGRAM_SAFE_MAX = 1232, /* what we send until more is proven */
    TH_DATAGRAM_IPV4_MAX = 1472, /* 1500 - 20 - 8 */
    TH_DATAGRAM_IPV6_MAX = 1452, /* 1500 - 40 - 8 */
    TH_DATAGRAM_IN_MAX = 2048,   /* what we receive; a longer one is cut and dropped */
    TH_CHANPKT_LINE = 58,        /* that a channel packet leaves in its datagram, … */
    TH_CHANPKT_RELAY = 90,       /* … and for a relay */
    TH_CHANPKT_MAX = TH_DATAGRAM_SAFE_MAX - TH_CHANPKT_LINE - TH_CHANPKT_RELAY, /* 1084 */
    TH_CHANPKT_PROVEN_MAX = TH_DATAGRAM_IPV4_MAX - TH_CHANPKT_LINE /* 1414; IPv6: 1394 */
};

enum th_packet_kind { TH_PACKET_BODY, TH_PACKET_BINARY, TH_PACKET_JSON };

/* Borrows from the bytes it was read from. */
struct th_packet {
    enum th_packet_kind kind;
    struct th_bytes head; /* 0, 1 or more bytes, by kind */
    struct th_bytes body;
};

/*
 * Takes a packet apart by its lengths only; a JSON head is not looked into.
 * Returns TH_DROP_NONE, _PACKET_SHORT or _PACKET_HEAD; packet is untouched unless NONE.
 */
TH_MUST enum th_drop th_packet_split(struct th_packet *packet, struct th_bytes bytes);

/* As th_packet_split, and checks that a JSON head is an object or array in UTF-8 (_PACKET_JSON). */
TH_MUST enum th_drop th_packet_read(struct th_packet *packet, struct th_bytes bytes);

/*
 * Puts a packet together.
 *
 * out    filled, at most cap bytes.
 * head   0..65535 bytes, taken as it is.
 * Errors: TH_TOO_BIG (does not fit cap, or the head does not fit its length field).
 */
TH_MUST enum th_err th_packet_write(uint8_t *out, size_t cap, size_t *len, struct th_bytes head,
                                    struct th_bytes body);

#endif
