#include "switch/run/host.h"

#include "switch/run/host_core.h"

static void add_slot(struct th_account *account, struct th_slot *slot)
{
    const struct th_tally *tally = &slot->tally;
    uint64_t taken, unlocked; /* put without the lock */

    th_run_lock(&slot->lock);
    taken = atomic_load_explicit(&slot->taken, memory_order_acquire);
    /* after taken: no more is taken than came */
    unlocked = atomic_load(&slot->own_came) + atomic_load(&slot->box.came) +
               atomic_load(&slot->own_replies);
    account->sent += tally->sent + unlocked;
    account->refused += tally->refused;
    account->missed += tally->missed;
    account->flushed += tally->flushed;
    account->discarded += tally->discarded;
    account->handled += atomic_load(&slot->handled);
    account->waiting += tally->queued + unlocked - taken;
    th_run_unlock(&slot->lock);
}

void th_host_account(struct th_host *host, struct th_account *account)
{
    unsigned slot_count = atomic_load_explicit(&host->slot_count, memory_order_acquire);
    uint64_t told;

    *account = (struct th_account){.refused = atomic_load(&host->refused_nowhere),
                                   .missed = atomic_load(&host->missed_nowhere),
                                   .flushed = atomic_load(&host->flushed_nowhere)};
    account->sent = account->refused + account->missed + account->flushed;
    add_slot(account, &host->outside);
    for (unsigned i = 0; i < slot_count; i++)
        add_slot(account, th_run_slot_at(host, i));
    told = account->handled + account->refused + account->missed + account->flushed +
           account->discarded + account->waiting;
    account->unaccounted = (int64_t)(account->sent - told);
}

void th_run_count_flushed(struct th_slot *slot)
{
    th_run_lock(&slot->lock);
    slot->tally.flushed++;
    th_run_unlock(&slot->lock);
}
