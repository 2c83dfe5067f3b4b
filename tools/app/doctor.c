#include "tools/app/doctor.h"

#include "switch/udp.h"
#include "tools/app/ctl_text.h"
#include "tools/app/health.h"

#include <stdlib.h>
#include <string.h>

/* "12 s", of either sign. */
static const char *span(char text[32], int64_t ms)
{
    return th_text_ms(text, (uint64_t)(ms < 0 ? -ms : ms));
}

static const char *s_of(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* --- clock ---------------------------------------------------------------------------------------- */

static void check_clock(struct th_findings *f, const struct th_doctor_facts *facts)
{
    const struct th_switch_status *status = facts->look.status;
    const struct th_settings_status *settings = facts->settings;
    char text[32];
    bool is_good = true;

    if (status && status->clock_ms != 0) {
        th_find(f, "clock", TH_VERDICT_BAD, "it is %s %s the clocks of at least three peers",
                span(text, status->clock_ms), status->clock_ms > 0 ? "behind" : "ahead of");
        th_advise(f, "set this machine's clock: timedatectl set-ntp true, or date -s; until then "
                     "theirs is gone by");
        is_good = false;
    }
    if (settings && settings->disk.has_files &&
        settings->disk.newest_ahead_ms > TH_DOCTOR_AHEAD_MS) {
        th_find(f, "clock", TH_VERDICT_BAD,
                "the state directory has files from %s in the future: the clock is behind, or was "
                "ahead",
                span(text, settings->disk.newest_ahead_ms));
        th_advise(f, "compare date with another machine; timedatectl set-ntp true");
        is_good = false;
    }
    if (status && status->at_highest > facts->look.now.wall + TH_DOCTOR_AHEAD_MS) {
        th_find(
            f, "clock", TH_VERDICT_WARN,
            "a handshake was dated %s later than now: the clock was ahead then, or is behind now",
            span(text, status->at_highest - facts->look.now.wall));
        th_advise(f, "compare date with another machine; timedatectl set-ntp true");
        is_good = false;
    }
    if (llabs(facts->stepped_ms) > TH_DOCTOR_STEP_MS) {
        th_find(f, "clock", TH_VERDICT_WARN, "it was set %s by %s since the daemon began",
                facts->stepped_ms > 0 ? "forward" : "back", span(text, facts->stepped_ms));
        th_advise(f, "nothing, if it is right now");
        is_good = false;
    }
    if (is_good && status)
        th_find(f, "clock", TH_VERDICT_OK,
                "no peer is at odds with it, no file is from the future, nobody set it");
    else if (is_good)
        th_find(f, "clock", TH_VERDICT_UNKNOWN, "the switch does not answer");
}

/* --- ports, buffers ------------------------------------------------------------------------------- */

static unsigned count_up(const struct th_switch_lines *lines)
{
    unsigned up = 0;

    for (unsigned i = 0; lines && i < lines->count; i++)
        up += lines->line[i].is_up;
    return up;
}

static void check_traffic(struct th_findings *f, const struct th_switch_status *status,
                          const struct th_switch_lines *lines, uint16_t port)
{
    unsigned long long sent = (unsigned long long)status->tx_packets,
                       came = (unsigned long long)status->rx_packets;

    if (came == 0 && sent >= TH_DOCTOR_SENT_MIN) {
        th_find(
            f, "traffic", TH_VERDICT_BAD,
            "%llu datagrams were sent and none has come: UDP is blocked on the way, or the seeds "
            "are gone",
            sent);
        th_advise(f,
                  "let UDP in and out at port %u: nft list ruleset here, then the router and the "
                  "provider; another port: --listen 0.0.0.0:443",
                  port);
    } else if (came == 0) {
        th_find(f, "traffic", TH_VERDICT_WARN,
                "nothing has come so far, and little was sent (%llu)", sent);
        th_advise(f, "is there a seed? thctl seeds list");
    } else if (count_up(lines) == 0 && lines) {
        th_find(f, "traffic", TH_VERDICT_WARN, "%llu datagrams came, but there is no line", came);
        th_advise(f, "thctl drops says what was wrong with them");
    } else {
        th_find(f, "traffic", TH_VERDICT_OK, "%llu datagrams came, %llu were sent", came, sent);
    }
}

static bool listens_on(const struct th_switch_status *status, const struct th_addr *wanted)
{
    struct th_addr bound = *wanted;

    for (unsigned i = 0; i < status->listen_count; i++) {
        bound.port = wanted->port ? wanted->port : status->listen[i].port;
        if (th_addr_is_equal(&bound, &status->listen[i]))
            return true;
    }
    return false;
}

/* Addresses that it was told to listen on and that this machine does not have. */
static void check_absent(struct th_findings *f, const struct th_doctor_facts *facts)
{
    static const uint8_t everywhere[sizeof facts->settings->listen[0].ip];
    const struct th_switch_status *status = facts->look.status;
    char text[TH_ADDR_TEXT_MAX];

    if (facts->settings == NULL || status->listen_count >= TH_NET_ADDRS_MAX)
        return; /* some may not be in the list */
    for (unsigned i = 0; i < facts->settings->listen_count; i++) {
        const struct th_addr *wanted = &facts->settings->listen[i];

        if (memcmp(wanted->ip, everywhere, sizeof everywhere) == 0 || listens_on(status, wanted))
            continue;
        th_addr_write(text, wanted);
        th_find(f, "ports", TH_VERDICT_WARN,
                "it does not listen on %s yet: it waits for the address", text);
        th_advise(f, "ip addr lists what this machine has; the log says why it cannot be bound");
    }
}

static void check_ports(struct th_findings *f, const struct th_doctor_facts *facts)
{
    const struct th_switch_status *status = facts->look.status;
    char text[TH_ADDR_TEXT_MAX];

    if (status == NULL) {
        th_find(f, "ports", TH_VERDICT_UNKNOWN, "the switch does not answer");
        return;
    }
    check_absent(f, facts);
    if (status->listen_count == 0) {
        th_find(f, "ports", TH_VERDICT_BAD, "it listens nowhere");
        th_advise(f, "--listen ADDR:PORT with an address of this machine; ip addr lists them");
        return;
    }
    th_addr_write(text, &status->listen[0]);
    if (status->listen_count == 1)
        th_find(f, "ports", TH_VERDICT_OK, "it listens on %s", text);
    else
        th_find(f, "ports", TH_VERDICT_OK, "it listens on %s and %u more", text,
                status->listen_count - 1);
    check_traffic(f, status, facts->look.lines, status->listen[0].port);
}

static void check_buffers(struct th_findings *f, const struct th_doctor_facts *facts)
{
    const struct th_switch_status *status = facts->look.status;
    uint32_t asked = facts->settings ? facts->settings->rcvbuf : 0;
    char got[32], wanted[32];

    asked = asked ? asked : TH_UDP_RCVBUF_DEFAULT;
    if (status == NULL || status->rcvbuf == 0) {
        th_find(f, "buffers", TH_VERDICT_UNKNOWN, "nobody tells how large the receive buffer is");
    } else if (status->rcvbuf < asked) {
        th_find(f, "buffers", TH_VERDICT_WARN,
                "the receive buffer is %s, %s were asked for: bursts may be lost",
                th_text_bytes_count(got, status->rcvbuf), th_text_bytes_count(wanted, asked));
        th_advise(f, "sysctl -w net.core.rmem_max=%u, and in /etc/sysctl.d; then restart", asked);
    } else {
        th_find(f, "buffers", TH_VERDICT_OK, "the receive buffer is %s, as asked for",
                th_text_bytes_count(got, status->rcvbuf));
    }
}

static void check_kernel_drops(struct th_findings *f, const struct th_switch_status *status)
{
    if (status == NULL || !status->has_kernel_drops) {
        th_find(f, "kernel", TH_VERDICT_UNKNOWN, "nobody tells how many datagrams it dropped");
        return;
    }
    unsigned long long drops = (unsigned long long)status->kernel_drops;
    if (drops == 0) {
        th_find(f, "kernel", TH_VERDICT_OK, "it dropped no datagram of ours");
        return;
    }
    bool is_much = status->kernel_drops > status->rx_packets / 100;
    th_find(f, "kernel", is_much ? TH_VERDICT_BAD : TH_VERDICT_WARN,
            "it dropped %llu datagram%s that nobody read in time, beside %llu that were read",
            drops, s_of(drops), (unsigned long long)status->rx_packets);
    th_advise(f, "a larger --rcvbuf; if it goes on, the processor is too busy: top, thctl servers");
}

/* --- seeds ---------------------------------------------------------------------------------------- */

static const char *how_seed(char text[160], const struct th_source_look *source)
{
    char ago[32], next[32];

    if (source->is_linked)
        snprintf(text, 160, "linked");
    else if (source->is_line_up && source->fails == 0)
        snprintf(text, 160, "reached; a link with it is not needed, or on its way");
    else if (source->is_line_up)
        snprintf(text, 160, "there is a line, but %u tr%s for a link failed: it is gone, or full",
                 source->fails, source->fails == 1 ? "y" : "ies");
    else if (source->was_reached)
        snprintf(text, 160, "not reached now; last %s ago; %u tr%s since, the next in %s",
                 th_text_ms(ago, source->reached_ms), source->fails,
                 source->fails == 1 ? "y" : "ies", th_text_ms(next, source->next_ms));
    else
        snprintf(text, 160, "never reached; %u tr%s failed, the next in %s", source->fails,
                 source->fails == 1 ? "y" : "ies", th_text_ms(next, source->next_ms));
    return text;
}

static bool is_well(const struct th_source_look *source)
{
    return source->is_linked || (source->is_line_up && source->fails == 0);
}

static void list_seeds(struct th_findings *f, const struct th_bootstrap_sources *sources,
                       bool is_others_up)
{
    char hex[TH_HASHNAME_HEX + 1], addr[TH_ADDR_TEXT_MAX], how[160];
    unsigned told = 0;

    for (unsigned i = 0; i < sources->count && told < TH_DOCTOR_SEEDS_MAX; i++) {
        const struct th_source_look *source = &sources->source[i];

        if (!source->is_configured)
            continue;
        told++;
        th_hashname_write(hex, &source->id);
        if (source->has_addr)
            th_addr_write(addr, &source->addr);
        else
            snprintf(addr, sizeof addr, "no address known");
        bool is_good = is_well(source) || source->fails == 0;
        th_find(f, "seed",
                is_good        ? TH_VERDICT_OK
                : is_others_up ? TH_VERDICT_WARN
                               : TH_VERDICT_BAD,
                "%.16s (%s): %s", hex, addr, how_seed(how, source));
        if (!is_good)
            th_advise(f,
                      "is it running, and its address right? thctl seeds list; thctl seek %.16s…",
                      hex);
    }
}

static void check_names(struct th_findings *f, const struct th_settings_status *settings)
{
    if (settings && settings->own_missing > 0) {
        th_find(f, "dns", TH_VERDICT_WARN,
                "%u name%s of --advertise %s no address, such as %s: others are not told of it",
                settings->own_missing, s_of(settings->own_missing),
                settings->own_missing == 1 ? "has" : "have", settings->own);
        th_advise(f, "getent hosts %s; see /etc/resolv.conf", settings->own);
    }
    if (settings == NULL || settings->names == 0)
        return;
    if (settings->names_failing == 0) {
        th_find(f, "dns", TH_VERDICT_OK, "the names of all %u seeds given by name were found",
                settings->names);
        return;
    }
    th_find(f, "dns", TH_VERDICT_WARN, "of %u seeds given by name %u %s not found, such as %s",
            settings->names, settings->names_failing, settings->names_failing == 1 ? "is" : "are",
            settings->failing);
    th_advise(f, "getent hosts %s; see /etc/resolv.conf", settings->failing);
}

static void check_seeds(struct th_findings *f, const struct th_doctor_facts *facts)
{
    const struct th_bootstrap_sources *sources = facts->sources;
    unsigned configured = 0, up = 0, tried = 0, others = 0;

    if (sources == NULL) {
        th_find(f, "seeds", TH_VERDICT_UNKNOWN, "the bootstrap does not answer");
        return;
    }
    for (unsigned i = 0; i < sources->count; i++) {
        const struct th_source_look *source = &sources->source[i];

        configured += source->is_configured;
        others += !source->is_configured;
        up += source->is_configured && is_well(source);
        tried += source->is_configured && !is_well(source) && source->fails > 0;
    }
    bool has_links = facts->look.bootstrap && facts->look.bootstrap->links > 0;
    if (configured == 0 && others == 0 && !has_links) {
        th_find(f, "seeds", TH_VERDICT_BAD, "none is known: there is nobody to join from");
        th_advise(f, "thctl seeds add URI, or --seeds FILE");
    } else if (configured == 0) {
        th_find(f, "seeds", TH_VERDICT_OK,
                "none is configured; %u peer%s of this or an earlier run", others, s_of(others));
    } else if (up == 0 && tried == configured) {
        th_find(f, "seeds", has_links ? TH_VERDICT_WARN : TH_VERDICT_BAD,
                "none of the %u that are configured answers", configured);
        th_advise(f, "when all fail, the cause is near: network, firewall, clock");
    } else {
        th_find(f, "seeds", TH_VERDICT_OK, "%u of %u that are configured are reached", up,
                configured);
    }
    list_seeds(f, sources, up > 0 || has_links);
    check_names(f, facts->settings);
}

/* --- table, servers ------------------------------------------------------------------------------- */

/* What health says of it, which is the same judge everywhere. */
static void check_table(struct th_findings *f, const struct th_doctor_facts *facts,
                        const struct th_health_facts *health)
{
    char text[32];
    unsigned buckets = 0;

    if (facts->look.table == NULL) {
        th_find(f, "table", TH_VERDICT_UNKNOWN, "the router does not answer");
        return;
    }
    for (unsigned i = 0; i < TH_BUCKETS; i++)
        buckets += facts->look.table->bucket[i].links > 0;
    if (health->links == 0) {
        th_find(f, "table", TH_VERDICT_BAD, "there is no link to any node");
        th_advise(f, "see seeds and traffic above");
    } else if (health->links_heard * 2 < health->links) {
        th_find(f, "table", TH_VERDICT_BAD, "of %u linked node%s %u %s heard of late",
                health->links, s_of(health->links), health->links_heard,
                health->links_heard == 1 ? "was" : "were");
        th_advise(f, "is the network of this machine up?");
    } else {
        th_find(f, "table", TH_VERDICT_OK, "%u link%s in %u bucket%s, the newest sign %s old",
                health->links, s_of(health->links), buckets, s_of(buckets),
                th_text_ms(text, health->heard_ms));
    }
}

/* The worst that one server is. Returns whether there is anything to say. */
static bool check_server(struct th_findings *f, const struct th_server_look *s, th_ms limit_ms)
{
    char text[32];

    if (s->doing && s->doing_us / 1000 >= limit_ms) {
        th_find(f, "server", TH_VERDICT_BAD, "%s hangs: in one callback (%s) for %s", s->name,
                s->doing, th_text_ms(text, s->doing_us / 1000));
        th_advise(f, "the others go on; if it stays so, restart telehashd. thctl log names it");
    } else if (s->state == TH_SERVER_SUSPENDED) {
        th_find(f, "server", TH_VERDICT_WARN, "%s is suspended", s->name);
        th_advise(f, "thctl resume %s", s->name);
    } else if (s->state == TH_SERVER_RESTARTING) {
        th_find(f, "server", TH_VERDICT_WARN, "%s is being restarted", s->name);
        th_advise(f, "thctl log says why it ended");
    } else if (s->refused > 0) {
        th_find(f, "server", TH_VERDICT_WARN,
                "%s had no room for %llu message%s; its mailbox held %u of %u at most", s->name,
                (unsigned long long)s->refused, s_of(s->refused), s->mailbox_peak, s->mailbox_max);
        th_advise(f, "thctl trace %s shows what it is sent", s->name);
    } else if (s->mailbox_peak > s->mailbox_max / 5 * 4) {
        th_find(f, "server", TH_VERDICT_WARN, "the mailbox of %s held %u of %u once", s->name,
                s->mailbox_peak, s->mailbox_max);
        th_advise(f, "thctl trace %s shows what it is sent", s->name);
    } else if (s->restarts > 0) {
        th_find(f, "server", TH_VERDICT_WARN, "%s was restarted %u time%s", s->name, s->restarts,
                s_of(s->restarts));
        th_advise(f, "thctl log --topic supervisor says when and why");
    } else if (s->longest_callback_us >= TH_DOCTOR_SLOW_US) {
        th_find(f, "server", TH_VERDICT_WARN, "%s once took %s for %s", s->name,
                th_text_ms(text, s->longest_callback_us / 1000), s->longest_callback);
        th_advise(f, "is this machine short of processor, memory or disk?");
    } else {
        return false;
    }
    return true;
}

static void check_servers(struct th_findings *f, const struct th_doctor_facts *facts)
{
    unsigned in_trouble = 0;

    for (unsigned i = 0; i < facts->server_count; i++)
        in_trouble += check_server(f, &facts->server[i], facts->watchdog_ms);
    if (in_trouble == 0)
        th_find(f, "servers", TH_VERDICT_OK,
                "all %u come round: none hangs, was restarted, or had to refuse a message",
                facts->server_count);
}

/* --- disk, permissions ---------------------------------------------------------------------------- */

static void check_saved(struct th_findings *f, const struct th_keeper_status *keeper,
                        th_ms uptime_ms)
{
    char text[32];

    if (keeper == NULL) {
        th_find(f, "saved", TH_VERDICT_UNKNOWN, "the keeper does not answer");
    } else if (keeper->is_failing) {
        th_find(f, "saved", TH_VERDICT_BAD, "what the next run needs cannot be written: %.230s",
                keeper->say);
        th_advise(f, "it is tried again every 30 s; see disk and permissions");
    } else if (keeper->has_saved && keeper->saved_ms <= TH_DOCTOR_SAVED_MS) {
        th_find(f, "saved", TH_VERDICT_OK, "what the next run needs was written %s ago",
                th_text_ms(text, keeper->saved_ms));
    } else if (uptime_ms < TH_DOCTOR_SAVED_MS) {
        th_find(f, "saved", TH_VERDICT_OK, "nothing so far: it has just begun");
    } else {
        th_find(f, "saved", TH_VERDICT_WARN, "nothing was written for %s",
                th_text_ms(text, keeper->has_saved ? keeper->saved_ms : uptime_ms));
        th_advise(f, "thctl servers: does the keeper wait for a disk?");
    }
}

void th_doctor_judge_disk(struct th_findings *f, const struct th_disk_look *disk)
{
    char text[32];

    if (disk->failed) {
        th_find(f, "disk", TH_VERDICT_BAD, "%.200s: %s", disk->dir, strerror(disk->failed));
        th_advise(f, "--state-dir DIR names another");
    } else if (disk->is_read_only || !disk->is_writable) {
        th_find(f, "disk", TH_VERDICT_BAD, "%.200s %s", disk->dir,
                disk->is_read_only ? "is on a file system that is read-only"
                                   : "cannot be written to");
        th_advise(f, disk->is_read_only ? "mount says why; the kernel makes a broken disk read-only"
                                        : "chown it to whoever runs telehashd");
    } else if (disk->free_bytes < TH_DOCTOR_ROOM_WARN) {
        th_find(f, "disk", disk->free_bytes < TH_DOCTOR_ROOM_BAD ? TH_VERDICT_BAD : TH_VERDICT_WARN,
                "%.200s has %s left", disk->dir, th_text_bytes_count(text, disk->free_bytes));
        th_advise(f, "make room; what is kept needs 3 MiB at most");
    } else {
        th_find(f, "disk", TH_VERDICT_OK, "%.200s can be written to, %s are free", disk->dir,
                th_text_bytes_count(text, disk->free_bytes));
    }
    if (disk->failed == 0 && disk->has_identity && (disk->identity_mode & 077)) {
        th_find(f, "identity", TH_VERDICT_BAD, "others can read the key: identity.json has mode %o",
                disk->identity_mode);
        th_advise(f, "chmod 600 %.200s/identity.json", disk->dir);
    } else if (disk->failed == 0 && (disk->dir_mode & 022)) {
        th_find(f, "identity", TH_VERDICT_WARN, "others can write to %.200s (mode %o)", disk->dir,
                disk->dir_mode);
        th_advise(f, "chmod 700 %.200s", disk->dir);
    } else if (disk->failed == 0 && disk->has_identity) {
        th_find(f, "identity", TH_VERDICT_OK, "nobody else can read the key");
    }
}

static void check_socket(struct th_findings *f, const struct th_doctor_facts *facts)
{
    if (facts->socket_mode == 0) {
        th_find(f, "socket", TH_VERDICT_BAD, "%.200s is gone: who connects now does not find us",
                facts->socket_path);
        th_advise(f, "restart telehashd; who cleans that folder?");
    } else if (facts->socket_mode & 07) {
        th_find(f, "socket", TH_VERDICT_WARN, "everybody on this machine may look (mode %o)",
                facts->socket_mode);
        th_advise(f, "chmod 660 %.200s", facts->socket_path);
    } else {
        th_find(f, "socket", TH_VERDICT_OK,
                "%.200s is for its owner and group %s; only the owner and root may change things",
                facts->socket_path, facts->socket_group);
    }
    if (facts->look.control.is_short) {
        th_find(f, "socket", TH_VERDICT_WARN, "clients wait: no file descriptor is left for them");
        th_advise(f, "ulimit -n, or LimitNOFILE of the service");
    }
}

static void check_port_map(struct th_findings *f, const struct th_look *look)
{
    char text[TH_ADDR_TEXT_MAX];

    if (look->port_map == NULL)
        return; /* not wanted */
    if (look->port_map->mapping.how != TH_GATEWAY_NONE) {
        th_addr_write(text, &look->port_map->mapping.addr);
        th_find(f, "port map", TH_VERDICT_OK, "the router lets others in at %s", text);
    } else if (look->port_map->fails > 0) {
        th_find(f, "port map", TH_VERDICT_WARN, "the router maps no port: %s",
                look->port_map->mapping.why);
        th_advise(f, "forward the port in the router by hand, and --advertise HOST:PORT");
    } else {
        th_find(f, "port map", TH_VERDICT_UNKNOWN, "the router has not answered yet");
    }
}

void th_doctor_judge(struct th_findings *findings, const struct th_doctor_facts *facts)
{
    struct th_health_facts health = {0};

    th_health_look_at_node(&health, &facts->look);
    check_clock(findings, facts);
    check_ports(findings, facts);
    check_port_map(findings, &facts->look);
    check_buffers(findings, facts);
    check_kernel_drops(findings, facts->look.status);
    check_seeds(findings, facts);
    check_table(findings, facts, &health);
    check_servers(findings, facts);
    if (facts->settings)
        th_doctor_judge_disk(findings, &facts->settings->disk);
    else
        th_find(findings, "disk", TH_VERDICT_UNKNOWN, "the settings do not answer");
    check_saved(findings, facts->keeper, facts->look.now.mono - facts->look.started_at);
    check_socket(findings, facts);
}
