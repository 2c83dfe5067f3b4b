/*
 * doctor.h - what is wrong with a node, as far as the node itself can tell: clock, ports, buffers, seeds,
 * table, servers, disk, permissions.
 *
 * Pure: what was gathered goes in, a line for each thing that was looked at comes out. What nobody
 * answered is unknown, not good. What can be seen from outside is ctl_doctor.h's.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_DOCTOR_H
#define TH_APP_DOCTOR_H

#include "router/keeper.h"
#include "tools/app/control_look.h"
#include "tools/app/findings.h"
#include "tools/app/settings.h"

enum {
    TH_DOCTOR_STEP_MS = 30000,    /* of the clock since the start: somebody set it */
    TH_DOCTOR_AHEAD_MS = 60000,   /* a file may be dated so far ahead */
    TH_DOCTOR_ROOM_BAD = 4 << 20, /* bytes of disk: what is kept may need 3 MiB at most */
    TH_DOCTOR_ROOM_WARN = 64 << 20,
    TH_DOCTOR_SAVED_MS = 3 * TH_KEEPER_EVERY_MS,
    TH_DOCTOR_SLOW_US = 1000000, /* a callback */
    TH_DOCTOR_SENT_MIN =
        6, /* two tries of a seed; fewer datagrams without an answer prove nothing */
    TH_DOCTOR_SEEDS_MAX = 8 /* seeds that have a line of their own */
};

/* Everything is borrowed; NULL: nobody answered. */
struct th_doctor_facts {
    struct th_look look; /* now, started_at, status, lines, bootstrap, table, dialer, port_map */
    int64_t stepped_ms;  /* how far the clock was set since the start */
    unsigned server_count;
    const struct th_server_look *server;
    th_ms watchdog_ms;
    const struct th_bootstrap_sources *sources;
    const struct th_keeper_status *keeper;
    const struct th_settings_status *settings;
    const char *socket_path, *socket_group;
    unsigned socket_mode; /* 0: not known */
};

/* Adds a line for each thing. */
void th_doctor_judge(struct th_findings *findings, const struct th_doctor_facts *facts);

/* The same of a state directory alone. */
void th_doctor_judge_disk(struct th_findings *findings, const struct th_disk_look *disk);

#endif
