#include "switch/run/server.h"

#include "switch/base/mem.h"
#include "switch/run/host_core.h"
#include "switch/run/watch.h"

const struct th_msg_kind th_down_msg = {"down", th_mem_free};

enum th_err th_monitor(const struct th_self *self, th_pid pid, uint64_t *ref)
{
    struct th_slot *target = th_run_slot(self->host, pid);
    struct th_watch *watch = NULL;
    bool is_alive = false;
    enum th_err err = th_run_watch_new(th_run_self(self), false, pid, &watch);

    if (err != TH_OK)
        return err;
    *ref = watch->by_ref.key;
    th_run_wished(th_run_self(self),
                  &(struct th_run_wish){.what = TH_RUN_MONITORED, .ref = *ref, .target = pid});
    if (target) {
        th_run_lock(&target->lock);
        is_alive = target->is_alive && target->pid == pid;
        if (is_alive)
            th_run_watch_link(target, watch);
        th_run_unlock(&target->lock);
    }
    if (!is_alive)
        th_run_watch_decide(self->host, watch, TH_GONE);
    return TH_OK;
}

void th_demonitor(const struct th_self *self, uint64_t ref)
{
    th_run_wished(th_run_self(self), &(struct th_run_wish){.what = TH_RUN_DEMONITORED, .ref = ref});
    th_run_watch_cancel(th_run_self(self), ref, false);
}
