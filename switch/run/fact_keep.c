#include "switch/run/fact_keep.h"

#include <string.h>

/* Who announced facts, and lives. */
struct source {
    struct th_index_node by_pid;
    uint64_t monitor;
    bool has_left_out; /* some of its facts found no room */
};

/* --- announcers --- */

static struct source *find_source(const struct th_fact_keep *keep, th_pid pid)
{
    struct th_index_node *node = th_index_find(&keep->sources, pid);

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
    if (th_index_add(&keep->sources, &source->by_pid, announcer) != TH_OK) {
        th_demonitor(self, source->monitor);
        th_mem_free(source);
    }
}

/* --- facts --- */

static uint64_t hash_of(const struct th_fact_keep *keep, const struct th_event *event)
{
    const struct th_fact_kind *fact = event->fact;
    uint8_t bytes[sizeof fact->kind + TH_FACT_KEY_MAX];

    memcpy(bytes, &fact->kind, sizeof fact->kind);
    memcpy(bytes + sizeof fact->kind, event->body, fact->key_len);
    return th_hash(keep->secret, bytes, sizeof fact->kind + fact->key_len);
}

static struct th_fact_event *find(const struct th_fact_keep *keep, const struct th_event *event,
                                  uint64_t hash)
{
    struct th_index_node *node = th_index_find(&keep->index, hash);

    for (; node; node = th_index_next(node)) {
        struct th_fact_event *kept = TH_HEAP_OWNER(node, struct th_fact_event, by_hash);
        if (th_fact_is_same(&kept->event, event))
            return kept;
    }
    return NULL;
}

static void take_out(struct th_fact_keep *keep, struct th_fact_event *kept)
{
    *(kept->older ? &kept->older->newer : &keep->first) = kept->newer;
    *(kept->newer ? &kept->newer->older : &keep->last) = kept->older;
    th_index_remove(&keep->index, &kept->by_hash);
    keep->count--;
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

/* Puts it behind `older` (NULL: first). False when there is no room. */
static bool put_in(struct th_fact_keep *keep, struct th_fact_event *made,
                   struct th_fact_event *older, uint64_t hash)
{
    if (keep->count >= TH_FACTS_MAX || th_index_add(&keep->index, &made->by_hash, hash) != TH_OK)
        return false;
    made->older = older;
    made->newer = older ? older->newer : keep->first;
    *(older ? &older->newer : &keep->first) = made;
    *(made->newer ? &made->newer->older : &keep->last) = made;
    keep->count++;
    th_event_hold(&made->event);
    return true;
}

/* Keeps what is said; it takes the place of what was said of the same before (NULL: nothing). Of an
 * announcer whose end would not be heard nothing is kept. */
static void keep_it(struct th_fact_keep *keep, struct th_fact_event *made,
                    struct th_fact_event *before, uint64_t hash)
{
    struct source *source = find_source(keep, made->announcer);
    bool is_watched = made->announcer == 0 || source != NULL;
    struct th_fact_event *older = before ? before->older : keep->last;

    if (before)
        take_out(keep, before);
    if (!is_watched || !put_in(keep, made, older, hash))
        leave_out(keep, source);
    if (before)
        th_event_release(&before->event);
}

void th_run_keep_note(struct th_fact_keep *keep, struct th_event *event)
{
    uint64_t hash = hash_of(keep, event);
    struct th_fact_event *kept = find(keep, event, hash);

    if (!event->is_over) {
        keep_it(keep, th_run_fact_of(event), kept, hash);
    } else if (kept) {
        take_out(keep, kept);
        th_event_release(&kept->event);
    }
}

/* --- the end of an announcer --- */

void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer)
{
    struct source *source = find_source(keep, announcer);
    struct th_fact_event **ended = &keep->ended;

    if (source == NULL)
        return;
    for (struct th_fact_event *kept = keep->first, *next; kept; kept = next) {
        next = kept->newer;
        if (kept->announcer != announcer)
            continue;
        kept->announcer = 0;
        if (kept->event.fact->end_kind == 0)
            continue;
        take_out(keep, kept);
        kept->newer = NULL;
        *ended = kept;
        ended = &kept->newer;
    }
    keep->left_out_now -= source->has_left_out;
    th_index_remove(&keep->sources, &source->by_pid);
    th_demonitor(self, source->monitor);
    th_mem_free(source);
}

struct th_fact_event *th_run_keep_take_ended(struct th_fact_keep *keep)
{
    struct th_fact_event *ended = keep->ended;

    if (ended)
        keep->ended = ended->newer;
    return ended;
}

/* --- the answer --- */

struct th_facts *th_run_keep_read(const struct th_fact_keep *keep, uint64_t kinds, uint64_t seq)
{
    struct th_facts *facts;
    unsigned count = 0;

    for (const struct th_fact_event *kept = keep->first; kept; kept = kept->newer)
        count += (kept->event.fact->kind & kinds) != 0;
    facts = th_mem_zalloc(1, sizeof *facts + count * sizeof(struct th_event *));
    if (facts == NULL)
        return NULL;
    facts->seq = seq;
    facts->is_whole = keep->left_out_now == 0 && !keep->is_incomplete_for_good;
    facts->left_out = keep->left_out;
    for (struct th_fact_event *kept = keep->first; kept; kept = kept->newer) {
        if ((kept->event.fact->kind & kinds) == 0)
            continue;
        facts->event[facts->count++] = &kept->event;
        th_event_hold(&kept->event);
    }
    return facts;
}

void th_run_keep_clear(struct th_fact_keep *keep)
{
    struct th_index_node *node;

    for (struct th_fact_event *kept = keep->first, *next; kept; kept = next) {
        next = kept->newer;
        th_event_release(&kept->event);
    }
    while ((node = th_index_take(&keep->sources)) != NULL)
        th_mem_free(TH_HEAP_OWNER(node, struct source, by_pid));
    th_index_clear(&keep->index);
    th_index_clear(&keep->sources);
}
