/* Streams of the public API where there can be none. */
#include "router/telehash.h"

#include <stdio.h>

#include "tests/lib/test_cmocka.h"

static const struct th_stream_cb no_cb;

static void on_incoming(struct th_node *node, const struct th_incoming *incoming, void *data)
{
    (void)node, (void)incoming, (void)data;
    fail();
}

static void no_stream_is_refused_and_harms_nothing(void **state)
{
    (void)state;
    struct th_stream *other = NULL;
    char byte = 'a';
    size_t n = 0;

    assert_int_equal(th_stream_accept(NULL, &no_cb, NULL, &other), TH_INVALID);
    assert_int_equal(th_stream_write(NULL, &byte, 1, &n), TH_INVALID);
    assert_int_equal(th_stream_read(NULL, &byte, 1, &n), TH_INVALID);
    th_stream_shutdown(NULL);
    th_stream_reset(NULL, "x");
    th_stream_close(NULL);
    assert_string_equal(th_stream_err(NULL), "");
    assert_null(th_stream_peer(NULL));
}

static void streams_of_a_node_that_does_not_run_are_refused(void **state)
{
    (void)state;
    struct th_node_options options;
    struct th_stream *other = NULL;
    struct th_node *node;

    th_node_options_init(&options, sizeof options);
    assert_int_equal(th_node_new(&node, &options), TH_OK);
    assert_int_equal(th_stream_open(node, "a", "_a", &no_cb, NULL, &other), TH_INVALID);
    static const char hashname[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_int_equal(th_stream_open(node, hashname, "_a", &no_cb, NULL, &other), TH_INVALID);
    assert_int_equal(th_node_listen(node, "_a", on_incoming, NULL), TH_OK);
    char type[32];
    for (unsigned i = 1; i < 64; i++) {
        snprintf(type, sizeof type, "_%u", i);
        assert_int_equal(th_node_listen(node, type, on_incoming, NULL), TH_OK);
    }
    assert_int_equal(th_node_listen(node, "_more", on_incoming, NULL), TH_LIMIT);
    th_node_close(node, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_stream_is_refused_and_harms_nothing),
        cmocka_unit_test(streams_of_a_node_that_does_not_run_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
