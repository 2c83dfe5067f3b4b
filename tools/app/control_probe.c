#include "tools/app/control_job.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    DIAL_MS_MAX = 120000,
    INTERVAL_MS_MIN = 100, /* so that one request makes no more probes than many would */
    INTERVAL_MS_MAX = 3600000,
    WAIT_MS_MAX = 60000,
    PING_SIZE_MAX = TH_CHANPKT_PROVEN_MAX - 64 /* for the head */
};

/* A probe's tag: the job, then `seek` or `path`, then which one. */
static uint64_t tag_of(const struct th_job *job, unsigned sequence)
{
    return job->number << 16 | (job->ping.is_seek ? 1u << 15 : 0) | sequence;
}

/* --- whom the operator means ---------------------------------------------------------------------- */

static void fail_ambiguous(struct th_control *c, const struct th_self *self, struct th_job *job,
                           const struct th_hashname *candidates, unsigned count)
{
    json_t *list = json_array();
    char message[128];

    for (unsigned i = 0; i < count && i < TH_CANDIDATES_MAX; i++)
        json_array_append_new(list, th_json_hex(&candidates[i]));
    if (count == 0)
        snprintf(message, sizeof message,
                 "no peer begins like that; give all 64 digits to look in the network");
    else
        snprintf(message, sizeof message, "%u peers begin like that; give more digits", count);
    th_job_fail(c, self, job, TH_RPC_PEER, message, json_pack("{s:o}", "candidates", list));
}

/* Reads the parameter "hashname" into the job's target. False: answered. */
static bool read_target(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    const char *text = json_string_value(json_object_get(job->request.params, "hashname"));
    struct th_hashname candidates[TH_CANDIDATES_MAX];
    struct th_look look = th_job_look(c, self, job);
    unsigned count;

    enum th_err e =
        text ? th_look_resolve(&job->target, text, &look, candidates, &count) : TH_INVALID;
    if (e == TH_INVALID)
        th_job_fail(c, self, job, TH_RPC_PARAMS,
                    "\"hashname\" must be 1 to 64 hex digits: a whole one, or how a peer's begins",
                    NULL);
    else if (e != TH_OK)
        fail_ambiguous(c, self, job, candidates, count);
    return e == TH_OK;
}

/* As read_target, for what cannot be done to ourselves. */
static bool read_other(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (!read_target(c, self, job))
        return false;
    if (!th_hashname_is_equal(&job->target, &c->config->identity->hashname))
        return true;
    th_job_fail(c, self, job, TH_RPC_PARAMS, "that is this node itself", NULL);
    return false;
}

/* --- dialling ------------------------------------------------------------------------------------- */

/* Asks the dialer. on_dialed gets the job as ctx and settles it. False: answered. */
static bool dial(struct th_control *c, const struct th_self *self, struct th_job *job,
                 enum th_dial_mode mode, bool always_seek, th_reply_fn on_dialed)
{
    uint64_t timeout_ms;
    struct th_dial *body;

    if (!th_param_number(&timeout_ms, job->request.params, "timeout_ms", 100, DIAL_MS_MAX,
                         TH_DIAL_MS_DEFAULT)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"timeout_ms\" must be 100 to 120000", NULL);
        return false;
    }
    body = th_mem_zalloc(1, sizeof *body);
    if (body) {
        *body = (struct th_dial){.target = job->target,
                                 .mode = mode,
                                 .timeout_ms = timeout_ms,
                                 .always_seek = always_seek};
        struct th_msg msg = {.kind = &th_dialer_msg_dial, .body = body};
        th_pid dialer = th_whereis(self->host, self->scope, TH_NODE_DIALER);

        /* The dialer tells its own time-out; ours is for one that hangs. */
        if (th_call(self, dialer, msg, timeout_ms + c->gather_ms, on_dialed, job, NULL) == TH_OK) {
            job->waiting++;
            return true;
        }
    }
    th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
    return false;
}

/* The dialer's answer; NULL when there is none: answered then. */
const struct th_dialed *th_probe_read_dialed(struct th_control *c, const struct th_self *self,
                                             struct th_job *job, enum th_err why,
                                             const struct th_msg *reply)
{
    const struct th_dialed *dialed = why == TH_OK ? reply->body : NULL;
    json_t *server = json_pack("{s:s}", "server", TH_NODE_DIALER);

    if (why == TH_TIMED_OUT)
        th_job_fail(c, self, job, TH_RPC_TIMED_OUT, "the dialer does not answer; see the servers",
                    server);
    else if (dialed == NULL)
        th_job_fail(c, self, job, TH_RPC_BUSY, "the dialer is being restarted or is too busy",
                    server);
    else if (dialed->result == TH_LIMIT)
        th_job_fail(c, self, job, TH_RPC_BUSY, "too many dials at once; try again", server);
    else if (dialed->result == TH_NO_PERMISSION)
        th_job_fail(c, self, job, TH_RPC_PEER,
                    "this node talks only to those in its allow-list, and that one is not; see "
                    "--allow of telehashd",
                    server);
    else
        json_decref(server);
    return job->is_done ? NULL : dialed;
}

void th_probe_reach(struct th_control *c, const struct th_self *self, struct th_job *job,
                    th_reply_fn on_dialed)
{
    if (read_other(c, self, job))
        dial(c, self, job, TH_DIAL_REACH, false, on_dialed);
}

/* --- seek and connect ----------------------------------------------------------------------------- */

/* The line to a node, among the lines that were just asked for; NULL when there is none. */
static const struct th_line_look *line_in(const struct th_msg *reply, const struct th_hashname *id)
{
    const struct th_switch_lines *lines = reply ? reply->body : NULL;

    for (unsigned i = 0; lines && i < lines->count; i++)
        if (th_hashname_is_equal(&lines->line[i].id, id))
            return &lines->line[i];
    return NULL;
}

/* lines: NULL when there is no line. */
static void answer_dialed(struct th_control *c, const struct th_self *self, struct th_job *job,
                          const struct th_msg *lines)
{
    /* What the dial said was kept where the first table was. */
    const struct th_dialed *dialed = job->call[TH_JOB_TABLE].reply.body;
    const struct th_line_look *line = line_in(lines, &job->target);

    if (job->method->id == TH_METHOD_SEEK)
        th_job_answer(c, self, job, th_look_dialed(dialed, line));
    else
        th_job_answer(c, self, job,
                      json_pack("{s:o, s:s, s:o, s:I, s:o}", "hashname", th_json_hex(&job->target),
                                "result", th_dial_word(dialed->result), "path", th_json_way(line),
                                "took_ms", (json_int_t)dialed->took_ms, "ways",
                                th_look_ways(dialed, line)));
}

static enum th_err on_dialed_lines(void *state, const struct th_self *self, void *ctx,
                                   enum th_err why, struct th_msg *reply)
{
    struct th_job *job = ctx;

    job->waiting--;
    answer_dialed(state, self, job, why == TH_OK ? reply : NULL);
    th_job_settle(state, job);
    return TH_OK;
}

static enum th_err on_dialed(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;
    const struct th_dialed *dialed = th_probe_read_dialed(c, self, job, why, reply);
    struct th_job_call *kept = &job->call[TH_JOB_TABLE];

    job->waiting--;
    if (dialed) {
        th_msg_drop(&kept->reply);
        kept->reply = *reply;
        reply->body = NULL;
        if (dialed->has_line && th_call(self, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                                        (struct th_msg){.kind = &th_switch_msg_lines}, c->gather_ms,
                                        on_dialed_lines, job, NULL) == TH_OK)
            job->waiting++;
        else
            answer_dialed(c, self, job, NULL);
    }
    th_job_settle(c, job);
    return TH_OK;
}

void th_probe_seek(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (!read_target(c, self, job))
        return;
    /* Nobody has a line to itself: then the search alone is shown. */
    bool is_self = th_hashname_is_equal(&job->target, &c->config->identity->hashname);
    (void)dial(c, self, job, is_self ? TH_DIAL_FIND : TH_DIAL_REACH, true, on_dialed);
}

void th_probe_connect(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (read_other(c, self, job))
        (void)dial(c, self, job, TH_DIAL_REACH, false, on_dialed);
}

/* --- ping ----------------------------------------------------------------------------------------- */

static json_t *ms_of(uint64_t us)
{
    return json_real((double)us / 1000.0);
}

static void put_rtts(json_t *result, const struct th_ping *ping)
{
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    json_t *rtts = json_array();

    for (unsigned i = 0; i < ping->sent; i++) {
        if (!ping->probe[i].is_answered)
            continue;
        uint64_t us = ping->probe[i].rtt_us;
        json_array_append_new(rtts, ms_of(us));
        least = us < least ? us : least;
        most = us > most ? us : most;
        sum += us;
    }
    bool is_answered = ping->received > 0;
    json_object_set_new(result, "rtt_ms", rtts);
    json_object_set_new(result, "min_ms", is_answered ? ms_of(least) : json_null());
    json_object_set_new(result, "avg_ms", is_answered ? ms_of(sum / ping->received) : json_null());
    json_object_set_new(result, "max_ms", is_answered ? ms_of(most) : json_null());
}

/* reached: a word as connect's. */
static void answer_ping(struct th_control *c, const struct th_self *self, struct th_job *job,
                        const char *reached)
{
    const struct th_ping *ping = &job->ping;
    json_t *result = json_pack(
        "{s:o, s:o, s:s, s:i, s:i, s:i, s:s}", "hashname", th_json_hex(&job->target), "path",
        th_json_addr_by(ping->is_bridged, ping->has_path, &ping->path), "probe",
        ping->is_seek ? "seek" : "path", "sent", (int)ping->sent, "received", (int)ping->received,
        "lost", (int)(ping->sent - ping->received), "reached", reached);

    if (result)
        put_rtts(result, ping);
    th_job_answer(c, self, job, result);
}

/* A large one may have been lost for its size. */
static bool may_turn_to_seek(const struct th_ping *ping)
{
    return !ping->is_seek && ping->received == 0 && ping->size == 0;
}

/* When something is to be done about a ping that goes on. */
static void set_alarm(struct th_job *job)
{
    const struct th_ping *ping = &job->ping;

    job->alarm_at = ping->sent < ping->count ? ping->next_at : ping->last_at + ping->wait_ms;
    if (may_turn_to_seek(ping))
        job->alarm_at = th_sooner(job->alarm_at, ping->first_at + ping->wait_ms);
}

/* Zeros, of any size that a packet can have on the best of paths beside its head. */
static struct th_bytes padding_of(const struct th_ping *ping)
{
    static const uint8_t zeros[PING_SIZE_MAX];

    return (struct th_bytes){zeros, (size_t)ping->size};
}

static void send_probe(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_ping *ping = &job->ping;
    char buffer[128];
    struct th_text fields = th_text_in(buffer, sizeof buffer);
    const struct th_hashname *own = &c->config->identity->hashname;

    if (ping->is_seek)
        th_seek_put(&fields, own, th_seek_digits(&job->target, own));
    else
        th_paths_put(&fields, NULL, 0);

    struct th_switch_channel *body =
        th_switch_channel_new(&job->target, ping->is_seek ? TH_CHANNEL_SEEK : TH_CHANNEL_PATH,
                              th_text_bytes(&fields), padding_of(ping));
    ping->last_at = self->now.mono;
    ping->next_at = self->now.mono + ping->interval_ms;
    if (ping->sent == 0)
        ping->first_at = self->now.mono;
    ping->probe[ping->sent] = (struct th_ping_probe){.sent_us = th_host_now_us(self->host)};
    if (body) {
        body->tag = tag_of(job, ping->sent);
        body->silence_ms = ping->wait_ms;
        /* One that cannot be sent is a lost one. */
        (void)th_post(self->host, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                      (struct th_msg){.kind = &th_switch_msg_channel, .body = body});
    }
    ping->sent++;
    set_alarm(job);
}

static void drop_interest(struct th_control *c, const struct th_self *self)
{
    c->pings--;
    th_control_subscribe(c, self);
}

struct th_interest th_probe_interest(const struct th_control *c)
{
    if (c->pings == 0)
        return (struct th_interest){0};
    return (struct th_interest){.kinds = TH_EV_PACKET,
                                .topics = th_topic(TH_CHANNEL_PATH, true) |
                                          th_topic(TH_CHANNEL_SEEK, true)};
}

static void end_ping(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    drop_interest(c, self);
    answer_ping(c, self, job, "reached");
}

void th_probe_on_alarm(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_ping *ping = &job->ping;
    th_ms now = self->now.mono;

    if (!th_control_has_client(c, job->client)) {
        end_ping(c, self, job); /* nobody looks any more */
    } else if (may_turn_to_seek(ping) && now >= ping->first_at + ping->wait_ms) {
        /* Every switch answers one of the two; this one knows no `path`, or is gone. */
        ping->is_seek = true;
        ping->sent = 0;
        send_probe(c, self, job);
    } else if (ping->sent < ping->count && now >= ping->next_at) {
        send_probe(c, self, job);
    } else if (ping->sent == ping->count && now >= ping->last_at + ping->wait_ms) {
        end_ping(c, self, job);
    }
    th_job_settle(c, job);
}

void th_probe_on_packet(struct th_control *c, const struct th_self *self,
                        const struct th_ev_packet *packet)
{
    struct th_job *job = c->jobs;

    if (packet->owner != self->pid)
        return;
    while (job && (job->is_done || job->ping.probe == NULL || job->number != packet->tag >> 16))
        job = job->next;
    unsigned sequence = (unsigned)(packet->tag & 0x7fff);
    if (job == NULL || sequence >= job->ping.sent || tag_of(job, sequence) != packet->tag)
        return;

    struct th_ping *ping = &job->ping;
    struct th_ping_probe *probe = &ping->probe[sequence];
    if (probe->is_answered) /* they answer on every path they know */
        return;
    probe->is_answered = true;
    probe->rtt_us = th_host_now_us(self->host) - probe->sent_us;
    ping->received++;
    ping->path = packet->addr;
    ping->is_bridged = packet->is_bridged;
    ping->has_path = packet->addr.family != TH_FAMILY_NONE;
    if (ping->received == ping->count)
        end_ping(c, self, job);
    else
        set_alarm(job);
    th_job_settle(c, job);
}

static enum th_err on_subscribed(void *state, const struct th_self *self, void *ctx,
                                 enum th_err why, struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;

    (void)reply;
    job->waiting--;
    if (why == TH_OK) {
        send_probe(c, self, job);
    } else {
        drop_interest(c, self);
        th_job_fail(c, self, job, TH_RPC_BUSY, "the event manager is being restarted; try again",
                    json_pack("{s:s}", "server", TH_NODE_EVENTS));
    }
    th_job_settle(c, job);
    return TH_OK;
}

/* There is a line: listens for answers, then begins. */
static void begin_ping(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    c->pings++;
    if (th_subscribe(self, th_whereis(self->host, self->scope, TH_NODE_EVENTS),
                     th_control_interest(c), on_subscribed, job) == TH_OK) {
        job->waiting++;
        return;
    }
    drop_interest(c, self);
    th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
}

static enum th_err on_ping_dialed(void *state, const struct th_self *self, void *ctx,
                                  enum th_err why, struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;
    const struct th_dialed *dialed = th_probe_read_dialed(c, self, job, why, reply);

    job->waiting--;
    if (dialed && dialed->result == TH_OK)
        begin_ping(c, self, job);
    else if (dialed)
        answer_ping(c, self, job, th_dial_word(dialed->result));
    th_job_settle(c, job);
    return TH_OK;
}

static bool has_line(const struct th_switch_lines *lines, const struct th_hashname *id)
{
    for (unsigned i = 0; lines && i < lines->count; i++)
        if (lines->line[i].is_up && th_hashname_is_equal(&lines->line[i].id, id))
            return true;
    return false;
}

/* Who pings again knows from before which of the two is answered. */
static bool read_probe(bool *is_seek, const json_t *value)
{
    const char *text = json_string_value(value);

    *is_seek = text && strcmp(text, "seek") == 0;
    return value == NULL || json_is_null(value) || *is_seek || (text && strcmp(text, "path") == 0);
}

void th_probe_ping(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    const json_t *params = job->request.params;
    struct th_ping *ping = &job->ping;
    uint64_t count;

    if (!read_other(c, self, job))
        return;
    if (!th_param_number(&count, params, "count", 1, TH_CONTROL_PINGS_MAX, 4) ||
        !th_param_number(&ping->interval_ms, params, "interval_ms", INTERVAL_MS_MIN,
                         INTERVAL_MS_MAX, 1000) ||
        !th_param_number(&ping->wait_ms, params, "wait_ms", 1, WAIT_MS_MAX, 2000) ||
        !th_param_number(&ping->size, params, "size", 0, PING_SIZE_MAX, 0)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS,
                    "\"count\" must be 1 to 1000, \"interval_ms\" at least 100, \"wait_ms\" 1 to "
                    "60000, \"size\" 0 to 1260",
                    NULL);
        return;
    }
    if (!read_probe(&ping->is_seek, json_object_get(params, "probe"))) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"probe\" must be path or seek", NULL);
        return;
    }
    ping->probe = th_mem_zalloc((size_t)count, sizeof *ping->probe);
    if (ping->probe == NULL) {
        th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
        return;
    }
    ping->count = (unsigned)count;
    if (has_line(job->call[TH_JOB_LINES].reply.body, &job->target))
        begin_ping(c, self, job);
    else
        (void)dial(c, self, job, TH_DIAL_REACH, false, on_ping_dialed);
}
