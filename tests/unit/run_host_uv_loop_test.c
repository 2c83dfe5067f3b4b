/* The host with threads: handles of libuv, and loops of the caller's. */
#include "tests/unit/run_threads.h"

/* --- handles of libuv --- */

struct ticker {
    uv_timer_t timer;
    struct th_host *host;
    th_pid pid;
};

static const struct th_msg_kind tick_msg = {"test.tick", NULL};

/* In libuv's callback: what it learns it posts to its server. */
static void on_tick(uv_timer_t *timer)
{
    struct ticker *ticker = timer->data;

    th_post(ticker->host, ticker->pid, (struct th_msg){.kind = &tick_msg});
}

static void on_closed(uv_handle_t *handle)
{
    th_mem_free(handle->data);
}

static enum th_err starts_ticker(struct probe *probe, const struct th_self *self)
{
    struct ticker *ticker = th_mem_zalloc(1, sizeof *ticker);

    if (ticker == NULL)
        return TH_NO_MEMORY;
    ticker->host = self->host;
    ticker->pid = self->pid;
    ticker->timer.data = ticker;
    uv_timer_init(th_host_uv_loop(probe->data), &ticker->timer);
    uv_timer_start(&ticker->timer, on_tick, 0, 1);
    probe->data = ticker;
    return TH_OK;
}

static void closes_ticker(struct probe *probe, const struct th_self *self, enum th_err why)
{
    struct ticker *ticker = probe->data;

    (void)self, (void)why;
    uv_close((uv_handle_t *)&ticker->timer, on_closed);
}

/* on_msg: answers the call that waits at the 20th tick. */
static enum th_err counts_ticks(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &probe_msg)
        probe->ref = msg->ref;
    else
        probe->answer++;
    if (probe->ref && probe->answer >= 20)
        th_reply(self->host, (struct th_from){0, probe->ref}, probe_number(probe->answer));
    return TH_OK;
}

static void callback_of_libuv_posts_to_its_server(void **state)
{
    (void)state;
    struct th_host *host = open_host();
    struct th_place *place = open_place(host, "one");
    struct probe probe = {
        .init = starts_ticker, .on_msg = counts_ticks, .terminate = closes_ticker, .data = place};
    th_pid pid = probe_spawn(host, place, NULL, &probe);

    assert_in_range(ask(host, pid, 1), 20, 1000000);

    th_host_uv_close(host);
    assert_int_equal(probe.terminates, 1);
}

struct lines {
    atomic_uint count;
    char text[TH_LOG_LINE_MAX];
};

static void keep_line(void *data, enum th_log_level level, const char *topic, const char *text)
{
    struct lines *lines = data;

    if (level == TH_LOG_ERROR && strcmp(topic, "host") == 0 &&
        atomic_fetch_add(&lines->count, 1) == 0)
        snprintf(lines->text, sizeof lines->text, "%s", text);
}

static void handle_that_a_server_forgets_is_named_and_closed(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct th_log log = {.level = TH_LOG_ERROR, .write = keep_line, .data = &lines};
    struct th_host *host = open_host();
    th_host_set_watchdog(host, 1000, &log);
    struct th_place *place = open_place(host, "one");
    struct probe probe = {.init = starts_ticker, .on_msg = counts_ticks, .data = place};
    th_pid pid = probe_spawn(host, place, NULL, &probe);
    ask(host, pid, 1);

    th_host_uv_close(host);

    assert_int_equal(atomic_load(&lines.count), 1);
    assert_string_equal(lines.text, "was left open handle=timer place=one");
    th_mem_free(probe.data);
}

/* --- a loop of the caller's --- */

static enum th_err stops_loop(struct probe *probe, const struct th_self *self, struct th_msg *msg)
{
    (void)self, (void)msg;
    uv_stop(probe->data);
    return TH_OK;
}

static enum th_err calls_other_then_tells(struct probe *probe, const struct th_self *self,
                                          struct th_msg *msg)
{
    (void)msg;
    return th_post(self->host, probe->other, probe_number(1));
}

static void place_on_a_loop_of_the_caller_runs_while_the_caller_runs_it(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct th_host *host = open_host();
    struct th_place *mine = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_host_uv_place_on(host, "mine", &loop, &mine), TH_OK);
    assert_ptr_equal(th_host_uv_loop(mine), &loop);
    struct probe on_mine = {.on_msg = stops_loop, .data = &loop};
    struct probe elsewhere = {.on_msg = calls_other_then_tells};
    elsewhere.other = probe_spawn(host, mine, NULL, &on_mine);
    th_pid pid = probe_spawn(host, open_place(host, "own"), NULL, &elsewhere);

    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(th_post(host, pid, probe_number(1)), TH_OK);
        uv_run(&loop, UV_RUN_DEFAULT); /* ends when the other server's message has come */
        assert_int_equal(on_mine.msgs, i);
    }
    struct th_msg reply;
    assert_int_equal(th_call_wait(host, pid, probe_number(1), 1000, &reply), TH_WOULD_DEADLOCK);

    th_host_uv_close(host); /* runs the servers of this thread's loop itself */
    assert_int_equal(on_mine.terminates, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void *run_loop(void *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    return NULL;
}

static void callers_loop_may_run_on_another_thread_than_who_closes(void **state)
{
    (void)state;
    uv_loop_t loop;
    pthread_t thread;
    struct th_host *host = open_host();
    struct th_place *place = NULL;
    struct probe probe = {.on_msg = probe_answers};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_host_uv_place_on(host, "theirs", &loop, &place), TH_OK);
    th_pid pid = probe_spawn(host, place, NULL, &probe);
    assert_int_equal(pthread_create(&thread, NULL, run_loop, &loop), 0);

    assert_int_equal(ask(host, pid, 1), 2);
    th_host_uv_close(host);

    pthread_join(thread, NULL); /* no handle is left, so uv_run has returned */
    assert_int_equal(probe.terminates, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    th_host_uv_close(prepare->data);
    uv_close((uv_handle_t *)prepare, NULL);
}

static void host_may_be_closed_from_a_callback_of_the_callers_loop(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_prepare_t prepare;
    struct th_host *host = open_host();
    struct th_place *place = NULL;
    struct probe probes[2] = {0};
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(th_host_uv_place_on(host, "mine", &loop, &place), TH_OK);
    probe_spawn(host, place, NULL, &probes[0]);
    probe_spawn(host, open_place(host, "own"), NULL, &probes[1]);
    uv_prepare_init(&loop, &prepare);
    prepare.data = host;
    uv_prepare_start(&prepare, on_prepare);

    uv_run(&loop, UV_RUN_DEFAULT);

    for (int i = 0; i < 2; i++)
        assert_int_equal(probes[i].inits, probes[i].terminates);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callback_of_libuv_posts_to_its_server),
        cmocka_unit_test(handle_that_a_server_forgets_is_named_and_closed),
        cmocka_unit_test(place_on_a_loop_of_the_caller_runs_while_the_caller_runs_it),
        cmocka_unit_test(callers_loop_may_run_on_another_thread_than_who_closes),
        cmocka_unit_test(host_may_be_closed_from_a_callback_of_the_callers_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
