/*
 * control_event.h - events as JSON, and which of them somebody wants to see.
 *
 * Pure. thctl reads filters by the same code as the daemon, so that a word that is none is refused
 * before anything is asked.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CONTROL_EVENT_H
#define TH_APP_CONTROL_EVENT_H

#include "switch/events.h"
#include "tools/app/config.h"

#include <jansson.h>

enum {
    TH_TAPS_MAX = 16
}; /* members to look for; each costs a look into every packet that passes */

/*
 * Which events to show: those that fit everything that is named. An event that has no channel type
 * (a line, a link) fits no type, one without a packet no tap, one of no peer no peer.
 */
struct th_filter {
    uint64_t kinds;  /* of enum th_ev_kind */
    uint64_t topics; /* as th_topic */
    bool has_peer;
    struct th_prefix peer;
    json_t *is;  /* an object, or NULL: members of the packet's head and their values */
    json_t *has; /* an array of names, or NULL: members that must be there */
};

/*
 * Reads the members kind, type, has (a text or a list of texts), peer (a text) and is (an object) of
 * a request's parameters. NULL: everything.
 *
 * say  filled on failure, with the words that there are.
 */
TH_MUST bool th_filter_read(struct th_filter *out, const json_t *params, char say[TH_SAY_MAX]);
void th_filter_clear(struct th_filter *filter);

/* What to subscribe to. */
struct th_interest th_filter_interest(const struct th_filter *filter);

/*
 * Whether an event fits. head: th_event_head's.
 *
 * A tap's text also fits a member that is no text and is written like it: "12" fits 12, "true" true.
 * A name a.b means the member b of the member a, unless there is one of that whole name; of a list the
 * members are 0, 1 and so on.
 */
bool th_filter_fits(const struct th_filter *filter, const struct th_event *event,
                    const json_t *head);

/* A packet that is seen elsewhere than as an event. */
struct th_packet_look {
    uint64_t kind, topic; /* as its event would have */
    const struct th_hashname *peer;
    const json_t *head; /* NULL: none that can be read */
    bool is_open;       /* of a handshake: no event, and of no channel */
};

/* Whether it fits. An open fits a filter that names nothing but a peer. */
bool th_filter_fits_packet(const struct th_filter *filter, const struct th_packet_look *packet);

/* Whether the head matters. */
bool th_filter_needs_head(const struct th_filter *filter);

/* The head of a packet event, a new reference; NULL for other events and for what is no object. */
json_t *th_event_head(const struct th_event *event);

/*
 * An event as the members that `watch` shows.
 * wall  when it was seen.
 * head  borrowed; shown for packets.
 * A new reference, or NULL without memory.
 */
json_t *th_event_json(const struct th_event *event, th_epoch_ms wall, const json_t *head);

/* "line_up", "packet", …; of one bit. */
const char *th_event_kind_word(uint64_t kind);

/* The channel type of a topic bit, and whose channel it is; false for 0 and unknown bits. */
bool th_event_topic(uint64_t topic, const char **type, bool *is_ours);

#endif
