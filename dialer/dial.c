#include "dialer/dial.h"

#include "switch/base/mem.h"

#include <string.h>

_Static_assert((int)TH_DIAL_STEPS_MAX == (int)TH_SEARCH_STEPS_MAX, "all of its steps are told");
_Static_assert((int)TH_DIAL_CLOSEST_MAX == (int)TH_SEARCH_CLOSEST_MAX, "as many can be had");

static bool is_target(const struct th_dialing *dial, const struct th_hashname *id)
{
    return th_hashname_is_equal(&dial->request.target, id);
}

/* --- the end --- */

static struct th_told told_of(const struct th_lookup_node *node)
{
    return (struct th_told){.id = node->id,
                            .has_via = node->via_count > 0,
                            .via = node->via_count > 0 ? *node->via[0] : (struct th_hashname){{0}},
                            .has_addr = node->has_addr,
                            .addr = node->addr};
}

/* What the search has seen. Without memory the rest is told without. */
static void tell_search(struct th_dialed **told, const struct th_search *search)
{
    const struct th_lookup_node *closest[TH_DIAL_CLOSEST_MAX];
    unsigned closest_count = th_search_closest(search, closest, TH_DIAL_CLOSEST_MAX);
    struct th_dialed *grown = *told;
    const struct th_lookup_step *step;
    unsigned count = 0, path;

    while (th_search_step(search, count, &path))
        count++;
    grown = th_mem_resize(grown, 1,
                          sizeof *grown + count * sizeof grown->step[0] +
                              closest_count * sizeof grown->closest[0]);
    if (grown == NULL)
        return;
    for (unsigned i = 0; (step = th_search_step(search, i, &path)) != NULL; i++)
        grown->step[i] =
            (struct th_dial_step){.path = path,
                                  .asked = step->asked,
                                  .has_via = step->via != NULL,
                                  .via = step->via ? *step->via : (struct th_hashname){{0}},
                                  .answered = step->answered,
                                  .rtt_ms = step->rtt_ms,
                                  .line_ms = step->line_ms,
                                  .entries = step->entries,
                                  .hop = step->hop};
    grown->step_count = count;
    grown->closest = (struct th_told *)&grown->step[count];
    for (unsigned i = 0; i < closest_count; i++)
        grown->closest[i] = told_of(closest[i]);
    grown->closest_count = closest_count;
    *told = grown;
}

const th_ms th_dialer_took_up_to[TH_DIALER_TOOK_STEPS] = {10,   25,   50,   100,   250,  500,
                                                          1000, 2500, 5000, 10000, 20000};

static void count_result(struct th_dialer_status *status, const struct th_dialing *dial,
                         const struct th_dialed *told)
{
    enum th_err result = told->result;

    if (dial->is_renewal) {
        status->renewed += result == TH_OK;
        return;
    }
    unsigned step = 0;
    while (step < TH_DIALER_TOOK_STEPS && told->took_ms > th_dialer_took_up_to[step])
        step++;
    status->took[step]++;
    status->took_sum_ms += told->took_ms;
    status->tried_again += told->paths > 0;
    status->found_again += told->paths > 0 && told->is_found;
    if (result == TH_OK && dial->request.mode == TH_DIAL_REACH) {
        status->reached++;
        status->other_tellers += told->rounds > 1;
    } else if (result == TH_OK)
        status->found++;
    else if (result == TH_NOT_FOUND)
        status->not_found++;
    else if (result == TH_NO_PATH)
        status->no_path++;
    else if (result == TH_TIMED_OUT)
        status->timed_out++;
    else
        status->failed++;
}

static bool has_answers(const struct th_dialed *told)
{
    for (unsigned i = 0; i < told->step_count; i++)
        if (told->step[i].answered)
            return true;
    return false;
}

/* What a dial tells of the network. That a node in reserve is gone says nothing, nor that nobody knows a
 * hashname, or that its node is away, as long as somebody answers. */
static void count_recent(struct th_dialer *dialer, const struct th_dialing *dial,
                         const struct th_dialed *told, th_ms now)
{
    bool has_reached = told->result == TH_OK && dial->request.mode == TH_DIAL_REACH;

    if (dial->is_renewal || dial->request.only_hints || (told->asked == 0 && !has_reached))
        return;
    bool has_failed = !has_reached && !has_answers(told);
    dialer->recent_failures = dialer->recent_failures << 1 | has_failed;
    dialer->recent_at = now;
    if (dialer->status.recent < TH_DIAL_RECENT_MAX)
        dialer->status.recent++;
    dialer->status.recent_failed = 0;
    for (unsigned i = 0; i < dialer->status.recent; i++)
        dialer->status.recent_failed += dialer->recent_failures >> i & 1;
}

void th_dialing_finish(struct th_dialing *dial, struct th_dialer *dialer,
                       const struct th_self *self, enum th_err result)
{
    struct th_search_outcome outcome = th_search_outcome(&dial->search);
    struct th_dialed *told = dial->told;

    if (dial->phase == TH_DIAL_OVER)
        return;
    dial->phase = TH_DIAL_OVER;
    th_dialing_end_ways(dial, self, dial->has_line);
    told->way_count = dial->way_count;
    dial->way_count = 0;
    dial->told = NULL;

    told->target = dial->request.target;
    told->result = result;
    told->is_found = outcome.is_found || dial->has_line;
    told->has_line = dial->has_line;
    told->took_ms = self->now.mono - dial->began_at;
    told->found_ms = outcome.at ? outcome.at - dial->began_at : 0;
    told->asked = th_search_asked(&dial->search);
    told->paths = dial->search.path_count;
    told->hops = outcome.hops;
    told->rounds = dial->rounds;
    tell_search(&told, &dial->search);
    count_result(&dialer->status, dial, told);
    count_recent(dialer, dial, told, self->now.mono);
    th_dialing_forget_asks(dial, dialer, self);
    if (dial->is_renewal)
        th_dialed_drop(told);
    else
        th_dialer_tell(dialer, self, dial->from, told);
}

void th_dialing_free(struct th_dialing *dial)
{
    TH_CHECK(dial->asks == NULL); /* else the switch's answer would find nobody */
    while (dial->wants)
        th_dialing_drop_want(dial, dial->wants);
    th_search_clear(&dial->search);
    th_dialed_drop(dial->told);
    th_mem_free(dial);
}

/* --- the phases --- */

static void begin_lookup(struct th_dialing *dial, const struct th_dialer *dialer)
{
    struct th_hashname start[TH_DIAL_START_MAX];
    /* Who looks for its neighbours goes to them by those that it is linked with, and leaves in peace the
     * node through which it came, as thousands may. */
    bool linked_only = dial->request.mode == TH_DIAL_FIND;
    unsigned count = th_contacts_nearest(&dialer->contacts, &dial->request.target, linked_only,
                                         start, TH_DIAL_START_MAX);

    dial->phase = TH_DIAL_LOOKING;
    for (unsigned i = 0; i < count; i++)
        th_search_add(&dial->search, &start[i]);
}

static void begin_hinted(struct th_dialing *dial, struct th_dialer *dialer,
                         const struct th_self *self)
{
    const struct th_dial *request = &dial->request;

    dial->phase = TH_DIAL_HINTED;
    struct th_dial_want *want =
        th_dialing_add_want(dial, dialer, self, &request->target, TH_DIAL_HINTED_MS);

    if (want == NULL) {
        th_dialing_finish(dial, dialer, self, TH_NO_MEMORY);
        return;
    }
    for (unsigned i = 0; i < request->hint_count; i++) {
        const struct th_told *hint = &request->hint[i];
        if (hint->has_via && !is_target(dial, &hint->via))
            th_reach_add_via(&want->reach, &hint->via);
        if (hint->has_addr && !want->has_addr) {
            want->has_addr = true;
            want->addr = hint->addr;
        }
    }
    if (th_contacts_is_silent(&dialer->contacts, &request->target))
        th_dialing_add_near(&dialer->contacts, want);
}

/* Who was not found in a lookup may have been hidden by liars. False when there is no second try. */
static bool look_again(struct th_dialing *dial, const struct th_dialer *dialer,
                       const struct th_self *self)
{
    struct th_hashname start[TH_SEARCH_START_MAX];
    unsigned count;

    if (dial->request.is_brief || dial->has_line)
        return false;
    count =
        th_contacts_spread(&dialer->contacts, &dial->request.target, start, TH_SEARCH_START_MAX);
    return th_search_again(&dial->search, self->now, start, count);
}

/* What was asked may still bring the line, but nobody else can be asked. */
static void wait_for_the_last(struct th_dialing *dial, struct th_dialer *dialer,
                              const struct th_self *self)
{
    th_ms end = dial->introduced_at + TH_DIAL_REACHING_MS;

    dial->phase = TH_DIAL_REACHING;
    if (!th_dialing_is_hopeful(dial) || end <= self->now.mono) {
        th_dialing_finish(dial, dialer, self, TH_NO_PATH);
    } else if (end < dial->ends_at) {
        dial->is_last_wait = true;
        dial->ends_at = end;
    }
}

/* The target is told of by nobody else who is known: others are looked for, over disjoint paths. */
static void look_for_others(struct th_dialing *dial, struct th_dialer *dialer,
                            const struct th_self *self)
{
    bool goes_on = dial->rounds < TH_DIAL_ROUNDS_MAX && !dial->request.is_brief &&
                   (th_search_go_on(&dial->search, self->now) || look_again(dial, dialer, self));

    if (goes_on)
        dial->phase = TH_DIAL_LOOKING;
    else
        wait_for_the_last(dial, dialer, self);
}

/* Asks those who can introduce us to the target, but for those who were asked already. */
static void begin_reaching(struct th_dialing *dial, struct th_dialer *dialer,
                           const struct th_self *self)
{
    dial->phase = TH_DIAL_REACHING;

    struct th_dial_want *want =
        th_dialing_add_want(dial, dialer, self, &dial->request.target, TH_DIAL_ROUND_MS);
    if (want == NULL) {
        th_dialing_finish(dial, dialer, self, TH_NO_MEMORY);
        return;
    }
    th_dialing_add_introducers(dial, &dialer->contacts, want);
    bool is_needless = dial->rounds > 0 && want->reach.via_count == 0;
    if (dial->rounds == TH_DIAL_ROUNDS_MAX || is_needless) {
        th_dialing_drop_want(dial, want);
        look_for_others(dial, dialer, self);
    } else {
        dial->rounds++;
    }
}

static void end_lookup(struct th_dialing *dial, struct th_dialer *dialer,
                       const struct th_self *self, enum th_err result)
{
    bool wants_line = dial->request.mode == TH_DIAL_REACH;

    while (dial->wants) /* lines to nodes that need not be asked any more */
        th_dialing_drop_want(dial, dial->wants);
    if (result == TH_NOT_FOUND && look_again(dial, dialer, self))
        return;
    if (result == TH_NO_MEMORY || !wants_line)
        th_dialing_finish(dial, dialer, self, result);
    else if (dial->has_line)
        th_dialing_finish(dial, dialer, self, TH_OK);
    else if (result == TH_OK)
        begin_reaching(dial, dialer, self);
    else if (dial->rounds > 0)
        wait_for_the_last(dial, dialer, self);
    else /* with a hint somebody is said to know it */
        th_dialing_finish(dial, dialer, self, dial->request.hint_count ? TH_NO_PATH : result);
}

/* A line could not be had. */
static void on_unreached(struct th_dialing *dial, struct th_dialer *dialer,
                         const struct th_self *self, struct th_dial_want *want)
{
    struct th_hashname node = want->reach.node;

    th_dialing_drop_want(dial, want);
    th_dialing_on_via(dial, dialer, self, &node, false);
    if (dial->phase != TH_DIAL_LOOKING && !is_target(dial, &node))
        return;
    bool is_hinted = dial->phase == TH_DIAL_HINTED;
    if (is_hinted && !dial->request.only_hints)
        begin_lookup(dial, dialer);
    else if (is_hinted)
        th_dialing_finish(dial, dialer, self, TH_NO_PATH);
    else if (dial->phase == TH_DIAL_REACHING)
        begin_reaching(dial, dialer, self);
    else
        th_search_on_refused(&dial->search, self->now, &node);
}

enum th_err th_dialing_new(struct th_dialing **out, uint32_t id, const struct th_self *self,
                           const struct th_dial *request, struct th_from from)
{
    th_ms timeout_ms = request->timeout_ms ? request->timeout_ms : TH_DIAL_MS_DEFAULT;
    struct th_dialing *dial = th_mem_zalloc(1, sizeof *dial);

    if (dial == NULL)
        return TH_NO_MEMORY;
    if (timeout_ms > TH_DIAL_MS_MAX)
        timeout_ms = TH_DIAL_MS_MAX;
    *dial = (struct th_dialing){.id = id,
                                .from = from,
                                .request = *request,
                                .began_at = self->now.mono,
                                .ends_at = self->now.mono + timeout_ms,
                                .told = th_mem_zalloc(1, sizeof *dial->told)};
    if (dial->told == NULL) {
        th_dialing_free(dial);
        return TH_NO_MEMORY;
    }
    *out = dial;
    return TH_OK;
}

/* Who looks for neighbours has enough with those for a bucket. Who looks for one node asks some more
 * before it is said to be nowhere: near it there may be few who know it. */
static unsigned width_of(const struct th_dialer *dialer, const struct th_dial *request)
{
    unsigned k = dialer->config->k;

    if (request->mode == TH_DIAL_FIND)
        return request->width ? request->width : k;
    return k < TH_LOOKUP_WIDTH_DEFAULT ? TH_LOOKUP_WIDTH_DEFAULT : k;
}

static void begin(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self)
{
    const struct th_dial *request = &dial->request;
    bool is_reach = request->mode == TH_DIAL_REACH;
    struct th_lookup_config config = {
        .self = dialer->config->identity,
        .target = request->target,
        .ends_at_match = is_reach,
        .rtt = &dialer->rtt,
        .drops = &dialer->status.drops,
        .allow = &dialer->allow,
        .width = width_of(dialer, request),
        .all_ms = is_reach && !request->is_brief ? TH_DIAL_LOOKING_MS : 0,
    };

    dial->has_line = th_contacts_has(&dialer->contacts, &request->target);
    th_search_init(&dial->search, &config, self->now);
    if (is_reach && is_target(dial, &config.self->hashname))
        th_dialing_finish(dial, dialer, self, TH_INVALID);
    else if (is_reach && !th_allow_has(dialer->allow, &request->target))
        th_dialing_finish(dial, dialer, self, TH_NO_PERMISSION);
    else if (!is_reach || request->always_seek)
        begin_lookup(dial, dialer);
    else if (dial->has_line)
        th_dialing_finish(dial, dialer, self, TH_OK);
    else
        begin_hinted(dial, dialer, self);
}

/* --- what happens --- */

void th_dialing_on_line_up(struct th_dialing *dial, struct th_dialer *dialer,
                           const struct th_self *self, const struct th_hashname *id, bool is_direct)
{
    struct th_dial_want *want = th_dialing_find_want(dial, id);

    dial->due_at = 0;
    if (want) {
        th_dialing_drop_want(dial, want);
        th_dialing_forget_introductions(dial, dialer, self, id, is_direct);
    }
    if (is_target(dial, id)) {
        dial->has_line = true;
        th_dialing_end_ways(dial, self, true);
    }
    th_dialing_on_via(dial, dialer, self, id, true);
    th_search_on_line_up(&dial->search, self->now, id);
}

void th_dialing_on_line_down(struct th_dialing *dial, const struct th_hashname *id)
{
    if (is_target(dial, id))
        dial->has_line = false;
}

void th_dialing_on_contacts(struct th_dialing *dial, struct th_dialer *dialer,
                            const struct th_self *self)
{
    struct th_dial_want *next;

    dial->due_at = 0;
    dial->has_line = th_contacts_has(&dialer->contacts, &dial->request.target);
    for (struct th_dial_want *want = dial->wants; want; want = next) {
        struct th_hashname node = want->reach.node;
        next = want->next;
        if (th_contacts_has(&dialer->contacts, &node))
            th_dialing_on_line_up(dial, dialer, self, &node, false);
    }
}

void th_dialing_on_opened(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self, const struct th_hashname *node,
                          enum th_err err)
{
    struct th_dial_want *want = th_dialing_find_want(dial, node);

    if (err == TH_OK) /* its event is on the way; the line is there already */
        th_dialing_on_line_up(dial, dialer, self, node, false);
    else if (want)
        th_reach_on_opened(&want->reach, self->now, err);
    if (is_target(dial, node) && err != TH_OK && err != TH_AGAIN)
        th_dialing_end_way(dial, self, NULL, err, "");
}

void th_dialing_on_unanswered(struct th_dialing *dial, const struct th_self *self,
                              const struct th_hashname *node)
{
    th_search_on_refused(&dial->search, self->now, node);
}

void th_dialing_on_see(struct th_dialing *dial, const struct th_self *self,
                       const struct th_hashname *node, const struct th_see *see)
{
    struct th_dial_want *want;

    th_search_on_answer(&dial->search, self->now, node, see);

    /* An answer may know more who can introduce us to whom we want. */
    for (want = dial->wants; want; want = want->next)
        th_dialing_add_known(dial, want);
}

void th_dialing_on_unintroduced(struct th_dialing *dial, const struct th_self *self,
                                const struct th_hashname *node, const struct th_hashname *via,
                                enum th_err why, const char *said)
{
    struct th_dial_want *want = th_dialing_find_want(dial, node);

    if (is_target(dial, node))
        th_dialing_end_way(dial, self, via, why, said);
    if (want)
        th_reach_on_refused(&want->reach, self->now, via);
}

/* --- what to do --- */

/* Takes one action of one of the wants; false when there is none. */
static bool reach_one(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self)
{
    struct th_reach_action action;
    struct th_dial_want *want = dial->wants;

    while (want && !th_reach_next(&want->reach, &action))
        want = want->next;
    if (want == NULL)
        return false;

    struct th_hashname node = want->reach.node;
    switch (action.kind) {
    case TH_REACH_OPEN:
        if (is_target(dial, &node))
            th_dialing_begin_way(dial, self, NULL);
        th_dialing_open(dial, dialer, self, &node);
        break;
    case TH_REACH_INTRODUCE:
        if (want->has_addr)
            th_dialing_punch(dialer, self, &want->addr);
        if (is_target(dial, &node)) {
            th_dialing_begin_way(dial, self, &action.via);
            dial->introduced_at = self->now.mono;
        }
        th_dialing_introduce(dial, dialer, self, &node, &action.via);
        break;
    case TH_REACH_FAILED:
        on_unreached(dial, dialer, self, want);
        break;
    }
    return true;
}

/* A node that the lookup wants to ask. */
static void connect(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self,
                    const struct th_lookup_node *node)
{
    if (th_contacts_has(&dialer->contacts, &node->id)) {
        th_search_on_line_up(&dial->search, self->now, &node->id);
        return;
    }

    struct th_dial_want *want = th_dialing_find_want(dial, &node->id);
    if (want == NULL)
        want = th_dialing_add_want(dial, dialer, self, &node->id, TH_LOOKUP_LINE_MS);
    if (want)
        th_dialing_add_known(dial, want);
    else
        th_search_on_refused(&dial->search, self->now, &node->id);
}

/* Takes one action of the lookup; false when there is none. */
static bool look_one(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self)
{
    struct th_lookup_action action;
    struct th_dial_want *want;

    if (dial->phase != TH_DIAL_LOOKING || !th_search_next(&dial->search, &action))
        return false;
    switch (action.kind) {
    case TH_LOOKUP_CONNECT:
        connect(dial, dialer, self, &action.node);
        break;
    case TH_LOOKUP_SEEK:
        th_dialing_seek(dial, dialer, self, &action.node.id);
        break;
    case TH_LOOKUP_GIVE_UP: /* what was asked for it may still bring its line */
        want = th_dialing_find_want(dial, &action.node.id);
        if (want)
            th_dialing_drop_want(dial, want);
        break;
    case TH_LOOKUP_DONE:
        end_lookup(dial, dialer, self, action.result);
        break;
    }
    return true;
}

static bool is_reached(const struct th_dialing *dial)
{
    return dial->request.mode == TH_DIAL_REACH && dial->has_line &&
           (dial->phase != TH_DIAL_LOOKING || !dial->request.always_seek || dial->rounds > 0);
}

static bool do_one(struct th_dialing *dial, struct th_dialer *dialer, const struct th_self *self)
{
    if (dial->phase == TH_DIAL_OVER)
        return false;
    if (dial->phase == TH_DIAL_WAITING) {
        if (dialer->has_contacts)
            begin(dial, dialer, self);
        return dialer->has_contacts;
    }
    if (!is_reached(dial))
        return reach_one(dial, dialer, self) || look_one(dial, dialer, self);
    th_dialing_finish(dial, dialer, self, TH_OK);
    return false;
}

static th_ms next_due(const struct th_dialing *dial)
{
    th_ms soonest = dial->ends_at;

    if (dial->phase == TH_DIAL_LOOKING)
        soonest = th_sooner(soonest, th_search_deadline(&dial->search));
    for (const struct th_dial_want *want = dial->wants; want; want = want->next)
        soonest = th_sooner(soonest, th_reach_deadline(&want->reach));
    return soonest;
}

void th_dialing_carry_out(struct th_dialing *dial, struct th_dialer *dialer,
                          const struct th_self *self)
{
    th_search_tick(&dial->search, self->now);
    for (struct th_dial_want *want = dial->wants; want; want = want->next)
        th_reach_tick(&want->reach, self->now);
    while (do_one(dial, dialer, self))
        ;
    if (self->now.mono >= dial->ends_at)
        th_dialing_finish(dial, dialer, self, dial->is_last_wait ? TH_NO_PATH : TH_TIMED_OUT);
    dial->due_at = next_due(dial);
}
