/*
 * The methods that the settings server answers: reload and seeds.
 */
#include "tools/app/control_job.h"

#include "switch/base/mem.h"
#include "tools/app/settings.h"

#include <string.h>

enum { SETTINGS_MS = 4000 }; /* below thctl's 5 s */

static enum th_err on_answer(void *state, const struct th_self *self, void *ctx, enum th_err why,
                             struct th_msg *reply)
{
    struct th_control *c = state;
    struct th_job *job = ctx;
    struct th_settings_answer *answer = why == TH_OK ? reply->body : NULL;

    job->waiting--;
    if (answer == NULL) {
        th_job_fail(c, self, job, why == TH_TIMED_OUT ? TH_RPC_TIMED_OUT : TH_RPC_BUSY,
                    "the settings do not answer; see the servers",
                    json_pack("{s:s}", "server", TH_SETTINGS_NAME));
    } else if (answer->err != TH_OK) {
        th_job_fail(c, self, job, answer->err == TH_INVALID ? TH_RPC_PARAMS : TH_RPC_INTERNAL,
                    answer->say, NULL);
    } else {
        th_job_answer(c, self, job, answer->result);
        answer->result = NULL;
    }
    th_job_settle(c, job);
    return TH_OK;
}

static void ask_settings(struct th_control *c, const struct th_self *self, struct th_job *job,
                         struct th_settings_ask question)
{
    struct th_settings_ask *ask = th_mem_copy(&question, sizeof question);

    if (ask && th_call(self, th_whereis(self->host, self->scope, TH_SETTINGS_NAME),
                       (struct th_msg){.kind = &th_settings_msg_ask, .body = ask}, SETTINGS_MS,
                       on_answer, job, NULL) == TH_OK)
        job->waiting++;
    else
        th_job_fail(c, self, job, TH_RPC_BUSY,
                    "the settings are being restarted or are too busy; try again",
                    json_pack("{s:s}", "server", TH_SETTINGS_NAME));
}

/* With a text that a parameter is. */
static void ask_with(struct th_control *c, const struct th_self *self, struct th_job *job,
                     enum th_settings_what what, const char *name)
{
    struct th_settings_ask ask = {.what = what};
    const char *text = json_string_value(json_object_get(job->request.params, name));
    char say[64];

    if (text == NULL || strlen(text) >= sizeof ask.text) {
        snprintf(say, sizeof say, "\"%s\" is %s", name, text ? "too long" : "missing, or no text");
        th_job_fail(c, self, job, TH_RPC_PARAMS, say, NULL);
        return;
    }
    strcpy(ask.text, text);
    ask_settings(c, self, job, ask);
}

void th_settings_method(struct th_control *c, const struct th_self *self, struct th_job *job)
{
    if (job->method->id == TH_METHOD_SEEDS_ADD)
        ask_with(c, self, job, TH_SETTINGS_ADD, "uri");
    else if (job->method->id == TH_METHOD_SEEDS_REMOVE)
        ask_with(c, self, job, TH_SETTINGS_REMOVE, "hashname");
    else
        ask_settings(c, self, job,
                     (struct th_settings_ask){.what = job->method->id == TH_METHOD_RELOAD
                                                          ? TH_SETTINGS_RELOAD
                                                          : TH_SETTINGS_SEEDS});
}
