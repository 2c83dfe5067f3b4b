#include "dialer/lookup.h"

#include "switch/base/mem.h"

#include <limits.h>
#include <string.h>

/* --- the nodes, nearest first --- */

/* Where a hashname is or would be. */
static unsigned place_of(const struct th_lookup *lookup, const struct th_hashname *id)
{
    unsigned low = 0, high = lookup->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (th_hashname_nearer(&lookup->config.target, &lookup->node[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct th_lookup_node *find(const struct th_lookup *lookup, const struct th_hashname *id)
{
    unsigned place = place_of(lookup, id);

    if (place == lookup->count || !th_hashname_is_equal(&lookup->node[place].id, id))
        return NULL;
    return &lookup->node[place];
}

/* Grows a list; false, with the list untouched, without memory. */
static bool grow(void **list, unsigned *room, unsigned max, size_t size)
{
    unsigned wanted = th_mem_room_after(*room);

    if (wanted > max)
        wanted = max;
    void *grown = th_mem_resize(*list, wanted, size);
    if (grown == NULL)
        return false;
    *list = grown;
    *room = wanted;
    return true;
}

static void take_out(struct th_lookup *lookup, unsigned place)
{
    lookup->count--;
    memmove(&lookup->node[place], &lookup->node[place + 1],
            (lookup->count - place) * sizeof *lookup->node);
}

/* Makes room for a node at a place of a full list: the farthest that was not asked goes, if the new
 * one is nearer than that. */
static bool make_room(struct th_lookup *lookup, unsigned place)
{
    for (unsigned i = lookup->count; i > place; i--)
        if (lookup->node[i - 1].state == TH_LOOKUP_FRESH) {
            take_out(lookup, i - 1);
            return true;
        }
    return false;
}

/* A new node of this hashname; NULL when it finds no room. */
static struct th_lookup_node *put_in(struct th_lookup *lookup, const struct th_hashname *id)
{
    unsigned place = place_of(lookup, id);

    if (lookup->count == lookup->config.nodes_max) {
        lookup->left_out++;
        if (!make_room(lookup, place))
            return NULL;
    }
    if (lookup->count == lookup->room) {
        void *list = lookup->node;
        if (!grow(&list, &lookup->room, lookup->config.nodes_max, sizeof *lookup->node)) {
            lookup->is_starved = true;
            return NULL;
        }
        lookup->node = list;
    }

    struct th_lookup_node *node = &lookup->node[place];
    memmove(node + 1, node, (lookup->count - place) * sizeof *node);
    lookup->count++;
    *node = (struct th_lookup_node){.id = *id};
    if (!lookup->is_found && th_hashname_is_equal(id, &lookup->config.target))
        lookup->is_found = true;
    return node;
}

/* --- the steps --- */

static void begin_step(struct th_lookup *lookup, struct th_lookup_node *node)
{
    lookup->asked++;
    if (lookup->step_count == TH_LOOKUP_STEPS_MAX)
        return;
    if (lookup->step_count == lookup->step_room) {
        void *list = lookup->step;
        if (!grow(&list, &lookup->step_room, TH_LOOKUP_STEPS_MAX, sizeof *lookup->step)) {
            lookup->is_starved = true;
            return;
        }
        lookup->step = list;
    }

    lookup->step[lookup->step_count] = (struct th_lookup_step){
        .asked = node->id,
        .via = node->via_count > 0 ? node->via[0] : NULL,
        .hop = node->hop,
    };
    node->step = (uint16_t)++lookup->step_count;
}

static void end_step(struct th_lookup *lookup, const struct th_lookup_node *node, bool answered,
                     unsigned entries)
{
    if (node->step == 0)
        return;

    struct th_lookup_step *step = &lookup->step[node->step - 1];
    step->answered = answered;
    step->rtt_ms = (uint32_t)(lookup->now - node->since);
    step->entries = (uint16_t)entries;
}

/* --- life --- */

static void advance(struct th_lookup *lookup, struct th_now now)
{
    TH_CHECK(now.mono >= lookup->now);
    lookup->now = now.mono;
}

static unsigned limit(unsigned wanted, unsigned usual, unsigned max)
{
    if (wanted == 0)
        return usual;
    return wanted < max ? wanted : max;
}

void th_lookup_init(struct th_lookup *lookup, const struct th_lookup_config *config,
                    struct th_now now)
{
    *lookup = (struct th_lookup){.config = *config,
                                 .ends_at = config->all_ms ? now.mono + config->all_ms : TH_NEVER,
                                 .now = now.mono};
    struct th_lookup_config *own = &lookup->config;

    own->width = limit(own->width, TH_LOOKUP_WIDTH_DEFAULT, TH_LOOKUP_WIDTH_MAX);
    own->alpha = limit(own->alpha, TH_LOOKUP_ALPHA, UINT_MAX);
    own->asked_max = limit(own->asked_max, UINT_MAX, UINT_MAX);
    own->nodes_max = limit(own->nodes_max, TH_LOOKUP_NODES_MAX, TH_LOOKUP_NODES_MAX);
    own->line_ms = own->line_ms ? own->line_ms : TH_LOOKUP_LINE_MS;
}

void th_lookup_clear(struct th_lookup *lookup)
{
    while (lookup->tellers) {
        struct th_lookup_teller *teller = lookup->tellers;
        lookup->tellers = teller->next;
        th_mem_free(teller);
    }
    th_mem_free(lookup->node);
    th_mem_free(lookup->step);
    *lookup = (struct th_lookup){0};
}

void th_lookup_add(struct th_lookup *lookup, const struct th_hashname *id)
{
    if (th_hashname_is_equal(id, &lookup->config.self->hashname) || find(lookup, id))
        return;
    (void)put_in(lookup, id); /* without room there are nearer ones, or it is starved */
}

const struct th_lookup_node *th_lookup_find(const struct th_lookup *lookup,
                                            const struct th_hashname *id)
{
    return find(lookup, id);
}

static bool is_in_flight(const struct th_lookup_node *node)
{
    return node->state == TH_LOOKUP_CONNECTING || node->state == TH_LOOKUP_READY ||
           node->state == TH_LOOKUP_SENT;
}

static bool is_asked_again(const struct th_lookup_node *node)
{
    return is_in_flight(node) && node->asks > 1;
}

/* Who is asked again stays out until it answers: nothing waits for it but the end. */
static bool is_out(const struct th_lookup_node *node)
{
    return node->state == TH_LOOKUP_LINELESS || node->state == TH_LOOKUP_SILENT ||
           node->state == TH_LOOKUP_FAILED || is_asked_again(node);
}

unsigned th_lookup_closest(const struct th_lookup *lookup, const struct th_lookup_node **nodes,
                           unsigned max)
{
    unsigned count = 0;

    for (unsigned i = 0; i < lookup->count && count < max; i++)
        if (!is_out(&lookup->node[i]))
            nodes[count++] = &lookup->node[i];
    return count;
}

/* --- what happens --- */

void th_lookup_on_line_up(struct th_lookup *lookup, struct th_now now, const struct th_hashname *id)
{
    struct th_lookup_node *node = find(lookup, id);

    advance(lookup, now);
    if (node == NULL)
        return;
    if (node->state == TH_LOOKUP_CONNECTING || node->state == TH_LOOKUP_LINELESS) {
        node->state = TH_LOOKUP_READY;
        node->is_given_up = false;
    }
}

/* NULL, and the lookup is starved, without memory. */
static const struct th_hashname *add_teller(struct th_lookup *lookup, const struct th_hashname *id)
{
    struct th_lookup_teller *teller = th_mem_zalloc(1, sizeof *teller);

    if (teller == NULL) {
        lookup->is_starved = true;
        return NULL;
    }
    *teller = (struct th_lookup_teller){lookup->tellers, *id};
    lookup->tellers = teller;
    return &teller->id;
}

/* via: of a teller. */
static void note_via(struct th_lookup_node *node, const struct th_hashname *via,
                     const struct th_see_entry *entry)
{
    if (entry->has_addr && !node->has_addr) {
        node->has_addr = true;
        node->addr = entry->addr;
    }
    for (unsigned i = 0; i < node->via_count; i++)
        if (node->via[i] == via)
            return;
    if (node->via_count < TH_LOOKUP_VIAS_MAX)
        node->via[node->via_count++] = via;
}

/* Takes in one entry that a node (hop: its) told of. */
static void learn(struct th_lookup *lookup, const struct th_hashname *via, unsigned hop,
                  const struct th_see_entry *entry)
{
    struct th_lookup_node *node = find(lookup, &entry->id);

    if (node == NULL) {
        bool was_found = lookup->is_found;
        node = put_in(lookup, &entry->id);
        if (node == NULL)
            return;
        node->hop = (uint16_t)(hop + 1);
        if (!was_found && lookup->is_found) {
            lookup->hops = node->hop;
            lookup->found_at = lookup->now;
        }
    }
    note_via(node, via, entry);
}

/* Takes in the usable entries of an answer; returns how many those were. */
static unsigned learn_all(struct th_lookup *lookup, const struct th_hashname *via, unsigned hop,
                          const struct th_see *see)
{
    struct th_drops *drops = lookup->config.drops;
    unsigned usable = 0;

    for (unsigned i = 0; i < see->bad; i++)
        th_drop_count(drops, TH_DROP_SEE_BAD);
    if (see->over > 0)
        th_drop_count(drops, TH_DROP_SEE_LONG);

    for (unsigned i = 0; i < see->count; i++) {
        const struct th_see_entry *entry = &see->entry[i];

        if (th_hashname_is_equal(&entry->id, &lookup->config.self->hashname) ||
            th_hashname_is_equal(&entry->id, via)) {
            th_drop_count(drops, TH_DROP_SEE_SELF);
            continue;
        }
        if (lookup->config.allow && !th_allow_has(*lookup->config.allow, &entry->id)) {
            th_drop_count(drops, TH_DROP_SEE_NOT_ALLOWED);
            continue;
        }
        /* One that is farther than who tells of it is no mistake: the nearest can tell of no other. */
        if (th_identity_cipher(lookup->config.self, entry->csid) == NULL)
            continue; /* no mistake, but we cannot talk to it */
        usable++;
        learn(lookup, via, hop, entry);
    }
    return usable;
}

/* A seek to it has left, and no answer has come. */
static bool has_been_sent(const struct th_lookup_node *node)
{
    if (node->state == TH_LOOKUP_SENT || node->state == TH_LOOKUP_SILENT)
        return true;
    return node->asks > 1 && (is_in_flight(node) || node->state == TH_LOOKUP_LINELESS);
}

void th_lookup_on_answer(struct th_lookup *lookup, struct th_now now, const struct th_hashname *id,
                         const struct th_see *see)
{
    struct th_lookup_node *node = find(lookup, id);

    advance(lookup, now);
    if (node == NULL || !has_been_sent(node))
        return;

    /* Learning moves the nodes: what is needed of this one is taken first. */
    struct th_lookup_node answerer = *node;
    struct th_hashname nearest = lookup->node[0].id;
    if (node->state == TH_LOOKUP_CONNECTING)
        node->is_given_up = true; /* its line is not needed any more */
    node->state = TH_LOOKUP_ANSWERED;
    /* Else it may answer any of them (P. Karn's rule, RFC 6298, section 3). */
    if (answerer.asks == 1)
        th_lookup_rtt_add(lookup->config.rtt, lookup->now - answerer.since);
    const struct th_hashname *teller = add_teller(lookup, &answerer.id);
    unsigned usable = teller ? learn_all(lookup, teller, answerer.hop, see) : 0;
    end_step(lookup, &answerer, true, usable);

    if (!th_hashname_is_equal(&nearest, &lookup->node[0].id)) {
        lookup->progress++;
        lookup->idle = 0;
    } else if (answerer.progress == lookup->progress) {
        lookup->idle++;
    }
}

void th_lookup_on_refused(struct th_lookup *lookup, struct th_now now, const struct th_hashname *id)
{
    struct th_lookup_node *node = find(lookup, id);

    advance(lookup, now);
    if (node == NULL || node->state == TH_LOOKUP_FRESH || node->state == TH_LOOKUP_ANSWERED)
        return;
    if (is_in_flight(node))
        end_step(lookup, node, false, 0);
    node->state = TH_LOOKUP_FAILED;
    node->is_given_up = false;
}

void th_lookup_leave_out(struct th_lookup *lookup, const struct th_hashname *id)
{
    struct th_lookup_node *node = find(lookup, id);

    if (node && node->state == TH_LOOKUP_FRESH)
        node->state = TH_LOOKUP_FAILED;
}

/* --- time-outs --- */

static bool is_waiting(const struct th_lookup_node *node)
{
    return node->state == TH_LOOKUP_CONNECTING || node->state == TH_LOOKUP_SENT;
}

/* When one that gets no line stops to take a place. Who asks one node at once waits for it, and who is asked
 * again takes no place of another anyway. */
static th_ms slow_at(const struct th_lookup *lookup, const struct th_lookup_node *node)
{
    if (lookup->config.alpha == 1 || node->asks > 1)
        return TH_NEVER;
    return node->since + TH_LOOKUP_LINE_SLOW * th_lookup_rtt_timeout(lookup->config.rtt) / 100;
}

static bool is_slow(const struct th_lookup *lookup, const struct th_lookup_node *node)
{
    return node->state == TH_LOOKUP_CONNECTING && slow_at(lookup, node) <= lookup->now;
}

th_ms th_lookup_deadline(const struct th_lookup *lookup)
{
    th_ms soonest = lookup->is_done ? TH_NEVER : lookup->ends_at;

    for (unsigned i = 0; i < lookup->count && !lookup->is_done; i++) {
        const struct th_lookup_node *node = &lookup->node[i];
        if (is_waiting(node))
            soonest = th_sooner(soonest, node->due);
        if (node->state == TH_LOOKUP_CONNECTING && !is_slow(lookup, node))
            soonest = th_sooner(soonest, slow_at(lookup, node));
    }
    return soonest;
}

static void expire_node(struct th_lookup *lookup, struct th_lookup_node *node)
{
    end_step(lookup, node, false, 0);
    if (node->state == TH_LOOKUP_CONNECTING) {
        node->state = TH_LOOKUP_LINELESS;
        node->is_given_up = true;
    } else {
        node->state = TH_LOOKUP_SILENT;
    }
}

void th_lookup_tick(struct th_lookup *lookup, struct th_now now)
{
    advance(lookup, now);
    for (unsigned i = 0; i < lookup->count; i++)
        if (is_waiting(&lookup->node[i]) && lookup->node[i].due <= lookup->now)
            expire_node(lookup, &lookup->node[i]);
}

/* --- what to do --- */

static bool tell(struct th_lookup_action *action, enum th_lookup_action_kind kind,
                 const struct th_lookup_node *node)
{
    *action = (struct th_lookup_action){.kind = kind, .node = *node};
    return true;
}

/* The nearest node to ask: only among the `width` nearest that are not out, because with their answers
 * the lookup ends. NULL when there is none; is_complete: all of them have answered. */
static struct th_lookup_node *choose(const struct th_lookup *lookup, bool *is_complete)
{
    struct th_lookup_node *chosen = NULL;
    unsigned looked_at = 0;

    *is_complete = true;
    for (unsigned i = 0; i < lookup->count && looked_at < lookup->config.width; i++) {
        struct th_lookup_node *node = &lookup->node[i];

        if (is_out(node))
            continue;
        looked_at++;
        if (node->state != TH_LOOKUP_ANSWERED)
            *is_complete = false;
        if (node->state == TH_LOOKUP_FRESH && chosen == NULL)
            chosen = node;
    }
    if (looked_at < lookup->config.width)
        *is_complete = false;
    return chosen;
}

/* The node to ask again: of the `width` nearest that have answered or may yet, of those that did not the
 * one that was asked least often, the nearest of these. NULL when there is none. */
static struct th_lookup_node *choose_again(const struct th_lookup *lookup)
{
    struct th_lookup_node *chosen = NULL;
    unsigned looked_at = 0;

    for (unsigned i = 0; i < lookup->count && looked_at < lookup->config.width; i++) {
        struct th_lookup_node *node = &lookup->node[i];

        if (node->state == TH_LOOKUP_LINELESS || node->state == TH_LOOKUP_FAILED)
            continue;
        looked_at++;
        if (node->state == TH_LOOKUP_SILENT && node->asks < TH_LOOKUP_ASKS_MAX &&
            (chosen == NULL || node->asks < chosen->asks))
            chosen = node;
    }
    return chosen;
}

/* Those that are asked, by what they hold up. */
struct in_flight {
    unsigned first; /* for the first time, and not slow */
    unsigned again; /* once more */
    unsigned slow;
};

static struct in_flight count_in_flight(const struct th_lookup *lookup)
{
    struct in_flight count = {0};

    for (unsigned i = 0; i < lookup->count; i++) {
        const struct th_lookup_node *node = &lookup->node[i];
        if (is_slow(lookup, node))
            count.slow++;
        else if (is_asked_again(node))
            count.again++;
        else if (is_in_flight(node))
            count.first++;
    }
    return count;
}

static bool finish(struct th_lookup *lookup, struct th_lookup_action *action)
{
    bool is_match = lookup->is_found || !lookup->config.ends_at_match;

    *action = (struct th_lookup_action){.kind = TH_LOOKUP_DONE,
                                        .result = lookup->is_starved ? TH_NO_MEMORY
                                                  : is_match         ? TH_OK
                                                                     : TH_NOT_FOUND};
    lookup->is_done = true;
    return true;
}

static bool ask_or_finish(struct th_lookup *lookup, struct th_lookup_action *action)
{
    bool is_complete;
    struct th_lookup_node *node = choose(lookup, &is_complete);
    struct in_flight count = count_in_flight(lookup);
    bool is_any = count.first + count.again + count.slow > 0;
    /* Who is likely dead takes no place of one that is new. */
    unsigned taken = node ? count.first : count.first + count.again;

    if (node == NULL && count.first == 0)
        node = choose_again(lookup);
    if (lookup->asked == lookup->config.asked_max)
        node = NULL;
    if (is_complete || lookup->idle >= TH_LOOKUP_IDLE_MAX || (node == NULL && !is_any))
        return finish(lookup, action);
    if (node == NULL || taken >= lookup->config.alpha)
        return false;

    node->state = TH_LOOKUP_CONNECTING;
    node->asks++;
    node->since = lookup->now;
    node->due = lookup->now + lookup->config.line_ms;
    begin_step(lookup, node);
    return tell(action, TH_LOOKUP_CONNECT, node);
}

/* Twice as long each time, for it may be slower than others. */
static th_ms answer_ms(const struct th_lookup *lookup, const struct th_lookup_node *node)
{
    th_ms ms = th_lookup_rtt_timeout(lookup->config.rtt) << (node->asks - 1);

    return ms < TH_LOOKUP_ANSWER_MS_MAX ? ms : TH_LOOKUP_ANSWER_MS_MAX;
}

bool th_lookup_next(struct th_lookup *lookup, struct th_lookup_action *action)
{
    if (lookup->is_done)
        return false;
    if (lookup->is_starved || lookup->now >= lookup->ends_at ||
        (lookup->is_found && lookup->config.ends_at_match))
        return finish(lookup, action);

    for (unsigned i = 0; i < lookup->count; i++) {
        struct th_lookup_node *node = &lookup->node[i];

        if (node->is_given_up) {
            node->is_given_up = false;
            return tell(action, TH_LOOKUP_GIVE_UP, node);
        }
        if (node->state == TH_LOOKUP_READY) {
            node->state = TH_LOOKUP_SENT;
            if (node->step > 0)
                lookup->step[node->step - 1].line_ms = (uint32_t)(lookup->now - node->since);
            node->since = lookup->now;
            node->due = lookup->now + answer_ms(lookup, node);
            node->progress = lookup->progress;
            return tell(action, TH_LOOKUP_SEEK, node);
        }
    }
    return ask_or_finish(lookup, action);
}
