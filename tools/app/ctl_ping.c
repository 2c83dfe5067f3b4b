#include "tools/app/ctl_ping.h"

#include "tools/app/ctl_show.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static json_t *params_of(const struct th_ctl_run *run, const char *hashname, unsigned count,
                         const char *probe)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:s, s:i}", "hashname", hashname, "count", (int)count,
                     "interval_ms", (int)run->args->ping_interval_ms, "wait_ms",
                     (int)run->args->ping_wait_ms, "probe", probe, "size",
                     (int)run->args->ping_size);
}

/* All probes in one request: the daemon measures, the answer is the summary. */
static int ping_json(const struct th_ctl_run *run, const char *method, const char *hashname,
                     unsigned more_ms, char say[TH_SAY_MAX])
{
    json_t *result;
    unsigned all_ms =
        run->args->ping_count * run->args->ping_interval_ms + 2 * run->args->ping_wait_ms;
    int code = th_ctl_ask_long(run, method, params_of(run, hashname, run->args->ping_count, "path"),
                               more_ms + all_ms, &result, say);

    if (code)
        return code;
    th_ctl_print_json(run, result);
    code = json_integer_value(json_object_get(result, "received")) > 0 ? 0 : 1;
    json_decref(result);
    return code;
}

static void add_probe(struct th_ping_sum *sum, const json_t *result)
{
    const json_t *rtts = json_object_get(result, "rtt_ms");

    sum->sent++;
    if (json_array_size(rtts) == 0)
        return;
    double rtt = json_real_value(json_array_get(rtts, 0));
    sum->least_ms = sum->received == 0 || rtt < sum->least_ms ? rtt : sum->least_ms;
    sum->most_ms = rtt > sum->most_ms ? rtt : sum->most_ms;
    sum->sum_ms += rtt;
    sum->received++;
}

static const char *text_in(const json_t *result, const char *key)
{
    const char *text = json_string_value(json_object_get(result, key));

    return text ? text : "?";
}

/* One request a probe, so that each is seen when it comes. */
static int ping_text(const struct th_ctl_run *run, const char *method, const char *hashname,
                     unsigned more_ms, char say[TH_SAY_MAX])
{
    struct th_ping_sum sum = {0};
    char hex[80] = "", probe[8] = "path";
    int code = 0;

    signal(SIGINT, on_interrupt);
    for (unsigned i = 1; i <= run->args->ping_count && !is_interrupted; i++) {
        uint64_t begun_at = now_ms();
        json_t *result;

        code = th_ctl_ask_long(run, method, params_of(run, hashname, 1, probe),
                               more_ms + 2 * run->args->ping_wait_ms, &result, say);
        if (code)
            return code;
        const char *reached = json_string_value(json_object_get(result, "reached"));
        snprintf(hex, sizeof hex, "%s", text_in(result, "hashname"));
        if (reached && strcmp(reached, "reached") != 0) {
            printf("%s cannot be reached: %s\n", hex, th_show_dial_result(reached));
            json_decref(result);
            return 1;
        }
        if (json_array_size(json_object_get(result, "rtt_ms")) > 0)
            snprintf(probe, sizeof probe, "%s", text_in(result, "probe"));
        th_show_ping_probe(result, i, run->style);
        fflush(stdout);
        add_probe(&sum, result);
        json_decref(result);
        uint64_t spent = now_ms() - begun_at;
        if (i < run->args->ping_count && spent < run->args->ping_interval_ms)
            poll(NULL, 0, (int)(run->args->ping_interval_ms - spent));
    }
    th_show_ping_sum(&sum, hex, run->style);
    return sum.received > 0 ? 0 : 1;
}

int th_ctl_ping(const struct th_ctl_run *run, const char *method, const char *hashname,
                unsigned more_ms, char say[TH_SAY_MAX])
{
    say[0] = '\0';
    if (run->args->is_json)
        return ping_json(run, method, hashname, more_ms, say);
    return ping_text(run, method, hashname, more_ms, say);
}
