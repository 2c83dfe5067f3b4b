#include "router/bucket.h"

#include "switch/base/mem.h"

#include <string.h>

enum { ROOM_FIRST = 4, SPARE_ROOM_STEP = 2, SPREAD_BITS = 3 };

/* --- peers ---------------------------------------------------------------------------------------- */

struct th_peer *th_bucket_find(const struct th_bucket *bucket, const struct th_hashname *id)
{
    for (unsigned i = 0; i < bucket->linked_count; i++)
        if (th_hashname_is_equal(&bucket->linked[i]->id, id))
            return bucket->linked[i];
    return NULL;
}

enum th_err th_bucket_add(struct th_bucket *bucket, struct th_peer *peer)
{
    if (bucket->linked_count == bucket->room) {
        unsigned room = bucket->room ? 2 * bucket->room : ROOM_FIRST;
        void *more = th_mem_resize(bucket->linked, room, sizeof(struct th_peer *));
        if (more == NULL)
            return TH_NO_MEMORY;
        bucket->linked = more;
        bucket->room = room;
    }
    bucket->linked[bucket->linked_count++] = peer;
    bucket->up_count += peer->link.is_up;
    th_bucket_forget(bucket, &peer->id);
    return TH_OK;
}

void th_bucket_remove(struct th_bucket *bucket, struct th_peer *peer)
{
    unsigned i = 0;

    while (i < bucket->linked_count && bucket->linked[i] != peer)
        i++;
    TH_CHECK(i < bucket->linked_count);
    bucket->linked_count--;
    memmove(&bucket->linked[i], &bucket->linked[i + 1],
            (bucket->linked_count - i) * sizeof(struct th_peer *));
    bucket->up_count -= peer->link.is_up;
}

void th_bucket_raise(struct th_bucket *bucket)
{
    bucket->up_count++;
    TH_CHECK(bucket->up_count <= bucket->linked_count);
}

/* --- spares --------------------------------------------------------------------------------------- */

struct th_spare *th_bucket_spare(struct th_bucket *bucket, const struct th_hashname *id)
{
    for (unsigned i = 0; i < bucket->spare_count; i++)
        if (th_hashname_is_equal(&bucket->spare[i].id, id))
            return &bucket->spare[i];
    return NULL;
}

static void forget_at(struct th_bucket *bucket, unsigned i)
{
    bucket->spare_count--;
    memmove(&bucket->spare[i], &bucket->spare[i + 1],
            (bucket->spare_count - i) * sizeof bucket->spare[0]);
}

void th_bucket_forget(struct th_bucket *bucket, const struct th_hashname *id)
{
    for (unsigned i = 0; i < bucket->spare_count; i++)
        if (th_hashname_is_equal(&bucket->spare[i].id, id)) {
            forget_at(bucket, i);
            return;
        }
}

static void learn(struct th_spare *spare, const struct th_spare *news)
{
    if (news->has_line) {
        spare->has_line = true;
        spare->csid = news->csid;
        spare->failures = 0;
    }
    if (news->addr.family != TH_FAMILY_NONE && (news->has_line || !spare->has_line))
        spare->addr = news->addr;
    if (news->has_via) {
        spare->has_via = true;
        spare->via = news->via;
    }
}

/* The oldest that may go for a candidate; spare_count when none may. */
static unsigned worst_spare(const struct th_bucket *bucket, const struct th_spare *candidate)
{
    for (unsigned i = bucket->spare_count; i-- > 0;)
        if (!bucket->spare[i].has_line && !bucket->spare[i].is_reaching)
            return i;
    if (!candidate->has_line)
        return bucket->spare_count;
    for (unsigned i = bucket->spare_count; i-- > 0;)
        if (!bucket->spare[i].is_reaching)
            return i;
    return bucket->spare_count;
}

/* The near buckets, most of them, have no or few spares. */
enum th_err th_bucket_reserve(struct th_bucket *bucket)
{
    unsigned room = bucket->spare_room + SPARE_ROOM_STEP;

    if (bucket->spare_count < bucket->spare_room || bucket->spare_count == TH_BUCKET_SPARES_MAX)
        return TH_OK;
    void *more = th_mem_resize(bucket->spare, room, sizeof bucket->spare[0]);
    if (more == NULL)
        return TH_NO_MEMORY;
    bucket->spare = more;
    bucket->spare_room = (uint8_t)room;
    return TH_OK;
}

enum th_bucket_verdict th_bucket_offer(struct th_bucket *bucket, const struct th_spare *candidate)
{
    struct th_spare *known = th_bucket_spare(bucket, &candidate->id);

    if (known)
        learn(known, candidate);
    if (known || th_bucket_find(bucket, &candidate->id))
        return TH_BUCKET_KNOWN;

    if (bucket->spare_count == TH_BUCKET_SPARES_MAX) {
        unsigned worst = worst_spare(bucket, candidate);
        if (worst == bucket->spare_count)
            return TH_BUCKET_FULL;
        forget_at(bucket, worst);
    }
    if (th_bucket_reserve(bucket) != TH_OK)
        return TH_BUCKET_FULL;
    memmove(&bucket->spare[1], &bucket->spare[0], bucket->spare_count * sizeof bucket->spare[0]);
    bucket->spare[0] = *candidate;
    bucket->spare_count++;
    return TH_BUCKET_KEPT;
}

unsigned th_bucket_reaching(const struct th_bucket *bucket)
{
    unsigned n = 0;

    for (unsigned i = 0; i < bucket->spare_count; i++)
        n += bucket->spare[i].is_reaching;
    return n;
}

/* --- choices -------------------------------------------------------------------------------------- */

/* The bits after the bucket's own; fewer in the three nearest buckets. */
static unsigned spread_of(int index, const struct th_hashname *id)
{
    unsigned bits = 0;

    for (int i = index - 1; i >= 0 && i >= index - SPREAD_BITS; i--) {
        unsigned byte = id->b[TH_HASHNAME_BYTES - 1 - i / 8];
        bits = bits << 1 | ((byte >> (i % 8)) & 1u);
    }
    return bits;
}

unsigned th_bucket_crowd(const struct th_bucket *bucket, int index, const struct th_hashname *id)
{
    unsigned wanted = spread_of(index, id), n = 0;

    for (unsigned i = 0; i < bucket->linked_count; i++)
        n += spread_of(index, &bucket->linked[i]->id) == wanted;
    return n;
}

struct th_peer *th_bucket_loser(const struct th_bucket *bucket, unsigned k)
{
    if (bucket->up_count <= k)
        return NULL;
    for (unsigned i = bucket->linked_count; i-- > k;) {
        struct th_peer *peer = bucket->linked[i];
        if (peer->link.is_up && !peer->is_out && !peer->is_kept)
            return peer;
    }
    return NULL;
}

void th_bucket_clear(struct th_bucket *bucket)
{
    th_mem_free(bucket->linked);
    th_mem_free(bucket->spare);
    *bucket = (struct th_bucket){0};
}
