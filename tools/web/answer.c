#include "tools/web/answer.h"

#include "switch/base/mem.h"
#include "tools/app/openmetrics.h"

#include <stdlib.h>

const char *th_web_method(enum th_web_what what)
{
    static const char *const names[TH_WEB_WHATS] = {
        [TH_WEB_STATUS] = "status",   [TH_WEB_HEALTH] = "health",   [TH_WEB_PEERS] = "peers",
        [TH_WEB_BUCKETS] = "buckets", [TH_WEB_SERVERS] = "servers", [TH_WEB_DROPS] = "drops",
        [TH_WEB_METRICS] = "metrics",
    };

    return names[what];
}

/* With an end of line, for who reads it on a terminal. */
static bool write_json(struct th_web_text *out, const json_t *value)
{
    FILE *file = open_memstream(&out->at, &out->len);

    if (file == NULL)
        return false;
    bool is_whole = json_dumpf(value, file, JSON_COMPACT) == 0 && putc('\n', file) != EOF;
    return fclose(file) == 0 && is_whole;
}

static bool write_metrics(struct th_web_text *out, const json_t *value,
                          enum th_metrics_format format)
{
    FILE *file = open_memstream(&out->at, &out->len);

    if (file == NULL)
        return false;
    th_metrics_write(file, value, format);
    return fclose(file) == 0;
}

struct th_web_answer *th_web_answer_of(enum th_web_what what, json_t *result)
{
    struct th_web_answer *answer = th_mem_zalloc(1, sizeof *answer);
    bool is_whole = answer && result && write_json(&answer->text[TH_WEB_JSON], result);

    if (answer)
        answer->holders = 1;
    if (is_whole && what == TH_WEB_METRICS)
        is_whole =
            write_metrics(&answer->text[TH_WEB_OPENMETRICS], result, TH_METRICS_OPENMETRICS) &&
            write_metrics(&answer->text[TH_WEB_PLAIN], result, TH_METRICS_TEXT);
    if (is_whole) {
        answer->is_good = true;
        answer->is_healthy = json_is_true(json_object_get(result, "healthy"));
    } else {
        th_web_answer_release(answer);
        answer = NULL;
    }
    json_decref(result);
    return answer;
}

/* Who asks for the health of a node that does not answer gets an answer of the same shape. */
static json_t *complaint(enum th_web_what what, const char *say)
{
    if (what == TH_WEB_HEALTH)
        return json_pack("{s:n, s:b, s:s, s:[], s:s}", "alive", "healthy", 0, "summary", say,
                         "reasons", "error", say);
    return json_pack("{s:s}", "error", say);
}

struct th_web_answer *th_web_answer_why_not(enum th_web_what what, const char *say)
{
    struct th_web_answer *answer = th_mem_zalloc(1, sizeof *answer);
    json_t *value = complaint(what, say);

    if (answer) {
        answer->holders = 1;
        snprintf(answer->say, sizeof answer->say, "%s", say);
    }
    if (answer && (value == NULL || !write_json(&answer->text[TH_WEB_JSON], value))) {
        th_web_answer_release(answer);
        answer = NULL;
    }
    json_decref(value);
    return answer;
}

struct th_web_answer *th_web_answer_hold(struct th_web_answer *answer)
{
    atomic_fetch_add(&answer->holders, 1);
    return answer;
}

void th_web_answer_release(struct th_web_answer *answer)
{
    if (answer == NULL || atomic_fetch_sub(&answer->holders, 1) > 1)
        return;
    for (unsigned i = 0; i < TH_WEB_FORMS; i++)
        free(answer->text[i].at);
    th_mem_free(answer);
}
