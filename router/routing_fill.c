#include "router/routing_inside.h"

#include "switch/base/mem.h"

/* --- what is known of others ---------------------------------------------------------------------- */

enum th_err th_routing_offer(struct th_routing *routing, const struct th_spare *spare)
{
    enum th_bucket_verdict verdict;
    enum th_err err = th_table_offer(&routing->table, spare, &verdict);

    if (err == TH_OK && verdict != TH_BUCKET_FULL)
        routing->is_hungry = true;
    return err;
}

enum th_err th_routing_line_up(struct th_routing *routing, const struct th_routing_line *line)
{
    struct th_peer *peer = th_table_find(&routing->table, &line->id);
    const struct th_avoided *avoided = th_table_avoided(&routing->table, &line->id, routing->now);
    const struct th_spare news = {
        .id = line->id, .addr = line->addr, .csid = line->csid, .has_line = true};

    if (peer && line->up_at > peer->link.began_at) {
        /* Its line was replaced while we were not told: the channels went with the old one. */
        enum th_err err = th_routing_lose(routing, peer, TH_CANCELLED, true);
        if (err != TH_OK)
            return err;
        peer = NULL;
    }
    if (peer) {
        th_table_move(&routing->table, peer, &line->addr);
        peer->csid = line->csid;
        return TH_OK;
    }
    if (avoided && avoided->why == TH_AVOID_FAILED)
        th_table_forgive(&routing->table, &line->id);
    if (th_routing_is_asked(routing, &line->id) && !routing->is_leaving)
        return th_routing_ask(routing, &news);

    struct th_spare *spare = th_table_spare(&routing->table, &line->id);
    if (spare)
        spare->is_reaching = false; /* it is reached; what the dialer says later is no news */
    return th_routing_offer(routing, &news);
}

enum th_err th_routing_line_down(struct th_routing *routing, const struct th_hashname *id,
                                 enum th_err why)
{
    struct th_peer *peer = th_table_find(&routing->table, id);
    struct th_spare *spare = th_table_spare(&routing->table, id);

    if (peer)
        return th_routing_lose(routing, peer, why, false);
    if (spare && why == TH_TIMED_OUT) /* it was silent for ten minutes */
        th_bucket_forget(
            th_table_at(&routing->table, th_hashname_bucket(&routing->config.table.self, id)), id);
    else if (spare)
        spare->has_line = false;
    return TH_OK;
}

static bool has_line(const struct th_routing_line *lines, unsigned count,
                     const struct th_hashname *id)
{
    for (unsigned i = 0; i < count; i++)
        if (th_hashname_is_equal(&lines[i].id, id))
            return true;
    return false;
}

/* From the last to the first, because losing one takes it out. */
static enum th_err drop_lineless(struct th_routing *routing, const struct th_bucket *bucket,
                                 const struct th_routing_line *lines, unsigned count)
{
    for (unsigned i = bucket->linked_count; i-- > 0;) {
        struct th_peer *peer = bucket->linked[i];
        if (has_line(lines, count, &peer->id))
            continue;
        enum th_err err = th_routing_lose(routing, peer, TH_NO_LINE, false);
        if (err != TH_OK)
            return err;
    }
    return TH_OK;
}

enum th_err th_routing_on_lines(struct th_routing *routing, struct th_now now,
                                const struct th_routing_line *lines, unsigned count)
{
    enum th_err err = TH_OK;

    th_routing_now(routing, now);
    for (int i = routing->table.first; err == TH_OK && i < TH_BUCKETS; i++) {
        struct th_bucket *bucket = th_table_at(&routing->table, i);
        if (bucket == NULL)
            continue;
        err = drop_lineless(routing, bucket, lines, count);
        for (unsigned n = 0; n < bucket->spare_count; n++)
            bucket->spare[n].has_line = has_line(lines, count, &bucket->spare[n].id);
    }
    for (unsigned i = 0; err == TH_OK && i < count; i++)
        err = th_routing_line_up(routing, &lines[i]);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_on_told(struct th_routing *routing, struct th_now now,
                               const struct th_spare *told, unsigned count)
{
    enum th_err err = TH_OK;

    th_routing_now(routing, now);
    for (unsigned i = 0; err == TH_OK && i < count; i++)
        err = th_routing_offer(routing, &told[i]);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_on_reached(struct th_routing *routing, struct th_now now,
                                  const struct th_hashname *id, enum th_err why)
{
    struct th_spare *spare = th_table_spare(&routing->table, id);
    enum th_err err = TH_OK;

    th_routing_now(routing, now);
    TH_CHECK(routing->reaching > 0);
    routing->reaching--;
    routing->is_hungry = true;
    if (spare)
        spare->is_reaching = false;
    if (spare && why == TH_OK) {
        spare->has_line = true;
    } else if (spare && !spare->has_line) {
        err = th_table_avoid(&routing->table, id, TH_AVOID_FAILED, now);
        if (why == TH_NOT_FOUND || why == TH_NO_PATH || why == TH_TIMED_OUT)
            spare->failures++;
        if (spare->failures >= TH_SPARE_FAILURES_MAX)
            th_bucket_forget(
                th_table_at(&routing->table, th_hashname_bucket(&routing->config.table.self, id)),
                id);
    }
    return err == TH_OK ? th_routing_fill(routing) : err;
}

/* --- what the application wants ------------------------------------------------------------------- */

static unsigned find_asked(const struct th_routing *routing, const struct th_hashname *id)
{
    unsigned i = 0;

    while (i < routing->asked_count && !th_hashname_is_equal(&routing->asked[i], id))
        i++;
    return i;
}

bool th_routing_is_asked(const struct th_routing *routing, const struct th_hashname *id)
{
    return find_asked(routing, id) < routing->asked_count;
}

static void drop_asked(struct th_routing *routing, unsigned i)
{
    routing->asked_count--;
    for (; i < routing->asked_count; i++)
        routing->asked[i] = routing->asked[i + 1];
}

void th_routing_unask(struct th_routing *routing, const struct th_hashname *id)
{
    unsigned i = find_asked(routing, id);

    if (i < routing->asked_count)
        drop_asked(routing, i);
}

enum th_err th_routing_link(struct th_routing *routing, struct th_now now,
                            const struct th_hashname *id)
{
    struct th_peer *peer = th_table_find(&routing->table, id);
    const struct th_spare *known = th_table_spare(&routing->table, id);

    th_routing_now(routing, now);
    if (th_hashname_is_equal(id, &routing->config.table.self) || routing->is_leaving)
        return TH_OK;
    th_routing_unask(routing, id);
    if (routing->asked == NULL)
        routing->asked = th_mem_zalloc(TH_ASKED_MAX, sizeof *routing->asked);
    if (routing->asked == NULL)
        return TH_NO_MEMORY;
    if (routing->asked_count == TH_ASKED_MAX)
        drop_asked(routing, 0);
    routing->asked[routing->asked_count++] = *id;
    th_table_forgive(&routing->table, id);
    if (peer) {
        peer->is_kept = true;
        return TH_OK;
    }

    /* Whether there is a line, the switch knows: it is asked, and if there is none the wish waits. */
    const struct th_spare spare = known ? *known : (struct th_spare){.id = *id};
    enum th_err err = th_routing_ask(routing, &spare);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_leave(struct th_routing *routing, struct th_now now)
{
    enum th_err err = TH_OK;

    th_routing_now(routing, now);
    routing->is_leaving = true;
    for (int i = TH_BUCKETS - 1; i >= routing->table.first; i--) {
        struct th_bucket *bucket = th_table_at(&routing->table, i);
        while (err == TH_OK && bucket && bucket->linked_count > 0)
            err = th_routing_end(routing, bucket->linked[0], TH_SHUTDOWN);
    }
    return err == TH_OK ? th_routing_fill(routing) : err;
}

/* --- refresh -------------------------------------------------------------------------------------- */

/* A while from then on, up to a tenth less, so that what was begun together does not stay so. */
static th_ms later(struct th_routing *routing, th_ms then, th_ms ms)
{
    return then + th_rng_between(routing->rng, ms - ms / 10, ms);
}

static th_ms from_now(struct th_routing *routing, th_ms ms)
{
    return later(routing, routing->now.mono, ms);
}

static void refresh_at(struct th_routing *routing, struct th_bucket *bucket, th_ms at)
{
    bucket->refresh_at = at;
    routing->refresh_at = th_sooner(routing->refresh_at, at);
}

void th_routing_plan_refresh(struct th_routing *routing, struct th_bucket *bucket, bool is_loss)
{
    if (bucket->refresh_at == 0)
        refresh_at(routing, bucket, from_now(routing, TH_REFRESH_MS));
    if (!is_loss || bucket->up_count >= routing->config.table.k)
        return;

    th_ms soon = from_now(routing, TH_REFRESH_GAP_MS);
    if (bucket->has_refreshed && bucket->refreshed_at + TH_REFRESH_SOON_MS > soon)
        soon = bucket->refreshed_at + TH_REFRESH_SOON_MS;
    if (soon < bucket->refresh_at)
        refresh_at(routing, bucket, soon);
}

static void queue_refresh(struct th_routing *routing, struct th_bucket *bucket)
{
    if (bucket->is_refresh_queued)
        return;
    bucket->is_refresh_queued = true;
    routing->refresh_queued++;
}

static bool was_refreshed(const struct th_routing *routing, const struct th_bucket *bucket)
{
    return bucket->has_refreshed &&
           routing->now.mono - bucket->refreshed_at < TH_REFRESH_MS - TH_REFRESH_MS / 10;
}

static void expire_refresh(struct th_routing *routing, struct th_bucket *bucket)
{
    bool has_enough = bucket->up_count >= routing->config.table.k;

    if (routing->table.up_count == 0) { /* there is nobody to ask */
        bucket->refresh_at = from_now(routing, TH_REFRESH_SOON_MS);
    } else if (has_enough && was_refreshed(routing, bucket)) {
        bucket->refresh_at = later(routing, bucket->refreshed_at, TH_REFRESH_MS);
    } else {
        bucket->refresh_at = from_now(routing, TH_REFRESH_MS);
        queue_refresh(routing, bucket);
    }
}

void th_routing_tick_refresh(struct th_routing *routing)
{
    if (routing->now.mono < routing->refresh_at)
        return;

    routing->refresh_at = TH_NEVER;
    for (int i = routing->table.first; i < TH_BUCKETS; i++) {
        struct th_bucket *bucket = th_table_at(&routing->table, i);
        if (bucket == NULL || bucket->refresh_at == 0)
            continue;
        if (bucket->refresh_at <= routing->now.mono)
            expire_refresh(routing, bucket);
        routing->refresh_at = th_sooner(routing->refresh_at, bucket->refresh_at);
    }
}

enum th_err th_routing_refresh(struct th_routing *routing, struct th_now now)
{
    int nearest = th_table_nearest(&routing->table);

    th_routing_now(routing, now);
    routing->is_refresh_told = true;
    if (nearest >= 0 && nearest < TH_BUCKETS - TH_REFRESH_BUCKETS_MAX)
        nearest = TH_BUCKETS - TH_REFRESH_BUCKETS_MAX;
    for (int i = TH_BUCKETS - 1; nearest >= 0 && i >= nearest; i--) {
        struct th_bucket *bucket = th_table_bucket(&routing->table, i);
        if (bucket == NULL)
            return TH_NO_MEMORY;
        if (!was_refreshed(routing, bucket))
            queue_refresh(routing, bucket);
    }
    return th_routing_fill(routing);
}

/* A name that differs from ours first where the bucket says. */
static void random_in(struct th_routing *routing, int bucket, struct th_hashname *out)
{
    const struct th_hashname *self = &routing->config.table.self;
    unsigned whole = TH_HASHNAME_BYTES - 1 - (unsigned)bucket / 8;
    unsigned bit = 1u << (bucket % 8);

    th_rng_fill(routing->rng, out->b, sizeof out->b);
    for (unsigned i = 0; i < whole; i++)
        out->b[i] = self->b[i];
    out->b[whole] = (uint8_t)((self->b[whole] & ~(2 * bit - 1)) | (~self->b[whole] & bit) |
                              (out->b[whole] & (bit - 1)));
}

static enum th_err dial_into(struct th_routing *routing, int index)
{
    struct th_bucket *bucket = th_table_at(&routing->table, index);
    struct th_hashname target;

    random_in(routing, index, &target);
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_DIAL, &target);
    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->action.bucket = index;
    bucket->is_refresh_queued = false;
    routing->refresh_queued--;
    routing->refresh_running++;
    bucket->has_refreshed = true;
    bucket->refreshed_at = routing->now.mono;
    refresh_at(routing, bucket, from_now(routing, TH_REFRESH_MS));
    return TH_OK;
}

static enum th_err fill_refresh(struct th_routing *routing)
{
    enum th_err err = TH_OK;

    for (int i = TH_BUCKETS - 1; routing->refresh_queued > 0 && i >= routing->table.first; i--) {
        struct th_bucket *bucket = th_table_at(&routing->table, i);
        if (bucket == NULL || !bucket->is_refresh_queued)
            continue;
        if (routing->is_leaving) {
            bucket->is_refresh_queued = false;
            routing->refresh_queued--;
        } else if (routing->refresh_running < TH_REFRESH_DIALS_MAX) {
            err = dial_into(routing, i);
        } else {
            break;
        }
        if (err != TH_OK)
            return err;
    }
    if (!routing->is_refresh_told || routing->refresh_queued + routing->refresh_running > 0)
        return TH_OK;
    routing->is_refresh_told = false;
    return th_routing_push(routing, TH_ROUTING_REFRESHED, &routing->config.table.self)
               ? TH_OK
               : TH_NO_MEMORY;
}

enum th_err th_routing_on_dialed(struct th_routing *routing, struct th_now now, int bucket,
                                 bool is_done)
{
    struct th_bucket *into = th_table_at(&routing->table, bucket);

    th_routing_now(routing, now);
    TH_CHECK(routing->refresh_running > 0);
    routing->refresh_running--;
    if (!is_done) {
        into->has_refreshed = false;
        refresh_at(routing, into, from_now(routing, TH_REFRESH_SOON_MS));
    } else if (!into->is_looked_twice) {
        /* Who comes while others come too is missed easily, by them and by us. */
        into->is_looked_twice = true;
        refresh_at(routing, into, from_now(routing, TH_REFRESH_SOON_MS));
    }
    return th_routing_fill(routing);
}

/* --- new work ------------------------------------------------------------------------------------- */

static enum th_err reach(struct th_routing *routing, struct th_spare *spare)
{
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_REACH, &spare->id);

    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->action.has_via = spare->has_via;
    todo->action.via = spare->via;
    todo->action.addr = spare->addr;
    spare->is_reaching = true;
    routing->reaching++;
    return TH_OK;
}

/* Whether somebody is being reached through a teller. */
static bool is_busy(const struct th_routing *routing, const struct th_hashname *via)
{
    for (int i = routing->table.first; routing->reaching > 0 && i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(&routing->table, i);
        for (unsigned n = 0; bucket && n < bucket->spare_count; n++) {
            const struct th_spare *spare = &bucket->spare[n];
            if (spare->is_reaching && spare->has_via && th_hashname_is_equal(&spare->via, via))
                return true;
        }
    }
    return false;
}

/* Begins one thing for a bucket that has too few links; is_idle: filled, there was nothing to begin. */
static enum th_err fill_bucket(struct th_routing *routing, int index, bool *is_idle)
{
    const struct th_bucket *bucket = th_table_at(&routing->table, index);
    unsigned reaching;
    th_ms again;

    *is_idle = true;
    if (bucket->linked_count >= routing->config.table.k)
        return TH_OK; /* its spares need not be looked at */
    reaching = th_bucket_reaching(bucket);
    if (bucket->linked_count + reaching >= routing->config.table.k)
        return TH_OK;
    struct th_spare *spare =
        th_table_choose(&routing->table, index, &routing->ages, routing->now, &again);
    routing->hungry_at = th_sooner(routing->hungry_at, again);
    if (spare == NULL)
        return TH_OK;
    if (spare->has_line) {
        const struct th_spare chosen = *spare;
        *is_idle = !th_table_has_room(&routing->table);
        return *is_idle ? TH_OK : th_routing_ask(routing, &chosen);
    }
    *is_idle = routing->reaching >= TH_REACHES_MAX || reaching >= TH_REACHES_BUCKET_MAX ||
               (spare->has_via && is_busy(routing, &spare->via));
    return *is_idle ? TH_OK : reach(routing, spare);
}

enum th_err th_routing_fill(struct th_routing *routing)
{
    enum th_err err = TH_OK;

    if (routing->is_hungry && !routing->is_leaving) {
        routing->hungry_at = TH_NEVER;
        for (int i = TH_BUCKETS - 1; i >= routing->table.first; i--) {
            bool is_idle = th_table_at(&routing->table, i) == NULL;
            while (err == TH_OK && !is_idle)
                err = fill_bucket(routing, i, &is_idle);
        }
        routing->is_hungry = false;
    }
    if (routing->is_leaving)
        routing->hungry_at = TH_NEVER;
    return err == TH_OK ? fill_refresh(routing) : err;
}
