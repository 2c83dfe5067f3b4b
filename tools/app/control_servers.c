/*
 * The methods that steer one server: suspend, resume, restart.
 */
#include "tools/app/control_job.h"

#include "switch/base/mem.h"

#include <string.h>
#include <time.h>

enum { SUSPEND_MS_MAX = 60 * 60 * 1000, RESTART_MS = 4000 };

struct th_server_look *th_server_rows(struct th_host *host, unsigned *count)
{
    unsigned room = th_host_look(host, NULL, 0) + 16; /* some may start meanwhile */
    struct th_server_look *rows = th_mem_zalloc(room, sizeof *rows);

    *count = rows ? th_host_look(host, rows, room) : 0;
    if (*count > room)
        *count = room;
    return rows;
}

static void fail_unknown(struct th_control *c, const struct th_self *self, struct th_job *job,
                         const struct th_server_look *rows, unsigned count)
{
    char message[TH_SAY_MAX];
    const char *name = json_string_value(json_object_get(job->request.params, "server"));
    size_t len = (size_t)snprintf(message, sizeof message, "no server is called %.60s; there are",
                                  name ? name : "so (\"server\" is missing)");
    json_t *names = json_array();

    for (unsigned i = 0; i < count; i++) {
        if (len < sizeof message)
            len += (size_t)snprintf(message + len, sizeof message - len, "%s %s", i ? "," : "",
                                    rows[i].name);
        json_array_append_new(names, json_string(rows[i].name));
    }
    th_job_fail(c, self, job, TH_RPC_PARAMS, message, json_pack("{s:o}", "servers", names));
}

bool th_server_named(struct th_control *c, const struct th_self *self, struct th_job *job,
                     struct th_server_look *out)
{
    const char *name = json_string_value(json_object_get(job->request.params, "server"));
    unsigned count, i = 0;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    if (name)
        while (i < count && strcmp(rows[i].name, name) != 0)
            i++;
    bool is_found = name && i < count;
    if (is_found)
        *out = rows[i];
    else
        fail_unknown(c, self, job, rows, count);
    th_mem_free(rows);
    return is_found;
}

/* As th_server_named, for what is not done to those by which it is done, or undone. */
static bool steered(struct th_control *c, const struct th_self *self, struct th_job *job,
                    struct th_server_look *out)
{
    static const struct {
        const char *name, *why;
    } kept[] = {
        {TH_CONTROL_NAME, "answers you: without it nothing could be resumed"},
        {TH_NODE_SUPERVISOR, "restarts the others"},
        {TH_CONTROL_SUPERVISOR_NAME, "restarts control"},
        {TH_CONTROL_GUARD_NAME, "ends the daemon when a supervisor gives up"},
    };
    char message[TH_SAY_MAX];

    if (!th_server_named(c, self, job, out))
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (strcmp(kept[i].name, out->name) != 0)
            continue;
        snprintf(message, sizeof message, "%s is let alone: it %s", out->name, kept[i].why);
        th_job_fail(c, self, job, TH_RPC_PARAMS, message, NULL);
        return false;
    }
    return true;
}

static void fail_gone(struct th_control *c, const struct th_self *self, struct th_job *job,
                      const char *server)
{
    th_job_fail(c, self, job, TH_RPC_BUSY, "that server has just ended; see the servers",
                json_pack("{s:s}", "server", server));
}

void th_server_suspend(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_server_look server;
    uint64_t for_ms;

    if (!steered(c, self, job, &server))
        return;
    if (!th_param_number(&for_ms, job->request.params, "for_ms", 1, SUSPEND_MS_MAX,
                         TH_SUSPEND_MS_DEFAULT)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"for_ms\" must be 1 to 3600000 (an hour)", NULL);
        return;
    }
    if (th_suspend(self->host, server.pid, for_ms) != TH_OK) {
        fail_gone(c, self, job, server.name);
        return;
    }
    TH_LOG(self->log, INFO, "control", "suspended server=%s ms=%llu", server.name,
           (unsigned long long)for_ms);
    th_job_answer(c, self, job,
                  json_pack("{s:s, s:s, s:I}", "server", server.name, "state", "suspended",
                            "for_ms", (json_int_t)for_ms));
}

void th_server_resume(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_server_look server;

    if (!steered(c, self, job, &server))
        return;
    if (th_resume(self->host, server.pid) != TH_OK) {
        fail_gone(c, self, job, server.name);
        return;
    }
    bool was_suspended = server.state == TH_SERVER_SUSPENDED;
    TH_LOG(self->log, INFO, "control", "resumed server=%s", server.name);
    th_job_answer(c, self, job,
                  json_pack("{s:s, s:b}", "server", server.name, "was_suspended", was_suspended));
}

#ifdef TH_TEST_HOOKS

/* --- a server that hangs, for tests --------------------------------------------------------------- */

/* A message that no server knows is dropped at the end of the callback that got it: there it sleeps. */
static void sleep_instead_of_freeing(void *body)
{
    uint64_t ms = *(uint64_t *)body;
    struct timespec rest = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    th_mem_free(body);
    while (nanosleep(&rest, &rest) != 0)
        continue;
}

static const struct th_msg_kind busy_msg = {"test.busy", sleep_instead_of_freeing};

void th_server_busy(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_server_look server;
    uint64_t for_ms;

    if (!steered(c, self, job, &server))
        return;
    if (!th_param_number(&for_ms, job->request.params, "for_ms", 1, 60000, 1000)) {
        th_job_fail(c, self, job, TH_RPC_PARAMS, "\"for_ms\" must be 1 to 60000", NULL);
        return;
    }
    th_post(self->host, server.pid,
            (struct th_msg){.kind = &busy_msg, .body = th_mem_copy(&for_ms, sizeof for_ms)});
    th_job_answer(c, self, job,
                  json_pack("{s:s, s:I}", "server", server.name, "for_ms", (json_int_t)for_ms));
}

#endif

/* --- restart -------------------------------------------------------------------------------------- */

static unsigned restarts_of(const struct th_self *self, const char *name)
{
    unsigned count, restarts = 0;
    struct th_server_look *rows = th_server_rows(self->host, &count);

    for (unsigned i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            restarts = rows[i].restarts;
    th_mem_free(rows);
    return restarts;
}

static enum th_err on_restarted(void *state, const struct th_self *self, void *ctx, enum th_err why,
                                struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;
    const char *name = json_string_value(json_object_get(job->request.params, "server"));
    enum th_err result = why == TH_OK && reply->body ? *(const enum th_err *)reply->body : why;

    job->waiting--;
    if (result == TH_OK) {
        TH_LOG(self->log, INFO, "control", "restarted server=%s", name);
        th_job_answer(c, self, job,
                      json_pack("{s:s, s:i, s:I}", "server", name, "restarts",
                                (int)restarts_of(self, name), "took_ms",
                                (json_int_t)(self->now.mono - job->begun_at)));
    } else if (result == TH_TIMED_OUT) {
        th_job_fail(c, self, job, TH_RPC_TIMED_OUT,
                    "it does not end; it is restarted as soon as what it does now is over",
                    json_pack("{s:s}", "server", name));
    } else if (result == TH_AGAIN) {
        th_job_fail(c, self, job, TH_RPC_BUSY, "it is being restarted already",
                    json_pack("{s:s}", "server", name));
    } else {
        th_job_fail(c, self, job, TH_RPC_BUSY, th_strerror(result),
                    json_pack("{s:s}", "server", name));
    }
    th_job_settle(c, job);
    return TH_OK;
}

void th_server_restart(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_server_look server;

    if (!steered(c, self, job, &server))
        return;
    struct th_msg msg = {.kind = &th_supervisor_restart_msg,
                         .body = th_mem_copy(server.name, strlen(server.name) + 1)};
    job->begun_at = self->now.mono;
    if (msg.body && th_call(self, th_whereis(self->host, self->scope, TH_NODE_SUPERVISOR), msg,
                            RESTART_MS, on_restarted, job, NULL) == TH_OK)
        job->waiting++;
    else
        th_job_fail(c, self, job, TH_RPC_BUSY, "out of memory", NULL);
}
