/*
 * control_job.h - inside the control server: clients, and the requests that wait for other servers.
 * Private to control*.c.
 *
 * A request becomes a job: it asks the node's servers for what its method needs, runs when all have
 * answered, and ends with one answer; a probe runs longer. A job whose client has gone runs to its
 * end and answers nobody, but for pings, which stop.
 *
 * Floor:  7 (app).
 * Thread: the control server's place.
 */
#ifndef TH_APP_CONTROL_JOB_H
#define TH_APP_CONTROL_JOB_H

#include "tools/app/control.h"
#include "tools/app/control_conn.h"
#include "tools/app/control_listen.h"
#include "tools/app/control_look.h"
#include "tools/app/control_pipe.h"
#include "tools/app/control_rpc.h"
#include "tools/app/control_stream.h"
#include "tools/app/control_table.h"

#include "switch/base/limit.h"

struct th_control_poll; /* a uv handle, with a life of its own */

struct th_client {
    struct th_client *next;
    uintptr_t id; /* never used again */
    int fd;       /* the handle closes it */
    bool is_admin;
    bool has_ended; /* it sends nothing more */
    bool is_broken; /* let it go */
    unsigned requests;
    struct th_pipe *pipe; /* it is a pipe now, and no JSON-RPC any more */
    struct th_conn conn;
    struct th_control_poll *poll;
};

/* One of the questions that a job asks first. */
struct th_job_call {
    struct th_job *job;
    enum th_err why;
    struct th_msg reply; /* its body is the job's until the job ends */
};
enum {
    TH_JOB_STATUS,
    TH_JOB_LINES,
    TH_JOB_BOOTSTRAP,
    TH_JOB_TABLE,
    TH_JOB_DIALER,
    TH_JOB_CHANNELS,
    TH_JOB_PORT_MAP,
    TH_JOB_SOURCES,
    TH_JOB_KEEPER,
    TH_JOB_SETTINGS,
    TH_JOB_CALLS
};

struct th_ping_probe {
    uint64_t sent_us;
    uint64_t rtt_us;
    bool is_answered;
};

struct th_ping {
    struct th_ping_probe *probe; /* count; NULL: no ping */
    unsigned count, sent, received;
    th_ms interval_ms, wait_ms;
    th_ms first_at, last_at, next_at;
    uint64_t size; /* bytes of the body of each */
    bool is_seek;  /* `path` was not answered: asks by `seek` */
    bool has_path,
        is_bridged; /* path: where the last answer came from, or the bridge that it came by */
    struct th_addr path;
};

struct th_job {
    struct th_job *next;
    uint64_t number;
    uintptr_t client;
    struct th_request request;
    const struct th_method *method;
    unsigned waiting; /* calls that have not come back */
    struct th_job_call call[TH_JOB_CALLS];
    struct th_hashname target; /* of a probe */
    struct th_ping ping;
    uint64_t stream; /* that it began */
    th_ms begun_at;  /* of a restart */
    th_ms alarm_at;  /* TH_NEVER: none */
    bool has_asked;  /* reach: the peers; what was gathered since has their answers */
    unsigned asked;  /* how many */
    bool is_done;    /* answered; freed when nothing waits */
};

struct th_control {
    const struct th_control_config *config;
    th_ms gather_ms;
    struct th_control_poll *listener;
    struct th_client *clients; /* newest first */
    unsigned client_count;
    uintptr_t last_client;
    struct th_job *jobs; /* oldest first */
    unsigned job_count;
    uint64_t last_job;
    unsigned pings; /* running; the subscription is held for them */
    struct th_streams streams;
    struct th_pipe *pipes; /* newest first */
    unsigned pipe_count;
    bool is_accepting; /* for those that listen */
    struct th_limit probes;
    struct th_listen listen;
    struct th_control_counts counts;
};

/* control.c: one request of the client is over, with an answer (memory of malloc, given) or, when
 * text is NULL, without. */
void th_control_answer(struct th_control *c, const struct th_self *self, uintptr_t client,
                       char *text);

/* It is still connected. */
bool th_control_has_client(const struct th_control *c, uintptr_t client);

/* A line for a client that it did not ask for just now: put, then sent with others by flush. waiting:
 * what the client has not taken yet; SIZE_MAX when it is gone. */
void th_control_put(struct th_control *c, uintptr_t client, const char *text);
void th_control_flush(struct th_control *c, uintptr_t client);
size_t th_control_waiting(const struct th_control *c, uintptr_t client);

/* The same of a pipe: bytes as they are; what can be done for it now; and that the client becomes one,
 * false when it is gone. */
void th_control_put_bytes(struct th_control *c, uintptr_t client, const void *bytes, size_t len);
void th_control_settle_pipe(struct th_control *c, const struct th_self *self, uintptr_t client);
TH_MUST bool th_control_be_pipe(struct th_control *c, uintptr_t client, struct th_pipe *pipe);

/* What pings and watches want of the event manager together; and making that so. */
struct th_interest th_control_interest(const struct th_control *c);
void th_control_subscribe(struct th_control *c, const struct th_self *self);

/* control_job.c: begins the request of one line. */
void th_job_begin(struct th_control *c, const struct th_self *self, struct th_client *client,
                  const char *line, size_t len);

/* Ends a job with its answer; result and data are given. */
void th_job_answer(struct th_control *c, const struct th_self *self, struct th_job *job,
                   json_t *result);
void th_job_fail(struct th_control *c, const struct th_self *self, struct th_job *job, int code,
                 const char *message, json_t *data);

/* Counts a call of the job's that is out, and one that came back; th_job_settle frees a job that is
 * done once nothing waits. */
void th_job_settle(struct th_control *c, struct th_job *job);

/* Everything of a job; for the server's end. */
void th_job_free(struct th_job *job);

/* Gathers once more; the method runs again then. */
void th_job_gather_again(struct th_control *c, const struct th_self *self, struct th_job *job);

/* What a job gathered; missing parts are NULL. */
struct th_look th_job_look(const struct th_control *c, const struct th_self *self,
                           const struct th_job *job);

/* control_servers.c: every server, memory of th_mem (NULL without); the one that "server" names in
 * the parameters (false: answered); and the methods that steer it. */
struct th_server_look *th_server_rows(struct th_host *host, unsigned *count);
bool th_server_named(struct th_control *c, const struct th_self *self, struct th_job *job,
                     struct th_server_look *out);
void th_server_suspend(struct th_control *c, const struct th_self *self, struct th_job *job);
#ifdef TH_TEST_HOOKS
void th_server_busy(struct th_control *c, const struct th_self *self, struct th_job *job);
#endif
void th_server_resume(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_server_restart(struct th_control *c, const struct th_self *self, struct th_job *job);

/* control_reach.c: the method `reach`; and its alarm. */
void th_reach_run(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_reach_on_alarm(struct th_control *c, const struct th_self *self, struct th_job *job);

/* control_doctor.c: what `doctor` answers. */
json_t *th_doctor_look(const struct th_control *c, const struct th_self *self,
                       const struct th_job *job);

/* control_settings.c: the methods that the settings server answers. */
void th_settings_method(struct th_control *c, const struct th_self *self, struct th_job *job);

/* control_probe.c: the methods that reach out. */
void th_probe_seek(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_probe_connect(struct th_control *c, const struct th_self *self, struct th_job *job);
void th_probe_ping(struct th_control *c, const struct th_self *self, struct th_job *job);

/* Reaches the node that the parameters name; on_dialed gets the job, whose `waiting` it counts down, reads
 * the dialer's answer by th_probe_read_dialed (NULL: it failed the job), and settles the job. */
void th_probe_reach(struct th_control *c, const struct th_self *self, struct th_job *job,
                    th_reply_fn on_dialed);
const struct th_dialed *th_probe_read_dialed(struct th_control *c, const struct th_self *self,
                                             struct th_job *job, enum th_err why,
                                             const struct th_msg *reply);

/* A packet on a channel of ours: an answer to a ping, perhaps. */
void th_probe_on_packet(struct th_control *c, const struct th_self *self,
                        const struct th_ev_packet *packet);

/* What pings that run want of the event manager. */
struct th_interest th_probe_interest(const struct th_control *c);

/* The alarm of a ping is due. */
void th_probe_on_alarm(struct th_control *c, const struct th_self *self, struct th_job *job);

#endif
