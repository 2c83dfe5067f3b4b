#include "tools/app/control_job.h"

#include "switch/base/mem.h"
#include "switch/run/host_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    OUTPUT_WAITS_MAX = 64 * 1024, /* a client that does not read its answers is not read either */
    ACCEPT_BATCH = 16,
    SPARE_FDS = 8
};

/* The body is the client's id as a pointer; nothing is ever behind it. */
static const struct th_msg_kind ready_msg = {.name = "control.ready"};
static const struct th_msg_kind accept_msg = {.name = "control.accept"};

/* --- handles of uv -------------------------------------------------------------------------------- */

/* What waits for a descriptor. Its callback only posts to the server, and stops until the server
 * arms it again, so that each has at most one message in the mailbox. */
struct th_control_poll {
    uv_poll_t poll;
    int fd;
    bool is_lent; /* the descriptor is not ours to close */
    struct th_host *host;
    th_pid server;
    struct th_msg msg;
    int events; /* 0: not armed */
};

static void on_ready(uv_poll_t *handle, int status, int events)
{
    struct th_control_poll *poll = handle->data;

    (void)status, (void)events; /* reading or writing will say the same */
    if (th_post(poll->host, poll->server, poll->msg) != TH_OK)
        return; /* it stays armed and comes again */
    uv_poll_stop(handle);
    poll->events = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct th_control_poll *poll = handle->data;

    if (!poll->is_lent)
        close(poll->fd);
    th_mem_free(poll);
}

/* fd: given when it returns one, unless it is lent. NULL without memory. */
static struct th_control_poll *poll_new(const struct th_control *c, const struct th_self *self,
                                        int fd, bool is_lent, struct th_msg msg)
{
    struct th_control_poll *poll = th_mem_zalloc(1, sizeof *poll);

    if (poll) {
        poll->fd = fd;
        poll->is_lent = is_lent;
        poll->host = self->host;
        poll->server = self->pid;
        poll->msg = msg;
        if (uv_poll_init(th_host_uv_loop(c->config->place), &poll->poll, fd) == 0) {
            poll->poll.data = poll;
            return poll;
        }
    }
    th_mem_free(poll);
    return NULL;
}

static void poll_for(struct th_control_poll *poll, int events)
{
    if (events == poll->events)
        return;
    if (events)
        uv_poll_start(&poll->poll, events, on_ready);
    else
        uv_poll_stop(&poll->poll);
    poll->events = events;
}

static void poll_close(struct th_control_poll *poll)
{
    if (poll)
        uv_close((uv_handle_t *)&poll->poll, on_closed);
}

/* --- clients -------------------------------------------------------------------------------------- */

static struct th_client *find_client(const struct th_control *c, uintptr_t id)
{
    struct th_client *client = c->clients;

    while (client && client->id != id)
        client = client->next;
    return client;
}

bool th_control_has_client(const struct th_control *c, uintptr_t client)
{
    return find_client(c, client) != NULL;
}

static void close_client(struct th_control *c, const struct th_self *self, struct th_client *client)
{
    struct th_client **at = &c->clients;

    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    c->client_count--;
    poll_close(client->poll);
    th_conn_clear(&client->conn);
    th_mem_free(client);
    th_listen_on_room(&c->listen, self->now.mono);
}

static void send_output(struct th_client *client)
{
    struct th_bytes output = th_conn_output(&client->conn);

    while (output.len > 0 && !client->is_broken) {
        ssize_t n = send(client->fd, output.at, output.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0)
            th_conn_sent(&client->conn, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            client->is_broken = true;
        output = th_conn_output(&client->conn);
    }
}

/* A line for a client. One that has too much waiting is let go. */
static void put_line(struct th_control *c, struct th_client *client, const char *text)
{
    enum th_err e = th_conn_put(&client->conn, text, strlen(text));

    c->counts.not_reading += e == TH_FULL && !client->is_broken;
    client->is_broken = client->is_broken || e != TH_OK;
}

static bool may_ask(const struct th_client *client)
{
    return !client->is_broken && client->requests < TH_CONTROL_REQUESTS_MAX &&
           th_conn_output(&client->conn).len <= OUTPUT_WAITS_MAX;
}

/* Whether the other side is wholly gone, not only done with asking. */
static bool has_hung_up(const struct th_client *client)
{
    struct pollfd look = {.fd = client->fd};

    return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

static void receive_input(struct th_control *c, struct th_client *client)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n == 0) {
        client->has_ended = true;
        client->is_broken = has_hung_up(client);
    } else if (n < 0) {
        client->is_broken = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    } else {
        enum th_err e = th_conn_on_bytes(&client->conn, bytes, (size_t)n);

        if (e == TH_TOO_BIG) {
            c->counts.lines_too_long++;
            char *text = th_answer_error(NULL, TH_RPC_REQUEST, "a line is over 64 KiB", NULL);

            /* What follows cannot be understood any more: the answer, then the end. */
            if (text) {
                put_line(c, client, text);
                send_output(client);
            }
            free(text);
        }
        client->is_broken = client->is_broken || e != TH_OK;
    }
}

static int events_wanted(const struct th_client *client)
{
    return (th_conn_output(&client->conn).len > 0 ? UV_WRITABLE : 0) |
           (!client->has_ended && may_ask(client) ? UV_READABLE : 0);
}

/* Takes requests as far as there is room for their answers. */
static void take_requests(struct th_control *c, const struct th_self *self,
                          struct th_client *client)
{
    const char *line;
    size_t len;

    while (may_ask(client) && th_conn_next(&client->conn, &line, &len))
        th_job_begin(c, self, client, line, len);
}

/* Sends what can be sent, then waits for what is missing, or ends the connection. */
static void settle_client(struct th_control *c, const struct th_self *self,
                          struct th_client *client)
{
    take_requests(c, self, client);
    send_output(client);
    bool has_output = th_conn_output(&client->conn).len > 0;
    bool is_over = client->has_ended && client->requests == 0 && !has_output;

    if (client->is_broken || is_over) {
        th_stream_on_gone(c, self, client->id);
        th_pipe_on_gone(c, self, client->id);
        close_client(c, self, client);
        return;
    }
    poll_for(client->poll, events_wanted(client));
}

/* Carries what can be carried of a pipe, then waits for what is missing, or ends the connection. */
static void settle_pipe(struct th_control *c, const struct th_self *self, struct th_client *client)
{
    size_t room;
    uint8_t *bytes = client->has_ended ? NULL : th_pipe_room(client->pipe, &room);

    if (bytes) {
        ssize_t n = recv(client->fd, bytes, room, MSG_DONTWAIT);
        if (n > 0)
            th_pipe_on_bytes(client->pipe, (size_t)n);
        else if (n == 0)
            client->has_ended = true;
        else
            client->is_broken |= errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    }
    if (client->has_ended)
        th_pipe_on_end(client->pipe);
    send_output(client);
    bool has_room = th_conn_output(&client->conn).len == 0;
    th_pipe_go_on(c, self, client->pipe, has_room);
    /* Else what is left waits until the client can take it, and then more is read. It might take all just
     * now, and nobody would read any more. */
    if (has_room)
        send_output(client);

    bool has_output = th_conn_output(&client->conn).len > 0;
    bool is_gone = client->has_ended && has_hung_up(client);
    if (client->is_broken || is_gone || (th_pipe_is_over(client->pipe) && !has_output)) {
        th_stream_on_gone(c, self, client->id);
        th_pipe_on_gone(c, self, client->id);
        close_client(c, self, client);
        return;
    }
    bool may_send = !client->has_ended && th_pipe_room(client->pipe, &room);
    poll_for(client->poll, (has_output ? UV_WRITABLE : 0) | (may_send ? UV_READABLE : 0));
}

void th_control_settle_pipe(struct th_control *c, const struct th_self *self, uintptr_t id)
{
    struct th_client *client = find_client(c, id);

    if (client)
        settle_pipe(c, self, client);
}

bool th_control_be_pipe(struct th_control *c, uintptr_t id, struct th_pipe *pipe)
{
    struct th_client *client = find_client(c, id);

    if (client == NULL || client->is_broken)
        return false;
    client->pipe = pipe;
    /* Carried as soon as the loop comes round to it. */
    poll_for(client->poll, UV_READABLE | UV_WRITABLE);
    return true;
}

void th_control_put_bytes(struct th_control *c, uintptr_t id, const void *bytes, size_t len)
{
    struct th_client *client = find_client(c, id);

    if (client && th_conn_put_bytes(&client->conn, bytes, len) != TH_OK)
        client->is_broken = true;
}

static void on_client_ready(struct th_control *c, const struct th_self *self, uintptr_t id)
{
    struct th_client *client = find_client(c, id);

    if (client == NULL)
        return; /* it went while the message waited */
    if (client->pipe) {
        settle_pipe(c, self, client);
        return;
    }
    send_output(client);
    th_stream_on_room(c, id);
    if (!client->has_ended && may_ask(client))
        receive_input(c, client);
    settle_client(c, self, client);
}

void th_control_answer(struct th_control *c, const struct th_self *self, uintptr_t id, char *text)
{
    struct th_client *client = find_client(c, id);

    (void)self;
    if (client) {
        client->requests--;
        if (text)
            put_line(c, client, text);
        send_output(client);
        /* Not settled here, for a request that is answered at once is still being taken: the loop
         * does it as soon as there is something to read or room to write. */
        poll_for(client->poll, events_wanted(client) | UV_WRITABLE);
    }
    free(text);
}

void th_control_put(struct th_control *c, uintptr_t id, const char *text)
{
    struct th_client *client = find_client(c, id);

    if (client)
        put_line(c, client, text);
}

void th_control_flush(struct th_control *c, uintptr_t id)
{
    struct th_client *client = find_client(c, id);

    if (client == NULL)
        return;
    send_output(client);
    /* One that is broken is let go when the loop comes round to it. */
    poll_for(client->poll, events_wanted(client) | (client->is_broken ? UV_WRITABLE : 0));
}

size_t th_control_waiting(const struct th_control *c, uintptr_t id)
{
    const struct th_client *client = find_client(c, id);

    return client && !client->is_broken ? th_conn_output(&client->conn).len : SIZE_MAX;
}

/* --- the subscription ----------------------------------------------------------------------------- */

struct th_interest th_control_interest(const struct th_control *c)
{
    struct th_interest of_pings = th_probe_interest(c), of_watches = th_stream_interest(c);

    return (struct th_interest){.kinds = of_pings.kinds | of_watches.kinds,
                                .topics = of_pings.topics | of_watches.topics};
}

void th_control_subscribe(struct th_control *c, const struct th_self *self)
{
    th_pid events = th_whereis(self->host, self->scope, TH_NODE_EVENTS);
    struct th_interest interest = th_control_interest(c);

    if (interest.kinds == 0)
        th_unsubscribe(self, events);
    else if (th_subscribe(self, events, interest, NULL, NULL) != TH_OK)
        th_stream_on_manager_down(c, self); /* it is tried again */
}

/* --- the listener --------------------------------------------------------------------------------- */

static void refuse_client(struct th_control *c, int fd, unsigned connected)
{
    char line[160];
    int len = snprintf(line, sizeof line,
                       "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,"
                       "\"message\":\"%u clients are connected already\"}}\n",
                       TH_RPC_BUSY, connected);

    c->counts.refused++;
    (void)!send(fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static bool is_owner(int fd)
{
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t len = sizeof who;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == 0 || who.uid == geteuid());
}

/* fd: given. Errors: TH_NO_MEMORY. */
static enum th_err add_client(struct th_control *c, const struct th_self *self, int fd)
{
    bool is_admin = is_owner(fd);
    unsigned most = is_admin ? TH_CONTROL_CLIENTS_MAX : TH_CONTROL_OTHERS_MAX;

    if (c->client_count >= most) {
        refuse_client(c, fd, c->client_count);
        return TH_OK;
    }
    struct th_client *client = th_mem_zalloc(1, sizeof *client);
    if (client) {
        client->id = ++c->last_client;
        client->fd = fd;
        client->is_admin = is_admin;
        client->poll = poll_new(c, self, fd, false,
                                (struct th_msg){.kind = &ready_msg, .body = (void *)client->id});
    }
    if (client == NULL || client->poll == NULL) {
        th_mem_free(client);
        close(fd);
        return TH_NO_MEMORY;
    }
    client->next = c->clients;
    c->clients = client;
    c->client_count++;
    settle_client(c, self, client);
    return TH_OK;
}

/* Nothing is left to accept with: what is connected goes on, newcomers wait in the backlog. */
static void pause_listener(struct th_control *c, const struct th_self *self, int failed)
{
    if (th_listen_on_failed(&c->listen, self->now.mono))
        TH_LOG(self->log, WARN, "control", "paused accept_error=\"%s\" clients=%u",
               strerror(failed), c->client_count);
    poll_for(c->listener, 0);
}

/* Accepts one; -1 with errno. The last descriptors are for the rest of the daemon, which keeps its
 * state in files: the next one that is free tells how many are left, for it is the lowest. */
static int accept_one(int listener)
{
    struct rlimit limit;
    int next = fcntl(listener, F_DUPFD_CLOEXEC, 0);

    if (next < 0)
        return -1;
    close(next);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)next + SPARE_FDS >= limit.rlim_cur) {
        errno = EMFILE;
        return -1;
    }
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void accept_clients(struct th_control *c, const struct th_self *self)
{
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        int fd = accept_one(c->config->socket->fd);
        int failed = fd < 0 ? errno : 0;

        if (fd >= 0 && add_client(c, self, fd) != TH_OK)
            failed = ENOMEM;
        if (failed == 0) {
            th_listen_on_accepted(&c->listen);
        } else if (failed == EAGAIN || failed == EWOULDBLOCK) {
            break;
        } else if (failed != ECONNABORTED && failed != EINTR) {
            pause_listener(c, self, failed);
            return;
        }
    }
    poll_for(c->listener, UV_READABLE);
}

static void look_after_listener(struct th_control *c, const struct th_self *self)
{
    struct th_listen_trouble trouble;

    if (th_listen_wants_accept(&c->listen, self->now.mono))
        accept_clients(c, self);
    if (th_listen_has_recovered(&c->listen, self->now.mono, &trouble))
        TH_LOG(self->log, INFO, "control",
               "recovered accept_failures=%llu accepted=%llu took_ms=%llu",
               (unsigned long long)trouble.failures, (unsigned long long)trouble.accepted,
               (unsigned long long)trouble.took_ms);
}

/* --- the server ----------------------------------------------------------------------------------- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct th_control *c = state;

    c->config = arg;
    c->gather_ms = c->config->gather_ms ? c->config->gather_ms : TH_CONTROL_GATHER_MS;
    th_listen_init(&c->listen);
    th_stream_init(c);
    th_limit_init(&c->probes, TH_PROBES_PER_S, TH_PROBES_PER_S, self->now.mono);

    /* The socket outlives us, and no descriptor is needed here: a new server of this kind can begin
     * when there is none. Who connects meanwhile waits in the backlog. */
    c->listener =
        poll_new(c, self, c->config->socket->fd, true, (struct th_msg){.kind = &accept_msg});
    if (c->listener == NULL)
        return TH_NO_MEMORY;
    poll_for(c->listener, UV_READABLE);
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct th_control *c = state;

    if (msg->kind == &ready_msg) {
        on_client_ready(c, self, (uintptr_t)msg->body);
        msg->body = NULL;
    } else if (msg->kind == &accept_msg) {
        accept_clients(c, self);
    } else if (msg->kind == &th_event_msg) {
        const struct th_event *event = th_event_of(msg);

        if (event->kind == TH_EV_PACKET)
            th_probe_on_packet(c, self, th_ev_packet_of(event));
        th_stream_on_event(c, self, event);
    } else if (msg->kind == &th_down_msg) {
        th_stream_on_manager_down(c, self); /* nobody else is monitored */
    }
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct th_control *c = state;
    th_ms now = self->now.mono;

    look_after_listener(c, self);
    for (struct th_job *job = c->jobs, *next; job; job = next) {
        next = job->next;
        if (job->alarm_at <= now && job->method->id == TH_METHOD_REACH)
            th_reach_on_alarm(c, self, job);
        else if (job->alarm_at <= now)
            th_probe_on_alarm(c, self, job);
    }
    th_stream_on_alarm(c, self);
    return TH_OK;
}

static th_ms deadline(const void *state)
{
    const struct th_control *c = state;
    th_ms at = th_sooner(th_listen_deadline(&c->listen), th_stream_deadline(c));

    for (const struct th_job *job = c->jobs; job; job = job->next)
        at = th_sooner(at, job->alarm_at);
    return at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct th_control *c = state;

    (void)why;
    th_stream_clear(c);
    th_pipe_clear(c);
    while (c->jobs) {
        struct th_job *next = c->jobs->next;

        th_job_free(c->jobs);
        c->jobs = next;
    }
    while (c->clients)
        close_client(c, self, c->clients);
    poll_close(c->listener);
}

const struct th_server_ops th_control_ops = {
    .name = "control",
    .state_size = sizeof(struct th_control),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};
