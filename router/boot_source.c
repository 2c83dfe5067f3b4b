#include "router/boot_source.h"

#include "switch/base/mem.h"

#include <string.h>

enum { ROOM_STEP = 8 };

struct th_boot_source *th_boot_sources_find(const struct th_boot_sources *sources,
                                            const struct th_hashname *id)
{
    for (unsigned i = 0; i < sources->count; i++)
        if (th_hashname_is_equal(&sources->source[i].id, id))
            return &sources->source[i];
    return NULL;
}

bool th_boot_source_counts(const struct th_boot_source *source)
{
    return source->kind != TH_BOOT_MET || source->was_linked;
}

/* --- what is known of one, in as little memory as it takes: there may be hundreds --- */

static const struct th_part *parts_of(const struct th_boot_source *source)
{
    return (const struct th_part *)(source->addr + source->path_count);
}

void th_boot_source_seed(const struct th_boot_source *source, struct th_seed *out)
{
    *out = (struct th_seed){.id = source->id,
                            .key = source->key,
                            .parts.count = source->part_count,
                            .paths.count = source->path_count};
    for (unsigned i = 0; i < source->part_count; i++)
        out->parts.part[i] = parts_of(source)[i];
    if (source->sole_csid) {
        out->parts.count = 1;
        out->parts.part[0].csid = source->sole_csid;
        th_fingerprint_of(&out->parts.part[0].fingerprint, source->key.b, sizeof source->key.b);
    }
    for (unsigned i = 0; i < source->path_count; i++)
        out->paths.addr[i] = source->addr[i];
}

/* The cipher set of the only part, when that follows from the key; else 0. */
static uint8_t sole_csid(const struct th_seed *seed)
{
    uint8_t csid = seed->parts.part[0].csid;
    struct th_bytes key = {seed->key.b, sizeof seed->key.b};

    return seed->parts.count == 1 && th_parts_have_key(&seed->parts, csid, key) ? csid : 0;
}

/* Takes over what a seeds entry says; what was known before is freed. */
static enum th_err learn(struct th_boot_source *source, const struct th_seed *seed)
{
    uint8_t sole = sole_csid(seed);
    unsigned part_count = sole ? 0 : seed->parts.count;
    size_t addrs = seed->paths.count * sizeof *source->addr;
    size_t parts = part_count * sizeof(struct th_part);
    struct th_addr *addr = th_mem_zalloc(1, addrs + parts + 1);

    if (addr == NULL)
        return TH_NO_MEMORY;
    th_mem_free(source->addr);
    source->id = seed->id;
    source->key = seed->key;
    source->sole_csid = sole;
    source->part_count = (uint8_t)part_count;
    source->path_count = (uint8_t)seed->paths.count;
    source->addr = addr;
    for (unsigned i = 0; i < source->path_count; i++)
        source->addr[i] = seed->paths.addr[i];
    memcpy(addr + source->path_count, seed->parts.part, parts);
    return TH_OK;
}

void th_boot_source_move(struct th_boot_source *source, const struct th_paths *paths)
{
    struct th_seed seed;

    th_boot_source_seed(source, &seed);
    seed.paths = *paths;
    if (learn(source, &seed) != TH_OK)
        return; /* it is looked for where it was */
}

static enum th_err learn_paths(struct th_boot_source *source, const struct th_paths *paths)
{
    struct th_seed seed;

    th_boot_source_seed(source, &seed);
    th_paths_add(&seed.paths, paths);
    return learn(source, &seed);
}

/* --- the list --- */

/* Makes room for one more; the list is short, and its memory stays as small as it is. */
static struct th_boot_source *append(struct th_boot_sources *sources)
{
    if (sources->count == sources->room) {
        unsigned room = sources->room + ROOM_STEP;
        void *more = th_mem_resize(sources->source, room, sizeof *sources->source);
        if (more == NULL)
            return NULL;
        sources->source = more;
        sources->room = room;
    }
    sources->source[sources->count] = (struct th_boot_source){0};
    return &sources->source[sources->count++];
}

/* Begins anew with another node. */
static enum th_err fill(struct th_boot_sources *sources, struct th_boot_source *source,
                        const struct th_seed *seed, enum th_boot_kind kind)
{
    struct th_boot_source fresh = {.kind = (uint8_t)kind, .order = sources->orders};

    if (learn(&fresh, seed) != TH_OK)
        return TH_NO_MEMORY;
    sources->orders++;
    th_mem_free(source->addr);
    *source = fresh;
    return TH_OK;
}

enum th_err th_boot_sources_add(struct th_boot_sources *sources, const struct th_seed *seed,
                                enum th_boot_kind kind)
{
    struct th_boot_source *source = th_boot_sources_find(sources, &seed->id);

    if (source) {
        if (kind < source->kind)
            source->kind = (uint8_t)kind;
        return learn_paths(source, &seed->paths);
    }
    source = append(sources);
    if (source == NULL)
        return TH_NO_MEMORY;
    enum th_err err = fill(sources, source, seed, kind);
    if (err != TH_OK)
        sources->count--;
    return err;
}

/* The one to forget for somebody newly met: never linked before linked once, old before new. */
static struct th_boot_source *least_useful(struct th_boot_sources *sources)
{
    struct th_boot_source *worst = NULL;

    for (unsigned i = 0; i < sources->count; i++) {
        struct th_boot_source *s = &sources->source[i];
        if (s->kind != TH_BOOT_MET || s->phase != TH_BOOT_IDLE)
            continue;
        if (worst == NULL || s->was_linked < worst->was_linked ||
            (s->was_linked == worst->was_linked && s->order < worst->order))
            worst = s;
    }
    return worst;
}

struct th_boot_source *th_boot_sources_meet(struct th_boot_sources *sources,
                                            const struct th_seed *peer)
{
    struct th_boot_source *source;
    unsigned met = 0;

    for (unsigned i = 0; i < sources->count; i++)
        met += sources->source[i].kind == TH_BOOT_MET;
    /* Without memory it is forgotten too: all this is only for coming back. */
    bool is_new = met < TH_BOOT_MET_MAX;
    source = is_new ? append(sources) : least_useful(sources);
    if (source && fill(sources, source, peer, TH_BOOT_MET) != TH_OK) {
        sources->count -= is_new;
        return NULL;
    }
    return source;
}

th_ms th_boot_source_pause(const struct th_boot_source *source, struct th_now now)
{
    th_ms pause = TH_BOOT_PAUSE_FIRST_MS;

    if (source->kind != TH_BOOT_CONFIGURED && source->fails >= TH_BOOT_TRIES)
        return TH_BOOT_PAUSE_LEFT_MS;
    if (now.mono - source->silent_since >= TH_BOOT_PATIENCE_MS)
        return TH_BOOT_PAUSE_SILENT_MS;
    for (unsigned i = 1; i < source->fails && pause < TH_BOOT_PAUSE_MAX_MS; i++)
        pause *= 2;
    return th_sooner(pause, TH_BOOT_PAUSE_MAX_MS);
}

void th_boot_sources_leave_refused(struct th_boot_sources *sources, struct th_rng *rng,
                                   struct th_now now)
{
    enum { PAUSE_MS = TH_BOOT_PAUSE_REFUSED_MS };

    for (unsigned i = 0; i < sources->count; i++) {
        struct th_boot_source *s = &sources->source[i];
        if (s->has_refused && s->phase == TH_BOOT_IDLE && !s->is_useless)
            s->at = now.mono + th_rng_between(rng, PAUSE_MS - PAUSE_MS / 5, PAUSE_MS);
        s->has_refused = false;
    }
}

bool th_boot_is_refusal(enum th_err why)
{
    return why == TH_EOF || why == TH_REFUSED || why == TH_AGAIN || why == TH_LIMIT;
}

bool th_boot_losses_note(struct th_boot_losses *losses, unsigned left, struct th_now now)
{
    if (now.mono - losses->since > TH_BOOT_CUT_MS)
        *losses = (struct th_boot_losses){.since = now.mono, .is_cut = losses->is_cut};
    losses->count++;
    if (losses->count < TH_BOOT_CUT_MIN || losses->count * TH_BOOT_CUT_SHARE < left + losses->count)
        return false;
    *losses = (struct th_boot_losses){.since = now.mono, .is_cut = true};
    return true;
}

void th_boot_sources_ask_refused(struct th_boot_sources *sources, struct th_rng *rng,
                                 struct th_now now)
{
    for (unsigned i = 0; i < sources->count; i++) {
        struct th_boot_source *s = &sources->source[i];
        if (s->kind == TH_BOOT_CONFIGURED && s->phase == TH_BOOT_IDLE && !s->is_useless &&
            s->at > now.mono + TH_BOOT_CUT_ASK_MS) {
            s->at = now.mono + th_rng_below(rng, TH_BOOT_CUT_ASK_MS);
            s->fails = 0;
        }
    }
}

unsigned th_boot_sources_count(const struct th_boot_sources *sources, unsigned *reached)
{
    unsigned n = 0;

    *reached = 0;
    for (unsigned i = 0; i < sources->count; i++) {
        bool counts = th_boot_source_counts(&sources->source[i]);
        n += counts;
        *reached += counts && sources->source[i].is_line_up;
    }
    return n;
}

void th_boot_sources_clear(struct th_boot_sources *sources)
{
    for (unsigned i = 0; i < sources->count; i++)
        th_mem_free(sources->source[i].addr);
    th_mem_free(sources->source);
    *sources = (struct th_boot_sources){0};
}
