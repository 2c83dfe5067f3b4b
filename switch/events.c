#include "switch/events.h"

#include "switch/base/mem.h"

#include <string.h>

const char *th_node_state_name(enum th_node_state state)
{
    switch (state) {
    case TH_NODE_STARTING:
        return "starting";
    case TH_NODE_JOINING:
        return "joining";
    case TH_NODE_READY:
        return "ready";
    case TH_NODE_ALONE:
        return "alone";
    }
    return "?";
}

const struct th_ev_line *th_ev_line_of(const struct th_event *event)
{
    TH_CHECK(event->kind & TH_EV_LINE);
    return event->body;
}

const struct th_ev_packet *th_ev_packet_of(const struct th_event *event)
{
    TH_CHECK(event->kind & (TH_EV_OPENED | TH_EV_PACKET));
    return event->body;
}

const struct th_ev_ended *th_ev_ended_of(const struct th_event *event)
{
    TH_CHECK(event->kind == TH_EV_ENDED);
    return event->body;
}

const struct th_ev_link *th_ev_link_of(const struct th_event *event)
{
    TH_CHECK(event->kind & (TH_EV_LINK_UP | TH_EV_LINK_DOWN));
    return event->body;
}

const struct th_ev_dialed *th_ev_dialed_of(const struct th_event *event)
{
    TH_CHECK(event->kind == TH_EV_DIALED);
    return event->body;
}

const struct th_ev_state *th_ev_state_of(const struct th_event *event)
{
    TH_CHECK(event->kind == TH_EV_STATE);
    return event->body;
}

const struct th_name_change *th_ev_server_of(const struct th_event *event)
{
    TH_CHECK(event->kind & (TH_EV_SERVER_UP | TH_EV_SERVER_DOWN));
    return event->body;
}

/* Which fact a kind of event tells of; NULL: of none. */
static const struct th_fact_kind *fact_of(enum th_ev_kind kind)
{
    static const struct th_fact_kind line = {TH_EV_LINE_UP, TH_EV_LINE_DOWN, TH_HASHNAME_BYTES};
    static const struct th_fact_kind link = {TH_EV_LINK_UP, TH_EV_LINK_DOWN, TH_HASHNAME_BYTES};
    static const struct th_fact_kind state = {.kind = TH_EV_STATE};

    switch (kind) {
    case TH_EV_LINE_UP:
    case TH_EV_LINE_DOWN:
    case TH_EV_PATH_CHANGED:
    case TH_EV_LINE_SILENT:
    case TH_EV_LINE_HEARD:
        return &line;
    case TH_EV_LINK_UP:
    case TH_EV_LINK_DOWN:
        return &link;
    case TH_EV_STATE:
        return &state;
    case TH_EV_OPENED:
    case TH_EV_PACKET:
    case TH_EV_ENDED:
    case TH_EV_DIALED:
    case TH_EV_SERVER_UP:
    case TH_EV_SERVER_DOWN:
        return NULL;
    }
    return NULL;
}

/* What is up ends so should its announcer end: the end has the same body. */
static void set_why(enum th_ev_kind kind, void *body)
{
    if (kind & TH_EV_LINE && kind != TH_EV_LINE_DOWN)
        ((struct th_ev_line *)body)->why = TH_GONE;
    else if (kind == TH_EV_LINK_UP)
        ((struct th_ev_link *)body)->why = TH_GONE;
}

struct th_event *th_ev_new(enum th_ev_kind kind, const void *body, size_t size)
{
    bool is_over = kind == TH_EV_LINE_DOWN || kind == TH_EV_LINK_DOWN;
    const struct th_fact_kind *fact = fact_of(kind);
    struct th_event *event;

    if (fact == NULL) {
        void *copy = th_mem_copy(body, size);
        return copy ? th_event_new(kind, 0, false, copy, th_mem_free) : NULL;
    }
    event = th_fact_event_new(kind, fact, is_over, body, size);
    if (event)
        set_why(kind, event->body);
    return event;
}

static bool follows_from_key(const struct th_ev_line *line, const struct th_parts *parts)
{
    return parts->count == 1 && parts->part[0].csid == line->csid;
}

struct th_event *th_ev_line_new(enum th_ev_kind kind, struct th_ev_line *line,
                                const struct th_parts *parts)
{
    uint8_t bytes[sizeof *line + sizeof parts->part];
    size_t parts_size;

    line->part_count = follows_from_key(line, parts) ? 0 : (uint8_t)parts->count;
    parts_size = line->part_count * sizeof parts->part[0];
    memcpy(bytes, line, sizeof *line);
    memcpy(bytes + sizeof *line, parts->part, parts_size);
    return th_ev_new(kind, bytes, sizeof *line + parts_size);
}

void th_ev_line_parts(const struct th_ev_line *line, struct th_parts *parts)
{
    *parts = (struct th_parts){.count = line->part_count};
    if (line->part_count > 0) {
        memcpy(parts->part, line + 1, line->part_count * sizeof parts->part[0]);
    } else {
        parts->count = 1;
        parts->part[0].csid = line->csid;
        th_fingerprint_of(&parts->part[0].fingerprint, line->key.b, sizeof line->key.b);
    }
}

enum th_err th_ev_announce(struct th_host *host, th_pid manager, enum th_ev_kind kind,
                           const void *body, size_t size)
{
    struct th_event *event = th_ev_new(kind, body, size);

    return event ? th_notify(host, manager, event) : TH_NO_MEMORY;
}
