#include "tools/sim/machines.h"

#include "router/router.h"
#include "switch/switch.h"

#include <string.h>

/* NULL: it does not run. */
struct machines {
    const struct th_routing *router;
    const struct th_switchboard *sw;
    const struct th_dialer_status *dialer;
};

static void on_turn(void *data, struct th_world_node *node, const struct th_host_sim_turn *turn)
{
    struct th_machines *machines = data;

    if (turn->ops != &th_router_ops && turn->ops != &th_switch_ops && turn->ops != &th_dialer_ops)
        return;
    bool is_over = strcmp(turn->doing, "terminate") == 0;
    struct machines *of = th_check_book(&machines->nodes, node->index, sizeof *of);
    if (turn->ops == &th_router_ops)
        of->router = is_over ? NULL : th_router_machine(turn->state);
    else if (turn->ops == &th_dialer_ops)
        of->dialer = is_over ? NULL : th_dialer_counts(turn->state);
    else
        of->sw = is_over ? NULL : th_switch_machine(turn->state);
}

static void on_down(void *data, struct th_world_node *node)
{
    struct th_machines *machines = data;
    struct machines *of = th_check_book(&machines->nodes, node->index, sizeof *of);

    *of = (struct machines){0};
}

void th_machines_watch(struct th_machines *machines, struct th_world *world)
{
    th_world_watch(
        world, &(struct th_world_hooks){.data = machines, .on_turn = on_turn, .on_down = on_down});
}

static struct machines machines_of(const struct th_machines *machines, uint32_t index)
{
    const struct machines *of = index < machines->nodes.room ? machines->nodes.of[index] : NULL;

    return of ? *of : (struct machines){0};
}

const struct th_routing *th_machines_router(const struct th_machines *machines, uint32_t index)
{
    return machines_of(machines, index).router;
}

const struct th_switchboard *th_machines_switch(const struct th_machines *machines, uint32_t index)
{
    return machines_of(machines, index).sw;
}

const struct th_dialer_status *th_machines_dialer(const struct th_machines *machines,
                                                  uint32_t index)
{
    return machines_of(machines, index).dialer;
}

void th_machines_clear(struct th_machines *machines)
{
    th_check_books_clear(&machines->nodes);
}
