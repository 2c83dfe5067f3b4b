/*
 * disk_sim.h - a disk in memory (router/disk.h), which loses, tears, fails, fills up and dawdles.
 *
 *     th_disk_sim_init(&disk, "node 7", &rng);
 *     disk.faults.fail_per_mille = 20;
 *     …                               a node runs on &disk.disk
 *     th_disk_sim_halt(&disk);        the machine stops, in the middle of anything
 *     th_disk_sim_crash(&disk);       what a power cut left of it; it can be used again
 *
 * A power cut keeps what was synced. Of what was not: a file keeps any first part of its contents, and
 * of the names that changed since sync_dir each change, by itself, has happened or not. So it is worse
 * than any real file system.
 *
 * Floor:  7 (sim).
 * Owns:   the files.
 * Limits: TH_DISK_SIM_FILES_MAX files and as many names, then TH_NO_SPACE; TH_DISK_SIM_CHANGES_MAX
 *         changes of names that are not synced, then the oldest becomes durable.
 * Thread: the owner's.
 */
#ifndef TH_SIM_DISK_SIM_H
#define TH_SIM_DISK_SIM_H

#include "router/disk.h"
#include "switch/base/clock.h"
#include "switch/base/rng.h"

enum { TH_DISK_SIM_FILES_MAX = 24, TH_DISK_SIM_CHANGES_MAX = 24 };

/* What may go wrong; all 0: nothing. May be changed at any time. */
struct th_disk_faults {
    unsigned fail_per_mille; /* steps that fail with TH_IO, half of them after they were done */
    unsigned torn_per_mille; /* writes that fail with a part done */
    size_t room;             /* bytes of all files; more is TH_NO_SPACE; 0: no limit */
    th_ms slow_max_ms;       /* how long a step takes, at most; told to on_slow */
};

struct th_disk_sim_file {
    bool is_used;
    bool is_synced;
    bool is_lost; /* a sync failed: no later one helps, though it says so (as Linux has it) */
    char *text;
    size_t len;
};

/* A name and the file that it leads to. */
struct th_disk_sim_name {
    char name[TH_DISK_NAME_MAX]; /* "": unused */
    unsigned file;
};

/* A change of names, which happens as a whole or not at all. */
struct th_disk_sim_change {
    char gone[TH_DISK_NAME_MAX]; /* leads nowhere any more; "": none does */
    char made[TH_DISK_NAME_MAX]; /* leads to the file from now on; "": none does */
    unsigned file;
};

struct th_disk_sim {
    struct th_disk disk; /* first */
    struct th_rng rng;
    struct th_disk_faults faults;
    void (*on_slow)(void *data, th_ms ms); /* a step takes so long; NULL: nobody cares */
    void *data;
    bool is_halted;
    uint64_t steps;    /* ever, but for those that a halted disk refused */
    uint64_t failures; /* of our making, ever */
    uint64_t halt_at;  /* the step with this number halts the disk in the middle of it; 0: none */

    struct th_disk_sim_file file[TH_DISK_SIM_FILES_MAX];
    struct th_disk_sim_name now[TH_DISK_SIM_FILES_MAX];     /* what a reader sees */
    struct th_disk_sim_name durable[TH_DISK_SIM_FILES_MAX]; /* what survives for sure */
    unsigned change_count;
    struct th_disk_sim_change change[TH_DISK_SIM_CHANGES_MAX]; /* since durable; oldest first */
};

/* An empty disk without faults. where: as in th_disk; rng: drawn from once. */
void th_disk_sim_init(struct th_disk_sim *disk, const char *where, struct th_rng *rng);

/* Frees the files. */
void th_disk_sim_clear(struct th_disk_sim *disk);

/* From now on every step fails with TH_IO and does nothing: whoever uses it is being killed. */
void th_disk_sim_halt(struct th_disk_sim *disk);

/* What a process that was killed leaves: everything that was done. It goes on. */
void th_disk_sim_resume(struct th_disk_sim *disk);

/* What a power cut leaves, drawn anew. It goes on. */
void th_disk_sim_crash(struct th_disk_sim *disk);

/* The contents of a file as a reader would see them now; NULL when there is none. Borrowed. */
const char *th_disk_sim_text(const struct th_disk_sim *disk, const char *name);

/* Puts a file there, durable at once, whatever the faults: what somebody wrote before. text borrowed.
 * Errors: TH_NO_MEMORY, TH_NO_SPACE (too many files). */
TH_MUST enum th_err th_disk_sim_put(struct th_disk_sim *disk, const char *name, const char *text);

#endif
