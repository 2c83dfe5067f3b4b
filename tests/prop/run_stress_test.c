/*
 * Servers on three threads that call, cast, monitor, subscribe, suspend, die and are restarted, as a
 * seed says. Every call and every monitor has a ticket: it is told exactly once, or never when it
 * was cancelled or its owner ended first.
 *
 *     TH_SEED=7 build/dev/tests/prop/run_stress_test
 *
 * The seed says who does what; the order in which threads meet is the machine's. On host_sim, where
 * the same servers run too, it says everything.
 */
#include "tests/unit/run_hosts.h"

#include "switch/base/rng.h"
#include "switch/run/host_uv.h"

#include <stdlib.h>

enum {
    WORKERS = 12,
    PLACES = 3,
    TICKETS_MAX = 1000000,
    OPEN_MAX = 64,  /* calls and monitors of one life */
    KEPT_MAX = 8,   /* calls that one server answers later */
    KNOWN_MAX = 16, /* event managers of one life, the last */
    RUN_US = 1500 * 1000,
    TOLD_MIN = 100, /* of a run of STEP_ROUNDS; else it shows little */
    STEP_ROUNDS = 60,
    STEP_LONG = 8,        /* so many seeds have all those rounds, */
    STEP_SHORT_ROUNDS = 8 /* the others these */
};

/* --- tickets --- */

enum fate { FATE_OPEN, FATE_TOLD, FATE_CANCELLED, FATE_OWNER_ENDED };

struct ticket {
    atomic_uint told;
    atomic_uint fate;
};

static struct ticket tickets[TICKETS_MAX];
static atomic_uint ticket_count;
static atomic_uint events_out_of_order;
static atomic_uint downs_without_ticket;
static uint64_t first_seed = 1;
static uint64_t run_seed;

static struct ticket *new_ticket(void)
{
    unsigned i = atomic_fetch_add(&ticket_count, 1);

    return i < TICKETS_MAX ? &tickets[i] : NULL;
}

struct open_ticket {
    struct ticket *ticket; /* NULL: free */
    uint64_t ref;
    bool is_call;
};

/* --- a worker --- */

struct worker {
    struct th_rng rng;
    th_ms next_at;
    struct open_ticket open[OPEN_MAX];
    struct th_from kept[KEPT_MAX];
    th_pid manager;
    uint64_t last_seq;
    th_pid managers[KNOWN_MAX]; /* the last is 0: th_subscribe may monitor nobody */
    unsigned manager_count;
};

static const char *const names[WORKERS] = {"w0", "w1", "w2", "w3", "w4",  "w5",
                                           "w6", "w7", "w8", "w9", "w10", "w11"};
static atomic_uint lives;

static bool once_in(struct worker *w, unsigned n)
{
    return th_rng_below(&w->rng, n) == 0;
}

static th_pid somebody(struct worker *w, const struct th_self *self)
{
    return th_whereis(self->host, 0, names[th_rng_below(&w->rng, WORKERS)]);
}

static struct open_ticket *find_open(struct worker *w, const struct ticket *ticket, uint64_t ref)
{
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (w->open[i].ticket == ticket && (ref == 0 || w->open[i].ref == ref))
            return &w->open[i];
    return NULL;
}

static void close_ticket(struct open_ticket *open, enum fate fate)
{
    atomic_store(&open->ticket->fate, fate);
    open->ticket = NULL;
}

static enum th_err on_reply(void *state, const struct th_self *self, void *ctx, enum th_err why,
                            struct th_msg *reply)
{
    struct worker *w = state;
    struct ticket *ticket = ctx;
    struct open_ticket *open = find_open(w, ticket, 0);

    (void)self, (void)why, (void)reply;
    atomic_fetch_add(&ticket->told, 1);
    if (open)
        close_ticket(open, FATE_TOLD);
    return once_in(w, 300) ? TH_IO : TH_OK;
}

static enum th_err do_call(struct worker *w, const struct th_self *self, struct open_ticket *open)
{
    struct ticket *ticket = new_ticket();

    if (ticket == NULL)
        return TH_OK;
    *open = (struct open_ticket){.ticket = ticket, .is_call = true};
    return th_call(self, somebody(w, self), probe_number(1), 1 + th_rng_below(&w->rng, 15),
                   on_reply, ticket, &open->ref);
}

static enum th_err do_monitor(struct worker *w, const struct th_self *self,
                              struct open_ticket *open)
{
    struct ticket *ticket = new_ticket();

    if (ticket == NULL)
        return TH_OK;
    *open = (struct open_ticket){.ticket = ticket};
    return th_monitor(self, somebody(w, self), &open->ref);
}

static void do_cancel(struct worker *w, const struct th_self *self)
{
    struct open_ticket *open = &w->open[th_rng_below(&w->rng, OPEN_MAX)];

    if (open->ticket == NULL)
        return;
    if (open->is_call)
        th_cancel(self, open->ref);
    else
        th_demonitor(self, open->ref);
    close_ticket(open, FATE_CANCELLED);
}

static enum th_err do_subscribe(struct worker *w, const struct th_self *self)
{
    struct th_interest interest = {.kinds = th_rng_u64(&w->rng), .topics = 0};

    w->manager = th_whereis(self->host, 0, "events");
    w->last_seq = 0;
    if (w->manager != 0 && w->manager != w->managers[w->manager_count % (KNOWN_MAX - 1)])
        w->managers[++w->manager_count % (KNOWN_MAX - 1)] = w->manager;
    return th_subscribe(self, w->manager, interest, NULL, NULL);
}

static enum th_err do_notify(struct worker *w, const struct th_self *self, struct open_ticket *open)
{
    th_pid manager = th_whereis(self->host, 0, "events");
    struct ticket *ticket;
    struct th_event *event = th_event_new(UINT64_C(1) << th_rng_below(&w->rng, 64), 0,
                                          once_in(w, 2), th_mem_copy("body", 4), th_mem_free);

    if (event == NULL)
        return TH_NO_MEMORY;
    ticket = open && once_in(w, 4) ? new_ticket() : NULL;
    if (ticket) {
        *open = (struct open_ticket){.ticket = ticket, .is_call = true};
        return th_notify_sync(self, manager, event, 1 + th_rng_below(&w->rng, 15), on_reply, ticket,
                              &open->ref);
    }
    th_notify(self->host, manager, event);
    return TH_OK;
}

/* Answers one that waits, or lets somebody else do it. */
static void do_answer(struct worker *w, const struct th_self *self)
{
    struct th_from *from = &w->kept[th_rng_below(&w->rng, KEPT_MAX)];

    th_reply(self->host, *from, probe_number(2));
    if (once_in(w, 2))
        *from = (struct th_from){0}; /* else it is answered again some time */
}

static enum th_err act(struct worker *w, const struct th_self *self)
{
    struct open_ticket *open = find_open(w, NULL, 0);
    uint64_t what = th_rng_below(&w->rng, 9);

    if (what < 3)
        return open ? do_call(w, self, open) : TH_OK;
    if (what == 3)
        return open ? do_monitor(w, self, open) : TH_OK;
    if (what == 4)
        do_cancel(w, self);
    else if (what == 5)
        th_post(self->host, somebody(w, self), probe_number(3));
    else if (what == 6)
        do_answer(w, self);
    else if (what == 7)
        return do_notify(w, self, open);
    else if (once_in(w, 4))
        th_unsubscribe(self, w->manager);
    else
        return do_subscribe(w, self);
    return TH_OK;
}

/* --- its callbacks --- */

static enum th_err init(void *state, const struct th_self *self, void *arg)
{
    struct worker *w = state;
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};
    unsigned life = atomic_fetch_add(&lives, 1);

    (void)arg;
    memcpy(seed, &run_seed, sizeof run_seed);
    memcpy(seed + 8, &life, sizeof life);
    th_rng_init(&w->rng, seed);
    w->next_at = self->now.mono;
    return once_in(w, 20) ? TH_IO : TH_OK;
}

static void on_down(struct worker *w, const struct th_down *down)
{
    if (down->pid != 0 && down->pid == w->manager) {
        w->manager = 0;
        w->last_seq = 0;
    }
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (w->open[i].ticket && !w->open[i].is_call && w->open[i].ref == down->ref) {
            atomic_fetch_add(&w->open[i].ticket->told, 1);
            close_ticket(&w->open[i], FATE_TOLD);
            return;
        }
    /* The monitor that th_subscribe keeps has no ticket. */
    for (unsigned i = 0; i < KNOWN_MAX; i++)
        if (w->managers[i] == down->pid)
            return;
    atomic_fetch_add(&downs_without_ticket, 1);
}

static void on_event(struct worker *w, const struct th_msg *msg)
{
    const struct th_event *event = th_event_of(msg);

    if (msg->from != w->manager)
        return; /* of a manager before */
    if (event->seq <= w->last_seq)
        atomic_fetch_add(&events_out_of_order, 1);
    w->last_seq = event->seq;
}

static enum th_err on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    struct worker *w = state;

    if (msg->kind == &th_down_msg)
        on_down(w, msg->body);
    else if (msg->kind == &th_event_msg)
        on_event(w, msg);
    else if (msg->ref && once_in(w, 3))
        w->kept[th_rng_below(&w->rng, KEPT_MAX)] = th_from_of(msg);
    else if (msg->ref && !once_in(w, 5))
        th_reply(self->host, th_from_of(msg), probe_number(1));
    return once_in(w, 400) ? TH_IO : TH_OK;
}

static enum th_err on_alarm(void *state, const struct th_self *self)
{
    struct worker *w = state;
    enum th_err err = TH_OK;

    for (unsigned i = 0; i < 12 && err == TH_OK; i++)
        err = act(w, self);
    w->next_at = self->now.mono + th_rng_below(&w->rng, 2);
    return err;
}

static th_ms deadline(const void *state)
{
    return ((const struct worker *)state)->next_at;
}

static void terminate(void *state, const struct th_self *self, enum th_err why)
{
    struct worker *w = state;

    (void)self, (void)why;
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (w->open[i].ticket)
            close_ticket(&w->open[i], FATE_OWNER_ENDED);
    th_rng_clear(&w->rng);
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

static void disturb(struct th_host *host, struct th_rng *rng)
{
    th_pid pid = th_whereis(host, 0, names[th_rng_below(rng, WORKERS)]);
    struct th_server_look rows[WORKERS + 2];
    struct th_msg reply;

    switch (th_rng_below(rng, 6)) {
    case 0:
        th_stop(host, pid, TH_IO);
        break;
    case 1:
        th_suspend(host, pid, th_rng_below(rng, 10));
        break;
    case 2:
        th_resume(host, pid);
        break;
    case 3:
        th_host_look(host, rows, WORKERS + 2);
        break;
    case 4:
        if (th_rng_below(rng, 20) == 0)
            th_stop(host, th_whereis(host, 0, "events"), TH_IO);
        break;
    default:
        if (th_call_wait(host, pid, probe_number(1), 5, &reply) == TH_OK)
            th_msg_drop(&reply);
        break;
    }
}

struct tally {
    unsigned lives;
    unsigned fates[4];
};

static struct tally check_tickets(unsigned told_min)
{
    unsigned count = atomic_load(&ticket_count);
    struct tally tally = {.lives = atomic_load(&lives)};

    for (unsigned i = 0; i < count && i < TICKETS_MAX; i++) {
        enum fate fate = atomic_load(&tickets[i].fate);
        if (atomic_load(&tickets[i].told) != (fate == FATE_TOLD ? 1 : 0))
            fail_msg("seed=%llu ticket=%u fate=%d told=%u", (unsigned long long)run_seed, i,
                     (int)fate, atomic_load(&tickets[i].told));
        tally.fates[fate]++;
    }
    if (tally.fates[FATE_OPEN] || tally.fates[FATE_TOLD] < told_min ||
        atomic_load(&downs_without_ticket) || atomic_load(&events_out_of_order))
        fail_msg("seed=%llu open=%u told=%u downs_without_ticket=%u events_out_of_order=%u",
                 (unsigned long long)run_seed, tally.fates[FATE_OPEN], tally.fates[FATE_TOLD],
                 atomic_load(&downs_without_ticket), atomic_load(&events_out_of_order));
    return tally;
}

static void begin_run(uint64_t seed)
{
    for (unsigned i = 0; i < TICKETS_MAX && i < atomic_load(&ticket_count); i++) {
        atomic_store(&tickets[i].told, 0);
        atomic_store(&tickets[i].fate, FATE_OPEN);
    }
    atomic_store(&ticket_count, 0);
    atomic_store(&downs_without_ticket, 0);
    atomic_store(&events_out_of_order, 0);
    atomic_store(&lives, 0);
    run_seed = seed;
}

/* Two supervisors at the first place: of the event manager, and of the workers. */
struct cast {
    struct th_child events[1];
    struct th_child workers[WORKERS];
    struct th_supervisor_spec events_spec;
    struct th_supervisor_spec workers_spec;
    struct th_place *place;
    th_pid supervisor;
    struct th_rng rng;
};

static void fill_cast(struct cast *cast, struct th_place *const places[PLACES])
{
    uint8_t seed[TH_RNG_SEED_BYTES] = {0};

    *cast = (struct cast){.place = places[1]};
    memcpy(seed, &run_seed, sizeof run_seed);
    th_rng_init(&cast->rng, seed);
    cast->events[0].spec =
        (struct th_server_spec){.ops = &th_event_manager_ops, .name = "events", .place = places[0]};
    for (unsigned i = 0; i < WORKERS; i++)
        cast->workers[i].spec = (struct th_server_spec){
            .ops = &worker_ops, .name = names[i], .place = places[i % PLACES], .mailbox_max = 50};
    cast->events_spec = (struct th_supervisor_spec){
        .children = cast->events, .count = 1, .restarts_max = 20000, .period_ms = 1000};
    cast->workers_spec = (struct th_supervisor_spec){
        .children = cast->workers, .count = WORKERS, .restarts_max = 20000, .period_ms = 1000};
}

static th_pid spawn_supervisor(struct th_host *host, struct cast *cast,
                               struct th_supervisor_spec *arg)
{
    struct th_server_spec spec = {.ops = &th_supervisor_ops, .arg = arg, .place = cast->place};
    th_pid pid;

    assert_int_equal(th_spawn(host, &spec, &pid), TH_OK);
    return pid;
}

/* A worker's init fails at times, which at the first start ends its supervisor: a new one then. */
static void disturb_when_ready(struct th_host *host, struct cast *cast)
{
    struct th_msg ask = {.kind = &th_supervisor_ready_msg}, reply;

    while (th_call_wait(host, cast->supervisor, ask, 10000, &reply) != TH_OK)
        cast->supervisor = spawn_supervisor(host, cast, &cast->workers_spec);
    disturb(host, &cast->rng);
}

/* C1 C2 C3 C4 E1 E3 A9 */
static void each_call_and_monitor_is_told_exactly_once_on_three_threads(void **state)
{
    (void)state;
    struct th_place *places[PLACES];
    struct th_host *host;
    struct cast cast;
    begin_run(first_seed);
    assert_int_equal(th_host_uv_new(&host), TH_OK);
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(th_host_uv_place(host, "place", &places[i]), TH_OK);
    fill_cast(&cast, places);
    spawn_supervisor(host, &cast, &cast.events_spec);

    for (uint64_t begun = th_host_now_us(host); th_host_now_us(host) - begun < RUN_US;)
        disturb_when_ready(host, &cast);
    th_host_uv_close(host);

    struct tally tally = check_tickets(TOLD_MIN);
    printf("seed=%llu lives=%u told=%u cancelled=%u owner_ended=%u\n", (unsigned long long)run_seed,
           tally.lives, tally.fates[FATE_TOLD], tally.fates[FATE_CANCELLED],
           tally.fates[FATE_OWNER_ENDED]);
}

static struct tally run_on_step(uint64_t seed, unsigned rounds)
{
    struct th_place *places[PLACES];
    struct th_host *host;
    struct cast cast;
    begin_run(seed);
    assert_int_equal(th_host_sim_new(&host, seed), TH_OK);
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(th_host_sim_place(host, "place", &places[i]), TH_OK);
    fill_cast(&cast, places);
    spawn_supervisor(host, &cast, &cast.events_spec);

    for (unsigned i = 0; i < rounds; i++) {
        disturb_when_ready(host, &cast);
        for (uint64_t steps = th_rng_below(&cast.rng, 30); steps > 0; steps--)
            th_host_sim_once(host);
        if (th_rng_below(&cast.rng, 4) == 0)
            th_host_sim_run(host, 1);
    }
    th_host_sim_close(host);
    return check_tickets(rounds == STEP_ROUNDS ? TOLD_MIN : 0);
}

/* C1 C2 C3 C4 E1 E3 A9: every order of events can happen here, and can be had again. */
static void each_call_and_monitor_is_told_exactly_once_in_any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < count_seeds(); i++)
        run_on_step(first_seed + i, i < STEP_LONG ? STEP_ROUNDS : STEP_SHORT_ROUNDS);
}

static void one_seed_gives_one_run(void **state)
{
    (void)state;
    struct tally first = run_on_step(first_seed, STEP_ROUNDS);
    struct tally second = run_on_step(first_seed, STEP_ROUNDS);

    assert_memory_equal(&first, &second, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_and_monitor_is_told_exactly_once_on_three_threads),
        cmocka_unit_test(each_call_and_monitor_is_told_exactly_once_in_any_order),
        cmocka_unit_test(one_seed_gives_one_run),
    };
    const char *seed = getenv("TH_SEED");

    first_seed = seed ? strtoull(seed, NULL, 10) : 1;
    printf("seed=%llu\n", (unsigned long long)first_seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
