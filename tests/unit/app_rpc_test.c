#include "tools/app/control_rpc.h"
#include "tools/app/control_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

static int read_request(struct th_request *request, const char *line)
{
    const char *why = "";
    int wrong = th_request_read(request, line, strlen(line), &why);

    assert_true((wrong != 0) == (why[0] != '\0'));
    return wrong;
}

static void a_request_is_read_with_its_parameters(void **state)
{
    (void)state;
    struct th_request request;

    assert_int_equal(read_request(&request, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\","
                                            "\"params\":{\"count\":3}}"),
                     0);
    assert_string_equal(request.method, "ping");
    assert_int_equal(json_integer_value(request.id), 7);
    assert_int_equal(json_integer_value(json_object_get(request.params, "count")), 3);
    json_decref(request.whole);
}

static void what_is_no_request_is_told_apart(void **state)
{
    (void)state;
    const struct {
        const char *line;
        int wrong;
    } cases[] = {
        {"", TH_RPC_PARSE},
        {"{", TH_RPC_PARSE},
        {"7", TH_RPC_PARSE},
        {"{\"id\":1,\"id\":2}", TH_RPC_PARSE},
        {"[]", TH_RPC_REQUEST},
        {"{}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":2,\"method\":\"x\"}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":7}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":3}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":\"y\"}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":null}", 0},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":[3]}", TH_RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":[]}", 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct th_request request;

        assert_int_equal(read_request(&request, cases[i].line), cases[i].wrong);
        json_decref(request.whole);
    }
}

static void answers_carry_the_id_of_their_request(void **state)
{
    (void)state;
    json_t *id = json_string("a");

    char *text = th_answer_result(id, json_pack("[i]", 1));
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":[1]}");
    free(text);
    text = th_answer_error(NULL, TH_RPC_METHOD, "no", json_pack("{s:s}", "version", "9"));
    assert_string_equal(text, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32601,"
                              "\"message\":\"no\",\"data\":{\"version\":\"9\"}}}");
    free(text);
    assert_null(th_answer_result(id, NULL));
    json_decref(id);
}

static void a_number_is_in_its_range_or_left_out(void **state)
{
    (void)state;
    json_t *params = json_pack("{s:i, s:i, s:s, s:f, s:n}", "five", 5, "minus", -1, "text", "5",
                               "real", 5.0, "null");
    uint64_t n;

    assert_true(th_param_number(&n, params, "five", 1, 5, 9));
    assert_int_equal(n, 5);
    assert_false(th_param_number(&n, params, "five", 6, 7, 9));
    assert_false(th_param_number(&n, params, "minus", 0, 7, 9));
    assert_false(th_param_number(&n, params, "text", 0, 7, 9));
    assert_false(th_param_number(&n, params, "real", 0, 7, 9));
    assert_true(th_param_number(&n, params, "null", 0, 7, 9));
    assert_int_equal(n, 9);
    assert_true(th_param_number(&n, NULL, "missing", 0, 7, 9));
    assert_int_equal(n, 9);
    json_decref(params);
}

static void the_table_of_methods_is_whole(void **state)
{
    (void)state;

    for (unsigned i = 0; i < TH_METHODS; i++) {
        assert_int_equal(th_methods[i].id, i);
        assert_ptr_equal(th_method_find(th_methods[i].name), &th_methods[i]);
        assert_true(th_methods[i].help[0] != '\0' && th_methods[i].result[0] != '\0');
    }
    assert_null(th_method_find("fly"));
    assert_int_equal(th_method_find("stop")->access, TH_ACCESS_ADMIN);
    assert_int_equal(th_method_find("connect")->access, TH_ACCESS_ADMIN);
    assert_int_equal(th_method_find("seek")->access, TH_ACCESS_PROBE);
    assert_int_equal(th_method_find("ping")->access, TH_ACCESS_PROBE);
    assert_int_equal(th_method_find("status")->access, TH_ACCESS_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_with_its_parameters),
        cmocka_unit_test(what_is_no_request_is_told_apart),
        cmocka_unit_test(answers_carry_the_id_of_their_request),
        cmocka_unit_test(a_number_is_in_its_range_or_left_out),
        cmocka_unit_test(the_table_of_methods_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
