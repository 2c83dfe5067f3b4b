#include "switch/core/bridge.h"

#include "switch/base/heap.h"
#include "switch/base/mem.h"
#include "switch/core/board.h"
#include "switch/wire/bridge.h"

#include <string.h>

static void forget_leg(struct th_bridges *bridges, struct th_bridge_leg *leg)
{
    th_index_remove(&bridges->by_line, &leg->by_line);
    *(leg->previous ? &leg->previous->next : &bridges->first) = leg->next;
    *(leg->next ? &leg->next->previous : &bridges->last) = leg->previous;
    bridges->count--;
    th_mem_free(leg);
}

void th_bridges_clear(struct th_bridges *bridges)
{
    while (bridges->first)
        forget_leg(bridges, bridges->first);
    th_index_clear(&bridges->by_line);
    th_mem_free(bridges->seen);
    *bridges = (struct th_bridges){0};
}

/* --- legs ------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct th_switchboard *board, const struct th_line_id *line)
{
    return th_hash(board->hash_secret, line, sizeof *line);
}

static struct th_bridge_leg *find_leg(const struct th_switchboard *board,
                                      const struct th_line_id *line)
{
    struct th_index_node *node = th_index_find(&board->bridges.by_line, hash_of(board, line));

    for (; node; node = th_index_next(node)) {
        struct th_bridge_leg *leg = TH_HEAP_OWNER(node, struct th_bridge_leg, by_line);
        if (memcmp(&leg->line, line, sizeof *line) == 0)
            return leg;
    }
    return NULL;
}

static bool is_idle(const struct th_bridge_leg *leg, struct th_now now)
{
    return now.mono - leg->used_at >= TH_BRIDGE_IDLE_MS;
}

static void forget_idle(struct th_bridges *bridges, struct th_now now)
{
    struct th_bridge_leg *next;

    for (struct th_bridge_leg *leg = bridges->first; leg; leg = next) {
        next = leg->next;
        if (is_idle(leg, now))
            forget_leg(bridges, leg);
    }
}

static bool is_same_end(const struct th_bridge_end *a, const struct th_bridge_end *b)
{
    if (a->is_addr != b->is_addr)
        return false;
    return a->is_addr ? th_addr_is_equal(&a->addr, &b->addr) : th_hashname_is_equal(&a->id, &b->id);
}

static struct th_bridge_leg *new_leg(struct th_switchboard *board, struct th_now now,
                                     const struct th_line_id *line)
{
    struct th_bridges *bridges = &board->bridges;

    if (bridges->count == TH_BRIDGE_LEGS_MAX)
        forget_idle(bridges, now);
    struct th_bridge_leg *leg =
        bridges->count < TH_BRIDGE_LEGS_MAX ? th_mem_zalloc(1, sizeof *leg) : NULL;
    if (leg == NULL)
        return NULL;
    leg->line = *line;
    if (th_index_add(&bridges->by_line, &leg->by_line, hash_of(board, line)) != TH_OK) {
        th_mem_free(leg);
        return NULL;
    }
    leg->previous = bridges->last;
    *(bridges->last ? &bridges->last->next : &bridges->first) = leg;
    bridges->last = leg;
    bridges->count++;
    return leg;
}

/* True for a leg between a node and an address that it named, when that node has something better. */
static bool is_renamed(const struct th_bridge_leg *leg, const struct th_bridge_end *from,
                       const struct th_bridge_end *to)
{
    if (leg->from.is_addr)
        return is_same_end(&leg->to, to);
    return leg->to.is_addr && is_same_end(&leg->from, from);
}

/* A line id that others use between themselves is not to be had by a third: whoever has the leg keeps
 * it while it is used. */
static bool add_leg(struct th_switchboard *board, struct th_now now, const struct th_line_id *line,
                    const struct th_bridge_end *from, const struct th_bridge_end *to)
{
    struct th_bridge_leg *leg = find_leg(board, line);

    bool is_same = leg && is_same_end(&leg->from, from) && is_same_end(&leg->to, to);
    if (leg && !is_idle(leg, now) && !is_same && !is_renamed(leg, from, to))
        return false;
    if (leg == NULL)
        leg = new_leg(board, now, line);
    if (leg == NULL)
        return false;
    leg->from = *from;
    leg->to = *to;
    leg->used_at = now.mono;
    return true;
}

/* --- who may ---------------------------------------------------------------------------------------- */

static bool is_allowed(const struct th_bridge_policy *policy, const struct th_hashname *id)
{
    for (unsigned i = 0; i < policy->allowed_count; i++)
        if (th_hashname_is_equal(&policy->allowed[i], id))
            return true;
    return policy->is_for_everybody;
}

bool th_board_bridges_for(const struct th_switchboard *board, const struct th_hashname *id)
{
    return is_allowed(&board->config.bridge, id);
}

static bool begin(struct th_switchboard *board, struct th_now now)
{
    struct th_bridges *bridges = &board->bridges;
    uint32_t per_s = board->config.bridge.bytes_per_s;

    if (bridges->has_begun)
        return true;
    bridges->seen = th_mem_zalloc(TH_BRIDGE_REMEMBERED, sizeof *bridges->seen);
    if (bridges->seen == NULL)
        return false;
    if (per_s == 0)
        per_s = TH_BRIDGE_BYTES_PER_S;
    th_limit_init(&bridges->bytes, per_s, TH_BRIDGE_BURST_S * per_s, now.mono);
    bridges->has_begun = true;
    return true;
}

bool th_board_bridge_pair(struct th_switchboard *board, struct th_now now,
                          const struct th_relay_pair *pair)
{
    const struct th_bridge_policy *policy = &board->config.bridge;
    struct th_bridge_end end[2] = {{.id = pair->side[0].id}, {.id = pair->side[1].id}};

    if (!is_allowed(policy, &end[0].id) && !is_allowed(policy, &end[1].id))
        return false;
    if (begin(board, now) && add_leg(board, now, &pair->side[0].line, &end[1], &end[0]) &&
        add_leg(board, now, &pair->side[1].line, &end[0], &end[1]))
        return true;
    th_drop_count(&board->drops, TH_DROP_BRIDGE_LIMIT);
    return false;
}

void th_board_on_bridge(struct th_switchboard *board, struct th_exchange *asker, struct th_now now,
                        struct th_channel *channel, const struct th_chanpkt *packet)
{
    struct th_chanpkt_out answer = {.c = channel->id, .end = true};
    struct th_bridge_head head;

    if (!is_allowed(&board->config.bridge, &asker->id)) {
        th_drop_count(&board->drops, TH_DROP_BRIDGE_REFUSED);
        answer.err = "not for you";
    } else if (th_bridge_read(&head, packet->head) != TH_DROP_NONE ||
               !th_exchange_can_use(asker, &head.addr)) {
        th_drop_count(&board->drops, TH_DROP_BRIDGE_BAD);
        answer.err = "cannot be read";
    } else {
        struct th_bridge_end there = {.is_addr = true, .addr = head.addr};
        struct th_bridge_end here = {.id = asker->id};
        if (!begin(board, now) || !add_leg(board, now, &head.to, &here, &there) ||
            !add_leg(board, now, &head.from, &there, &here)) {
            th_drop_count(&board->drops, TH_DROP_BRIDGE_LIMIT);
            answer.err = "no room";
        }
    }
    th_board_say(board, now, &asker->id, &answer);
}

/* --- forwarding ------------------------------------------------------------------------------------- */

/* True when this one was forwarded a moment ago. */
static bool was_seen(struct th_switchboard *board, struct th_bytes bytes)
{
    uint64_t hash = th_hash(board->hash_secret, bytes.at, bytes.len);
    uint64_t *place = &board->bridges.seen[hash % TH_BRIDGE_REMEMBERED];
    bool was = *place == hash;

    *place = hash;
    return was;
}

static bool is_from(struct th_switchboard *board, const struct th_bridge_end *end,
                    const struct th_addr *from)
{
    struct th_exchange *ex;
    const struct th_exchange_path *path;

    if (end->is_addr)
        return th_addr_is_equal(&end->addr, from);
    ex = th_board_find(board, &end->id);
    path = ex ? th_exchange_paths_find(&ex->paths, from) : NULL;
    return path && path->is_proven;
}

/* Where an end is now; NULL when we have no line to it that goes there directly. */
static const struct th_addr *addr_of(struct th_switchboard *board, const struct th_bridge_end *end)
{
    struct th_exchange *ex;
    const struct th_exchange_path *path;

    if (end->is_addr)
        return &end->addr;
    ex = th_board_find(board, &end->id);
    path = th_exchange_is_up(ex) ? th_exchange_paths_used(&ex->paths) : NULL;
    return path && th_exchange_path_is_direct(path) ? &path->addr : NULL;
}

static enum th_drop judge(struct th_switchboard *board, struct th_now now,
                          const struct th_bridge_leg *leg, const struct th_addr *from,
                          const struct th_addr *to, struct th_bytes bytes)
{
    if (to == NULL || !is_from(board, &leg->from, from))
        return TH_DROP_LINE_UNKNOWN;
    if (was_seen(board, bytes))
        return TH_DROP_BRIDGE_REPEAT;
    if (!th_limit_take(&board->bridges.bytes, now.mono, (uint32_t)bytes.len))
        return TH_DROP_BRIDGE_FAST;
    return TH_DROP_NONE;
}

bool th_board_forward(struct th_switchboard *board, struct th_now now, const struct th_addr *from,
                      const struct th_line_id *line, struct th_bytes bytes)
{
    struct th_bridge_leg *leg = board->bridges.count > 0 ? find_leg(board, line) : NULL;

    if (leg == NULL)
        return false;
    const struct th_addr *to = addr_of(board, &leg->to);
    enum th_drop why = judge(board, now, leg, from, to, bytes);
    uint8_t *room = why == TH_DROP_NONE ? th_outbox_room(&board->outbox, bytes.len) : NULL;

    th_drop_count(&board->drops, why);
    if (room == NULL)
        return true;
    memcpy(room, bytes.at, bytes.len);
    th_board_send(board, now, to, bytes.len);
    leg->used_at = now.mono;
    board->bridges.packets++;
    board->bridges.forwarded_bytes += bytes.len;
    return true;
}
