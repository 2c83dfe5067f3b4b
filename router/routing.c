#include "router/routing_inside.h"

#include "switch/base/mem.h"

enum { TODO_KEPT = 4 }; /* actions; 200 bytes each */

void th_routing_init(struct th_routing *routing, const struct th_routing_config *config,
                     struct th_rng *rng, struct th_now now)
{
    *routing = (struct th_routing){
        .config = *config,
        .rng = rng,
        .now = now,
        .started_at = now.mono,
        .hungry_at = TH_NEVER,
        .refresh_at = TH_NEVER,
        .ages_at = now.mono + TH_AGES_NOTE_MS,
    };
    if (routing->config.keepalive_ms == 0)
        routing->config.keepalive_ms = TH_LINK_KEEPALIVE_MS_DEFAULT;
    th_table_init(&routing->table, &config->table);
}

void th_routing_clear(struct th_routing *routing)
{
    th_table_clear(&routing->table);
    th_ages_clear(&routing->ages);
    th_heap_clear(&routing->due);
    th_mem_free(routing->asked);
    th_mem_free(routing->todo);
    routing->asked = NULL;
    routing->asked_count = 0;
    routing->todo = NULL;
    routing->todo_first = routing->todo_count = routing->todo_room = 0;
}

void th_routing_now(struct th_routing *routing, struct th_now now)
{
    TH_CHECK(now.mono >= routing->now.mono);
    routing->now = now;
}

/* --- actions -------------------------------------------------------------------------------------- */

/* The owner takes everything after each call, so the queue is empty nearly always and never long:
 * at most a few actions for each link. */
struct th_routing_todo *th_routing_push(struct th_routing *routing,
                                        enum th_routing_action_kind kind,
                                        const struct th_hashname *id)
{
    if (routing->todo_first == routing->todo_count)
        routing->todo_first = routing->todo_count = 0;
    if (routing->todo_count == routing->todo_room) {
        size_t room = routing->todo_room ? 2 * routing->todo_room : TODO_KEPT;
        void *more = th_mem_resize(routing->todo, room, sizeof routing->todo[0]);
        if (more == NULL)
            return NULL;
        routing->todo = more;
        routing->todo_room = room;
    }

    struct th_routing_todo *todo = &routing->todo[routing->todo_count++];
    *todo = (struct th_routing_todo){.action = {.kind = kind, .id = *id}};
    return todo;
}

static struct th_bytes write_fields(const struct th_routing *routing,
                                    const struct th_routing_todo *todo, char fields[TH_FIELDS_MAX])
{
    struct th_text text = th_text_in(fields, TH_FIELDS_MAX);
    struct th_asker asker = {.id = todo->action.id, .addr = todo->addr};
    struct th_answer answer;

    switch (todo->fields) {
    case TH_FIELDS_NONE:
        break;
    case TH_FIELDS_LINK:
        th_link_put(&text, routing->config.is_seed);
        break;
    case TH_FIELDS_LINK_SEE:
        th_answer_link(&answer, &routing->table, &asker);
        th_link_put(&text, routing->config.is_seed);
        th_text_put(&text, ",");
        th_see_put(&text, answer.entry, answer.count);
        break;
    case TH_FIELDS_SEEK:
        th_answer_seek(&answer, &routing->table, &todo->sought, &asker);
        th_see_put(&text, answer.entry, answer.count);
        break;
    }
    TH_CHECK(!text.is_cut); /* 8 entries of at most 118 characters */
    return th_text_bytes(&text);
}

/* All was taken: the memory of a busy moment is given back. */
static void settle_todo(struct th_routing *routing)
{
    routing->todo_first = routing->todo_count = 0;
    if (routing->todo_room <= TODO_KEPT)
        return;
    th_mem_free(routing->todo);
    routing->todo = NULL;
    routing->todo_room = 0;
}

bool th_routing_next(struct th_routing *routing, struct th_routing_action *action,
                     char fields[TH_FIELDS_MAX])
{
    if (routing->todo_first == routing->todo_count) {
        settle_todo(routing);
        return false;
    }

    const struct th_routing_todo *todo = &routing->todo[routing->todo_first++];
    *action = todo->action;
    action->fields = write_fields(routing, todo, fields);
    return true;
}

/* --- events --------------------------------------------------------------------------------------- */

enum th_err th_routing_on_line_up(struct th_routing *routing, struct th_now now,
                                  const struct th_routing_line *line)
{
    th_routing_now(routing, now);
    enum th_err err = th_routing_line_up(routing, line);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

enum th_err th_routing_on_line_down(struct th_routing *routing, struct th_now now,
                                    const struct th_hashname *id, enum th_err why)
{
    th_routing_now(routing, now);
    enum th_err err = th_routing_line_down(routing, id, why);
    return err == TH_OK ? th_routing_fill(routing) : err;
}

void th_routing_on_path_changed(struct th_routing *routing, struct th_now now,
                                const struct th_hashname *id, const struct th_addr *addr)
{
    struct th_peer *peer = th_table_find(&routing->table, id);
    struct th_spare *spare = th_table_spare(&routing->table, id);

    th_routing_now(routing, now);
    if (peer)
        th_table_move(&routing->table, peer, addr);
    if (spare)
        spare->addr = *addr;
}

enum th_err th_routing_on_seek(struct th_routing *routing, struct th_now now,
                               const struct th_routing_packet *packet)
{
    struct th_prefix sought;
    enum th_drop why = th_seek_read(&sought, packet->head);

    th_routing_now(routing, now);
    th_drop_count(&routing->drops, why);
    if (why != TH_DROP_NONE || packet->end)
        return TH_OK;

    struct th_routing_todo *todo = th_routing_push(routing, TH_ROUTING_SEND, &packet->from);
    if (todo == NULL)
        return TH_NO_MEMORY;
    todo->fields = TH_FIELDS_SEEK;
    todo->sought = sought;
    todo->addr = packet->addr;
    todo->action.c = packet->c;
    todo->action.end = true;
    return TH_OK;
}

/* --- time ----------------------------------------------------------------------------------------- */

th_ms th_routing_deadline(const struct th_routing *routing)
{
    th_ms links = th_heap_next(&routing->due);
    th_ms work = th_sooner(routing->hungry_at, routing->refresh_at);

    return th_sooner(th_sooner(links, work), routing->ages_at);
}

/* So that the age of who is there all the time does not grow stale. */
static enum th_err expire_ages(struct th_routing *routing)
{
    routing->ages_at = routing->now.mono + TH_AGES_NOTE_MS;
    for (int i = routing->table.first; i < TH_BUCKETS; i++) {
        const struct th_bucket *bucket = th_table_at(&routing->table, i);
        for (unsigned n = 0; bucket && n < bucket->linked_count; n++) {
            const struct th_peer *peer = bucket->linked[n];
            if (!peer->link.is_up)
                continue;
            enum th_err err =
                th_ages_note(&routing->ages, &peer->id, peer->first_seen_at, routing->now);
            if (err != TH_OK)
                return err;
        }
    }
    return TH_OK;
}

enum th_err th_routing_tick(struct th_routing *routing, struct th_now now)
{
    th_routing_now(routing, now);
    enum th_err err = th_routing_tick_links(routing);
    if (err == TH_OK && now.mono >= routing->ages_at)
        err = expire_ages(routing);
    if (err != TH_OK)
        return err;

    th_routing_tick_refresh(routing);
    if (now.mono >= routing->hungry_at)
        routing->is_hungry = true;
    return th_routing_fill(routing);
}
