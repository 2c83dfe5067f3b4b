/*
 * ctl_picture.h - thctl's pictures: the table drawn in the terminal, the neighbourhood as a graph.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_PICTURE_H
#define TH_APP_CTL_PICTURE_H

#include "tools/app/ctl_run.h"

/*
 * Prints the buckets, a row each: a bar of its links, how long they are known, when it was dialled.
 * say  filled when the exit code is not 0.
 */
int th_ctl_buckets(const struct th_ctl_run *run, char say[TH_SAY_MAX]);

/* The same of what the daemon said; for tests. peers: of the method of that name, for the ages. */
void th_show_buckets(const json_t *buckets, const json_t *peers, const struct th_style *style);

/*
 * Prints us, our peers and those that lines to them go through; with a hashname, who told of whom when
 * it is sought now. In DOT, or what --svg and --html say.
 *
 * hashname  NULL: none is sought.
 * say       filled when the exit code is not 0.
 */
int th_ctl_graph(const struct th_ctl_run *run, const char *hashname, char say[TH_SAY_MAX]);

#endif
