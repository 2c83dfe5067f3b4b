#include "tools/app/guard.h"

struct guard {
    const struct th_guard_config *config;
};

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct guard *guard = state;
    enum th_err e = TH_OK;
    uint64_t ref;

    guard->config = arg;
    for (unsigned i = 0; e == TH_OK && i < guard->config->count; i++)
        e = th_monitor(self, guard->config->watched[i], &ref);
    return e;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    const struct guard *guard = state;

    (void)self;
    if (msg->kind == &th_down_msg) {
        const struct th_down *down = msg->body;

        guard->config->on_down(guard->config->data, down->why);
    }
    return TH_OK;
}

const struct th_server_ops th_guard_ops = {
    .name = "guard",
    .state_size = sizeof(struct guard),
    .init = init,
    .on_msg = on_msg,
};
