/*
 * task.h - what telehashd does without running a node: --init, --print-hashname, --check-config.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_TASK_H
#define TH_APP_TASK_H

#include "tools/app/load.h"

/*
 * Finds this node's identity, or makes one where none is, and prints its seeds entry on stdout, or only its
 * hashname, as the task of the config says.
 *
 * loaded  filled with what was read; th_load_clear it, whatever is returned.
 * say     filled on failure.
 * Errors: those of th_load_advertised, th_store_read_identity, th_store_peek_identity, th_store_open and
 *         th_load_own_identity; TH_IO (stdout cannot be written to).
 */
TH_MUST enum th_err th_task_identity(struct th_loaded *loaded, const struct th_config *config,
                                     char say[TH_SAY_MAX]);

/*
 * Reads the configuration's own files as a start would, and says on stdout that it is good. Names of hosts
 * are not looked up. loaded, say: as above. Errors: those of th_load_files.
 */
TH_MUST enum th_err th_task_check(struct th_loaded *loaded, const struct th_config *config,
                                  char say[TH_SAY_MAX]);

#endif
