/* Whose turn is next, among many exchanges. */
#include "tests/lib/boards.h"

enum { STRANGERS = 100 };

/* Found by whole nodes that met many others in a row: each meeting reserved the same place. */
static void many_nodes_known_but_not_opened_may_all_be_opened_later(void **state)
{
    struct wire w;
    struct th_identity stranger[STRANGERS];
    struct th_paths paths = {.count = 1,
                             .addr = {{.ip = {10, 0, 9, 9}, .port = 1, .family = TH_FAMILY_IPV4}}};
    (void)state;
    wire_init(&w, 1);

    for (unsigned i = 0; i < STRANGERS; i++) {
        const uint8_t seed[TH_KEY_BYTES] = {(uint8_t)i, 1};
        th_identity_make(&stranger[i], seed);
        assert_int_equal(th_switchboard_open(w.board[0], w.now, &stranger[i].hashname,
                                             &stranger[i].parts, &stranger[i].keys.pub, NULL),
                         TH_NO_PATH);
    }
    assert_true(th_switchboard_deadline(w.board[0]) == TH_NEVER);
    for (unsigned i = 0; i < STRANGERS; i++)
        assert_int_equal(
            th_switchboard_open(w.board[0], w.now, &stranger[i].hashname, NULL, NULL, &paths),
            TH_AGAIN);

    assert_true(th_switchboard_deadline(w.board[0]) < TH_NEVER);
    wire_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_nodes_known_but_not_opened_may_all_be_opened_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
