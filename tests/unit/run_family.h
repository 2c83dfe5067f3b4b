/*
 * run_family.h - what the tests of supervisors share: one with three children, whose starts and ends
 * make a story, and what it wrote to its log.
 */
#ifndef TH_TESTS_RUN_FAMILY_H
#define TH_TESTS_RUN_FAMILY_H

#include "tests/unit/run_hosts.h"

enum { KIDS = 3 };

struct family {
    struct stage *stage;
    struct stage own;     /* of a test that is played once */
    struct th_host *host; /* the stage's */
    th_pid supervisor;
    struct th_supervisor_spec spec;
    struct th_child children[KIDS];
    struct probe kids[KIDS];
    struct probe story; /* letters: a started, A ended */
    char log[2048];
    struct th_log log_to;
};

static const char *const names[KIDS] = {"a", "b", "c"};
static pthread_mutex_t story_lock = PTHREAD_MUTEX_INITIALIZER; /* kids may have threads */

static inline void tell_story(struct family *family, char letter)
{
    th_run_lock(&story_lock);
    probe_note(&family->story, letter);
    th_run_unlock(&story_lock);
}

static inline void keep_line(void *data, enum th_log_level level, const char *topic,
                             const char *text)
{
    struct family *family = data;
    size_t len = strlen(family->log);

    snprintf(family->log + len, sizeof family->log - len, "%s %s %s\n", th_log_level_name(level),
             topic, text);
}

static inline enum th_err notes_start(struct probe *probe, const struct th_self *self)
{
    tell_story(probe->data, self->name[0]);
    return TH_OK;
}

static inline void notes_end(struct probe *probe, const struct th_self *self, enum th_err why)
{
    (void)why;
    tell_story(probe->data, (char)(self->name[0] - 'a' + 'A'));
}

static const struct th_msg_kind end_msg = {"test.end", NULL};

/* on_msg: ends with the number as reason (0: as if asked to, with TH_OK). */
static inline enum th_err ends(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)probe;
    if (msg->kind == &end_msg)
        th_stop(self->host, self->pid, TH_OK);
    return msg->kind == &probe_msg ? (enum th_err)probe_number_of(msg) : TH_OK;
}

/* The family of a scenario. */
static inline void prepare_on(struct family *family, struct stage *stage)
{
    *family = (struct family){.stage = stage, .host = stage->host};
    for (int i = 0; i < KIDS; i++) {
        family->kids[i] = (struct probe){
            .init = notes_start, .terminate = notes_end, .on_msg = ends, .data = family};
        family->children[i].spec = probe_spec(stage_next_place(stage), names[i], &family->kids[i]);
    }
    family->spec = (struct th_supervisor_spec){.children = family->children, .count = KIDS};
    family->log_to = (struct th_log){.level = TH_LOG_INFO, .write = keep_line, .data = family};
}

static inline void prepare(struct family *family, uint64_t seed)
{
    struct stage own = stage_open(seed);

    prepare_on(family, &own);
    family->own = own;
    family->stage = &family->own;
}

static inline struct th_server_spec spec_of(struct family *family)
{
    return (struct th_server_spec){.ops = &th_supervisor_ops,
                                   .arg = &family->spec,
                                   .name = "top",
                                   .place = stage_next_place(family->stage),
                                   .log = &family->log_to};
}

static inline void start(struct family *family)
{
    struct th_server_spec spec = spec_of(family);

    assert_int_equal(th_spawn(family->host, &spec, &family->supervisor), TH_OK);
    stage_run(family->stage, 1);
}

/* Makes a child end for a reason. */
static inline void end_kid(struct family *family, unsigned i, enum th_err why)
{
    struct th_msg msg = why ? probe_number(why) : (struct th_msg){.kind = &end_msg};

    assert_int_equal(th_post(family->host, th_whereis(family->host, 0, names[i]), msg), TH_OK);
    stage_run(family->stage, 1);
}

static inline bool is_supervisor_alive(struct family *family)
{
    return th_whereis(family->host, 0, "top") != 0;
}

static inline enum th_err wait_until_ready(struct family *family)
{
    struct th_msg reply;

    return th_call_wait(family->host, family->supervisor,
                        (struct th_msg){.kind = &th_supervisor_ready_msg}, 60000, &reply);
}

#endif
