#include "tools/sim/check_table_inside.h"

#include <string.h>

enum { SPREAD = 3 };

static bool is_same_net(const struct th_addr *a, const struct th_addr *b)
{
    return th_addr_realm(a) == TH_REALM_PUBLIC && a->family == TH_FAMILY_IPV4 &&
           b->family == TH_FAMILY_IPV4 && memcmp(a->ip, b->ip, 3) == 0;
}

void th_check_table_net(const struct th_check_look *look, const struct th_peer *peer, int own)
{
    unsigned in_bucket = 0, in_table = 0;

    for (int i = look->routing->table.first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(&look->routing->table, i);
        for (unsigned n = 0; bucket && n < bucket->linked_count; n++) {
            bool is_same =
                bucket->linked[n]->link.is_up && is_same_net(&peer->addr, &bucket->linked[n]->addr);
            in_table += is_same;
            in_bucket += is_same && i == own;
        }
    }
    if (!th_check_holds(look->tables->sim,
                        in_bucket <= TH_NET_BUCKET_MAX && in_table <= TH_NET_TABLE_MAX))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule 5: %u links of one net in a bucket and %u in the table, %u and %u are "
                      "allowed",
                      in_bucket, in_table, TH_NET_BUCKET_MAX, TH_NET_TABLE_MAX);
}

/* The bits that follow the one in which a bucket's nodes differ from us. */
static unsigned spread_of(const struct th_hashname *id, int bucket)
{
    unsigned spread = 0;

    for (int bit = bucket - 1; bit >= 0 && bit >= bucket - SPREAD; bit--)
        spread = spread << 1 | ((unsigned)id->b[TH_HASHNAME_BYTES - 1 - bit / 8] >> (bit % 8) & 1u);
    return spread;
}

static unsigned crowd_of(const struct th_bucket *bucket, int index, const struct th_hashname *id,
                         const struct th_hashname *except)
{
    unsigned crowd = 0;

    for (unsigned n = 0; n < bucket->linked_count; n++)
        crowd += spread_of(&bucket->linked[n]->id, index) == spread_of(id, index) &&
                 !th_hashname_is_equal(&bucket->linked[n]->id, except);
    return crowd;
}

static bool shares_net(const struct th_bucket *bucket, const struct th_addr *addr)
{
    for (unsigned n = 0; n < bucket->linked_count; n++)
        if (is_same_net(addr, &bucket->linked[n]->addr))
            return true;
    return false;
}

/* True for a spare that could have been asked as well. */
static bool is_choice(const struct th_check_look *look, const struct th_bucket *bucket,
                      const struct th_spare *spare)
{
    return spare->has_line && !spare->is_reaching && !shares_net(bucket, &spare->addr) &&
           th_table_avoided(&look->routing->table, &spare->id, look->routing->now) == NULL;
}

void th_check_table_choice(const struct th_check_look *look, const struct th_peer *peer, int index)
{
    const struct th_routing *routing = look->routing;
    const struct th_bucket *bucket = th_table_at(&routing->table, index);
    unsigned crowd = crowd_of(bucket, index, &peer->id, &peer->id);
    th_epoch_ms seen = th_ages_first_seen(&routing->ages, &peer->id, routing->now);

    for (unsigned i = 0; i < bucket->spare_count; i++) {
        const struct th_spare *spare = &bucket->spare[i];
        if (!is_choice(look, bucket, spare))
            continue;
        unsigned other = crowd_of(bucket, index, &spare->id, &peer->id);
        th_epoch_ms other_seen = th_ages_first_seen(&routing->ages, &spare->id, routing->now);
        if (!th_check_holds(look->tables->sim,
                            other > crowd || (other == crowd && other_seen >= seen)))
            th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                          "rule 6: %.8s, with %u links that share its next bits, was asked before "
                          "%.8s with %u",
                          th_hashname_short(&peer->id).hex, crowd,
                          th_hashname_short(&spare->id).hex, other);
    }
}
