/* The control server: what it answers, and when. */
#include "tests/lib/control_bench.h"

static json_int_t number_in(const json_t *answered, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(answered, "result"), key));
}

static const char *word_in(const json_t *answered, const char *key)
{
    const char *word = json_string_value(json_object_get(json_object_get(answered, "result"), key));

    return word ? word : "";
}

static const char peer_params[] =
    "{\"hashname\":\"abcd000000000000000000000000000000000000000000000000000000000000\","
    "\"count\":2,\"interval_ms\":100,\"wait_ms\":600}";

/* --- the tests ------------------------------------------------------------------------------------ */

/* A10 */
static void a_server_that_hangs_is_named(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .is_router_mute = true});

    json_t *peers = ask(b, "peers", "{}");
    assert_int_equal(code_of(peers), -32003);
    const json_t *data = json_object_get(json_object_get(peers, "error"), "data");
    assert_string_equal(json_string_value(json_object_get(data, "server")), "router");
    json_decref(peers);

    json_t *servers = ask(b, "servers", "{}"); /* asks none of them */
    assert_true(json_array_size(json_object_get(servers, "result")) >= 5);
    json_decref(servers);

    json_t *status = ask(b, "status", "{}"); /* says what is known */
    const json_t *result = json_object_get(status, "result");
    assert_true(json_is_null(json_object_get(result, "links")));
    assert_int_equal(number_in(status, "lines"), 1);
    assert_int_equal(json_array_size(json_object_get(result, "warnings")), 2);
    json_decref(status);
    close_bench(b);
}

static void a_server_that_is_gone_is_told_at_once(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){0});

    json_t *buckets = ask(b, "buckets", "{}");
    assert_int_equal(code_of(buckets), -32004);
    json_decref(buckets);
    close_bench(b);
}

static void a_ping_takes_one_answer_for_each_probe(void **state)
{
    (void)state;
    struct bench *b =
        open_bench((struct script){.has_router = true, .has_line = true, .knows_path = true});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "probe"), "path");
    assert_string_equal(word_in(ping, "path"), "127.0.0.1:7");
    assert_int_equal(number_in(ping, "sent"), 2);
    assert_int_equal(number_in(ping, "received"), 2);
    assert_int_equal(number_in(ping, "lost"), 0);
    assert_int_equal(atomic_load(&b->dials), 0); /* the line was there */
    json_decref(ping);
    close_bench(b);
}

static void who_does_not_answer_path_is_asked_by_seek(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .has_line = true});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "probe"), "seek");
    assert_int_equal(number_in(ping, "received"), 2);
    json_decref(ping);
    close_bench(b);
}

static void who_cannot_be_reached_is_not_pinged(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .dialed = TH_NOT_FOUND});

    json_t *ping = ask(b, "ping", peer_params);
    assert_string_equal(word_in(ping, "reached"), "not_found");
    assert_int_equal(number_in(ping, "sent"), 0);
    assert_true(json_is_null(json_object_get(json_object_get(ping, "result"), "min_ms")));
    json_decref(ping);
    close_bench(b);
}

static void connect_and_seek_tell_where_the_node_is(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});

    json_t *connected = ask(b, "connect", peer_params);
    assert_string_equal(word_in(connected, "result"), "reached");
    assert_string_equal(word_in(connected, "path"), "127.0.0.1:7");
    const json_t *ways = json_object_get(json_object_get(connected, "result"), "ways");
    const json_t *path = json_object_get(json_array_get(ways, 0), "path");
    assert_string_equal(json_string_value(path), "127.0.0.1:7");
    json_decref(connected);

    json_t *sought = ask(b, "seek", peer_params); /* with the line that it brought */
    ways = json_object_get(json_object_get(sought, "result"), "ways");
    path = json_object_get(json_array_get(ways, 0), "path");
    assert_string_equal(json_string_value(path), "127.0.0.1:7");
    json_decref(sought);
    close_bench(b);
}

/* A whole hashname spares the methods that name a node a question to the router. It once spared it all
 * methods, and those that show the router's answer ended the daemon. */
static void parameters_of_another_method_are_passed_over(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    static const char *const methods[] = {"peers", "buckets", "drops", "status", "lines"};
    char params[TH_HASHNAME_HEX + 32], hex[TH_HASHNAME_HEX + 1];

    th_hashname_write(hex, &peer);
    snprintf(params, sizeof params, "{\"hashname\":\"%s\"}", hex);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        json_t *answered = ask(b, methods[i], params);
        assert_int_equal(code_of(answered), strcmp(methods[i], "drops") == 0 ? -32003 : 0);
        json_decref(answered);
    }
    close_bench(b);
}

static void too_many_dials_are_busy(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .dialed = TH_LIMIT});

    json_t *sought = ask(b, "seek", peer_params);
    assert_int_equal(code_of(sought), -32004);
    json_decref(sought);
    close_bench(b);
}

/* D3 */
static void a_client_that_goes_while_it_waits_harms_nobody(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .has_line = true});

    for (unsigned i = 0; i < 8; i++) {
        int fd = connect_to(b);

        say(fd, "ping", peer_params);
        say(fd, "status", "{}");
        close(fd);
    }
    json_t *status = ask(b, "status", "{}");
    assert_int_equal(number_in(status, "lines"), 1);
    json_decref(status);
    close_bench(b);
}

static void requests_that_wait_end_with_the_server(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true, .is_router_mute = true});
    int fd = connect_to(b);
    char byte;

    for (unsigned i = 0; i < 20; i++) /* more than are taken at once */
        say(fd, "peers", "{}");
    json_decref(hear(fd));
    th_stop(b->host, b->control, TH_SHUTDOWN);
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    close(fd);
    close_bench(b);
}

static void end_control(struct bench *b)
{
    th_stop(b->host, b->control, TH_SHUTDOWN);
    while (th_whereis(b->host, 0, TH_CONTROL_NAME) != 0)
        sched_yield(); /* its name is free a moment after its last callback */
}

/* D3 */
static void a_new_control_server_takes_over_the_socket(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    int fd = connect_to(b);
    char byte;

    say(fd, "status", "{}");
    json_decref(hear(fd));
    end_control(b);
    assert_int_equal(recv(fd, &byte, 1, 0), 0); /* its clients are let go */
    close(fd);
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    json_decref(ask(b, "status", "{}"));
    close_bench(b);
}

/* D3 */
static void who_connects_between_two_control_servers_is_served_by_the_next(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    int fd[20];

    json_decref(ask(b, "status", "{}"));
    end_control(b);
    for (size_t i = 0; i < 20; i++) {
        fd[i] = connect_to(b);
        say(fd[i], "status", "{}");
    }
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    for (size_t i = 0; i < 20; i++) {
        json_t *status = hear(fd[i]);
        assert_int_equal(number_in(status, "lines"), 1);
        json_decref(status);
        close(fd[i]);
    }
    close_bench(b);
}

/* D2, D3: it took a descriptor to begin once, and without one it failed until its supervisor, and
 * with that the daemon, gave up. */
static void a_new_control_server_begins_without_a_free_descriptor(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});
    struct rlimit before, none;

    json_decref(ask(b, "status", "{}"));
    end_control(b);
    int waiting = connect_to(b);
    int next = dup(0); /* the lowest that is free */
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    b->control = spawn(b, &th_control_ops, TH_CONTROL_NAME, &b->config);
    say(waiting, "status", "{}");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

    json_t *status = hear(waiting); /* accepted when there was a descriptor again */
    assert_int_equal(number_in(status, "lines"), 1);
    json_decref(status);
    close(waiting);
    close_bench(b);
}

static void stop_is_answered_and_passed_on(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct script){.has_router = true});

    json_t *stopped = ask(b, "stop", "{}");
    assert_true(json_is_true(json_object_get(json_object_get(stopped, "result"), "stopping")));
    json_decref(stopped);
    json_decref(ask(b, "methods", "{}")); /* so that the callback of stop has ended */
    assert_true(atomic_load(&b->is_stopped));
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_hangs_is_named),
        cmocka_unit_test(a_server_that_is_gone_is_told_at_once),
        cmocka_unit_test(a_ping_takes_one_answer_for_each_probe),
        cmocka_unit_test(who_does_not_answer_path_is_asked_by_seek),
        cmocka_unit_test(who_cannot_be_reached_is_not_pinged),
        cmocka_unit_test(connect_and_seek_tell_where_the_node_is),
        cmocka_unit_test(parameters_of_another_method_are_passed_over),
        cmocka_unit_test(too_many_dials_are_busy),
        cmocka_unit_test(a_client_that_goes_while_it_waits_harms_nobody),
        cmocka_unit_test(requests_that_wait_end_with_the_server),
        cmocka_unit_test(a_new_control_server_takes_over_the_socket),
        cmocka_unit_test(who_connects_between_two_control_servers_is_served_by_the_next),
        cmocka_unit_test(a_new_control_server_begins_without_a_free_descriptor),
        cmocka_unit_test(stop_is_answered_and_passed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
