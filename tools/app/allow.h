/*
 * allow.h - the allow-list as an operator says it: hashnames, and files of them.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_ALLOW_H
#define TH_APP_ALLOW_H

#include "switch/wire/allow.h"
#include "tools/app/config.h"

enum { TH_ALLOW_FILE_MAX = TH_ALLOW_MAX * 256 }; /* bytes: a hashname and a comment in each line */

/*
 * Reads what was said with --allow: each is a hashname, or a file with one in each line; what follows a
 * # is a comment.
 *
 * out     filled with a list that is held once; with NULL when nothing was said (everybody).
 * Errors: TH_INVALID (a line that is none; a file without any), TH_LIMIT (more than TH_ALLOW_MAX in all),
 *         TH_NO_MEMORY, and those of th_file_read. say is filled then.
 */
TH_MUST enum th_err th_allow_load(struct th_allow **out, const char *const *said, unsigned count,
                                  char say[TH_SAY_MAX]);

#endif
