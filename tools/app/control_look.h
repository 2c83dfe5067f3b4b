/*
 * control_look.h - what the servers of a node said, as the JSON that thctl and scripts read.
 *
 * Pure: everything that was gathered goes in, a value comes out. The shapes are those of the page on
 * interfaces; a value that nobody knows is null, never 0.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CONTROL_LOOK_H
#define TH_APP_CONTROL_LOOK_H

#include "router/node.h"
#include "switch/run/host.h"
#include "switch/wire/seed_uri.h"
#include "tools/app/config.h"
#include "tools/app/portmap.h"

#include <jansson.h>

enum { TH_CANDIDATES_MAX = 16 };

/* What clients of the control socket did that a limit of ours stopped. */
struct th_control_counts {
    uint64_t refused;         /* clients beyond TH_CONTROL_CLIENTS_MAX */
    uint64_t lines_too_long;  /* clients let go for a request over TH_CONN_LINE_MAX */
    uint64_t not_reading;     /* clients let go with TH_CONN_OUTPUT_MAX waiting */
    uint64_t jobs_refused;    /* requests beyond TH_CONTROL_JOBS_MAX */
    uint64_t streams_refused; /* beyond TH_STREAMS_MAX */
    uint64_t probes_refused;  /* beyond TH_PROBES_PER_S */
    uint64_t not_permitted;   /* changes that others than the owner asked for */
};

/* How the control socket is. */
struct th_control_look {
    unsigned clients;
    struct th_control_counts counts;
    uint64_t accept_failures;
    bool is_short; /* of descriptors or memory: clients wait to be accepted */
};

/* Everything is borrowed; what a method did not ask for, or nobody answered, is NULL. */
struct th_look {
    struct th_now now;
    th_ms started_at; /* mono */
    const struct th_identity *identity;
    const struct th_paths *advertised;
    unsigned host_count; /* those of them that were given by name */
    const struct th_seed_host *hosts;
    const struct th_switch_status *status;
    const struct th_switch_lines *lines;
    const struct th_bootstrap_status *bootstrap;
    const struct th_router_table *table;
    const struct th_dialer_status *dialer;
    const struct th_switch_channels *channels;
    const struct th_portmap_status *port_map; /* NULL also when no port is to be mapped */
    struct th_control_look control;
};

/* Each returns a new reference, or NULL without memory. lines and table are needed where the name
 * says so; status takes whatever is there. */
json_t *th_look_status(const struct th_look *look);
json_t *th_look_peers(const struct th_look *look);   /* lines and table */
json_t *th_look_buckets(const struct th_look *look); /* table */
json_t *th_look_lines(const struct th_look *look);   /* lines */
/* channels; rows: the servers, to name who opened each. */
json_t *th_look_channels(const struct th_look *look, const struct th_server_look *rows,
                         unsigned count);
/* status, table and dialer. A row for each reason and server that counted it; with is_all also one,
 * without server, for each reason that nobody counted. */
json_t *th_look_drops(const struct th_look *look, bool is_all);
json_t *th_look_seeds(const struct th_look *look); /* status */

/* Everything that openmetrics.h writes, as numbers: whatever is there; rows: the servers. */
json_t *th_look_metrics(const struct th_look *look, const struct th_server_look *rows,
                        unsigned count);
json_t *th_look_servers(const struct th_server_look *rows, unsigned count);

/* A dial: its lookup and, under "ways", what th_look_ways tells. line: as there. */
json_t *th_look_dialed(const struct th_dialed *dialed, const struct th_line_look *line);

/*
 * The ways that a dial tried to its target, in the order of trying: {kind, via, path, tries, after_ms,
 * took_ms, outcome, said}. When the line goes through another node, a last one, of kind relay or bridge,
 * says so.
 *
 * line  to the target, as it was right after the dial; NULL: there is none, or nobody knows.
 */
json_t *th_look_ways(const struct th_dialed *dialed, const struct th_line_look *line);

/* "reached", "not_found", … of a dial's result. */
const char *th_dial_word(enum th_err result);

/* Sets a member; value is given. Without memory the key is missing: an answer without it is better
 * than none. */
void th_json_put(json_t *object, const char *key, json_t *value);

/* A number; null when it is not there. */
json_t *th_json_number(bool is_there, uint64_t n);

/* A hashname as 64 digits; an address as text; null when there is none. */
json_t *th_json_hex(const struct th_hashname *id);
json_t *th_json_addr(bool is_there, const struct th_addr *addr);

/* The same; "bridge:ADDRESS" of a line that a node there forwards. */
json_t *th_json_addr_by(bool is_bridged, bool is_there, const struct th_addr *addr);

/* The way of a line: its address, "relay:HASHNAME" or "bridge:HASHNAME"; null for NULL or none. */
json_t *th_json_way(const struct th_line_look *line);

/*
 * Finds the node that an operator means by 1 to 64 hex digits, among those with a line or a link.
 * 64 digits are always found.
 *
 * candidates  filled with those that fit (at most TH_CANDIDATES_MAX), count with how many.
 * Returns TH_OK, TH_NOT_FOUND, TH_LIMIT (more than one fits), TH_INVALID (no hex).
 */
TH_MUST enum th_err th_look_resolve(struct th_hashname *out, const char *text,
                                    const struct th_look *look,
                                    struct th_hashname candidates[TH_CANDIDATES_MAX],
                                    unsigned *count);

#endif
