/*
 * bridge.h - the head of a `bridge` channel, and the word by which a relay says that it is one.
 *
 * telehash.org v2/switch.md, "bridge"; protocol.md 7.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_BRIDGE_H
#define TH_WIRE_BRIDGE_H

#include "switch/wire/cipher.h"
#include "switch/wire/path.h"

/* Please forward packets of line `to` to this address, and those of line `from` to me. */
struct th_bridge_head {
    struct th_line_id to, from;
    struct th_addr addr;
};

/* Appends the members "to", "path" and "from". */
void th_bridge_put(struct th_text *text, const struct th_bridge_head *head);

/* Drops: BRIDGE_BAD (no object; an id that is not 32 hex digits; a path that is none). */
TH_MUST enum th_drop th_bridge_read(struct th_bridge_head *out, struct th_bytes head);

/* True for the head of a relayed packet with "bridge":true: who relays forwards the line's packets
 * that are sent to it. */
bool th_bridge_is_offered(struct th_bytes head);

#endif
