#include "tools/app/portmap.h"

#include "router/node.h"
#include "switch/base/mem.h"
#include "switch/run/host_uv.h"

#include <uv.h>

const struct th_msg_kind th_portmap_msg_status = {.name = "port-map.status", .drop = th_mem_free};
const struct th_msg_kind th_portmap_msg_release = {.name = "port-map.release"};

/* Body: struct work, whose mapping is what came of it. */
static void drop_work(void *body)
{
    th_mem_free(body);
}
static const struct th_msg_kind done_msg = {.name = "port-map.done", .drop = drop_work};

/* One request to the router, on its way; nobody waits for it when the server has ended. */
struct work {
    uv_work_t work;
    struct th_host *host;
    th_pid server;
    uint16_t port;
    bool is_release;
    struct th_gateway_mapping mapping; /* before, then after */
};

struct portmap {
    const struct th_portmap_config *config;
    struct th_gateway_mapping mapping;
    bool is_busy, is_over;
    unsigned fails; /* in a row */
    th_ms at;       /* of the next request; TH_NEVER while one is on its way, and at the end */
    th_ms tell_at;
    bool has_waiter;
    struct th_from waiter; /* for the release */
};

static void on_work(uv_work_t *handle)
{
    struct work *work = handle->data;
    struct th_gateway_mapping before = work->mapping;

    if (work->is_release)
        th_gateway_unmap(&work->mapping, work->port);
    else
        th_gateway_map(&work->mapping, work->port, &before);
}

static void on_done(uv_work_t *handle, int status)
{
    struct work *work = handle->data;

    (void)status;
    /* Its message is dropped with it when the server has gone. */
    (void)th_post(work->host, work->server, (struct th_msg){.kind = &done_msg, .body = work});
}

static void ask_router(struct portmap *p, const struct th_self *self, bool is_release)
{
    struct work *work = th_mem_zalloc(1, sizeof *work);

    p->at = self->now.mono + TH_PORTMAP_AGAIN_MS_MIN;
    if (work == NULL)
        return;
    *work = (struct work){.host = self->host,
                          .server = self->pid,
                          .port = p->config->port,
                          .is_release = is_release,
                          .mapping = p->mapping};
    work->work.data = work;
    if (uv_queue_work(th_host_uv_loop(p->config->place), &work->work, on_work, on_done) != 0) {
        th_mem_free(work);
        return;
    }
    p->is_busy = true;
    p->at = TH_NEVER;
}

/* The switch forgets it when it is started anew, so it is told again and again. */
static void tell_switch(struct portmap *p, const struct th_self *self)
{
    struct th_addr *addr = th_mem_zalloc(1, sizeof *addr);

    p->tell_at = self->now.mono + TH_PORTMAP_TELL_MS;
    if (addr == NULL)
        return;
    if (p->mapping.how != TH_GATEWAY_NONE)
        *addr = p->mapping.addr;
    (void)th_post(self->host, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                  (struct th_msg){.kind = &th_switch_msg_mapped, .body = addr});
}

static void log_change(const struct th_self *self, const struct th_gateway_mapping *before,
                       const struct th_gateway_mapping *after, unsigned fails)
{
    char text[TH_ADDR_TEXT_MAX];
    bool is_same = before->how == after->how && th_addr_is_equal(&before->addr, &after->addr);

    if (after->how != TH_GATEWAY_NONE && !is_same) {
        th_addr_write(text, &after->addr);
        TH_LOG(self->log, INFO, "port-map", "mapped addr=%s by=%s lease_s=%u", text,
               th_gateway_name(after->how), after->lease_s);
    } else if (after->how == TH_GATEWAY_NONE && fails == 1) {
        TH_LOG(self->log, WARN, "port-map", "not_mapped why=\"%s\"; it is tried again", after->why);
    }
}

static th_ms until_next(const struct portmap *p)
{
    th_ms half = (th_ms)p->mapping.lease_s * 1000 / 2;

    if (p->mapping.how == TH_GATEWAY_NONE) {
        th_ms pause = TH_PORTMAP_AGAIN_MS_MIN;

        for (unsigned i = 1; i < p->fails && pause < TH_PORTMAP_AGAIN_MS_MAX; i++)
            pause *= 2;
        return pause < TH_PORTMAP_AGAIN_MS_MAX ? pause : TH_PORTMAP_AGAIN_MS_MAX;
    }
    if (half < TH_PORTMAP_RENEW_MS_MIN)
        return TH_PORTMAP_RENEW_MS_MIN;
    return half < TH_PORTMAP_RENEW_MS_MAX ? half : TH_PORTMAP_RENEW_MS_MAX;
}

static void release(struct portmap *p, const struct th_self *self)
{
    if (p->mapping.how != TH_GATEWAY_NONE) {
        ask_router(p, self, true);
        if (p->is_busy)
            return;
    }
    p->at = TH_NEVER;
    if (p->has_waiter)
        th_reply(self->host, p->waiter, (struct th_msg){.kind = &th_portmap_msg_release});
    p->has_waiter = false;
}

static void on_answered(struct portmap *p, const struct th_self *self, const struct work *work)
{
    struct th_gateway_mapping before = p->mapping;

    p->is_busy = false;
    p->mapping = work->mapping;
    if (work->is_release)
        p->mapping = (struct th_gateway_mapping){0};
    if (p->is_over) {
        release(p, self); /* what was just mapped; or it is done */
        return;
    }
    p->fails = p->mapping.how == TH_GATEWAY_NONE ? p->fails + 1 : 0;
    log_change(self, &before, &p->mapping, p->fails);
    p->at = self->now.mono + until_next(p);
    tell_switch(p, self);
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct portmap *p = state;

    p->config = arg;
    p->tell_at = TH_NEVER;
    ask_router(p, self, false);
    return TH_OK;
}

static void on_status(const struct portmap *p, const struct th_self *self, const struct th_msg *msg)
{
    struct th_portmap_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return; /* its time-out tells it */
    *status = (struct th_portmap_status){.mapping = p->mapping, .fails = p->fails};
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_portmap_msg_status, .body = status});
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct portmap *p = state;

    if (msg->kind == &done_msg) {
        on_answered(p, self, msg->body);
    } else if (msg->kind == &th_portmap_msg_status) {
        on_status(p, self, msg);
    } else if (msg->kind == &th_portmap_msg_release && !p->has_waiter) {
        p->waiter = th_from_of(msg);
        p->has_waiter = true;
        p->is_over = true;
        if (!p->is_busy)
            release(p, self);
    }
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct portmap *p = state;

    if (p->tell_at <= self->now.mono)
        tell_switch(p, self);
    if (p->at <= self->now.mono && !p->is_over)
        ask_router(p, self, false);
    return TH_OK;
}

static th_ms deadline(const void *state)
{
    const struct portmap *p = state;

    return p->is_over ? TH_NEVER : th_sooner(p->at, p->tell_at);
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    (void)state, (void)self, (void)why; /* what is on its way ends by itself */
}

const struct th_server_ops th_portmap_ops = {
    .name = TH_PORTMAP_NAME,
    .state_size = sizeof(struct portmap),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

/* The port that others would need; 0: none. */
static uint16_t port_of(struct th_net *net)
{
    struct th_addr addr[TH_NET_ADDRS_MAX];
    unsigned count = net->ops->addrs(net, addr, TH_NET_ADDRS_MAX);

    for (unsigned i = 0; i < count; i++)
        if (addr[i].family == TH_FAMILY_IPV4 && th_addr_realm(&addr[i]) != TH_REALM_LOOPBACK)
            return addr[i].port;
    return 0;
}

bool th_portmap_child(struct th_child *out, struct th_portmap_config *config, struct th_net *net,
                      struct th_place *place, const struct th_log *log)
{
    *config = (struct th_portmap_config){.place = place, .port = port_of(net)};
    if (config->port == 0) {
        TH_LOG(log, WARN, "port-map", "no port to map: no IPv4 address that others could use");
        return false;
    }
    *out = (struct th_child){.spec = {.ops = &th_portmap_ops,
                                      .arg = config,
                                      .name = TH_PORTMAP_NAME,
                                      .place = place,
                                      .log = log}};
    return true;
}
