#include "tools/app/control_look.h"

#include "tools/app/control.h"

#include "switch/base/mem.h"
#include "tools/app/addresses.h"

#include <stdlib.h>
#include <string.h>

/* --- values --------------------------------------------------------------------------------------- */

json_t *th_json_hex(const struct th_hashname *id)
{
    char hex[TH_HASHNAME_HEX + 1];

    th_hashname_write(hex, id);
    return json_string(hex);
}

json_t *th_json_addr(bool is_there, const struct th_addr *addr)
{
    char text[TH_ADDR_TEXT_MAX];

    if (!is_there || addr->family == TH_FAMILY_NONE)
        return json_null();
    th_addr_write(text, addr);
    return json_string(text);
}

json_t *th_json_addr_by(bool is_bridged, bool is_there, const struct th_addr *addr)
{
    char text[TH_ADDR_TEXT_MAX];

    if (!is_bridged || !is_there)
        return th_json_addr(is_there, addr);
    th_addr_write(text, addr);
    return json_sprintf("bridge:%s", text);
}

json_t *th_json_way(const struct th_line_look *line)
{
    char middle[TH_HASHNAME_HEX + 1 + TH_ADDR_TEXT_MAX];

    if (line == NULL || !line->has_middle)
        return th_json_addr(line && line->has_addr, line ? &line->addr : NULL);
    if (line->knows_middle)
        th_hashname_write(middle, &line->middle);
    else
        th_addr_write(middle, &line->addr);
    return json_sprintf("%s:%s", line->has_addr ? "bridge" : "relay", middle);
}

json_t *th_json_number(bool is_there, uint64_t n)
{
    return is_there ? json_integer((json_int_t)n) : json_null();
}

void th_json_put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static json_t *csid_text(uint8_t csid)
{
    char text[3];

    th_hex_write(text, &csid, 1);
    return json_string(text);
}

static json_t *addr_list(const struct th_addr *addrs, unsigned count)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++)
        json_array_append_new(list, th_json_addr(true, &addrs[i]));
    return list;
}

/* --- status --------------------------------------------------------------------------------------- */

static void choose_addresses(struct th_paths *out, const struct th_look *look)
{
    const struct th_switch_status *s = look->status;
    struct th_addr own[TH_NET_ADDRS_MAX + 1];
    unsigned count = 0;

    if (s && s->mapped.family != TH_FAMILY_NONE)
        own[count++] = s->mapped;
    for (unsigned i = 0; s && i < s->listen_count; i++)
        own[count++] = s->listen[i];
    th_addresses_choose(out, look->advertised, own, count, s ? s->observed : NULL,
                        s ? s->observed_count : 0);
}

static void warn(json_t *warnings, const char *text)
{
    json_array_append_new(warnings, json_string(text));
}

static json_t *status_warnings(const struct th_look *look)
{
    json_t *warnings = json_array();
    struct th_paths addresses;

    if (look->status == NULL)
        warn(warnings, "the switch does not answer; see thctl servers");
    if (look->bootstrap == NULL)
        warn(warnings, "the bootstrap does not answer; see thctl servers");
    if (look->table == NULL)
        warn(warnings, "the router does not answer; see thctl servers");
    if (look->bootstrap && look->bootstrap->state == TH_NODE_ALONE && look->bootstrap->sources == 0)
        warn(warnings, "alone: nothing to join from; give a seeds file with --seeds, or let others "
                       "join us (thctl seeds export)");
    else if (look->bootstrap && look->bootstrap->state == TH_NODE_ALONE)
        warn(warnings, "alone: no seed answers");
    if (look->status) {
        choose_addresses(&addresses, look);
        if (addresses.count == 0)
            warn(warnings, "no address that others could use is known; see --advertise");
    }
    if (look->control.is_short)
        warn(warnings, "clients of the control socket wait: no file descriptor is left for them; "
                       "see ulimit -n, or LimitNOFILE of the service");
    return warnings;
}

static json_t *control_row(const struct th_control_look *control)
{
    const struct th_control_counts *n = &control->counts;

    return json_pack(
        "{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "clients", (int)control->clients,
        "clients_max", TH_CONTROL_CLIENTS_MAX, "refused", (json_int_t)n->refused, "accept_failures",
        (json_int_t)control->accept_failures, "lines_too_long", (json_int_t)n->lines_too_long,
        "not_reading", (json_int_t)n->not_reading, "jobs_refused", (json_int_t)n->jobs_refused,
        "streams_refused", (json_int_t)n->streams_refused, "probes_refused",
        (json_int_t)n->probes_refused, "not_permitted", (json_int_t)n->not_permitted);
}

static unsigned count_links(const struct th_router_table *table)
{
    unsigned links = 0;

    for (unsigned i = 0; i < table->count; i++)
        links += table->link[i].is_up;
    return links;
}

json_t *th_look_status(const struct th_look *look)
{
    const struct th_switch_status *s = look->status;
    const struct th_bootstrap_status *b = look->bootstrap;
    json_t *status = json_object();
    struct th_paths addresses;

    choose_addresses(&addresses, look);
    th_json_put(status, "hashname", th_json_hex(&look->identity->hashname));
    th_json_put(status, "state", b ? json_string(th_node_state_name(b->state)) : json_null());
    th_json_put(status, "links",
                th_json_number(look->table, look->table ? count_links(look->table) : 0));
    th_json_put(status, "lines", th_json_number(s, s ? s->lines : 0));
    th_json_put(status, "uptime_ms", json_integer((json_int_t)(look->now.mono - look->started_at)));
    th_json_put(status, "listen", addr_list(s ? s->listen : NULL, s ? s->listen_count : 0));
    th_json_put(status, "mapped",
                th_json_addr(s && s->mapped.family != TH_FAMILY_NONE, s ? &s->mapped : NULL));
    th_json_put(status, "advertised", addr_list(look->advertised->addr, look->advertised->count));
    th_json_put(status, "observed", addr_list(s ? s->observed : NULL, s ? s->observed_count : 0));
    th_json_put(status, "addresses", addr_list(addresses.addr, addresses.count));
    th_json_put(status, "control", control_row(&look->control));
    th_json_put(status, "warnings", status_warnings(look));
    th_json_put(status, "version", json_string(TH_VERSION));
    return status;
}

json_t *th_look_seeds(const struct th_look *look)
{
    struct th_paths addresses;
    char *text;

    choose_addresses(&addresses, look);
    if (th_addresses_entry(&text, look->identity, &addresses, look->hosts, look->host_count) !=
        TH_OK)
        return NULL;
    json_t *entry = json_loads(text, 0, NULL);
    th_mem_free(text);
    return entry;
}

/* --- peers ---------------------------------------------------------------------------------------- */

/* One node, with what the switch and the router know of it. */
struct peer {
    const struct th_hashname *id;
    const struct th_line_look *line; /* NULL: none, or none that is up */
    const struct th_link_look *link; /* NULL: none */
    int bucket;
};

static int by_hashname(const void *a, const void *b)
{
    return th_hashname_compare(((const struct peer *)a)->id, ((const struct peer *)b)->id);
}

static int by_bucket(const void *a, const void *b)
{
    const struct peer *p = a, *q = b;

    return p->bucket != q->bucket ? q->bucket - p->bucket : by_hashname(a, b);
}

/* Makes one row of two for the same node. Returns how many are left. */
static unsigned merge(struct peer *peers, unsigned count)
{
    unsigned kept = 0;

    qsort(peers, count, sizeof *peers, by_hashname);
    for (unsigned i = 0; i < count; i++) {
        if (kept > 0 && th_hashname_is_equal(peers[kept - 1].id, peers[i].id)) {
            if (peers[i].line)
                peers[kept - 1].line = peers[i].line;
            if (peers[i].link)
                peers[kept - 1].link = peers[i].link;
        } else {
            peers[kept++] = peers[i];
        }
    }
    return kept;
}

/* Fills one row for each node; returns how many. room is at least lines plus links. */
static unsigned collect(struct peer *peers, const struct th_look *look, bool only_up)
{
    unsigned count = 0;

    for (unsigned i = 0; i < look->lines->count; i++) {
        const struct th_line_look *line = &look->lines->line[i];

        if (line->is_up || !only_up)
            peers[count++] = (struct peer){.id = &line->id, .line = line};
    }
    for (unsigned i = 0; i < look->table->count; i++)
        peers[count++] =
            (struct peer){.id = &look->table->link[i].id, .link = &look->table->link[i]};
    count = merge(peers, count);
    for (unsigned i = 0; i < count; i++)
        peers[i].bucket = th_hashname_bucket(&look->identity->hashname, peers[i].id);
    qsort(peers, count, sizeof *peers, by_bucket);
    return count;
}

static struct peer *new_peers(const struct th_look *look)
{
    return th_mem_zalloc((size_t)look->lines->count + look->table->count + 1, sizeof(struct peer));
}

static json_t *rtt_of(const struct peer *peer)
{
    if (peer->link && peer->link->has_rtt)
        return json_integer(peer->link->rtt_ms);
    return th_json_number(peer->line && peer->line->has_rtt, peer->line ? peer->line->rtt_ms : 0);
}

/* What the switch knows of a node that a line leads to. */
static void put_line(json_t *row, const struct th_line_look *line)
{
    th_json_put(row, "line_age_ms", th_json_number(line, line ? line->up_ms : 0));
    th_json_put(row, "mtu", th_json_number(line, line ? line->mtu : 0));
    th_json_put(row, "rx_bytes", th_json_number(line, line ? line->rx_bytes : 0));
    th_json_put(row, "tx_bytes", th_json_number(line, line ? line->tx_bytes : 0));
    th_json_put(row, "rx_packets", th_json_number(line, line ? line->rx_packets : 0));
    th_json_put(row, "tx_packets", th_json_number(line, line ? line->tx_packets : 0));
}

static json_t *peer_row(const struct peer *peer, const struct th_look *look)
{
    const struct th_line_look *line = peer->line;
    const struct th_link_look *link = peer->link;
    bool is_linked = link && link->is_up;
    int64_t seen_ago = link ? look->now.wall - link->first_seen_at : 0;
    th_ms silent = line ? line->last_rx_ms : link ? link->last_rx_ms : 0;
    json_t *row = json_object();

    th_json_put(row, "hashname", th_json_hex(peer->id));
    th_json_put(row, "line", json_boolean(line != NULL));
    th_json_put(row, "link", json_boolean(is_linked));
    th_json_put(row, "direction", link ? json_string(link->is_out ? "out" : "in") : json_null());
    th_json_put(row, "seed", is_linked ? json_boolean(link->is_seed) : json_null());
    th_json_put(row, "bucket", json_integer(peer->bucket));
    th_json_put(row, "csid", line ? csid_text(line->csid) : json_null());
    th_json_put(row, "path", th_json_way(line));
    th_json_put(row, "rtt_ms", rtt_of(peer));
    th_json_put(row, "first_seen_ms_ago",
                th_json_number(link, seen_ago > 0 ? (uint64_t)seen_ago : 0));
    th_json_put(row, "last_rx_ms_ago", th_json_number(line || is_linked, silent));
    put_line(row, line);
    return row;
}

json_t *th_look_peers(const struct th_look *look)
{
    struct peer *peers = new_peers(look);
    json_t *rows = json_array();

    if (peers == NULL) {
        json_decref(rows);
        return NULL;
    }
    unsigned count = collect(peers, look, true);
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(rows, peer_row(&peers[i], look));
    th_mem_free(peers);
    return rows;
}

enum th_err th_look_resolve(struct th_hashname *out, const char *text, const struct th_look *look,
                            struct th_hashname candidates[TH_CANDIDATES_MAX], unsigned *count)
{
    struct th_prefix prefix;

    *count = 0;
    if (!th_prefix_read(&prefix, text, strlen(text)))
        return TH_INVALID;
    if (prefix.digits == TH_HASHNAME_HEX) {
        *out = prefix.padded;
        return TH_OK;
    }
    if (look->lines == NULL || look->table == NULL)
        return TH_NOT_FOUND;

    struct peer *peers = new_peers(look);
    if (peers == NULL)
        return TH_NOT_FOUND;
    unsigned known = collect(peers, look, false);
    for (unsigned i = 0; i < known; i++) {
        if (!th_hashname_has_prefix(peers[i].id, &prefix))
            continue;
        if (*count < TH_CANDIDATES_MAX)
            candidates[*count] = *peers[i].id;
        (*count)++;
    }
    th_mem_free(peers);
    if (*count == 1)
        *out = candidates[0];
    return *count == 0 ? TH_NOT_FOUND : *count == 1 ? TH_OK : TH_LIMIT;
}

/* --- tables --------------------------------------------------------------------------------------- */

json_t *th_look_buckets(const struct th_look *look)
{
    json_t *rows = json_array();

    for (int i = TH_BUCKETS - 1; i >= 0; i--) {
        const struct th_bucket_look *bucket = &look->table->bucket[i];
        json_t *row;

        if (bucket->links == 0 && bucket->spares == 0 && !bucket->has_refreshed)
            continue;
        row = json_object();
        th_json_put(row, "bucket", json_integer(i));
        th_json_put(row, "links", json_integer(bucket->links));
        th_json_put(row, "spares", json_integer(bucket->spares));
        th_json_put(row, "refreshed_ms_ago",
                    th_json_number(bucket->has_refreshed, bucket->refreshed_ms));
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *th_look_lines(const struct th_look *look)
{
    json_t *rows = json_array();

    for (unsigned i = 0; i < look->lines->count; i++) {
        const struct th_line_look *line = &look->lines->line[i];
        json_t *row = json_object();

        th_json_put(row, "hashname", th_json_hex(&line->id));
        th_json_put(row, "up", json_boolean(line->is_up));
        th_json_put(row, "pending", json_boolean(line->is_pending));
        th_json_put(row, "csid", csid_text(line->csid));
        th_json_put(row, "path", th_json_way(line));
        th_json_put(row, "rtt_ms", th_json_number(line->has_rtt, line->rtt_ms));
        th_json_put(row, "channels", json_integer(line->channels));
        th_json_put(row, "last_rx_ms_ago", th_json_number(line->rx_packets, line->last_rx_ms));
        put_line(row, line);
        if (!line->is_up)
            th_json_put(row, "line_age_ms", json_null());
        json_array_append_new(rows, row);
    }
    return rows;
}

/* The name of a channel's owner; null for theirs, and for one that has ended. */
static json_t *owner_of(const struct th_channel_look *channel, const struct th_server_look *rows,
                        unsigned count)
{
    if (channel->is_ours && channel->owner == 0)
        return json_string(TH_NODE_SWITCH); /* it asks for paths by itself */
    for (unsigned i = 0; channel->owner && i < count; i++)
        if (rows[i].pid == channel->owner)
            return json_string(rows[i].name);
    return json_null();
}

json_t *th_look_channels(const struct th_look *look, const struct th_server_look *rows,
                         unsigned count)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < look->channels->count; i++) {
        const struct th_channel_look *channel = &look->channels->channel[i];
        json_t *row = json_object();

        th_json_put(row, "hashname", th_json_hex(&channel->peer));
        th_json_put(row, "c", json_integer(channel->c));
        th_json_put(row, "type", json_string(th_channel_type_name(channel->type)));
        th_json_put(row, "opened_by", json_string(channel->is_ours ? "us" : "them"));
        th_json_put(row, "owner", owner_of(channel, rows, count));
        th_json_put(row, "age_ms", json_integer((json_int_t)channel->age_ms));
        th_json_put(row, "silence_left_ms", json_integer((json_int_t)channel->silence_left_ms));
        th_json_put(row, "rx_packets", json_integer((json_int_t)channel->rx_packets));
        th_json_put(row, "tx_packets", json_integer((json_int_t)channel->tx_packets));
        json_array_append_new(list, row);
    }
    return list;
}

static void put_drop(json_t *rows, enum th_drop why, uint64_t count, const char *server)
{
    json_t *row = json_object();

    th_json_put(row, "reason", json_string(th_drop_name(why)));
    th_json_put(row, "count", json_integer((json_int_t)count));
    th_json_put(row, "meaning", json_string(th_drop_meaning(why)));
    th_json_put(row, "server", server ? json_string(server) : json_null());
    json_array_append_new(rows, row);
}

json_t *th_look_drops(const struct th_look *look, bool is_all)
{
    const struct {
        const char *server;
        const struct th_drops *drops;
    } from[] = {{TH_NODE_SWITCH, &look->status->drops},
                {TH_NODE_ROUTER, &look->table->drops},
                {TH_NODE_DIALER, &look->dialer->drops}};
    json_t *rows = json_array();

    for (int why = TH_DROP_NONE + 1; why < TH_DROP_COUNT; why++) {
        bool is_counted = false;

        for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
            uint64_t count = from[i].drops->n[why];

            if (count > 0)
                put_drop(rows, (enum th_drop)why, count, from[i].server);
            is_counted = is_counted || count > 0;
        }
        if (is_all && !is_counted)
            put_drop(rows, (enum th_drop)why, 0, NULL);
    }
    return rows;
}

static const char *server_state_word(enum th_server_state state)
{
    switch (state) {
    case TH_SERVER_IDLE:
        return "idle";
    case TH_SERVER_RUNNING:
        return "running";
    case TH_SERVER_SUSPENDED:
        return "suspended";
    case TH_SERVER_RESTARTING:
        return "restarting";
    }
    return "?";
}

json_t *th_look_servers(const struct th_server_look *rows, unsigned count)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        const struct th_server_look *s = &rows[i];
        const char *longest = s->longest_callback;
        json_t *row = json_object();

        th_json_put(row, "name", json_string(s->name));
        th_json_put(row, "state", json_string(server_state_word(s->state)));
        th_json_put(row, "doing", s->doing ? json_string(s->doing) : json_null());
        th_json_put(row, "doing_ms", th_json_number(s->doing, s->doing_us / 1000));
        th_json_put(row, "thread", json_string(s->place));
        th_json_put(row, "mailbox", json_integer(s->mailbox));
        th_json_put(row, "mailbox_peak", json_integer(s->mailbox_peak));
        th_json_put(row, "mailbox_max", json_integer(s->mailbox_max));
        th_json_put(row, "refused", json_integer((json_int_t)s->refused));
        th_json_put(row, "messages", json_integer((json_int_t)s->messages));
        th_json_put(row, "longest_callback_us", th_json_number(longest, s->longest_callback_us));
        th_json_put(row, "longest_callback", longest ? json_string(longest) : json_null());
        th_json_put(row, "restarts", json_integer(s->restarts));
        json_array_append_new(list, row);
    }
    return list;
}
