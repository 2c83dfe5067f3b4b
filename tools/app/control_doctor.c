/*
 * The method `doctor`: what the node's servers say of themselves, judged.
 */
#include "tools/app/control_job.h"

#include "switch/base/mem.h"
#include "tools/app/doctor.h"
#include "tools/app/utf8.h"

#include <sys/stat.h>
#include <unistd.h>

/* How far the wall clock was set since the start; 0 when that is not known. */
static int64_t stepped(const struct th_control_config *config, struct th_now now)
{
    if (config->started_wall == 0)
        return 0;
    return now.wall - config->started_wall - (int64_t)(now.mono - config->started_at);
}

/* 0 when it is not ours any more. */
static unsigned socket_mode(const struct th_control_socket *sock)
{
    struct stat found;

    if (lstat(sock->path, &found) != 0 || found.st_dev != sock->device ||
        found.st_ino != sock->inode)
        return 0;
    return found.st_mode & 0777;
}

static json_t *result_of(const struct th_control_socket *sock, const struct th_findings *findings)
{
    char path[TH_SOCKET_PATH_MAX];

    snprintf(path, sizeof path, "%s", sock->path);
    th_utf8_mend(path, false);
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o, s:i}", "version", TH_VERSION, "pid",
                     (json_int_t)getpid(), "owner", sock->owner, "group", sock->group, "socket",
                     path, "checks", th_findings_json(findings), "checks_left_out",
                     (int)findings->left_out);
}

json_t *th_doctor_look(const struct th_control *c, const struct th_self *self,
                       const struct th_job *job)
{
    struct th_doctor_facts facts = {
        .look = th_job_look(c, self, job),
        .stepped_ms = stepped(c->config, self->now),
        .watchdog_ms = th_host_watchdog(self->host),
        .sources = job->call[TH_JOB_SOURCES].reply.body,
        .keeper = job->call[TH_JOB_KEEPER].reply.body,
        .settings = job->call[TH_JOB_SETTINGS].reply.body,
        .socket_path = c->config->socket->path,
        .socket_group = c->config->socket->group,
        .socket_mode = socket_mode(c->config->socket),
    };
    struct th_server_look *rows = th_server_rows(self->host, &facts.server_count);
    struct th_findings *findings = th_mem_zalloc(1, sizeof *findings);
    json_t *result = NULL;

    facts.server = rows;
    if (findings && rows) {
        th_doctor_judge(findings, &facts);
        result = result_of(c->config->socket, findings);
    }
    th_mem_free(findings);
    th_mem_free(rows);
    return result;
}
