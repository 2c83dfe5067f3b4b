#include "switch/run/fact_keep.h"

#include "switch/base/mem.h"

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

/* An announcer's facts of one kind: so a fact need not say more than a number. */
struct th_fact_voice {
    const struct th_fact_kind *fact;
    th_pid announcer; /* 0: no server, or one that has ended */
    unsigned count;   /* facts; 0: free */
};

enum { VOICES_MAX = UINT16_MAX };

static enum th_err make_voice(struct th_fact_keep *keep, unsigned *voice)
{
    struct th_fact_voice *voices;

    for (*voice = 0; *voice < keep->voice_count && keep->voices[*voice].count > 0;)
        ++*voice;
    if (*voice < keep->voice_count)
        return TH_OK;
    if (keep->voice_count == VOICES_MAX)
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

/* --- bytes with few zeros --- */

/* A run of zeros is worth being told by its length from so many on. */
enum {
    ZEROS_MIN = 3,
    RUN_MAX = UINT8_MAX,
    PACKED_MAX = TH_FACT_BODY_MAX + 2 * (TH_FACT_BODY_MAX / RUN_MAX + 1)
};

static size_t count_zeros(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && n < RUN_MAX && bytes[n] == 0)
        n++;
    return n;
}

/* How many bytes come before the next run of zeros. */
static size_t count_others(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && n < RUN_MAX && (bytes[n] || count_zeros(bytes + n, len - n) < ZEROS_MIN))
        n++;
    return n;
}

/* Writes how many bytes follow, these bytes, how many zeros follow, and so on. Returns how many it wrote. */
static size_t pack(uint8_t packed[PACKED_MAX], const uint8_t *bytes, size_t len)
{
    size_t written = 0;

    for (size_t at = 0; at < len;) {
        size_t others = count_others(bytes + at, len - at);
        packed[written++] = (uint8_t)others;
        memcpy(packed + written, bytes + at, others);
        written += others;
        at += others;
        size_t zeros = count_zeros(bytes + at, len - at);
        packed[written++] = (uint8_t)zeros;
        at += zeros;
    }
    return written;
}

/* bytes: zeros. */
static void unpack(uint8_t *bytes, size_t len, const uint8_t *packed, size_t packed_len)
{
    size_t at = 0;

    for (size_t i = 0; i < packed_len;) {
        size_t others = packed[i++];
        TH_CHECK(others <= len - at);
        memcpy(bytes + at, packed + i, others);
        i += others;
        at += others + packed[i++];
        TH_CHECK(at <= len);
    }
}

/* --- what is so of one key --- */

struct th_fact_entry {
    struct th_fact_entry *older, *newer;
    struct th_index_node by_key;
    uint32_t len; /* of the bytes: the key, then a head and what is packed for each fact */
    uint8_t key_len;
    uint8_t bytes[];
};

/* What stands before the packed bytes of a fact, which are its body's but for the key. */
struct head {
    uint16_t voice;
    uint16_t size; /* of the body */
    uint16_t packed_len;
    uint8_t kind; /* of the event: its bit */
    uint8_t zero;
};

enum { FACT_BYTES_MAX = sizeof(struct head) + PACKED_MAX };

static struct head head_at(const struct th_fact_entry *entry, size_t at)
{
    struct head head;

    memcpy(&head, entry->bytes + at, sizeof head);
    return head;
}

static size_t fact_len(const struct th_fact_entry *entry, size_t at)
{
    return sizeof(struct head) + head_at(entry, at).packed_len;
}

static const struct th_fact_voice *voice_at(const struct th_fact_keep *keep,
                                            const struct th_fact_entry *entry, size_t at)
{
    return &keep->voices[head_at(entry, at).voice];
}

static uint64_t hash_of(const struct th_fact_keep *keep, const struct th_event *event)
{
    return th_hash(keep->secret, event->body, event->fact->key_len);
}

static struct th_fact_entry *find(const struct th_fact_keep *keep, const struct th_event *event)
{
    struct th_index_node *node = th_index_find(&keep->index, hash_of(keep, event));

    for (; node; node = th_index_next(node)) {
        struct th_fact_entry *entry = TH_HEAP_OWNER(node, struct th_fact_entry, by_key);
        if (entry->key_len == event->fact->key_len &&
            memcmp(entry->bytes, event->body, entry->key_len) == 0)
            return entry;
    }
    return NULL;
}

/* Where in the entry of its key the fact of an event stands; its end when it does not. */
static size_t find_fact(const struct th_fact_keep *keep, const struct th_fact_entry *entry,
                        const struct th_event *event)
{
    size_t at = entry->key_len;

    while (at < entry->len && voice_at(keep, entry, at)->fact->kind != event->fact->kind)
        at += fact_len(entry, at);
    return at;
}

static void take_out(struct th_fact_keep *keep, struct th_fact_entry *entry)
{
    *(entry->older ? &entry->older->newer : &keep->first) = entry->newer;
    *(entry->newer ? &entry->newer->older : &keep->last) = entry->older;
    th_index_remove(&keep->index, &entry->by_key);
    th_mem_free(entry);
}

/* Puts an entry behind `older` (NULL: first). */
static enum th_err put_in(struct th_fact_keep *keep, struct th_fact_entry *entry,
                          struct th_fact_entry *older, uint64_t hash)
{
    enum th_err err = th_index_add(&keep->index, &entry->by_key, hash);

    if (err != TH_OK)
        return err;
    entry->older = older;
    entry->newer = older ? older->newer : keep->first;
    *(older ? &older->newer : &keep->first) = entry;
    *(entry->newer ? &entry->newer->older : &keep->last) = entry;
    return TH_OK;
}

/* Makes room in the entry of an event's key, if there is one (else *entry is NULL); it stays in its place.
 * Errors: TH_NO_MEMORY; nothing has changed then. */
static enum th_err enlarge(struct th_fact_keep *keep, struct th_fact_entry **entry,
                           const struct th_event *event, size_t more)
{
    struct th_fact_entry *before = *entry;
    size_t len = before ? before->len : event->fact->key_len;
    struct th_fact_entry *made = th_mem_zalloc(1, sizeof *made + len + more);

    if (made == NULL)
        return TH_NO_MEMORY;
    made->len = (uint32_t)len;
    made->key_len = (uint8_t)event->fact->key_len;
    memcpy(made->bytes, before ? before->bytes : event->body, len);
    if (put_in(keep, made, before ? before : keep->last, hash_of(keep, event)) != TH_OK) {
        th_mem_free(made);
        return TH_NO_MEMORY;
    }
    if (before)
        take_out(keep, before);
    *entry = made;
    return TH_OK;
}

static void cut(struct th_fact_keep *keep, struct th_fact_entry *entry, size_t at)
{
    size_t len = fact_len(entry, at);

    keep->voices[head_at(entry, at).voice].count--;
    keep->count--;
    memmove(entry->bytes + at, entry->bytes + at + len, entry->len - at - len);
    entry->len -= (uint32_t)len;
}

/* The entry goes with its last fact; true when it did. */
static bool remove_fact(struct th_fact_keep *keep, struct th_fact_entry *entry, size_t at)
{
    cut(keep, entry, at);
    if (entry->len > entry->key_len)
        return false;
    take_out(keep, entry);
    return true;
}

/* Puts the bytes of a fact where another one of the entry begins, or at its end. */
static void insert(struct th_fact_entry *entry, size_t at, const uint8_t *bytes, size_t len)
{
    memmove(entry->bytes + at + len, entry->bytes + at, entry->len - at);
    memcpy(entry->bytes + at, bytes, len);
    entry->len += (uint32_t)len;
}

static size_t write_fact(uint8_t bytes[FACT_BYTES_MAX], const struct th_fact_event *said,
                         unsigned voice)
{
    unsigned key_len = said->event.fact->key_len;
    size_t packed_len =
        pack(bytes + sizeof(struct head), said->body + key_len, said->size - key_len);
    struct head head = {
        .voice = (uint16_t)voice, .size = (uint16_t)said->size, .packed_len = (uint16_t)packed_len};

    while (said->event.kind >> head.kind != 1)
        head.kind++;
    memcpy(bytes, &head, sizeof head);
    return sizeof head + packed_len;
}

/* Keeps what is said of a fact; what was said of it before goes, also when there is no room. */
static enum th_err keep_it(struct th_fact_keep *keep, const struct th_fact_event *said)
{
    struct th_fact_entry *entry = find(keep, &said->event);
    size_t at = entry ? find_fact(keep, entry, &said->event) : said->event.fact->key_len;
    size_t old_len = entry && at < entry->len ? fact_len(entry, at) : 0;
    uint8_t bytes[FACT_BYTES_MAX];
    unsigned voice;

    enum th_err err = old_len == 0 && keep->count >= TH_FACTS_MAX ? TH_LIMIT : TH_OK;
    if (err == TH_OK)
        err = find_voice(keep, said, &voice);
    size_t len = err == TH_OK ? write_fact(bytes, said, voice) : 0;
    if (len > old_len)
        err = enlarge(keep, &entry, &said->event, len - old_len);
    if (err != TH_OK) {
        if (old_len > 0)
            remove_fact(keep, entry, at);
        return err;
    }
    if (old_len > 0)
        cut(keep, entry, at);
    insert(entry, at, bytes, len);
    keep->voices[voice].count++;
    keep->count++;
    return TH_OK;
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
    struct th_fact_entry *entry = find(keep, event);
    size_t at = entry ? find_fact(keep, entry, event) : 0;

    if (entry && at < entry->len)
        remove_fact(keep, entry, at);
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

/* Makes an event of a fact that is kept. NULL without memory. */
static struct th_event *read_fact(const struct th_fact_keep *keep,
                                  const struct th_fact_entry *entry, size_t at, bool is_over)
{
    const struct th_fact_kind *fact = voice_at(keep, entry, at)->fact;
    struct head head = head_at(entry, at);
    uint8_t body[TH_FACT_BODY_MAX];

    memset(body, 0, head.size);
    memcpy(body, entry->bytes, entry->key_len);
    unpack(body + entry->key_len, head.size - entry->key_len, entry->bytes + at + sizeof head,
           head.packed_len);
    return th_fact_event_new(is_over ? fact->end_kind : 1ull << head.kind, fact, is_over, body,
                             head.size);
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

/* Takes out what ended of one key, after which the entry may be gone. */
static void end_facts(struct th_fact_keep *keep, struct th_fact_entry *entry,
                      const struct ending *ending)
{
    bool is_gone = false;

    for (size_t at = entry->key_len; !is_gone && at < entry->len;) {
        const struct th_fact_voice *voice = voice_at(keep, entry, at);
        if (!ends(voice, ending->announcer)) {
            at += fact_len(entry, at);
            continue;
        }
        uint64_t end_kind = voice->fact->end_kind;
        struct th_event *end = read_fact(keep, entry, at, true);
        is_gone = remove_fact(keep, entry, at);
        ending->tell(ending->ctx, end_kind, end);
    }
}

void th_run_keep_on_down(struct th_fact_keep *keep, const struct th_self *self, th_pid announcer,
                         th_fact_ended_fn tell, void *ctx)
{
    struct source *source = find_source(keep, announcer);
    struct ending ending = {announcer, tell, ctx};

    if (source == NULL)
        return;
    for (struct th_fact_entry *entry = keep->first, *next; entry; entry = next) {
        next = entry->newer;
        end_facts(keep, entry, &ending);
    }
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

struct th_facts *th_run_keep_read(const struct th_fact_keep *keep, uint64_t kinds, uint64_t seq)
{
    struct th_facts *facts;
    unsigned count = 0;

    for (unsigned i = 0; i < keep->voice_count; i++)
        if (keep->voices[i].count > 0 && (keep->voices[i].fact->kind & kinds) != 0)
            count += keep->voices[i].count;
    facts = th_mem_zalloc(1, sizeof *facts + count * sizeof(struct th_event *));
    if (facts == NULL)
        return NULL;
    facts->seq = seq;
    facts->is_whole = keep->left_out_now == 0 && !keep->is_incomplete_for_good;
    facts->left_out = keep->left_out;
    for (const struct th_fact_entry *entry = keep->first; entry; entry = entry->newer) {
        for (size_t at = entry->key_len; at < entry->len; at += fact_len(entry, at)) {
            if ((voice_at(keep, entry, at)->fact->kind & kinds) == 0)
                continue;
            facts->event[facts->count] = read_fact(keep, entry, at, false);
            if (facts->event[facts->count] == NULL) {
                drop_facts(facts);
                return NULL;
            }
            facts->count++;
        }
    }
    return facts;
}

void th_run_keep_clear(struct th_fact_keep *keep)
{
    struct th_index_node *node;

    while (keep->first)
        take_out(keep, keep->first);
    while ((node = th_index_take(&keep->sources)) != NULL)
        th_mem_free(TH_HEAP_OWNER(node, struct source, by_pid));
    th_index_clear(&keep->index);
    th_index_clear(&keep->sources);
    th_mem_free(keep->voices);
}
