#include "router/table.h"

#include "switch/base/mem.h"

#include <string.h>

enum { AVOIDED_ROOM_FIRST = 8 };

void th_table_init(struct th_table *table, const struct th_table_config *config)
{
    TH_CHECK(config->k >= 1 && config->links_max >= config->k);
    *table = (struct th_table){.config = *config, .first = TH_BUCKETS};
}

void th_table_clear(struct th_table *table)
{
    for (int i = table->first; i < TH_BUCKETS; i++) {
        struct th_bucket *bucket = th_table_at(table, i);
        if (bucket == NULL)
            continue;
        for (unsigned n = 0; n < bucket->linked_count; n++)
            th_mem_free(bucket->linked[n]);
        th_bucket_clear(bucket);
        th_mem_free(bucket);
    }
    th_mem_free(table->bucket);
    th_mem_free(table->avoided);
    *table = (struct th_table){.config = table->config, .first = TH_BUCKETS};
}

/* --- who is there --------------------------------------------------------------------------------- */

static struct th_bucket *bucket_of(const struct th_table *table, const struct th_hashname *id)
{
    int index = th_hashname_bucket(&table->config.self, id);

    return index < 0 ? NULL : th_table_at(table, index);
}

struct th_peer *th_table_find(const struct th_table *table, const struct th_hashname *id)
{
    struct th_bucket *bucket = bucket_of(table, id);

    return bucket ? th_bucket_find(bucket, id) : NULL;
}

struct th_spare *th_table_spare(const struct th_table *table, const struct th_hashname *id)
{
    struct th_bucket *bucket = bucket_of(table, id);

    return bucket ? th_bucket_spare(bucket, id) : NULL;
}

/* Makes room for the buckets from an index on: the nearer ones come one after the other as a net grows,
 * and of 256 there are few. */
static enum th_err reach_down(struct th_table *table, int index)
{
    size_t had = (size_t)(TH_BUCKETS - table->first), more = (size_t)(table->first - index);
    struct th_bucket **bucket = th_mem_zalloc(had + more, sizeof(struct th_bucket *));

    if (bucket == NULL)
        return TH_NO_MEMORY;
    for (size_t i = 0; i < had; i++)
        bucket[more + i] = table->bucket[i];
    th_mem_free(table->bucket);
    table->bucket = bucket;
    table->first = index;
    return TH_OK;
}

struct th_bucket *th_table_bucket(struct th_table *table, int index)
{
    TH_CHECK(index >= 0 && index < TH_BUCKETS);
    if (index < table->first && reach_down(table, index) != TH_OK)
        return NULL;
    struct th_bucket **bucket = &table->bucket[index - table->first];
    if (*bucket == NULL)
        *bucket = th_mem_zalloc(1, sizeof **bucket);
    return *bucket;
}

int th_table_nearest(const struct th_table *table)
{
    for (int i = table->first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(table, i);
        if (bucket && bucket->linked_count + bucket->spare_count > 0)
            return i;
    }
    return -1;
}

/* --- which nets ----------------------------------------------------------------------------------- */

/* Nets of the same mark make rule 5 look closer, and no more. */
static uint8_t net_mark(const struct th_addr *addr)
{
    uint64_t net = 0;

    memcpy(&net, addr->ip, addr->family == TH_FAMILY_IPV4 ? 3 : 8);
    net = (net ^ addr->family) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint8_t)(net >> 56);
}

static void add_net(struct th_table *table, const struct th_addr *addr)
{
    uint8_t *mark = &table->nets[net_mark(addr)];

    *mark = (uint8_t)(*mark + (*mark < UINT8_MAX));
}

static void remove_net(struct th_table *table, const struct th_addr *addr)
{
    uint8_t *mark = &table->nets[net_mark(addr)];

    *mark = (uint8_t)(*mark - (*mark < UINT8_MAX));
}

/* --- who comes and goes --------------------------------------------------------------------------- */

struct th_peer *th_table_add(struct th_table *table, const struct th_spare *spare,
                             const struct th_link *link)
{
    struct th_bucket *bucket =
        th_table_bucket(table, th_hashname_bucket(&table->config.self, &spare->id));
    struct th_peer *peer = bucket ? th_mem_zalloc(1, sizeof *peer) : NULL;

    if (peer == NULL)
        return NULL;
    *peer = (struct th_peer){
        .id = spare->id,
        .addr = spare->addr,
        .csid = spare->csid ? spare->csid : table->config.csid,
        .failures = spare->failures,
        .link = *link,
    };
    if (th_bucket_add(bucket, peer) != TH_OK) {
        th_mem_free(peer);
        return NULL;
    }
    add_net(table, &peer->addr);
    table->linked_count++;
    table->up_count += link->is_up;
    table->changes++;
    return peer;
}

void th_table_move(struct th_table *table, struct th_peer *peer, const struct th_addr *addr)
{
    remove_net(table, &peer->addr);
    peer->addr = *addr;
    add_net(table, addr);
}

void th_table_raise(struct th_table *table, struct th_peer *peer)
{
    th_bucket_raise(bucket_of(table, &peer->id));
    table->up_count++;
    table->changes++;
}

void th_table_remove(struct th_table *table, struct th_peer *peer)
{
    th_bucket_remove(bucket_of(table, &peer->id), peer);
    remove_net(table, &peer->addr);
    table->linked_count--;
    table->up_count -= peer->link.is_up;
    table->changes++;
    th_mem_free(peer);
}

enum th_err th_table_offer(struct th_table *table, const struct th_spare *candidate,
                           enum th_bucket_verdict *verdict)
{
    int index = th_hashname_bucket(&table->config.self, &candidate->id);

    *verdict = TH_BUCKET_KNOWN;
    if (index < 0)
        return TH_OK;
    struct th_bucket *bucket = th_table_bucket(table, index);
    if (bucket == NULL || th_bucket_reserve(bucket) != TH_OK)
        return TH_NO_MEMORY;
    *verdict = th_bucket_offer(bucket, candidate);
    return TH_OK;
}

/* --- rule 5: not too many of one net -------------------------------------------------------------- */

static bool has_net(const struct th_table *table, const struct th_addr *addr)
{
    enum th_realm realm = th_addr_realm(addr);

    return realm == TH_REALM_PUBLIC || (realm != TH_REALM_NONE && table->config.limits_private);
}

static bool is_same_net(const struct th_addr *a, const struct th_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == TH_FAMILY_IPV4 ? 3 : 8) == 0;
}

static unsigned count_net(const struct th_bucket *bucket, const struct th_hashname *except,
                          const struct th_addr *addr)
{
    unsigned n = 0;

    for (unsigned i = 0; bucket && i < bucket->linked_count; i++)
        n += is_same_net(&bucket->linked[i]->addr, addr) &&
             !th_hashname_is_equal(&bucket->linked[i]->id, except);
    return n;
}

static bool is_net_full(const struct th_table *table, const struct th_hashname *id,
                        const struct th_addr *addr)
{
    unsigned n = 0;

    if (!has_net(table, addr) || table->nets[net_mark(addr)] < TH_NET_BUCKET_MAX)
        return false;
    if (count_net(bucket_of(table, id), id, addr) >= TH_NET_BUCKET_MAX)
        return true;
    for (int i = table->first; i < TH_BUCKETS; i++)
        n += count_net(th_table_at(table, i), id, addr);
    return n >= TH_NET_TABLE_MAX;
}

/* --- rules 1, 3, 7: whose link may come up -------------------------------------------------------- */

/* Whom to end so that a link can come up in the bucket `own`. The newcomer itself, when it may be
 * refused, is the youngest of its bucket: *is_newcomer. */
static struct th_peer *find_loser(const struct th_table *table, int own, bool is_refusable,
                                  bool *is_newcomer)
{
    struct th_peer *loser = NULL;
    unsigned fullest = table->config.k;

    *is_newcomer = false;
    for (int i = TH_BUCKETS - 1; i >= 0; i--) {
        const struct th_bucket *bucket = th_table_at(table, i);
        unsigned n = (bucket ? bucket->up_count : 0) + (i == own);
        bool is_own = i == own && is_refusable;

        /* Among equally full ones the newcomer goes: who is linked already stays. */
        if (n < fullest || n <= table->config.k || (n == fullest && !is_own))
            continue;
        struct th_peer *found =
            is_own || bucket == NULL ? NULL : th_bucket_loser(bucket, table->config.k);
        if (!is_own && found == NULL)
            continue;
        fullest = n;
        loser = found;
        *is_newcomer = is_own;
    }
    return loser;
}

static unsigned count_kept(const struct th_table *table)
{
    unsigned n = 0;

    for (int i = table->first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(table, i);
        for (unsigned p = 0; bucket && p < bucket->linked_count; p++)
            n += bucket->linked[p]->is_kept;
    }
    return n;
}

enum th_table_verdict th_table_judge(const struct th_table *table,
                                     const struct th_newcomer *newcomer, struct th_peer **loser)
{
    int own = th_hashname_bucket(&table->config.self, &newcomer->id);
    bool is_newcomer;

    if (!newcomer->is_kept && is_net_full(table, &newcomer->id, &newcomer->addr))
        return TH_TABLE_NET;
    if (table->up_count < table->config.links_max)
        return TH_TABLE_ROOM;

    struct th_peer *found =
        find_loser(table, own, !newcomer->is_out && !newcomer->is_kept, &is_newcomer);
    if (found && !is_newcomer) {
        *loser = found;
        return TH_TABLE_TRIM;
    }
    return newcomer->is_kept && count_kept(table) <= TH_KEPT_MAX ? TH_TABLE_ROOM : TH_TABLE_FULL;
}

bool th_table_has_room(const struct th_table *table)
{
    bool is_newcomer;

    return table->linked_count < table->config.links_max ||
           (table->linked_count < table->config.links_max + table->config.k &&
            find_loser(table, -1, false, &is_newcomer) != NULL);
}

/* --- rule 6: whom to ask -------------------------------------------------------------------------- */

static bool is_better(const struct th_spare *a, unsigned crowd_a, th_epoch_ms seen_a,
                      const struct th_spare *b, unsigned crowd_b, th_epoch_ms seen_b)
{
    if (a->has_line != b->has_line)
        return a->has_line;
    if (crowd_a != crowd_b)
        return crowd_a < crowd_b;
    return seen_a < seen_b;
}

/* Whether to leave a node alone still, and until when at the longest. A node that had no room is
 * asked sooner when nobody else is left. */
static bool is_avoided(const struct th_avoided *avoided, bool is_last_resort, struct th_now now,
                       th_ms *until)
{
    if (avoided == NULL)
        return false;
    *until = avoided->until;
    if (is_last_resort && avoided->why == TH_AVOID_ROOM)
        *until = th_sooner(*until, avoided->since + TH_AVOID_FAILED_MS);
    return now.mono < *until;
}

static struct th_spare *choose(const struct th_table *table, int index, const struct th_ages *ages,
                               struct th_now now, bool is_last_resort, th_ms *again)
{
    struct th_bucket *bucket = th_table_at(table, index);
    struct th_spare *best = NULL;
    unsigned best_crowd = 0;
    th_epoch_ms best_seen = 0;

    for (unsigned i = 0; i < bucket->spare_count; i++) {
        struct th_spare *spare = &bucket->spare[i];
        th_ms until;

        if (spare->is_reaching)
            continue;
        if (is_avoided(th_table_avoided(table, &spare->id, now), is_last_resort, now, &until)) {
            *again = th_sooner(*again, until);
            continue;
        }
        unsigned crowd = th_bucket_crowd(bucket, index, &spare->id);
        th_epoch_ms seen = th_ages_first_seen(ages, &spare->id, now);
        /* What costs most is asked last. */
        if ((best == NULL || is_better(spare, crowd, seen, best, best_crowd, best_seen)) &&
            !is_net_full(table, &spare->id, &spare->addr)) {
            best = spare;
            best_crowd = crowd;
            best_seen = seen;
        }
    }
    return best;
}

struct th_spare *th_table_choose(const struct th_table *table, int index,
                                 const struct th_ages *ages, struct th_now now, th_ms *again)
{
    const struct th_bucket *bucket = th_table_at(table, index);

    *again = TH_NEVER;
    if (bucket == NULL)
        return NULL;
    struct th_spare *best = choose(table, index, ages, now, false, again);
    if (best == NULL && th_bucket_reaching(bucket) == 0)
        best = choose(table, index, ages, now, true, again);
    return best;
}

/* --- who is left alone ---------------------------------------------------------------------------- */

static unsigned find_avoided(const struct th_table *table, const struct th_hashname *id)
{
    unsigned i = 0;

    while (i < table->avoided_count && !th_hashname_is_equal(&table->avoided[i].id, id))
        i++;
    return i;
}

static void drop_avoided(struct th_table *table, unsigned i)
{
    table->avoided_count--;
    memmove(&table->avoided[i], &table->avoided[i + 1],
            (table->avoided_count - i) * sizeof table->avoided[0]);
}

void th_table_forgive(struct th_table *table, const struct th_hashname *id)
{
    unsigned i = find_avoided(table, id);

    if (i < table->avoided_count)
        drop_avoided(table, i);
}

static void drop_past(struct th_table *table, struct th_now now)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < table->avoided_count; i++)
        if (now.mono < table->avoided[i].until)
            table->avoided[kept++] = table->avoided[i];
    table->avoided_count = kept;
}

enum th_err th_table_avoid(struct th_table *table, const struct th_hashname *id, enum th_avoid why,
                           struct th_now now)
{
    th_table_forgive(table, id);
    if (table->avoided_count == table->avoided_room)
        drop_past(table, now);
    if (table->avoided_count == TH_AVOIDED_MAX)
        drop_avoided(table, 0);
    if (table->avoided_count == table->avoided_room) {
        unsigned room = table->avoided_room ? 2 * table->avoided_room : AVOIDED_ROOM_FIRST;
        void *more = th_mem_resize(table->avoided, room, sizeof table->avoided[0]);
        if (more == NULL)
            return TH_NO_MEMORY;
        table->avoided = more;
        table->avoided_room = room;
    }
    th_ms for_ms = why == TH_AVOID_ROOM ? TH_AVOID_ROOM_MS : TH_AVOID_FAILED_MS;
    table->avoided[table->avoided_count++] =
        (struct th_avoided){*id, why, now.mono, now.mono + for_ms};
    return TH_OK;
}

const struct th_avoided *th_table_avoided(const struct th_table *table,
                                          const struct th_hashname *id, struct th_now now)
{
    unsigned i = find_avoided(table, id);

    if (i == table->avoided_count || now.mono >= table->avoided[i].until)
        return NULL;
    return &table->avoided[i];
}
