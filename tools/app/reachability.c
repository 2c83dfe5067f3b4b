#include "tools/app/reachability.h"

#include <stdarg.h>
#include <string.h>

/* --- what is so ----------------------------------------------------------------------------------- */

static void count_lines(struct th_reachability_facts *facts, const struct th_switch_lines *lines)
{
    for (unsigned i = 0; i < lines->count; i++) {
        const struct th_line_look *line = &lines->line[i];

        if (!line->is_up)
            continue;
        if (line->has_middle)
            (*(line->has_addr ? &facts->bridged_lines : &facts->relayed_lines))++;
        else if (line->has_addr)
            facts->direct_lines[line->addr.family == TH_FAMILY_IPV4 ? TH_OUTSIDE_IPV4
                                                                    : TH_OUTSIDE_IPV6]++;
    }
}

void th_reachability_look(struct th_reachability_facts *facts, const struct th_look *look)
{
    static const struct th_stranger none[TH_OUTSIDE_FAMILIES];

    *facts = (struct th_reachability_facts){.stranger = none, .port_map_why = ""};
    if (look->status) {
        facts->listen_count = look->status->listen_count;
        facts->listen = look->status->listen;
        facts->witness_count = look->status->outside.witness_count;
        facts->witness = look->status->outside.witness;
        facts->stranger = look->status->outside.stranger;
        facts->mapped = look->status->mapped;
    }
    if (look->lines)
        count_lines(facts, look->lines);
    if (facts->mapped.family != TH_FAMILY_NONE)
        facts->port_map = TH_PORT_MAP_MAPPED;
    else if (look->port_map)
        facts->port_map = TH_PORT_MAP_TRYING;
    if (look->port_map)
        facts->port_map_why = look->port_map->mapping.why;
}

/* --- evidence ------------------------------------------------------------------------------------- */

enum { OUTDATED_MS = 120000 };

/* What the witnesses and our own addresses of one family come to. */
struct evidence {
    unsigned own;                 /* addresses that are listened on */
    bool has_public, has_private; /* among them; private: a network's, not this machine's alone */
    uint16_t port;                /* of the first; 0 none */
    unsigned seen;                /* witnesses that see a public address */
    bool is_own_seen;             /* one of ours is what they see */
    bool is_port_kept, is_port_other; /* some see the port that we listen on, some another */
    bool differs;                     /* nodes at different IPs see different addresses */
    bool agrees;                      /* nodes at different IPs see the same */
    const struct th_addr *address;    /* the newest that was seen; NULL none */
    bool is_mapped_seen;              /* the mapped IP is what they see */
    bool has_stranger;
};

static bool is_of(const struct th_addr *addr, enum th_outside_family family)
{
    return addr->family == (family == TH_OUTSIDE_IPV4 ? TH_FAMILY_IPV4 : TH_FAMILY_IPV6);
}

static bool is_same_ip(const struct th_addr *a, const struct th_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static void take_own(struct evidence *e, const struct th_reachability_facts *facts,
                     enum th_outside_family family)
{
    for (unsigned i = 0; i < facts->listen_count; i++) {
        const struct th_addr *own = &facts->listen[i];
        enum th_realm realm = th_addr_realm(own);

        if (!is_of(own, family))
            continue;
        e->own++;
        e->port = e->port ? e->port : own->port;
        e->has_public = e->has_public || realm == TH_REALM_PUBLIC;
        e->has_private = e->has_private || realm == TH_REALM_PRIVATE || realm == TH_REALM_LINK;
    }
}

static void compare(struct evidence *e, const struct th_reachability_facts *facts,
                    const struct th_addr *seen)
{
    bool is_kept = false;

    for (unsigned i = 0; i < facts->listen_count; i++) {
        e->is_own_seen = e->is_own_seen || is_same_ip(&facts->listen[i], seen);
        is_kept = is_kept ||
                  (facts->listen[i].family == seen->family && facts->listen[i].port == seen->port);
    }
    e->is_port_kept = e->is_port_kept || is_kept;
    e->is_port_other = e->is_port_other || !is_kept;
    e->is_mapped_seen = e->is_mapped_seen || is_same_ip(&facts->mapped, seen);
}

/* It told of another address so long before the newest that the router may have been restarted since.
 * Who told of the same one then is as good as new: nobody is asked without need. */
static bool is_outdated(const struct th_witness *w, const struct th_witness *newest)
{
    return w->when > newest->when + OUTDATED_MS && !th_addr_is_equal(&w->seen, &newest->seen);
}

static struct evidence gather(const struct th_reachability_facts *facts,
                              enum th_outside_family family)
{
    struct evidence e = {.has_stranger = facts->stranger[family].has_come};
    const struct th_witness *first = NULL;

    take_own(&e, facts, family);
    for (unsigned i = 0; i < facts->witness_count; i++) {
        const struct th_witness *w = &facts->witness[i];

        if (!is_of(&w->seen, family) || th_addr_realm(&w->seen) != TH_REALM_PUBLIC)
            continue;
        first = first ? first : w;
        if (is_outdated(w, first))
            continue;
        e.seen++;
        compare(&e, facts, &w->seen);
        e.address = e.address ? e.address : &w->seen;
        if (is_same_ip(&first->at, &w->at))
            continue;
        if (th_addr_is_equal(&first->seen, &w->seen))
            e.agrees = true;
        else
            e.differs = true;
    }
    return e;
}

/* --- the verdict ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(char text[TH_REACHABILITY_TEXT_MAX],
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(text, TH_REACHABILITY_TEXT_MAX, format, args);
    va_end(args);
}

/* What opens the way in, where a router is between. */
static void advise_router(struct th_reachability *out, const struct th_reachability_facts *facts,
                          const struct evidence *e)
{
    if (facts->port_map == TH_PORT_MAP_OFF)
        say(out->next,
            "--port-map asks the router to let others in; or forward UDP port %u there and say so "
            "with --advertise",
            e->port);
    else
        say(out->next,
            "the router maps no port (%s): forward UDP port %u there by hand, and say so with "
            "--advertise",
            facts->port_map_why[0] ? facts->port_map_why : "no answer yet", e->port);
}

static void advise_test(struct th_reachability *out, const struct evidence *e)
{
    if (out->by_strangers == TH_ANSWER_YES)
        say(out->next, "nothing: a node that was never sent to has come in");
    else
        say(out->next,
            "to be sure, thctl connect to it from a node that never talked to it; if that fails, "
            "let "
            "UDP port %u in at the firewall",
            e->port);
}

static void judge_public(struct th_reachability *out, const struct evidence *e)
{
    out->kind = TH_REACHABILITY_PUBLIC;
    say(out->text, "it has a public address of its own%s",
        e->is_own_seen ? ", and that is where others see it" : "");
    advise_test(out, e);
}

static void judge_mapped(struct th_reachability *out, const struct th_reachability_facts *facts,
                         const struct evidence *e)
{
    char mapped[TH_ADDR_TEXT_MAX], seen[TH_ADDR_TEXT_MAX];

    th_addr_write(mapped, &facts->mapped);
    if (th_addr_realm(&facts->mapped) == TH_REALM_PUBLIC && (e->seen == 0 || e->is_mapped_seen)) {
        out->kind = TH_REACHABILITY_MAPPED;
        say(out->text, "the router lets others in at %s", mapped);
        advise_test(out, e);
        return;
    }
    out->kind = TH_REACHABILITY_NAT;
    if (e->seen > 0) {
        th_addr_write(seen, e->address);
        say(out->text, "the router maps %s, but others see it at %s: there is a second NAT", mapped,
            seen);
    } else {
        say(out->text, "the router maps %s, which is no public address: there is a second NAT",
            mapped);
    }
    say(out->next, "a bridge, or a provider that gives a public address; IPv6 needs neither");
}

static void judge_nat(struct th_reachability *out, const struct th_reachability_facts *facts,
                      const struct evidence *e)
{
    char seen[TH_ADDR_TEXT_MAX];

    out->kind = TH_REACHABILITY_NAT;
    th_addr_write(seen, e->address);
    if (e->differs) {
        out->nat = TH_NAT_SYMMETRIC;
        out->by_strangers = out->by_strangers == TH_ANSWER_YES ? TH_ANSWER_YES : TH_ANSWER_NO;
        say(out->text, "behind a symmetric NAT: each node sees it at another address; those behind "
                       "strict NATs "
                       "reach it only through a relay or a bridge");
        advise_router(out, facts, e);
    } else if (out->by_strangers == TH_ANSWER_YES) {
        out->nat = TH_NAT_OPEN;
        say(out->text, "behind a NAT that lets everybody in at %s", seen);
        say(out->next, "nothing; to keep it so, forward UDP port %u in the router", e->port);
    } else if (e->agrees) {
        out->nat = TH_NAT_CONE;
        say(out->text,
            "behind a NAT that shows it to all at %s; whoever is introduced gets in, whether "
            "others "
            "do is not known: nobody came uninvited",
            seen);
        advise_router(out, facts, e);
    } else {
        say(out->text,
            "behind a NAT, seen at %s; of which kind is not known: it takes two nodes at different "
            "addresses to tell",
            seen);
        say(out->next, "ask again when it has more peers");
    }
}

static void judge_without_witness(struct th_reachability *out,
                                  const struct th_reachability_facts *facts,
                                  enum th_outside_family family, const struct evidence *e)
{
    unsigned through = facts->relayed_lines + facts->bridged_lines;

    if (e->has_stranger) {
        out->kind = TH_REACHABILITY_NAT;
        out->nat = TH_NAT_OPEN;
        say(out->text, "a node that was never sent to has come in, though nobody told where");
        say(out->next, "nothing");
    } else if (facts->direct_lines[family] > 0) {
        out->kind = TH_REACHABILITY_LOCAL;
        say(out->text, "all that it talks to is in its own network; nobody told how it looks from "
                       "outside");
        say(out->next, "if others outside shall reach it: a seed there, or --advertise");
    } else if (through > 0) {
        out->kind = TH_REACHABILITY_RELAYED;
        say(out->text, "no line is direct: %u go through other nodes", through);
        advise_router(out, facts, e);
    } else {
        out->kind = TH_REACHABILITY_UNKNOWN;
        say(out->text, "nobody has told where it is seen: no node has a line to it this way");
        say(out->next, "ask again when it has joined; thctl health says whether it has");
    }
}

static void judge_own(struct th_reachability *out, const struct evidence *e, const char *everywhere)
{
    if (e->own == 0) {
        out->kind = TH_REACHABILITY_NONE;
        say(out->text, "it does not listen there, or this machine has no such address");
        say(out->next, "--listen %s:42424, if this machine has one", everywhere);
    } else {
        out->kind = TH_REACHABILITY_LOCAL;
        say(out->text, "it listens to this machine alone");
        say(out->next, "--listen %s:42424, if others shall reach it", everywhere);
    }
}

void th_reachability_judge(struct th_reachability *out, const struct th_reachability_facts *facts,
                           enum th_outside_family family)
{
    struct evidence e = gather(facts, family);
    bool is_mapped = is_of(&facts->mapped, family);

    *out = (struct th_reachability){.by_strangers =
                                        e.has_stranger ? TH_ANSWER_YES : TH_ANSWER_UNKNOWN};
    if (e.seen > 0)
        out->is_preserved = e.is_port_other ? TH_ANSWER_NO : TH_ANSWER_YES;
    if (e.own == 0 || (!e.has_public && !e.has_private))
        judge_own(out, &e, family == TH_OUTSIDE_IPV4 ? "0.0.0.0" : "[::]");
    else if (is_mapped && !e.is_own_seen)
        judge_mapped(out, facts, &e);
    else if (e.is_own_seen || (e.has_public && e.seen == 0 && e.has_stranger))
        judge_public(out, &e);
    else if (e.seen > 0)
        judge_nat(out, facts, &e);
    else
        judge_without_witness(out, facts, family, &e);
}

/* --- saying it ------------------------------------------------------------------------------------ */

const char *th_reachability_word(enum th_reachability_kind kind)
{
    switch (kind) {
    case TH_REACHABILITY_NONE:
        return "none";
    case TH_REACHABILITY_LOCAL:
        return "local";
    case TH_REACHABILITY_PUBLIC:
        return "public";
    case TH_REACHABILITY_MAPPED:
        return "mapped";
    case TH_REACHABILITY_NAT:
        return "nat";
    case TH_REACHABILITY_RELAYED:
        return "relayed";
    case TH_REACHABILITY_UNKNOWN:
        return "unknown";
    }
    return "?";
}

const char *th_nat_word(enum th_nat_kind kind)
{
    switch (kind) {
    case TH_NAT_UNKNOWN:
        return NULL;
    case TH_NAT_OPEN:
        return "open";
    case TH_NAT_CONE:
        return "cone";
    case TH_NAT_SYMMETRIC:
        return "symmetric";
    }
    return "?";
}

static json_t *answer_json(enum th_answer answer)
{
    return answer == TH_ANSWER_UNKNOWN ? json_null() : json_boolean(answer == TH_ANSWER_YES);
}

static json_t *list_listen(const struct th_reachability_facts *facts, enum th_outside_family family)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < facts->listen_count; i++)
        if (is_of(&facts->listen[i], family))
            json_array_append_new(list, th_json_addr(true, &facts->listen[i]));
    return list;
}

static json_t *list_seen(const struct th_reachability_facts *facts, enum th_outside_family family)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < facts->witness_count; i++) {
        const struct th_witness *w = &facts->witness[i];
        json_t *row;

        if (!is_of(&w->seen, family))
            continue;
        row = json_object();
        th_json_put(row, "address", th_json_addr(true, &w->seen));
        th_json_put(row, "by", th_json_hex(&w->id));
        th_json_put(row, "by_address", th_json_addr(true, &w->at));
        th_json_put(row, "ms_ago", json_integer((json_int_t)w->when));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *family_row(const struct th_reachability_facts *facts, enum th_outside_family family)
{
    const struct th_stranger *stranger = &facts->stranger[family];
    struct th_reachability verdict;
    json_t *row = json_object(), *came = json_null();

    th_reachability_judge(&verdict, facts, family);
    if (stranger->has_come) {
        came = json_object();
        th_json_put(came, "address", th_json_addr(true, &stranger->from));
        th_json_put(came, "ms_ago", json_integer((json_int_t)stranger->when));
    }
    const char *nat = th_nat_word(verdict.nat);
    th_json_put(row, "family", json_string(family == TH_OUTSIDE_IPV4 ? "ipv4" : "ipv6"));
    th_json_put(row, "verdict", json_string(th_reachability_word(verdict.kind)));
    th_json_put(row, "nat", nat ? json_string(nat) : json_null());
    th_json_put(row, "by_strangers", answer_json(verdict.by_strangers));
    th_json_put(row, "text", json_string(verdict.text));
    th_json_put(row, "next", json_string(verdict.next));
    th_json_put(row, "listen", list_listen(facts, family));
    th_json_put(row, "mapped", th_json_addr(is_of(&facts->mapped, family), &facts->mapped));
    th_json_put(row, "ports_preserved", answer_json(verdict.is_preserved));
    th_json_put(row, "seen", list_seen(facts, family));
    th_json_put(row, "stranger", came);
    th_json_put(row, "direct_lines", json_integer(facts->direct_lines[family]));
    return row;
}

json_t *th_reachability_json(const struct th_reachability_facts *facts)
{
    static const char *const states[] = {[TH_PORT_MAP_OFF] = "off",
                                         [TH_PORT_MAP_TRYING] = "trying",
                                         [TH_PORT_MAP_MAPPED] = "mapped"};
    json_t *all = json_object(), *families = json_array(), *map = json_object();

    for (unsigned family = 0; family < TH_OUTSIDE_FAMILIES; family++)
        json_array_append_new(families, family_row(facts, (enum th_outside_family)family));
    th_json_put(map, "state", json_string(states[facts->port_map]));
    th_json_put(map, "address",
                th_json_addr(facts->port_map == TH_PORT_MAP_MAPPED, &facts->mapped));
    th_json_put(map, "why",
                facts->port_map == TH_PORT_MAP_TRYING && facts->port_map_why[0]
                    ? json_string(facts->port_map_why)
                    : json_null());
    th_json_put(all, "families", families);
    th_json_put(all, "port_map", map);
    th_json_put(all, "relayed_lines", json_integer(facts->relayed_lines));
    th_json_put(all, "bridged_lines", json_integer(facts->bridged_lines));
    return all;
}
