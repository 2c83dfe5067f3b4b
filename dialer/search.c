#include "dialer/search.h"

#include "switch/base/mem.h"

#include <string.h>

enum { NOBODY = TH_SEARCH_LOOKUPS_MAX }; /* no path's number */

/* --- the lookups: the first try's, then the paths --- */

static unsigned count_of(const struct th_search *search)
{
    return 1 + search->path_count;
}

static const struct th_lookup *lookup_of(const struct th_search *search, unsigned number)
{
    return number == 0 ? &search->first : &search->path[number - 1];
}

static struct th_lookup *lookup_in(struct th_search *search, unsigned number)
{
    return number == 0 ? &search->first : &search->path[number - 1];
}

/* --- each node on one path --- */

/* On this path a node is not to be asked: another has asked it, or it did not answer the first try. */
static bool is_taken(const struct th_search *search, unsigned path, const struct th_hashname *id)
{
    for (unsigned i = 0; i < count_of(search); i++) {
        const struct th_lookup_node *node = th_lookup_find(lookup_of(search, i), id);
        bool has_answered = i == 0 && node && node->state == TH_LOOKUP_ANSWERED;

        if (i != path && node && node->state != TH_LOOKUP_FRESH && !has_answered)
            return true;
    }
    return false;
}

/* Of what a path has learnt it leaves out what is taken. */
static void leave_out_taken(struct th_search *search, unsigned path)
{
    struct th_lookup *lookup = lookup_in(search, path);

    for (unsigned i = 0; i < lookup->count; i++) {
        struct th_hashname id = lookup->node[i].id;
        if (lookup->node[i].state == TH_LOOKUP_FRESH && is_taken(search, path, &id))
            th_lookup_leave_out(lookup, &id);
    }
}

/* A path asks a node: the others do not. */
static void take(struct th_search *search, unsigned path, const struct th_hashname *id)
{
    TH_CHECK(!is_taken(search, path, id));
    for (unsigned i = 1; i < count_of(search); i++)
        if (i != path)
            th_lookup_leave_out(lookup_in(search, i), id);
}

/* --- life --- */

void th_search_init(struct th_search *search, const struct th_lookup_config *config,
                    struct th_now now)
{
    *search = (struct th_search){.now = now.mono};
    th_lookup_init(&search->first, config, now);
}

void th_search_add(struct th_search *search, const struct th_hashname *id)
{
    th_lookup_add(&search->first, id);
}

static void clear_paths(struct th_search *search)
{
    for (unsigned i = 0; i < search->path_count; i++)
        th_lookup_clear(&search->path[i]);
    th_mem_free(search->path);
    search->path = NULL;
    search->path_count = 0;
}

void th_search_clear(struct th_search *search)
{
    clear_paths(search);
    th_lookup_clear(&search->first);
    *search = (struct th_search){0};
}

static struct th_lookup_config path_config(const struct th_search *search)
{
    struct th_lookup_config config = search->first.config;

    config.width = TH_SEARCH_PATH_WIDTH;
    config.alpha = 1;
    config.asked_max = TH_SEARCH_PATH_ASKED_MAX;
    config.nodes_max = TH_SEARCH_PATH_NODES_MAX;
    config.line_ms = TH_SEARCH_PATH_LINE_MS;
    config.all_ms = 0; /* the second try has an end of its own */
    return config;
}

static bool was_asked(const struct th_search *search, const struct th_hashname *id)
{
    const struct th_lookup_node *node = th_lookup_find(&search->first, id);

    return node && node->state != TH_LOOKUP_FRESH;
}

/* There is somebody whom the first try has not asked. */
static bool is_worth_it(const struct th_search *search, const struct th_hashname *start,
                        unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!was_asked(search, &start[i]))
            return true;
    for (unsigned i = 0; i < search->first.count; i++) {
        const struct th_lookup_node *node = &search->first.node[i];
        bool is_target = th_hashname_is_equal(&node->id, &search->first.config.target);
        if (node->state == TH_LOOKUP_FRESH && !is_target)
            return true;
    }
    return false;
}

bool th_search_again(struct th_search *search, struct th_now now, const struct th_hashname *start,
                     unsigned count)
{
    struct th_lookup_config config = path_config(search);

    TH_CHECK(search->first.is_done && now.mono >= search->now);
    if (search->path_count > 0 || !is_worth_it(search, start, count))
        return false;
    search->path = th_mem_zalloc(TH_SEARCH_PATHS_MAX, sizeof *search->path);
    if (search->path == NULL)
        return false;

    unsigned dealt = 0;
    for (unsigned i = 0; i < count && dealt < TH_SEARCH_START_MAX; i++) {
        struct th_lookup *path = &search->path[dealt % TH_SEARCH_PATHS_MAX];
        if (is_taken(search, NOBODY, &start[i]))
            continue;
        if (dealt < TH_SEARCH_PATHS_MAX)
            th_lookup_init(path, &config, now);
        th_lookup_add(path, &start[i]);
        dealt++;
    }
    search->path_count = dealt < TH_SEARCH_PATHS_MAX ? dealt : TH_SEARCH_PATHS_MAX;
    search->now = now.mono;
    search->ends_at = now.mono + TH_SEARCH_AGAIN_MS;
    if (search->path_count == 0)
        clear_paths(search);
    return search->path_count > 0;
}

bool th_search_go_on(struct th_search *search, struct th_now now)
{
    search->is_distrusted = true;
    for (unsigned i = 1; i < count_of(search); i++)
        if (!lookup_of(search, i)->is_done) {
            search->is_done = false;
            search->now = now.mono;
            search->ends_at = now.mono + TH_SEARCH_AGAIN_MS;
            return true;
        }
    return false;
}

/* --- what happens --- */

static void advance(struct th_search *search, struct th_now now)
{
    TH_CHECK(now.mono >= search->now);
    search->now = now.mono;
}

/* Only the lookup that has asked the node takes notice: no two ask one at once. */
void th_search_on_line_up(struct th_search *search, struct th_now now, const struct th_hashname *id)
{
    advance(search, now);
    for (unsigned i = 0; i < count_of(search); i++)
        th_lookup_on_line_up(lookup_in(search, i), now, id);
}

void th_search_on_answer(struct th_search *search, struct th_now now, const struct th_hashname *id,
                         const struct th_see *see)
{
    advance(search, now);
    for (unsigned i = 0; i < count_of(search); i++)
        th_lookup_on_answer(lookup_in(search, i), now, id, see);
    for (unsigned i = 1; i < count_of(search); i++)
        leave_out_taken(search, i);
}

void th_search_on_refused(struct th_search *search, struct th_now now, const struct th_hashname *id)
{
    advance(search, now);
    for (unsigned i = 0; i < count_of(search); i++)
        th_lookup_on_refused(lookup_in(search, i), now, id);
}

th_ms th_search_deadline(const struct th_search *search)
{
    th_ms soonest = TH_NEVER;

    if (search->path_count == 0)
        return th_lookup_deadline(&search->first);
    if (search->is_done)
        return TH_NEVER;
    for (unsigned i = 1; i < count_of(search); i++)
        soonest = th_sooner(soonest, th_lookup_deadline(lookup_of(search, i)));
    return th_sooner(soonest, search->ends_at);
}

void th_search_tick(struct th_search *search, struct th_now now)
{
    advance(search, now);
    for (unsigned i = 0; i < count_of(search); i++)
        th_lookup_tick(lookup_in(search, i), now);
}

/* --- what to do --- */

static bool finish(struct th_search *search, struct th_lookup_action *action, enum th_err result)
{
    search->is_done = true;
    *action = (struct th_lookup_action){.kind = TH_LOOKUP_DONE, .result = result};
    return true;
}

/* Takes one action of a path; false when there is none, also when it has ended without the target. */
static bool follow(struct th_search *search, unsigned path, struct th_lookup_action *action)
{
    if (!th_lookup_next(lookup_in(search, path), action))
        return false;
    switch (action->kind) {
    case TH_LOOKUP_CONNECT:
        if (action->node.asks == 1) /* else it took it already */
            take(search, path, &action->node.id);
        return true;
    case TH_LOOKUP_SEEK:
    case TH_LOOKUP_GIVE_UP:
        return true;
    case TH_LOOKUP_DONE:
        break;
    }
    return action->result != TH_NOT_FOUND && finish(search, action, action->result);
}

bool th_search_next(struct th_search *search, struct th_lookup_action *action)
{
    bool is_over = search->now >= search->ends_at;

    if (search->path_count == 0)
        return th_lookup_next(&search->first, action);
    if (search->is_done)
        return false;
    if (search->first.is_found && !search->is_distrusted) /* by an answer that came late */
        return finish(search, action, TH_OK);
    for (unsigned i = 1; i < count_of(search) && !is_over; i++)
        if (follow(search, i, action))
            return true;
    for (unsigned i = 1; i < count_of(search) && !is_over; i++)
        if (!lookup_of(search, i)->is_done)
            return false;
    return finish(search, action, TH_NOT_FOUND);
}

/* --- what came of it --- */

struct th_search_outcome th_search_outcome(const struct th_search *search)
{
    struct th_search_outcome found = {0};

    for (unsigned i = 0; i < count_of(search); i++) {
        const struct th_lookup *lookup = lookup_of(search, i);
        if (lookup->is_found && (!found.is_found || lookup->found_at < found.at))
            found = (struct th_search_outcome){true, i, lookup->hops, lookup->found_at};
    }
    return found;
}

unsigned th_search_asked(const struct th_search *search)
{
    unsigned asked = 0;

    for (unsigned i = 0; i < count_of(search); i++)
        asked += lookup_of(search, i)->asked;
    return asked;
}

const struct th_lookup_step *th_search_step(const struct th_search *search, unsigned number,
                                            unsigned *path)
{
    for (unsigned i = 0; i < count_of(search); i++) {
        const struct th_lookup *lookup = lookup_of(search, i);
        if (number < lookup->step_count) {
            *path = i;
            return &lookup->step[number];
        }
        number -= lookup->step_count;
    }
    return NULL;
}

unsigned th_search_known(const struct th_search *search, const struct th_hashname *id,
                         const struct th_lookup_node *known[TH_SEARCH_LOOKUPS_MAX])
{
    unsigned count = 0;

    for (unsigned i = 0; i < count_of(search); i++) {
        const struct th_lookup_node *node = th_lookup_find(lookup_of(search, i), id);
        if (node)
            known[count++] = node;
    }
    return count;
}

/* Puts a node among the nearest so far, unless it is there; returns how many those are. */
static unsigned offer(const struct th_search *search, const struct th_lookup_node **nearest,
                      unsigned count, unsigned max, const struct th_lookup_node *node)
{
    const struct th_hashname *target = &search->first.config.target;
    unsigned place = count;

    while (place > 0 && th_hashname_nearer(target, &node->id, &nearest[place - 1]->id) < 0)
        place--;
    bool is_there = place > 0 && th_hashname_is_equal(&nearest[place - 1]->id, &node->id);
    if (is_there || place == max)
        return count;
    count += count < max;
    memmove(&nearest[place + 1], &nearest[place], (count - 1 - place) * sizeof nearest[0]);
    nearest[place] = node;
    return count;
}

unsigned th_search_closest(const struct th_search *search, const struct th_lookup_node **nodes,
                           unsigned max)
{
    const struct th_lookup_node *nearest[TH_SEARCH_CLOSEST_MAX];
    unsigned count = 0;

    TH_CHECK(max <= TH_SEARCH_CLOSEST_MAX);
    for (unsigned i = 0; i < count_of(search); i++) {
        unsigned told = th_lookup_closest(lookup_of(search, i), nearest, max);
        for (unsigned j = 0; j < told; j++)
            count = offer(search, nodes, count, max, nearest[j]);
    }
    return count;
}
