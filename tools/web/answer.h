/*
 * answer.h - what the daemon said, as the texts that go out by HTTP; shared by all who ask at the time.
 *
 * Floor:  7 (app).
 * Thread: any; it does not change once it is made.
 */
#ifndef TH_WEB_ANSWER_H
#define TH_WEB_ANSWER_H

#include "tools/app/config.h"

#include <jansson.h>
#include <stdatomic.h>

/* What is shown: a control method each. */
enum th_web_what {
    TH_WEB_STATUS,
    TH_WEB_HEALTH,
    TH_WEB_PEERS,
    TH_WEB_BUCKETS,
    TH_WEB_SERVERS,
    TH_WEB_DROPS,
    TH_WEB_METRICS,
    TH_WEB_WHATS
};

enum th_web_form { TH_WEB_JSON, TH_WEB_OPENMETRICS, TH_WEB_PLAIN, TH_WEB_FORMS };

struct th_web_text {
    char *at; /* of malloc; NULL: there is none in this form */
    size_t len;
};

struct th_web_answer {
    atomic_uint holders;
    bool is_good;                          /* else say is why not, and JSON {"error": say} */
    bool is_healthy;                       /* of HEALTH */
    struct th_web_text text[TH_WEB_FORMS]; /* the last two of METRICS alone */
    char say[TH_SAY_MAX];
};

/* The control method's name. */
const char *th_web_method(enum th_web_what what);

/* Makes one, held once, of a result (given; NULL counts as out of memory). NULL without memory. */
struct th_web_answer *th_web_answer_of(enum th_web_what what, json_t *result);

/* Makes one that says why there is none. */
struct th_web_answer *th_web_answer_why_not(enum th_web_what what, const char *say);

struct th_web_answer *th_web_answer_hold(struct th_web_answer *answer);
void th_web_answer_release(struct th_web_answer *answer); /* harmless for NULL */

#endif
