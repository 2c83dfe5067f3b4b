#include "dialer/dial.h"

#include "switch/base/mem.h"

const struct th_msg_kind th_dialer_msg_dial = {"dialer.dial", th_mem_free};
const struct th_msg_kind th_dialer_msg_dialed = {"dialer.dialed", th_dialed_drop};
const struct th_msg_kind th_dialer_msg_status = {"dialer.status", th_mem_free};

/* --- dials --- */

void th_dialer_tell(const struct th_dialer *dialer, const struct th_self *self, struct th_from from,
                    struct th_dialed *told)
{
    struct th_ev_dialed ev = {told->target, told->result, told->took_ms};
    char id[TH_HASHNAME_HEX + 1];

    th_hashname_write(id, &told->target);
    TH_LOG(self->log, DEBUG, "dialer", "dialed target=%s result=\"%s\" asked=%u hops=%u took_ms=%u",
           id, th_strerror(told->result), told->asked, told->hops, (unsigned)told->took_ms);
    th_reply(self->host, from, (struct th_msg){.kind = &th_dialer_msg_dialed, .body = told});
    (void)th_ev_announce(self->host, dialer->events, TH_EV_DIALED, &ev, sizeof ev);
}

static void sweep(struct th_dialer *dialer)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < dialer->count; i++) {
        struct th_dialing *dial = dialer->dialing[i];
        if (dial->phase == TH_DIAL_OVER) {
            dialer->renewals -= dial->is_renewal;
            th_dialing_free(dial);
        } else
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

static enum th_err start(struct th_dialer *dialer, const struct th_self *self,
                         const struct th_dial *request, struct th_from from,
                         struct th_dialing **dial)
{
    enum th_err err = th_dialing_new(dial, dialer->last_id + 1, self, request, from);

    if (err != TH_OK)
        return err;
    dialer->last_id = (*dial)->id;
    dialer->dialing[dialer->count++] = *dial;
    return TH_OK;
}

static enum th_err on_dial(struct th_dialer *dialer, const struct th_self *self,
                           const struct th_msg *msg)
{
    const struct th_dial *request = msg->body;
    struct th_dialing *dial;
    enum th_err err;

    TH_CHECK(request->hint_count <= sizeof request->hint / sizeof request->hint[0]);
    if (dialer->count - dialer->renewals == TH_DIALS_MAX)
        return refuse(dialer, self, request, th_from_of(msg));
    err = start(dialer, self, request, th_from_of(msg), &dial);
    dialer->status.dials += err == TH_OK;
    return err;
}

static bool is_dialling(const struct th_dialer *dialer, const struct th_hashname *target)
{
    for (unsigned i = 0; i < dialer->count; i++)
        if (dialer->dialing[i]->request.mode == TH_DIAL_REACH &&
            th_hashname_is_equal(&dialer->dialing[i]->request.target, target))
            return true;
    return false;
}

/* A line is silent. Those near its node are asked; the second time it is looked up as well, and from then
 * on it is most likely gone. */
static enum th_err renew(struct th_dialer *dialer, const struct th_self *self,
                         const struct th_hashname *id)
{
    unsigned silences = th_contacts_count_silence(&dialer->contacts, id);
    struct th_dial request = {.target = *id,
                              .mode = TH_DIAL_REACH,
                              .timeout_ms = TH_DIAL_RENEWAL_MS,
                              .only_hints = silences != 2,
                              .is_brief = true};
    struct th_dialing *dial;

    if (is_dialling(dialer, id) || dialer->renewals == TH_RENEWALS_MAX)
        return TH_OK;
    enum th_err err = start(dialer, self, &request, (struct th_from){0}, &dial);
    if (err != TH_OK)
        return err;
    dial->is_renewal = true;
    dialer->renewals++;
    dialer->status.renewals++;
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

/* --- what nodes have lines, and are linked --- */

static enum th_err take_facts(void *state, const struct th_self *self, const struct th_facts *facts)
{
    struct th_dialer *dialer = state;
    enum th_err err = th_contacts_on_facts(&dialer->contacts, facts);

    if (err != TH_OK)
        return err;
    dialer->has_contacts = true;
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_on_contacts(dialer->dialing[i], dialer, self);
    th_dialer_settle(dialer, self);
    return TH_OK;
}

/* --- events --- */

static enum th_err on_silent(struct th_dialer *dialer, const struct th_self *self,
                             const struct th_ev_line *line)
{
    th_contacts_on_way(&dialer->contacts, line);
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_on_line_down(dialer->dialing[i], &line->id);
    return renew(dialer, self, &line->id);
}

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
    if (event->kind == TH_EV_PATH_CHANGED) {
        th_contacts_on_way(&dialer->contacts, line);
        return TH_OK;
    }
    if (event->kind == TH_EV_LINE_SILENT)
        return on_silent(dialer, self, line);
    for (unsigned i = 0; i < dialer->count; i++)
        th_dialing_on_line_up(dialer->dialing[i], dialer, self, &line->id,
                              line->has_addr && !line->is_bridged);
    enum th_err err = th_contacts_on_line_up(&dialer->contacts, &line->id);
    th_contacts_on_way(&dialer->contacts, line);
    return err;
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
    if (event->kind & TH_EV_LINE)
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

/* Whoever starts us again starts with a new subscription. */
static enum th_err on_down(const struct th_dialer *dialer, const struct th_down *down)
{
    return down->pid == dialer->events ? TH_GONE : TH_OK;
}

/* --- the server --- */

const struct th_dialer_status *th_dialer_counts(const void *state)
{
    return &((const struct th_dialer *)state)->status;
}

static void on_status(const struct th_dialer *dialer, const struct th_self *self,
                      const struct th_msg *msg)
{
    struct th_dialer_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return; /* its time-out tells it */
    *status = dialer->status;
    status->running = dialer->count;
    status->recent_ms = status->recent ? self->now.mono - dialer->recent_at : 0;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_dialer_msg_status, .body = status});
}

static void on_allowed(struct th_dialer *dialer)
{
    th_allow_release(dialer->allow);
    dialer->allow = th_allowed_get(dialer->config->allowed);
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct th_dialer *dialer = state;
    struct th_interest interest = {
        .kinds = TH_EV_LINE | TH_EV_LINK_UP | TH_EV_LINK_DOWN | TH_EV_PACKET | TH_EV_ENDED,
        .topics = th_topic(TH_CHANNEL_SEEK, true) | th_topic(TH_CHANNEL_PEER, true),
    };

    dialer->config = arg;
    dialer->allow = th_allowed_get(dialer->config->allowed);
    dialer->events = th_whereis(self->host, self->scope, dialer->config->events_name);
    return th_picture_begin(&dialer->picture, self, dialer->events, interest, take_facts);
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
        th_picture_ask(&dialer->picture, self);
    else if (msg->kind == &th_down_msg)
        err = on_down(dialer, msg->body);
    else if (msg->kind == &th_allowed_msg)
        on_allowed(dialer);
    else if (msg->kind == &th_dialer_msg_status)
        on_status(dialer, self, msg);
    th_dialer_settle(dialer, self);
    return err;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct th_dialer *dialer = state;

    enum th_err err = th_picture_on_alarm(&dialer->picture, self);

    th_dialer_settle(dialer, self);
    return err;
}

static th_ms deadline(const void *state)
{
    const struct th_dialer *dialer = state;
    th_ms soonest = th_picture_deadline(&dialer->picture);

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
    th_busy_clear(&dialer->busy);
    th_allow_release(dialer->allow);
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
