#include "tools/app/ctl_doctor.h"

#include "switch/base/mem.h"
#include "tools/app/doctor.h"
#include "tools/app/utf8.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* What the daemon has to do with it. */
struct patient {
    bool answers;
    long pid;       /* 0: none is known */
    json_t *result; /* of the method; NULL: it does not answer */
};

/* --- from outside --------------------------------------------------------------------------------- */

/* The letter that the kernel has for what a process does; 0 when there is none. */
static char state_of(long pid)
{
    char name[48], text[512] = "";
    FILE *stat;

    snprintf(name, sizeof name, "/proc/%ld/stat", pid);
    stat = fopen(name, "re");
    if (stat == NULL)
        return 0;
    size_t len = fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
    text[len] = '\0';
    const char *end = strrchr(text, ')'); /* of its name, which may hold anything */
    return end && end[1] == ' ' ? end[2] : 0;
}

static void check_process(struct th_findings *f, long pid)
{
    char state = state_of(pid);

    if (state == 'T' || state == 't') {
        th_find(f, "process", TH_VERDICT_BAD, "telehashd (pid %ld) is stopped by a signal", pid);
        th_advise(f, "kill -CONT %ld", pid);
    } else if (state == 'D') {
        th_find(f, "process", TH_VERDICT_BAD, "telehashd (pid %ld) waits for a disk", pid);
        th_advise(f, "dmesg says more of the disk");
    } else if (state) {
        th_find(f, "process", TH_VERDICT_WARN,
                "telehashd (pid %ld) runs, so its control server hangs or is too busy", pid);
        th_advise(f,
                  "its log names a server that hangs; if it stays so: kill %ld, and start it anew",
                  pid);
    }
}

/* Whether somebody keeps the clock right, by the kernel. */
static void check_sync(struct th_findings *f)
{
    struct timex now = {0};
    int state = adjtimex(&now);

    if (state < 0) {
        th_find(f, "ntp", TH_VERDICT_UNKNOWN, "the kernel does not tell: %s", strerror(errno));
    } else if (state == TIME_ERROR || (now.status & STA_UNSYNC)) {
        th_find(f, "ntp", TH_VERDICT_WARN,
                "nothing keeps the clock of this machine right, says the "
                "kernel");
        th_advise(f, "timedatectl set-ntp true, or install chrony (in a container: on its host)");
    } else {
        th_find(f, "ntp", TH_VERDICT_OK, "the clock is kept right, to %ld ms at worst",
                now.maxerror / 1000);
    }
}

static void check_version(struct th_findings *f, const json_t *result)
{
    const char *version = json_string_value(json_object_get(result, "version"));

    if (version == NULL) {
        th_find(f, "version", TH_VERDICT_UNKNOWN, "the daemon does not tell its own");
    } else if (strcmp(version, TH_VERSION) != 0) {
        th_find(f, "version", TH_VERDICT_WARN, "the daemon is %s, this thctl is " TH_VERSION,
                version);
        th_advise(f, "restart telehashd after an update; or is another thctl first in PATH?");
    } else {
        th_find(f, "version", TH_VERDICT_OK, "daemon and thctl are both " TH_VERSION);
    }
}

/* --- without a daemon ----------------------------------------------------------------------------- */

static socklen_t name_of(struct sockaddr_storage *name, const struct th_addr *addr)
{
    memset(name, 0, sizeof *name);
    if (addr->family == TH_FAMILY_IPV4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};

        memcpy(&in.sin_addr, addr->ip, 4);
        memcpy(name, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};

    memcpy(&in6.sin6_addr, addr->ip, 16);
    memcpy(name, &in6, sizeof in6);
    return sizeof in6;
}

/* Returns 0 when it could be bound, else errno. */
static int try_bind(const struct th_addr *addr)
{
    struct sockaddr_storage name;
    socklen_t len = name_of(&name, addr);
    int one = 1, failed = 0;
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    if (name.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&name, len) != 0)
        failed = errno;
    close(fd);
    return failed;
}

static void check_port(struct th_findings *f, const struct th_addr *addr)
{
    char text[TH_ADDR_TEXT_MAX];
    int failed = try_bind(addr);

    th_addr_write(text, addr);
    if (failed == 0) {
        th_find(f, "ports", TH_VERDICT_OK, "UDP %s is free", text);
    } else if (failed == EADDRINUSE) {
        th_find(f, "ports", TH_VERDICT_BAD, "UDP %s is taken by somebody", text);
        th_advise(f, "ss -ulpn 'sport = :%u' says by whom; --listen names another port",
                  addr->port);
    } else if (failed == EAFNOSUPPORT || failed == EADDRNOTAVAIL) {
        th_find(f, "ports", TH_VERDICT_WARN, "UDP %s: this machine has no such address", text);
        th_advise(f, "ip addr lists those that it has");
    } else {
        th_find(f, "ports", TH_VERDICT_BAD, "UDP %s: %s", text, strerror(failed));
        th_advise(f, "ports below 1024 need root or CAP_NET_BIND_SERVICE; --listen names another");
    }
}

static void check_ports(struct th_findings *f, const struct th_config *config)
{
    static const struct th_addr everywhere = {.port = TH_PORT_DEFAULT, .family = TH_FAMILY_IPV4};

    if (config->listen_count == 0)
        check_port(f, &everywhere);
    for (unsigned i = 0; i < config->listen_count; i++)
        if (config->listen[i].port != 0)
            check_port(f, &config->listen[i]);
}

static th_epoch_ms wall_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (th_epoch_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By the configuration that a telehashd of this user would have. */
static void check_without(struct th_findings *f, struct patient *patient)
{
    static char *const argv[] = {"telehashd", NULL};
    struct th_environment env;
    struct th_config config = {0};
    struct th_disk_look disk;
    char say[TH_SAY_MAX];

    th_environment_read(&env);
    if (th_config_read(&config, 1, argv, &env, say) != TH_OK) {
        th_find(f, "config", TH_VERDICT_BAD, "%.300s", say);
        th_advise(f, "telehashd --check-config FILE names each mistake");
        return;
    }
    th_find(f, "config", TH_VERDICT_OK, "%.250s",
            config.file_in_use[0] ? config.file_in_use : "none is needed, and there is none");
    th_disk_look_at(&disk, config.state_dir, wall_now());
    th_disk_look_at_lock(&disk);
    if (disk.failed == ENOENT) {
        th_find(f, "disk", TH_VERDICT_OK, "%.200s is not there: no telehashd ran here with it",
                disk.dir);
    } else {
        th_doctor_judge_disk(f, &disk);
        if (disk.has_files && disk.newest_ahead_ms > TH_DOCTOR_AHEAD_MS) {
            th_find(f, "clock", TH_VERDICT_BAD, "the state directory has files from the future");
            th_advise(f, "compare date with another machine; timedatectl set-ntp true");
        }
    }
    if (disk.is_locked) {
        patient->pid = patient->pid ? patient->pid : disk.lock_pid;
        th_find(f, "lock", TH_VERDICT_WARN,
                "a telehashd (pid %ld) uses %.200s, but not the sockets that were tried",
                disk.lock_pid, disk.dir);
        th_advise(f, "--socket PATH, as it was started with; it is in the first lines of its log");
    } else {
        check_ports(f, &config);
    }
    th_config_clear(&config);
}

/* --- all of it ------------------------------------------------------------------------------------ */

static void ask(const struct th_ctl_run *run, struct patient *patient, struct th_findings *f,
                const char *why_not)
{
    char say[TH_SAY_MAX];
    int code = 0;

    if (why_not[0]) {
        th_find(f, "daemon", TH_VERDICT_BAD, "%.300s", why_not);
        th_advise(f, "start telehashd, or name its socket with --socket");
        return;
    }
    patient->pid = run->ctl->pid;
    enum th_err e =
        th_ctl_call(run->ctl, "doctor", NULL, run->args->timeout_ms, &patient->result, &code, say);
    if (e == TH_OK) {
        patient->answers = true;
        th_find(f, "daemon", TH_VERDICT_OK, "telehashd (pid %ld) answers at %s", patient->pid,
                run->ctl->path);
        return;
    }
    patient->result = NULL;
    th_find(f, "daemon", TH_VERDICT_BAD, "%.300s", say);
    th_advise(f, "see its log: journalctl -u telehashd, or where it was started");
    check_process(f, patient->pid);
}

/* Ours first, then what the daemon found. */
static json_t *merge(const struct th_findings *f, const struct patient *patient,
                     const struct th_ctl *ctl)
{
    json_t *checks = th_findings_json(f);
    char path[TH_SOCKET_PATH_MAX];
    const char *version = json_string_value(json_object_get(patient->result, "version"));
    json_int_t left_out = json_integer_value(json_object_get(patient->result, "checks_left_out"));

    snprintf(path, sizeof path, "%s", ctl->path);
    th_utf8_mend(path, false);
    json_array_extend(checks, json_object_get(patient->result, "checks"));
    return json_pack("{s:{s:b, s:o, s:s?, s:s?}, s:o, s:I}", "daemon", "answers", patient->answers,
                     "pid", patient->pid ? json_integer(patient->pid) : json_null(), "version",
                     version, "socket", ctl->fd >= 0 ? path : NULL, "checks", checks,
                     "checks_left_out", left_out + (json_int_t)f->left_out);
}

static unsigned count_of(const json_t *checks, const char *verdict)
{
    const json_t *row;
    size_t i;
    unsigned count = 0;

    json_array_foreach(checks, i, row)
    {
        const char *word = json_string_value(json_object_get(row, "verdict"));
        count += word && strcmp(word, verdict) == 0;
    }
    return count;
}

static void show(const json_t *all, const struct th_style *style)
{
    const json_t *checks = json_object_get(all, "checks"), *row;
    size_t i;

    json_array_foreach(checks, i, row)
    {
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        const char *next = json_string_value(json_object_get(row, "next"));
        bool is_ok = strcmp(verdict, "ok") == 0, is_bad = strcmp(verdict, "bad") == 0;

        fprintf(style->out, "%s%-8s%s %-10s%s\n",
                is_ok    ? th_green(style)
                : is_bad ? th_red(style)
                         : th_bold(style),
                verdict, th_plain(style), json_string_value(json_object_get(row, "check")),
                json_string_value(json_object_get(row, "text")));
        if (next)
            fprintf(style->out, "%-19s-> %s\n", "", next);
    }
    fprintf(style->out, "\n%u bad, %u to look at, %u unknown, %u good\n", count_of(checks, "bad"),
            count_of(checks, "warn"), count_of(checks, "unknown"), count_of(checks, "ok"));
}

int th_ctl_doctor(const struct th_ctl_run *run, const char *why_not)
{
    struct th_findings *f = th_mem_zalloc(1, sizeof *f);
    struct patient patient = {0};

    if (f == NULL)
        return 1;
    ask(run, &patient, f, why_not);
    if (patient.answers)
        check_version(f, patient.result);
    else if (why_not[0])
        check_without(f, &patient);
    check_sync(f);
    json_t *all = merge(f, &patient, run->ctl);
    unsigned bad = count_of(json_object_get(all, "checks"), "bad");
    if (all && !th_ctl_print_json(run, all))
        show(all, run->style);
    int code = all == NULL || bad > 0 ? 1 : 0;
    json_decref(all);
    json_decref(patient.result);
    th_mem_free(f);
    return code;
}
