#include "router/answer.h"

static bool may_tell(const struct th_peer *peer, const struct th_asker *asker)
{
    return peer->link.is_up && !th_hashname_is_equal(&peer->id, &asker->id);
}

static bool is_told(const struct th_answer *answer, const struct th_hashname *id)
{
    for (unsigned i = 0; i < answer->count; i++)
        if (th_hashname_is_equal(&answer->entry[i].id, id))
            return true;
    return false;
}

static void tell(struct th_answer *answer, const struct th_peer *peer, const struct th_asker *asker)
{
    enum th_realm realm = th_addr_realm(&peer->addr);
    bool has_addr = realm != TH_REALM_NONE && realm == th_addr_realm(&asker->addr);
    struct th_see_entry *entry = &answer->entry[answer->count++];

    *entry = (struct th_see_entry){.id = peer->id, .csid = peer->csid, .has_addr = has_addr};
    if (has_addr)
        entry->addr = peer->addr;
}

/* --- the best few of many ------------------------------------------------------------------------- */

/* Peers in order; at most max of them. */
struct best {
    unsigned count, max;
    const struct th_peer *peer[TH_SEE_SENT_MAX];
};

/* Puts a peer in before `place`, pushing out the last when there are too many. */
static void put_at(struct best *best, unsigned place, const struct th_peer *peer)
{
    if (place >= best->max)
        return;
    if (best->count < best->max)
        best->count++;
    for (unsigned i = best->count - 1; i > place; i--)
        best->peer[i] = best->peer[i - 1];
    best->peer[place] = peer;
}

static void put_by_age(struct best *best, const struct th_peer *peer)
{
    unsigned place = best->count;

    while (place > 0 && peer->first_seen_at < best->peer[place - 1]->first_seen_at)
        place--;
    put_at(best, place, peer);
}

static void put_by_distance(struct best *best, const struct th_hashname *target,
                            const struct th_peer *peer)
{
    unsigned place = best->count;

    while (place > 0 && th_hashname_nearer(target, &peer->id, &best->peer[place - 1]->id) < 0)
        place--;
    put_at(best, place, peer);
}

/* --- the parts of an answer ----------------------------------------------------------------------- */

static void tell_oldest_seed(struct th_answer *answer, const struct th_bucket *bucket,
                             const struct th_asker *asker)
{
    const struct th_peer *oldest = NULL;

    for (unsigned i = 0; bucket && i < bucket->linked_count; i++) {
        const struct th_peer *peer = bucket->linked[i];
        if (may_tell(peer, asker) && peer->is_seed &&
            (oldest == NULL || peer->first_seen_at < oldest->first_seen_at))
            oldest = peer;
    }
    if (oldest)
        tell(answer, oldest, asker);
}

static void gather_matches(struct best *best, const struct th_bucket *bucket,
                           const struct th_prefix *sought, const struct th_asker *asker)
{
    for (unsigned i = 0; bucket && i < bucket->linked_count; i++) {
        const struct th_peer *peer = bucket->linked[i];
        if (th_hashname_has_prefix(&peer->id, sought) && may_tell(peer, asker))
            put_by_age(best, peer);
    }
}

/* All who begin like the prefix are in its bucket when we differ from it within the prefix. When we
 * begin like it ourselves they are in the buckets below. */
static void tell_matches(struct th_answer *answer, const struct th_table *table,
                         const struct th_prefix *sought, const struct th_asker *asker, int bucket)
{
    struct best best = {.max = TH_ANSWER_MATCHES_MAX};

    if (th_hashname_has_prefix(&table->config.self, sought)) {
        int below = TH_BUCKETS - 4 * (int)sought->digits;
        for (int i = below - 1; i >= table->first; i--)
            gather_matches(&best, th_table_at(table, i), sought, asker);
    } else {
        gather_matches(&best, th_table_at(table, bucket), sought, asker);
    }
    for (unsigned i = 0; i < best.count; i++)
        if (!is_told(answer, &best.peer[i]->id))
            tell(answer, best.peer[i], asker);
}

static void gather_near(struct best *best, const struct th_bucket *bucket,
                        const struct th_hashname *target, const struct th_answer *told,
                        const struct th_asker *asker)
{
    for (unsigned i = 0; bucket && i < bucket->linked_count; i++) {
        const struct th_peer *peer = bucket->linked[i];
        if (peer->is_seed && may_tell(peer, asker) && !is_told(told, &peer->id))
            put_by_distance(best, target, peer);
    }
}

/*
 * Everybody in the target's own bucket is nearer to it than everybody in the buckets below, and these
 * are nearer than those in the first bucket above, and so on: so looking stops when there are enough.
 */
static void tell_near(struct th_answer *answer, const struct th_table *table,
                      const struct th_hashname *target, const struct th_asker *asker)
{
    int own = th_hashname_bucket(&table->config.self, target);
    struct best best = {.max = TH_SEE_SENT_MAX - answer->count};

    if (own >= 0)
        gather_near(&best, th_table_at(table, own), target, answer, asker);
    if (best.count < best.max)
        for (int i = own - 1; i >= table->first; i--)
            gather_near(&best, th_table_at(table, i), target, answer, asker);
    for (int i = own < table->first ? table->first : own + 1;
         i < TH_BUCKETS && best.count < best.max; i++)
        gather_near(&best, th_table_at(table, i), target, answer, asker);
    for (unsigned i = 0; i < best.count; i++)
        tell(answer, best.peer[i], asker);
}

void th_answer_seek(struct th_answer *answer, const struct th_table *table,
                    const struct th_prefix *sought, const struct th_asker *asker)
{
    int bucket = th_hashname_bucket(&table->config.self, &sought->padded);

    *answer = (struct th_answer){0};
    if (bucket >= 0)
        tell_oldest_seed(answer, th_table_at(table, bucket), asker);
    tell_matches(answer, table, sought, asker, bucket);
    tell_near(answer, table, &sought->padded, asker);
}

void th_answer_link(struct th_answer *answer, const struct th_table *table,
                    const struct th_asker *asker)
{
    *answer = (struct th_answer){0};
    tell_near(answer, table, &asker->id, asker);
}

/* --- whom to hand on to --------------------------------------------------------------------------- */

static bool may_host(const struct th_peer *peer, const struct th_answer *near,
                     const struct th_asker *asker)
{
    return peer->is_seed && may_tell(peer, asker) && !is_told(near, &peer->id);
}

static unsigned count_hosts(const struct th_table *table, const struct th_answer *near,
                            const struct th_asker *asker)
{
    unsigned count = 0;

    for (int i = table->first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(table, i);
        for (unsigned n = 0; bucket && n < bucket->linked_count; n++)
            count += may_host(bucket->linked[n], near, asker);
    }
    return count;
}

/* Every so many-th of all that may be, from one of the first on. */
static unsigned spread(const struct th_table *table, const struct th_answer *near,
                       const struct th_asker *asker, struct th_rng *rng, struct th_hashname *out,
                       unsigned max)
{
    unsigned all = count_hosts(table, near, asker), count = 0, seen = 0;

    if (all == 0)
        return 0;
    unsigned step = all < max ? 1 : all / max;
    unsigned first = (unsigned)th_rng_below(rng, step);
    for (int i = table->first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(table, i);
        for (unsigned n = 0; bucket && n < bucket->linked_count && count < max; n++)
            if (may_host(bucket->linked[n], near, asker) && seen++ == first + count * step)
                out[count++] = bucket->linked[n]->id;
    }
    return count;
}

unsigned th_answer_hosts(const struct th_table *table, const struct th_asker *asker,
                         struct th_rng *rng, struct th_hashname out[TH_ANSWER_HOSTS_MAX])
{
    struct th_answer near;

    th_answer_link(&near, table, asker);
    if (near.count > TH_ANSWER_HOSTS_MAX / 2)
        near.count = TH_ANSWER_HOSTS_MAX / 2;
    for (unsigned i = 0; i < near.count; i++)
        out[i] = near.entry[i].id;
    return near.count +
           spread(table, &near, asker, rng, out + near.count, TH_ANSWER_HOSTS_MAX - near.count);
}
