#include "tools/app/ctl_seeds.h"

#include "switch/wire/path.h"
#include "tools/app/ctl_qr.h"
#include "tools/app/ctl_show.h"

#include <string.h>

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "-";
}

/* --- export --------------------------------------------------------------------------------------- */

static bool is_public(const char *ip)
{
    struct th_addr addr;

    return th_addr_read_ip(&addr, ip, 1) && th_addr_realm(&addr) == TH_REALM_PUBLIC;
}

static bool has_public(const json_t *entry)
{
    const json_t *paths = json_object_get(entry, "paths");

    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *ip = json_string_value(json_object_get(json_array_get(paths, i), "ip"));

        if (ip && is_public(ip))
            return true;
    }
    return false;
}

static int print_entry(const struct th_ctl_run *run, json_t *result, char say[TH_SAY_MAX])
{
    const char *uri = text_of(json_object_iter_value(json_object_iter(result)), "uri");
    FILE *out = run->style->out;

    if (run->args->is_qr && th_qr_print(out, uri, say) != TH_OK)
        return 1;
    say[0] = '\0';
    if (run->args->is_uri || run->args->is_qr) {
        fprintf(out, "%s\n", uri);
    } else if (!th_ctl_print_json(run, result)) {
        json_dumpf(result, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
        fputc('\n', out);
    }
    return 0;
}

int th_ctl_seeds_export(const struct th_ctl_run *run, char say[TH_SAY_MAX])
{
    json_t *result;
    int code = th_ctl_ask(run, "seeds.export", NULL, run->args->timeout_ms, &result, say);

    if (code)
        return code;
    code = print_entry(run, result, say);
    if (code == 0 && !has_public(json_object_iter_value(json_object_iter(result))))
        snprintf(say, TH_SAY_MAX,
                 "only private addresses are in this entry: it is of use on this machine or "
                 "network alone; telehashd --advertise HOST:PORT names one for all");
    json_decref(result);
    return code;
}

/* --- list, add, remove ---------------------------------------------------------------------------- */

int th_ctl_seeds_list(const struct th_ctl_run *run, char say[TH_SAY_MAX])
{
    struct th_table table = {0};
    json_t *result, *row;
    char hex[72];
    size_t i;
    int code = th_ctl_ask(run, "seeds.list", NULL, run->args->timeout_ms, &result, say);

    if (code)
        return code;
    if (!th_ctl_print_json(run, result)) {
        th_table_column(&table, "HASHNAME", false);
        th_table_column(&table, "FROM", false);
        th_table_column(&table, "ADDRESSES", false);
        json_array_foreach(result, i, row)
        {
            const json_t *addresses = json_object_get(row, "addresses");
            char text[TH_CELL_MAX] = "-";
            size_t len = 0;

            for (size_t k = 0; k < json_array_size(addresses) && len < sizeof text; k++) {
                const char *address = json_string_value(json_array_get(addresses, k));

                len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", k ? " " : "",
                                        address ? address : "-");
            }
            th_table_cell(&table, "%s", th_show_hex(hex, text_of(row, "hashname"), run->style));
            th_table_cell(&table, "%s", text_of(row, "from"));
            th_table_cell(&table, "%s", text);
        }
        th_table_print(&table, run->style);
    }
    json_decref(result);
    return 0;
}

int th_ctl_seeds_add(const struct th_ctl_run *run, const char *argument, char say[TH_SAY_MAX])
{
    json_t *result;
    int code = th_ctl_ask(run, "seeds.add", json_pack("{s:s}", "uri", argument),
                          run->args->timeout_ms, &result, say);

    if (code)
        return code;
    if (!th_ctl_print_json(run, result))
        fprintf(run->style->out, "%s is a seed now, also after a restart\n",
                text_of(result, "hashname"));
    json_decref(result);
    return 0;
}

int th_ctl_seeds_remove(const struct th_ctl_run *run, const char *argument, char say[TH_SAY_MAX])
{
    json_t *result;
    int code = th_ctl_ask(run, "seeds.remove", json_pack("{s:s}", "hashname", argument),
                          run->args->timeout_ms, &result, say);

    if (code)
        return code;
    if (!th_ctl_print_json(run, result)) {
        fprintf(run->style->out, "%s was removed", text_of(result, "hashname"));
        if (json_is_string(json_object_get(result, "still_from")))
            fprintf(run->style->out, ", but %s names it too", text_of(result, "still_from"));
        fputc('\n', run->style->out);
    }
    json_decref(result);
    return 0;
}

/* --- reload --------------------------------------------------------------------------------------- */

int th_ctl_reload(const struct th_ctl_run *run, char say[TH_SAY_MAX])
{
    json_t *result, *row;
    size_t i;
    int code = th_ctl_ask(run, "reload", NULL, run->args->timeout_ms, &result, say);

    if (code)
        return code;
    if (!th_ctl_print_json(run, result)) {
        const json_t *changed = json_object_get(result, "changed");

        json_array_foreach(changed, i, row)
            fprintf(run->style->out, "%s: was %s, is %s%s\n", text_of(row, "key"),
                    text_of(row, "was"), text_of(row, "is"),
                    json_is_true(json_object_get(row, "restart")) ? " (needs a restart)" : "");
        if (json_array_size(changed) == 0)
            fprintf(run->style->out, "read %s; no key changed\n",
                    json_is_string(json_object_get(result, "file")) ? text_of(result, "file")
                                                                    : "the flags alone");
    }
    json_decref(result);
    return 0;
}
