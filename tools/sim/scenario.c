#include "tools/sim/scenario.h"

#include <string.h>

extern const struct th_scenario th_scenario_cold;

const struct th_scenario *const th_scenarios[] = {
    &th_scenario_cold,
    NULL,
};

const struct th_scenario *th_scenario_find(const char *name)
{
    for (unsigned i = 0; th_scenarios[i]; i++)
        if (strcmp(th_scenarios[i]->name, name) == 0)
            return th_scenarios[i];
    return NULL;
}
