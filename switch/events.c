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
    TH_CHECK(event->kind & (TH_EV_LINE_UP | TH_EV_LINE_DOWN | TH_EV_PATH_CHANGED));
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

static void set_key(struct th_fact *fact, const struct th_hashname *id)
{
    fact->key_len = sizeof id->b;
    memcpy(fact->key, id->b, sizeof id->b);
}

/* Says of which fact a kind of event tells; false: of none. */
static bool fact_of(struct th_fact *fact, enum th_ev_kind kind, void *body)
{
    switch (kind) {
    case TH_EV_LINE_UP:
    case TH_EV_LINE_DOWN:
    case TH_EV_PATH_CHANGED: {
        struct th_ev_line *line = body;
        *fact = (struct th_fact){.kind = TH_EV_LINE_UP, .end_kind = TH_EV_LINE_DOWN};
        set_key(fact, &line->id);
        if (kind != TH_EV_LINE_DOWN)
            line->why = TH_GONE;
        return true;
    }
    case TH_EV_LINK_UP:
    case TH_EV_LINK_DOWN: {
        struct th_ev_link *link = body;
        *fact = (struct th_fact){.kind = TH_EV_LINK_UP, .end_kind = TH_EV_LINK_DOWN};
        set_key(fact, &link->id);
        if (kind == TH_EV_LINK_UP)
            link->why = TH_GONE;
        return true;
    }
    case TH_EV_STATE:
        *fact = (struct th_fact){.kind = TH_EV_STATE};
        return true;
    case TH_EV_OPENED:
    case TH_EV_PACKET:
    case TH_EV_ENDED:
    case TH_EV_DIALED:
    case TH_EV_SERVER_UP:
    case TH_EV_SERVER_DOWN:
        return false;
    }
    return false;
}

struct th_event *th_ev_new(enum th_ev_kind kind, const void *body, size_t size)
{
    bool is_over = kind == TH_EV_LINE_DOWN || kind == TH_EV_LINK_DOWN;
    void *copy = th_mem_copy(body, size);
    struct th_fact fact;

    if (copy == NULL)
        return NULL;
    if (fact_of(&fact, kind, copy))
        return th_fact_event_new(kind, &fact, is_over, copy, th_mem_free);
    return th_event_new(kind, 0, false, copy, th_mem_free);
}

enum th_err th_ev_announce(struct th_host *host, th_pid manager, enum th_ev_kind kind,
                           const void *body, size_t size)
{
    struct th_event *event = th_ev_new(kind, body, size);

    return event ? th_notify(host, manager, event) : TH_NO_MEMORY;
}
