#include "tools/app/control_job.h"

#include "router/keeper.h"
#include "tools/app/health.h"
#include "tools/app/settings.h"

#include "switch/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- ends ----------------------------------------------------------------------------------------- */

void th_job_free(struct th_job *job)
{
    for (unsigned i = 0; i < TH_JOB_CALLS; i++)
        th_msg_drop(&job->call[i].reply);
    th_mem_free(job->ping.probe);
    json_decref(job->request.whole);
    th_mem_free(job);
}

void th_job_settle(struct th_control *c, struct th_job *job)
{
    struct th_job **at = &c->jobs;

    if (!job->is_done || job->waiting > 0)
        return;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    c->job_count--;
    th_job_free(job);
}

/* text: given. The caller settles the job or returns to who does. */
static void finish(struct th_control *c, const struct th_self *self, struct th_job *job, char *text)
{
    TH_CHECK(!job->is_done);
    job->is_done = true;
    job->alarm_at = TH_NEVER;
    th_control_answer(c, self, job->client, text);
}

void th_job_answer(struct th_control *c, const struct th_self *self, struct th_job *job,
                   json_t *result)
{
    char *text = NULL;

    if (result == NULL)
        text = th_answer_error(job->request.id, TH_RPC_INTERNAL, "out of memory", NULL);
    else if (job->request.id)
        text = th_answer_result(job->request.id, result);
    else
        json_decref(result);
    finish(c, self, job, text);
}

void th_job_fail(struct th_control *c, const struct th_self *self, struct th_job *job, int code,
                 const char *message, json_t *data)
{
    char *text = NULL;

    if (job->request.id)
        text = th_answer_error(job->request.id, code, message, data);
    else
        json_decref(data);
    finish(c, self, job, text);
}

/* --- answers -------------------------------------------------------------------------------------- */

static const void *body_of(const struct th_job *job, unsigned which)
{
    return job->call[which].reply.body;
}

struct th_look th_job_look(const struct th_control *c, const struct th_self *self,
                           const struct th_job *job)
{
    const struct th_switch_status *status = body_of(job, TH_JOB_STATUS);

    return (struct th_look){
        .now = self->now,
        .started_at = c->config->started_at,
        .identity = c->config->identity,
        .advertised = status ? &status->advertised : c->config->advertised,
        .host_count = c->config->host_count,
        .hosts = c->config->hosts,
        .status = status,
        .lines = body_of(job, TH_JOB_LINES),
        .bootstrap = body_of(job, TH_JOB_BOOTSTRAP),
        .table = body_of(job, TH_JOB_TABLE),
        .dialer = body_of(job, TH_JOB_DIALER),
        .channels = body_of(job, TH_JOB_CHANNELS),
        .port_map = body_of(job, TH_JOB_PORT_MAP),
        .control = {.clients = c->client_count,
                    .counts = c->counts,
                    .accept_failures = c->listen.failures,
                    .is_short = th_listen_is_in_trouble(&c->listen)},
    };
}

static void look_at_servers(const struct th_self *self, struct th_health_facts *facts)
{
    unsigned count;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    th_health_look_at_servers(facts, rows, count, th_host_watchdog(self->host));
    th_mem_free(rows);
}

static void answer_servers(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    unsigned count;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    th_job_answer(c, self, job, rows ? th_look_servers(rows, count) : NULL);
    th_mem_free(rows);
}

static void answer_health(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_look look = th_job_look(c, self, job);
    struct th_health *health = th_mem_zalloc(1, sizeof *health);
    struct th_health_facts *facts = th_mem_zalloc(1, sizeof *facts);
    json_t *result = NULL;

    if (health && facts) {
        look_at_servers(self, facts);
        th_health_look_at_node(facts, &look);
        th_health_judge(health, facts);
        result = th_health_json(health, facts);
    }
    th_mem_free(health);
    th_mem_free(facts);
    th_job_answer(c, self, job, result);
}

/* Who opened a channel is shown by name. */
static void answer_channels(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_look look = th_job_look(c, self, job);
    unsigned count;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    th_job_answer(c, self, job, th_look_channels(&look, rows, count));
    th_mem_free(rows);
}

static void answer_metrics(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_look look = th_job_look(c, self, job);
    unsigned count;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    th_job_answer(c, self, job, th_look_metrics(&look, rows, count));
    th_mem_free(rows);
}

static void answer_drops(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_look look = th_job_look(c, self, job);
    const json_t *all = json_object_get(job->request.params, "all");

    if (all && !json_is_boolean(all))
        th_job_fail(c, self, job, TH_RPC_PARAMS, "`all` is true or false", NULL);
    else
        th_job_answer(c, self, job, th_look_drops(&look, json_is_true(all)));
}

static void answer_doctor(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    th_job_answer(c, self, job, th_doctor_look(c, self, job));
}

static void answer_methods(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < TH_METHODS; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", th_methods[i].name, "params",
                            th_methods[i].params, "result", th_methods[i].result, "access",
                            th_access_name(th_methods[i].access), "help", th_methods[i].help));
    th_job_answer(c, self, job, list);
}

static void stop(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    th_job_answer(c, self, job, json_pack("{s:b}", "stopping", 1));
    TH_LOG(self->log, INFO, "control", "stopping asked_by=client");
    c->config->stop(c->config->data);
}

/* How a method is answered, once everything that it needs is there (or, for those that do without, will
 * not come): by what the node's servers said, or by a function that answers, now or later. */
static const struct {
    json_t *(*look)(const struct th_look *look);
    void (*run)(struct th_control *c, const struct th_self *self, struct th_job *job);
} answers[TH_METHODS] = {
    [TH_METHOD_STATUS] = {.look = th_look_status},
    [TH_METHOD_HEALTH] = {.run = answer_health},
    [TH_METHOD_REACH] = {.run = th_reach_run},
    [TH_METHOD_DOCTOR] = {.run = answer_doctor},
    [TH_METHOD_PEERS] = {.look = th_look_peers},
    [TH_METHOD_BUCKETS] = {.look = th_look_buckets},
    [TH_METHOD_LINES] = {.look = th_look_lines},
    [TH_METHOD_CHANNELS] = {.run = answer_channels},
    [TH_METHOD_DROPS] = {.run = answer_drops},
    [TH_METHOD_SERVERS] = {.run = answer_servers},
    [TH_METHOD_METRICS] = {.run = answer_metrics},
    [TH_METHOD_SEEK] = {.run = th_probe_seek},
    [TH_METHOD_CONNECT] = {.run = th_probe_connect},
    [TH_METHOD_PING] = {.run = th_probe_ping},
    [TH_METHOD_PIPE_OPEN] = {.run = th_pipe_open},
    [TH_METHOD_PIPE_LISTEN] = {.run = th_pipe_listen},
    [TH_METHOD_WATCH_START] = {.run = th_stream_watch},
    [TH_METHOD_WATCH_STOP] = {.run = th_stream_stop},
    [TH_METHOD_LOG] = {.run = th_stream_log_look},
    [TH_METHOD_LOG_START] = {.run = th_stream_log},
    [TH_METHOD_CAPTURE_START] = {.run = th_stream_capture},
    [TH_METHOD_SERVER_TRACE] = {.run = th_stream_trace},
    [TH_METHOD_SERVER_SUSPEND] = {.run = th_server_suspend},
    [TH_METHOD_SERVER_RESUME] = {.run = th_server_resume},
    [TH_METHOD_SERVER_RESTART] = {.run = th_server_restart},
#ifdef TH_TEST_HOOKS
    [TH_METHOD_SERVER_BUSY] = {.run = th_server_busy},
#endif
    [TH_METHOD_SEEDS_EXPORT] = {.look = th_look_seeds},
    [TH_METHOD_SEEDS_LIST] = {.run = th_settings_method},
    [TH_METHOD_SEEDS_ADD] = {.run = th_settings_method},
    [TH_METHOD_SEEDS_REMOVE] = {.run = th_settings_method},
    [TH_METHOD_RELOAD] = {.run = th_settings_method},
    [TH_METHOD_METHODS] = {.run = answer_methods},
    [TH_METHOD_STOP] = {.run = stop},
};

static void run(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    enum th_method_id id = job->method->id;

    TH_CHECK(answers[id].look || answers[id].run);
    if (answers[id].run) {
        answers[id].run(c, self, job);
        return;
    }
    struct th_look look = th_job_look(c, self, job);
    th_job_answer(c, self, job, answers[id].look(&look));
}

/* --- asking the node's servers -------------------------------------------------------------------- */

static const struct question {
    unsigned need;
    const char *server;
    const struct th_msg_kind *kind;
} questions[TH_JOB_CALLS] = {
    [TH_JOB_STATUS] = {TH_NEED_STATUS, TH_NODE_SWITCH, &th_switch_msg_status},
    [TH_JOB_LINES] = {TH_NEED_LINES, TH_NODE_SWITCH, &th_switch_msg_lines},
    [TH_JOB_BOOTSTRAP] = {TH_NEED_BOOTSTRAP, TH_NODE_BOOTSTRAP, &th_bootstrap_msg_status},
    [TH_JOB_TABLE] = {TH_NEED_TABLE, TH_NODE_ROUTER, &th_router_msg_table},
    [TH_JOB_DIALER] = {TH_NEED_DIALER, TH_NODE_DIALER, &th_dialer_msg_status},
    [TH_JOB_CHANNELS] = {TH_NEED_CHANNELS, TH_NODE_SWITCH, &th_switch_msg_channels},
    [TH_JOB_PORT_MAP] = {TH_NEED_PORT_MAP, TH_PORTMAP_NAME, &th_portmap_msg_status},
    [TH_JOB_SOURCES] = {TH_NEED_SOURCES, TH_NODE_BOOTSTRAP, &th_bootstrap_msg_sources},
    [TH_JOB_KEEPER] = {TH_NEED_KEEPER, TH_NODE_KEEPER, &th_keeper_msg_status},
    [TH_JOB_SETTINGS] = {TH_NEED_SETTINGS, TH_SETTINGS_NAME, &th_settings_msg_status},
};

/* What must be asked before. Who names a node needs the links to know whose hashname begins so: a
 * whole one works without, also while the router hangs. */
static unsigned needs_of(const struct th_job *job)
{
    const char *text = json_string_value(json_object_get(job->request.params, "hashname"));
    bool names_node = strncmp(job->method->params, "hashname", 8) == 0;
    bool is_whole = text && strlen(text) == TH_HASHNAME_HEX;

    return names_node && is_whole ? job->method->needs & ~(unsigned)TH_NEED_TABLE
                                  : job->method->needs;
}

/* A method that cannot do without an answer fails when there is none; says which server it was. */
static bool fail_without_answers(struct th_control *c, const struct th_self *self,
                                 struct th_job *job)
{
    if (needs_of(job) & TH_NEED_NOT_ALL)
        return false;
    for (unsigned i = 0; i < TH_JOB_CALLS; i++) {
        if (!(needs_of(job) & questions[i].need) || body_of(job, i))
            continue;
        char message[96];
        bool is_late = job->call[i].why == TH_TIMED_OUT;

        snprintf(message, sizeof message, "the %s %s; see the servers", questions[i].server,
                 is_late ? "does not answer" : "is being restarted or is too busy");
        th_job_fail(c, self, job, is_late ? TH_RPC_TIMED_OUT : TH_RPC_BUSY, message,
                    json_pack("{s:s}", "server", questions[i].server));
        return true;
    }
    return false;
}

static void run_when_gathered(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (job->waiting > 0)
        return;
    if (!fail_without_answers(c, self, job))
        run(c, self, job);
    th_job_settle(c, job);
}

static enum th_err on_gathered(void *state, const struct th_self *self, void *ctx, enum th_err why,
                               struct th_msg *reply)
{
    struct th_job_call *call = ctx;

    call->why = why;
    if (why == TH_OK) {
        call->reply = *reply;
        reply->body = NULL;
    }
    call->job->waiting--;
    run_when_gathered(state, self, call->job);
    return TH_OK;
}

/* What is not worth asking, for a method that does not want to wait. */
static bool is_away(const struct th_health_facts *facts, const char *server)
{
    for (unsigned i = 0; i < facts->server_count; i++)
        if (strcmp(facts->server[i].name, server) == 0)
            return true;
    return false;
}

static void gather(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_health_facts facts = {0};

    if (needs_of(job) & TH_NEED_NO_WAITING)
        look_at_servers(self, &facts);
    for (unsigned i = 0; i < TH_JOB_CALLS; i++) {
        struct th_job_call *call = &job->call[i];

        if (!(needs_of(job) & questions[i].need) || is_away(&facts, questions[i].server))
            continue;
        call->job = job;
        call->why = th_call(self, th_whereis(self->host, self->scope, questions[i].server),
                            (struct th_msg){.kind = questions[i].kind}, c->gather_ms, on_gathered,
                            call, NULL);
        if (call->why == TH_OK)
            job->waiting++;
    }
    run_when_gathered(c, self, job);
}

void th_job_gather_again(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    for (unsigned i = 0; i < TH_JOB_CALLS; i++)
        th_msg_drop(&job->call[i].reply);
    job->alarm_at = TH_NEVER;
    gather(c, self, job);
}

/* --- beginnings ----------------------------------------------------------------------------------- */

/* Whether the client may do this, now. Answers what is not. */
static bool is_allowed(struct th_control *c, const struct th_self *self, struct th_job *job,
                       const struct th_client *client)
{
    const struct th_control_socket *socket = c->config->socket;

    if (job->method->access == TH_ACCESS_ADMIN && !client->is_admin) {
        c->counts.not_permitted++;
        th_job_fail(c, self, job, TH_RPC_PERMISSION,
                    "only the daemon's owner and root may change anything",
                    json_pack("{s:s, s:s}", "group", socket->group, "owner", socket->owner));
        return false;
    }
    if (job->method->access == TH_ACCESS_PROBE && !th_limit_take(&c->probes, self->now.mono, 1)) {
        c->counts.probes_refused++;
        th_job_fail(c, self, job, TH_RPC_BUSY, "more than 10 probes a second; try again",
                    json_pack("{s:i}", "per_s", TH_PROBES_PER_S));
        return false;
    }
    return true;
}

static void append(struct th_control *c, struct th_job *job)
{
    struct th_job **at = &c->jobs;

    while (*at)
        at = &(*at)->next;
    *at = job;
    c->job_count++;
}

void th_job_begin(struct th_control *c, const struct th_self *self, struct th_client *client,
                  const char *line, size_t len)
{
    const char *why = NULL;
    struct th_job *job = th_mem_zalloc(1, sizeof *job);

    if (job == NULL) {
        client->is_broken = true;
        return;
    }
    *job = (struct th_job){.number = ++c->last_job, .client = client->id, .alarm_at = TH_NEVER};
    append(c, job);
    client->requests++;

    int wrong = th_request_read(&job->request, line, len, &why);
    if (wrong) {
        /* JSON-RPC wants an answer here even if the id could not be read. */
        job->is_done = true;
        th_control_answer(c, self, job->client, th_answer_error(job->request.id, wrong, why, NULL));
    } else if ((job->method = th_method_find(job->request.method)) == NULL) {
        th_job_fail(c, self, job, TH_RPC_METHOD, "unknown method; `methods` lists them",
                    json_pack("{s:s}", "version", TH_VERSION));
    } else if (c->job_count > TH_CONTROL_JOBS_MAX) {
        c->counts.jobs_refused++;
        th_job_fail(c, self, job, TH_RPC_BUSY, "too many requests wait for the node's servers",
                    NULL);
    } else if (is_allowed(c, self, job, client)) {
        gather(c, self, job);
        return;
    }
    th_job_settle(c, job);
}
