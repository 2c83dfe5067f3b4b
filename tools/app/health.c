#include "tools/app/health.h"

#include "tools/app/ctl_text.h"
#include "tools/app/settings.h"

#include <stdarg.h>
#include <string.h>

/* --- what is so ----------------------------------------------------------------------------------- */

void th_health_look_at_servers(struct th_health_facts *facts, const struct th_server_look *rows,
                               unsigned count, th_ms limit_ms)
{
    *facts = (struct th_health_facts){0};
    for (unsigned i = 0; i < count; i++) {
        const struct th_server_look *row = &rows[i];
        bool is_hanging = row->doing && row->doing_us / 1000 >= limit_ms;
        bool is_away = row->state == TH_SERVER_SUSPENDED || row->state == TH_SERVER_RESTARTING;

        if (!is_hanging && !is_away)
            continue;
        if (facts->server_count == TH_HEALTH_SERVERS_MAX) {
            facts->servers_left_out++;
            continue;
        }
        struct th_health_server *server = &facts->server[facts->server_count++];
        memcpy(server->name, row->name, sizeof server->name);
        server->state = row->state;
        server->is_hanging = is_hanging;
        server->doing = row->doing;
        server->doing_ms = row->doing_us / 1000;
    }
}

static void look_at_links(struct th_health_facts *facts, const struct th_router_table *table)
{
    facts->has_links = true;
    for (unsigned i = 0; i < table->count; i++) {
        const struct th_link_look *link = &table->link[i];

        if (!link->is_up)
            continue;
        if (facts->links == 0 || link->last_rx_ms < facts->heard_ms)
            facts->heard_ms = link->last_rx_ms;
        facts->links++;
        facts->links_heard += link->last_rx_ms <= TH_HEALTH_SILENT_MS;
    }
}

void th_health_look_at_node(struct th_health_facts *facts, const struct th_look *look)
{
    facts->is_asked = true;
    if (look->status) {
        facts->has_lines = true;
        facts->lines = look->status->lines;
    }
    if (look->bootstrap) {
        facts->has_state = true;
        facts->state = look->bootstrap->state;
        facts->state_ms = look->bootstrap->state_ms;
        facts->sources = look->bootstrap->sources;
        facts->reached = look->bootstrap->reached;
    }
    if (look->table)
        look_at_links(facts, look->table);
    if (look->dialer) {
        facts->has_dials = true;
        facts->dials = look->dialer->recent;
        facts->dials_failed = look->dialer->recent_failed;
        facts->dialed_ms = look->dialer->recent_ms;
    }
}

/* --- the verdict ---------------------------------------------------------------------------------- */

/* text and next are filled by the caller; NULL when there is no room. */
static struct th_health_reason *add(struct th_health *h, enum th_health_why why, const char *server)
{
    h->is_healthy = false;
    if (h->reason_count == TH_HEALTH_REASONS_MAX) {
        h->reasons_left_out++;
        return NULL;
    }
    struct th_health_reason *reason = &h->reason[h->reason_count++];
    reason->why = why;
    snprintf(reason->server, sizeof reason->server, "%s", server);
    return reason;
}

__attribute__((format(printf, 2, 3))) static void say(struct th_health_reason *reason,
                                                      const char *format, ...)
{
    va_list args;

    if (reason == NULL)
        return;
    va_start(args, format);
    vsnprintf(reason->text, sizeof reason->text, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void advise(struct th_health_reason *reason,
                                                         const char *format, ...)
{
    va_list args;

    if (reason == NULL)
        return;
    va_start(args, format);
    vsnprintf(reason->next, sizeof reason->next, format, args);
    va_end(args);
}

/* These read and write files. While the disk hangs they hang, and a daemon that is started anew would with
 * them, so they are no reason to end it. */
static bool may_wait_for_disk(const char *server)
{
    return strcmp(server, TH_NODE_KEEPER) == 0 || strcmp(server, TH_SETTINGS_NAME) == 0;
}

static void judge_hanging(struct th_health *h, const struct th_health_server *server)
{
    char span[32];
    struct th_health_reason *r = add(h, TH_HEALTH_HANGING, server->name);

    say(r, "the %s has been in one callback (%s) for %s", server->name, server->doing,
        th_text_ms(span, server->doing_ms));
    if (may_wait_for_disk(server->name)) {
        advise(
            r,
            "it may wait for the disk of the state directory, or for a name: thctl doctor, dmesg");
        return;
    }
    h->is_alive = false;
    advise(r,
           "thctl servers shows what it does, the log has named it; it cannot be ended alone: if "
           "it stays so, restart telehashd");
}

static void judge_away(struct th_health *h, const struct th_health_server *server)
{
    struct th_health_reason *r;

    if (server->state == TH_SERVER_SUSPENDED) {
        r = add(h, TH_HEALTH_SUSPENDED, server->name);
        say(r, "the %s is suspended: somebody asked for it", server->name);
        advise(r, "thctl resume %s, or wait: a suspension ends by itself", server->name);
    } else {
        r = add(h, TH_HEALTH_RESTARTING, server->name);
        say(r, "the %s is being restarted", server->name);
        advise(r, "ask again in a moment; if it goes on, thctl log says why it ends");
    }
}

static bool is_named(const struct th_health_facts *facts, const char *name)
{
    for (unsigned i = 0; i < facts->server_count; i++)
        if (strcmp(facts->server[i].name, name) == 0)
            return true;
    return false;
}

static void judge_answers(struct th_health *h, const struct th_health_facts *facts)
{
    const struct {
        bool is_there;
        const char *name;
    } rows[] = {{facts->has_lines, TH_NODE_SWITCH},
                {facts->has_links, TH_NODE_ROUTER},
                {facts->has_dials, TH_NODE_DIALER},
                {facts->has_state, TH_NODE_BOOTSTRAP}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].is_there || is_named(facts, rows[i].name))
            continue;
        struct th_health_reason *r = add(h, TH_HEALTH_UNANSWERED, rows[i].name);
        say(r, "the %s does not answer", rows[i].name);
        advise(r, "thctl servers shows whether its mailbox fills, and who shares its thread");
    }
}

static void judge_alone(struct th_health *h, const struct th_health_facts *facts)
{
    struct th_health_reason *r;

    if (facts->sources == 0) {
        r = add(h, TH_HEALTH_NO_SEED, TH_NODE_BOOTSTRAP);
        say(r, "it is alone: it knows no node to join from, and nobody has joined it");
        advise(r,
               "thctl seeds add URI, or give the seeds entry of this node to others: thctl seeds "
               "export");
        return;
    }
    r = add(h, TH_HEALTH_SEEDS_SILENT, TH_NODE_BOOTSTRAP);
    say(r, "it is alone: of the %u node%s it may join from %s", facts->sources,
        facts->sources == 1 ? "" : "s",
        facts->reached ? "some have a line, but none answers for a link" : "none answers");
    advise(r, "thctl doctor looks for the cause: network, firewall, clock, seeds");
}

static void judge_state(struct th_health *h, const struct th_health_facts *facts)
{
    char span[32];
    struct th_health_reason *r;

    switch (facts->state) {
    case TH_NODE_STARTING:
        r = add(h, TH_HEALTH_STARTING, TH_NODE_BOOTSTRAP);
        say(r, "it is starting");
        advise(r, "ask again in a moment");
        break;
    case TH_NODE_JOINING:
        r = add(h, TH_HEALTH_JOINING, TH_NODE_BOOTSTRAP);
        say(r, "it has been joining for %s: %u of %u nodes to join from have a line",
            th_text_ms(span, facts->state_ms), facts->reached, facts->sources);
        advise(r, "joining takes seconds; if it goes on, thctl doctor looks for the cause");
        break;
    case TH_NODE_ALONE:
        judge_alone(h, facts);
        break;
    case TH_NODE_READY:
        break;
    }
}

static void judge_links(struct th_health *h, const struct th_health_facts *facts)
{
    char span[32];
    bool is_said = facts->has_state && facts->state != TH_NODE_READY;

    if (facts->links == 0) {
        if (is_said)
            return; /* the state has said why */
        struct th_health_reason *r = add(h, TH_HEALTH_NO_LINK, TH_NODE_ROUTER);
        say(r, "there is no link to any node");
        advise(r, "thctl doctor looks for the cause: network, firewall, clock, seeds");
    } else if (facts->links_heard * 2 < facts->links) {
        struct th_health_reason *r = add(h, TH_HEALTH_SILENT, TH_NODE_ROUTER);
        say(r, "of %u linked node%s %u %s heard in the last %d s; the newest sign is %s old",
            facts->links, facts->links == 1 ? "" : "s", facts->links_heard,
            facts->links_heard == 1 ? "was" : "were", TH_HEALTH_SILENT_MS / 1000,
            th_text_ms(span, facts->heard_ms));
        advise(r,
               "is the network of this machine up, and does its firewall let UDP in? thctl doctor");
    }
}

static void judge_dials(struct th_health *h, const struct th_health_facts *facts)
{
    char span[32];

    if (facts->dials < TH_HEALTH_DIALS_MIN || facts->dials_failed < facts->dials ||
        facts->dialed_ms > TH_HEALTH_DIALS_MS)
        return;
    struct th_health_reason *r = add(h, TH_HEALTH_DIALS_FAIL, TH_NODE_DIALER);
    say(r, "each of the last %u lookups and dials failed, the newest %s ago", facts->dials,
        th_text_ms(span, facts->dialed_ms));
    advise(r,
           "thctl seek HASHNAME shows each step and where it ends; thctl reach, how others get in");
}

void th_health_judge(struct th_health *out, const struct th_health_facts *facts)
{
    *out = (struct th_health){.is_alive = true, .is_healthy = true};

    for (unsigned i = 0; i < facts->server_count; i++)
        if (facts->server[i].is_hanging)
            judge_hanging(out, &facts->server[i]);
    for (unsigned i = 0; i < facts->server_count; i++)
        if (!facts->server[i].is_hanging)
            judge_away(out, &facts->server[i]);
    out->reasons_left_out += facts->servers_left_out;
    if (!facts->is_asked) {
        out->is_healthy = false;
        return;
    }
    judge_answers(out, facts);
    if (facts->has_state)
        judge_state(out, facts);
    if (facts->has_links)
        judge_links(out, facts);
    if (facts->has_dials)
        judge_dials(out, facts);
}

/* --- saying it ------------------------------------------------------------------------------------ */

const char *th_health_word(enum th_health_why why)
{
    switch (why) {
    case TH_HEALTH_HANGING:
        return "hanging";
    case TH_HEALTH_SUSPENDED:
        return "suspended";
    case TH_HEALTH_RESTARTING:
        return "restarting";
    case TH_HEALTH_UNANSWERED:
        return "unanswered";
    case TH_HEALTH_STARTING:
        return "starting";
    case TH_HEALTH_JOINING:
        return "joining";
    case TH_HEALTH_NO_SEED:
        return "no_seed";
    case TH_HEALTH_SEEDS_SILENT:
        return "seeds_silent";
    case TH_HEALTH_NO_LINK:
        return "no_link";
    case TH_HEALTH_SILENT:
        return "silent";
    case TH_HEALTH_DIALS_FAIL:
        return "dials_fail";
    }
    return "?";
}

void th_health_say(char text[TH_HEALTH_TEXT_MAX], const struct th_health *health,
                   const struct th_health_facts *facts)
{
    unsigned more = health->reason_count + health->reasons_left_out;

    if (more == 1)
        snprintf(text, TH_HEALTH_TEXT_MAX, "%s", health->reason[0].text);
    else if (more > 1)
        snprintf(text, TH_HEALTH_TEXT_MAX, "%.170s; and %u more", health->reason[0].text, more - 1);
    else if (!facts->is_asked)
        snprintf(text, TH_HEALTH_TEXT_MAX, "alive");
    else
        snprintf(text, TH_HEALTH_TEXT_MAX, "%s, %u link%s", th_node_state_name(facts->state),
                 facts->links, facts->links == 1 ? "" : "s");
}

static json_t *list_reasons(const struct th_health *health)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < health->reason_count; i++) {
        const struct th_health_reason *reason = &health->reason[i];
        json_t *row = json_object();

        th_json_put(row, "reason", json_string(th_health_word(reason->why)));
        th_json_put(row, "server", reason->server[0] ? json_string(reason->server) : json_null());
        th_json_put(row, "text", json_string(reason->text));
        th_json_put(row, "next", json_string(reason->next));
        json_array_append_new(list, row);
    }
    return list;
}

json_t *th_health_json(const struct th_health *health, const struct th_health_facts *facts)
{
    char summary[TH_HEALTH_TEXT_MAX];
    json_t *all = json_object();

    th_health_say(summary, health, facts);
    th_json_put(all, "alive", json_boolean(health->is_alive));
    th_json_put(all, "healthy", json_boolean(health->is_healthy));
    th_json_put(all, "summary", json_string(summary));
    th_json_put(all, "state",
                facts->has_state ? json_string(th_node_state_name(facts->state)) : json_null());
    th_json_put(all, "state_ms", th_json_number(facts->has_state, facts->state_ms));
    th_json_put(all, "links", th_json_number(facts->has_links, facts->links));
    th_json_put(all, "links_heard", th_json_number(facts->has_links, facts->links_heard));
    th_json_put(all, "heard_ms_ago", th_json_number(facts->links > 0, facts->heard_ms));
    th_json_put(all, "recent_dials", th_json_number(facts->has_dials, facts->dials));
    th_json_put(all, "recent_dials_failed", th_json_number(facts->has_dials, facts->dials_failed));
    th_json_put(all, "reasons", list_reasons(health));
    th_json_put(all, "reasons_left_out", json_integer(health->reasons_left_out));
    return all;
}
