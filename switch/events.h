/*
 * events.h - what the switch's event manager announces.
 *
 * Kinds are bits of th_interest.kinds; packets also have a topic: their channel's type and which side
 * opened it, so that the router is woken by seeks that others ask and the dialer by answers to its
 * own. An event that belongs to one server's request carries that server's pid and tag; others leave
 * it alone.
 *
 * Lines, links and the node's state are facts (fact.h): the manager keeps what is so, and says that a
 * line or a link is down when the switch or the router has ended.
 *
 * Floor:  3.
 * Thread: any; events do not change.
 */
#ifndef TH_SWITCH_EVENTS_H
#define TH_SWITCH_EVENTS_H

#include "switch/core/channel.h"
#include "switch/run/fact.h"
#include "switch/run/registry.h"
#include "switch/wire/cipher.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

enum th_ev_kind {
    TH_EV_LINE_UP = 1 << 0,      /* fact; struct th_ev_line: the switch */
    TH_EV_LINE_DOWN = 1 << 1,    /* its end */
    TH_EV_PATH_CHANGED = 1 << 2, /* fact LINE_UP, changed: another address is in use */
    TH_EV_OPENED = 1 << 3,       /* struct th_ev_packet: first packet of a channel of theirs */
    TH_EV_PACKET = 1 << 4,    /* struct th_ev_packet: any later packet, of either side's channels */
    TH_EV_ENDED = 1 << 5,     /* struct th_ev_ended: a channel ended without a packet saying so */
    TH_EV_LINK_UP = 1 << 6,   /* fact; struct th_ev_link: the router */
    TH_EV_LINK_DOWN = 1 << 7, /* its end; also of a link that never was up */
    TH_EV_DIALED = 1 << 8,    /* struct th_ev_dialed: the dialer */
    TH_EV_STATE = 1 << 9, /* fact; struct th_ev_state: the bootstrap, or the last that there was */
    TH_EV_SERVER_UP = 1 << 10,   /* state; struct th_name_change: the registry */
    TH_EV_SERVER_DOWN = 1 << 11, /* state; struct th_name_change: the registry */
    TH_EV_LINE_SILENT =
        1 << 12, /* fact LINE_UP, changed: we talk to it and hear nothing; again now and
                                    then as long as that is so */
    TH_EV_LINE_HEARD = 1 << 13 /* fact LINE_UP, changed: something came, after LINE_SILENT */
};

/* All that is told of lines, with a struct th_ev_line. */
enum {
    TH_EV_LINE =
        TH_EV_LINE_UP | TH_EV_LINE_DOWN | TH_EV_PATH_CHANGED | TH_EV_LINE_SILENT | TH_EV_LINE_HEARD
};

/* The topic bit of a channel type and side. is_ours: we opened the channel. */
static inline uint64_t th_topic(enum th_channel_type type, bool is_ours)
{
    return 1ull << (2 * (unsigned)type + (is_ours ? 1 : 0));
}

/* Other parts than the one that follows from csid and key lie behind it in the same memory: read them
 * with th_ev_line_parts. */
struct th_ev_line {
    struct th_hashname id;    /* first: the key of the fact, as in struct th_ev_link */
    struct th_public_key key; /* static, of csid */
    uint8_t csid;
    uint8_t part_count;  /* behind it; 0: one, which follows from csid and key */
    bool has_addr;       /* false: nothing is known of where it is (a relay) */
    bool is_silent;      /* from LINE_SILENT to LINE_HEARD */
    struct th_addr addr; /* in use: its own, or that of a bridge: th_ev_line_own */
    enum th_err
        why; /* of LINE_DOWN: TH_TIMED_OUT, TH_CANCELLED (replaced by a new line), TH_EOF (nobody
                        used it), TH_GONE (the switch has ended) … */
    bool is_bridged; /* addr is that of another node, which forwards the line's packets */
    bool is_rolled;  /* id follows from the parts; th_ev_line_new says so */
    th_ms up_at;     /* when it came up; 0 of LINE_DOWN */
};

/* Where the node of a line is by what its packets say; family NONE: they come by a relay or a bridge. */
static inline struct th_addr th_ev_line_own(const struct th_ev_line *line)
{
    return line->has_addr && !line->is_bridged ? line->addr : (struct th_addr){0};
}

/* head and body lie behind the struct in the same memory. */
struct th_ev_packet {
    struct th_hashname from;
    struct th_addr addr; /* where it came from; family NONE when relayed */
    uint32_t c;
    bool is_bridged; /* addr is that of another node, which forwards the line's packets */
    bool is_ours;    /* we opened the channel */
    bool end;
    enum th_channel_type type;
    char type_name[TH_TYPE_MAX];
    char err[TH_CHANNEL_ERR_MAX];
    th_pid owner;         /* who of us opened the channel; 0 for theirs */
    uint64_t tag;         /* what the owner gave when opening it */
    struct th_bytes head; /* JSON text */
    struct th_bytes body;
};

struct th_ev_ended {
    struct th_hashname from;
    uint32_t c;
    bool is_ours;
    enum th_channel_type type;
    th_pid owner;
    uint64_t tag;
    enum th_err why; /* TH_TIMED_OUT (silence), TH_CANCELLED (the line was replaced), TH_NO_LINE */
};

struct th_ev_link {
    struct th_hashname id;
    bool is_seed;
    bool is_out; /* we opened it */
    enum th_err
        why; /* of LINK_DOWN: TH_TIMED_OUT, TH_EOF (they ended it), TH_REFUSED, TH_LIMIT (we did),
                TH_GONE (the router has ended) … */
};

struct th_ev_dialed {
    struct th_hashname target;
    enum th_err result; /* as dialer.h says */
    th_ms took_ms;
};

enum th_node_state { TH_NODE_STARTING, TH_NODE_JOINING, TH_NODE_READY, TH_NODE_ALONE };

struct th_ev_state {
    enum th_node_state state;
};

/* "starting", "joining", "ready", "alone". */
const char *th_node_state_name(enum th_node_state state);

/* The body of an event of the kinds named above; checks that the kind fits. */
const struct th_ev_line *th_ev_line_of(const struct th_event *event);
const struct th_ev_packet *th_ev_packet_of(const struct th_event *event);
const struct th_ev_ended *th_ev_ended_of(const struct th_event *event);
const struct th_ev_link *th_ev_link_of(const struct th_event *event);
const struct th_ev_dialed *th_ev_dialed_of(const struct th_event *event);
const struct th_ev_state *th_ev_state_of(const struct th_event *event);
const struct th_name_change *th_ev_server_of(const struct th_event *event);

/* All parts of the hashname of a line. */
void th_ev_line_parts(const struct th_ev_line *line, struct th_parts *parts);

/* Makes the event of a line; line->part_count and is_rolled are filled.
 * parts  of its hashname, which follows from them. Returns NULL without memory. */
TH_MUST struct th_event *th_ev_line_new(enum th_ev_kind kind, struct th_ev_line *line,
                                        const struct th_parts *parts);

/*
 * Makes an event with a copy of body (size bytes); for the small bodies above. `why` of a LINE_UP or
 * LINK_UP is set: it is told should its announcer end.
 * Returns NULL without memory.
 */
TH_MUST struct th_event *th_ev_new(enum th_ev_kind kind, const void *body, size_t size);

/*
 * Announces it on the manager, once.
 * Errors: TH_NO_MEMORY, and those of th_notify. Thread: any.
 */
enum th_err th_ev_announce(struct th_host *host, th_pid manager, enum th_ev_kind kind,
                           const void *body, size_t size);

#endif
