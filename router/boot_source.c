#include "router/boot_source.h"

#include "switch/base/mem.h"

struct th_boot_source *th_boot_sources_find(const struct th_boot_sources *sources,
                                            const struct th_hashname *id)
{
    for (unsigned i = 0; i < sources->count; i++)
        if (th_hashname_is_equal(&sources->source[i].seed.id, id))
            return &sources->source[i];
    return NULL;
}

bool th_boot_source_counts(const struct th_boot_source *source)
{
    return source->kind != TH_BOOT_MET || source->was_linked;
}

static void add_paths(struct th_paths *to, const struct th_paths *from)
{
    for (unsigned i = 0; i < from->count; i++) {
        unsigned k = 0;
        while (k < to->count && !th_addr_is_equal(&to->addr[k], &from->addr[i]))
            k++;
        if (k == to->count && k < TH_PATHS_MAX)
            to->addr[to->count++] = from->addr[i];
    }
}

static struct th_boot_source *append(struct th_boot_sources *sources)
{
    if (sources->count == sources->room) {
        unsigned room = sources->room ? 2 * sources->room : 4;
        void *more = th_mem_resize(sources->source, room, sizeof *sources->source);
        if (more == NULL)
            return NULL;
        sources->source = more;
        sources->room = room;
    }
    return &sources->source[sources->count++];
}

static void fill(struct th_boot_sources *sources, struct th_boot_source *source,
                 const struct th_seed *seed, enum th_boot_kind kind)
{
    *source = (struct th_boot_source){.seed = *seed, .kind = kind, .order = sources->orders++};
}

enum th_err th_boot_sources_add(struct th_boot_sources *sources, const struct th_seed *seed,
                                enum th_boot_kind kind)
{
    struct th_boot_source *source = th_boot_sources_find(sources, &seed->id);

    if (source) {
        add_paths(&source->seed.paths, &seed->paths);
        if (kind < source->kind)
            source->kind = kind;
        return TH_OK;
    }
    source = append(sources);
    if (source == NULL)
        return TH_NO_MEMORY;
    fill(sources, source, seed, kind);
    return TH_OK;
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
    source = met < TH_BOOT_MET_MAX ? append(sources) : least_useful(sources);
    if (source)
        fill(sources, source, peer, TH_BOOT_MET);
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

void th_boot_sources_clear(struct th_boot_sources *sources)
{
    th_mem_free(sources->source);
    *sources = (struct th_boot_sources){0};
}
