#include "tools/sim/scenario.h"

#include <string.h>

extern const struct th_scenario th_scenario_cold, th_scenario_restart, th_scenario_churn,
    th_scenario_churn_fast, th_scenario_seedless, th_scenario_partition, th_scenario_one_way,
    th_scenario_slow, th_scenario_nat, th_scenario_disk, th_scenario_unrest, th_scenario_servers,
    th_scenario_crowded;

const struct th_scenario *const th_scenarios[] = {
    &th_scenario_cold,     &th_scenario_restart,
    &th_scenario_churn,    &th_scenario_churn_fast,
    &th_scenario_seedless, &th_scenario_partition,
    &th_scenario_one_way,  &th_scenario_slow,
    &th_scenario_nat,      &th_scenario_disk,
    &th_scenario_unrest,   &th_scenario_servers,
    &th_scenario_crowded,  NULL,
};

const struct th_scenario *th_scenario_find(const char *name)
{
    for (unsigned i = 0; th_scenarios[i]; i++)
        if (strcmp(th_scenarios[i]->name, name) == 0)
            return th_scenarios[i];
    return NULL;
}
