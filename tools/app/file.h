/*
 * file.h - reads whole files, makes directories, and says what errno means.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_FILE_H
#define TH_APP_FILE_H

#include "switch/base/check.h"
#include "switch/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * Reads a file.
 *
 * dir_fd  the directory that a relative name is in; AT_FDCWD for the process's.
 * text    filled with memory of th_mem and a closing 0; the caller frees it.
 * st      filled; may be NULL.
 * Errors: TH_NO_ENTRY, TH_NO_PERMISSION, TH_TOO_BIG (over max bytes), TH_INVALID (no regular file),
 *         TH_IO, TH_NO_MEMORY.
 */
TH_MUST enum th_err th_file_read(int dir_fd, const char *name, size_t max, char **text, size_t *len,
                                 struct stat *st);

/* Makes a directory and those above it, mode 0700 (the last one: mode). One that is there stays as
 * it is. Errors: TH_NO_PERMISSION, TH_INVALID (something else has that name), TH_IO. */
TH_MUST enum th_err th_file_make_dir(const char *path, mode_t mode);

/* The error that errno means. */
enum th_err th_file_err(int error_number);

/* As th_strerror, in words that fit a file. */
const char *th_file_why(enum th_err e);

#endif
