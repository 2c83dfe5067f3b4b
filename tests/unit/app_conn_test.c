#include "tools/app/control_conn.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static enum th_err feed(struct th_conn *conn, const char *text)
{
    return th_conn_on_bytes(conn, text, strlen(text));
}

static void assert_line(struct th_conn *conn, const char *wanted)
{
    const char *line;
    size_t len;

    assert_true(th_conn_next(conn, &line, &len));
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(line, wanted, len);
}

static void assert_no_line(struct th_conn *conn)
{
    const char *line;
    size_t len;

    assert_false(th_conn_next(conn, &line, &len));
}

static void lines_come_out_whole_however_they_come_in(void **state)
{
    (void)state;
    struct th_conn conn = {0};

    assert_int_equal(feed(&conn, "on"), TH_OK);
    assert_no_line(&conn);
    assert_int_equal(feed(&conn, "e\ntwo\r\n\n\nthr"), TH_OK);
    assert_line(&conn, "one");
    assert_line(&conn, "two");
    assert_no_line(&conn);
    assert_int_equal(feed(&conn, "ee\n"), TH_OK);
    assert_line(&conn, "three");
    assert_no_line(&conn);
    th_conn_clear(&conn);
}

static void a_line_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct th_conn conn = {0};
    char *piece = malloc(TH_CONN_LINE_MAX);

    assert_non_null(piece);
    memset(piece, 'x', TH_CONN_LINE_MAX);
    assert_int_equal(th_conn_on_bytes(&conn, piece, TH_CONN_LINE_MAX - 1), TH_OK);
    assert_int_equal(feed(&conn, "\n"), TH_OK); /* the longest line that is one */
    const char *line;
    size_t len;
    assert_true(th_conn_next(&conn, &line, &len));
    assert_int_equal(len, TH_CONN_LINE_MAX - 1);

    assert_int_equal(th_conn_on_bytes(&conn, piece, TH_CONN_LINE_MAX), TH_TOO_BIG);
    th_conn_clear(&conn);
    free(piece);
}

static void answers_wait_in_order_until_they_are_sent(void **state)
{
    (void)state;
    struct th_conn conn = {0};

    assert_int_equal(th_conn_output(&conn).len, 0);
    assert_int_equal(th_conn_put(&conn, "first", 5), TH_OK);
    assert_int_equal(th_conn_put(&conn, "second", 6), TH_OK);
    struct th_bytes output = th_conn_output(&conn);
    assert_int_equal(output.len, 13);
    assert_memory_equal(output.at, "first\nsecond\n", 13);

    th_conn_sent(&conn, 6);
    output = th_conn_output(&conn);
    assert_memory_equal(output.at, "second\n", output.len);
    th_conn_sent(&conn, 7);
    assert_int_equal(th_conn_output(&conn).len, 0);
    th_conn_clear(&conn);
}

static void more_answers_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct th_conn conn = {0};
    size_t len = TH_CONN_OUTPUT_MAX / 2;
    char *answer = malloc(len);

    assert_non_null(answer);
    memset(answer, 'x', len);
    assert_int_equal(th_conn_put(&conn, answer, len - 1), TH_OK);
    assert_int_equal(th_conn_put(&conn, answer, len - 1), TH_OK);
    assert_int_equal(th_conn_put(&conn, "", 0), TH_FULL);

    th_conn_sent(&conn, th_conn_output(&conn).len);
    assert_int_equal(th_conn_put(&conn, answer, len - 1), TH_OK);
    th_conn_clear(&conn);
    free(answer);
}

static void room_of_a_wide_answer_is_given_back_once_it_is_sent(void **state)
{
    (void)state;
    struct th_conn conn = {0};
    size_t len = 1024 * 1024;
    char *wide = malloc(len);

    assert_non_null(wide);
    memset(wide, 'x', len);
    assert_int_equal(th_conn_put(&conn, "narrow", 6), TH_OK);
    th_conn_sent(&conn, 7);
    assert_true(conn.out_room > 0); /* for the next one */
    assert_int_equal(th_conn_put(&conn, wide, len), TH_OK);
    th_conn_sent(&conn, len);
    assert_true(conn.out_room > len);
    th_conn_sent(&conn, 1);

    assert_int_equal(conn.out_room, 0);
    assert_int_equal(th_conn_output(&conn).len, 0);
    assert_int_equal(th_conn_put(&conn, "narrow", 6), TH_OK);
    assert_int_equal(th_conn_output(&conn).len, 7);
    th_conn_clear(&conn);
    free(wide);
}

/* Such a one was let go after 8 MiB: what had been sent counted as waiting. */
static void reader_that_is_always_a_little_behind_is_kept(void **state)
{
    (void)state;
    struct th_conn conn = {0};
    static char answer[64 * 1024];
    size_t sent = 0;

    for (unsigned i = 0; sent < 3 * (size_t)TH_CONN_OUTPUT_MAX; i++) {
        memset(answer, 'a' + (int)(i % 26), sizeof answer);
        assert_int_equal(th_conn_put_bytes(&conn, answer, sizeof answer), TH_OK);
        if (i == 0)
            continue;
        struct th_bytes output = th_conn_output(&conn);
        assert_int_equal(output.len, 2 * sizeof answer);
        assert_int_equal(output.at[0], 'a' + (int)((i - 1) % 26));
        assert_int_equal(output.at[output.len - 1], 'a' + (int)(i % 26));
        th_conn_sent(&conn, sizeof answer);
        sent += sizeof answer;
    }
    assert_true(conn.out_room <= 8 * sizeof answer); /* of what waits, not of all that was sent */
    th_conn_clear(&conn);
}

static void what_waits_counts_and_not_what_was_sent(void **state)
{
    (void)state;
    struct th_conn conn = {0};
    size_t len = TH_CONN_OUTPUT_MAX / 2;
    char *answer = malloc(len);

    assert_non_null(answer);
    memset(answer, 'x', len);
    assert_int_equal(th_conn_put_bytes(&conn, answer, len), TH_OK);
    assert_int_equal(th_conn_put_bytes(&conn, answer, len), TH_OK);
    th_conn_sent(&conn, len);
    assert_int_equal(th_conn_put_bytes(&conn, answer, len), TH_OK);
    assert_int_equal(th_conn_output(&conn).len, TH_CONN_OUTPUT_MAX);
    assert_int_equal(th_conn_put_bytes(&conn, "y", 1), TH_FULL);
    assert_int_equal(th_conn_output(&conn).len, TH_CONN_OUTPUT_MAX);
    th_conn_clear(&conn);
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_whole_however_they_come_in),
        cmocka_unit_test(a_line_over_the_limit_is_refused),
        cmocka_unit_test(answers_wait_in_order_until_they_are_sent),
        cmocka_unit_test(more_answers_than_the_limit_are_refused),
        cmocka_unit_test(reader_that_is_always_a_little_behind_is_kept),
        cmocka_unit_test(what_waits_counts_and_not_what_was_sent),
        cmocka_unit_test(room_of_a_wide_answer_is_given_back_once_it_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
