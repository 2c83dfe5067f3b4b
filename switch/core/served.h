/*
 * served.h - the types of channels that somebody here takes from others.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_SERVED_H
#define TH_CORE_SERVED_H

#include "switch/base/err.h"
#include "switch/wire/chanpkt.h"

enum { TH_SERVED_MAX = 64 }; /* types in one list */

/* A zeroed one is empty and holds no memory. */
struct th_served {
    char (*type)[TH_TYPE_MAX]; /* TH_SERVED_MAX of them; NULL until the first */
    unsigned count;
};

bool th_served_has(const struct th_served *served, const char *type);

/* Puts a type in or takes it out; what is so already is fine. Errors: TH_INVALID (no name of an
 * application's type: th_stream_type_is_valid), TH_LIMIT, TH_NO_MEMORY. */
TH_MUST enum th_err th_served_set(struct th_served *served, const char *type, bool is_served);

void th_served_clear(struct th_served *served);

#endif
