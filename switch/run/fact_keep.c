#include "switch/run/fact_keep.h"

#include "switch/base/mem.h"

#include <stdlib.h>
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

/* --- who says what --- */

static enum th_err make_voice(struct th_fact_keep *keep, unsigned *voice)
{
    struct th_fact_voice *voices;

    for (*voice = 0; *voice < keep->voice_count && keep->voices[*voice].count > 0;)
        ++*voice;
    if (*voice < keep->voice_count)
        return TH_OK;
    if (keep->voice_count == TH_VOICES_MAX)
        return TH_LIMIT;
    voices = th_mem_resize(keep->voices, keep->voice_count + 1, sizeof *voices);
    if (voices == NULL)
        return TH_NO_MEMORY;
    keep->voices = voices;
    keep->voice_count++;
    return TH_OK;
}

static enum th_err find_voice(struct th_fact_keep *keep, const struct th_fact_event *said,
                              unsigned *voice)
{
    const struct th_fact_kind *fact = said->event.fact;

    for (*voice = 0; *voice < keep->voice_count; ++*voice) {
        const struct th_fact_voice *v = &keep->voices[*voice];
        if (v->count > 0 && v->fact == fact && v->announcer == said->announcer)
            return TH_OK;
    }
    enum th_err err = make_voice(keep, voice);
    if (err == TH_OK)
        keep->voices[*voice] = (struct th_fact_voice){.fact = fact, .announcer = said->announcer};
    return err;
}

/* --- keys --- */

static uint64_t hash_of(const struct th_fact_keep *keep, const struct th_event *event)
{
    return th_hash_long(keep->secret, event->body, event->fact->key_len);
}

/* The first whose hash is not less. */
static unsigned place_of(const struct th_fact_keep *keep, uint64_t hash)
{
    unsigned low = 0, high = keep->entry_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (keep->entries[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL when nothing is so of the key. */
static struct th_fact_entry *find(const struct th_fact_keep *keep, const struct th_event *event,
                                  uint64_t hash)
{
    for (unsigned i = place_of(keep, hash); i < keep->entry_count; i++) {
        struct th_fact_entry *entry = &keep->entries[i];
        if (entry->hash != hash)
            return NULL;
        if (th_run_entry_is_of(entry, event))
            return entry;
    }
    return NULL;
}

static enum th_err resize(struct th_fact_keep *keep, unsigned room)
{
    void *entries = th_mem_resize(keep->entries, room, sizeof *keep->entries);

    if (entries == NULL)
        return TH_NO_MEMORY;
    keep->entries = entries;
    keep->entry_room = room;
    return TH_OK;
}

/* NULL without memory. */
static struct th_fact_entry *add_entry(struct th_fact_keep *keep, uint64_t hash)
{
    if (keep->entry_count == keep->entry_room &&
        resize(keep, th_mem_room_after(keep->entry_count)) != TH_OK)
        return NULL;
    unsigned place = place_of(keep, hash);
    struct th_fact_entry *entry = &keep->entries[place];
    memmove(entry + 1, entry, (keep->entry_count - place) * sizeof *entry);
    *entry = (struct th_fact_entry){.hash = hash, .order = keep->orders++};
    keep->entry_count++;
    return entry;
}

/* Without memory there is more room than is needed, for now. */
static void give_back(struct th_fact_keep *keep)
{
    unsigned room = th_mem_room_after(keep->entry_count);

    if (keep->entry_room >= room + room / 4 && resize(keep, room) != TH_OK)
        return;
}

static void drop_if_empty(struct th_fact_keep *keep, struct th_fact_entry *entry)
{
    if (entry->len > 0)
        return;
    keep->entry_count--;
    memmove(entry, entry + 1, (size_t)(&keep->entries[keep->entry_count] - entry) * sizeof *entry);
    give_back(keep);
}

static int by_order(const void *a, const void *b)
{
    const struct th_fact_entry *one = a, *other = b;

    return (int32_t)(one->order - other->order) < 0 ? -1 : 1;
}

static int by_hash(const void *a, const void *b)
{
    const struct th_fact_entry *one = a, *other = b;

    return one->hash != other->hash ? (one->hash < other->hash ? -1 : 1) : by_order(a, b);
}

static void sort(struct th_fact_keep *keep, int (*by)(const void *, const void *))
{
    if (keep->entry_count > 1)
        qsort(keep->entries, keep->entry_count, sizeof *keep->entries, by);
}

/* --- what is said --- */

static const struct th_fact_voice *voice_at(const struct th_fact_keep *keep,
                                            struct th_fact_entry *entry, size_t at)
{
    return &keep->voices[th_run_entry_voice(entry, at)];
}

static struct th_bytes key_of(const struct th_event *event)
{
    return (struct th_bytes){event->body, event->fact->key_len};
}

static void remove_fact(struct th_fact_keep *keep, struct th_fact_entry *entry, size_t at,
                        struct th_bytes key)
{
    static const struct th_fact_written nothing;

    keep->voices[th_run_entry_voice(entry, at)].count--;
    keep->count--;
    enum th_err err = th_run_entry_put(entry, keep->voices, at, &nothing, key);
    TH_CHECK(err == TH_OK);
}

/* Keeps what is said of a fact; what was said of it before goes, also when there is no room. */
static enum th_err keep_it(struct th_fact_keep *keep, const struct th_fact_event *said)
{
    const struct th_event *event = &said->event;
    uint64_t hash = hash_of(keep, event);
    struct th_fact_entry *entry = find(keep, event, hash);
    size_t at = entry ? th_run_entry_find(entry, keep->voices, event) : 0;
    bool was_kept = entry && at < entry->len;
    struct th_fact_written fact;
    unsigned voice;

    enum th_err err = !was_kept && keep->count >= TH_FACTS_MAX ? TH_LIMIT : TH_OK;
    if (err == TH_OK)
        err = find_voice(keep, said, &voice);
    if (err == TH_OK && entry == NULL) {
        entry = add_entry(keep, hash);
        err = entry ? TH_OK : TH_NO_MEMORY;
    }
    if (err == TH_OK) {
        unsigned before = was_kept ? th_run_entry_voice(entry, at) : voice;
        th_run_entry_write(&fact, said, voice);
        err = th_run_entry_put(entry, keep->voices, at, &fact, key_of(event));
        if (err == TH_OK) {
            keep->voices[before].count -= was_kept;
            keep->voices[voice].count++;
            keep->count += !was_kept;
        }
    }
    if (err != TH_OK && was_kept)
        remove_fact(keep, entry, at, key_of(event));
    if (err != TH_OK && entry)
        drop_if_empty(keep, entry);
    return err;
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

static void forget(struct th_fact_keep *keep, const struct th_event *event)
{
    struct th_fact_entry *entry = find(keep, event, hash_of(keep, event));
    size_t at = entry ? th_run_entry_find(entry, keep->voices, event) : 0;

    if (entry == NULL || at == entry->len)
        return;
    remove_fact(keep, entry, at, key_of(event));
    drop_if_empty(keep, entry);
}

void th_run_keep_note(struct th_fact_keep *keep, const struct th_event *event)
{
    const struct th_fact_event *said = th_run_fact_of(event);
    struct source *source = find_source(keep, said->announcer);

    if (event->is_over) {
        forget(keep, event);
    } else if (said->announcer != 0 && source == NULL) {
        forget(keep, event); /* its end would not be heard */
        leave_out(keep, NULL);
    } else if (keep_it(keep, said) != TH_OK) {
        leave_out(keep, source);
    }
}

/* --- the end of an announcer --- */

struct ending {
    th_pid announcer;
    th_fact_ended_fn tell;
    void *ctx;
};

static bool ends(const struct th_fact_voice *voice, th_pid announcer)
{
    return voice->announcer == announcer && voice->fact->end_kind != 0;
}

/* Takes out what ended of one key, of which nothing may be left then. */
static void end_facts(struct th_fact_keep *keep, struct th_fact_entry *entry,
                      const struct ending *ending)
{
    uint8_t key[TH_FACT_KEY_MAX];

    for (size_t at = entry->key_len; at < entry->len;) {
        const struct th_fact_kind *fact = voice_at(keep, entry, at)->fact;
        if (!ends(voice_at(keep, entry, at), ending->announcer)) {
            at = th_run_entry_next(entry, at);
            continue;
        }
        th_run_entry_key(entry, keep->voices, key);
        struct th_event *end = th_run_entry_read(entry, keep->voices, at, true, key);
        size_t key_len = entry->key_len;
        remove_fact(keep, entry, at, (struct th_bytes){key, fact->key_len});
        at = at - key_len + entry->key_len;
        ending->tell(ending->ctx, fact->end_kind, end);
    }
}

/* In order of beginning to be so. What is told meanwhile finds nothing that it could change. */
static void end_all(struct th_fact_keep *keep, const struct ending *ending)
{
    unsigned kept = 0;

    sort(keep, by_order);
    for (unsigned i = 0; i < keep->entry_count; i++)
        end_facts(keep, &keep->entries[i], ending);
    for (unsigned i = 0; i < keep->entry_count; i++)
        if (keep->entries[i].len > 0)
            keep->entries[kept++] = keep->entries[i];
    keep->entry_count = kept;
    sort(keep, by_hash);
    give_back(keep);
}

void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer,
                         th_fact_ended_fn tell, void *ctx)
{
    struct source *source = find_source(keep, announcer);
    struct ending ending = {announcer, tell, ctx};

    if (source == NULL)
        return;
    end_all(keep, &ending);
    for (unsigned i = 0; i < keep->voice_count; i++) /* what outlives it is nobody's */
        if (keep->voices[i].announcer == announcer)
            keep->voices[i].announcer = 0;
    keep->left_out_now -= source->has_left_out;
    th_index_remove(&keep->sources, &source->by_pid);
    th_demonitor(self, source->monitor);
    th_mem_free(source);
}

/* --- the answer --- */

static void drop_facts(struct th_facts *facts)
{
    for (unsigned i = 0; i < facts->count; i++)
        th_event_release(facts->event[i]);
    th_mem_free(facts);
}

/* Adds what is so of one key, of these kinds. Errors: TH_NO_MEMORY. */
static enum th_err add_facts(struct th_facts *facts, const struct th_fact_keep *keep,
                             struct th_fact_entry *entry, uint64_t kinds)
{
    uint8_t key[TH_FACT_KEY_MAX];
    bool has_key = false;

    for (size_t at = entry->key_len; at < entry->len; at = th_run_entry_next(entry, at)) {
        if ((voice_at(keep, entry, at)->fact->kind & kinds) == 0)
            continue;
        if (!has_key)
            th_run_entry_key(entry, keep->voices, key);
        has_key = true;
        facts->event[facts->count] = th_run_entry_read(entry, keep->voices, at, false, key);
        if (facts->event[facts->count] == NULL)
            return TH_NO_MEMORY;
        facts->count++;
    }
    return TH_OK;
}

struct th_facts *th_run_keep_read(struct th_fact_keep *keep, uint64_t kinds, uint64_t seq)
{
    struct th_facts *facts;
    unsigned count = 0;
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < keep->voice_count; i++)
        if (keep->voices[i].count > 0 && (keep->voices[i].fact->kind & kinds) != 0)
            count += keep->voices[i].count;
    facts = th_mem_zalloc(1, sizeof *facts + count * sizeof(struct th_event *));
    if (facts == NULL)
        return NULL;
    facts->seq = seq;
    facts->is_whole = keep->left_out_now == 0 && !keep->is_incomplete_for_good;
    facts->left_out = keep->left_out;
    sort(keep, by_order);
    for (unsigned i = 0; i < keep->entry_count && err == TH_OK; i++)
        err = add_facts(facts, keep, &keep->entries[i], kinds);
    sort(keep, by_hash);
    if (err == TH_OK)
        return facts;
    drop_facts(facts);
    return NULL;
}

void th_run_keep_clear(struct th_fact_keep *keep)
{
    struct th_index_node *node;

    for (unsigned i = 0; i < keep->entry_count; i++)
        th_run_entry_clear(&keep->entries[i]);
    while ((node = th_index_take(&keep->sources)) != NULL)
        th_mem_free(TH_HEAP_OWNER(node, struct source, by_pid));
    th_index_clear(&keep->sources);
    th_mem_free(keep->entries);
    th_mem_free(keep->voices);
}
