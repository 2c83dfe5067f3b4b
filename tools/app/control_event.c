#include "tools/app/control_event.h"

#include "tools/app/control_look.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_PART_MAX = 128 };

enum {
    HAVE_PACKET = TH_EV_OPENED | TH_EV_PACKET,
    HAVE_TYPE = HAVE_PACKET | TH_EV_ENDED,
    HAVE_PEER = TH_EV_LINE | HAVE_TYPE | TH_EV_LINK_UP | TH_EV_LINK_DOWN | TH_EV_DIALED
};

static const struct {
    uint64_t kind;
    const char *word;
} kinds[] = {
    {TH_EV_LINE_UP, "line_up"},
    {TH_EV_LINE_DOWN, "line_down"},
    {TH_EV_PATH_CHANGED, "path_changed"},
    {TH_EV_LINE_SILENT, "line_silent"},
    {TH_EV_LINE_HEARD, "line_heard"},
    {TH_EV_OPENED, "opened"},
    {TH_EV_PACKET, "packet"},
    {TH_EV_ENDED, "ended"},
    {TH_EV_LINK_UP, "link_up"},
    {TH_EV_LINK_DOWN, "link_down"},
    {TH_EV_DIALED, "dialed"},
    {TH_EV_STATE, "state"},
    {TH_EV_SERVER_UP, "server_up"},
    {TH_EV_SERVER_DOWN, "server_down"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const char *th_event_kind_word(uint64_t kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind)
            return kinds[i].word;
    return "?";
}

bool th_event_topic(uint64_t topic, const char **type, bool *is_ours)
{
    for (unsigned i = 0; i < TH_CHANNEL_TYPES; i++) {
        *is_ours = topic == th_topic((enum th_channel_type)i, true);
        if (*is_ours || topic == th_topic((enum th_channel_type)i, false)) {
            *type = th_channel_type_name((enum th_channel_type)i);
            return true;
        }
    }
    return false;
}

/* --- reading a filter ----------------------------------------------------------------------------- */

static size_t add_word(char say[TH_SAY_MAX], size_t len, const char *before, const char *word)
{
    len += (size_t)snprintf(say + len, TH_SAY_MAX - len, "%s%s", before, word);
    return len < TH_SAY_MAX ? len : TH_SAY_MAX - 1;
}

static bool read_kind(struct th_filter *filter, const char *word, char say[TH_SAY_MAX])
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i].word, word) == 0) {
            filter->kinds |= kinds[i].kind;
            return true;
        }
    size_t len =
        (size_t)snprintf(say, TH_SAY_MAX, "no kind of event is called %.60s; there are", word);
    for (size_t i = 0; i < KINDS; i++)
        len = add_word(say, len, i ? ", " : " ", kinds[i].word);
    return false;
}

static bool read_type(struct th_filter *filter, const char *word, char say[TH_SAY_MAX])
{
    for (unsigned i = 0; i < TH_CHANNEL_TYPES; i++) {
        enum th_channel_type type = (enum th_channel_type)i;

        if (strcmp(th_channel_type_name(type), word) == 0) {
            filter->topics |= th_topic(type, true) | th_topic(type, false);
            return true;
        }
    }
    size_t len =
        (size_t)snprintf(say, TH_SAY_MAX, "no type of channel is called %.60s; there are", word);
    for (unsigned i = 0; i < TH_CHANNEL_TYPES; i++)
        len = add_word(say, len, i ? ", " : " ", th_channel_type_name((enum th_channel_type)i));
    return false;
}

static bool read_has(struct th_filter *filter, const char *word, char say[TH_SAY_MAX])
{
    if (filter->has == NULL)
        filter->has = json_array();
    if (filter->has && json_array_append_new(filter->has, json_string(word)) == 0)
        return true;
    snprintf(say, TH_SAY_MAX, "out of memory");
    return false;
}

/* Reads a member that is a text or a list of texts. */
static bool read_words(struct th_filter *filter, const json_t *params, const char *name,
                       bool (*read)(struct th_filter *, const char *, char *), char say[TH_SAY_MAX])
{
    const json_t *value = json_object_get(params, name);
    size_t count = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;

    for (size_t i = 0; i < count; i++) {
        const char *word =
            json_string_value(json_is_array(value) ? json_array_get(value, i) : value);

        if (word == NULL) {
            snprintf(say, TH_SAY_MAX, "\"%s\" must be a text or a list of texts", name);
            return false;
        }
        if (!read(filter, word, say))
            return false;
    }
    return true;
}

static bool read_peer(struct th_filter *filter, const json_t *params, char say[TH_SAY_MAX])
{
    const json_t *value = json_object_get(params, "peer");
    const char *text = json_string_value(value);

    if (value == NULL)
        return true;
    if (text && th_prefix_read(&filter->peer, text, strlen(text))) {
        filter->has_peer = true;
        return true;
    }
    snprintf(say, TH_SAY_MAX, "%.80s is no hashname: 1 to 64 hex digits, as one begins",
             text ? text : "\"peer\"");
    return false;
}

static bool read_is(struct th_filter *filter, const json_t *params, char say[TH_SAY_MAX])
{
    const json_t *value = json_object_get(params, "is");

    if (value == NULL)
        return true;
    if (!json_is_object(value)) {
        snprintf(say, TH_SAY_MAX, "\"is\" must be an object: members and their values");
        return false;
    }
    filter->is = json_deep_copy(value);
    if (filter->is)
        return true;
    snprintf(say, TH_SAY_MAX, "out of memory");
    return false;
}

/* Leaves only kinds that can have what the filter names. */
static bool narrow(struct th_filter *filter, uint64_t to, const char *what, char say[TH_SAY_MAX])
{
    if ((filter->kinds & to) == 0) {
        size_t len =
            (size_t)snprintf(say, TH_SAY_MAX, "no event of these kinds has a %s; these do:", what);
        for (size_t i = 0; i < KINDS; i++)
            if (kinds[i].kind & to)
                len = add_word(say, len, " ", kinds[i].word);
        return false;
    }
    filter->kinds &= to;
    return true;
}

static bool check(struct th_filter *filter, char say[TH_SAY_MAX])
{
    size_t taps = json_object_size(filter->is) + json_array_size(filter->has);

    if (filter->kinds == 0)
        for (size_t i = 0; i < KINDS; i++)
            filter->kinds |= kinds[i].kind;
    if (taps > TH_TAPS_MAX) {
        snprintf(say, TH_SAY_MAX, "more than %d members to look for", TH_TAPS_MAX);
        return false;
    }
    if (filter->topics && !narrow(filter, HAVE_TYPE, "channel type", say))
        return false;
    if (filter->topics == 0)
        filter->topics = UINT64_MAX;
    if (taps > 0 && !narrow(filter, HAVE_PACKET, "packet's head", say))
        return false;
    return !filter->has_peer || narrow(filter, HAVE_PEER, "peer", say);
}

bool th_filter_read(struct th_filter *out, const json_t *params, char say[TH_SAY_MAX])
{
    struct th_filter filter = {0};

    if (read_words(&filter, params, "kind", read_kind, say) &&
        read_words(&filter, params, "type", read_type, say) &&
        read_words(&filter, params, "has", read_has, say) && read_peer(&filter, params, say) &&
        read_is(&filter, params, say) && check(&filter, say)) {
        *out = filter;
        return true;
    }
    th_filter_clear(&filter);
    return false;
}

void th_filter_clear(struct th_filter *filter)
{
    json_decref(filter->is);
    json_decref(filter->has);
    *filter = (struct th_filter){0};
}

struct th_interest th_filter_interest(const struct th_filter *filter)
{
    return (struct th_interest){.kinds = filter->kinds, .topics = filter->topics};
}

/* --- whether an event fits ------------------------------------------------------------------------ */

/* The peer of an event; NULL when it has none. */
static const struct th_hashname *peer_of(const struct th_event *event)
{
    if (event->kind & HAVE_PACKET)
        return &th_ev_packet_of(event)->from;
    if (event->kind & TH_EV_ENDED)
        return &th_ev_ended_of(event)->from;
    if (event->kind & (TH_EV_LINK_UP | TH_EV_LINK_DOWN))
        return &th_ev_link_of(event)->id;
    if (event->kind & TH_EV_DIALED)
        return &th_ev_dialed_of(event)->target;
    return event->kind & HAVE_PEER ? &th_ev_line_of(event)->id : NULL;
}

static bool is_written_like(const json_t *value, const char *text)
{
    char *written = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    bool is_so = written && strcmp(written, text) == 0;

    free(written);
    return is_so;
}

static bool is_value(const json_t *wanted, const json_t *found)
{
    if (found == NULL)
        return false;
    if (json_equal(wanted, found))
        return true;
    return json_is_string(wanted) && !json_is_string(found) &&
           is_written_like(found, json_string_value(wanted));
}

/* What is behind the first dot of a name is looked for in the member before it. */
static const json_t *member_of(const json_t *value, const char *name)
{
    const json_t *found = json_object_get(value, name);
    const char *dot = strchr(name, '.');
    size_t len = dot ? (size_t)(dot - name) : strlen(name);
    char part[NAME_PART_MAX], *end;

    if (found || len >= sizeof part)
        return found;
    memcpy(part, name, len);
    part[len] = '\0';
    if (json_is_array(value) && part[0] >= '0' && part[0] <= '9') {
        unsigned long at = strtoul(part, &end, 10);
        found = *end == '\0' ? json_array_get(value, at) : NULL;
    } else {
        found = dot ? json_object_get(value, part) : NULL;
    }
    return found && dot ? member_of(found, dot + 1) : found;
}

static bool taps_fit(const struct th_filter *filter, const json_t *head)
{
    const char *name;
    json_t *wanted;

    json_object_foreach(filter->is, name, wanted)
    {
        if (!is_value(wanted, member_of(head, name)))
            return false;
    }
    for (size_t i = 0; i < json_array_size(filter->has); i++)
        if (!member_of(head, json_string_value(json_array_get(filter->has, i))))
            return false;
    return true;
}

bool th_filter_fits(const struct th_filter *filter, const struct th_event *event,
                    const json_t *head)
{
    if ((filter->kinds & event->kind) == 0)
        return false;
    if (event->topic && (filter->topics & event->topic) == 0)
        return false;
    if (filter->has_peer && !th_hashname_has_prefix(peer_of(event), &filter->peer))
        return false;
    return taps_fit(filter, head);
}

bool th_filter_needs_head(const struct th_filter *filter)
{
    return json_object_size(filter->is) + json_array_size(filter->has) > 0;
}

bool th_filter_fits_packet(const struct th_filter *filter, const struct th_packet_look *packet)
{
    bool names_channels =
        filter->topics != UINT64_MAX || (filter->kinds & ~(uint64_t)HAVE_PACKET) == 0;

    if (filter->has_peer && !th_hashname_has_prefix(packet->peer, &filter->peer))
        return false;
    if (packet->is_open)
        return !names_channels && !th_filter_needs_head(filter);
    return (filter->kinds & packet->kind) && (filter->topics & packet->topic) &&
           taps_fit(filter, packet->head);
}

/* --- an event as JSON ----------------------------------------------------------------------------- */

static void put_channel(json_t *row, const struct th_hashname *from, uint32_t c, bool is_ours,
                        const char *type)
{
    th_json_put(row, "hashname", th_json_hex(from));
    th_json_put(row, "c", json_integer(c));
    th_json_put(row, "opened_by", json_string(is_ours ? "us" : "them"));
    th_json_put(row, "type", json_string(type));
}

static void put_packet(json_t *row, const struct th_ev_packet *packet, const json_t *head)
{
    /* Only the first packet of a channel says its type. */
    const char *type =
        packet->type_name[0] ? packet->type_name : th_channel_type_name(packet->type);

    put_channel(row, &packet->from, packet->c, packet->is_ours, type);
    th_json_put(row, "path", th_json_addr_by(packet->is_bridged, true, &packet->addr));
    th_json_put(row, "end", json_boolean(packet->end));
    th_json_put(row, "err", packet->err[0] ? json_string(packet->err) : json_null());
    th_json_put(row, "head", head ? json_deep_copy(head) : json_null());
    th_json_put(row, "body_bytes", json_integer((json_int_t)packet->body.len));
}

static void put_line(json_t *row, const struct th_ev_line *line, bool is_down)
{
    char csid[3];

    th_hex_write(csid, &line->csid, 1);
    th_json_put(row, "hashname", th_json_hex(&line->id));
    th_json_put(row, "csid", json_string(csid));
    th_json_put(row, "path", th_json_addr_by(line->is_bridged, line->has_addr, &line->addr));
    if (is_down)
        th_json_put(row, "why", json_string(th_strerror(line->why)));
}

static void put_link(json_t *row, const struct th_ev_link *link, bool is_down)
{
    th_json_put(row, "hashname", th_json_hex(&link->id));
    th_json_put(row, "direction", json_string(link->is_out ? "out" : "in"));
    th_json_put(row, "seed", json_boolean(link->is_seed));
    if (is_down)
        th_json_put(row, "why", json_string(th_strerror(link->why)));
}

static void put_server(json_t *row, const struct th_name_change *change, bool is_down)
{
    th_json_put(row, "server", json_string(change->name));
    if (is_down)
        th_json_put(row, "why", json_string(th_strerror(change->why)));
}

json_t *th_event_head(const struct th_event *event)
{
    if ((event->kind & HAVE_PACKET) == 0)
        return NULL;
    struct th_bytes head = th_ev_packet_of(event)->head;
    json_t *value = json_loadb((const char *)head.at, head.len, 0, NULL);

    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

json_t *th_event_json(const struct th_event *event, th_epoch_ms wall, const json_t *head)
{
    json_t *row = json_object();

    th_json_put(row, "at_ms", json_integer((json_int_t)wall));
    th_json_put(row, "kind", json_string(th_event_kind_word(event->kind)));
    if (event->kind & HAVE_PACKET) {
        put_packet(row, th_ev_packet_of(event), head);
    } else if (event->kind & TH_EV_ENDED) {
        const struct th_ev_ended *ended = th_ev_ended_of(event);

        put_channel(row, &ended->from, ended->c, ended->is_ours, th_channel_type_name(ended->type));
        th_json_put(row, "why", json_string(th_strerror(ended->why)));
    } else if (event->kind & (TH_EV_LINK_UP | TH_EV_LINK_DOWN)) {
        put_link(row, th_ev_link_of(event), (event->kind & TH_EV_LINK_DOWN) != 0);
    } else if (event->kind & TH_EV_DIALED) {
        const struct th_ev_dialed *dialed = th_ev_dialed_of(event);

        th_json_put(row, "hashname", th_json_hex(&dialed->target));
        th_json_put(row, "result", json_string(th_dial_word(dialed->result)));
        th_json_put(row, "took_ms", json_integer((json_int_t)dialed->took_ms));
    } else if (event->kind & TH_EV_STATE) {
        th_json_put(row, "state", json_string(th_node_state_name(th_ev_state_of(event)->state)));
    } else if (event->kind & (TH_EV_SERVER_UP | TH_EV_SERVER_DOWN)) {
        put_server(row, th_ev_server_of(event), (event->kind & TH_EV_SERVER_DOWN) != 0);
    } else if (event->kind & HAVE_PEER) {
        put_line(row, th_ev_line_of(event), (event->kind & TH_EV_LINE_DOWN) != 0);
    }
    return row;
}
