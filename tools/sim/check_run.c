/*
 * Servers and their mail: nobody is told what was not for it, or twice; every call is told by its
 * time; and of all that was ever sent in a host it is known where it went.
 */
#include "tools/sim/check.h"

#include "switch/base/hash.h"
#include "switch/run/event.h"

#include <inttypes.h>
#include <string.h>

#define CHECK "run"

enum { LATE_MS = 1000, SLOTS_FIRST = 16, MONITORS_FIRST = 4 };

static const uint8_t secret[TH_HASH_SECRET_BYTES] = "books of servers"; /* nobody attacks it */

struct call {
    uint64_t ref;
    th_pid target;
    th_ms due;
    bool is_told_late; /* it was said once */
    UT_hash_handle hh;
};

struct monitor {
    uint64_t ref;
    th_pid target;
};

/* A server that lives, by its place in the host's table. */
struct server {
    th_pid pid;   /* 0: nobody yet */
    th_pid ended; /* the last that lived here */
    const char *name;
    struct call *calls;
    struct monitor *monitors;
    unsigned monitor_count, monitor_room;
};

struct book {
    struct server *server;
    uint32_t room;
};

struct books {
    struct th_sim *sim;
    struct th_check_books nodes;
};

/* --- who there is --- */

static struct book *book_of(struct books *books, const struct th_world_node *node)
{
    return th_check_book(&books->nodes, node->index, sizeof(struct book));
}

static void forget_all(struct server *server)
{
    struct call *call, *next;

    HASH_ITER (hh, server->calls, call, next) {
        HASH_DEL(server->calls, call);
        th_mem_free(call);
    }
    server->monitor_count = 0;
}

static void clear_book(struct book *book)
{
    for (uint32_t i = 0; i < book->room; i++) {
        forget_all(&book->server[i]);
        th_mem_free(book->server[i].monitors);
    }
    th_mem_free(book->server);
    *book = (struct book){0};
}

static struct server *place_of(struct book *book, th_pid pid)
{
    uint32_t index = (uint32_t)pid; /* the other half is the generation, which rises */

    while (index >= book->room) {
        uint32_t room = book->room ? 2 * book->room : SLOTS_FIRST;
        book->server = th_check_resize(book->server, room, sizeof *book->server);
        for (uint32_t i = book->room; i < room; i++)
            book->server[i] = (struct server){0};
        book->room = room;
    }
    return &book->server[index];
}

/* The server that a pid means; NULL, and the check has failed, when it has ended. */
static struct server *find(struct books *books, const struct th_world_node *node, th_pid pid,
                           const char *name, const char *doing)
{
    struct server *server = place_of(book_of(books, node), pid);

    if (!th_check_holds(books->sim,
                        pid > server->ended && (server->pid == 0 || server->pid == pid))) {
        th_check_fail(books->sim, node, CHECK, "%s: %s reached a server that had ended", name,
                      doing);
        return NULL;
    }
    server->pid = pid;
    server->name = name ? name : server->name;
    return server;
}

/* --- what they wish to be told --- */

static struct call *find_call(struct server *server, uint64_t ref)
{
    struct call *call;

    HASH_FIND_BYHASHVALUE(hh, server->calls, &ref, sizeof ref, th_hash(secret, &ref, sizeof ref),
                          call);
    return call;
}

static void add_call(struct server *server, const struct th_host_sim_wish *wish)
{
    struct call *call = th_check_alloc(1, sizeof *call);
    unsigned hash = th_hash(secret, &wish->ref, sizeof wish->ref);

    *call = (struct call){.ref = wish->ref, .target = wish->target, .due = wish->due};
    HASH_ADD_BYHASHVALUE(hh, server->calls, ref, sizeof call->ref, hash, call);
    TH_CHECK(call->hh.tbl != NULL);
}

static void end_call(struct server *server, struct call *call)
{
    HASH_DEL(server->calls, call);
    th_mem_free(call);
}

static unsigned find_monitor(const struct server *server, uint64_t ref)
{
    unsigned i = 0;

    while (i < server->monitor_count && server->monitors[i].ref != ref)
        i++;
    return i;
}

static void add_monitor(struct server *server, const struct th_host_sim_wish *wish)
{
    if (server->monitor_count == server->monitor_room) {
        server->monitor_room = server->monitor_room ? 2 * server->monitor_room : MONITORS_FIRST;
        server->monitors =
            th_check_resize(server->monitors, server->monitor_room, sizeof *server->monitors);
    }
    server->monitors[server->monitor_count++] = (struct monitor){wish->ref, wish->target};
}

static void end_monitor(struct server *server, unsigned i)
{
    server->monitors[i] = server->monitors[--server->monitor_count];
}

static void on_wish(void *data, struct th_world_node *node, const struct th_host_sim_wish *wish)
{
    struct books *books = data;
    struct server *server;
    struct call *call;
    unsigned i;

    if (!th_check_is_watched(node))
        return;
    server = find(books, node, wish->owner, NULL, "a wish");
    if (server == NULL)
        return;
    switch (wish->kind) {
    case TH_WISH_CALL:
        add_call(server, wish);
        break;
    case TH_WISH_MONITOR:
        add_monitor(server, wish);
        break;
    case TH_WISH_NO_CALL:
        call = find_call(server, wish->ref);
        if (call)
            end_call(server, call);
        break;
    case TH_WISH_NO_MONITOR:
        i = find_monitor(server, wish->ref);
        if (i < server->monitor_count)
            end_monitor(server, i);
        break;
    case TH_WISH_NOTHING:
        forget_all(server);
        server->ended = server->pid;
        server->pid = 0;
        break;
    }
}

/* --- what they are told --- */

static void take_outcome(struct books *books, const struct th_world_node *node,
                         struct server *server, const struct th_host_sim_given *given)
{
    struct call *call = find_call(server, given->msg->ref);
    bool is_for_it = call && call->target == given->msg->from;

    if (!th_check_holds(books->sim, is_for_it)) {
        th_check_fail(books->sim, node, CHECK,
                      "%s was told \"%s\" of call %" PRIu64
                      ", which it had not made, or been told of, or cancelled",
                      given->name, given->doing, given->msg->ref);
        return;
    }
    if (!th_check_holds(books->sim, given->msg->kind || strcmp(given->doing, "timed out") != 0 ||
                                        given->now.mono >= call->due))
        th_check_fail(books->sim, node, CHECK,
                      "%s was told at %" PRIu64
                      " that a call had timed out; that is due at %" PRIu64,
                      given->name, given->now.mono, call->due);
    end_call(server, call);
}

static void take_down(struct books *books, const struct th_world_node *node, struct server *server,
                      const struct th_host_sim_given *given)
{
    const struct th_down *down = given->msg->body;
    unsigned i = find_monitor(server, down->ref);

    if (!th_check_holds(books->sim,
                        i < server->monitor_count && server->monitors[i].target == down->pid)) {
        th_check_fail(books->sim, node, CHECK,
                      "%s was told of the end of a server by monitor %" PRIu64
                      ", which it has not, or not any more",
                      given->name, down->ref);
        return;
    }
    end_monitor(server, i);
}

/* Whoever subscribes monitors the manager, and no longer than it is subscribed. */
static void take_event(struct books *books, const struct th_world_node *node,
                       const struct server *server, const struct th_host_sim_given *given)
{
    unsigned i = 0;

    while (i < server->monitor_count && server->monitors[i].target != given->msg->from)
        i++;
    if (!th_check_holds(books->sim, i < server->monitor_count))
        th_check_fail(books->sim, node, CHECK, "%s got an event to which it is not subscribed",
                      given->name);
}

static void on_given(void *data, struct th_world_node *node, const struct th_host_sim_given *given)
{
    struct books *books = data;
    struct server *server;

    if (!th_check_is_watched(node))
        return;
    server = find(books, node, given->to, given->name, given->doing);
    if (server == NULL)
        return;
    if (given->sort == TH_TRACE_REPLY)
        take_outcome(books, node, server, given);
    else if (given->msg && given->msg->kind == &th_down_msg)
        take_down(books, node, server, given);
    else if (given->sort == TH_TRACE_EVENT)
        take_event(books, node, server, given);
}

/* --- between steps --- */

static bool is_suspended(const struct th_world_node *node, th_pid pid)
{
    unsigned count = th_host_look(node->host, NULL, 0);
    struct th_server_look *rows = th_check_alloc(count + 1, sizeof *rows);
    bool is_so = false;

    count = th_host_look(node->host, rows, count);
    for (unsigned i = 0; i < count; i++)
        is_so |= rows[i].pid == pid && rows[i].state == TH_SERVER_SUSPENDED;
    th_mem_free(rows);
    return is_so;
}

static void look_for_late(struct books *books, const struct th_world_node *node,
                          struct server *server, th_ms now)
{
    th_ms patience = th_check_patience(books->sim) + LATE_MS;
    struct call *call, *next;

    HASH_ITER (hh, server->calls, call, next) {
        bool is_late = now > patience && call->due < now - patience;

        if (call->is_told_late ||
            th_check_holds(books->sim, !is_late || is_suspended(node, server->pid)))
            continue;
        call->is_told_late = true;
        th_check_fail(books->sim, node, CHECK,
                      "%s was not told how its call %" PRIu64 " ended; that was due %" PRIu64
                      " ms ago",
                      server->name, call->ref, now - call->due);
    }
}

static void look(void *data, struct th_world_node *node)
{
    struct books *books = data;
    th_ms now = th_host_now(node->host).mono;
    struct th_account account;

    th_host_account(node->host, &account);
    if (!th_check_holds(books->sim, account.unaccounted == 0))
        th_check_fail(books->sim, node, CHECK,
                      "%" PRIu64 " messages were sent, and of %" PRId64
                      " it is not known where they are; 0 were expected",
                      account.sent, account.unaccounted);
    if (!th_check_is_watched(node))
        return;
    struct book *book = book_of(books, node);
    for (uint32_t i = 0; i < book->room; i++)
        look_for_late(books, node, &book->server[i], now);
}

/* --- life --- */

static void on_down(void *data, struct th_world_node *node)
{
    if (th_check_is_watched(node))
        clear_book(book_of(data, node));
}

static void *begin(struct th_sim *sim)
{
    struct books *books = th_check_alloc(1, sizeof *books);

    books->sim = sim;
    th_world_watch(&sim->world, &(struct th_world_hooks){.data = books,
                                                         .on_given = on_given,
                                                         .on_wish = on_wish,
                                                         .on_down = on_down});
    return books;
}

static void end(void *data)
{
    struct books *books = data;

    for (unsigned i = 0; i < books->nodes.room; i++)
        if (books->nodes.of[i])
            clear_book(books->nodes.of[i]);
    th_check_books_clear(&books->nodes);
    th_mem_free(books);
}

const struct th_checker th_check_run = {.name = CHECK, .begin = begin, .look = look, .end = end};
