/*
 * bridge.h - the head of a `bridge` channel, the word by which a relay says that it is one, and those by
 * which a link says that it would be.
 *
 * telehash.org v2/switch.md, "bridge", "Advertising Bridge Capacity"; protocol.md 6 and 7.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_BRIDGE_H
#define TH_WIRE_BRIDGE_H

#include "switch/wire/cipher.h"
#include "switch/wire/path.h"

/* Sets of families, for bridges. */
enum { TH_BRIDGES_IPV4 = 1, TH_BRIDGES_IPV6 = 2 };

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

/* The set of one family; 0 for one that nobody forwards to. */
unsigned th_bridge_family(uint8_t family);

/* Appends "bridges":[…] of a set of families. */
void th_bridges_put(struct th_text *text, unsigned families);

/* Reads "bridges" of a link's packet, or "bridge", as the specification's example has it; words that are
 * no family of ours are left out. False when it has neither, and nothing has changed. */
TH_MUST bool th_bridges_read(unsigned *families, struct th_bytes head);

#endif
