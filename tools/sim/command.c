#include "tools/sim/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int th_sim_complain(const char *word, const char *what)
{
    fputs("thsim: ", stderr);
    for (; *word; word++)
        fputc((unsigned char)*word < ' ' || *word == 0x7f ? '?' : *word, stderr);
    fprintf(stderr, ": %s; see thsim --help\n", what);
    return TH_EXIT_USAGE;
}

bool th_sim_read_number(uint64_t *out, const char *text, uint64_t max)
{
    uint64_t value = 0;

    if (text == NULL || *text == 0)
        return false;
    for (; *text; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool th_sim_read_time(th_ms *out, const char *text)
{
    static const struct {
        const char *unit;
        th_ms ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
    uint64_t whole = 0, part = 0, scale = 1;
    size_t digits = text ? strspn(text, "0123456789") : 0;

    if (digits == 0 || digits > 9)
        return false;
    for (; digits > 0; digits--)
        whole = whole * 10 + (uint64_t)(*text++ - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9' && scale < 1000; text++, scale *= 10)
            part = part * 10 + (uint64_t)(*text - '0');
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].unit) == 0) {
            *out = whole * units[i].ms + part * units[i].ms / scale;
            return true;
        }
    }
    return false;
}

/* --- run --- */

/* Takes one flag with its value; NULL when it was taken, else what is wrong with it. */
static const char *take_flag(struct th_sim_plan *plan, bool *is_quiet, const char *flag,
                             const char *value)
{
    char wrong[TH_FAULTS_TEXT_MAX];
    uint64_t number = 0;

    if (strcmp(flag, "--quiet") == 0) {
        *is_quiet = true;
    } else if (value == NULL) {
        return "wants a value, or there is no such flag";
    } else if (strcmp(flag, "--scenario") == 0) {
        plan->scenario = th_scenario_find(value);
        return plan->scenario ? NULL : "there is no such scenario (thsim list shows them)";
    } else if (strcmp(flag, "--nodes") == 0) {
        if (!th_sim_read_number(&number, value, TH_SIM_NODES_MAX))
            return "wants a number up to 1000000";
        plan->nodes = (unsigned)number;
    } else if (strcmp(flag, "--seed") == 0) {
        return th_sim_read_number(&plan->rng_seed, value, UINT64_MAX) ? NULL : "wants a number";
    } else if (strcmp(flag, "--virtual") == 0) {
        if (!th_sim_read_time(&number, value) || number == 0 || number > 2000000000)
            return "wants a time such as 90s or 30m";
        plan->faults.length = (uint32_t)number;
    } else if (strcmp(flag, "--faults") == 0) {
        uint32_t length = plan->faults.length;
        if (!th_faults_read(&plan->faults, value, wrong))
            return "wants faults such as loss=50,nat=300 (thsim list shows them)";
        plan->faults.length = plan->faults.length ? plan->faults.length : length;
    } else {
        return "there is no such flag";
    }
    return NULL;
}

static int read_run(struct th_sim_plan *plan, bool *is_quiet, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *wrong = take_flag(plan, is_quiet, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (wrong)
            return th_sim_complain(argv[i], wrong);
        i += strcmp(argv[i], "--quiet") != 0;
    }
    if (plan->scenario == NULL)
        return th_sim_complain("--scenario", "is needed");
    if (plan->nodes == 0)
        plan->nodes = plan->scenario->nodes;
    if (plan->nodes < plan->scenario->nodes_min)
        return th_sim_complain("--nodes", "too few for this scenario");
    return TH_EXIT_OK;
}

static int finish(struct th_sim *sim)
{
    char token[TH_SIM_TOKEN_MAX];
    bool is_good = th_sim_run(sim);

    th_sim_token_write(&sim->plan, token);
    fprintf(stderr, "replay: thsim replay %s\ncommit: %s\n", token, th_sim_commit());
    th_sim_write(sim, stdout);
    th_sim_clear(sim);
    return is_good ? TH_EXIT_OK : TH_EXIT_FAILED;
}

int th_sim_command_run(int argc, char **argv)
{
    struct th_sim_plan plan = {.rng_seed = 1};
    struct th_sim sim;
    bool is_quiet = false;

    th_faults_init(&plan.faults);
    int code = read_run(&plan, &is_quiet, argc, argv);
    if (code != TH_EXIT_OK)
        return code;
    th_sim_init(&sim, &plan);
    sim.is_quiet = is_quiet;
    return finish(&sim);
}

/* --- replay --- */

struct look {
    bool is_traced;
    th_ms from, to;
    const char *node;
};

static const char *take_look(struct look *look, const char *flag, const char *value)
{
    if (strcmp(flag, "--trace") == 0) {
        look->is_traced = true;
    } else if (value == NULL) {
        return "wants a value, or there is no such flag";
    } else if (strcmp(flag, "--from") == 0) {
        return th_sim_read_time(&look->from, value) ? NULL : "wants a time such as 90s or 12.345";
    } else if (strcmp(flag, "--to") == 0) {
        return th_sim_read_time(&look->to, value) ? NULL : "wants a time such as 90s or 12.345";
    } else if (strcmp(flag, "--node") == 0) {
        size_t len = strlen(value);
        look->node = value;
        if (len >= TH_TRACE_NODE_MAX || strspn(value, "0123456789abcdef") != len)
            return "wants the first digits of a hashname";
    } else {
        return "there is no such flag";
    }
    return NULL;
}

int th_sim_command_replay(int argc, char **argv)
{
    char complaint[TH_SIM_TOKEN_MAX];
    struct look look = {0};
    struct th_sim_plan plan;
    struct th_sim sim;

    if (argc < 2)
        return th_sim_complain("replay", "wants a token: SCENARIO/NODES/SEED[/FAULTS]");
    if (!th_sim_token_read(&plan, argv[1], complaint))
        return th_sim_complain(argv[1], complaint);
    if (plan.nodes < plan.scenario->nodes_min)
        return th_sim_complain(argv[1], "too few nodes for this scenario");
    for (int i = 2; i < argc; i++) {
        const char *wrong = take_look(&look, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (wrong)
            return th_sim_complain(argv[i], wrong);
        i += strcmp(argv[i], "--trace") != 0;
    }
    th_sim_init(&sim, &plan);
    if (look.is_traced || look.from || look.to || look.node) {
        sim.world.trace.out = stdout;
        sim.world.trace.from = look.from;
        sim.world.trace.to = look.to;
        if (look.node)
            snprintf(sim.world.trace.node, sizeof sim.world.trace.node, "%s", look.node);
    }
    return finish(&sim);
}

/* --- list --- */

int th_sim_command_list(int argc, char **argv)
{
    if (argc > 1)
        return th_sim_complain(argv[1], "list takes no words");
    puts("SCENARIO    NODES  WHAT HAPPENS");
    for (unsigned i = 0; th_scenarios[i]; i++)
        printf("%-10s %6u  %s\n", th_scenarios[i]->name, th_scenarios[i]->nodes,
               th_scenarios[i]->about);
    puts("\nFAULT       USUAL  MEANING");
    for (const struct th_fault_kind *kind = th_fault_kinds; kind->name; kind++)
        printf("%-10s %6" PRIu32 "  %s\n", kind->name, kind->usual, kind->meaning);
    return TH_EXIT_OK;
}
