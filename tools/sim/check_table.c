/*
 * The table of every router, after each of its turns: rules 2 to 7 (table.h), and that rule 1 is not
 * overdone. Rule 1's other half needs to know who there is: check_rest.c.
 *
 * What is compared is a copy of who was linked after the router's last turn; why somebody went is told
 * by what the router was given, not by what it says itself. Most turns change nobody's link, which the
 * table's count of changes says; then nothing is copied or compared.
 */
#include "tools/sim/check_table_inside.h"

#include <inttypes.h>
#include <string.h>

enum { GONE_FIRST = 8, TOLD_LATE_MS = 2000, KEY_HEX = 16 };

static struct th_check_book *book_of(struct th_check_tables *tables,
                                     const struct th_world_node *node)
{
    return th_check_book(&tables->nodes, node->index, sizeof(struct th_check_book));
}

static uint64_t key_of(const struct th_hashname *id)
{
    uint64_t key;

    memcpy(&key, id->b, sizeof key);
    return key;
}

static struct th_check_link *find(struct th_check_link *links, unsigned count, uint64_t key)
{
    for (unsigned i = 0; i < count; i++)
        if (links[i].key == key)
            return &links[i];
    return NULL;
}

static const char *name_of(const struct th_check_link *link)
{
    static char hex[TH_HASHNAME_SHORT_HEX + 1];
    struct th_hashname id = {{0}};

    memcpy(id.b, &link->key, sizeof link->key);
    memcpy(hex, th_hashname_short(&id).hex, sizeof hex);
    return hex;
}

/* --- what a router is given ------------------------------------------------------------------------ */

/* A packet on a link only renews it; a first one may say again who began it. */
static bool is_plain_packet(const struct th_event *event)
{
    return event->kind == TH_EV_PACKET ||
           (event->kind == TH_EV_OPENED && th_ev_packet_of(event)->type != TH_CHANNEL_LINK);
}

static void note_event(struct th_check_book *book, const struct th_event *event)
{
    book->is_plain = is_plain_packet(event);
    if (event->kind == TH_EV_LINE_UP || event->kind == TH_EV_LINE_DOWN) {
        book->cause = TH_CAUSE_OF;
        book->of = th_ev_line_of(event)->id;
    } else if (event->kind == TH_EV_ENDED) {
        book->cause = TH_CAUSE_OF;
        book->of = th_ev_ended_of(event)->from;
    } else if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET) {
        const struct th_ev_packet *packet = th_ev_packet_of(event);
        book->cause = packet->end || packet->err[0] ? TH_CAUSE_OF : TH_CAUSE_NONE;
        book->of = packet->from;
    }
}

static struct th_check_link look_at(const struct th_peer *peer, int bucket)
{
    return (struct th_check_link){.key = key_of(&peer->id),
                                  .bucket = (uint8_t)bucket,
                                  .is_up = peer->link.is_up,
                                  .is_kept = peer->is_kept,
                                  .is_out = peer->is_out,
                                  .tries = peer->link.tries,
                                  .heard_at = peer->link.heard_at,
                                  .began_at = peer->link.began_at};
}

/* Looks again at those in the heap from i on who are due: an alarm may end their links. */
static void look_at_due(struct th_check_book *book, const struct th_heap *due, uint32_t i,
                        th_ms now)
{
    if (i >= due->count || due->places[i].at > now)
        return;
    const struct th_peer *peer = TH_HEAP_OWNER(due->places[i].node, struct th_peer, due);
    struct th_check_link *link = find(book->links, book->count, key_of(&peer->id));
    if (link)
        *link = look_at(peer, link->bucket);
    look_at_due(book, due, 2 * i + 1, now);
    look_at_due(book, due, 2 * i + 2, now);
}

static void note_alarm(struct th_check_book *book, const struct th_host_sim_given *given)
{
    book->cause = TH_CAUSE_ALARM;
    book->is_plain = true;
    look_at_due(book, &th_router_machine(given->state)->due, 0, given->now.mono);
}

static void note_given(struct th_check_book *book, const struct th_host_sim_given *given)
{
    const struct th_msg_kind *kind = given->msg ? given->msg->kind : NULL;

    book->router = given->to;
    book->cause = TH_CAUSE_NONE;
    book->is_plain = false;
    if (given->sort == TH_TRACE_EVENT)
        note_event(book, th_event_of(given->msg));
    else if (given->sort == TH_TRACE_OWN && strcmp(given->doing, "alarm") == 0)
        note_alarm(book, given);
    else if (kind == &th_down_msg || kind == &th_switch_msg_lines || kind == &th_router_msg_leave)
        book->cause = TH_CAUSE_ALL;
}

/* --- rule 2: who is told ---------------------------------------------------------------------------- */

static bool was_linked(const struct th_check_book *book, uint64_t key, th_ms since)
{
    const struct th_check_link *link = find(book->links, book->count, key);

    if (link && link->is_up)
        return true;
    for (unsigned i = 0; i < book->gone_count; i++)
        if (book->gone[i].at >= since && book->gone[i].key == key)
            return true;
    return false;
}

/* One entry of a see: a quoted text that begins with a hashname. Returns what follows; NULL at the end. */
static const char *read_entry(const char *at, const char *end, uint64_t *key)
{
    const char *close;

    if (at == NULL || end - at < KEY_HEX + 2 || *at != '"' ||
        !th_hex_read((uint8_t *)key, sizeof *key, at + 1, KEY_HEX))
        return NULL;
    close = memchr(at + 1, '"', (size_t)(end - at - 1));
    return close == NULL ? NULL : close + 1 < end && close[1] == ',' ? close + 2 : close + 1;
}

/* Who was linked since then may be told of now: packets wait for the switch, longest in a process that
 * was stopped. */
static th_ms told_since(const struct th_check_tables *tables, const struct th_world_node *node,
                        th_ms now)
{
    th_ms late = TOLD_LATE_MS + 2 * th_check_patience(tables->sim);

    return now > late && th_check_awake_since(node) < now - late ? now - late : 0;
}

/* A packet from the router is with the switch. fields: its JSON members. */
static void check_told(struct th_check_tables *tables, const struct th_world_node *node,
                       const struct th_hashname *to, struct th_bytes fields, th_ms now)
{
    static const char see[] = "\"see\":[";
    const struct th_check_book *book = book_of(tables, node);
    th_ms since = told_since(tables, node, now);
    const char *at = (const char *)fields.at, *end = at + fields.len;
    unsigned count = 0;
    uint64_t key;

    while (at && (size_t)(end - at) >= sizeof see - 1 && memcmp(at, see, sizeof see - 1) != 0)
        at = memchr(at + 1, '"', (size_t)(end - at - 1));
    if (at == NULL || (size_t)(end - at) < sizeof see - 1)
        return;
    at += sizeof see - 1;
    while ((at = read_entry(at, end, &key)) != NULL) {
        count++;
        if (!th_check_holds(tables->sim, was_linked(book, key, since)))
            th_check_fail(tables->sim, node, TH_CHECK_TABLE,
                          "rule 2: entry %u of a see for %.8s is a node to which there is no link",
                          count, th_hashname_short(to).hex);
        if (!th_check_holds(tables->sim, key != key_of(to)))
            th_check_fail(tables->sim, node, TH_CHECK_TABLE, "%.8s is told of itself",
                          th_hashname_short(to).hex);
    }
    if (!th_check_holds(tables->sim, count <= TH_SEE_SENT_MAX))
        th_check_fail(tables->sim, node, TH_CHECK_TABLE,
                      "%u nodes are told in one see, 8 at most expected", count);
}

static void check_sent(struct th_check_tables *tables, const struct th_world_node *node,
                       const struct th_host_sim_given *given)
{
    const struct th_msg *msg = given->msg;

    if (msg->from != book_of(tables, node)->router || msg->body == NULL)
        return;
    if (msg->kind == &th_switch_msg_send) {
        const struct th_switch_send *send = msg->body;
        check_told(tables, node, &send->to, (struct th_bytes){send->bytes, send->fields_len},
                   given->now.mono);
    } else if (msg->kind == &th_switch_msg_channel) {
        const struct th_switch_channel *channel = msg->body;
        check_told(tables, node, &channel->to,
                   (struct th_bytes){channel->bytes, channel->fields_len}, given->now.mono);
    }
}

static void on_given(void *data, struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct th_check_tables *tables = data;

    if (!th_check_is_watched(node))
        return;
    if (given->ops == &th_router_ops)
        note_given(book_of(tables, node), given);
    else if (given->ops == &th_switch_ops && given->msg)
        check_sent(tables, node, given);
}

/* --- rules 1, 3, 4, 7: whose link may end ----------------------------------------------------------- */

/* How many of its bucket began before a link, or at the same time: it is as old as the first request of
 * either side (bucket.h), and who was asked and is not up yet counts too. */
static unsigned rank_of(const struct th_check_book *book, const struct th_check_link *link)
{
    unsigned rank = 0;

    for (unsigned i = 0; i < book->count; i++)
        rank += &book->links[i] != link && book->links[i].bucket == link->bucket &&
                book->links[i].began_at <= link->began_at;
    return rank;
}

static unsigned count_up(const struct th_check_book *book)
{
    unsigned count = 0;

    for (unsigned i = 0; i < book->count; i++)
        count += book->links[i].is_up;
    return count;
}

static void check_trimmed(const struct th_check_look *look, const struct th_check_link *link)
{
    const struct th_table_config *config = &look->routing->config.table;
    unsigned rank = rank_of(look->book, link), up = count_up(look->book);

    if (!th_check_holds(look->tables->sim, rank >= config->k))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule 3: the link to %.8s, heard %" PRIu64
                      " ms ago and number %u of its bucket, was ended for another",
                      name_of(link), look->at - link->heard_at, rank + 1);
    if (!th_check_holds(look->tables->sim, up >= config->links_max))
        th_check_fail(
            look->tables->sim, look->node, TH_CHECK_TABLE,
            "rule 1: the link to %.8s was ended for another with %u links, %u are allowed",
            name_of(link), up, config->links_max);
    if (!th_check_holds(look->tables->sim, !link->is_out && !link->is_kept))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule %c: the link to %.8s, which we %s, was ended for another",
                      link->is_kept ? '7' : '1', name_of(link),
                      link->is_kept ? "were asked to keep" : "began");
}

static void check_silent(const struct th_check_look *look, const struct th_check_link *link)
{
    th_ms silent = look->at - link->heard_at;

    if (!th_check_holds(look->tables->sim,
                        silent >= TH_LINK_TIMEOUT_MS && link->tries >= TH_LINK_TRIES_MIN))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule 4: the link to %.8s was given up after %" PRIu64
                      " ms of silence and %u tries; %u ms and %u tries were expected",
                      name_of(link), silent, link->tries, TH_LINK_TIMEOUT_MS, TH_LINK_TRIES_MIN);
}

static void note_gone(const struct th_check_look *look, const struct th_check_link *link)
{
    struct th_check_book *book = look->book;
    th_ms since = told_since(look->tables, look->node, look->at);
    unsigned kept = 0;

    for (unsigned i = 0; i < book->gone_count; i++)
        if (book->gone[i].at >= since)
            book->gone[kept++] = book->gone[i];
    book->gone_count = kept;
    if (book->gone_count == book->gone_room) {
        book->gone_room = book->gone_room ? 2 * book->gone_room : GONE_FIRST;
        book->gone = th_check_resize(book->gone, book->gone_room, sizeof *book->gone);
    }
    book->gone[book->gone_count++] = (struct th_check_gone){link->key, look->at};
}

static void check_gone(const struct th_check_look *look, const struct th_check_link *link)
{
    struct th_check_book *book = look->book;

    note_gone(look, link);
    switch (book->cause) {
    case TH_CAUSE_ALL:
        break;
    case TH_CAUSE_ALARM:
        check_silent(look, link);
        break;
    case TH_CAUSE_OF:
        if (link->key != key_of(&book->of))
            check_trimmed(look, link);
        break;
    case TH_CAUSE_NONE:
        check_trimmed(look, link);
        break;
    }
}

/* --- rules 1, 5, 6: whose link may begin ------------------------------------------------------------ */

/* How many of a bucket were not linked, or are not any more, since the last turn. */
static unsigned count_changes(const struct th_check_look *look, int bucket)
{
    unsigned changes = 0;

    for (unsigned i = 0; i < look->count; i++)
        changes += look->links[i].bucket == bucket &&
                   find(look->book->links, look->book->count, look->links[i].key) == NULL;
    for (unsigned i = 0; i < look->book->count; i++)
        changes += look->book->links[i].bucket == bucket &&
                   find(look->links, look->count, look->book->links[i].key) == NULL;
    return changes;
}

static const struct th_peer *peer_of(const struct th_table *table, const struct th_check_link *link)
{
    const struct th_bucket *bucket = th_table_at(table, link->bucket);
    unsigned i = 0;

    while (key_of(&bucket->linked[i]->id) != link->key)
        i++;
    return bucket->linked[i];
}

/* link: one of those that there are now. */
static void check_new(const struct th_check_look *look, const struct th_check_link *link,
                      bool is_new)
{
    const struct th_routing *routing = look->routing;
    const struct th_peer *peer = peer_of(&routing->table, link);
    unsigned k = routing->config.table.k, count = 0;

    for (unsigned i = 0; i < look->count; i++)
        count += look->links[i].bucket == link->bucket;
    if (!th_check_holds(look->tables->sim,
                        link->bucket == th_hashname_bucket(&look->node->id.hashname, &peer->id)))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "%.8s is in bucket %d, which is not its", name_of(link), link->bucket);
    if (link->is_up && !link->is_kept)
        th_check_table_net(look, peer, link->bucket);
    if (link->is_up || link->is_kept || !is_new)
        return;
    if (!th_check_holds(look->tables->sim, count <= k))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule 1: a link to %.8s was asked for, the bucket has %u of %u",
                      name_of(link), count - 1, k);
    if (count_changes(look, link->bucket) == 1)
        th_check_table_choice(look, peer, link->bucket);
}

/* --- a turn ----------------------------------------------------------------------------------------- */

static unsigned copy_links(struct th_check_tables *tables, const struct th_table *table)
{
    unsigned count = 0;

    if (tables->now_room < table->linked_count) {
        tables->now_room = 2 * table->linked_count;
        tables->now = th_check_resize(tables->now, tables->now_room, sizeof *tables->now);
    }
    for (int i = table->first; i < TH_BUCKETS && count < table->linked_count; i++) {
        const struct th_bucket *bucket = th_table_at(table, i);
        for (unsigned n = 0; bucket && n < bucket->linked_count && count < table->linked_count;
             n++) {
            tables->now[count++] = look_at(bucket->linked[n], i);
        }
    }
    return count;
}

static void keep_links(struct th_check_book *book, const struct th_check_link *links,
                       unsigned count)
{
    if (book->room < count) {
        book->room = th_mem_room_after(count);
        book->links = th_check_resize(book->links, book->room, sizeof *links);
    }
    if (count > 0)
        memcpy(book->links, links, count * sizeof *links);
    book->count = count;
}

/* Who was linked then and now is in nearly the same order. */
static const struct th_check_link *find_near(struct th_check_link *links, unsigned count,
                                             unsigned hint, uint64_t key)
{
    for (unsigned i = hint; i < count && i < hint + 2; i++)
        if (links[i].key == key)
            return &links[i];
    return find(links, count, key);
}

static void compare(const struct th_check_look *look)
{
    struct th_check_book *book = look->book;
    unsigned shift = 0;

    for (unsigned i = 0; i < book->count; i++) {
        const struct th_check_link *then = &book->links[i];
        const struct th_check_link *now =
            find_near(look->links, look->count, i > shift ? i - shift : 0, then->key);
        shift += now == NULL;
        if (then->is_up && (now == NULL || !now->is_up))
            check_gone(look, then);
    }
    shift = 0;
    for (unsigned i = 0; i < look->count; i++) {
        const struct th_check_link *now = &look->links[i];
        const struct th_check_link *then =
            find_near(book->links, book->count, i > shift ? i - shift : 0, now->key);
        shift += then == NULL;
        if (then == NULL || then->is_up != now->is_up)
            check_new(look, now, then == NULL);
    }
}

static void check_limits(const struct th_check_look *look)
{
    const struct th_table *table = &look->routing->table;
    unsigned most = table->config.links_max + TH_KEPT_MAX;

    if (!th_check_holds(look->tables->sim,
                        table->up_count <= most && table->linked_count <= most + table->config.k))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "rule 1: %u links are up, %u were expected at most", table->up_count, most);
    if (!th_check_holds(look->tables->sim, look->count == table->linked_count))
        th_check_fail(look->tables->sim, look->node, TH_CHECK_TABLE,
                      "%u links are counted, there are %u", table->linked_count, look->count);
}

static void on_turn(void *data, struct th_world_node *node, const struct th_host_sim_turn *turn)
{
    struct th_check_tables *tables = data;

    if (turn->ops != &th_router_ops || !th_check_is_watched(node))
        return;
    struct th_check_book *book = book_of(tables, node);
    if (strcmp(turn->doing, "init") == 0 || strcmp(turn->doing, "terminate") == 0)
        book->count = 0;
    if (strcmp(turn->doing, "terminate") == 0)
        return;

    const struct th_routing *routing = th_router_machine(turn->state);
    if (book->is_plain && book->changes == routing->table.changes)
        return;
    unsigned count = copy_links(tables, &routing->table);
    const struct th_check_look look = {.tables = tables,
                                       .node = node,
                                       .book = book,
                                       .routing = routing,
                                       .at = turn->now.mono,
                                       .links = tables->now,
                                       .count = count};
    check_limits(&look);
    compare(&look);
    keep_links(book, tables->now, count);
    book->changes = routing->table.changes;
}

/* --- life ------------------------------------------------------------------------------------------- */

static void on_down(void *data, struct th_world_node *node)
{
    if (!th_check_is_watched(node))
        return;
    struct th_check_book *book = book_of(data, node);
    th_mem_free(book->links);
    th_mem_free(book->gone);
    *book = (struct th_check_book){0};
}

static void *begin(struct th_sim *sim)
{
    struct th_check_tables *tables = th_check_alloc(1, sizeof *tables);

    tables->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = tables,
                                                         .on_given = on_given,
                                                         .on_turn = on_turn,
                                                         .on_down = on_down});
    return tables;
}

static void end(void *data)
{
    struct th_check_tables *tables = data;

    for (unsigned i = 0; i < tables->nodes.room; i++) {
        struct th_check_book *book = tables->nodes.of[i];
        if (book) {
            th_mem_free(book->links);
            th_mem_free(book->gone);
        }
    }
    th_check_books_clear(&tables->nodes);
    th_mem_free(tables->now);
    th_mem_free(tables);
}

const struct th_checker th_check_table = {.name = TH_CHECK_TABLE, .begin = begin, .end = end};
