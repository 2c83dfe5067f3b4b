#include "tools/app/control_rpc.h"

#include <string.h>

/* The id of JSON-RPC: a string, a number or null. */
static bool is_id(const json_t *id)
{
    return json_is_string(id) || json_is_number(id) || json_is_null(id);
}

/* An object; or nothing, in all the ways in which clients say that. */
static bool are_params(const json_t *params)
{
    return params == NULL || json_is_object(params) || json_is_null(params) ||
           (json_is_array(params) && json_array_size(params) == 0);
}

int th_request_read(struct th_request *out, const char *line, size_t len, const char **why)
{
    *out = (struct th_request){.whole = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL)};
    if (out->whole == NULL) {
        *why = "the line is no JSON object";
        return TH_RPC_PARSE;
    }
    const json_t *version = json_object_get(out->whole, "jsonrpc");
    const json_t *id = json_object_get(out->whole, "id");
    const json_t *params = json_object_get(out->whole, "params");

    if (id && is_id(id))
        out->id = id;
    out->method = json_string_value(json_object_get(out->whole, "method"));
    if (json_is_object(params))
        out->params = params;

    if (!json_is_object(out->whole))
        *why = "a request is one object; lists of them are not known";
    else if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
        *why = "\"jsonrpc\" must be \"2.0\"";
    else if (id && !is_id(id))
        *why = "\"id\" must be a string, a number or null";
    else if (out->method == NULL)
        *why = "\"method\" must be a string";
    else if (!are_params(params))
        *why = "\"params\" must be an object: parameters go by their names";
    else
        return 0;
    return TH_RPC_REQUEST;
}

/* Writes {"jsonrpc":"2.0","id":…,NAME:value}; takes value. */
static char *write_answer(const json_t *id, const char *name, json_t *value)
{
    json_t *answer = json_object();
    char *text = NULL;

    if (answer && value && json_object_set_new(answer, "jsonrpc", json_string("2.0")) == 0 &&
        json_object_set_new(answer, "id", id ? json_deep_copy(id) : json_null()) == 0 &&
        json_object_set(answer, name, value) == 0)
        text = json_dumps(answer, JSON_COMPACT);
    json_decref(value);
    json_decref(answer);
    return text;
}

char *th_answer_result(const json_t *id, json_t *result)
{
    return write_answer(id, "result", result);
}

char *th_answer_error(const json_t *id, int code, const char *message, json_t *data)
{
    json_t *error = json_pack("{s:i, s:s}", "code", code, "message", message);

    if (error && data)
        json_object_set(error, "data", data);
    json_decref(data);
    return write_answer(id, "error", error);
}

bool th_param_number(uint64_t *out, const json_t *params, const char *name, uint64_t low,
                     uint64_t high, uint64_t otherwise)
{
    const json_t *value = json_object_get(params, name);

    *out = otherwise;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return *out >= low && *out <= high;
}
