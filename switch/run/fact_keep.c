#include "switch/run/fact_keep.h"

#include <string.h>

/* Who announced facts, and lives. */
struct source {
    struct th_index_node by_pid;
    uint64_t monitor;
    bool has_left_out; /* some of its facts found no room */
};

struct th_kept {
    struct th_index_node by_hash;
    struct th_kept *previous, *next;
    struct th_fact_event *made; /* held */
    struct source *source;      /* NULL: no server, or one that it outlives */
};

/* --- announcers --- */

static struct source *find_source(const struct th_fact_keep *keep, th_pid pid)
{
    struct th_index_node *node = th_run_index_find(&keep->sources, pid);

    return node ? TH_HEAP_OWNER(node, struct source, by_pid) : NULL;
}

bool th_run_keep_knows(const struct th_fact_keep *keep, th_pid announcer)
{
    return announcer == 0 || find_source(keep, announcer) != NULL;
}

void th_run_keep_admit(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer)
{
    struct source *source;

    if (th_run_keep_knows(keep, announcer))
        return;
    source = th_mem_zalloc(1, sizeof *source);
    if (source == NULL)
        return;
    if (th_monitor(self, announcer, &source->monitor) != TH_OK) {
        th_mem_free(source);
        return;
    }
    if (th_run_index_add(&keep->sources, &source->by_pid, announcer) != TH_OK) {
        th_demonitor(self, source->monitor);
        th_mem_free(source);
    }
}

/* --- facts --- */

static uint64_t hash_of(const struct th_fact_keep *keep, const struct th_fact *fact)
{
    uint8_t bytes[sizeof fact->kind + TH_FACT_KEY_MAX];

    memcpy(bytes, &fact->kind, sizeof fact->kind);
    memcpy(bytes + sizeof fact->kind, fact->key, fact->key_len);
    return th_hash(keep->secret, bytes, sizeof fact->kind + fact->key_len);
}

static struct th_kept *find(const struct th_fact_keep *keep, const struct th_fact *fact,
                            uint64_t hash)
{
    struct th_index_node *node = th_run_index_find(&keep->index, hash);

    for (; node; node = th_run_index_next(node)) {
        struct th_kept *kept = TH_HEAP_OWNER(node, struct th_kept, by_hash);
        if (th_fact_is_same(&kept->made->fact, fact))
            return kept;
    }
    return NULL;
}

static void take_out(struct th_fact_keep *keep, struct th_kept *kept)
{
    *(kept->previous ? &kept->previous->next : &keep->first) = kept->next;
    *(kept->next ? &kept->next->previous : &keep->last) = kept->previous;
    th_run_index_remove(&keep->index, &kept->by_hash);
    keep->count--;
}

static void forget(struct th_kept *kept)
{
    th_event_release(&kept->made->event);
    th_mem_free(kept);
}

static void leave_out(struct th_fact_keep *keep, struct source *source)
{
    keep->left_out++;
    if (source == NULL) {
        keep->is_incomplete_for_good = true;
    } else if (!source->has_left_out) {
        source->has_left_out = true;
        keep->left_out_now++;
    }
}

/* A fact that was not so before; NULL when there is no room for it. */
static struct th_kept *add(struct th_fact_keep *keep, uint64_t hash)
{
    struct th_kept *kept = keep->count < TH_FACTS_MAX ? th_mem_zalloc(1, sizeof *kept) : NULL;

    if (kept == NULL)
        return NULL;
    if (th_run_index_add(&keep->index, &kept->by_hash, hash) != TH_OK) {
        th_mem_free(kept);
        return NULL;
    }
    kept->previous = keep->last;
    *(keep->last ? &keep->last->next : &keep->first) = kept;
    keep->last = kept;
    keep->count++;
    return kept;
}

/* Of an announcer whose end would not be heard nothing is kept. */
static void keep_it(struct th_fact_keep *keep, struct th_fact_event *made, struct th_kept *kept,
                    uint64_t hash)
{
    struct source *source = find_source(keep, made->announcer);
    bool is_watched = made->announcer == 0 || source != NULL;

    if (kept && !is_watched) {
        take_out(keep, kept);
        forget(kept);
        kept = NULL;
    }
    if (kept == NULL && is_watched)
        kept = add(keep, hash);
    if (kept == NULL) {
        leave_out(keep, source);
        return;
    }
    th_event_hold(&made->event);
    if (kept->made)
        th_event_release(&kept->made->event);
    kept->made = made;
    kept->source = source;
}

void th_run_keep_note(struct th_fact_keep *keep, struct th_event *event)
{
    struct th_fact_event *made = th_run_fact_of(event);
    uint64_t hash = hash_of(keep, &made->fact);
    struct th_kept *kept = find(keep, &made->fact, hash);

    if (!event->is_over) {
        keep_it(keep, made, kept, hash);
    } else if (kept) {
        take_out(keep, kept);
        forget(kept);
    }
}

/* --- the end of an announcer --- */

void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer)
{
    struct source *source = find_source(keep, announcer);
    struct th_kept **ended = &keep->ended;

    if (source == NULL)
        return;
    for (struct th_kept *kept = keep->first, *next; kept; kept = next) {
        next = kept->next;
        if (kept->source != source)
            continue;
        kept->source = NULL;
        if (kept->made->fact.end_kind == 0)
            continue;
        take_out(keep, kept);
        kept->next = NULL;
        *ended = kept;
        ended = &kept->next;
    }
    keep->left_out_now -= source->has_left_out;
    th_run_index_remove(&keep->sources, &source->by_pid);
    th_demonitor(self, source->monitor);
    th_mem_free(source);
}

struct th_event *th_run_keep_take_ended(struct th_fact_keep *keep)
{
    struct th_kept *kept = keep->ended;
    struct th_event *end;

    if (kept == NULL)
        return NULL;
    keep->ended = kept->next;
    end = &kept->made->end;
    TH_CHECK(atomic_load(&end->holders) == 0); /* a fact is kept by one manager, and ends once */
    atomic_store(&end->holders, 1); /* whose hold of the event is the one that was kept */
    th_mem_free(kept);
    return end;
}

/* --- the answer --- */

struct th_facts *th_run_keep_read(const struct th_fact_keep *keep, uint64_t kinds, uint64_t seq)
{
    struct th_facts *facts;
    unsigned count = 0;

    for (const struct th_kept *kept = keep->first; kept; kept = kept->next)
        count += (kept->made->fact.kind & kinds) != 0;
    facts = th_mem_zalloc(1, sizeof *facts + count * sizeof(struct th_event *));
    if (facts == NULL)
        return NULL;
    facts->seq = seq;
    facts->is_whole = keep->left_out_now == 0 && !keep->is_incomplete_for_good;
    facts->left_out = keep->left_out;
    for (const struct th_kept *kept = keep->first; kept; kept = kept->next) {
        if ((kept->made->fact.kind & kinds) == 0)
            continue;
        facts->event[facts->count++] = &kept->made->event;
        th_event_hold(&kept->made->event);
    }
    return facts;
}

void th_run_keep_clear(struct th_fact_keep *keep)
{
    struct th_index_node *node;

    for (struct th_kept *kept = keep->first, *next; kept; kept = next) {
        next = kept->next;
        forget(kept);
    }
    while ((node = th_run_index_take(&keep->sources)) != NULL)
        th_mem_free(TH_HEAP_OWNER(node, struct source, by_pid));
    th_run_index_clear(&keep->index);
    th_run_index_clear(&keep->sources);
}
