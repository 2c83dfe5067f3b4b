#include "router/keeper.h"

#include "switch/base/mem.h"
#include "switch/run/waiters.h"

#include <stdio.h>
#include <string.h>

const struct th_msg_kind th_keeper_msg_save = {"keeper.save", th_mem_free};
const struct th_msg_kind th_keeper_msg_status = {"keeper.status", th_mem_free};

enum question { ASK_STATUS, ASK_LINES, ASK_TABLE, ASK_AGES, QUESTIONS };

enum phase { PHASE_IDLE, PHASE_ASKING, PHASE_WRITING };

enum { FRESH_MS = 1000 }; /* for so long nothing is asked again at the end */

struct question_asked {
    bool is_open;
    uint64_t ref;
    struct th_msg answer; /* no body: there is none */
};

struct keeper {
    const struct th_keeper_config *config;
    struct th_keep keep;
    struct th_seeds peers; /* whom the next run should try */
    th_ms round_at;        /* the next one that nobody asks for */
    th_ms ages_at;         /* not before are the ages asked for again */

    enum phase phase;
    bool is_hurried;    /* somebody waits for this round */
    bool is_again;      /* somebody wants another one after it */
    enum th_err result; /* of this round: the first failure */
    struct question_asked question[QUESTIONS];
    unsigned failing; /* one bit for each file that could not be written; TH_KEEP_FILES: read */
    char say[TH_KEEP_SAY_MAX]; /* of the latest failure */
    bool has_saved;
    th_ms saved_at; /* the end of the last round without a failure */
    bool has_ended; /* a round that somebody waited for */
    th_ms ended_at; /* when */

    struct th_waiters waiting; /* for the round that comes */
    bool is_ending;
};

/* --- the end of a round --------------------------------------------------------------------------- */

static void answer(const struct th_self *self, struct th_from to, enum th_err e)
{
    struct th_msg reply = {.kind = &th_keeper_msg_save};

    if (e != TH_OK)
        reply.body = th_mem_copy(&e, sizeof e);
    th_reply(self->host, to, reply);
}

static enum th_err begin_round(struct keeper *k, const struct th_self *self, bool is_hurried);

static enum th_err end_round(struct keeper *k, const struct th_self *self)
{
    k->phase = PHASE_IDLE;
    if (k->result == TH_OK && !k->failing) {
        k->has_saved = true;
        k->saved_at = self->now.mono;
    }
    if (k->is_again) {
        k->is_again = false;
        return begin_round(k, self, true);
    }
    for (unsigned i = 0; i < k->waiting.count; i++)
        answer(self, k->waiting.from[i], k->result);
    th_waiters_clear(&k->waiting);
    if (k->is_hurried) {
        k->has_ended = true;
        k->ended_at = self->now.mono;
    }
    return k->is_ending ? TH_SHUTDOWN : TH_OK;
}

/* --- writing -------------------------------------------------------------------------------------- */

/* Says that something fails, or works again: once. */
static void note(struct keeper *k, const struct th_self *self, unsigned what, enum th_err e,
                 const char *say)
{
    const unsigned bit = 1u << what;

    if (e != TH_OK && !(k->failing & bit))
        TH_LOG(self->log, ERROR, "keeper", "not_saved %s", say);
    if (e == TH_OK && (k->failing & bit))
        TH_LOG(self->log, INFO, "keeper", "saved_again dir=%s", k->config->disk->where);
    if (e != TH_OK)
        snprintf(k->say, sizeof k->say, "%s", say);
    k->failing = e != TH_OK ? k->failing | bit : k->failing & ~bit;
    if (k->result == TH_OK)
        k->result = e;
}

static enum th_err write_step(struct keeper *k, const struct th_self *self)
{
    char say[TH_KEEP_SAY_MAX] = "";
    enum th_keep_file file;
    bool is_end;
    enum th_err e = th_keep_step(&k->keep, &file, &is_end, say);

    if (is_end)
        note(k, self, file, e, say);
    return th_keep_is_due(&k->keep) ? TH_OK : end_round(k, self);
}

static void drop_answers(struct keeper *k)
{
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (k->question[i].answer.body)
            th_msg_drop(&k->question[i].answer);
}

/* Decides what is to be written, from what the others answered. Errors: TH_NO_MEMORY. */
static enum th_err digest(struct keeper *k, th_ms now)
{
    const struct th_switch_status *status = k->question[ASK_STATUS].answer.body;
    const struct th_switch_lines *lines = k->question[ASK_LINES].answer.body;
    const struct th_router_table *table = k->question[ASK_TABLE].answer.body;
    const struct th_router_ages *ages = k->question[ASK_AGES].answer.body;
    enum th_err e = TH_OK;

    if (status)
        e = th_keep_put_at(&k->keep, status->at_highest);
    if (e == TH_OK && lines && table)
        e = th_remember(&k->peers, lines, table);
    if (e == TH_OK)
        e = th_keep_put_peers(&k->keep, &k->peers);
    if (e == TH_OK && ages) {
        e = th_keep_put_ages(&k->keep, ages->age, ages->count);
        k->ages_at = now + TH_KEEPER_AGES_MS;
    }
    return e;
}

static enum th_err write_all(struct keeper *k, const struct th_self *self)
{
    enum th_err e = digest(k, self->now.mono);

    drop_answers(k);
    if (e != TH_OK)
        return e;
    k->phase = PHASE_WRITING; /* the alarm does the rest */
    return th_keep_is_due(&k->keep) ? TH_OK : end_round(k, self);
}

/* --- asking --------------------------------------------------------------------------------------- */

static bool is_answered(const struct keeper *k)
{
    for (unsigned i = 0; i < QUESTIONS; i++)
        if (k->question[i].is_open)
            return false;
    return true;
}

static enum th_err on_answer(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct keeper *k = state;
    struct question_asked *question = ctx;

    question->is_open = false;
    if (why == TH_OK) {
        question->answer = *reply;
        reply->body = NULL;
    }
    return is_answered(k) ? write_all(k, self) : TH_OK;
}

static void take_back_questions(struct keeper *k, const struct th_self *self)
{
    for (unsigned i = 0; i < QUESTIONS; i++) {
        if (k->question[i].is_open)
            th_cancel(self, k->question[i].ref);
        k->question[i].is_open = false;
    }
    drop_answers(k);
}

static enum th_err ask(struct keeper *k, const struct th_self *self, enum question which,
                       const char *server, const struct th_msg_kind *kind)
{
    struct question_asked *question = &k->question[which];
    enum th_err e =
        th_call(self, th_whereis(self->host, self->scope, server), (struct th_msg){.kind = kind},
                k->is_hurried ? TH_KEEPER_HURRY_MS : TH_CALL_MS_DEFAULT, on_answer, question,
                &question->ref);

    question->is_open = e == TH_OK;
    return e;
}

static enum th_err ask_all(struct keeper *k, const struct th_self *self)
{
    const char *sw = k->config->switch_name, *router = k->config->router_name;
    enum th_err e = ask(k, self, ASK_STATUS, sw, &th_switch_msg_status);

    k->phase = PHASE_ASKING;
    if (e == TH_OK)
        e = ask(k, self, ASK_LINES, sw, &th_switch_msg_lines);
    if (e == TH_OK)
        e = ask(k, self, ASK_TABLE, router, &th_router_msg_table);
    if (e == TH_OK && (k->is_hurried || self->now.mono >= k->ages_at))
        e = ask(k, self, ASK_AGES, router, &th_router_msg_ages);
    return e;
}

/* What is there must be known before anything is written over it. */
static enum th_err load(struct keeper *k, const struct th_self *self)
{
    char warning[TH_KEEP_SAY_MAX], say[TH_KEEP_SAY_MAX] = "";
    struct th_kept kept = {0};
    enum th_err e = th_keep_load(&k->keep, &kept, warning, say);

    if (e == TH_OK && warning[0])
        TH_LOG(self->log, WARN, "keeper", "%s", warning);
    if (e == TH_OK) {
        k->peers = kept.peers;
        kept.peers = (struct th_seeds){0};
    }
    note(k, self, TH_KEEP_FILES, e, say);
    th_kept_clear(&kept);
    return e;
}

static enum th_err begin_round(struct keeper *k, const struct th_self *self, bool is_hurried)
{
    k->is_hurried = is_hurried;
    k->result = TH_OK;
    k->round_at = self->now.mono + TH_KEEPER_EVERY_MS;
    if (!k->keep.is_loaded && load(k, self) != TH_OK)
        return end_round(k, self);
    return ask_all(k, self);
}

/* A round in which nobody is waited for longer than need be; the one under way will do if it is such. */
static enum th_err hurry(struct keeper *k, const struct th_self *self)
{
    switch (k->phase) {
    case PHASE_WRITING:
        k->is_again = true;
        return TH_OK;
    case PHASE_ASKING:
        if (k->is_hurried)
            return TH_OK;
        take_back_questions(k, self);
        break;
    case PHASE_IDLE:
        break;
    }
    return begin_round(k, self, true);
}

/* --- the server ----------------------------------------------------------------------------------- */

static void answer_status(const struct keeper *k, const struct th_self *self,
                          const struct th_msg *msg)
{
    struct th_keeper_status *status = th_mem_zalloc(1, sizeof *status);

    if (status == NULL)
        return; /* its time-out tells it */
    status->has_saved = k->has_saved;
    status->saved_ms = k->has_saved ? self->now.mono - k->saved_at : 0;
    status->is_failing = k->failing != 0;
    memcpy(status->say, k->say, sizeof status->say);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_keeper_msg_status, .body = status});
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct keeper *k = state;

    if (msg->kind == &th_keeper_msg_status)
        answer_status(k, self, msg);
    if (msg->kind != &th_keeper_msg_save)
        return TH_OK;
    enum th_err err = th_waiters_add(&k->waiting, th_from_of(msg), TH_KEEPER_WAITERS_MAX);
    if (err == TH_OK)
        return hurry(k, self);
    answer(self, th_from_of(msg), err);
    return TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct keeper *k = state;

    if (k->phase == PHASE_WRITING)
        return write_step(k, self);
    return k->phase == PHASE_IDLE && self->now.mono >= k->round_at ? begin_round(k, self, false)
                                                                   : TH_OK;
}

static th_ms deadline(const void *state)
{
    const struct keeper *k = state;

    switch (k->phase) {
    case PHASE_IDLE:
        return k->round_at;
    case PHASE_ASKING:
        return TH_NEVER;
    case PHASE_WRITING:
        return 0; /* now; messages have their turn in between */
    }
    return TH_NEVER;
}

static enum th_err on_stop(void *state, const struct th_self *self, enum th_err why)
{
    struct keeper *k = state;

    if (k->phase == PHASE_IDLE && k->has_ended && self->now.mono - k->ended_at < FRESH_MS)
        return why;
    k->is_ending = true;
    return hurry(k, self);
}

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct keeper *k = state;

    k->config = arg;
    k->round_at = self->now.mono + TH_KEEPER_FIRST_MS;
    th_keep_init(&k->keep, k->config->disk);
    return TH_OK;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct keeper *k = state;

    (void)self;
    (void)why;
    drop_answers(k);
    th_waiters_clear(&k->waiting);
    th_keep_clear(&k->keep);
    th_seeds_clear(&k->peers);
}

const struct th_server_ops th_keeper_ops = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
    .on_stop = on_stop,
};
