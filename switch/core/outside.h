/*
 * outside.h - how we look from outside: who saw us at which address, and whether strangers reach us.
 *
 * A stranger is a node whose open came from a public IP to which we had not sent anything for minutes:
 * neither a NAT nor a firewall in between waited for it. What was sent where is kept as bits, so that a
 * stranger may be taken for an acquaintance (and the next one will do), but not the other way round.
 *
 * It only tells: nothing is decided by it.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's.
 */
#ifndef TH_CORE_OUTSIDE_H
#define TH_CORE_OUTSIDE_H

#include "switch/base/clock.h"
#include "switch/base/hash.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

enum {
    TH_WITNESSES_MAX = 8,      /* the newest; two of different IPs tell the kind of a NAT */
    TH_SENT_BITS = 2048,       /* 200 IPs in a generation: one stranger in five is missed */
    TH_SENT_MS = 5 * 60 * 1000 /* of a generation, of which there are two: NATs and firewalls forget
                                  whom we sent to sooner (RFC 4787: from 2 min on) */
};

enum th_outside_family { TH_OUTSIDE_IPV4, TH_OUTSIDE_IPV6, TH_OUTSIDE_FAMILIES };

/* A node that told where it sees us. */
struct th_witness {
    struct th_hashname id;
    struct th_addr at;   /* of the node */
    struct th_addr seen; /* our address, as it sees it */
    th_ms when;          /* in a look: how long ago */
};

/* The latest stranger of a family of addresses. */
struct th_stranger {
    bool has_come;
    struct th_addr from;
    th_ms when; /* in a look: how long ago */
};

/* Embed by value; a zeroed one has seen nothing. */
struct th_outside {
    unsigned witness_count;
    struct th_witness witness[TH_WITNESSES_MAX]; /* newest first, each node once */
    struct th_stranger stranger[TH_OUTSIDE_FAMILIES];
    struct th_addr last_to; /* the one that was noted last */
    th_ms generation_at;
    uint8_t sent[2][TH_SENT_BITS / 8]; /* this generation, and the one before */
};

/* Something is sent to an address. secret: for what a peer can choose. */
void th_outside_on_sent(struct th_outside *outside, const uint8_t secret[TH_HASH_SECRET_BYTES],
                        const struct th_addr *to, th_ms now);

/* An open that is authentic came from there; to be told before anything is sent there because of it. */
void th_outside_on_open(struct th_outside *outside, const uint8_t secret[TH_HASH_SECRET_BYTES],
                        const struct th_addr *from, th_ms now);

/* A node, at an address of its own, told where it sees us. */
void th_outside_on_seen(struct th_outside *outside, const struct th_hashname *id,
                        const struct th_addr *at, const struct th_addr *seen, th_ms now);

/* Whether another node saw us at another IP of this kind when one, who now tells of this one, had been asked
 * already: we did not move in between, but are seen at several. asked_at: when it was. */
bool th_outside_is_several(const struct th_outside *outside, const struct th_addr *seen,
                           th_ms asked_at);

/* We are somewhere else, perhaps: what was seen is forgotten. */
void th_outside_on_moved(struct th_outside *outside);

/* What can be looked at. */
struct th_outside_look {
    unsigned witness_count;
    struct th_witness witness[TH_WITNESSES_MAX];
    struct th_stranger stranger[TH_OUTSIDE_FAMILIES];
};
void th_outside_look_at(struct th_outside_look *look, const struct th_outside *outside, th_ms now);

#endif
