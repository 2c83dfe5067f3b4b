/*
 * see.h - the heads of the channels by which nodes find and introduce each other: seek, link, peer,
 * connect.
 *
 * telehash.org v2/dht.md and v2/switch.md; protocol.md 6 and 7. Readers take the head of a packet as
 * JSON text and are generous with what others are known to send; writers append JSON members
 * without braces, to which core/channel adds "type", "c" and "end".
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_SEE_H
#define TH_WIRE_SEE_H

#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"
#include "switch/wire/packet.h"
#include "switch/wire/path.h"

enum {
    TH_SEE_SENT_MAX = 8,  /* entries we put into one */
    TH_SEE_READ_MAX = 16, /* entries we read of one */
    TH_FIELDS_MAX = TH_CHANPKT_MAX
};

struct th_see_entry {
    struct th_hashname id;
    uint8_t csid;
    bool has_addr;
    struct th_addr addr;
};

struct th_see {
    unsigned count;
    unsigned bad;  /* entries that were none; "" occurs and is not counted */
    unsigned over; /* entries beyond TH_SEE_READ_MAX */
    struct th_see_entry entry[TH_SEE_READ_MAX];
};

/* Appends "see":[…] of at most TH_SEE_SENT_MAX entries. */
void th_see_put(struct th_text *text, const struct th_see_entry *entries, unsigned count);

/* Reads "see" of a head; one without it is an empty see. Drops: SEE_BAD (head no object, or "see"
 * there and no list). */
TH_MUST enum th_drop th_see_read(struct th_see *out, struct th_bytes head);

/* Appends "seek":"…" with the first `digits` hex digits of target. */
void th_seek_put(struct th_text *text, const struct th_hashname *target, unsigned digits);

/* Drops: SEEK_BAD (no "seek", or not 1..64 hex digits). */
TH_MUST enum th_drop th_seek_read(struct th_prefix *out, struct th_bytes head);

struct th_link_head {
    bool is_seed; /* false when it does not say */
    struct th_see see;
};

/* Appends "seed":…; the first packet of a link carries a "see" besides (th_see_put). */
void th_link_put(struct th_text *text, bool is_seed);

/* Drops: LINK_BAD (head no object). */
TH_MUST enum th_drop th_link_read(struct th_link_head *out, struct th_bytes head);

/* peer: please introduce me to `target`; the packet's body is the asker's raw public key. */
struct th_peer_head {
    struct th_hashname target;
    struct th_paths paths;
};
void th_peer_put(struct th_text *text, const struct th_hashname *target,
                 const struct th_addr *paths, unsigned count);
/* Drops: PEER_BAD (no object, no or bad "peer", a "paths" that is no list). */
TH_MUST enum th_drop th_peer_read(struct th_peer_head *out, struct th_bytes head);

/* connect: somebody wants to talk to you; the body is that node's raw public key. */
struct th_connect_head {
    struct th_parts from;
    struct th_hashname id; /* rolled up from the parts */
    struct th_paths paths;
};
void th_connect_put(struct th_text *text, const struct th_parts *from, const struct th_addr *paths,
                    unsigned count);
/* Drops: CONNECT_BAD (no object, no or bad "from", a "paths" that is no list). The key is checked by
 * the caller. */
TH_MUST enum th_drop th_connect_read(struct th_connect_head *out, struct th_bytes head);

#endif
