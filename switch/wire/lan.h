/*
 * lan.h - the two packets by which nodes of one network find each other, in the clear.
 *
 * Not in the specification, but in the switches of its time (telehash-js): {"type":"ping","trace":…,
 * csid:true, …} to everybody, and {"type":"pong","trace": the same,"from": parts} with the key as its
 * body back to who asked. protocol.md 8.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_LAN_H
#define TH_WIRE_LAN_H

#include "switch/wire/identity.h"
#include "switch/wire/packet.h"

enum {
    TH_LAN_TRACE_BYTES = 16,
    TH_LAN_TRACE_MAX = 64,      /* hex digits of another's trace */
    TH_LAN_PACKET_MAX = 320,    /* of ours */
    TH_LAN_PACKET_IN_MAX = 1024 /* of others, who may have many cipher sets */
};

enum th_lan_kind { TH_LAN_PING, TH_LAN_PONG };

struct th_lan_packet {
    enum th_lan_kind kind;
    char trace[TH_LAN_TRACE_MAX + 1]; /* hex digits, to be sent back as they are */
    bool has_csid;                    /* PING: the one asked for is among its cipher sets */
    struct th_parts parts;            /* PONG */
    struct th_public_key key;         /* PONG: of one of them */
};

/* Writes a ping of a node that has this cipher set. trace: random. Returns its length. */
size_t th_lan_ping_write(uint8_t out[TH_LAN_PACKET_MAX], const struct th_identity *self,
                         const uint8_t trace[TH_LAN_TRACE_BYTES]);

/* Writes the pong of a node to the ping with this trace. Returns its length. */
size_t th_lan_pong_write(uint8_t out[TH_LAN_PACKET_MAX], const struct th_identity *self,
                         const char *trace);

/* Whether a trace, as another sent it, is this one of ours. */
bool th_lan_is_trace(const char *text, const uint8_t trace[TH_LAN_TRACE_BYTES]);

/*
 * Reads either.
 * csid  the cipher set that has_csid is about.
 * Returns TH_DROP_NONE, TH_DROP_LAN_BAD (out is untouched).
 */
TH_MUST enum th_drop th_lan_read(struct th_lan_packet *out, uint8_t csid, struct th_bytes bytes);

#endif
