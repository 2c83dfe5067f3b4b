/*
 * nat.h - what a NAT does to datagrams: which port a node gets outside, and who is let in.
 *
 * A machine. Words of RFC 4787: mapping is by endpoint for the symmetric kind and independent of it
 * for the others; filtering is independent, by address, or by address and port. Only what goes out
 * refreshes, and what was silent too long is forgotten and gets another port.
 *
 * Floor:  7 (sim).
 * Thread: one.
 * Limits: TH_NAT_HOLES_MAX remote ends at once; then the one that was used longest ago is forgotten.
 */
#ifndef TH_SIM_NAT_H
#define TH_SIM_NAT_H

#include "switch/base/clock.h"
#include "switch/base/err.h"
#include "switch/wire/path.h"

enum { TH_NAT_HOLES_MAX = 1024, TH_NAT_MS_MIN = 30000, TH_NAT_MS_MAX = 60000 };

enum th_nat_kind {
    TH_NAT_NONE,
    TH_NAT_FULL_CONE,          /* anybody may send in once a port is open */
    TH_NAT_ADDRESS_RESTRICTED, /* who was sent to, from any of its ports */
    TH_NAT_PORT_RESTRICTED,    /* exactly who was sent to */
    TH_NAT_SYMMETRIC           /* the same, and another port for each */
};
enum { TH_NAT_KINDS = TH_NAT_SYMMETRIC + 1 };

/* "none", "full-cone", "address", "port", "symmetric". */
const char *th_nat_kind_name(enum th_nat_kind kind);

struct th_nat_hole;

struct th_nat {
    enum th_nat_kind kind;
    th_ms timeout_ms; /* of what is silent */
    uint16_t next_port;
    uint16_t port; /* outside, of all but the symmetric kind; 0: none */
    th_ms used_at;
    unsigned count;
    struct th_nat_hole *holes; /* who was sent to, the one used longest ago first */
};

/* kind: not NONE. port_first: where its ports begin. */
void th_nat_init(struct th_nat *nat, enum th_nat_kind kind, th_ms timeout_ms, uint16_t port_first);

/* A datagram leaves for `to`. Returns the port that it comes from, as seen outside; 0 without memory. */
uint16_t th_nat_out(struct th_nat *nat, th_ms now, const struct th_addr *to);

/* Whether a datagram from `from` that came to the outside port is let in. */
bool th_nat_lets_in(struct th_nat *nat, th_ms now, const struct th_addr *from, uint16_t port);

void th_nat_clear(struct th_nat *nat);

#endif
