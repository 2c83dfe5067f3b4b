/*
 * path.h - network addresses: as values, as text, and as the JSON that paths travel in.
 *
 * telehash.org v2/ext/path.md and the path types ipv4 and ipv6. A path of a type that we do not know
 * is skipped.
 *
 * Floor:  1 (wire).
 * Thread: any.
 */
#ifndef TH_WIRE_PATH_H
#define TH_WIRE_PATH_H

#include "switch/wire/drop.h"
#include "switch/wire/text.h"

enum {
    TH_ADDR_TEXT_MAX = 64, /* "[ffff:…:255.255.255.255]:65535" and a closing 0 */
    TH_PATHS_MAX = 8       /* addresses kept of one list that somebody sent */
};

enum th_family {
    TH_FAMILY_NONE = 0,
    TH_FAMILY_RELAY = 1, /* no network's: a way through a node between (core/relay.h); never told */
    TH_FAMILY_IPV4 = 4,
    TH_FAMILY_IPV6 = 6
};

/* No padding: it is compared and hashed as bytes. IPv4 uses ip[0..3], the rest is 0. */
struct th_addr {
    uint8_t ip[16];
    uint16_t port;  /* host order; 1..65535, 0 only in a --listen */
    uint8_t family; /* enum th_family */
    uint8_t zero;
};

/* Who can reach an address: two nodes meet directly in the realm that both are in. */
enum th_realm {
    TH_REALM_NONE, /* unspecified, multicast, broadcast: never a peer's */
    TH_REALM_LOOPBACK,
    TH_REALM_LINK,    /* link-local: 169.254/16, fe80::/10 */
    TH_REALM_PRIVATE, /* RFC 1918, RFC 6598, fc00::/7 */
    TH_REALM_PUBLIC
};

bool th_addr_is_equal(const struct th_addr *a, const struct th_addr *b);
enum th_realm th_addr_realm(const struct th_addr *a);

/* An IPv4 address that came through an IPv6 socket (::ffff:a.b.c.d) becomes IPv4. */
void th_addr_unmap(struct th_addr *a);

/* "192.0.2.1:42424" or "[2001:db8::1]:42424". */
void th_addr_write(char text[TH_ADDR_TEXT_MAX], const struct th_addr *a);

/* Only the ip, without port or brackets. */
void th_addr_write_ip(char text[TH_ADDR_TEXT_MAX], const struct th_addr *a);

/* Reads what th_addr_write writes; false (out untouched) for anything else, names too. */
TH_MUST bool th_addr_read(struct th_addr *out, const char *text, size_t len);

/* Reads an ip without port of either family, and a port beside it. */
TH_MUST bool th_addr_read_ip(struct th_addr *out, const char *ip, uint16_t port);

/* Appends {"type":"ipv4","ip":"…","port":…}. */
void th_path_put(struct th_text *text, const struct th_addr *a);

/* Appends "paths":[…] . */
void th_paths_put(struct th_text *text, const struct th_addr *addrs, unsigned count);

/* The paths of a list; those of unknown type, with a bad address, or over the limit are left out. */
struct th_paths {
    unsigned count;
    struct th_addr addr[TH_PATHS_MAX];
};

/* Appends those of `from` that are not in `to`, until it is full. */
void th_paths_add(struct th_paths *to, const struct th_paths *from);

/* The head of a `path` packet: a request has "paths", an answer "path" (where it saw us). */
struct th_path_head {
    struct th_paths paths;
    bool has_seen;
    struct th_addr seen; /* "path": the sender's view of our address */
};

/* Drops: PATH_BAD (head no object; a "paths" that is no list). */
TH_MUST enum th_drop th_path_read(struct th_path_head *out, struct th_bytes head);

/* Appends the member "path":{…} of an answer. */
void th_path_put_seen(struct th_text *text, const struct th_addr *seen);

#endif
