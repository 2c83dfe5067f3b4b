#include "switch/core/outside.h"

#include <string.h>

static size_t ip_len(const struct th_addr *addr)
{
    return addr->family == TH_FAMILY_IPV4 ? 4 : sizeof addr->ip;
}

static bool is_same_ip(const struct th_addr *a, const struct th_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, ip_len(a)) == 0;
}

static unsigned bit_of(const uint8_t secret[TH_HASH_SECRET_BYTES], const struct th_addr *addr)
{
    return th_hash(secret, addr->ip, ip_len(addr)) % TH_SENT_BITS;
}

static void age(struct th_outside *outside, th_ms now)
{
    th_ms passed = now - outside->generation_at;

    if (passed < TH_SENT_MS)
        return;
    if (passed < 2 * TH_SENT_MS)
        memcpy(outside->sent[1], outside->sent[0], sizeof outside->sent[1]);
    else
        memset(outside->sent[1], 0, sizeof outside->sent[1]);
    memset(outside->sent[0], 0, sizeof outside->sent[0]);
    outside->last_to = (struct th_addr){0};
    outside->generation_at = now;
}

void th_outside_on_sent(struct th_outside *outside, const uint8_t secret[TH_HASH_SECRET_BYTES],
                        const struct th_addr *to, th_ms now)
{
    age(outside, now);
    if (is_same_ip(&outside->last_to, to))
        return;
    outside->last_to = *to;
    unsigned bit = bit_of(secret, to);
    outside->sent[0][bit / 8] |= (uint8_t)(1u << bit % 8);
}

void th_outside_on_open(struct th_outside *outside, const uint8_t secret[TH_HASH_SECRET_BYTES],
                        const struct th_addr *from, th_ms now)
{
    unsigned family = from->family == TH_FAMILY_IPV4 ? TH_OUTSIDE_IPV4 : TH_OUTSIDE_IPV6;

    if (th_addr_realm(from) != TH_REALM_PUBLIC)
        return;
    age(outside, now);
    unsigned bit = bit_of(secret, from);
    if ((outside->sent[0][bit / 8] | outside->sent[1][bit / 8]) >> bit % 8 & 1)
        return;
    outside->stranger[family] = (struct th_stranger){.has_come = true, .from = *from, .when = now};
}

void th_outside_on_seen(struct th_outside *outside, const struct th_hashname *id,
                        const struct th_addr *at, const struct th_addr *seen, th_ms now)
{
    unsigned i = 0;

    while (i < outside->witness_count && !th_hashname_is_equal(&outside->witness[i].id, id))
        i++;
    if (i == TH_WITNESSES_MAX)
        i--;
    else if (i == outside->witness_count)
        outside->witness_count++;
    memmove(&outside->witness[1], &outside->witness[0], i * sizeof outside->witness[0]);
    outside->witness[0] = (struct th_witness){.id = *id, .at = *at, .seen = *seen, .when = now};
}

bool th_outside_is_several(const struct th_outside *outside, const struct th_addr *seen,
                           th_ms asked_at)
{
    for (unsigned i = 0; i < outside->witness_count; i++) {
        const struct th_witness *w = &outside->witness[i];
        if (w->when >= asked_at && w->seen.family == seen->family &&
            th_addr_realm(&w->seen) == th_addr_realm(seen) && !is_same_ip(&w->seen, seen))
            return true;
    }
    return false;
}

void th_outside_on_moved(struct th_outside *outside)
{
    outside->witness_count = 0;
    memset(outside->stranger, 0, sizeof outside->stranger);
}

void th_outside_look_at(struct th_outside_look *look, const struct th_outside *outside, th_ms now)
{
    *look = (struct th_outside_look){.witness_count = outside->witness_count};
    memcpy(look->witness, outside->witness, sizeof look->witness);
    memcpy(look->stranger, outside->stranger, sizeof look->stranger);
    for (unsigned i = 0; i < look->witness_count; i++)
        look->witness[i].when = now - look->witness[i].when;
    for (unsigned i = 0; i < TH_OUTSIDE_FAMILIES; i++)
        look->stranger[i].when = look->stranger[i].has_come ? now - look->stranger[i].when : 0;
}
