#include "dialer/reach.h"

void th_reach_init(struct th_reach *reach, const struct th_hashname *node, bool is_eager,
                   th_ms patience_ms, struct th_now now)
{
    *reach = (struct th_reach){
        .node = *node,
        .patience_ms = patience_ms,
        .next_at = is_eager ? now.mono : TH_NEVER,
        .fails_at = now.mono + patience_ms,
        .now = now.mono,
    };
}

static struct th_reach_via *find(struct th_reach *reach, const struct th_hashname *via)
{
    for (unsigned i = 0; i < reach->via_count; i++)
        if (th_hashname_is_equal(&reach->via[i].id, via))
            return &reach->via[i];
    return NULL;
}

void th_reach_add_via(struct th_reach *reach, const struct th_hashname *via)
{
    if (find(reach, via) == NULL && reach->via_count < TH_REACH_VIAS_MAX)
        reach->via[reach->via_count++] = (struct th_reach_via){.id = *via};
}

void th_reach_on_opened(struct th_reach *reach, struct th_now now, enum th_err err)
{
    th_reach_tick(reach, now);
    reach->is_opened = true;
    reach->is_opening = err == TH_AGAIN;
    if (reach->next_at == TH_NEVER)
        reach->next_at = reach->now + (reach->is_opening ? TH_REACH_DIRECT_MS : 0);
    reach->fails_at = reach->now + reach->patience_ms;
}

void th_reach_on_refused(struct th_reach *reach, struct th_now now, const struct th_hashname *id)
{
    struct th_reach_via *via = find(reach, id);

    th_reach_tick(reach, now);
    if (via == NULL)
        return;
    via->refusals++;
    if (reach->next_at != TH_NEVER)
        reach->next_at = reach->now;
}

static bool has_untried(const struct th_reach *reach)
{
    for (unsigned i = 0; i < reach->via_count; i++)
        if (reach->via[i].tries == 0 && reach->via[i].refusals == 0)
            return true;
    return false;
}

void th_reach_on_delayed(struct th_reach *reach, struct th_now now, const struct th_hashname *id)
{
    struct th_reach_via *via = find(reach, id);

    th_reach_tick(reach, now);
    if (via)
        via->is_delayed = true;
    if (reach->next_at != TH_NEVER && has_untried(reach))
        reach->next_at = reach->now;
}

void th_reach_on_ready(struct th_reach *reach, struct th_now now, const struct th_hashname *id)
{
    struct th_reach_via *via = find(reach, id);

    th_reach_tick(reach, now);
    if (via == NULL || !via->is_delayed)
        return;
    via->is_delayed = false;
    reach->fails_at = reach->now + reach->patience_ms;
    if (!has_untried(reach))
        reach->next_at = reach->now + TH_REACH_PAUSE_MS;
}

/* The next teller to ask: the one asked least often, the first of those. NULL when nobody is left. */
static struct th_reach_via *choose(struct th_reach *reach)
{
    struct th_reach_via *chosen = NULL;

    for (unsigned i = 0; i < reach->via_count; i++) {
        struct th_reach_via *via = &reach->via[i];
        if (via->refusals == 0 && !via->is_delayed &&
            (chosen == NULL || via->tries < chosen->tries))
            chosen = via;
    }
    if (chosen && reach->tries >= TH_REACH_TRIES_MAX && chosen->tries > 0)
        return NULL;
    return chosen;
}

/* Nothing that was asked can bring the line any more. */
static bool is_hopeless(const struct th_reach *reach)
{
    if (!reach->is_opened || reach->is_opening)
        return false;
    for (unsigned i = 0; i < reach->via_count; i++) {
        const struct th_reach_via *via = &reach->via[i];
        if (via->refusals == 0 || via->refusals < via->tries)
            return false;
    }
    return true;
}

th_ms th_reach_deadline(const struct th_reach *reach)
{
    if (reach->is_over)
        return TH_NEVER;
    return reach->next_at > reach->now ? th_sooner(reach->next_at, reach->fails_at)
                                       : reach->fails_at;
}

void th_reach_tick(struct th_reach *reach, struct th_now now)
{
    TH_CHECK(now.mono >= reach->now);
    reach->now = now.mono;
}

bool th_reach_next(struct th_reach *reach, struct th_reach_action *action)
{
    if (reach->is_over)
        return false;
    if (!reach->has_asked) {
        reach->has_asked = true;
        *action = (struct th_reach_action){.kind = TH_REACH_OPEN};
        return true;
    }
    struct th_reach_via *via = reach->next_at <= reach->now ? choose(reach) : NULL;
    if (via) {
        via->tries++;
        reach->tries++;
        reach->next_at = reach->now + TH_REACH_PAUSE_MS;
        reach->fails_at = reach->now + reach->patience_ms;
        *action = (struct th_reach_action){.kind = TH_REACH_INTRODUCE, .via = via->id};
        return true;
    }
    if (!is_hopeless(reach) && reach->fails_at > reach->now)
        return false;
    reach->is_over = true;
    *action = (struct th_reach_action){.kind = TH_REACH_FAILED};
    return true;
}
