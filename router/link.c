#include "router/link.h"

#include "switch/base/check.h"

static th_ms whole(const struct th_link *link, uint32_t low)
{
    return link->heard_at + (th_ms)(int32_t)(low - (uint32_t)link->heard_at);
}

static th_ms sent_at(const struct th_link *link)
{
    return whole(link, link->sent_low);
}

/* Down to 80 % of the upper bound, so that links that began together do not stay so. */
static uint32_t next_due(const struct th_link *link, struct th_rng *rng)
{
    uint32_t most = link->every_ms;

    return (uint32_t)(link->sent_low + th_rng_between(rng, most - most / 5, most));
}

/* Counted from the one before, not from the first: after a stall they do not come all at once. */
static uint32_t repeat_at(const struct th_link *link)
{
    return link->sent_low +
           (link->tries < TH_LINK_TRIES_MIN ? TH_LINK_REPEAT_SOON_MS : TH_LINK_REPEAT_MS);
}

static bool may_end(const struct th_link *link)
{
    return link->is_up && link->tries >= TH_LINK_TRIES_MIN;
}

static void begin(struct th_link *link, th_ms keepalive_ms, struct th_now now)
{
    TH_CHECK(keepalive_ms >= TH_LINK_KEEPALIVE_MS_MIN && keepalive_ms <= TH_LINK_KEEPALIVE_MS_MAX);
    *link = (struct th_link){
        .every_ms = (uint16_t)keepalive_ms,
        .began_at = now.mono,
        .sent_low = (uint32_t)now.mono,
        .heard_at = now.mono,
    };
}

void th_link_init_ours(struct th_link *link, th_ms keepalive_ms, struct th_now now)
{
    begin(link, keepalive_ms, now);
    link->tries = 1;
    link->asked_low = (uint32_t)now.mono;
    link->due_low = repeat_at(link);
}

void th_link_on_opened(struct th_link *link, uint32_t c)
{
    if (link->is_ours_heard)
        return;
    link->ours = c;
}

/* Of the first try only: later ones leave open which of them was answered. */
static void measure(struct th_link *link, struct th_now now)
{
    if (link->tries != 1)
        return;
    link->has_rtt = true;
    link->rtt_ms = (uint32_t)now.mono - link->asked_low;
}

void th_link_on_heard(struct th_link *link, uint32_t c, bool is_ours, struct th_now now,
                      struct th_rng *rng)
{
    if (is_ours) {
        link->ours = c;
        link->is_ours_heard = true;
    } else {
        link->theirs = c;
    }
    link->is_ours_last = is_ours;
    link->heard_at = now.mono;

    /* Their own request, while ours is under way, is life but no answer. */
    if (link->is_up || is_ours)
        measure(link, now);
    if (!link->is_up) {
        link->is_up = true;
        link->up_after_ms = (uint32_t)(now.mono - link->began_at);
    }
    if (link->tries > 0 || th_link_up_at(link) == now.mono) {
        link->tries = 0;
        link->due_low = next_due(link, rng);
    }
}

void th_link_init_up(struct th_link *link, th_ms keepalive_ms, uint32_t c, bool is_ours,
                     struct th_now now, struct th_rng *rng)
{
    begin(link, keepalive_ms, now);
    th_link_on_heard(link, c, is_ours, now, rng);
}

void th_link_on_sent(struct th_link *link, struct th_now now, struct th_rng *rng)
{
    link->sent_low = (uint32_t)now.mono;
    if (link->is_up && now.mono - link->heard_at <= TH_LINK_FRESH_MS) {
        link->due_low = next_due(link, rng);
        return;
    }
    if (link->tries == 0)
        link->asked_low = (uint32_t)now.mono;
    if (link->tries < UINT8_MAX)
        link->tries++;
    if (link->tries == TH_LINK_TRIES_MIN) {
        th_ms silent = link->heard_at + TH_LINK_TIMEOUT_MS;
        th_ms patient = now.mono + TH_LINK_PATIENCE_MS;
        link->end_low = (uint32_t)(silent > patient ? silent : patient);
    }
    link->due_low = repeat_at(link);
}

bool th_link_on_channel_ended(struct th_link *link, uint32_t c, bool is_ours)
{
    if (is_ours && link->ours == c) {
        link->ours = 0;
        link->is_ours_heard = false;
    }
    if (!is_ours && link->theirs == c)
        link->theirs = 0;
    return link->ours == 0 && link->theirs == 0;
}

bool th_link_owes_answer(const struct th_link *link, struct th_now now)
{
    return now.mono - sent_at(link) > TH_LINK_FRESH_MS;
}

uint32_t th_link_channel(const struct th_link *link, bool *is_ours)
{
    *is_ours = link->ours != 0 && (link->is_ours_last || link->theirs == 0);
    return *is_ours ? link->ours : link->theirs;
}

th_ms th_link_deadline(const struct th_link *link)
{
    th_ms due_at = whole(link, link->due_low);

    if (!link->is_up)
        return th_sooner(due_at, link->began_at + TH_LINK_ASK_MS);
    return may_end(link) ? th_sooner(due_at, whole(link, link->end_low)) : due_at;
}

enum th_link_want th_link_tick(const struct th_link *link, struct th_now now)
{
    if (now.mono < th_link_deadline(link))
        return TH_LINK_WAIT;
    if (!link->is_up)
        return now.mono >= link->began_at + TH_LINK_ASK_MS ? TH_LINK_GIVE_UP : TH_LINK_ASK;
    if (may_end(link) && now.mono >= whole(link, link->end_low))
        return TH_LINK_GIVE_UP;
    return TH_LINK_KEEP;
}
