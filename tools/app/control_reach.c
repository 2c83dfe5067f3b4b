/*
 * The method `reach`: asks some peers where they see us, and judges what is known then.
 */
#include "tools/app/control_job.h"

#include "tools/app/reachability.h"

#include <string.h>

enum {
    ASKED_MAX = TH_WITNESSES_MAX,
    ASK_MS = 1000 /* for their answers: a round trip round the world takes a third of it */
};

static bool is_direct(const struct th_line_look *line)
{
    return line->is_up && !line->is_silent && line->has_addr && !line->has_middle;
}

/* Nodes of one IP see the same. */
static bool has_ip(const struct th_addr *ips, unsigned count, const struct th_addr *addr)
{
    for (unsigned i = 0; i < count; i++)
        if (ips[i].family == addr->family && memcmp(ips[i].ip, addr->ip, sizeof addr->ip) == 0)
            return true;
    return false;
}

/* Asks a node for the ways to it; the answer says where it sees us, and the switch notes that. */
static bool ask(const struct th_self *self, const struct th_hashname *to)
{
    char buffer[128];
    struct th_text fields = th_text_in(buffer, sizeof buffer);
    struct th_switch_channel *body;

    th_paths_put(&fields, NULL, 0);
    body = th_switch_channel_new(to, TH_CHANNEL_PATH, th_text_bytes(&fields), (struct th_bytes){0});
    if (body == NULL)
        return false;
    body->silence_ms = 2 * ASK_MS;
    return th_post(self->host, th_whereis(self->host, self->scope, TH_NODE_SWITCH),
                   (struct th_msg){.kind = &th_switch_msg_channel, .body = body}) == TH_OK;
}

/* Returns how many are asked. */
static unsigned ask_some(const struct th_self *self, const struct th_switch_lines *lines)
{
    struct th_addr ips[ASKED_MAX];
    unsigned count = 0;

    for (unsigned i = 0; lines && i < lines->count && count < ASKED_MAX; i++) {
        const struct th_line_look *line = &lines->line[i];

        if (is_direct(line) && !has_ip(ips, count, &line->addr) && ask(self, &line->id))
            ips[count++] = line->addr;
    }
    return count;
}

void th_reach_run(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    struct th_look look = th_job_look(c, self, job);
    struct th_reachability_facts facts;

    if (look.status == NULL) {
        th_job_fail(c, self, job, TH_RPC_TIMED_OUT, "the switch does not answer; see the servers",
                    json_pack("{s:s}", "server", TH_NODE_SWITCH));
        return;
    }
    if (!job->has_asked) {
        job->has_asked = true;
        job->asked = ask_some(self, look.lines);
        if (job->asked > 0) {
            job->alarm_at = self->now.mono + ASK_MS;
            return;
        }
    }
    th_reachability_look(&facts, &look);
    json_t *result = th_reachability_json(&facts);
    if (result)
        th_json_put(result, "asked", json_integer(job->asked));
    th_job_answer(c, self, job, result);
}

void th_reach_on_alarm(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    th_job_gather_again(c, self, job);
}
