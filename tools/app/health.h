/*
 * health.h - is this node alive, is it healthy, and if not, why and what to do.
 *
 * Two answers, never mixed. Alive: every server's loop has come round within the watchdog's limit, but for
 * those that may wait for the disk (keeper, settings): a daemon that is started anew would wait again. This
 * alone feeds a service manager's watchdog. Healthy: none hangs at all, there are links, their nodes were
 * heard of late, what was dialled was reached. A node without network, or alone, is alive.
 *
 * Pure: what was seen goes in, a verdict comes out. Alive is judged by what the host publishes of its
 * servers, so no server is asked for it (th_host_look).
 *
 *     th_health_look_at_servers(&facts, rows, count, limit_ms);
 *     th_health_judge(&health, &facts);               // health.is_alive
 *
 *     th_health_look_at_node(&facts, &look);          // what the servers answered, if they did
 *     th_health_judge(&health, &facts);               // health.is_healthy, health.reason[]
 *     th_health_say(text, &health, &facts);           // "ready, 12 links", for a status line
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_HEALTH_H
#define TH_APP_HEALTH_H

#include "tools/app/control_look.h"

enum {
    /* Keepalives are 20 to 25 s apart, and repeated after 2, 4 and 10 s: a node that is there was heard
     * 41 s ago at most. Its link goes down at 60 s. */
    TH_HEALTH_SILENT_MS = 45 * 1000,
    TH_HEALTH_DIALS_MIN = 4,             /* fewer that failed prove nothing */
    TH_HEALTH_DIALS_MS = 10 * 60 * 1000, /* dials before that are no news */
    TH_HEALTH_SERVERS_MAX = 64, /* servers in trouble that are told apart; the daemon has 12 */
    TH_HEALTH_REASONS_MAX = 16,
    TH_HEALTH_TEXT_MAX = 200
};

/* One of the servers in trouble. */
struct th_health_server {
    char name[TH_SERVER_NAME_MAX];
    enum th_server_state state;
    bool is_hanging;   /* in one callback for longer than the limit */
    const char *doing; /* of a hanging one: the kind of message; borrowed, static */
    th_ms doing_ms;
};

/* What is known. What was not asked, or not answered, has its flag at false. */
struct th_health_facts {
    unsigned server_count, servers_left_out; /* of those in trouble; left out: beyond the room */
    struct th_health_server server[TH_HEALTH_SERVERS_MAX];

    bool is_asked; /* the node's servers were; else only alive can be judged */
    bool has_state;
    enum th_node_state state;
    th_ms state_ms;            /* for how long */
    unsigned sources, reached; /* nodes to join from; those with a line */
    bool has_links;
    unsigned links, links_heard; /* that are up; those of them heard within TH_HEALTH_SILENT_MS */
    th_ms heard_ms;              /* since the newest of them; 0 without a link */
    bool has_dials;
    unsigned dials, dials_failed; /* the latest ones */
    th_ms dialed_ms;              /* since the newest of them */
    bool has_lines;
    unsigned lines;
};

enum th_health_why {
    TH_HEALTH_HANGING,
    TH_HEALTH_SUSPENDED,
    TH_HEALTH_RESTARTING,
    TH_HEALTH_UNANSWERED, /* a server does not answer and is in none of those states */
    TH_HEALTH_STARTING,
    TH_HEALTH_JOINING,
    TH_HEALTH_NO_SEED,
    TH_HEALTH_SEEDS_SILENT,
    TH_HEALTH_NO_LINK,
    TH_HEALTH_SILENT,
    TH_HEALTH_DIALS_FAIL
};

struct th_health_reason {
    enum th_health_why why;
    char server[TH_SERVER_NAME_MAX]; /* that it is about; "" for none */
    char text[TH_HEALTH_TEXT_MAX];   /* a sentence without its full stop */
    char next[TH_HEALTH_TEXT_MAX];   /* what to do */
};

/* Not alive is never healthy. Healthy is judged only when the servers were asked. */
struct th_health {
    bool is_alive;
    bool is_healthy;
    unsigned reason_count, reasons_left_out;
    struct th_health_reason reason[TH_HEALTH_REASONS_MAX]; /* the weightiest first */
};

/* Begins facts anew with what a host shows of its servers. limit_ms: of the watchdog, not 0. */
void th_health_look_at_servers(struct th_health_facts *facts, const struct th_server_look *rows,
                               unsigned count, th_ms limit_ms);

/* Adds what the node's servers said: status, bootstrap, table and dialer of look; NULL: no answer. */
void th_health_look_at_node(struct th_health_facts *facts, const struct th_look *look);

/* Judges. */
void th_health_judge(struct th_health *out, const struct th_health_facts *facts);

/* The verdict in one line. */
void th_health_say(char text[TH_HEALTH_TEXT_MAX], const struct th_health *health,
                   const struct th_health_facts *facts);

/* "hanging", "no_link", … */
const char *th_health_word(enum th_health_why why);

/* The same as JSON: what the method `health` answers. NULL without memory. */
json_t *th_health_json(const struct th_health *health, const struct th_health_facts *facts);

#endif
