/* The limits of the control server: each is reached, counted, and does not stop the others. */
#include "tests/lib/control_bench.h"

#include "tools/app/control_conn.h"
#include "tools/app/control_stream.h"

enum { BUSY = -32004 };

static json_int_t counted(const struct bench *b, const char *counter)
{
    json_t *answered = ask(b, "status", "{}");
    json_t *control = json_object_get(json_object_get(answered, "result"), "control");
    json_int_t count = json_integer_value(json_object_get(control, counter));

    json_decref(answered);
    return count;
}

static void requests_of_clients_that_went_are_limited(void **state)
{
    (void)state;
    struct bench *b = open_bench(
        (struct script){.has_router = true, .is_router_mute = true, .gather_ms = TEST_PATIENCE_MS});
    unsigned begun = 0;
    json_t *answered = NULL;

    while (code_of(answered) != -32004 && begun++ < 4 * TH_CONTROL_JOBS_MAX) {
        int fd = connect_to(b);

        for (unsigned i = 0; i < TH_CONTROL_REQUESTS_MAX; i++)
            say(fd, "peers", "{}");
        close(fd);
        json_decref(answered);
        answered = ask(b, "methods", "{}");
    }
    assert_int_equal(code_of(answered), -32004);
    json_decref(answered);

    th_stop(b->host, th_whereis(b->host, 0, TH_NODE_ROUTER), TH_SHUTDOWN); /* they all end */
    answered = ask(b, "status", "{}");
    while (code_of(answered) != 0) {
        json_decref(answered);
        answered = ask(b, "status", "{}");
    }
    const json_t *control = json_object_get(json_object_get(answered, "result"), "control");
    assert_true(json_integer_value(json_object_get(control, "jobs_refused")) > 0);
    json_decref(answered);
    close_bench(b);
}

/* D3 */
static void who_does_not_read_its_answers_is_let_go_and_counted(void **state)
{
    (void)state;
    /* Each answer has half a megabyte; what is sent as one is taken before the first of them. */
    struct bench *b = open_bench((struct script){.has_router = true, .more_lines = 4000});
    static const char ask_lines[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"lines\"}\n";
    int fd = connect_to(b);
    char bytes[65536];
    size_t total = 0;
    ssize_t len = 0;

    assert_int_equal(counted(b, "not_reading"), 0);
    for (unsigned i = 0; i < TH_CONTROL_REQUESTS_MAX; i++) {
        memcpy(bytes + len, ask_lines, sizeof ask_lines - 1);
        len += (ssize_t)sizeof ask_lines - 1;
    }
    assert_int_equal(send(fd, bytes, (size_t)len, MSG_NOSIGNAL), len);
    while (counted(b, "not_reading") == 0)
        sched_yield();

    while ((len = recv(fd, bytes, sizeof bytes, 0)) > 0)
        total += (size_t)len;
    assert_true(total < TH_CONN_OUTPUT_MAX); /* closed, with what was on its way */
    assert_int_equal(counted(b, "not_reading"), 1);
    close(fd);
    close_bench(b);
}

/* D3 */
static void watches_beyond_the_limit_are_busy_and_counted(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    int fd[TH_STREAMS_MAX / 8 + 1];
    json_t *answered;
    json_int_t code;

    for (unsigned i = 0; i < TH_STREAMS_MAX; i++) {
        if (i % 8 == 0)
            fd[i / 8] = connect_to(b);
        say(fd[i / 8], "watch.start", "{}");
        answered = hear(fd[i / 8]);
        assert_int_equal(code_of(answered), 0);
        json_decref(answered);
    }
    fd[TH_STREAMS_MAX / 8] = connect_to(b);
    say(fd[TH_STREAMS_MAX / 8], "watch.start", "{}");
    answered = hear(fd[TH_STREAMS_MAX / 8]);
    assert_int_equal(code_of(answered), BUSY);
    json_decref(answered);
    assert_int_equal(counted(b, "streams_refused"), 1);

    close(fd[0]); /* its eight end with it */
    do {
        say(fd[TH_STREAMS_MAX / 8], "watch.start", "{}");
        answered = hear(fd[TH_STREAMS_MAX / 8]);
        code = code_of(answered);
        json_decref(answered);
    } while (code == BUSY);
    assert_int_equal(code, 0);
    for (unsigned i = 1; i <= TH_STREAMS_MAX / 8; i++)
        close(fd[i]);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_clients_that_went_are_limited),
        cmocka_unit_test(who_does_not_read_its_answers_is_let_go_and_counted),
        cmocka_unit_test(watches_beyond_the_limit_are_busy_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
