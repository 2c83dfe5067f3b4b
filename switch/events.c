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

enum th_err th_ev_announce(struct th_host *host, th_pid manager, enum th_ev_kind kind,
                           const void *body, size_t size)
{
    bool is_state = kind != TH_EV_DIALED;
    void *copy = th_mem_copy(body, size);

    if (copy == NULL)
        return TH_NO_MEMORY;
    struct th_event *event = th_event_new(kind, 0, is_state, copy, th_mem_free);
    return event ? th_notify(host, manager, event) : TH_NO_MEMORY;
}
