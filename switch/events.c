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

/* --- what is kept of a line and of a link (switch/run/fact_keep.h) --- */

/*
 * A line: csid, flags and family, key, up_at, address (unless the family is 0; the ip's first 4 bytes when
 * the rest is 0), parts.
 */
enum {
    HAS_ADDR = 1,
    IS_SILENT = 2,
    IS_BRIDGED = 4,
    IS_SHORT = 8,
    FAMILY = 0xf0,
    FAMILY_AT = 4, /* bits */

    SHORT_IP = 4,
    UP_AT_BYTES = 6
};

static size_t ip_len(uint8_t flags)
{
    return flags & IS_SHORT ? SHORT_IP : sizeof(((struct th_addr *)NULL)->ip);
}

static uint8_t flags_of(const struct th_ev_line *line)
{
    static const struct th_addr none;
    bool is_short =
        memcmp(line->addr.ip + SHORT_IP, none.ip + SHORT_IP, sizeof none.ip - SHORT_IP) == 0;

    return (uint8_t)((line->has_addr ? HAS_ADDR : 0) | (line->is_silent ? IS_SILENT : 0) |
                     (line->is_bridged ? IS_BRIDGED : 0) | (is_short ? IS_SHORT : 0) |
                     line->addr.family << FAMILY_AT);
}

/* Only a line that is up, and of which nothing is unusual, is written so. */
static size_t pack_line(uint8_t *packed, const void *body, size_t size)
{
    const struct th_ev_line *line = body;
    uint8_t flags = flags_of(line);
    uint8_t *to = packed;

    if (!line->is_rolled || line->why != TH_GONE || line->up_at >> 8 * UP_AT_BYTES != 0 ||
        flags >> FAMILY_AT != line->addr.family)
        return 0;
    *to++ = line->csid;
    *to++ = flags;
    memcpy(to, line->key.b, sizeof line->key.b);
    to += sizeof line->key.b;
    for (unsigned i = 0; i < UP_AT_BYTES; i++)
        *to++ = (uint8_t)(line->up_at >> 8 * i);
    if (line->addr.family != TH_FAMILY_NONE) {
        memcpy(to, line->addr.ip, ip_len(flags));
        to += ip_len(flags);
        memcpy(to, &line->addr.port, sizeof line->addr.port);
        to += sizeof line->addr.port;
    }
    memcpy(to, line + 1, size - sizeof *line);
    return (size_t)(to - packed) + size - sizeof *line;
}

static size_t unpack_line(void *body, const uint8_t *packed, size_t len)
{
    const uint8_t *at = packed, *end = packed + len;
    struct th_ev_line *line = body;
    uint8_t flags = packed[1];

    *line = (struct th_ev_line){.csid = packed[0],
                                .has_addr = flags & HAS_ADDR,
                                .is_silent = flags & IS_SILENT,
                                .is_bridged = flags & IS_BRIDGED,
                                .is_rolled = true,
                                .addr.family = flags >> FAMILY_AT,
                                .why = TH_GONE};
    at += 2;
    memcpy(line->key.b, at, sizeof line->key.b);
    at += sizeof line->key.b;
    for (unsigned i = 0; i < UP_AT_BYTES; i++)
        line->up_at |= (th_ms)*at++ << 8 * i;
    if (line->addr.family != TH_FAMILY_NONE) {
        memcpy(line->addr.ip, at, ip_len(flags));
        at += ip_len(flags);
        memcpy(&line->addr.port, at, sizeof line->addr.port);
        at += sizeof line->addr.port;
    }
    size_t parts_size = (size_t)(end - at);
    memcpy(line + 1, at, parts_size);
    line->part_count = (uint8_t)(parts_size / sizeof(struct th_part));
    return sizeof *line + parts_size;
}

static void make_line_id(uint8_t *key, const uint8_t *packed, size_t len)
{
    struct {
        struct th_ev_line line;
        struct th_part part[TH_PARTS_MAX];
    } body;
    struct th_hashname id;
    struct th_parts parts;

    unpack_line(&body, packed, len);
    th_ev_line_parts(&body.line, &parts);
    th_hashname_of(&id, &parts);
    memcpy(key, id.b, sizeof id.b);
}

static size_t pack_link(uint8_t *packed, const void *body, size_t size)
{
    const struct th_ev_link *link = body;

    (void)size;
    packed[0] = (uint8_t)(link->is_seed | link->is_out << 1);
    packed[1] = (uint8_t)link->why;
    return 2;
}

static size_t unpack_link(void *body, const uint8_t *packed, size_t len)
{
    (void)len;
    *(struct th_ev_link *)body = (struct th_ev_link){
        .is_seed = packed[0] & 1, .is_out = packed[0] >> 1, .why = (enum th_err)packed[1]};
    return sizeof(struct th_ev_link);
}

/* --- events --- */

/* Which fact a kind of event tells of; NULL: of none. */
static const struct th_fact_kind *fact_of(enum th_ev_kind kind)
{
    static const struct th_fact_form line_form = {pack_line, unpack_line, make_line_id};
    static const struct th_fact_form link_form = {pack_link, unpack_link, NULL};
    static const struct th_fact_kind line = {TH_EV_LINE_UP, TH_EV_LINE_DOWN, TH_HASHNAME_BYTES,
                                             &line_form};
    static const struct th_fact_kind link = {TH_EV_LINK_UP, TH_EV_LINK_DOWN, TH_HASHNAME_BYTES,
                                             &link_form};
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
    line->is_rolled = true;
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
