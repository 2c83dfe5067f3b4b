/*
 * replace.h - replaces a file so that a crash at any moment leaves the old one whole, or the new one.
 *
 *     (1) remove what a crash left beside it   NAME.new
 *     (2) write the new one beside it
 *     (3) sync it            or the new name would lead to a part of it
 *     (4) rename it          from here on a reader finds the new one
 *     (5) sync the names     from here on a power cut does, too
 *
 *     th_replace_init(&replace, "state.json", text, false);
 *     while (!replace.is_done && e == TH_OK)
 *         e = th_replace_step(&replace, disk);
 *
 * Floor:  5.
 * Thread: the disk's.
 */
#ifndef TH_ROUTER_REPLACE_H
#define TH_ROUTER_REPLACE_H

#include "router/disk.h"

#include <stdbool.h>

enum th_replace_do {
    TH_REPLACE_CLEAN,
    TH_REPLACE_WRITE,
    TH_REPLACE_SYNC,
    TH_REPLACE_RENAME,
    TH_REPLACE_SYNC_DIR
};

/* Embed by value; a machine without time. */
struct th_replace {
    const char *name;
    struct th_bytes text;
    bool is_new;
    bool is_done; /* all steps have succeeded: the new file is there, whatever comes */
    enum th_replace_do next;
    char beside[TH_DISK_NAME_MAX];
};

/*
 * Begins.
 *
 * name, text  borrowed until it is done or has failed; the name must leave room for ".new".
 * is_new      the name must be free: a file that is there stays.
 */
void th_replace_init(struct th_replace *replace, const char *name, struct th_bytes text,
                     bool is_new);

/*
 * Does the next step.
 *
 * Errors: those of the disk, TH_IN_USE among them when is_new. It is over then: what lay beside has
 *         been removed, as far as that can be done; the file is the old one, but for a failure of the
 *         last step, after which it may be either.
 */
TH_MUST enum th_err th_replace_step(struct th_replace *replace, struct th_disk *disk);

/* Does all steps. Errors: as th_replace_step. */
TH_MUST enum th_err th_replace_all(struct th_disk *disk, const char *name, struct th_bytes text,
                                   bool is_new);

#endif
