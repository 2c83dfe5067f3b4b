#include "tools/app/pulse.h"

#include "router/node.h"
#include "switch/base/mem.h"
#include "switch/run/call.h"
#include "tools/app/control_job.h"
#include "tools/app/health.h"

#include <errno.h>
#include <time.h>

enum { ASK_MS = 200 };

static void look_at_servers(struct th_host *host, struct th_health_facts *facts)
{
    unsigned count;
    struct th_server_look *rows = th_server_rows(host, &count);

    th_health_look_at_servers(facts, rows, count, th_host_watchdog(host));
    th_mem_free(rows);
}

/* Its answer, or none. */
static struct th_msg ask(struct th_host *host, const char *server, const struct th_msg_kind *kind)
{
    struct th_msg reply = {0};

    if (th_call_wait(host, th_whereis(host, 0, server), (struct th_msg){.kind = kind}, ASK_MS,
                     &reply) != TH_OK)
        reply = (struct th_msg){0};
    return reply;
}

static void look_at_node(struct th_host *host, struct th_health_facts *facts)
{
    struct th_msg status = ask(host, TH_NODE_SWITCH, &th_switch_msg_status),
                  bootstrap = ask(host, TH_NODE_BOOTSTRAP, &th_bootstrap_msg_status),
                  table = ask(host, TH_NODE_ROUTER, &th_router_msg_table),
                  dialer = ask(host, TH_NODE_DIALER, &th_dialer_msg_status);
    struct th_look look = {.status = status.body,
                           .bootstrap = bootstrap.body,
                           .table = table.body,
                           .dialer = dialer.body};

    th_health_look_at_node(facts, &look);
    th_msg_drop(&status);
    th_msg_drop(&bootstrap);
    th_msg_drop(&table);
    th_msg_drop(&dialer);
}

void th_pulse_beat(struct th_host *host, struct th_notify *n)
{
    struct th_health_facts *facts = th_mem_zalloc(1, sizeof *facts);
    struct th_health *health = th_mem_zalloc(1, sizeof *health);
    char text[TH_HEALTH_TEXT_MAX];

    if (facts && health) {
        look_at_servers(host, facts);
        th_health_judge(health, facts);
        if (health->is_alive)
            th_notify_watchdog(n);
        look_at_node(host, facts);
        th_health_judge(health, facts);
        th_health_say(text, health, facts);
        th_notify_status(n, text);
    }
    th_mem_free(facts);
    th_mem_free(health);
}

static th_ms pause_of(const struct th_notify *n)
{
    return n->watchdog_ms > 0 ? th_sooner(TH_PULSE_MS, n->watchdog_ms / 2) : TH_PULSE_MS;
}

int th_pulse_wait(struct th_host *host, struct th_notify *n, const sigset_t *signals)
{
    int number = 0;

    if (!th_notify_is_wanted(n))
        return sigwaitinfo(signals, NULL);
    while (number == 0) {
        uint64_t now = th_notify_usec(), left;

        if (now >= n->pulse_at) {
            th_pulse_beat(host, n);
            n->pulse_at = now + 1000 * pause_of(n);
            now = th_notify_usec();
        }
        left = n->pulse_at > now ? n->pulse_at - now : 0;
        number = sigtimedwait(signals, NULL,
                              &(struct timespec){.tv_sec = (time_t)(left / 1000000),
                                                 .tv_nsec = (long)(left % 1000000) * 1000});
        if (number < 0 && errno == EAGAIN)
            number = 0;
    }
    return number;
}
