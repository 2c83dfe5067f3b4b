#include "tools/sim/nat.h"

#include "switch/base/check.h"
#include "switch/base/hash.h"

struct th_nat_hole {
    struct th_addr to; /* port 0 where only the address counts */
    uint16_t port;     /* outside; of the symmetric kind */
    th_ms used_at;
    UT_hash_handle hh;
};

enum { PORT_LOWEST = 1024 };

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "simulated nat"; /* nobody attacks it */

const char *th_nat_kind_name(enum th_nat_kind kind)
{
    switch (kind) {
    case TH_NAT_NONE:
        return "none";
    case TH_NAT_FULL_CONE:
        return "full-cone";
    case TH_NAT_ADDRESS_RESTRICTED:
        return "address";
    case TH_NAT_PORT_RESTRICTED:
        return "port";
    case TH_NAT_SYMMETRIC:
        return "symmetric";
    }
    return "none";
}

void th_nat_init(struct th_nat *nat, enum th_nat_kind kind, th_ms timeout_ms, uint16_t port_first)
{
    TH_CHECK(kind != TH_NAT_NONE);
    *nat = (struct th_nat){.kind = kind, .timeout_ms = timeout_ms, .next_port = port_first};
}

static uint16_t take_port(struct th_nat *nat)
{
    if (nat->next_port < PORT_LOWEST)
        nat->next_port = PORT_LOWEST;
    return nat->next_port++;
}

static bool is_fresh(const struct th_nat *nat, th_ms used_at, th_ms now)
{
    return now - used_at < nat->timeout_ms;
}

static struct th_addr key_of(const struct th_nat *nat, const struct th_addr *addr)
{
    struct th_addr key = *addr;

    if (nat->kind == TH_NAT_ADDRESS_RESTRICTED)
        key.port = 0;
    return key;
}

static struct th_nat_hole *find(const struct th_nat *nat, const struct th_addr *addr)
{
    struct th_addr key = key_of(nat, addr);
    struct th_nat_hole *hole;

    HASH_FIND_BYHASHVALUE(hh, nat->holes, &key, sizeof key, th_hash(secret, &key, sizeof key),
                          hole);
    return hole;
}

/* Puts a hole at the end: it was used last. False without memory; it is freed then. */
static bool put_last(struct th_nat *nat, struct th_nat_hole *hole)
{
    unsigned hash = th_hash(secret, &hole->to, sizeof hole->to);

    HASH_ADD_BYHASHVALUE(hh, nat->holes, to, sizeof hole->to, hash, hole);
    if (hole->hh.tbl == NULL) {
        th_mem_free(hole);
        return false;
    }
    nat->count++;
    return true;
}

static void take_out(struct th_nat *nat, struct th_nat_hole *hole)
{
    HASH_DELETE(hh, nat->holes, hole);
    nat->count--;
}

/* The hole towards an address, made if need be, with what it had if it was not silent too long. */
static struct th_nat_hole *open_hole(struct th_nat *nat, th_ms now, const struct th_addr *to)
{
    struct th_nat_hole *hole = find(nat, to);

    if (hole) {
        take_out(nat, hole);
    } else if (nat->count >= TH_NAT_HOLES_MAX) {
        hole = nat->holes;
        take_out(nat, hole);
        hole->port = 0;
    } else {
        hole = th_mem_zalloc(1, sizeof *hole);
        if (hole == NULL)
            return NULL;
    }
    if (!is_fresh(nat, hole->used_at, now))
        hole->port = 0;
    hole->to = key_of(nat, to);
    hole->used_at = now;
    return put_last(nat, hole) ? hole : NULL;
}

uint16_t th_nat_out(struct th_nat *nat, th_ms now, const struct th_addr *to)
{
    struct th_nat_hole *hole = NULL;

    if (nat->kind != TH_NAT_FULL_CONE) {
        hole = open_hole(nat, now, to);
        if (hole == NULL)
            return 0;
    }
    if (nat->kind == TH_NAT_SYMMETRIC) {
        if (hole->port == 0)
            hole->port = take_port(nat);
        return hole->port;
    }
    if (nat->port == 0 || !is_fresh(nat, nat->used_at, now))
        nat->port = take_port(nat);
    nat->used_at = now;
    return nat->port;
}

bool th_nat_lets_in(struct th_nat *nat, th_ms now, const struct th_addr *from, uint16_t port)
{
    const struct th_nat_hole *hole = nat->kind == TH_NAT_FULL_CONE ? NULL : find(nat, from);

    if (nat->kind == TH_NAT_SYMMETRIC)
        return hole && hole->port == port && is_fresh(nat, hole->used_at, now);
    if (nat->port != port || !is_fresh(nat, nat->used_at, now))
        return false;
    return nat->kind == TH_NAT_FULL_CONE || (hole && is_fresh(nat, hole->used_at, now));
}

void th_nat_clear(struct th_nat *nat)
{
    struct th_nat_hole *hole, *next;

    HASH_ITER (hh, nat->holes, hole, next) {
        HASH_DELETE(hh, nat->holes, hole);
        th_mem_free(hole);
    }
    nat->count = 0;
}
