/*
 * run_hosts.h - one scenario on every host: on host_sim in a thousand orders, each drawn from a seed,
 * and on host_uv with the servers spread over three threads, under the same code.
 *
 *     static void death_after_the_reply_is_not_told(void **state)
 *     {
 *         struct stage *stage = *state;
 *         …spawn, post, stop…
 *         stage_run(stage, 20000);
 *         …assert…
 *         stage_close(stage);
 *     }
 *     …
 *     ON_EVERY_HOST(death_after_the_reply_is_not_told),
 *
 * A scenario asserts what holds in every order. What holds at one millisecond of the virtual clock is
 * a test of its own, beside it.
 *
 * Who fails prints its seed; TH_SEED=n in the environment plays that one alone (threads meet in an
 * order of their own; a seed says only who lives on which).
 */
#ifndef TH_TESTS_RUN_HOSTS_H
#define TH_TESTS_RUN_HOSTS_H

#include "tests/unit/run_threads.h"

#include "switch/run/host_core.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SEEDS = 1000,
    SEEDS_SANITIZED = 200, /* which is slow, and one thread alone has no races */
    ROUNDS_ON_THREADS = 30,
    ROUNDS_THAT_TAKE_TIME = 3,
    PATIENCE_MS = 5 /* for what shall time out: it passes by the real clock too */
};

/* --- a stage with threads --- */

static inline enum th_err usher_init(void *state, const struct th_self *self, void *arg)
{
    (void)state, (void)self, (void)arg;
    return TH_OK;
}

static inline enum th_err usher_on_msg(void *state, const struct th_self *self, struct th_msg *msg)
{
    (void)state, (void)self, (void)msg;
    return TH_OK;
}

/* One at each place: when it answers, what its place had in hand is done. */
static const struct th_server_ops usher_ops = {
    .name = "usher", .init = usher_init, .on_msg = usher_on_msg};

/* Seeds decide whether servers have one place or three, and who gets which. */
static inline struct stage stage_open_spread(uint64_t seed)
{
    struct stage stage = {.seed = seed, .spawned = (unsigned)(seed / 2 % STAGE_PLACES)};

    assert_int_equal(th_host_sim_new(&stage.host, seed), TH_OK);
    stage.place_count = seed % 2 ? STAGE_PLACES : 1;
    for (unsigned i = 0; i < stage.place_count; i++)
        assert_int_equal(th_host_sim_place(stage.host, "step", &stage.places[i]), TH_OK);
    stage.place = stage.places[0];
    return stage;
}

static inline struct stage stage_open_on_threads(uint64_t seed)
{
    struct stage stage = {.seed = seed,
                          .host = open_host(),
                          .has_threads = true,
                          .place_count = STAGE_PLACES,
                          .spawned = (unsigned)(seed % STAGE_PLACES)};

    for (unsigned i = 0; i < STAGE_PLACES; i++) {
        stage.places[i] = open_place(stage.host, "thread");
        struct th_server_spec spec = {.ops = &usher_ops, .place = stage.places[i]};
        assert_int_equal(th_spawn(stage.host, &spec, &stage.ushers[i]), TH_OK);
    }
    stage.place = stage.places[0];
    return stage;
}

/* Waits until each place has finished what it was doing. */
static inline void wait_for_places(struct stage *stage)
{
    struct th_msg reply, fence = {.kind = &th_run_started_msg};

    for (unsigned i = 0; i < STAGE_PLACES; i++)
        assert_int_equal(th_call_wait(stage->host, stage->ushers[i], fence, 60000, &reply), TH_OK);
}

/* How much the servers have done so far; not is_idle: some have more to do. */
static inline uint64_t look_at_work(struct stage *stage, bool *is_idle)
{
    unsigned count = atomic_load_explicit(&stage->host->slot_count, memory_order_acquire);
    uint64_t done = 0;

    *is_idle = true;
    for (unsigned i = 0; i < count; i++) {
        struct th_slot *slot = th_run_slot_at(stage->host, i);
        th_run_lock(&slot->lock);
        if (!slot->is_alive || slot->spec.ops != &usher_ops) {
            done += atomic_load(&slot->callbacks) + atomic_load(&slot->taken) + slot->started;
            *is_idle = *is_idle && !(slot->is_alive && slot->is_queued);
        }
        th_run_unlock(&slot->lock);
    }
    return done;
}

/* Nobody had anything to do before the places were waited for, nor after it: so nobody ever will,
 * unless it is asked or due. All that the servers did can be looked at then. */
static inline void wait_until_quiet(struct stage *stage)
{
    bool was_idle, is_idle;
    uint64_t before;

    do {
        wait_for_places(stage);
        before = look_at_work(stage, &was_idle);
        wait_for_places(stage);
    } while (look_at_work(stage, &is_idle) != before || !was_idle || !is_idle);
}

static inline th_ms next_deadline(struct stage *stage)
{
    th_ms next = TH_NEVER;

    for (unsigned i = 0; i < STAGE_PLACES; i++)
        next = th_sooner(next, th_run_place_next(stage->places[i]));
    return next;
}

/*
 * Everything happens that is due within the next `ms`, and what comes of it. The real clock is waited
 * for only if somebody has a deadline by then.
 */
static inline void stage_run(struct stage *stage, th_ms ms)
{
    struct th_msg reply, pause = {.kind = &probe_msg};
    th_ms next, now, until;

    if (!stage->has_threads) {
        th_host_sim_run(stage->host, ms);
        return;
    }
    until = th_host_now(stage->host).mono + ms;
    /* An alarm that became due in this moment is in no list of deadlines any more, but has not run: so
     * it is over only when it was quiet twice. */
    for (int calm = 0; calm < 2;) {
        wait_until_quiet(stage);
        next = next_deadline(stage);
        calm = next > until ? calm + 1 : 0;
        now = th_host_now(stage->host).mono;
        if (calm == 0 && next > now) /* an usher does not answer that */
            assert_int_equal(th_call_wait(stage->host, stage->ushers[0], pause, next - now, &reply),
                             TH_TIMED_OUT);
    }
}

/* The next deadline of anybody; TH_NEVER when nothing waits. */
static inline th_ms stage_next(struct stage *stage)
{
    return stage->has_threads ? next_deadline(stage) : th_host_sim_next(stage->host);
}

/* A few things happen, or none. */
static inline void stage_run_a_little(struct stage *stage, uint64_t steps)
{
    while (steps-- > 0)
        if (stage->has_threads)
            sched_yield();
        else
            th_host_sim_once(stage->host);
}

/* How many servers live. */
static inline unsigned stage_count_alive(struct stage *stage)
{
    return th_host_look(stage->host, NULL, 0) - (stage->has_threads ? STAGE_PLACES : 0);
}

/* The last of a scenario, while its probes are there: everybody ends, and no message was lost. */
static inline void stage_close(struct stage *stage)
{
    struct th_account account;

    if (stage->has_threads)
        wait_until_quiet(stage);
    th_host_account(stage->host, &account);
    assert_int_equal(account.unaccounted, 0);
    if (stage->has_threads)
        th_host_uv_close(stage->host);
    else
        th_host_sim_close(stage->host);
    stage->host = NULL;
}

/* --- playing a scenario --- */

struct play {
    void (*scenario)(void **state);
    unsigned rounds; /* on threads */
};

/* What is played; a copy, for a failed assertion leaves the stage itself behind. */
static struct {
    bool is_on;
    bool has_threads;
    uint64_t seed;
} now_playing;

static inline void say_which(void)
{
    char line[128];
    int len;

    if (!now_playing.is_on)
        return;
    len = snprintf(line, sizeof line, "on %s: replay with TH_SEED=%llu\n",
                   now_playing.has_threads ? "host_uv" : "host_sim",
                   (unsigned long long)now_playing.seed);
    if (write(STDOUT_FILENO, line, (size_t)len) < 0)
        abort();
}

static inline void say_which_at_abort(int signal_number)
{
    say_which();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* The sanitizers' runtimes have it. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

/* How many seeds there is time for. */
static inline unsigned count_seeds(void)
{
    return __sanitizer_set_death_callback ? SEEDS_SANITIZED : SEEDS;
}

static inline void play_once(const struct play *play, struct stage stage)
{
    void *state = &stage;

    now_playing.has_threads = stage.has_threads;
    now_playing.seed = stage.seed;
    now_playing.is_on = true;
    play->scenario(&state);
    now_playing.is_on = false;
    assert_null(stage.host); /* it must close its stage */
}

static inline void play_all(void **state, unsigned count, struct stage (*open)(uint64_t seed))
{
    const char *only = getenv("TH_SEED");

    signal(SIGABRT, say_which_at_abort);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_which);
    if (only)
        play_once(*state, open(strtoull(only, NULL, 10)));
    for (uint64_t seed = 0; !only && seed < count; seed++)
        play_once(*state, open(seed));
}

static inline void play_in_every_order(void **state)
{
    play_all(state, count_seeds(), stage_open_spread);
}

static inline void play_on_threads(void **state)
{
    play_all(state, ((const struct play *)*state)->rounds, stage_open_on_threads);
}

static inline int end_play(void **state)
{
    (void)state;
    say_which(); /* it has failed, else nothing is played now */
    now_playing.is_on = false;
    return 0;
}

static inline struct CMUnitTest test_of(const char *name, CMUnitTestFunction play_it,
                                        struct play *play)
{
    return (struct CMUnitTest){name, play_it, NULL, end_play, play};
}

#define PLAYED(scenario, rounds)                                                                   \
    test_of(#scenario " (host_sim)", play_in_every_order, &(struct play){scenario, rounds}),       \
        test_of(#scenario " (host_uv)", play_on_threads, &(struct play){scenario, rounds})

/* Two entries of a list of tests. */
#define ON_EVERY_HOST(scenario) PLAYED(scenario, ROUNDS_ON_THREADS)

/* The same for one in which time has to pass that no test can shorten. */
#define ON_EVERY_HOST_IN_TIME(scenario) PLAYED(scenario, ROUNDS_THAT_TAKE_TIME)

#endif
