/*
 * control_table.h - the methods of the control socket: one table that the daemon answers by, and that
 * help and pages are made from.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CONTROL_TABLE_H
#define TH_APP_CONTROL_TABLE_H

#include <stddef.h>

enum th_access {
    TH_ACCESS_READ,  /* whoever may connect */
    TH_ACCESS_PROBE, /* the same, at most TH_PROBES_PER_S in all */
    TH_ACCESS_ADMIN  /* the daemon's owner, or root */
};

enum { TH_PROBES_PER_S = 10 }; /* each is a few packets to others */

/* What must be asked of the node's servers before a method can answer. */
enum th_need {
    TH_NEED_NOTHING = 0,
    TH_NEED_STATUS = 1 << 0,     /* of the switch */
    TH_NEED_LINES = 1 << 1,      /* of the switch */
    TH_NEED_BOOTSTRAP = 1 << 2,  /* its state */
    TH_NEED_TABLE = 1 << 3,      /* of the router */
    TH_NEED_DIALER = 1 << 4,     /* its status */
    TH_NEED_CHANNELS = 1 << 5,   /* of the switch */
    TH_NEED_PORT_MAP = 1 << 6,   /* its status; may be missing: most run without */
    TH_NEED_SOURCES = 1 << 7,    /* of the bootstrap */
    TH_NEED_KEEPER = 1 << 8,     /* its status */
    TH_NEED_SETTINGS = 1 << 9,   /* their status */
    TH_NEED_NOT_ALL = 1 << 10,   /* it answers with what is there: null for who does not answer */
    TH_NEED_NO_WAITING = 1 << 11 /* who hangs or is suspended is not even asked */
};

enum th_method_id {
    TH_METHOD_STATUS,
    TH_METHOD_HEALTH,
    TH_METHOD_REACH,
    TH_METHOD_DOCTOR,
    TH_METHOD_PEERS,
    TH_METHOD_BUCKETS,
    TH_METHOD_LINES,
    TH_METHOD_CHANNELS,
    TH_METHOD_DROPS,
    TH_METHOD_SERVERS,
    TH_METHOD_METRICS,
    TH_METHOD_SEEK,
    TH_METHOD_CONNECT,
    TH_METHOD_PING,
    TH_METHOD_PIPE_OPEN,
    TH_METHOD_PIPE_LISTEN,
    TH_METHOD_WATCH_START,
    TH_METHOD_WATCH_STOP,
    TH_METHOD_LOG,
    TH_METHOD_LOG_START,
    TH_METHOD_CAPTURE_START,
    TH_METHOD_SERVER_TRACE,
    TH_METHOD_SERVER_SUSPEND,
    TH_METHOD_SERVER_RESUME,
    TH_METHOD_SERVER_RESTART,
#ifdef TH_TEST_HOOKS
    TH_METHOD_SERVER_BUSY,
#endif
    TH_METHOD_SEEDS_EXPORT,
    TH_METHOD_SEEDS_LIST,
    TH_METHOD_SEEDS_ADD,
    TH_METHOD_SEEDS_REMOVE,
    TH_METHOD_RELOAD,
    TH_METHOD_METHODS,
    TH_METHOD_STOP,
    TH_METHODS
};

struct th_method {
    enum th_method_id id;
    const char *name;
    const char *params; /* "" for none; ? marks one that may be left out */
    const char *result;
    enum th_access access;
    unsigned needs; /* of enum th_need */
    const char *help;
};

/* In the order of enum th_method_id. */
extern const struct th_method th_methods[TH_METHODS];

/* The method of a name; NULL when there is none. */
const struct th_method *th_method_find(const char *name);

/* "read", "probe", "admin". */
const char *th_access_name(enum th_access access);

#endif
