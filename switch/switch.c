#include "switch/switch.h"

#include "switch/base/mem.h"
#include "switch/chans.h"
#include "switch/pull.h"
#include "switch/run/announcer.h"
#include "switch/switch_lan.h"

#include <string.h>

enum { LOOK_AGAIN_MS = 20 }; /* for an event manager that is being started anew */

struct carrier {
    struct th_switch_config *config;
    struct th_switchboard *board;
    struct th_pulls *pulls;
    struct th_chans *chans;
    th_pid events; /* monitored; 0: there is none, and nobody to tell */
    th_ms look_at; /* when to look for one; TH_NEVER */
    struct th_announcer announcer;
    struct th_switch_lan lan;
    struct th_addr mapped; /* TH_FAMILY_NONE: none */
    enum th_err failed; /* a line could not be announced: the switch ends, and its lines with it */
};

void th_switch_expect(const void *state, struct th_bytes bytes, unsigned before)
{
    const struct carrier *sw = state;

    if (sw->board)
        th_switchboard_expect(sw->board, bytes, before);
}

/* announcing */

static void announce(struct carrier *sw, const struct th_self *self, struct th_event *event)
{
    if (event && sw->events)
        th_notify(self->host, sw->events, event);
    else if (event)
        th_event_release(event);
}

static void announce_line(struct carrier *sw, const struct th_self *self, enum th_ev_kind kind,
                          const struct th_line_look *look, enum th_err why)
{
    struct th_ev_line line = {.id = look->id,
                              .key = look->key,
                              .csid = look->csid,
                              .has_addr = look->has_addr,
                              .is_bridged = look->has_addr && look->has_middle,
                              .is_silent = look->is_silent,
                              .addr = look->addr,
                              .up_at = look->is_up ? self->now.mono - look->up_ms : 0,
                              .why = why};

    if (sw->events == 0)
        return;
    struct th_event *event = th_ev_line_new(kind, &line, &look->parts);
    enum th_err err = event ? th_announce(&sw->announcer, self, sw->events, event) : TH_NO_MEMORY;
    if (err != TH_OK && err != TH_GONE) /* that comes as a down message too */
        sw->failed = err;
}

static void announce_all_lines(struct carrier *sw, const struct th_self *self)
{
    unsigned count = th_switchboard_look(sw->board, self->now, NULL, 0);
    struct th_line_look *rows = count ? th_mem_zalloc(count, sizeof *rows) : NULL;

    if (count > 0 && rows == NULL)
        sw->failed = TH_NO_MEMORY;
    if (rows == NULL)
        return;
    th_switchboard_look(sw->board, self->now, rows, count);
    for (unsigned i = 0; i < count; i++)
        if (rows[i].is_up)
            announce_line(sw, self, TH_EV_LINE_UP, &rows[i], TH_OK);
    th_mem_free(rows);
}

/* Looks for the event manager. One that was started anew knows of no line. */
static enum th_err find_events(struct carrier *sw, const struct th_self *self)
{
    uint64_t ref;
    enum th_err err = TH_OK;

    sw->events = th_whereis(self->host, self->scope, sw->config->events_name);
    sw->look_at = sw->events ? TH_NEVER : self->now.mono + LOOK_AGAIN_MS;
    if (sw->events)
        err = th_monitor(self, sw->events, &ref);
    if (sw->events && err == TH_OK)
        announce_all_lines(sw, self);
    return err;
}

static void on_down(struct carrier *sw, const struct th_self *self, const struct th_down *down)
{
    th_pulls_on_down(sw->pulls, self, down->pid);
    th_chans_on_down(sw->chans, self, down->pid);
    if (down->pid != sw->events)
        return;
    sw->events = 0;
    sw->look_at = self->now.mono + LOOK_AGAIN_MS;
    th_announcer_clear(&sw->announcer);
}

static void log_line(const struct th_self *self, const struct th_action *action)
{
    char id[TH_HASHNAME_HEX + 1], addr[TH_ADDR_TEXT_MAX] = "none";
    const char *by = action->line.has_addr && action->line.has_middle ? "bridge:" : "";

    th_hashname_write(id, &action->id);
    if (action->line.has_addr)
        th_addr_write(addr, &action->line.addr);
    if (action->kind == TH_ACTION_LINE_UP)
        TH_LOG(self->log, INFO, "switch", "line up peer=%s path=%s%s", id, by, addr);
    else if (action->kind == TH_ACTION_LINE_DOWN)
        TH_LOG(self->log, INFO, "switch", "line down peer=%s path=%s%s why=\"%s\"", id, by, addr,
               th_strerror(action->why));
    else if (action->kind == TH_ACTION_PATH)
        TH_LOG(self->log, INFO, "switch", "path changed peer=%s path=%s%s", id, by, addr);
    else
        TH_LOG(self->log, DEBUG, "switch", "line %s peer=%s path=%s%s",
               action->line.is_silent ? "silent" : "heard again", id, by, addr);
}

static void announce_packet(struct carrier *sw, const struct th_self *self,
                            const struct th_action *action)
{
    const struct th_chanpkt *packet = &action->packet;
    const struct th_channel *channel = &action->channel;
    size_t len = packet->head.len + packet->body.len;
    struct th_ev_packet *ev = th_mem_zalloc(1, sizeof *ev + len);

    if (ev == NULL)
        return;
    uint8_t *bytes = (uint8_t *)(ev + 1);
    *ev = (struct th_ev_packet){.from = action->id,
                                .addr = action->addr,
                                .c = channel->id,
                                .is_bridged = action->is_bridged,
                                .is_ours = channel->is_ours,
                                .end = packet->end,
                                .type = channel->type,
                                .owner = channel->owner,
                                .tag = channel->tag,
                                .head = {bytes, packet->head.len},
                                .body = {bytes + packet->head.len, packet->body.len}};
    memcpy(ev->type_name, packet->type, sizeof ev->type_name);
    memcpy(ev->err, packet->err, sizeof ev->err);
    memcpy(bytes, packet->head.at, packet->head.len);
    if (packet->body.len > 0)
        memcpy(bytes + packet->head.len, packet->body.at, packet->body.len);

    enum th_ev_kind kind = action->is_first ? TH_EV_OPENED : TH_EV_PACKET;
    announce(sw, self,
             th_event_new(kind, th_topic(channel->type, channel->is_ours), false, ev, th_mem_free));
}

static void announce_ended(struct carrier *sw, const struct th_self *self,
                           const struct th_action *action)
{
    const struct th_channel *channel = &action->channel;
    struct th_ev_ended *ev = th_mem_zalloc(1, sizeof *ev);

    if (ev == NULL)
        return;
    *ev = (struct th_ev_ended){.from = action->id,
                               .c = channel->id,
                               .is_ours = channel->is_ours,
                               .type = channel->type,
                               .owner = channel->owner,
                               .tag = channel->tag,
                               .why = action->why};
    announce(sw, self,
             th_event_new(TH_EV_ENDED, th_topic(channel->type, channel->is_ours), false, ev,
                          th_mem_free));
}

/* That an application's channel was opened is an event; what it carries is asked for (pull.h, chans.h). */
static void announce_app(struct carrier *sw, const struct th_self *self,
                         const struct th_action *action)
{
    struct th_ev_packet *ev = th_mem_zalloc(1, sizeof *ev);

    if (ev == NULL)
        return;
    *ev = (struct th_ev_packet){
        .from = action->id, .c = action->channel.id, .type = TH_CHANNEL_OTHER};
    if (action->kind == TH_ACTION_STREAM)
        th_switchboard_stream_type(sw->board, &action->id, ev->c, ev->type_name);
    else
        memcpy(ev->type_name, action->packet.type, sizeof ev->type_name);
    announce(sw, self,
             th_event_new(TH_EV_OPENED, th_topic(ev->type, false), false, ev, th_mem_free));
}

static void carry_packet(struct carrier *sw, const struct th_self *self,
                         const struct th_action *action)
{
    if (action->channel.type == TH_CHANNEL_OTHER) {
        if (action->kind == TH_ACTION_PACKET && action->is_first)
            announce_app(sw, self, action);
        th_chans_on_action(sw->chans, self, action);
    } else if (action->kind == TH_ACTION_PACKET) {
        announce_packet(sw, self, action);
    } else {
        announce_ended(sw, self, action);
    }
}

/* What the machine wants done: datagrams to the net, the rest to the event manager. */
static void carry_out(struct carrier *sw, const struct th_self *self)
{
    struct th_net *net = sw->config->net;
    struct th_action action;

    while (th_switchboard_next(sw->board, &action)) {
        switch (action.kind) {
        case TH_ACTION_SEND:
            net->ops->send(net, &action.addr, action.bytes);
            break;
        case TH_ACTION_LINE_UP:
            log_line(self, &action);
            announce_line(sw, self, TH_EV_LINE_UP, &action.line, action.why);
            break;
        case TH_ACTION_LINE_DOWN:
            log_line(self, &action);
            announce_line(sw, self, TH_EV_LINE_DOWN, &action.line, action.why);
            break;
        case TH_ACTION_PATH:
            log_line(self, &action);
            announce_line(sw, self, TH_EV_PATH_CHANGED, &action.line, action.why);
            break;
        case TH_ACTION_SILENT:
            log_line(self, &action);
            announce_line(sw, self, TH_EV_LINE_SILENT, &action.line, action.why);
            break;
        case TH_ACTION_HEARD:
            log_line(self, &action);
            announce_line(sw, self, TH_EV_LINE_HEARD, &action.line, action.why);
            break;
        case TH_ACTION_PACKET:
        case TH_ACTION_ENDED:
            carry_packet(sw, self, &action);
            break;
        case TH_ACTION_STREAM:
            if (action.is_first)
                announce_app(sw, self, &action);
            th_pulls_on_action(sw->pulls, self, &action);
            break;
        case TH_ACTION_CLOCK_WRONG:
            TH_LOG(self->log, WARN, "switch",
                   "clock seems wrong: several peers are ahead by s=%lld; set the clock",
                   (long long)action.clock_ms / 1000);
            break;
        }
    }
    net->ops->flush(net);
}

/* requests */

static void answer(const struct th_self *self, const struct th_msg *msg, enum th_err err,
                   uint32_t c)
{
    struct th_switch_result *result = msg->ref ? th_mem_zalloc(1, sizeof *result) : NULL;

    if (result == NULL)
        return; /* nobody waits, or its time-out tells it */
    *result = (struct th_switch_result){err, c};
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_result, .body = result});
}

static void on_datagrams(struct carrier *sw, const struct th_self *self,
                         const struct th_datagrams *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct th_datagram *datagram = &batch->datagram[i];

        if (!th_switch_lan_takes(&sw->lan, self, datagram))
            th_switchboard_on_datagram(sw->board, self->now, &datagram->from, datagram->bytes);
    }
}

/* What others are told of where we are, unless the configuration says it. */
static unsigned advertise(struct carrier *sw)
{
    struct th_net *net = sw->config->net;
    struct th_addr addrs[TH_PATHS_MAX] = {sw->mapped};
    unsigned first = sw->mapped.family != TH_FAMILY_NONE;
    unsigned count = first + net->ops->addrs(net, addrs + first, TH_PATHS_MAX - first);

    if (sw->config->board.advertised_count == 0)
        th_switchboard_advertise(sw->board, addrs, count);
    return count;
}

static void on_moved(struct carrier *sw, const struct th_self *self)
{
    unsigned count = advertise(sw);

    TH_LOG(self->log, INFO, "switch", "network changed addresses=%u", count);
    th_switchboard_on_moved(sw->board, self->now);
    th_lan_on_moved(&sw->lan.lan, self->now);
}

static void on_too_big(struct carrier *sw, const struct th_self *self,
                       const struct th_net_too_big *too_big)
{
    th_switchboard_on_too_big(sw->board, self->now, &too_big->to, too_big->len);
}

static void on_mapped(struct carrier *sw, const struct th_addr *mapped)
{
    if (th_addr_is_equal(&sw->mapped, mapped))
        return;
    sw->mapped = *mapped;
    advertise(sw);
}

/* Kept in the configuration, with which a switch that takes our place begins. */
static void on_advertise(struct carrier *sw, const struct th_paths *paths)
{
    struct th_switchboard_config *board = &sw->config->board;

    board->advertised_count = paths->count;
    memcpy(board->advertised, paths->addr, sizeof board->advertised);
    th_switchboard_advertise(sw->board, paths->addr, paths->count);
    advertise(sw);
}

static void on_resumed(struct carrier *sw, const struct th_self *self)
{
    TH_LOG(self->log, INFO, "switch", "the machine slept; every path is asked again");
    th_switchboard_on_resumed(sw->board, self->now);
    th_lan_on_moved(&sw->lan.lan, self->now);
}

static void on_allowed(struct carrier *sw, const struct th_self *self)
{
    struct th_allow *allow = th_allowed_get(sw->config->allowed);

    th_switchboard_allow(sw->board, self->now, allow);
    if (allow)
        TH_LOG(self->log, INFO, "switch", "private nodes_allowed=%u", allow->count);
    th_allow_release(allow);
}

static void on_open(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_switch_open *open = msg->body;
    enum th_err err = th_switchboard_open(sw->board, self->now, &open->id, &open->parts, &open->key,
                                          &open->paths);

    th_switchboard_is_to_link(sw->board, self->now, &open->id, open->is_to_link);
    answer(self, msg, err, 0);
}

static void on_channel(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_switch_channel *open = msg->body;
    struct th_channel_request request = {
        .type = open->type,
        .owner = msg->from,
        .tag = open->tag,
        .silence_ms = open->silence_ms,
        .end = open->end,
        .fields = {open->bytes, open->fields_len},
        .body = {open->bytes + open->fields_len, open->body_len},
    };
    uint32_t c = 0;

    enum th_err err = th_switchboard_channel(sw->board, self->now, &open->to, &request, &c);
    answer(self, msg, err, c);
}

static void on_send(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_switch_send *send = msg->body;
    struct th_chanpkt_out packet = {
        .c = send->c,
        .err = send->err,
        .end = send->end,
        .fields = {send->bytes, send->fields_len},
        .body = {send->bytes + send->fields_len, send->body_len},
    };
    enum th_err err = th_switchboard_send(sw->board, self->now, &send->to, &packet);
    char id[TH_HASHNAME_HEX + 1];

    if (err == TH_OK)
        return;
    th_hashname_write(id, &send->to);
    TH_LOG(self->log, DEBUG, "switch", "not sent peer=%s c=%u why=\"%s\"", id, send->c,
           th_strerror(err));
}

static void on_lines(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    unsigned count = th_switchboard_look(sw->board, self->now, NULL, 0);
    struct th_switch_lines *lines = th_mem_zalloc(1, sizeof *lines + count * sizeof lines->line[0]);

    if (lines == NULL)
        return;
    lines->count = th_switchboard_look(sw->board, self->now, lines->line, count);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_lines, .body = lines});
}

static void on_channels(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    unsigned count = th_switchboard_look_channels(sw->board, self->now, NULL, 0);
    struct th_switch_channels *all = th_mem_zalloc(1, sizeof *all + count * sizeof all->channel[0]);

    if (all == NULL)
        return;
    all->count = th_switchboard_look_channels(sw->board, self->now, all->channel, count);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_channels, .body = all});
}

static void on_status(struct carrier *sw, const struct th_self *self, const struct th_msg *msg)
{
    struct th_net *net = sw->config->net;
    struct th_switchboard_totals totals;
    struct th_switch_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return;
    th_switchboard_totals(sw->board, &totals);
    status->id = sw->config->board.identity->hashname;
    status->listen_count = net->ops->addrs(net, status->listen, TH_NET_ADDRS_MAX);
    status->observed_count = totals.observed_count;
    memcpy(status->observed, totals.observed, sizeof status->observed);
    th_switchboard_outside(sw->board, self->now, &status->outside);
    status->clock_ms = totals.clock_ms;
    status->exchanges = totals.exchanges;
    status->lines = totals.lines;
    status->mapped = sw->mapped;
    status->advertised.count = sw->config->board.advertised_count;
    memcpy(status->advertised.addr, sw->config->board.advertised, sizeof status->advertised.addr);
    status->rcvbuf = net->ops->rcvbuf ? net->ops->rcvbuf(net) : 0;
    status->rx_packets = totals.rx_packets;
    status->tx_packets = totals.tx_packets;
    status->rx_bytes = totals.rx_bytes;
    status->tx_bytes = totals.tx_bytes;
    memcpy(status->rx_sort, totals.rx_sort, sizeof status->rx_sort);
    memcpy(status->tx_sort, totals.tx_sort, sizeof status->tx_sort);
    status->has_kernel_drops = net->ops->drops && net->ops->drops(net, &status->kernel_drops);
    status->at_highest = totals.at_highest;
    status->drops = totals.drops;
    th_switch_lan_count(&sw->lan, &status->drops);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_status, .body = status});
}

/* the server */

static void free_machines(struct carrier *sw)
{
    if (sw->pulls)
        th_pulls_free(sw->pulls);
    if (sw->chans)
        th_chans_free(sw->chans);
    th_switchboard_free(sw->board);
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct carrier *sw = state;
    struct th_net *net;

    sw->config = arg;
    net = sw->config->net;
    sw->board = th_switchboard_new(&sw->config->board, sw->config->rng, self->now);
    if (sw->board == NULL || (sw->pulls = th_pulls_new(sw->board)) == NULL ||
        (sw->chans = th_chans_new(sw->board)) == NULL) {
        free_machines(sw);
        return TH_NO_MEMORY;
    }
    enum th_err err = net->ops->open(net, self->host, self->pid);
    if (err != TH_OK) {
        TH_LOG(self->log, ERROR, "switch", "cannot open the network: %s", th_strerror(err));
        free_machines(sw);
        return err;
    }
    th_switch_lan_init(&sw->lan, self, sw->config->is_lan ? sw->config->board.identity : NULL,
                       sw->config->rng, sw->board, net);
    on_allowed(sw, self);
    advertise(sw);
    th_tell_resumed(self);
    err = find_events(sw, self);
    if (err != TH_OK) {
        net->ops->close(net);
        free_machines(sw);
    }
    return err;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct carrier *sw = state;

    if (msg->kind == &th_net_msg_datagrams)
        on_datagrams(sw, self, msg->body);
    else if (msg->kind == &th_net_msg_lan)
        th_switch_lan_on_batch(&sw->lan, self, msg->body);
    else if (msg->kind == &th_net_msg_moved)
        on_moved(sw, self);
    else if (msg->kind == &th_net_msg_too_big)
        on_too_big(sw, self, msg->body);
    else if (msg->kind == &th_resumed_msg)
        on_resumed(sw, self);
    else if (msg->kind == &th_switch_msg_open)
        on_open(sw, self, msg);
    else if (msg->kind == &th_switch_msg_channel)
        on_channel(sw, self, msg);
    else if (msg->kind == &th_switch_msg_send)
        on_send(sw, self, msg);
    else if (msg->kind == &th_switch_msg_lines)
        on_lines(sw, self, msg);
    else if (msg->kind == &th_switch_msg_channels)
        on_channels(sw, self, msg);
    else if (msg->kind == &th_switch_msg_status)
        on_status(sw, self, msg);
    else if (msg->kind == &th_switch_msg_hand_on)
        th_switch_hand_on(sw->board, self->now, msg->body);
    else if (msg->kind == &th_switch_msg_punch)
        th_switchboard_punch(sw->board, self->now, msg->body);
    else if (msg->kind == &th_switch_msg_mapped)
        on_mapped(sw, msg->body);
    else if (msg->kind == &th_switch_msg_advertise)
        on_advertise(sw, msg->body);
    else if (msg->kind == &th_allowed_msg)
        on_allowed(sw, self);
    else if (msg->kind == &th_down_msg)
        on_down(sw, self, msg->body);
    else if (!th_pulls_on_msg(sw->pulls, self, msg))
        th_chans_on_msg(sw->chans, self, msg);
    carry_out(sw, self);
    return sw->failed;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct carrier *sw = state;
    enum th_err err = TH_OK;

    if (sw->look_at <= self->now.mono)
        err = find_events(sw, self);
    th_announcer_on_alarm(&sw->announcer, self, sw->events);
    th_switchboard_tick(sw->board, self->now);
    th_switch_lan_tick(&sw->lan, self);
    carry_out(sw, self);
    return err == TH_OK ? sw->failed : err;
}

static th_ms deadline(const void *state)
{
    const struct carrier *sw = state;

    return th_sooner(th_sooner(th_switchboard_deadline(sw->board), th_lan_deadline(&sw->lan.lan)),
                     th_sooner(sw->look_at, th_announcer_deadline(&sw->announcer)));
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct carrier *sw = state;
    struct th_net *net = sw->config->net;
    struct th_switchboard_totals totals;

    (void)self, (void)why; /* the event manager says that its lines are down */
    th_announcer_clear(&sw->announcer);
    net->ops->close(net);
    th_switchboard_totals(sw->board, &totals);
    sw->config->board.at_floor = totals.at_highest;
    free_machines(sw);
}

const struct th_switchboard *th_switch_machine(const void *state)
{
    return ((const struct carrier *)state)->board;
}

const struct th_server_ops th_switch_ops = {
    .name = "switch",
    .state_size = sizeof(struct carrier),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};
