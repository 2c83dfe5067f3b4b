/*
 * test_router.h - the router among a scripted switch and dialer, on the real event manager.
 */
#ifndef TH_LIB_TEST_ROUTER_H
#define TH_LIB_TEST_ROUTER_H

#include "router/router.h"
#include "switch/base/mem.h"
#include "switch/run/host_sim.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { SENDS_MAX = 64, LINKS_MAX = 64, DIALS_MAX = 32 };

struct sent {
    struct th_hashname to;
    uint32_t c;
    bool is_ours, end;
    char err[TH_CHANNEL_ERR_MAX];
    char fields[TH_FIELDS_MAX + 1];
};

struct link_event {
    bool is_up;
    struct th_ev_link link;
};

struct world {
    struct th_host *host;
    struct th_place *place, *events_place;
    th_pid events, sw, dialer, router;
    struct th_router_config config;
    struct th_log log;
    char logged[16384];

    /* the switch; bridge: all lines that it tells of go by a node there, unless its family is NONE */
    struct th_addr bridge;
    bool is_switch_mute;
    enum th_err open_result;
    uint32_t channels;
    unsigned opens, sends;
    struct th_hashname opened[SENDS_MAX];
    char opened_fields[SENDS_MAX][TH_FIELDS_MAX + 1];
    struct sent sent[SENDS_MAX];

    /* the dialer; mute: it keeps the question */
    bool is_dialer_mute;
    enum th_err dial_result;
    unsigned dials;
    struct th_dial dial[DIALS_MAX];
    struct th_from asked[DIALS_MAX];
    unsigned told_count; /* of the closest in its answers */
    struct th_told told[4];

    unsigned link_count;
    struct link_event link[LINKS_MAX];
};

static inline struct th_hashname id_of(uint8_t n)
{
    struct th_hashname id;

    memset(&id, n, sizeof id);
    return id;
}

static inline struct th_addr addr_of(uint8_t n)
{
    return (struct th_addr){.ip = {127, 0, 0, n}, .port = 1000, .family = TH_FAMILY_IPV4};
}

/* --- the neighbours ---------------------------------------------------------------------------------- */

static inline enum th_err fake_init(void *state, const struct th_self *self, void *arg)
{
    (void)self;
    *(struct world **)state = arg;
    return TH_OK;
}

/* Lines are announced by the switch, so that they end with it. Body: struct th_event. */
static inline void drop_event(void *event)
{
    th_event_release(event);
}

static const struct th_msg_kind announce_msg = {"test.announce", drop_event};

static inline void open_channel(struct world *w, const struct th_self *self, struct th_msg *msg)
{
    const struct th_switch_channel *open = msg->body;
    struct th_switch_result *result = th_mem_zalloc(1, sizeof *result);

    assert_true(w->opens < SENDS_MAX);
    assert_int_equal(open->type, TH_CHANNEL_LINK);
    w->opened[w->opens] = open->to;
    memcpy(w->opened_fields[w->opens++], open->bytes, open->fields_len);
    result->err = w->open_result;
    result->c = w->open_result == TH_OK ? (w->channels += 2) : 0;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_result, .body = result});
}

static inline void note_send(struct world *w, const struct th_switch_send *send)
{
    assert_true(w->sends < SENDS_MAX);
    struct sent *sent = &w->sent[w->sends++];

    *sent = (struct sent){.to = send->to, .c = send->c, .is_ours = send->is_ours, .end = send->end};
    memcpy(sent->err, send->err, sizeof sent->err);
    memcpy(sent->fields, send->bytes, send->fields_len);
}

static inline enum th_err switch_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    if (msg->kind == &th_switch_msg_send) {
        note_send(w, msg->body);
    } else if (msg->kind == &announce_msg) {
        th_event_hold(msg->body);
        th_notify(self->host, w->events, msg->body);
    } else if (w->is_switch_mute) {
        return TH_OK;
    } else if (msg->kind == &th_switch_msg_channel) {
        open_channel(w, self, msg);
    } else if (msg->kind == &th_switch_msg_status) {
        th_reply(self->host, th_from_of(msg), (struct th_msg){.kind = msg->kind});
    }
    return TH_OK;
}

static inline void answer_dial(struct world *w, unsigned i)
{
    struct th_dialed *dialed = th_mem_zalloc(1, sizeof *dialed + sizeof w->told);

    dialed->target = w->dial[i].target;
    dialed->result = w->dial_result;
    dialed->asked = 1;
    dialed->closest_count = w->told_count;
    dialed->closest = (struct th_told *)dialed->step;
    memcpy(dialed->closest, w->told, sizeof w->told);
    th_reply(w->host, w->asked[i], (struct th_msg){.kind = &th_dialer_msg_dialed, .body = dialed});
}

static inline enum th_err dialer_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    (void)self;
    if (msg->kind != &th_dialer_msg_dial)
        return TH_OK;
    assert_true(w->dials < DIALS_MAX);
    w->dial[w->dials] = *(const struct th_dial *)msg->body;
    w->asked[w->dials++] = th_from_of(msg);
    if (!w->is_dialer_mute)
        answer_dial(w, w->dials - 1);
    return TH_OK;
}

static inline enum th_err observer_init(void *state, const struct th_self *self, void *arg)
{
    struct world *w = arg;

    *(struct world **)state = w;
    return th_subscribe(self, w->events,
                        (struct th_interest){.kinds = TH_EV_LINK_UP | TH_EV_LINK_DOWN}, NULL, NULL);
}

static inline enum th_err observer_on_msg(void *state, const struct th_self *self,
                                          struct th_msg *msg)
{
    struct world *w = *(struct world **)state;

    (void)self;
    if (msg->kind != &th_event_msg)
        return TH_OK;
    const struct th_event *event = th_event_of(msg);
    assert_true(w->link_count < LINKS_MAX);
    w->link[w->link_count++] =
        (struct link_event){event->kind == TH_EV_LINK_UP, *th_ev_link_of(event)};
    return TH_OK;
}

static const struct th_server_ops switch_ops = {.name = "fake switch",
                                                .state_size = sizeof(struct world *),
                                                .init = fake_init,
                                                .on_msg = switch_on_msg};
static const struct th_server_ops dialer_ops = {.name = "fake dialer",
                                                .state_size = sizeof(struct world *),
                                                .init = fake_init,
                                                .on_msg = dialer_on_msg};
static const struct th_server_ops observer_ops = {.name = "observer",
                                                  .state_size = sizeof(struct world *),
                                                  .init = observer_init,
                                                  .on_msg = observer_on_msg};

/* --- the world --------------------------------------------------------------------------------------- */

static inline void note_log(void *data, enum th_log_level level, const char *topic,
                            const char *text)
{
    struct world *w = data;
    size_t len = strlen(w->logged);

    assert_string_equal(topic, "router");
    snprintf(w->logged + len, sizeof w->logged - len, "%s %s\n", th_log_level_name(level), text);
}

static inline th_pid spawn(struct world *w, const struct th_server_ops *ops, const char *name,
                           void *arg, unsigned mailbox_max)
{
    const struct th_server_spec spec = {.ops = ops,
                                        .arg = arg,
                                        .name = name,
                                        .place = ops == &th_event_manager_ops ? w->events_place
                                                                              : w->place,
                                        .mailbox_max = mailbox_max,
                                        .log = ops == &th_router_ops ? &w->log : NULL};
    th_pid pid = 0;

    assert_int_equal(th_spawn(w->host, &spec, &pid), TH_OK);
    return pid;
}

static inline void run(struct world *w, th_ms ms)
{
    th_host_sim_run(w->host, ms);
}

static inline void start_router(struct world *w)
{
    w->router = spawn(w, &th_router_ops, "router", &w->config, 32);
    run(w, 10);
}

/* Everybody but the router. Its own hashname is 00…; mailboxes of the manager and the router are small. */
static inline struct world *begin(void)
{
    struct world *w = th_mem_zalloc(1, sizeof *w);

    assert_non_null(w);
    w->log = (struct th_log){TH_LOG_INFO, note_log, w};
    w->config = (struct th_router_config){.self = id_of(0),
                                          .csid = TH_CS3A,
                                          .k = 2,
                                          .links_max = 8,
                                          .is_seed = true,
                                          .events_name = "events",
                                          .switch_name = "switch",
                                          .dialer_name = "dialer"};
    assert_int_equal(th_host_sim_new(&w->host, 3), TH_OK);
    assert_int_equal(th_host_sim_place(w->host, "all", &w->place), TH_OK);
    assert_int_equal(th_host_sim_place(w->host, "events", &w->events_place), TH_OK);
    w->events = spawn(w, &th_event_manager_ops, "events", NULL, 4);
    w->sw = spawn(w, &switch_ops, "switch", w, 0);
    w->dialer = spawn(w, &dialer_ops, "dialer", w, 0);
    spawn(w, &observer_ops, "observer", w, 0);
    run(w, 10);
    return w;
}

static inline struct world *begin_with_router(void)
{
    struct world *w = begin();

    start_router(w);
    return w;
}

static inline void end(struct world *w)
{
    th_host_sim_close(w->host);
    th_mem_free(w);
}

static inline void announce_line(struct world *w, enum th_ev_kind kind, uint8_t n)
{
    bool is_bridged = w->bridge.family != TH_FAMILY_NONE;
    const struct th_ev_line line = {.id = id_of(n),
                                    .csid = TH_CS3A,
                                    .has_addr = true,
                                    .is_bridged = is_bridged,
                                    .addr = is_bridged ? w->bridge : addr_of(n),
                                    .why = TH_TIMED_OUT};

    struct th_msg msg = {.kind = &announce_msg, .body = th_ev_new(kind, &line, sizeof line)};

    assert_non_null(msg.body);
    assert_int_equal(th_post(w->host, w->sw, msg), TH_OK);
    run(w, 1);
}

/* A packet from node n; head is JSON. */
static inline void announce_packet(struct world *w, enum th_ev_kind kind, enum th_channel_type type,
                                   uint8_t n, uint32_t c, bool is_ours, const char *head)
{
    struct th_ev_packet *packet = th_mem_zalloc(1, sizeof *packet + strlen(head) + 1);
    char *text = (char *)(packet + 1);

    strcpy(text, head);
    packet->from = id_of(n);
    packet->is_bridged = w->bridge.family != TH_FAMILY_NONE;
    packet->addr = packet->is_bridged ? w->bridge : addr_of(n);
    packet->c = c;
    packet->is_ours = is_ours;
    packet->end = strstr(head, "\"end\":true") != NULL;
    packet->type = type;
    packet->head = th_bytes_of(text);
    struct th_event *event =
        th_event_new(kind, th_topic(type, is_ours), false, packet, th_mem_free);
    assert_non_null(event);
    th_notify(w->host, w->events, event);
    run(w, 1);
}

static inline void announce_request(struct world *w, uint8_t n, uint32_t c)
{
    announce_packet(w, TH_EV_OPENED, TH_CHANNEL_LINK, n, c, false, "{\"seed\":true,\"see\":[]}");
}

static inline struct th_router_table *table(struct world *w, struct th_msg *reply)
{
    assert_int_equal(th_call_wait(w->host, w->router, (struct th_msg){.kind = &th_router_msg_table},
                                  1000, reply),
                     TH_OK);
    return reply->body;
}

static inline bool is_up(const struct world *w, unsigned i, uint8_t n)
{
    struct th_hashname id = id_of(n);

    assert_true(i < w->link_count);
    return w->link[i].is_up && th_hashname_is_equal(&w->link[i].link.id, &id);
}

#endif
