/*
 * outbox.h - the actions of a switchboard that were not yet taken, and the bytes in them.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_OUTBOX_H
#define TH_CORE_OUTBOX_H

#include "switch/core/switchboard.h"

/* What is kept for the next turn, enough for most: 1.5 KiB in all. Memory for more comes and goes. */
enum { TH_OUTBOX_KEPT = 1, TH_OUTBOX_BYTES_KEPT = 1024 };

/* A zeroed one is empty and holds no memory. A little of it is kept for the next turn. */
struct th_outbox {
    struct th_action *actions;
    size_t count, taken, room;
    uint8_t *bytes; /* what actions' th_bytes point into, as offsets until they are taken */
    size_t used, bytes_room;
};

/*
 * Room for `len` bytes of the action that is put next, e.g. to seal a datagram in place. Valid until
 * the next call. NULL without memory.
 */
TH_MUST uint8_t *th_outbox_room(struct th_outbox *outbox, size_t len);

/*
 * Puts an action at the end. The bytes written into th_outbox_room (the first `len` of them) become
 * its `bytes`; head and body of its packet, and other bytes, are copied from where they point.
 * Without memory the action is lost; returns false then.
 */
bool th_outbox_put(struct th_outbox *outbox, const struct th_action *action, size_t len);

/* Takes the oldest action; its bytes are valid until the next th_outbox_room or _put. */
bool th_outbox_take(struct th_outbox *outbox, struct th_action *action);

void th_outbox_clear(struct th_outbox *outbox);

#endif
