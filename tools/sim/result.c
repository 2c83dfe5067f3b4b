/* What a run says at its end. */
#include "tools/sim/sim.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

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

static void write_figures(const struct th_sim *sim, FILE *out)
{
    fputs("\"figures\":{", out);
    for (unsigned i = 0; i < sim->figure_count; i++) {
        const struct th_sim_figure *figure = &sim->figure[i];
        fprintf(out, "%s\"%s\":{\"value\":%.4g,\"goal\":", i ? "," : "", figure->name,
                figure->value);
        if (figure->goal == TH_SIM_NO_GOAL)
            fputs("null}", out);
        else
            fprintf(out, "%.4g}", figure->goal);
    }
    fputs("},", out);
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
    write_figures(sim, out);
    fputs("\"lookups\":", out);
    th_sim_lookups_write(&sim->lookups, out);
    fputs("}\n", out);
}
