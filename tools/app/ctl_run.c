#include "tools/app/ctl_run.h"

#include "tools/app/control_rpc.h"

int th_ctl_ask(const struct th_ctl_run *run, const char *method, json_t *params,
               unsigned timeout_ms, json_t **result, char say[TH_SAY_MAX])
{
    int code = 0;
    enum th_err e = th_ctl_call(run->ctl, method, params, timeout_ms, result, &code, say);

    if (e == TH_OK)
        return 0;
    return code == TH_RPC_PARAMS ? 2 : 1;
}

int th_ctl_ask_long(const struct th_ctl_run *run, const char *method, json_t *params,
                    unsigned more_ms, json_t **result, char say[TH_SAY_MAX])
{
    json_t *servers;
    int code = th_ctl_ask(run, "servers", NULL, run->args->timeout_ms, &servers, say);

    if (code) {
        json_decref(params);
        return code;
    }
    json_decref(servers);
    return th_ctl_ask(run, method, params, run->args->timeout_ms + more_ms, result, say);
}

bool th_ctl_print_json(const struct th_ctl_run *run, const json_t *result)
{
    if (!run->args->is_json)
        return false;
    json_dumpf(result, run->style->out, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', run->style->out);
    return true;
}
