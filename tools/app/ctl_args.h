/*
 * ctl_args.h - thctl's command line, read but not yet obeyed.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CTL_ARGS_H
#define TH_APP_CTL_ARGS_H

#include "switch/base/check.h"
#include "tools/app/config.h"
#include "tools/cli/cli.h"

#include <jansson.h>
#include <stdint.h>

enum { TH_CTL_WORDS_MAX = 8 };

struct th_ctl_args {
    const char *socket; /* NULL: looked for */
    bool is_json, is_full, is_all, is_help, is_version;
    bool is_uri, is_qr, is_prometheus, is_follow, is_svg, is_html, is_plain;
    unsigned timeout_ms;
    unsigned word_count;
    const char *word[TH_CTL_WORDS_MAX]; /* the command and what it is about; borrowed from argv */
    unsigned ping_count, ping_interval_ms, ping_wait_ms, ping_size;
    unsigned for_ms; /* 0: not said */
    struct {
        bool is_forced;
        unsigned count, snap; /* 0: not said */
        unsigned bytes_max;   /* of the file */
    } capture;
    json_t *filter; /* the parameters of watch.start; NULL: none was named */
    json_t *log;    /* those of log and log.start; the same */
    uint64_t said;  /* a bit for each of th_ctl_flags */
};

/* What may be said to thctl with its commands (tools/thctl.c). */
extern const struct th_cli_flag th_ctl_flags[];
extern const unsigned th_ctl_flag_count;

/*
 * Reads it all; fills in defaults first.
 * out  ends with th_ctl_args_clear, also on failure.
 * say  filled on failure with one line.
 */
TH_MUST bool th_ctl_args_read(struct th_ctl_args *out, int argc, char *const argv[],
                              char say[TH_SAY_MAX]);
void th_ctl_args_clear(struct th_ctl_args *args);

/* A flag that was said and does not go with a command; NULL when there is none. */
const struct th_cli_flag *th_ctl_args_stray(const struct th_ctl_args *args, const char *command);

#endif
