#include "switch/core/roster.h"

#include "switch/base/mem.h"

enum { BUCKETS_AT_FIRST = 8 };

static struct th_exchange **bucket_of(const struct th_roster *roster, const struct th_hashname *id)
{
    return &roster->buckets[th_hash(roster->secret, id, sizeof *id) & (roster->bucket_count - 1)];
}

static void put_in_bucket(struct th_roster *roster, struct th_exchange *ex)
{
    struct th_exchange **bucket = bucket_of(roster, &ex->id);

    ex->next_alike = *bucket;
    *bucket = ex;
}

static enum th_err grow(struct th_roster *roster)
{
    unsigned count = roster->bucket_count ? 2 * roster->bucket_count : BUCKETS_AT_FIRST;
    struct th_exchange **buckets = th_mem_zalloc(count, sizeof(struct th_exchange *));

    if (buckets == NULL)
        return TH_NO_MEMORY;
    th_mem_free(roster->buckets);
    roster->buckets = buckets;
    roster->bucket_count = count;
    for (struct th_exchange *ex = roster->first; ex; ex = ex->next)
        put_in_bucket(roster, ex);
    return TH_OK;
}

struct th_exchange *th_roster_find(const struct th_roster *roster, const struct th_hashname *id)
{
    struct th_exchange *ex = roster->count > 0 ? *bucket_of(roster, id) : NULL;

    while (ex && !th_hashname_is_equal(&ex->id, id))
        ex = ex->next_alike;
    return ex;
}

enum th_err th_roster_add(struct th_roster *roster, struct th_exchange *ex)
{
    if (roster->count >= roster->bucket_count && grow(roster) != TH_OK && roster->bucket_count == 0)
        return TH_NO_MEMORY;
    put_in_bucket(roster, ex);
    ex->next = NULL;
    *(roster->last ? &roster->last->next : &roster->first) = ex;
    roster->last = ex;
    roster->count++;
    return TH_OK;
}

void th_roster_remove(struct th_roster *roster, struct th_exchange *ex)
{
    struct th_exchange **alike = bucket_of(roster, &ex->id);
    struct th_exchange *before = NULL;

    while (*alike && *alike != ex)
        alike = &(*alike)->next_alike;
    TH_CHECK(*alike == ex);
    *alike = ex->next_alike;

    for (struct th_exchange *at = roster->first; at != ex; at = at->next)
        before = at;
    *(before ? &before->next : &roster->first) = ex->next;
    if (roster->last == ex)
        roster->last = before;
    if (roster->visited == ex)
        roster->visited = before;
    roster->count--;
}

struct th_exchange *th_roster_visit(struct th_roster *roster)
{
    struct th_exchange *next = roster->visited ? roster->visited->next : NULL;

    roster->visited = next ? next : roster->first;
    return roster->visited;
}

void th_roster_clear(struct th_roster *roster)
{
    TH_CHECK(roster->count == 0);
    th_mem_free(roster->buckets);
    roster->buckets = NULL;
    roster->bucket_count = 0;
}
