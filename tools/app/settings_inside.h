/*
 * settings_inside.h - what the parts of the settings server share. Private to settings*.c.
 *
 * Floor:  7 (app).
 * Thread: the server's place.
 */
#ifndef TH_APP_SETTINGS_INSIDE_H
#define TH_APP_SETTINGS_INSIDE_H

#include "tools/app/resolver.h"
#include "tools/app/settings.h"

#include <jansson.h>

enum { TH_SETTINGS_AGAIN_MS = 200 };

struct settings {
    struct th_settings_config *config;
    struct th_resolver *resolver;
    bool is_resolving;     /* a look-up runs */
    th_ms resolving_until; /* then its answer was lost */
    bool is_asking;        /* whether we have joined */
    th_pid bootstrap;      /* that is monitored; 0: none */
    th_ms again_at;        /* to tell the bootstrap all; TH_NEVER: it knows */
    th_ms name_at;         /* to look up a name of ours that is missing; TH_NEVER: none is */
    unsigned name;         /* which one */
    unsigned name_fails;
    th_ms advertise_at; /* to tell the switch of those that were found; TH_NEVER: none was */
    th_ms allow_at;     /* to tell of the allow-list again; TH_NEVER: it was told */
};

/* Tells the bootstrap of one seed, of one that is none any more, of all. */
void th_settings_tell(struct settings *s, const struct th_self *self,
                      const struct th_book_seed *entry);
void th_settings_tell_gone(struct settings *s, const struct th_self *self,
                           const struct th_hashname *id);
void th_settings_tell_all(struct settings *s, const struct th_self *self);

/* settings_names.c: our own names, which had no address at the start. */
void th_settings_names_init(struct settings *s, const struct th_self *self);
void th_settings_look_up_name(struct settings *s, const struct th_self *self);
void th_settings_name_found(struct settings *s, const struct th_self *self,
                            const struct th_resolved *resolved);
/* Fills in which of them have none yet. */
void th_settings_names_status(const struct settings *s, struct th_settings_status *status);
void th_settings_tell_names(struct settings *s, const struct th_self *self);
th_ms th_settings_pause_after(unsigned fails); /* of look-ups in a row */

/* settings_ask.c: tells whoever goes by the allow-list that it is another; again later if one has no room. */
void th_settings_tell_allowed(struct settings *s, const struct th_self *self);

/* settings_ask.c: answers a question. */
void th_settings_answer(struct settings *s, const struct th_self *self, const struct th_msg *msg);

#endif
