/* What a run says at its end. */
#include "tools/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The value below which `percent` of them lie; sorts them. */
static uint32_t percentile(uint32_t *values, uint64_t count, unsigned percent)
{
    qsort(values, count, sizeof *values, compare);
    return values[(count - 1) * percent / 100];
}

static double mean(const uint32_t *values, uint64_t count)
{
    double sum = 0;

    for (uint64_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

/* As JSON string; texts are our own, but may quote anything. */
static void write_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text >= ' ')
            fputc(*text, out);
    }
    fputc('"', out);
}

static void write_failures(const struct th_sim *sim, FILE *out)
{
    unsigned count =
        sim->failure_count < TH_SIM_FAILURES_MAX ? sim->failure_count : TH_SIM_FAILURES_MAX;

    fputs("\"checks_failed\":[", out);
    for (unsigned i = 0; i < count; i++) {
        fputs(i ? ",{\"check\":" : "{\"check\":", out);
        write_text(out, sim->failure[i].check);
        fputs(",\"what\":", out);
        write_text(out, sim->failure[i].text);
        fputc('}', out);
    }
    fputs("]", out);
}

static void write_lookups(const struct th_sim_lookups *lookups, FILE *out)
{
    fprintf(out, "\"lookups\":{\"sent\":%" PRIu64 ",\"found\":%" PRIu64 ",", lookups->sent,
            lookups->found);
    if (lookups->found == 0)
        fputs("\"hops_mean\":null,\"hops_p99\":null,\"asked_mean\":null,\"asked_p99\":null,"
              "\"time_ms_p50\":null,\"time_ms_p95\":null}",
              out);
    else
        fprintf(
            out,
            "\"hops_mean\":%.3f,\"hops_p99\":%" PRIu32 ",\"asked_mean\":%.3f,\"asked_p99\":%" PRIu32
            ",\"time_ms_p50\":%" PRIu32 ",\"time_ms_p95\":%" PRIu32 "}",
            mean(lookups->hops, lookups->found), percentile(lookups->hops, lookups->found, 99),
            mean(lookups->asked, lookups->found), percentile(lookups->asked, lookups->found, 99),
            percentile(lookups->took_ms, lookups->found, 50),
            percentile(lookups->took_ms, lookups->found, 95));
}

static uint64_t wall_ms_since(uint64_t began_us)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return ((uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000 - began_us) / 1000;
}

void th_sim_write(const struct th_sim *sim, FILE *out)
{
    const struct th_world *world = &sim->world;
    char token[TH_SIM_TOKEN_MAX], hash[TH_TRACE_HEX + 1];
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    th_sim_token_write(&sim->plan, token);
    th_sim_trace_hash(&world->trace, hash);
    fprintf(out,
            "{\"scenario\":\"%s\",\"rng_seed\":%" PRIu64 ",\"nodes\":%u,\"virtual_ms\":%" PRIu64
            ",\"wall_ms\":%" PRIu64 ",\"events\":%" PRIu64 ",\"trace_hash\":\"%s\","
            "\"replay\":\"thsim replay %s\",\"commit\":\"%s\",\"checks\":%" PRIu64 ",",
            sim->plan.scenario->name, sim->plan.rng_seed, sim->plan.nodes, world->now,
            wall_ms_since(sim->began_us), world->trace.events, hash, token, th_sim_commit(),
            sim->checks);
    write_failures(sim, out);
    fprintf(out, ",\"peak_bytes\":%" PRIu64 ",\"all_ready_ms\":", (uint64_t)usage.ru_maxrss * 1024);
    if (sim->all_ready_at)
        fprintf(out, "%" PRIu64 ",", sim->all_ready_at);
    else
        fputs("null,", out);
    write_lookups(&sim->lookups, out);
    fputs("}\n", out);
}
