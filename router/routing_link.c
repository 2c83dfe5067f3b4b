#include "router/routing_inside.h"

static bool we_are_lower(const struct th_routing *routing, const struct th_hashname *id)
{
    return th_hashname_compare(&routing->config.table.self, id) < 0;
}

static void set_due(struct th_routing *routing, struct th_peer *peer)
{
    th_heap_set(&routing->due, &peer->due, th_link_deadline(&peer->link));
}

/* --- sending -------------------------------------------------------------------------------------- */

static enum th_err push_open(struct th_routing *routing, const struct th_peer *peer)
{
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_OPEN, &peer->id);

    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->fields = TH_FIELDS_LINK_SEE;
    todo->addr = peer->addr;
    return TH_OK;
}

static enum th_err push_send(struct th_routing *routing, const struct th_peer *peer, uint32_t c,
                             bool is_ours, enum th_routing_fields fields)
{
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_SEND, &peer->id);

    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->fields = fields;
    todo->addr = peer->addr;
    todo->action.c = c;
    todo->action.is_ours = is_ours;
    return TH_OK;
}

/* err: NULL for a plain `end`. */
static enum th_err push_end(struct th_routing *routing, const struct th_hashname *id, uint32_t c,
                            bool is_ours, const char *err)
{
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_SEND, id);

    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->action.c = c;
    todo->action.is_ours = is_ours;
    todo->action.end = true;
    todo->action.err = err;
    return TH_OK;
}

/* There is no room for it here; others may have some. */
static enum th_err push_refusal(struct th_routing *routing, const struct th_routing_packet *packet,
                                const char *err)
{
    enum th_err result = push_end(routing, &packet->from, packet->c, packet->is_ours, err);

    if (result == TH_OK && !routing->is_leaving) {
        struct th_routing_todo *todo = &routing->todo[routing->todo_count - 1];
        todo->action.hands_on = true;
        todo->action.addr = packet->addr;
    }
    return result;
}

static enum th_err push_news(struct th_routing *routing, enum th_routing_action_kind kind,
                             const struct th_peer *peer, enum th_err why)
{
    struct th_routing_todo *todo = th_routing_push(routing, kind, &peer->id);

    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->action.is_seed = peer->is_seed;
    todo->action.is_out = peer->is_out;
    todo->action.why = why;
    return TH_OK;
}

/* --- the end of a link ---------------------------------------------------------------------------- */

/* Whether the application still wants a link that ended so. Not from who does not want us, or does
 * not answer on a line that is up: it may ask again. */
static bool is_still_asked(const struct th_peer *peer, enum th_err why)
{
    if (why == TH_EOF || why == TH_REFUSED || why == TH_AGAIN)
        return false;
    return why != TH_TIMED_OUT || peer->link.is_up;
}

static enum th_err tell_down(struct th_routing *routing, const struct th_peer *peer,
                             enum th_err why)
{
    bool is_wish_over = peer->is_kept && !is_still_asked(peer, why);

    if (is_wish_over)
        th_routing_unask(routing, &peer->id);
    return peer->link.is_up || is_wish_over ? push_news(routing, TH_ROUTING_LINK_DOWN, peer, why)
                                            : TH_OK;
}

static enum th_err leave_alone(struct th_routing *routing, const struct th_hashname *id,
                               enum th_err why)
{
    if (why == TH_EOF || why == TH_REFUSED || why == TH_AGAIN || why == TH_LIMIT)
        return th_table_avoid(&routing->table, id, TH_AVOID_ROOM, routing->now);
    if (why == TH_TIMED_OUT || why == TH_NO_LINE) /* a new line makes up for it */
        return th_table_avoid(&routing->table, id, TH_AVOID_FAILED, routing->now);
    return TH_OK;
}

enum th_err th_routing_lose(struct th_routing *routing, struct th_peer *peer, enum th_err why,
                            bool has_line)
{
    int index = th_hashname_bucket(&routing->config.table.self, &peer->id);
    struct th_spare spare = {
        .id = peer->id,
        .addr = peer->addr,
        .csid = peer->csid,
        .has_line = has_line,
        .failures = (uint8_t)(peer->failures + (why == TH_TIMED_OUT)),
    };
    bool was_up = peer->link.is_up;
    enum th_err err = tell_down(routing, peer, why);

    if (err == TH_OK && was_up)
        err = th_ages_note(&routing->ages, &peer->id, peer->first_seen_at, routing->now);
    th_heap_set(&routing->due, &peer->due, TH_NEVER);
    th_table_remove(&routing->table, peer);
    routing->is_hungry = true;
    th_routing_plan_refresh(routing, th_table_at(&routing->table, index), was_up);
    if (err == TH_OK)
        err = leave_alone(routing, &spare.id, why);
    if (err == TH_OK && spare.failures < TH_SPARE_FAILURES_MAX)
        err = th_routing_offer(routing, &spare);
    return err;
}

/* word: NULL, or what is the matter. */
static enum th_err end_channels(struct th_routing *routing, const struct th_peer *peer,
                                const char *word)
{
    enum th_err err = TH_OK;

    if (peer->link.ours)
        err = push_end(routing, &peer->id, peer->link.ours, true, word);
    if (err == TH_OK && peer->link.theirs)
        err = push_end(routing, &peer->id, peer->link.theirs, false, word);
    return err;
}

/* Who is only not heard learns that it is welcome again, which a plain `end` would not say. */
enum th_err th_routing_end(struct th_routing *routing, struct th_peer *peer, enum th_err why)
{
    enum th_err err = end_channels(routing, peer, why == TH_TIMED_OUT ? TH_LINK_ERR_TIMEOUT : NULL);

    return err == TH_OK ? th_routing_lose(routing, peer, why, true) : err;
}

/* --- the beginning -------------------------------------------------------------------------------- */

static struct th_peer *add_peer(struct th_routing *routing, const struct th_spare *spare,
                                const struct th_link *link)
{
    if (th_heap_reserve(&routing->due) != TH_OK)
        return NULL;
    struct th_peer *peer = th_table_add(&routing->table, spare, link);
    if (peer == NULL)
        return NULL;
    peer->is_kept = th_routing_is_asked(routing, &peer->id);
    set_due(routing, peer);
    return peer;
}

enum th_err th_routing_ask(struct th_routing *routing, const struct th_spare *spare)
{
    struct th_link link;

    th_link_init_ours(&link, routing->config.keepalive_ms, routing->now);
    struct th_peer *peer = add_peer(routing, spare, &link);
    if (peer == NULL)
        return TH_NO_MEMORY;
    peer->is_out = true;
    return push_open(routing, peer);
}

/* Makes room for a link that is about to come up. refusal: filled with the word that says why there
 * is none; NULL when it is welcome. */
static enum th_err make_room(struct th_routing *routing, const struct th_newcomer *newcomer,
                             const char **refusal)
{
    struct th_peer *loser = NULL;

    *refusal = NULL;
    switch (th_table_judge(&routing->table, newcomer, &loser)) {
    case TH_TABLE_ROOM:
        break;
    case TH_TABLE_TRIM:
        return th_routing_end(routing, loser, TH_LIMIT);
    case TH_TABLE_FULL:
        *refusal = "full";
        return th_table_avoid(&routing->table, &newcomer->id, TH_AVOID_ROOM, routing->now);
    case TH_TABLE_NET:
        *refusal = "net";
        break;
    }
    return TH_OK;
}

/* A link is up: says so, and since when we know whom. */
static enum th_err greet(struct th_routing *routing, struct th_peer *peer)
{
    int index = th_hashname_bucket(&routing->config.table.self, &peer->id);

    peer->first_seen_at = th_ages_first_seen(&routing->ages, &peer->id, routing->now);
    peer->failures = 0;
    th_routing_plan_refresh(routing, th_table_at(&routing->table, index), false);
    enum th_err err = th_ages_note(&routing->ages, &peer->id, peer->first_seen_at, routing->now);
    return err == TH_OK ? push_news(routing, TH_ROUTING_LINK_UP, peer, TH_OK) : err;
}

/* True for a node whose link ended a moment ago. It may ask again soon (and does, as nobody answers),
 * but not make and end links as fast as it can. */
static bool is_hasty(const struct th_routing *routing, const struct th_hashname *id)
{
    const struct th_avoided *avoided = th_table_avoided(&routing->table, id, routing->now);

    return avoided && avoided->why == TH_AVOID_ROOM &&
           routing->now.mono - avoided->since < TH_HASTE_MS;
}

/* Takes a link that somebody else began. is_request: it is a first packet, which is refused in words
 * and answered with a see. */
static enum th_err accept(struct th_routing *routing, const struct th_routing_packet *packet,
                          const struct th_link_head *head, bool is_request)
{
    const struct th_addr own = packet->is_bridged ? (struct th_addr){0} : packet->addr;
    const struct th_newcomer newcomer = {
        .id = packet->from,
        .addr = own,
        .is_out = packet->is_ours,
        .is_kept = th_routing_is_asked(routing, &packet->from),
    };
    const struct th_spare *known = th_table_spare(&routing->table, &packet->from);
    struct th_spare spare = known ? *known : (struct th_spare){0};
    const char *refusal = "leaving";
    struct th_link link;

    enum th_err err = routing->is_leaving ? TH_OK : make_room(routing, &newcomer, &refusal);
    if (err != TH_OK)
        return err;
    if (refusal) {
        th_drop_count(&routing->drops, TH_DROP_LINK_LIMIT);
        return is_request ? push_refusal(routing, packet, refusal)
                          : push_end(routing, &packet->from, packet->c, packet->is_ours, NULL);
    }

    spare.id = packet->from;
    spare.addr = own;
    th_link_init_up(&link, routing->config.keepalive_ms, packet->c, packet->is_ours, routing->now,
                    routing->rng);
    struct th_peer *peer = add_peer(routing, &spare, &link);
    if (peer == NULL)
        return TH_NO_MEMORY;
    peer->is_out = packet->is_ours;
    peer->is_seed = head->is_seed;
    th_link_on_sent(&peer->link, routing->now, routing->rng);
    set_due(routing, peer);
    err = push_send(routing, peer, packet->c, packet->is_ours,
                    is_request ? TH_FIELDS_LINK_SEE : TH_FIELDS_LINK);
    if (err == TH_OK)
        err = greet(routing, peer);
    return err == TH_OK ? th_routing_hear_of(routing, &packet->from, &head->see) : err;
}

/* The first that comes on a link that we asked for. is_over: filled; there is no room for it now. */
static enum th_err come_up(struct th_routing *routing, struct th_peer *peer,
                           const struct th_routing_packet *packet, bool *is_over)
{
    const struct th_newcomer newcomer = {peer->id, peer->addr, true, peer->is_kept};
    const char *refusal;
    enum th_err err = make_room(routing, &newcomer, &refusal);

    *is_over = refusal != NULL;
    if (err != TH_OK)
        return err;
    if (refusal) {
        err = push_end(routing, &peer->id, packet->c, packet->is_ours, NULL);
        if (err == TH_OK && !packet->is_ours)
            err = end_channels(routing, peer, NULL);
        return err == TH_OK ? th_routing_lose(routing, peer, TH_LIMIT, true) : err;
    }
    th_link_on_heard(&peer->link, packet->c, packet->is_ours, routing->now, routing->rng);
    th_table_raise(&routing->table, peer);
    /* Both asked at the same time: the request of the lower hashname counts, on both sides. */
    if (!packet->is_ours)
        peer->is_out = we_are_lower(routing, &peer->id);
    return greet(routing, peer);
}

/* --- packets -------------------------------------------------------------------------------------- */

enum th_err th_routing_hear_of(struct th_routing *routing, const struct th_hashname *from,
                               const struct th_see *see)
{
    for (unsigned i = 0; i < see->bad; i++)
        th_drop_count(&routing->drops, TH_DROP_SEE_BAD);
    if (see->over > 0)
        th_drop_count(&routing->drops, TH_DROP_SEE_LONG);

    for (unsigned i = 0; i < see->count; i++) {
        const struct th_see_entry *entry = &see->entry[i];
        const struct th_spare spare = {.id = entry->id,
                                       .addr = entry->addr,
                                       .csid = entry->csid,
                                       .has_via = true,
                                       .via = *from};

        if (th_hashname_is_equal(&entry->id, &routing->config.table.self) ||
            th_hashname_is_equal(&entry->id, from)) {
            th_drop_count(&routing->drops, TH_DROP_SEE_SELF);
            continue;
        }
        enum th_err err = th_routing_offer(routing, &spare);
        if (err != TH_OK)
            return err;
    }
    return TH_OK;
}

/* Whether a request of theirs left before ours could be there, and ours counts. */
static bool is_crossing(const struct th_routing *routing, const struct th_peer *peer)
{
    return routing->now.mono - peer->link.began_at < TH_LINK_ASK_MS &&
           we_are_lower(routing, &peer->id);
}

/* Something came on a link that we have or asked for. */
static enum th_err hear(struct th_routing *routing, struct th_peer *peer,
                        const struct th_routing_packet *packet, const struct th_link_head *head,
                        bool is_request)
{
    bool owes_answer =
        is_request || (peer->link.is_up && th_link_owes_answer(&peer->link, routing->now));
    enum th_err err = TH_OK;

    peer->is_seed = head->is_seed;
    if (!peer->link.is_up) {
        bool is_over;
        err = come_up(routing, peer, packet, &is_over);
        if (err != TH_OK || is_over)
            return err;
    } else {
        if (is_request && !is_crossing(routing, peer))
            peer->is_out = false;
        th_link_on_heard(&peer->link, packet->c, packet->is_ours, routing->now, routing->rng);
    }
    if (owes_answer) {
        th_link_on_sent(&peer->link, routing->now, routing->rng);
        err = push_send(routing, peer, packet->c, packet->is_ours,
                        is_request ? TH_FIELDS_LINK_SEE : TH_FIELDS_LINK);
    }
    set_due(routing, peer);
    return err == TH_OK ? th_routing_hear_of(routing, &packet->from, &head->see) : err;
}

static enum th_err on_link_opened(struct th_routing *routing,
                                  const struct th_routing_packet *packet)
{
    struct th_peer *peer = th_table_find(&routing->table, &packet->from);
    struct th_link_head head;
    enum th_drop why = packet->end ? TH_DROP_LINK_BAD : th_link_read(&head, packet->head);

    th_drop_count(&routing->drops, why);
    if (why != TH_DROP_NONE)
        return TH_OK;
    if (peer)
        return hear(routing, peer, packet, &head, true);
    if (!is_hasty(routing, &packet->from))
        return accept(routing, packet, &head, true);
    th_drop_count(&routing->drops, TH_DROP_LINK_LIMIT);
    return TH_OK;
}

enum th_err th_routing_on_link_opened(struct th_routing *routing, struct th_now now,
                                      const struct th_routing_packet *packet)
{
    th_routing_now(routing, now);
    enum th_err err = on_link_opened(routing, packet);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

/* Who has no room for us introduces us to another one, and says to whom: that one comes to us. */
static enum th_err await_host(struct th_routing *routing, const struct th_routing_packet *packet,
                              enum th_err *why)
{
    struct th_see see;
    enum th_drop drop = th_see_read(&see, packet->head);

    th_drop_count(&routing->drops, drop);
    if (drop != TH_DROP_NONE || see.count == 0)
        return TH_OK;
    *why = TH_AGAIN;
    if (!see.entry[0].has_addr)
        return TH_OK;
    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_PUNCH, &see.entry[0].id);
    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->action.addr = see.entry[0].addr;
    return TH_OK;
}

/* They ended the link, or refused it. An `end` on either of two channels is meant for both. */
static enum th_err hear_end(struct th_routing *routing, struct th_peer *peer,
                            const struct th_routing_packet *packet)
{
    uint32_t c = packet->is_ours ? peer->link.ours : peer->link.theirs;
    bool is_last;

    if (c != packet->c)
        return TH_OK;
    if (packet->is_ours && peer->link.is_up && !peer->link.is_ours_heard && peer->link.theirs) {
        /* Our request was refused before they made one of their own, which stands. */
        th_link_on_channel_ended(&peer->link, packet->c, true);
        return TH_OK;
    }
    is_last = th_link_on_channel_ended(&peer->link, packet->c, packet->is_ours);
    enum th_err err = is_last ? TH_OK : end_channels(routing, peer, NULL);
    if (err != TH_OK)
        return err;
    enum th_err why = peer->link.is_up ? TH_EOF : TH_REFUSED;
    if (why == TH_REFUSED)
        err = await_host(routing, packet, &why);
    if (err != TH_OK)
        return err;
    return th_routing_lose(routing, peer, packet->is_timeout ? TH_TIMED_OUT : why, true);
}

static bool may_adopt(const struct th_routing *routing, const struct th_hashname *from)
{
    return routing->now.mono - routing->started_at < TH_ADOPT_MS &&
           th_table_avoided(&routing->table, from, routing->now) == NULL;
}

static enum th_err on_link_packet(struct th_routing *routing,
                                  const struct th_routing_packet *packet)
{
    struct th_peer *peer = th_table_find(&routing->table, &packet->from);
    struct th_link_head head;

    if (packet->end)
        return peer ? hear_end(routing, peer, packet) : TH_OK;
    enum th_drop why = th_link_read(&head, packet->head);
    th_drop_count(&routing->drops, why);
    if (why != TH_DROP_NONE)
        return TH_OK;
    if (peer)
        return hear(routing, peer, packet, &head, false);
    if (may_adopt(routing, &packet->from))
        return accept(routing, packet, &head, false);
    return push_end(routing, &packet->from, packet->c, packet->is_ours, NULL);
}

enum th_err th_routing_on_link_packet(struct th_routing *routing, struct th_now now,
                                      const struct th_routing_packet *packet)
{
    th_routing_now(routing, now);
    enum th_err err = on_link_packet(routing, packet);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_on_link_ended(struct th_routing *routing, struct th_now now,
                                     const struct th_hashname *id, uint32_t c, bool is_ours,
                                     enum th_err why)
{
    struct th_peer *peer = th_table_find(&routing->table, id);

    th_routing_now(routing, now);
    if (peer == NULL || c != (is_ours ? peer->link.ours : peer->link.theirs))
        return TH_OK;
    if (peer->link.is_up && why != TH_TIMED_OUT) /* its line is down, which is told besides */
        return TH_OK;
    if (!th_link_on_channel_ended(&peer->link, c, is_ours))
        return TH_OK;

    /* Silence that the switch noticed before we did, as after a sleep, is not the node's end yet: it
     * is asked again. Of one that we asked there was no line after all. */
    bool has_line = peer->link.is_up;
    enum th_err err =
        th_routing_lose(routing, peer, has_line ? TH_CANCELLED : TH_NO_LINE, has_line);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_on_opened(struct th_routing *routing, struct th_now now,
                                 const struct th_hashname *id, uint32_t c, enum th_err why)
{
    struct th_peer *peer = th_table_find(&routing->table, id);
    enum th_err err = TH_OK;

    th_routing_now(routing, now);
    if (why == TH_OK && peer)
        th_link_on_opened(&peer->link, c);
    else if (why == TH_OK) /* it is over already */
        err = push_end(routing, id, c, true, NULL);
    else if (peer && !peer->link.is_up && peer->link.ours == 0)
        err = th_routing_lose(routing, peer, why == TH_NO_LINE ? why : TH_TIMED_OUT,
                              why != TH_NO_LINE);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

/* --- timers --------------------------------------------------------------------------------------- */

static enum th_err send_keepalive(struct th_routing *routing, struct th_peer *peer)
{
    bool is_ours;
    uint32_t c = th_link_channel(&peer->link, &is_ours);

    return push_send(routing, peer, c, is_ours, TH_FIELDS_LINK);
}

static enum th_err expire(struct th_routing *routing, struct th_peer *peer)
{
    enum th_err err = TH_OK;

    switch (th_link_tick(&peer->link, routing->now)) {
    case TH_LINK_WAIT:
        break;
    case TH_LINK_ASK:
        err = push_open(routing, peer);
        th_link_on_sent(&peer->link, routing->now, routing->rng);
        break;
    case TH_LINK_KEEP:
        err = send_keepalive(routing, peer);
        th_link_on_sent(&peer->link, routing->now, routing->rng);
        break;
    case TH_LINK_GIVE_UP:
        return th_routing_end(routing, peer, TH_TIMED_OUT);
    }
    set_due(routing, peer);
    return err;
}

enum th_err th_routing_tick_links(struct th_routing *routing)
{
    enum th_err err = TH_OK;

    while (err == TH_OK && th_heap_next(&routing->due) <= routing->now.mono)
        err = expire(routing, TH_HEAP_OWNER(th_heap_first(&routing->due), struct th_peer, due));
    return err;
}
