/*
 * control_rpc.h - JSON-RPC 2.0 as the control socket speaks it: one object a line.
 *
 * Floor:  7 (app), sans-I/O.
 * Thread: any.
 */
#ifndef TH_APP_CONTROL_RPC_H
#define TH_APP_CONTROL_RPC_H

#include "switch/base/bytes.h"

#include <jansson.h>

enum {
    TH_RPC_PARSE = -32700,
    TH_RPC_REQUEST = -32600,
    TH_RPC_METHOD = -32601, /* data: the daemon's version */
    TH_RPC_PARAMS = -32602,
    TH_RPC_INTERNAL = -32603,
    TH_RPC_PERMISSION = -32001, /* data: the group */
    TH_RPC_PEER = -32002,       /* unknown or ambiguous; data: candidates */
    TH_RPC_TIMED_OUT = -32003,  /* data: the server that does not answer */
    TH_RPC_BUSY = -32004
};

/* A request; its json_t are borrowed from `whole`. */
struct th_request {
    json_t *whole;
    const json_t *id; /* string, number or null; NULL: a notification, which is not answered */
    const char *method;
    const json_t *params; /* an object, or NULL */
};

/*
 * Reads one line.
 *
 * out  filled; end it with json_decref(out->whole), also on failure (its id is there then, as far as
 *      it could be read).
 * why  filled on failure with a sentence for whoever asked.
 * Returns 0, TH_RPC_PARSE or TH_RPC_REQUEST.
 */
int th_request_read(struct th_request *out, const char *line, size_t len, const char **why);

/* Answers with a result, an object or array that is given away. Returns memory of malloc, or NULL
 * without memory (also when result is NULL). */
char *th_answer_result(const json_t *id, json_t *result);

/* Answers with an error. data: given away; NULL for none. id NULL is written as null. */
char *th_answer_error(const json_t *id, int code, const char *message, json_t *data);

/* A parameter that is a whole number low..high; `otherwise` when it is missing. False when it is
 * something else. */
bool th_param_number(uint64_t *out, const json_t *params, const char *name, uint64_t low,
                     uint64_t high, uint64_t otherwise);

#endif
