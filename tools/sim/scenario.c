/* All scenarios. A new one gets its line here. */
#include "tools/sim/scenario.h"

#include <string.h>

/* clang-format off */
#define SCENARIOS(X) \
    X(cold) \
    X(restart) \
    X(churn) \
    X(churn_fast) \
    X(seedless) \
    X(dead) \
    X(partition) \
    X(one_way) \
    X(slow) \
    X(nat) \
    X(nat_kinds) \
    X(nat_homes) \
    X(disk) \
    X(unrest) \
    X(liars) \
    X(sybils) \
    X(flood) \
    X(crowded) \
    X(knock) \
    X(servers) \
    X(stream)
/* clang-format on */

#define DECLARE(name) extern const struct th_scenario th_scenario_##name;
#define LIST(name) &th_scenario_##name,

SCENARIOS(DECLARE)

const struct th_scenario *const th_scenarios[] = {SCENARIOS(LIST) NULL};

const struct th_scenario *th_scenario_find(const char *name)
{
    for (unsigned i = 0; th_scenarios[i]; i++)
        if (strcmp(th_scenarios[i]->name, name) == 0)
            return th_scenarios[i];
    return NULL;
}
