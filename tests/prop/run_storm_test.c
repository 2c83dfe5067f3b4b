/*
 * 200 servers on eight threads that call, cast, monitor, subscribe, let go, die and are restarted at
 * random from a printed seed. At the end no message is unaccounted for, and whatever was made for a
 * message, a call, an event or a subscription was freed once.
 *
 *     TH_SEED=7 build/dev/tests/prop/run_storm_test 60     a minute of it; else a second
 */
#include "tests/unit/run_threads.h"

#include "switch/base/rng.h"

#include <stdlib.h>

enum {
    PLACES = 8,
    FAMILY = 25, /* workers of one supervisor; its place is theirs, so each thread has a part */
    WORKERS = PLACES * FAMILY,
    REFS = 16,
    ACTS = 8,
    ROWS = WORKERS + PLACES + 4,
    SECONDS_DEFAULT = 1
};

static uint64_t run_seed = 1;
static unsigned run_seconds = SECONDS_DEFAULT;
static char names[WORKERS][8];
static atomic_uint lives;

/* What was made for whom and is to be freed; each has memory of its own. */
enum thing { THING_MSG, THING_CTX, THING_EVENT, THING_SUBSCRIPTION, THINGS };
static const char *const thing_names[THINGS] = {"msg", "ctx", "event", "subscription"};
static atomic_uint_fast64_t made[THINGS], freed[THINGS];

static void *make(enum thing thing)
{
    enum thing *it = th_mem_copy(&thing, sizeof thing);

    if (it)
        atomic_fetch_add_explicit(&made[thing], 1, memory_order_relaxed);
    return it;
}

static void drop(void *it)
{
    atomic_fetch_add_explicit(&freed[*(const enum thing *)it], 1, memory_order_relaxed);
    th_mem_free(it);
}

static const struct th_msg_kind storm_msg = {"storm", drop};
static const struct th_msg_kind pause_msg = {"storm.pause", NULL}; /* nobody answers it */

static struct th_msg message(void)
{
    return (struct th_msg){.kind = &storm_msg, .body = make(THING_MSG)};
}

/* --- a worker --- */

struct worker {
    struct th_rng rng;
    th_ms next_at;
    uint64_t refs[REFS]; /* calls and monitors, some of them over */
    struct th_from kept; /* a call that is answered later */
    th_pid manager;
};

static bool once_in(struct worker *w, unsigned n)
{
    return th_rng_below(&w->rng, n) == 0;
}

static th_pid somebody(struct worker *w, const struct th_self *self)
{
    return th_whereis(self->host, 0, names[th_rng_below(&w->rng, WORKERS)]);
}

static uint64_t *any_ref(struct worker *w)
{
    return &w->refs[th_rng_below(&w->rng, REFS)];
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct worker *w = state;

    (void)self, (void)why, (void)reply;
    TH_CHECK(ctx == NULL || *(const enum thing *)ctx == THING_CTX);
    return once_in(w, 2000) ? TH_IO : TH_OK;
}

static enum th_err do_call(struct worker *w, const struct th_self *self)
{
    th_pid to = somebody(w, self);
    th_ms timeout_ms = 1 + th_rng_below(&w->rng, 30);
    uint64_t *ref = any_ref(w);
    void *ctx = make(THING_CTX);
    enum th_err err = th_call(self, to, message(), timeout_ms, on_reply, ctx, ref);

    if (err == TH_OK)
        th_call_finally(self, *ref, drop);
    else
        drop(ctx);
    return TH_OK;
}

static enum th_err do_subscribe(struct worker *w, const struct th_self *self)
{
    struct th_interest interest = {.kinds = UINT64_C(1) << th_rng_below(&w->rng, 64)};
    th_pid manager = th_whereis(self->host, 0, "events");
    bool is_new = th_subscription_ref(self, manager) == 0;
    enum th_err err;

    w->manager = manager;
    err = th_subscribe(self, manager, interest, on_reply, NULL);
    if (err == TH_OK && is_new)
        th_subscription_finally(self, manager, drop, make(THING_SUBSCRIPTION));
    return err;
}

static enum th_err do_notify(struct worker *w, const struct th_self *self)
{
    th_pid manager = th_whereis(self->host, 0, "events");
    uint64_t kind = UINT64_C(1) << th_rng_below(&w->rng, 64);
    struct th_event *event = th_event_new(kind, 0, once_in(w, 2), make(THING_EVENT), drop);

    if (event == NULL)
        return TH_NO_MEMORY;
    if (once_in(w, 4))
        return th_notify_sync(self, manager, event, 1 + th_rng_below(&w->rng, 30), on_reply, NULL,
                              any_ref(w));
    th_notify(self->host, manager, event);
    return TH_OK;
}

/* References are small numbers, so this ends somebody's calls, monitors and subscriptions. */
static void do_let_go(struct worker *w, const struct th_self *self)
{
    th_pid owner = somebody(w, self);

    th_let_go(self->host, owner, 1 + th_rng_below(&w->rng, 200));
}

static enum th_err act(struct worker *w, const struct th_self *self)
{
    switch (th_rng_below(&w->rng, 10)) {
    case 0:
    case 1:
        return do_call(w, self);
    case 2:
        return th_monitor(self, somebody(w, self), any_ref(w));
    case 3:
        th_cancel(self, *any_ref(w));
        return TH_OK;
    case 4:
        th_demonitor(self, *any_ref(w));
        return TH_OK;
    case 5:
        return do_notify(w, self);
    case 6:
        if (once_in(w, 3))
            th_unsubscribe(self, w->manager);
        return once_in(w, 4) ? do_subscribe(w, self) : TH_OK;
    case 7:
        do_let_go(w, self);
        return TH_OK;
    default:
        th_post(self->host, somebody(w, self), message());
        return TH_OK;
    }
}

/* --- its callbacks --- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct worker *w = state;
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};
    unsigned life = atomic_fetch_add(&lives, 1);

    (void)arg;
    memcpy(seed, &run_seed, sizeof run_seed);
    memcpy(seed + sizeof run_seed, &life, sizeof life);
    th_rng_init(&w->rng, seed);
    w->next_at = self->now.mono;
    return TH_OK;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct worker *w = state;

    if (msg->ref && once_in(w, 3)) {
        th_reply(self->host, w->kept, message());
        w->kept = th_from_of(msg);
    } else if (msg->ref && !once_in(w, 5)) {
        th_reply(self->host, th_from_of(msg), message());
    }
    return once_in(w, 2000) ? TH_IO : TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct worker *w = state;
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < ACTS && (err == TH_OK || err == TH_LIMIT); i++)
        err = act(w, self);
    w->next_at = self->now.mono + 1 + th_rng_below(&w->rng, 10);
    return err == TH_LIMIT ? TH_OK : err;
}

static th_ms deadline(const void *state)
{
    return ((const struct worker *)state)->next_at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    (void)self, (void)why;
    th_rng_clear(&((struct worker *)state)->rng);
}

static const struct th_server_ops worker_ops = {
    .name = "worker",
    .state_size = sizeof(struct worker),
    .init = init,
    .on_msg = on_msg,
    .on_alarm = on_alarm,
    .deadline = deadline,
    .terminate = terminate,
};

/* --- the run --- */

struct storm {
    struct th_host *host;
    struct th_child workers[WORKERS];
    struct th_child events;
    struct th_supervisor_spec specs[PLACES + 1]; /* the last: of the event manager */
    th_pid supervisors[PLACES + 1];
    struct probe idle; /* whom the main thread asks, only to wait */
    th_pid idle_pid;
    struct th_rng rng;
};

static void spawn_family(struct storm *storm, unsigned i, struct th_child *children, unsigned count,
                         struct th_place *place)
{
    struct th_server_spec spec = {
        .ops = &th_supervisor_ops, .arg = &storm->specs[i], .place = place};

    storm->specs[i] = (struct th_supervisor_spec){
        .children = children, .count = count, .restarts_max = 100000, .period_ms = 1000};
    assert_int_equal(th_spawn(storm->host, &spec, &storm->supervisors[i]), TH_OK);
}

static void begin(struct storm *storm)
{
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};
    struct th_place *places[PLACES];

    *storm = (struct storm){.host = open_host(), .idle = {.on_msg = probe_answers}};
    memcpy(seed, &run_seed, sizeof run_seed);
    th_rng_init(&storm->rng, seed);
    for (unsigned i = 0; i < PLACES; i++)
        places[i] = open_place(storm->host, "storm");
    storm->idle_pid = probe_spawn(storm->host, places[0], "idle", &storm->idle);
    storm->events.spec = (struct th_server_spec){
        .ops = &th_event_manager_ops, .name = "events", .place = places[PLACES - 1]};
    spawn_family(storm, PLACES, &storm->events, 1, places[0]);
    for (unsigned i = 0; i < WORKERS; i++) {
        snprintf(names[i], sizeof names[i], "w%u", i);
        storm->workers[i].spec = (struct th_server_spec){
            .ops = &worker_ops, .name = names[i], .place = places[i / FAMILY], .mailbox_max = 50};
    }
    for (unsigned i = 0; i < PLACES; i++)
        spawn_family(storm, i, &storm->workers[i * FAMILY], FAMILY, places[i]);
}

/* For so long at most, and until an answer comes. */
static void wait_for(struct th_host *host, th_pid pid, struct th_msg msg, th_ms ms)
{
    struct th_msg reply;

    if (th_call_wait(host, pid, msg, ms, &reply) == TH_OK)
        th_msg_drop(&reply);
}

static void disturb(struct storm *storm)
{
    const char *name = names[th_rng_below(&storm->rng, WORKERS)];
    th_pid pid = th_whereis(storm->host, 0, name);
    struct th_account account;

    switch (th_rng_below(&storm->rng, 8)) {
    case 0:
        th_stop(storm->host, pid, TH_IO);
        break;
    case 1:
        th_suspend(storm->host, pid, th_rng_below(&storm->rng, 50));
        break;
    case 2:
        th_resume(storm->host, pid);
        break;
    case 3:
        th_host_account(storm->host, &account);
        break;
    case 4:
        if (th_rng_below(&storm->rng, 50) == 0)
            th_stop(storm->host, th_whereis(storm->host, 0, "events"), TH_IO);
        break;
    case 5:
        wait_for(storm->host, storm->supervisors[th_rng_below(&storm->rng, PLACES)],
                 (struct th_msg){.kind = &th_supervisor_restart_msg,
                                 .body = th_mem_copy(name, strlen(name) + 1)},
                 5);
        break;
    default:
        wait_for(storm->host, pid, message(), 5);
        break;
    }
}

static void end(struct storm *storm, struct th_account *account)
{
    struct th_server_look rows[ROWS];

    for (unsigned i = 0; i <= PLACES; i++)
        th_stop(storm->host, storm->supervisors[i], TH_SHUTDOWN);
    while (th_host_look(storm->host, rows, ROWS) > 1)
        wait_for(storm->host, storm->idle_pid, (struct th_msg){.kind = &pause_msg}, 5);
    ask(storm->host, storm->idle_pid, 1); /* it has handled all that it was asked */
    th_host_account(storm->host, account);
    th_host_uv_close(storm->host);
    th_rng_clear(&storm->rng);
}

static void print(const struct th_account *account)
{
    printf("seed=%llu lives=%u sent=%llu handled=%llu refused=%llu missed=%llu flushed=%llu "
           "discarded=%llu waiting=%llu unaccounted=%lld\n",
           (unsigned long long)run_seed, atomic_load(&lives), (unsigned long long)account->sent,
           (unsigned long long)account->handled, (unsigned long long)account->refused,
           (unsigned long long)account->missed, (unsigned long long)account->flushed,
           (unsigned long long)account->discarded, (unsigned long long)account->waiting,
           (long long)account->unaccounted);
    for (int i = 0; i < THINGS; i++)
        printf("  %s: made=%llu freed=%llu\n", thing_names[i], (unsigned long long)made[i],
               (unsigned long long)freed[i]);
    fflush(stdout);
}

/* C3 C7 E1 E2 */
static void no_message_is_unaccounted_for_after_a_storm(void **state)
{
    (void)state;
    static struct storm storm;
    struct th_account account;
    begin(&storm);

    uint64_t until_us = th_host_now_us(storm.host) + run_seconds * UINT64_C(1000000);
    while (th_host_now_us(storm.host) < until_us)
        disturb(&storm);
    end(&storm, &account);

    print(&account);
    assert_int_equal(account.unaccounted, 0);
    assert_int_equal(account.waiting, 0);
    assert_true(account.handled > 1000 && account.discarded > 0 && account.flushed > 0);
    for (int i = 0; i < THINGS; i++) {
        assert_true(made[i] > 0);
        assert_int_equal(made[i], freed[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_message_is_unaccounted_for_after_a_storm),
    };
    const char *seed = getenv("TH_SEED");

    if (argc > 1)
        run_seconds = (unsigned)strtoul(argv[1], NULL, 10);
    if (seed)
        run_seed = strtoull(seed, NULL, 10);
    printf("seed=%llu\n", (unsigned long long)run_seed);
    fflush(stdout);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
