/*
 * seed_uri.h - a seed in one line, for chat, a flag or a QR code.
 *
 *     telehash://HASHNAME/3a=KEY/HOST:PORT/HOST:PORT…
 *
 * The version 2 specification names URIs whose host is a hashname (v2/ext/telesocket.md, thtp.md) but
 * none for a seed; what a seed is made of is v2/seeds.md's. KEY is base64url without padding. A node
 * that has further cipher sets names each by its fingerprint, CSID=64 hex digits. HOST is an address
 * or a name; an IPv6 address stands in brackets, written as %5B and %5D, so that nothing in the line
 * means anything to a shell. Segments in any order; the case of scheme and hashname does not matter.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_SEED_URI_H
#define TH_WIRE_SEED_URI_H

#include "switch/wire/seeds.h"

enum {
    TH_HOST_MAX = 254,     /* a name of 253 and a closing 0 (RFC 1035) */
    TH_SEED_HOSTS_MAX = 4, /* names of one seed */
    TH_SEED_URI_MAX = 4096 /* with a closing 0: 8 parts, 8 addresses, 4 names */
};

struct th_seed_host {
    char name[TH_HOST_MAX]; /* as it was written; looked up by whoever may wait */
    uint16_t port;
};

/* A seed whose addresses are partly known by name only. */
struct th_named_seed {
    struct th_seed seed;
    unsigned host_count;
    struct th_seed_host host[TH_SEED_HOSTS_MAX];
};

/*
 * Reads one.
 *
 * complaint  filled on failure with what is wrong.
 * Errors: TH_FORMAT (another scheme; a hashname that its keys do not make; no key of a cipher set that
 *         we have; what is neither a key nor HOST:PORT; no address at all), TH_LIMIT (too many of
 *         them). out is untouched then.
 */
TH_MUST enum th_err th_seed_uri_read(struct th_named_seed *out, const char *text,
                                     char complaint[TH_COMPLAINT_MAX]);

void th_seed_uri_write(char text[TH_SEED_URI_MAX], const struct th_named_seed *seed);

/* Reads HOST:PORT where HOST is a name, not a number; false (out untouched) for anything else. */
TH_MUST bool th_seed_host_read(struct th_seed_host *out, const char *text, size_t len);

#endif
