/* What a run says at its end. */
#include "tools/sim/sim.h"

#include "tools/sim/check.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Texts are our own, but may quote anything. */
void th_sim_write_text(FILE *out, const char *text)
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
        th_sim_write_text(out, sim->failure[i].check);
        fputs(",\"what\":", out);
        th_sim_write_text(out, sim->failure[i].text);
        fputc('}', out);
    }
    fputs("]", out);
}

/* More is better of what was found, reached and met directly; of all else, less. */
static bool is_goal_least(const struct th_sim_figure *figure)
{
    static const char *const ends[] = {"found_percent", "_reached_percent", "direct_percent"};
    size_t len = strlen(figure->name);

    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (len >= strlen(ends[i]) && strcmp(figure->name + len - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

static void write_goal(const struct th_sim_figure *figure, FILE *out)
{
    bool is_least = is_goal_least(figure);
    bool is_reached = is_least ? figure->value >= figure->goal : figure->value <= figure->goal;

    fprintf(out, "%.6g,\"goal_is\":\"%s\",\"reached\":%s}", figure->goal,
            is_least ? "at least" : "at most", is_reached ? "true" : "false");
}

static void write_figures(const struct th_sim *sim, FILE *out)
{
    fputs("\"figures\":{", out);
    for (unsigned i = 0; i < sim->figure_count; i++) {
        const struct th_sim_figure *figure = &sim->figure[i];
        fprintf(out, "%s\"%s\":{\"value\":%.6g,\"goal\":", i ? "," : "", figure->name,
                figure->value);
        if (figure->goal == TH_SIM_NO_GOAL)
            fputs("null}", out);
        else
            write_goal(figure, out);
    }
    fputs("},", out);
}

/* By reason: how many, of how many nodes, and who dropped most. */
static void write_drops(const struct th_sim *sim, FILE *out)
{
    const char *comma = "";

    fputs("\"drops\":{", out);
    for (unsigned why = TH_DROP_NONE + 1; why < TH_DROP_COUNT; why++) {
        const struct th_sim_drop *drop = &sim->drop[why];
        if (drop->count == 0)
            continue;
        fprintf(out,
                "%s\"%s\":{\"count\":%" PRIu64 ",\"nodes\":%u,\"most\":%" PRIu64 ",\"at\":\"%s\"}",
                comma, th_drop_name((enum th_drop)why), drop->count, drop->nodes, drop->most,
                th_hashname_short(&sim->world.node[drop->at]->id.hashname).hex);
        comma = ",";
    }
    fputs("},", out);
}

uint64_t th_sim_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return (uint64_t)info.uordblks + info.hblkhd; /* great pieces are apart */
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
            "\"replay\":\"thsim replay %s\",\"commit\":\"%s\",\"checks\":%" PRIu64
            ",\"watched_nodes\":%u,",
            sim->plan.scenario->name, sim->plan.rng_seed, sim->plan.nodes, world->now,
            wall_ms_since(sim->began_us), world->trace.events, hash, token, th_sim_commit(),
            sim->checks, sim->checking ? th_checks_watched(sim) : 0);
    write_failures(sim, out);
    fprintf(out, ",\"peak_bytes\":%" PRIu64 ",\"node_bytes\":%" PRIu64 ",\"all_ready_ms\":",
            (uint64_t)usage.ru_maxrss * 1024, th_sim_heap_bytes() / sim->plan.nodes);
    if (sim->all_ready_at)
        fprintf(out, "%" PRIu64 ",", sim->all_ready_at);
    else
        fputs("null,", out);
    write_figures(sim, out);
    fprintf(out,
            "\"rest\":{\"took_ms\":%" PRIu64
            ",\"nodes\":%u,\"links\":%u,\"lacking\":%u,\"may_lack\":%u},",
            sim->rest.took_ms, sim->rest.nodes, sim->rest.links, sim->rest.lacking,
            sim->rest.may_lack);
    write_drops(sim, out);
    th_sim_tally_write(sim, out);
    fputs("\"lookups\":", out);
    th_sim_lookups_write(&sim->lookups, out);
    fputs("}\n", out);
}
