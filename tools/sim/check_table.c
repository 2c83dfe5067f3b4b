/*
 * The table of every router, after each of its turns: rules 2 to 7 (table.h), and that rule 1 is not
 * overdone. Rule 1's other half needs to know who there is: check_rest.c.
 *
 * What is compared is a copy of who was linked after the router's last turn; why somebody went is told
 * by what the router was given, not by what it says itself.
 */
#include "tools/sim/check.h"

#include "router/routing.h"

#include <inttypes.h>
#include <string.h>

#define CHECK "table"

enum { LINKS_FIRST = 16, GONE_MAX = 16, SPREAD = 3, TOLD_LATE_MS = 2000, KEY_HEX = 16 };

/* A linked node, as it was after the router's last turn. */
struct link {
    uint64_t key; /* how its hashname begins: enough to tell it from all others */
    struct th_hashname id;
    int bucket;
    bool is_up, is_kept, is_out;
    uint8_t tries;
    th_ms heard_at, began_at;
};

/* What a router is about to handle, as far as a link may end by it. */
enum cause {
    CAUSE_NONE,  /* nobody's link ends by it, but one that has to make room */
    CAUSE_ALARM, /* who was silent for too long */
    CAUSE_OF,    /* the link of one node: its line changed, or it ended the link */
    CAUSE_ALL    /* any link: its lines are gone, or it leaves */
};

struct gone {
    uint64_t key;
    th_ms at;
};

struct book {
    th_pid router;
    enum cause cause;
    struct th_hashname of; /* CAUSE_OF */
    unsigned count, room;
    struct link *links;
    struct gone gone[GONE_MAX]; /* the latest */
    unsigned gone_next;
};

struct tables {
    struct th_sim *sim;
    struct th_check_books nodes;
    struct link *now; /* who is linked after the turn */
    unsigned now_room;
};

/* One look at a router. */
struct look {
    struct tables *tables;
    const struct th_world_node *node;
    struct book *book;
    const struct th_routing *routing;
    th_ms at;
    const struct link *links; /* now */
    unsigned count;
};

static struct book *book_of(struct tables *tables, const struct th_world_node *node)
{
    return th_check_book(&tables->nodes, node->index, sizeof(struct book));
}

static uint64_t key_of(const struct th_hashname *id)
{
    uint64_t key;

    memcpy(&key, id->b, sizeof key);
    return key;
}

static const struct link *find(const struct link *links, unsigned count, uint64_t key)
{
    for (unsigned i = 0; i < count; i++)
        if (links[i].key == key)
            return &links[i];
    return NULL;
}

static const char *name_of(const struct link *link)
{
    static char hex[sizeof th_hashname_short(&link->id).hex];

    memcpy(hex, th_hashname_short(&link->id).hex, sizeof hex);
    return hex;
}

/* --- what a router is given ------------------------------------------------------------------------ */

static void note_event(struct book *book, const struct th_event *event)
{
    if (event->kind == TH_EV_LINE_UP || event->kind == TH_EV_LINE_DOWN) {
        book->cause = CAUSE_OF;
        book->of = th_ev_line_of(event)->id;
    } else if (event->kind == TH_EV_ENDED) {
        book->cause = CAUSE_OF;
        book->of = th_ev_ended_of(event)->from;
    } else if (event->kind == TH_EV_OPENED || event->kind == TH_EV_PACKET) {
        const struct th_ev_packet *packet = th_ev_packet_of(event);
        book->cause = packet->end || packet->err[0] ? CAUSE_OF : CAUSE_NONE;
        book->of = packet->from;
    }
}

static void note_given(struct book *book, const struct th_host_sim_given *given)
{
    const struct th_msg_kind *kind = given->msg ? given->msg->kind : NULL;

    book->router = given->to;
    book->cause = CAUSE_NONE;
    if (given->sort == TH_TRACE_EVENT)
        note_event(book, th_event_of(given->msg));
    else if (given->sort == TH_TRACE_OWN && strcmp(given->doing, "alarm") == 0)
        book->cause = CAUSE_ALARM;
    else if (kind == &th_down_msg || kind == &th_switch_msg_lines || kind == &th_router_msg_leave)
        book->cause = CAUSE_ALL;
}

/* --- rule 2: who is told ---------------------------------------------------------------------------- */

static bool was_linked(const struct book *book, uint64_t key, th_ms since)
{
    const struct link *link = find(book->links, book->count, key);

    if (link && link->is_up)
        return true;
    for (unsigned i = 0; i < GONE_MAX; i++)
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

/* A packet from the router is with the switch. fields: its JSON members. */
static void check_told(struct tables *tables, const struct th_world_node *node,
                       const struct th_hashname *to, struct th_bytes fields, th_ms now)
{
    static const char see[] = "\"see\":[";
    const struct book *book = book_of(tables, node);
    th_ms late = TOLD_LATE_MS + 2 * th_check_patience(tables->sim);
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
        if (!th_check_holds(tables->sim, was_linked(book, key, now > late ? now - late : 0)))
            th_check_fail(tables->sim, node, CHECK,
                          "rule 2: entry %u of a see for %.8s is a node to which there is no link",
                          count, th_hashname_short(to).hex);
        if (!th_check_holds(tables->sim, key != key_of(to)))
            th_check_fail(tables->sim, node, CHECK, "%.8s is told of itself",
                          th_hashname_short(to).hex);
    }
    if (!th_check_holds(tables->sim, count <= TH_SEE_SENT_MAX))
        th_check_fail(tables->sim, node, CHECK, "%u nodes are told in one see, 8 at most expected",
                      count);
}

static void check_sent(struct tables *tables, const struct th_world_node *node,
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
    struct tables *tables = data;

    if (given->ops == &th_router_ops)
        note_given(book_of(tables, node), given);
    else if (given->ops == &th_switch_ops && given->msg)
        check_sent(tables, node, given);
}

/* --- rules 1, 3, 4, 7: whose link may end ----------------------------------------------------------- */

/* How many of its bucket began before a link, or at the same time: it is as old as the first request of
 * either side (bucket.h), and who was asked and is not up yet counts too. */
static unsigned rank_of(const struct book *book, const struct link *link)
{
    unsigned rank = 0;

    for (unsigned i = 0; i < book->count; i++)
        rank += &book->links[i] != link && book->links[i].bucket == link->bucket &&
                book->links[i].began_at <= link->began_at;
    return rank;
}

static unsigned count_up(const struct book *book)
{
    unsigned count = 0;

    for (unsigned i = 0; i < book->count; i++)
        count += book->links[i].is_up;
    return count;
}

static void check_trimmed(const struct look *look, const struct link *link)
{
    const struct th_table_config *config = &look->routing->config.table;
    unsigned rank = rank_of(look->book, link), up = count_up(look->book);

    if (!th_check_holds(look->tables->sim, rank >= config->k))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule 3: the link to %.8s, heard %" PRIu64
                      " ms ago and number %u of its bucket, was ended for another",
                      name_of(link), look->at - link->heard_at, rank + 1);
    if (!th_check_holds(look->tables->sim, up >= config->links_max))
        th_check_fail(
            look->tables->sim, look->node, CHECK,
            "rule 1: the link to %.8s was ended for another with %u links, %u are allowed",
            name_of(link), up, config->links_max);
    if (!th_check_holds(look->tables->sim, !link->is_out && !link->is_kept))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule %c: the link to %.8s, which we %s, was ended for another",
                      link->is_kept ? '7' : '1', name_of(link),
                      link->is_kept ? "were asked to keep" : "began");
}

static void check_silent(const struct look *look, const struct link *link)
{
    th_ms silent = look->at - link->heard_at;

    if (!th_check_holds(look->tables->sim,
                        silent >= TH_LINK_TIMEOUT_MS && link->tries >= TH_LINK_TRIES_MIN))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule 4: the link to %.8s was given up after %" PRIu64
                      " ms of silence and %u tries; %u ms and %u tries were expected",
                      name_of(link), silent, link->tries, TH_LINK_TIMEOUT_MS, TH_LINK_TRIES_MIN);
}

static void check_gone(const struct look *look, const struct link *link)
{
    struct book *book = look->book;

    book->gone[book->gone_next] = (struct gone){link->key, look->at};
    book->gone_next = (book->gone_next + 1) % GONE_MAX;
    switch (book->cause) {
    case CAUSE_ALL:
        break;
    case CAUSE_ALARM:
        check_silent(look, link);
        break;
    case CAUSE_OF:
        if (!th_hashname_is_equal(&book->of, &link->id))
            check_trimmed(look, link);
        break;
    case CAUSE_NONE:
        check_trimmed(look, link);
        break;
    }
}

/* --- rules 1, 5, 6: whose link may begin ------------------------------------------------------------ */

static bool is_same_net(const struct th_addr *a, const struct th_addr *b)
{
    return th_addr_realm(a) == TH_REALM_PUBLIC && a->family == TH_FAMILY_IPV4 &&
           b->family == TH_FAMILY_IPV4 && memcmp(a->ip, b->ip, 3) == 0;
}

static void check_net(const struct look *look, const struct th_peer *peer, int own)
{
    unsigned in_bucket = 0, in_table = 0;

    for (int i = 0; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = look->routing->table.bucket[i];
        for (unsigned n = 0; bucket && n < bucket->linked_count; n++) {
            bool is_same =
                bucket->linked[n]->link.is_up && is_same_net(&peer->addr, &bucket->linked[n]->addr);
            in_table += is_same;
            in_bucket += is_same && i == own;
        }
    }
    if (!th_check_holds(look->tables->sim,
                        in_bucket <= TH_NET_BUCKET_MAX && in_table <= TH_NET_TABLE_MAX))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule 5: %u links of one net in a bucket and %u in the table, %u and %u are "
                      "allowed",
                      in_bucket, in_table, TH_NET_BUCKET_MAX, TH_NET_TABLE_MAX);
}

/* The bits that follow the one in which a bucket's nodes differ from us. */
static unsigned spread_of(const struct th_hashname *id, int bucket)
{
    unsigned spread = 0;

    for (int bit = bucket - 1; bit >= 0 && bit >= bucket - SPREAD; bit--)
        spread = spread << 1 | (id->b[TH_HASHNAME_BYTES - 1 - bit / 8] >> (bit % 8) & 1u);
    return spread;
}

static unsigned crowd_of(const struct th_bucket *bucket, int index, const struct th_hashname *id,
                         const struct th_hashname *except)
{
    unsigned crowd = 0;

    for (unsigned n = 0; n < bucket->linked_count; n++)
        crowd += spread_of(&bucket->linked[n]->id, index) == spread_of(id, index) &&
                 !th_hashname_is_equal(&bucket->linked[n]->id, except);
    return crowd;
}

static bool shares_net(const struct th_bucket *bucket, const struct th_addr *addr)
{
    for (unsigned n = 0; n < bucket->linked_count; n++)
        if (is_same_net(addr, &bucket->linked[n]->addr))
            return true;
    return false;
}

/* True for a spare that could have been asked as well. */
static bool is_choice(const struct look *look, const struct th_bucket *bucket,
                      const struct th_spare *spare)
{
    return spare->has_line && !spare->is_reaching && !shares_net(bucket, &spare->addr) &&
           th_table_avoided(&look->routing->table, &spare->id, look->routing->now) == NULL;
}

static void check_choice(const struct look *look, const struct th_peer *peer, int index)
{
    const struct th_routing *routing = look->routing;
    const struct th_bucket *bucket = routing->table.bucket[index];
    unsigned crowd = crowd_of(bucket, index, &peer->id, &peer->id);
    th_epoch_ms seen = th_ages_first_seen(&routing->ages, &peer->id, routing->now);

    for (unsigned i = 0; i < bucket->spare_count; i++) {
        const struct th_spare *spare = &bucket->spare[i];
        if (!is_choice(look, bucket, spare))
            continue;
        unsigned other = crowd_of(bucket, index, &spare->id, &peer->id);
        th_epoch_ms other_seen = th_ages_first_seen(&routing->ages, &spare->id, routing->now);
        if (!th_check_holds(look->tables->sim,
                            other > crowd || (other == crowd && other_seen >= seen)))
            th_check_fail(look->tables->sim, look->node, CHECK,
                          "rule 6: %.8s, with %u links that share its next bits, was asked before "
                          "%.8s with %u",
                          th_hashname_short(&peer->id).hex, crowd,
                          th_hashname_short(&spare->id).hex, other);
    }
}

/* How many of a bucket were not linked, or are not any more, since the last turn. */
static unsigned count_changes(const struct look *look, int bucket)
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

static void check_new(const struct look *look, const struct link *link, bool is_new)
{
    const struct th_routing *routing = look->routing;
    const struct th_peer *peer = th_table_find(&routing->table, &link->id);
    unsigned k = routing->config.table.k, count = 0;

    for (unsigned i = 0; i < look->count; i++)
        count += look->links[i].bucket == link->bucket;
    if (!th_check_holds(look->tables->sim,
                        link->bucket == th_hashname_bucket(&look->node->id.hashname, &link->id)))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "%.8s is in bucket %d, which is not its", name_of(link), link->bucket);
    if (link->is_up && !link->is_kept)
        check_net(look, peer, link->bucket);
    if (link->is_up || link->is_kept || !is_new)
        return;
    if (!th_check_holds(look->tables->sim, count <= k))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule 1: a link to %.8s was asked for, the bucket has %u of %u",
                      name_of(link), count - 1, k);
    if (count_changes(look, link->bucket) == 1)
        check_choice(look, peer, link->bucket);
}

/* --- a turn ----------------------------------------------------------------------------------------- */

static unsigned copy_links(struct tables *tables, const struct th_table *table)
{
    unsigned count = 0;

    if (tables->now_room < table->linked_count) {
        tables->now_room = 2 * table->linked_count;
        tables->now = th_check_resize(tables->now, tables->now_room, sizeof *tables->now);
    }
    for (int i = 0; i < TH_BUCKETS && count < table->linked_count; i++) {
        const struct th_bucket *bucket = table->bucket[i];
        for (unsigned n = 0; bucket && n < bucket->linked_count && count < table->linked_count;
             n++) {
            const struct th_peer *peer = bucket->linked[n];
            tables->now[count++] = (struct link){.key = key_of(&peer->id),
                                                 .id = peer->id,
                                                 .bucket = i,
                                                 .is_up = peer->link.is_up,
                                                 .is_kept = peer->is_kept,
                                                 .is_out = peer->is_out,
                                                 .tries = peer->link.tries,
                                                 .heard_at = peer->link.heard_at,
                                                 .began_at = peer->link.began_at};
        }
    }
    return count;
}

static void keep_links(struct book *book, const struct link *links, unsigned count)
{
    if (book->room < count) {
        book->room = count > LINKS_FIRST ? count + count / 2 : LINKS_FIRST;
        book->links = th_check_resize(book->links, book->room, sizeof *links);
    }
    if (count > 0)
        memcpy(book->links, links, count * sizeof *links);
    book->count = count;
}

/* Who was linked then and now, in nearly the same order: where a name is found again, from a hint on. */
static const struct link *find_near(const struct link *links, unsigned count, unsigned hint,
                                    uint64_t key)
{
    for (unsigned i = hint; i < count && i < hint + 2; i++)
        if (links[i].key == key)
            return &links[i];
    return find(links, count, key);
}

static void compare(const struct look *look)
{
    struct book *book = look->book;
    unsigned shift = 0;

    for (unsigned i = 0; i < book->count; i++) {
        const struct link *then = &book->links[i];
        const struct link *now =
            find_near(look->links, look->count, i > shift ? i - shift : 0, then->key);
        shift += now == NULL;
        if (then->is_up && (now == NULL || !now->is_up))
            check_gone(look, then);
    }
    shift = 0;
    for (unsigned i = 0; i < look->count; i++) {
        const struct link *now = &look->links[i];
        const struct link *then =
            find_near(book->links, book->count, i > shift ? i - shift : 0, now->key);
        shift += then == NULL;
        if (then == NULL || then->is_up != now->is_up)
            check_new(look, now, then == NULL);
    }
}

static void check_limits(const struct look *look)
{
    const struct th_table *table = &look->routing->table;
    unsigned most = table->config.links_max + TH_KEPT_MAX;

    if (!th_check_holds(look->tables->sim,
                        table->up_count <= most && table->linked_count <= most + table->config.k))
        th_check_fail(look->tables->sim, look->node, CHECK,
                      "rule 1: %u links are up, %u were expected at most", table->up_count, most);
    if (!th_check_holds(look->tables->sim, look->count == table->linked_count))
        th_check_fail(look->tables->sim, look->node, CHECK, "%u links are counted, there are %u",
                      table->linked_count, look->count);
}

static void on_turn(void *data, struct th_world_node *node, const struct th_host_sim_turn *turn)
{
    struct tables *tables = data;

    if (turn->ops != &th_router_ops)
        return;
    struct book *book = book_of(tables, node);
    if (strcmp(turn->doing, "init") == 0 || strcmp(turn->doing, "terminate") == 0)
        book->count = 0;
    if (strcmp(turn->doing, "terminate") == 0)
        return;

    const struct th_routing *routing = th_router_machine(turn->state);
    unsigned count = copy_links(tables, &routing->table);
    const struct look look = {.tables = tables,
                              .node = node,
                              .book = book,
                              .routing = routing,
                              .at = turn->now.mono,
                              .links = tables->now,
                              .count = count};
    check_limits(&look);
    compare(&look);
    keep_links(book, tables->now, count);
}

/* --- life ------------------------------------------------------------------------------------------- */

static void on_down(void *data, struct th_world_node *node)
{
    struct book *book = book_of(data, node);

    th_mem_free(book->links);
    *book = (struct book){0};
}

static void *begin(struct th_sim *sim)
{
    struct tables *tables = th_check_alloc(1, sizeof *tables);

    tables->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = tables,
                                                         .on_given = on_given,
                                                         .on_turn = on_turn,
                                                         .on_down = on_down});
    return tables;
}

static void end(void *data)
{
    struct tables *tables = data;

    for (unsigned i = 0; i < tables->nodes.room; i++)
        if (tables->nodes.of[i])
            th_mem_free(((struct book *)tables->nodes.of[i])->links);
    th_check_books_clear(&tables->nodes);
    th_mem_free(tables->now);
    th_mem_free(tables);
}

const struct th_checker th_check_table = {.name = CHECK, .begin = begin, .end = end};
