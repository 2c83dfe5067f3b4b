/*
 * config.h - what an operator may say to telehashd, and what holds when nothing is said.
 *
 * By flags and in a file: JSON whose keys are the long flags with _ for -, with comments from // to the
 * end of a line. A flag overrides the file; what neither says depends on who runs it and on what the
 * service manager gives (interfaces: root or user, XDG, STATE_DIRECTORY and the like). One table
 * (config_table.h) makes the reader of both, --help, --print-config and what a reload says.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CONFIG_H
#define TH_APP_CONFIG_H

#include "switch/base/check.h"
#include "switch/base/err.h"
#include "switch/base/log.h"
#include "switch/wire/hashname.h"
#include "switch/wire/path.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    TH_PORT_DEFAULT = 42424,
    TH_LISTEN_MAX = 8,    /* sockets */
    TH_ADVERTISE_MAX = 8, /* as many as paths are told (TH_PATHS_MAX) */
    TH_SEEDS_FILES_MAX = 16,
    TH_SEED_URIS_MAX = 64,
    TH_ALLOW_SAID_MAX = 64, /* hashnames, and files of them */
    TH_RCVBUF_MIN = 4096,   /* bytes */
    TH_RCVBUF_MAX = 1 << 30,
    TH_CONFIG_FILE_MAX = 1 << 20, /* bytes */
    TH_BRIDGED_MAX = 64,          /* nodes for which we are a bridge */
    TH_BRIDGE_RATE_MIN = 1000,
    TH_BRIDGE_RATE_MAX = 1 << 30, /* bytes a second */
    TH_FILE_PATH_MAX = 4096,
    TH_SOCKET_PATH_MAX = 108, /* sun_path of Linux: 107 bytes and a closing 0 */
    TH_SOCKET_CANDIDATES_MAX = 3,
    TH_SAY_MAX = 512 /* one line for an operator: what, where, what to do */
};

/* What surrounds the process. Borrowed texts; NULL: not set (or empty). */
struct th_environment {
    unsigned uid;
    const char *home;
    const char *xdg_state_home, *xdg_runtime_dir;
    const char *state_directory, *runtime_directory; /* of a service manager */
    const char *telehash_socket;
    bool has_run_user;       /* the folder /run/user/UID is there */
    const char *config_file; /* read without --config, if it is there; NULL: none */
};

/* Reads the process's environment. */
void th_environment_read(struct th_environment *env);

enum th_task {
    TH_TASK_RUN,
    TH_TASK_INIT,           /* make the identity if there is none, print the seeds entry */
    TH_TASK_PRINT_HASHNAME, /* the same, but print only the hashname */
    TH_TASK_CHECK,          /* --check-config: only read */
    TH_TASK_PRINT_CONFIG,
    TH_TASK_HELP,
    TH_TASK_VERSION
};

struct th_config_key;

/* One thing that somebody said. */
struct th_said {
    const struct th_config_key *key;
    char *text;
    unsigned line; /* of the file; 0: a flag */
};

/* Borrowed texts are those of `said`. */
struct th_config {
    enum th_task task;
    unsigned said_count;
    struct th_said *said;
    const char *file; /* that was named with --config or --check-config; NULL: none */
    char file_in_use[TH_FILE_PATH_MAX]; /* "": no file was read */
    char state_dir[TH_FILE_PATH_MAX];
    char socket[TH_SOCKET_PATH_MAX];
    bool is_socket_given;  /* false: thctl finds it without --socket */
    unsigned listen_count; /* 0: both families on TH_PORT_DEFAULT */
    struct th_addr listen[TH_LISTEN_MAX];
    unsigned advertise_count;
    const char *advertise[TH_ADVERTISE_MAX]; /* HOST:PORT, borrowed */
    unsigned seeds_count;
    const char *seeds[TH_SEEDS_FILES_MAX]; /* names of files, borrowed */
    unsigned seed_uri_count;
    const char *seed_uri[TH_SEED_URIS_MAX]; /* borrowed; each can be read */
    unsigned allow_count;                   /* 0: everybody */
    const char *allow[TH_ALLOW_SAID_MAX];   /* hashnames and names of files (allow.h), borrowed */
    const char *identity; /* a key outside the state directory, borrowed; NULL: none */
    const char *user;     /* to become when root started us, borrowed; NULL: nobody */
    bool is_lan;          /* look for nodes on our networks */
    bool is_port_map;     /* ask the network's router to let others in */
    bool is_one_loop;
    bool may_capture;      /* packets in the clear, for the owner */
    unsigned k, links_max; /* 0: the router's defaults */
    bool is_bridge_for_all;
    unsigned bridged_count;
    struct th_hashname bridged[TH_BRIDGED_MAX];
    unsigned bridge_rate; /* bytes a second; 0: the switch's default */
    unsigned rcvbuf;      /* bytes; 0: the net's default */
    enum th_log_level log_level;
    bool is_log_json;
};

/*
 * Reads the flags and the file, then fills in what was not said.
 *
 * out     untouched on failure; else ends with th_config_clear.
 * say     filled on failure with one line for the operator; of a file it names line, key and reason.
 * Errors: TH_INVALID (an unknown flag or key, a value that is none); TH_FORMAT (a file that is no JSON);
 *         TH_TOO_BIG (a path that is too long for a socket or a file; a file over the limit);
 *         TH_NO_ENTRY, TH_NO_PERMISSION, TH_IO (the file); TH_NO_MEMORY.
 */
TH_MUST enum th_err th_config_read(struct th_config *out, int argc, char *const argv[],
                                   const struct th_environment *env, char say[TH_SAY_MAX]);

/* Frees what was said. A zeroed one is allowed. */
void th_config_clear(struct th_config *config);

/* Prints what --help prints. */
void th_config_help(FILE *out);

/* What th_cli_hidden does, of the flags of telehashd. */
int th_config_hidden(int argc, char *const argv[]);

/* Prints a file that says of every key what holds without it; it can be read back. */
void th_config_print(FILE *out);

/* Calls `tell` for every key that was said otherwise in one than in the other, in the table's order.
 * was, is: as it would be written in a file; "null": not said. */
typedef void (*th_config_change_fn)(void *data, const char *key, const char *was, const char *is,
                                    bool is_live);
void th_config_compare(const struct th_config *old, const struct th_config *now,
                       th_config_change_fn tell, void *data);

/*
 * Where thctl looks for a control socket, in this order: the named one alone, else TELEHASH_SOCKET
 * alone, else the user's, then the system's.
 *
 * given   --socket; NULL when there is none.
 * Returns how many were filled, at least 1.
 * Errors:  a path that does not fit is left as "", with its complaint in say.
 */
unsigned th_socket_candidates(char paths[TH_SOCKET_CANDIDATES_MAX][TH_SOCKET_PATH_MAX],
                              const char *given, const struct th_environment *env,
                              char say[TH_SAY_MAX]);

/* Prints the one line on stderr: who speaks and what is wrong. Names that somebody gave us may have
 * control characters in them; each is shown as a ?. */
void th_complain(const char *who, const char *say);

/* The exit code that an error of the start makes: 2 when starting again would not help (a bad flag,
 * file or permission), else 1. */
int th_exit_code(enum th_err e);

#endif
