#include "dialer/dial.h"

#include "switch/base/mem.h"

enum {
    LINES_RETRY_MS = 250, /* the switch is being restarted */
    LINES_CALL_MS = 2000
};

const struct th_msg_kind th_dialer_msg_dial = {"dialer.dial", th_mem_free};
const struct th_msg_kind th_dialer_msg_dialed = {"dialer.dialed", th_mem_free};
const struct th_msg_kind th_dialer_msg_status = {"dialer.status", th_mem_free};

/* --- dials --- */

void th_dialer_tell(const struct th_dialer *dialer, const struct th_self *self, struct th_from from,
                    struct th_dialed *told)
{
    struct th_ev_dialed ev = {told->target, told->result, told->took_ms};

    TH_LOG(self->log, DEBUG, "dialer", "dialed target=%s result=\"%s\" asked=%u hops=%u took_ms=%u",
           th_hashname_short(&told->target).hex, th_strerror(told->result), told->asked, told->hops,
           (unsigned)told->took_ms);
    th_reply(self->host, from, (struct th_msg){.kind = &th_dialer_msg_dialed, .body = told});
    (void)th_ev_announce(self->host, dialer->events, TH_EV_DIALED, &ev, sizeof ev);
}

static void sweep(struct th_dialer *dialer)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < dialer->count; i++) {
        struct th_dialing *dial = dialer->dialing[i];
        if (dial->phase == TH_DIAL_OVER)
            th_dialing_free(dial);
        else
            dialer->dialing[kept++] = dial;
    }
    dialer->count = kept;
}

void th_dialer_settle(struct th_dialer *dialer, const struct th_self *self)
{
    for (unsigned i = 0; i < dialer->count; i++)
        if (dialer->dialing[i]->due_at <= self->now.mono)
            th_dialing_carry_out(dialer->dialing[i], dialer, self);
    sweep(dialer);
}

static enum th_err refuse(struct th_dialer *dialer, const struct th_self *self,
                          const struct th_dial *request, struct th_from from)
{
    struct th_dialed *told = th_mem_zalloc(1, sizeof *told);

    if (told == NULL)
        return TH_NO_MEMORY;
    dialer->status.refused++;
    told->target = request->target;
    told->result = TH_LIMIT;
    told->has_line = told->is_found = th_contacts_has(&dialer->contacts, &request->target);
    th_dialer_tell(dialer, self, from, told);
    return TH_OK;
}

static enum th_err on_dial(struct th_dialer *dialer, const struct th_self *self,
                           const struct th_msg *msg)
{
    const struct th_dial *request = msg->body;
    struct th_dialing *dial;

    TH_CHECK(request->hint_count <= sizeof request->hint / sizeof request->hint[0]);
    if (dialer->count == TH_DIALS_MAX)
        return refuse(dialer, self, request, th_from_of(msg));
    enum th_err err = th_dialing_new(&dial, dialer->last_id + 1, self, request, th_from_of(msg));
    if (err != TH_OK)
        return err;
    dialer->last_id = dial->id;
    dialer->dialing[dialer->count++] = dial;
    dialer->status.dials++;
    return TH_OK;
}

/* The dial of a tag that this dialer gave to a channel; NULL when it is over, or not ours. */
static struct th_dialing *dial_of(const struct th_dialer *dialer, const struct th_self *self,
                                  th_pid owner, uint64_t tag)
{
    for (unsigned i = 0; i < dialer->count && owner == self->pid; i++)
        if (dialer->dialing[i]->id == tag >> 32)
            return dialer->dialing[i];
    return NULL;
}

/* --- what nodes have lines --- */

static enum th_err on_lines(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct th_dialer *dialer = state;

    (void)ctx;
    dialer->lines_call = 0;
    if (why != TH_OK) {
        dialer->lines_at = self->now.mono + LINES_RETRY_MS;
        return TH_OK;
    }
    enum th_err err = th_contacts_on_lines(&dialer->contacts, reply->body);
    if (err != TH_OK)
        return err;
    dialer->has_lines = true;
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_on_lines(dialer->dialing[i], dialer, self);
    th_dialer_settle(dialer, self);
    return TH_OK;
}

/* Asks the switch for all lines, once more if that was asked already: the answer may be too old. */
static void ask_lines(struct th_dialer *dialer, const struct th_self *self)
{
    th_pid the_switch = th_whereis(self->host, self->scope, dialer->config->switch_name);
    struct th_msg msg = {.kind = &th_switch_msg_lines};
    uint64_t ref;

    if (dialer->lines_call)
        th_cancel(self, dialer->lines_call);
    dialer->lines_call = 0;
    dialer->lines_at = self->now.mono + LINES_RETRY_MS;
    if (the_switch == 0)
        return;
    if (the_switch != dialer->monitored_switch) {
        if (th_monitor(self, the_switch, &ref) != TH_OK)
            return;
        dialer->monitored_switch = the_switch;
    }
    if (th_call(self, the_switch, msg, LINES_CALL_MS, on_lines, NULL, &dialer->lines_call) == TH_OK)
        dialer->lines_at = TH_NEVER;
}

static enum th_err on_subscribed(void *state, const struct th_self *self, void *ctx,
                                 enum th_err why, struct th_msg *reply)
{
    (void)ctx;
    (void)reply;
    if (why != TH_OK)
        return why;
    ask_lines(state, self);
    return TH_OK;
}

/* --- events --- */

static enum th_err on_line(struct th_dialer *dialer, const struct th_self *self,
                           const struct th_event *event)
{
    const struct th_ev_line *line = th_ev_line_of(event);

    if (event->kind == TH_EV_LINE_DOWN) {
        th_contacts_on_line_down(&dialer->contacts, &line->id);
        for (unsigned i = 0; i < dialer->count; i++)
            th_dialing_on_line_down(dialer->dialing[i], &line->id);
        return TH_OK;
    }
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_on_line_up(dialer->dialing[i], dialer, self, &line->id, line->has_addr);
    return th_contacts_on_line_up(&dialer->contacts, &line->id);
}

static void on_packet(struct th_dialer *dialer, const struct th_self *self,
                      const struct th_ev_packet *packet)
{
    struct th_dialing *dial =
        packet->is_ours ? dial_of(dialer, self, packet->owner, packet->tag) : NULL;

    if (dial)
        th_dialing_on_packet(dial, dialer, self, packet);
}

static void on_ended(struct th_dialer *dialer, const struct th_self *self,
                     const struct th_ev_ended *ended)
{
    struct th_dialing *dial =
        ended->is_ours ? dial_of(dialer, self, ended->owner, ended->tag) : NULL;

    if (dial)
        th_dialing_on_ended(dial, dialer, self, ended);
}

static enum th_err on_event(struct th_dialer *dialer, const struct th_self *self,
                            const struct th_event *event)
{
    if (event->kind & (TH_EV_LINE_UP | TH_EV_LINE_DOWN))
        return on_line(dialer, self, event);
    if (event->kind & (TH_EV_LINK_UP | TH_EV_LINK_DOWN)) {
        const struct th_ev_link *link = th_ev_link_of(event);
        th_contacts_on_link(&dialer->contacts, &link->id,
                            event->kind == TH_EV_LINK_UP && link->is_seed);
    } else if (event->kind == TH_EV_PACKET) {
        on_packet(dialer, self, th_ev_packet_of(event));
    } else if (event->kind == TH_EV_ENDED) {
        on_ended(dialer, self, th_ev_ended_of(event));
    }
    return TH_OK;
}

static enum th_err on_down(struct th_dialer *dialer, const struct th_self *self,
                           const struct th_down *down)
{
    if (down->pid == dialer->events)
        return TH_GONE; /* whoever starts us again starts with a new subscription */
    if (down->pid == dialer->monitored_switch) {
        th_contacts_clear(&dialer->contacts);
        dialer->has_lines = false;
        dialer->monitored_switch = 0;
        ask_lines(dialer, self);
    }
    return TH_OK;
}

/* --- the server --- */

static void on_status(const struct th_dialer *dialer, const struct th_self *self,
                      const struct th_msg *msg)
{
    struct th_dialer_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return; /* its time-out tells it */
    *status = dialer->status;
    status->running = dialer->count;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_dialer_msg_status, .body = status});
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct th_dialer *dialer = state;
    struct th_interest interest = {
        .kinds = TH_EV_LINE_UP | TH_EV_LINE_DOWN | TH_EV_LINK_UP | TH_EV_LINK_DOWN | TH_EV_PACKET |
                 TH_EV_ENDED,
        .topics = th_topic(TH_CHANNEL_SEEK, true) | th_topic(TH_CHANNEL_PEER, true),
    };

    dialer->config = arg;
    dialer->lines_at = TH_NEVER;
    dialer->events = th_whereis(self->host, self->scope, dialer->config->events_name);
    return th_subscribe(self, dialer->events, interest, on_subscribed, NULL);
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct th_dialer *dialer = state;
    enum th_err err = TH_OK;

    if (msg->kind == &th_event_msg)
        err = on_event(dialer, self, th_event_of(msg));
    else if (msg->kind == &th_dialer_msg_dial)
        err = on_dial(dialer, self, msg);
    else if (msg->kind == &th_missed_msg)
        ask_lines(dialer, self);
    else if (msg->kind == &th_down_msg)
        err = on_down(dialer, self, msg->body);
    else if (msg->kind == &th_dialer_msg_status)
        on_status(dialer, self, msg);
    th_dialer_settle(dialer, self);
    return err;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct th_dialer *dialer = state;

    if (dialer->lines_at <= self->now.mono)
        ask_lines(dialer, self);
    th_dialer_settle(dialer, self);
    return TH_OK;
}

static th_ms deadline(const void *state)
{
    const struct th_dialer *dialer = state;
    th_ms soonest = dialer->lines_at;

    for (unsigned i = 0; i < dialer->count; i++)
        soonest = th_sooner(soonest, dialer->dialing[i]->due_at);
    return soonest;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct th_dialer *dialer = state;

    (void)why;
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_finish(dialer->dialing[i], dialer, self, TH_SHUTDOWN);
    sweep(dialer);
    th_contacts_clear(&dialer->contacts);
}

const struct th_server_ops th_dialer_ops = {
    .name = "dialer",
    .state_size = sizeof(struct th_dialer),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};
