/*
 * config_table.h - the table of what may be said to telehashd. Private to config*.c.
 *
 * A new flag is one row and one reader; the man pages telehashd.8 and telehashd.conf.5 get a paragraph
 * each (tests/form/cli_test.py and config_test.py say when one is missing).
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_CONFIG_TABLE_H
#define TH_APP_CONFIG_TABLE_H

#include "tools/app/config.h"

enum th_key_kind {
    TH_KEY_TASK,   /* a flag alone: what to do, or another name of a flag; not in a file */
    TH_KEY_SWITCH, /* a flag without a value, or with =true or =false; true or false in a file */
    TH_KEY_NUMBER,
    TH_KEY_TEXT,
    TH_KEY_LIST /* a repeatable flag; a text or a list of texts in a file */
};

struct th_config_key {
    const char *name;  /* the flag without its dashes */
    const char *value; /* what follows it, as help shows it; NULL: nothing */
    enum th_key_kind kind;
    const char
        *otherwise; /* what holds without it, as in a file; null: it depends, or nothing does */
    bool is_live;   /* a reload applies it; the others need a restart */
    const char *help;

    /*
     * Reads one value into the configuration.
     * text    borrowed for the configuration's life; "true" or "false" of a switch.
     * why     filled on failure with what is wrong and what would be right, without the value.
     * Errors: TH_INVALID, TH_TOO_BIG.
     */
    enum th_err (*read)(struct th_config *config, const char *text, char why[TH_SAY_MAX]);
};

extern const struct th_config_key th_config_keys[];
extern const unsigned th_config_key_count;

/* The key of a flag ("links-max") or of a file's member ("links_max"); NULL when there is none. */
const struct th_config_key *th_config_find(const char *name, size_t len, bool is_in_file);

/* As a file has it: "links_max". */
enum { TH_KEY_NAME_MAX = 32 };
void th_config_file_name(char name[TH_KEY_NAME_MAX], const struct th_config_key *key);

/* The nearest name to one that is none; NULL when nothing is near. */
const struct th_config_key *th_config_nearest(const char *name, size_t len, bool is_in_file);

/* Notes what was said; text is copied. Errors: TH_NO_MEMORY. */
TH_MUST enum th_err th_config_say(struct th_config *config, const struct th_config_key *key,
                                  const char *text, unsigned line);

/*
 * Notes what a file says, but for the keys that flags said already.
 * Errors: those of th_config_read; TH_NO_ENTRY when there is no file of that name.
 */
TH_MUST enum th_err th_config_read_file(struct th_config *config, const char *file,
                                        char say[TH_SAY_MAX]);

/* The same of a text, for tests. file: how to call it. */
TH_MUST enum th_err th_config_read_text(struct th_config *config, const char *file, char *text,
                                        char say[TH_SAY_MAX]);

/* Reads the path of a socket. Errors: TH_INVALID, TH_TOO_BIG. */
TH_MUST enum th_err th_config_socket_path(char path[TH_SOCKET_PATH_MAX], const char *text,
                                          char why[TH_SAY_MAX]);
TH_MUST enum th_err th_config_state_dir(struct th_config *config, const char *text,
                                        char why[TH_SAY_MAX]);

/* Where state and control socket are when nobody said; say is filled on failure. Errors: TH_INVALID,
 * TH_TOO_BIG (what the environment names is no place for it, or there is no home). */
TH_MUST enum th_err th_config_default_state(struct th_config *config,
                                            const struct th_environment *env, char say[TH_SAY_MAX]);
TH_MUST enum th_err th_config_default_socket(struct th_config *config,
                                             const struct th_environment *env,
                                             char say[TH_SAY_MAX]);

#endif
