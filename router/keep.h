/*
 * keep.h - what a node keeps on disk between its runs: peers, the highest `at`, ages.
 *
 *     th_keep_init(&keep, disk);
 *     e = th_keep_load(&keep, &kept, warning, say);
 *     …
 *     e = th_keep_put_at(&keep, at);
 *     while (e == TH_OK && th_keep_is_due(&keep))
 *         e = th_keep_step(&keep, &file, &is_end, say);
 *
 * What cannot be read is never overwritten; a broken file is kept aside as FILE.broken-N. None never
 * replace some, `at` only rises, and what did not change is not written. The texts: switch/wire/kept.h.
 *
 * Floor:  5.
 * Thread: the disk's.
 */
#ifndef TH_ROUTER_KEEP_H
#define TH_ROUTER_KEEP_H

#include "router/replace.h"
#include "switch/wire/kept.h"

enum {
    TH_KEEP_FILE_MAX = 1 << 20, /* bytes; a bigger one is none of ours */
    TH_KEEP_SAY_MAX = 512       /* one line for an operator: what, where, what to do */
};

enum th_keep_file { TH_KEEP_STATE, TH_KEEP_PEERS, TH_KEEP_AGES, TH_KEEP_FILES };

/* Embed by value. Read the fields freely; write them only through the functions below. */
struct th_keep {
    struct th_disk *disk;
    bool is_loaded;
    int64_t at;                   /* what state.json says */
    int64_t at_wanted;            /* what it is to say, while wanted[TH_KEEP_STATE] */
    char *on_disk[TH_KEEP_FILES]; /* what a file says; NULL: nothing, or it is not known */
    char *wanted[TH_KEEP_FILES];  /* what is to be written; NULL: nothing */
    bool is_writing;              /* a file, step by step */
    enum th_keep_file file;       /* which */
    struct th_replace replace;
};

/* disk  borrowed. */
void th_keep_init(struct th_keep *keep, struct th_disk *disk);

/* Gives back its memory; what was not written is lost. */
void th_keep_clear(struct th_keep *keep);

/*
 * Reads what the last run left. All is read before anything is kept aside, so that a start that is
 * refused leaves everything as it was.
 *
 * kept     zeroed by the caller; filled, also in part on failure; the caller clears it.
 * warning  filled with a line when broken files were kept aside; else "".
 * say      filled on failure with one line for the operator.
 * Errors:  TH_NEWER (a later version wrote it), TH_TOO_BIG, TH_INVALID (no regular file),
 *          TH_NO_PERMISSION, TH_IO, TH_NO_MEMORY. It may be tried again.
 */
TH_MUST enum th_err th_keep_load(struct th_keep *keep, struct th_kept *kept,
                                 char warning[TH_KEEP_SAY_MAX], char say[TH_KEEP_SAY_MAX]);

/* The three say what a file shall say from now on. After th_keep_load; not while one is being written
 * (is_writing). Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_keep_put_at(struct th_keep *keep, int64_t at);
TH_MUST enum th_err th_keep_put_peers(struct th_keep *keep, const struct th_seeds *peers);
TH_MUST enum th_err th_keep_put_ages(struct th_keep *keep, const struct th_age *age,
                                     unsigned count);

/* Is there anything to write? */
bool th_keep_is_due(const struct th_keep *keep);

/*
 * Does the next step of writing; only when something is due.
 *
 * file    filled with the one that it was about.
 * is_end  filled: the file has been written (TH_OK), or given up until it is put again.
 * say     filled on failure.
 * Errors: those of th_replace_step.
 */
TH_MUST enum th_err th_keep_step(struct th_keep *keep, enum th_keep_file *file, bool *is_end,
                                 char say[TH_KEEP_SAY_MAX]);

/*
 * Gives a broken file the first free name FILE.broken-N, so that it is never overwritten.
 *
 * complaint  what is wrong with it.
 * warning    filled with a line that says where it is now.
 * say        filled on failure. Errors: TH_IO.
 */
TH_MUST enum th_err th_keep_aside(struct th_disk *disk, const char *name, const char *complaint,
                                  char warning[TH_KEEP_SAY_MAX], char say[TH_KEEP_SAY_MAX]);

/* The name of a file: "peers.json". */
const char *th_keep_name(enum th_keep_file file);

/* The floor of `at` that is to be used: what was kept, but 0 when that is a minute or more ahead of the
 * clock, so that it must come from a clock that was wrong. */
int64_t th_keep_floor(int64_t at, th_epoch_ms wall);

#endif
