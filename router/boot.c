#include "router/boot.h"

#include "switch/base/mem.h"

#include <string.h>

static struct th_boot_source *find(const struct th_boot *boot, const struct th_hashname *id)
{
    return th_boot_sources_find(&boot->sources, id);
}

static bool is_running(const struct th_boot_source *source)
{
    return source->phase == TH_BOOT_OPENING || source->phase == TH_BOOT_LINKING;
}

static th_ms shortened(struct th_boot *boot, th_ms pause)
{
    return th_rng_between(boot->rng, pause - pause / 5, pause);
}

/* --- one try -------------------------------------------------------------------------------------- */

static void rest(struct th_boot_source *source, th_ms until)
{
    source->phase = TH_BOOT_IDLE;
    source->is_asking = false;
    source->at = until;
}

static void fail(struct th_boot *boot, struct th_boot_source *source, struct th_now now)
{
    if (source->fails == 0)
        source->silent_since = now.mono;
    if (source->fails < UINT16_MAX)
        source->fails++;
    source->has_failed = true;
    rest(source, now.mono + shortened(boot, th_boot_source_pause(source, now)));
}

static unsigned seed_links(const struct th_boot *boot, const struct th_boot_source *except)
{
    unsigned n = 0;

    for (unsigned i = 0; i < boot->sources.count; i++) {
        const struct th_boot_source *s = &boot->sources.source[i];
        n += s != except && s->kind == TH_BOOT_CONFIGURED &&
             (s->phase == TH_BOOT_LINKED || s->phase == TH_BOOT_LINKING);
    }
    return n;
}

/* Whom else to link with is the router's to decide. */
static bool wants_link(const struct th_boot *boot, const struct th_boot_source *source)
{
    if (boot->link_count == 0)
        return th_boot_source_counts(source);
    return source->kind == TH_BOOT_CONFIGURED && seed_links(boot, source) < TH_BOOT_SEED_LINKS;
}

static bool may_try(const struct th_boot *boot, const struct th_boot_source *source)
{
    return source->phase == TH_BOOT_IDLE && !source->is_useless && wants_link(boot, source);
}

static void ask_for_link(struct th_boot_source *source, struct th_now now)
{
    source->phase = TH_BOOT_LINKING;
    source->is_asking = true;
    source->at = now.mono + TH_BOOT_LINK_MS;
}

static void begin_try(struct th_boot *boot, struct th_boot_source *source, struct th_now now)
{
    if (source->is_line_up) {
        ask_for_link(source, now);
        return;
    }
    source->phase = TH_BOOT_OPENING;
    source->is_asking = true;
    source->attempt = ++boot->attempts;
    source->at = now.mono + TH_BOOT_OPEN_MS;
}

static void reach(struct th_boot *boot, struct th_boot_source *source, struct th_now now)
{
    source->reached_at = now.mono;
    if (!source->is_line_up) {
        source->is_line_up = true;
        source->fails = 0;
        /* It came up anew, maybe because the node did: what it said before is out of date. */
        if (source->phase == TH_BOOT_IDLE)
            source->at = now.mono;
    }
    if (source->phase != TH_BOOT_OPENING)
        return;
    if (wants_link(boot, source))
        ask_for_link(source, now);
    else
        rest(source, now.mono);
}

/* --- links ---------------------------------------------------------------------------------------- */

/* Who makes up two hashnames of one number, which takes some 2^32 tries, is one link to us, and if one of
 * the two ends we may join once too often. */
static uint64_t number_of(const struct th_hashname *id)
{
    uint64_t number = 0, word;

    for (size_t i = 0; i < sizeof id->b; i += sizeof word) {
        memcpy(&word, id->b + i, sizeof word);
        number = number * 0x9e3779b97f4a7c15 + word;
    }
    return number & ~1ull;
}

static uint64_t *find_link(const struct th_boot *boot, uint64_t number)
{
    for (unsigned i = 0; i < boot->link_count; i++)
        if ((boot->link[i] & ~1ull) == number)
            return &boot->link[i];
    return NULL;
}

static struct th_boot_source *find_numbered(const struct th_boot *boot, uint64_t number)
{
    for (unsigned i = 0; i < boot->sources.count; i++)
        if (number_of(&boot->sources.source[i].id) == number)
            return &boot->sources.source[i];
    return NULL;
}

static bool has_seed(const struct th_boot *boot)
{
    for (unsigned i = 0; i < boot->link_count; i++)
        if (boot->link[i] & 1)
            return true;
    return false;
}

/* A node that was told of nobody is the first of its network: whoever comes is company enough. */
static bool is_first(const struct th_boot *boot)
{
    for (unsigned i = 0; i < boot->sources.count; i++)
        if (boot->sources.source[i].kind != TH_BOOT_MET)
            return false;
    return true;
}

static void look(struct th_boot *boot, bool elsewhere)
{
    boot->dial = TH_BOOT_DIAL_ASKING;
    boot->dial_attempt = ++boot->attempts;
    boot->looks_elsewhere = elsewhere;
}

static void look_for_ourselves(struct th_boot *boot)
{
    boot->losses.is_cut = false;
    look(boot, false);
}

/* It answers, and does not want us. Asking again soon would only cost both. */
static void refuse(struct th_boot *boot, struct th_boot_source *source, struct th_now now)
{
    fail(boot, source, now);
    source->has_refused = true;
    if (boot->is_ready || has_seed(boot))
        source->at = now.mono + shortened(boot, TH_BOOT_PAUSE_REFUSED_MS);
    if (!boot->losses.is_cut || source->kind != TH_BOOT_CONFIGURED)
        return;
    if (boot->dial == TH_BOOT_DIAL_ENDED) {
        boot->losses.is_cut = false;
        boot->dial = TH_BOOT_DIAL_WAITING;
        boot->dial_at = now.mono + TH_BOOT_CUT_LOOK_MS;
    } else { /* when what runs is over */
        source->at = now.mono + shortened(boot, TH_BOOT_CUT_ASK_MS);
    }
}

static enum th_err note_link(struct th_boot *boot, struct th_now now, const struct th_hashname *id,
                             bool is_seed)
{
    uint64_t number = number_of(id);
    uint64_t *link = find_link(boot, number);

    if (link == NULL) {
        if (boot->link_count == boot->link_room) {
            unsigned room = th_mem_room_after(boot->link_room);
            void *more = th_mem_resize(boot->link, room, sizeof *boot->link);
            if (more == NULL)
                return TH_NO_MEMORY;
            boot->link = more;
            boot->link_room = room;
        }
        link = &boot->link[boot->link_count++];
    }
    *link = number | is_seed;
    if (is_seed) /* it knows others: who had no room is not needed any more */
        th_boot_sources_leave_refused(&boot->sources, boot->rng, now);
    if (boot->dial == TH_BOOT_DIAL_ENDED && boot->looks_elsewhere)
        boot->dial = TH_BOOT_DIAL_NONE; /* ourselves is still to be looked for */

    struct th_boot_source *source = find(boot, id);
    if (source == NULL || source->phase == TH_BOOT_LINKED)
        return TH_OK;
    source->phase = TH_BOOT_LINKED;
    source->is_asking = false;
    source->was_linked = true;
    source->fails = 0;
    /* While a seed was away others may have come through it, or through another one, of whom
     * nobody here knows. */
    if (boot->is_ready && source->kind == TH_BOOT_CONFIGURED && boot->dial == TH_BOOT_DIAL_ENDED)
        look_for_ourselves(boot);
    return TH_OK;
}

static void end_link_of(struct th_boot *boot, struct th_boot_source *source, struct th_now now,
                        enum th_err why)
{
    if (th_boot_is_refusal(why)) {
        refuse(boot, source, now);
    } else if (source->phase == TH_BOOT_LINKING) {
        fail(boot, source, now);
    } else {
        source->fails = 0;
        rest(source, now.mono + shortened(boot, TH_BOOT_PAUSE_FIRST_MS));
    }
}

/* Nobody is left: every source is as good as at the start. */
static void begin_again(struct th_boot *boot, struct th_now now)
{
    boot->is_ready = false;
    boot->dial = TH_BOOT_DIAL_NONE;
    boot->looks_elsewhere = false;
    boot->dial_tries = 0;
    boot->wants_refresh = false;
    for (unsigned i = 0; i < boot->sources.count; i++) {
        struct th_boot_source *s = &boot->sources.source[i];
        s->has_failed = s->is_useless;
        s->has_refused = false;
        s->fails = 0;
        if (s->phase == TH_BOOT_IDLE)
            s->at = now.mono + th_rng_below(boot->rng, TH_BOOT_START_MS);
    }
}

/* Who has no room for us still answers seeks, and so leads to others who have. All that are near us are
 * told of the same few, who cannot meet everybody at once: who met nobody there looks elsewhere. Whom we
 * are handed on to comes to us: when it does not we ask for room again, which costs one packet, where to
 * look for others costs twenty. */
static void ask_who_refused(struct th_boot *boot, const struct th_boot_source *source,
                            enum th_err why)
{
    bool is_handed_on = why == TH_AGAIN && source && source->fails <= TH_BOOT_HAND_ONS;

    if (source && source->is_line_up && th_boot_is_refusal(why) && !is_handed_on &&
        (boot->dial == TH_BOOT_DIAL_NONE || boot->dial == TH_BOOT_DIAL_ENDED))
        look(boot, boot->dial == TH_BOOT_DIAL_ENDED);
}

static void drop_link(struct th_boot *boot, struct th_now now, uint64_t number, enum th_err why)
{
    uint64_t *link = find_link(boot, number);
    struct th_boot_source *source = find_numbered(boot, number);

    if (link)
        *link = boot->link[--boot->link_count];
    if (source && (source->phase == TH_BOOT_LINKED || source->phase == TH_BOOT_LINKING))
        end_link_of(boot, source, now, why);
    if (link && why == TH_TIMED_OUT && th_boot_losses_note(&boot->losses, boot->link_count, now))
        th_boot_sources_ask_refused(&boot->sources, boot->rng, now);
    if (link && boot->link_count == 0)
        begin_again(boot, now);
    else if (boot->link_count == 0)
        ask_who_refused(boot, source, why);
}

/* --- what follows from it all ----------------------------------------------------------------------- */

/* Neither configured seeds nor others may take every place while the other kind waits. */
static struct th_boot_source *pick(struct th_boot *boot, struct th_now now, unsigned *running)
{
    struct th_boot_source *first[2] = {NULL, NULL};
    unsigned busy[2] = {0, 0};

    for (unsigned i = 0; i < boot->sources.count; i++) {
        struct th_boot_source *s = &boot->sources.source[i];
        unsigned other = s->kind != TH_BOOT_CONFIGURED;
        busy[other] += is_running(s);
        if (may_try(boot, s) && s->at <= now.mono && (!first[other] || s->at < first[other]->at))
            first[other] = s;
    }
    *running = busy[0] + busy[1];
    if (first[0] && first[1])
        return busy[0] <= busy[1] ? first[0] : first[1];
    return first[0] ? first[0] : first[1];
}

static enum th_boot_state state_of(const struct th_boot *boot)
{
    if (boot->is_ready)
        return TH_BOOT_READY;
    if (boot->link_count > 0)
        return TH_BOOT_JOINING;
    for (unsigned i = 0; i < boot->sources.count; i++)
        if (th_boot_source_counts(&boot->sources.source[i]) && !boot->sources.source[i].has_failed)
            return TH_BOOT_JOINING;
    return TH_BOOT_ALONE;
}

static void settle(struct th_boot *boot, struct th_now now)
{
    unsigned running = 0;

    if (!boot->is_started)
        return;
    for (;;) {
        struct th_boot_source *source = pick(boot, now, &running);
        if (source == NULL || running >= TH_BOOT_PARALLEL)
            break;
        begin_try(boot, source, now);
    }
    if (boot->link_count > 0 && (has_seed(boot) || is_first(boot))) {
        if (boot->dial == TH_BOOT_DIAL_NONE)
            look_for_ourselves(boot);
        boot->is_ready |= boot->dial == TH_BOOT_DIAL_ENDED;
    }
    boot->state = state_of(boot);
}

/* --- what others call ------------------------------------------------------------------------------- */

void th_boot_init(struct th_boot *boot, const struct th_hashname *self, struct th_rng *rng)
{
    *boot = (struct th_boot){.self = *self, .rng = rng};
}

enum th_err th_boot_add(struct th_boot *boot, const struct th_seed *seed, enum th_boot_kind kind)
{
    if (th_hashname_is_equal(&seed->id, &boot->self))
        return TH_OK;
    return th_boot_sources_add(&boot->sources, seed, kind);
}

enum th_err th_boot_configure(struct th_boot *boot, struct th_now now, const struct th_seed *seed)
{
    struct th_boot_source *source = find(boot, &seed->id);
    enum th_err e = TH_OK;

    if (source && seed->paths.count > 0)
        th_boot_source_move(source, &seed->paths);
    if (source)
        source->kind = TH_BOOT_CONFIGURED;
    else
        e = th_boot_add(boot, seed, TH_BOOT_CONFIGURED);
    source = find(boot, &seed->id);
    if (source && source->phase == TH_BOOT_IDLE && !source->is_useless) {
        source->has_failed = false;
        source->fails = 0;
        source->at = now.mono;
    }
    settle(boot, now);
    return e;
}

void th_boot_forget(struct th_boot *boot, struct th_now now, const struct th_hashname *id)
{
    struct th_boot_source *source = find(boot, id);

    if (source)
        source->kind = TH_BOOT_MET;
    settle(boot, now);
}

void th_boot_start(struct th_boot *boot, struct th_now now)
{
    boot->is_started = true;
    for (unsigned i = 0; i < boot->sources.count; i++)
        if (boot->sources.source[i].phase == TH_BOOT_IDLE)
            boot->sources.source[i].at = now.mono + th_rng_below(boot->rng, TH_BOOT_START_MS);
    settle(boot, now);
}

void th_boot_on_opened(struct th_boot *boot, struct th_now now, uint32_t attempt, enum th_err why)
{
    for (unsigned i = 0; i < boot->sources.count; i++) {
        struct th_boot_source *s = &boot->sources.source[i];
        if (s->phase != TH_BOOT_OPENING || s->attempt != attempt)
            continue;
        if (why == TH_OK) {
            reach(boot, s, now);
        } else if (why == TH_INVALID) {
            s->is_useless = s->has_failed = true;
            rest(s, TH_NEVER);
        } else if (why != TH_AGAIN) {
            fail(boot, s, now);
        }
    }
    settle(boot, now);
}

static void note_line(struct th_boot *boot, struct th_now now, const struct th_seed *peer)
{
    struct th_boot_source *source = find(boot, &peer->id);

    if (source == NULL && peer->parts.count > 0)
        source = th_boot_sources_meet(&boot->sources, peer);
    if (source == NULL)
        return;
    if (source->kind != TH_BOOT_CONFIGURED && peer->paths.count > 0)
        th_boot_source_move(source, &peer->paths);
    reach(boot, source, now);
}

static void drop_line(struct th_boot *boot, struct th_boot_source *source, struct th_now now)
{
    if (source->is_line_up)
        source->reached_at = now.mono;
    source->is_line_up = false;
    if (source->phase == TH_BOOT_LINKING)
        fail(boot, source, now);
}

void th_boot_on_line_up(struct th_boot *boot, struct th_now now, const struct th_seed *peer)
{
    note_line(boot, now, peer);
    settle(boot, now);
}

void th_boot_on_line_down(struct th_boot *boot, struct th_now now, const struct th_hashname *id)
{
    struct th_boot_source *source = find(boot, id);

    if (source)
        drop_line(boot, source, now);
    settle(boot, now);
}

enum th_err th_boot_on_link_up(struct th_boot *boot, struct th_now now,
                               const struct th_hashname *id, bool is_seed)
{
    enum th_err e = note_link(boot, now, id, is_seed);

    settle(boot, now);
    return e;
}

void th_boot_on_link_down(struct th_boot *boot, struct th_now now, const struct th_hashname *id,
                          enum th_err why)
{
    drop_link(boot, now, number_of(id), why);
    settle(boot, now);
}

void th_boot_on_lines(struct th_boot *boot, struct th_now now, const struct th_seed *peers,
                      unsigned count)
{
    for (unsigned i = 0; i < boot->sources.count; i++) {
        struct th_boot_source *s = &boot->sources.source[i];
        bool is_up = false;
        for (unsigned k = 0; k < count; k++)
            is_up |= th_hashname_is_equal(&peers[k].id, &s->id);
        if (!is_up)
            drop_line(boot, s, now);
    }
    for (unsigned k = 0; k < count; k++)
        note_line(boot, now, &peers[k]);
    settle(boot, now);
}

enum th_err th_boot_on_links(struct th_boot *boot, struct th_now now,
                             const struct th_boot_link *links, unsigned count)
{
    enum th_err result = TH_OK;

    /* New ones first, so that exchanging one link for another is no moment without any. */
    for (unsigned k = 0; k < count; k++) {
        enum th_err e = note_link(boot, now, &links[k].id, links[k].is_seed);
        if (e != TH_OK)
            result = e;
    }
    for (unsigned i = boot->link_count; i-- > 0;) {
        bool is_up = false;
        uint64_t number = boot->link[i] & ~1ull;
        for (unsigned k = 0; k < count; k++)
            is_up |= number_of(&links[k].id) == number;
        if (!is_up)
            drop_link(boot, now, number, TH_CANCELLED);
    }
    settle(boot, now);
    return result;
}

void th_boot_on_dialed(struct th_boot *boot, struct th_now now, uint32_t attempt, enum th_err why,
                       unsigned asked)
{
    bool took_place =
        why == TH_OK || why == TH_NOT_FOUND || why == TH_NO_PATH || why == TH_TIMED_OUT;

    if (boot->dial != TH_BOOT_DIAL_RUNNING || boot->dial_attempt != attempt)
        return;
    /* The dialer hears of a link by the same event as we do, but may read it later. */
    if (!took_place || (asked == 0 && ++boot->dial_tries < TH_BOOT_DIAL_TRIES)) {
        boot->dial = TH_BOOT_DIAL_WAITING;
        boot->dial_at = now.mono + TH_BOOT_DIAL_PAUSE_MS;
        return;
    }
    boot->dial =
        boot->looks_elsewhere && boot->link_count > 0 ? TH_BOOT_DIAL_NONE : TH_BOOT_DIAL_ENDED;
    boot->dial_tries = 0;
    boot->wants_refresh = !boot->looks_elsewhere;
    settle(boot, now);
}

th_ms th_boot_deadline(const struct th_boot *boot)
{
    th_ms soonest = boot->dial == TH_BOOT_DIAL_WAITING ? boot->dial_at : TH_NEVER;
    th_ms next_try = TH_NEVER;
    unsigned running = 0;
    if (!boot->is_started)
        return TH_NEVER;
    for (unsigned i = 0; i < boot->sources.count; i++) {
        const struct th_boot_source *s = &boot->sources.source[i];
        if (is_running(s)) {
            running++;
            soonest = th_sooner(soonest, s->at);
        } else if (s->at < next_try && may_try(boot, s)) {
            next_try = s->at;
        }
    }
    return running < TH_BOOT_PARALLEL ? th_sooner(soonest, next_try) : soonest;
}

void th_boot_tick(struct th_boot *boot, struct th_now now)
{
    if (!boot->is_started)
        return;
    for (unsigned i = 0; i < boot->sources.count; i++)
        if (is_running(&boot->sources.source[i]) && boot->sources.source[i].at <= now.mono)
            fail(boot, &boot->sources.source[i], now);
    if (boot->dial == TH_BOOT_DIAL_WAITING && boot->dial_at <= now.mono)
        look(boot, boot->looks_elsewhere);
    settle(boot, now);
}

static bool next_of_sources(struct th_boot *boot, struct th_boot_action *action)
{
    for (unsigned i = 0; i < boot->sources.count; i++) {
        struct th_boot_source *s = &boot->sources.source[i];
        if (!s->is_asking)
            continue;
        s->is_asking = false;
        *action = (struct th_boot_action){.kind = s->phase == TH_BOOT_OPENING ? TH_BOOT_OPEN
                                                                              : TH_BOOT_LINK,
                                          .attempt = s->attempt};
        th_boot_source_seed(s, &action->seed);
        return true;
    }
    return false;
}

bool th_boot_next(struct th_boot *boot, struct th_boot_action *action)
{
    if (boot->told != boot->state) {
        boot->told = boot->state;
        *action = (struct th_boot_action){.kind = TH_BOOT_STATE, .state = boot->state};
        return true;
    }
    if (next_of_sources(boot, action))
        return true;
    if (boot->dial == TH_BOOT_DIAL_ASKING) {
        boot->dial = TH_BOOT_DIAL_RUNNING;
        *action = (struct th_boot_action){
            .kind = TH_BOOT_DIAL, .attempt = boot->dial_attempt, .target = boot->self};
        if (boot->looks_elsewhere)
            th_rng_fill(boot->rng, action->target.b, sizeof action->target.b);
        return true;
    }
    if (boot->wants_refresh) {
        boot->wants_refresh = false;
        *action = (struct th_boot_action){.kind = TH_BOOT_REFRESH};
        return true;
    }
    return false;
}

unsigned th_boot_count_sources(const struct th_boot *boot, unsigned *reached)
{
    return th_boot_sources_count(&boot->sources, reached);
}

void th_boot_clear(struct th_boot *boot)
{
    th_boot_sources_clear(&boot->sources);
    th_mem_free(boot->link);
    *boot = (struct th_boot){.self = boot->self, .rng = boot->rng};
}
