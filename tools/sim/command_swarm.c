#include "tools/sim/command.h"
#include "tools/sim/swarm.h"

#include <string.h>
#include <time.h>

/* Takes one flag with its value; NULL when it was taken, else what is wrong with it. */
static const char *take_flag(struct th_swarm_options *options, const char *flag, const char *value)
{
    uint64_t number = 0;

    if (strcmp(flag, "--no-shrink") == 0) {
        options->is_shrinking = false;
    } else if (value == NULL) {
        return "wants a value, or there is no such flag";
    } else if (strcmp(flag, "--wall") == 0) {
        return th_sim_read_time(&options->wall_ms, value) ? NULL : "wants a time such as 30m";
    } else if (strcmp(flag, "--run-wall") == 0) {
        if (!th_sim_read_time(&options->run_ms, value) || options->run_ms == 0)
            return "wants a time such as 2m";
    } else if (strcmp(flag, "--runs") == 0) {
        return th_sim_read_number(&options->runs_max, value, UINT64_MAX) ? NULL : "wants a number";
    } else if (strcmp(flag, "--first") == 0) {
        return th_sim_read_number(&options->first, value, UINT32_MAX) ? NULL : "wants a number";
    } else if (strcmp(flag, "--seed") == 0) {
        return th_sim_read_number(&options->rng_seed, value, UINT64_MAX) ? NULL : "wants a number";
    } else if (strcmp(flag, "--jobs") == 0) {
        if (!th_sim_read_number(&number, value, TH_SWARM_JOBS_MAX) || number == 0)
            return "wants a number from 1 to 64";
        options->jobs = (unsigned)number;
    } else if (strcmp(flag, "--nodes-max") == 0) {
        if (!th_sim_read_number(&number, value, TH_SIM_NODES_MAX))
            return "wants a number up to 1000000";
        options->nodes_max = (unsigned)number;
    } else if (strcmp(flag, "--scenario") == 0) {
        options->scenario = th_scenario_find(value);
        return options->scenario ? NULL : "there is no such scenario (thsim list shows them)";
    } else {
        return "there is no such flag";
    }
    return NULL;
}

int th_sim_command_swarm(int argc, char **argv)
{
    struct th_swarm_options options = {.jobs = 1,
                                       .nodes_max = TH_SWARM_NODES_DEFAULT,
                                       .run_ms = TH_SWARM_RUN_MS_DEFAULT,
                                       .is_shrinking = true};

    options.rng_seed = (uint64_t)time(NULL); /* told at the end, and in each token */
    for (int i = 1; i < argc; i++) {
        const char *wrong = take_flag(&options, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (wrong)
            return th_sim_complain(argv[i], wrong);
        i += strcmp(argv[i], "--no-shrink") != 0;
    }
    return th_swarm_run(&options) == 0 ? TH_EXIT_OK : TH_EXIT_FAILED;
}
