/*
 * The numbers that change all the time, for those who keep and compare them.
 */
#include "tools/app/control_look.h"

#include <string.h>

static void add_count(json_t *list, const char *label, const char *text, uint64_t count)
{
    json_array_append_new(list, json_pack("{s:s, s:I}", label, text, "count", (json_int_t)count));
}

/* Each state, so that a reader who counts over time finds all of them. */
static json_t *states(const struct th_bootstrap_status *bootstrap)
{
    static const enum th_node_state all[] = {TH_NODE_STARTING, TH_NODE_JOINING, TH_NODE_READY,
                                             TH_NODE_ALONE};
    json_t *list = json_array();

    if (bootstrap == NULL) {
        json_decref(list);
        return json_null();
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        json_array_append_new(list, json_pack("{s:s, s:b}", "state", th_node_state_name(all[i]),
                                              "now", bootstrap->state == all[i]));
    return list;
}

static void add_sorts(json_t *list, const char *direction, const uint64_t count[TH_DATAGRAM_SORTS])
{
    for (int sort = 0; sort < TH_DATAGRAM_SORTS; sort++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "direction", direction, "kind",
                                              th_datagram_sort_name((enum th_datagram_sort)sort),
                                              "count", (json_int_t)count[sort]));
}

static json_t *packets(const struct th_switch_status *status)
{
    json_t *list = json_array();

    add_sorts(list, "rx", status->rx_sort);
    add_sorts(list, "tx", status->tx_sort);
    return list;
}

static json_t *bytes(const struct th_switch_status *status)
{
    json_t *list = json_array();

    add_count(list, "direction", "rx", status->rx_bytes);
    add_count(list, "direction", "tx", status->tx_bytes);
    return list;
}

/* Unknown unless all who count them have answered: a sum that lacks one would seem to go back. */
static json_t *drops(const struct th_look *look)
{
    json_t *list = json_array();

    if (look->status == NULL || look->table == NULL || look->dialer == NULL) {
        json_decref(list);
        return json_null();
    }
    for (int why = TH_DROP_NONE + 1; why < TH_DROP_COUNT; why++)
        add_count(list, "reason", th_drop_name((enum th_drop)why),
                  look->status->drops.n[why] + look->table->drops.n[why] +
                      look->dialer->drops.n[why]);
    return list;
}

static json_t *dials(const struct th_dialer_status *dialer)
{
    json_t *list = json_array();

    add_count(list, "result", "reached", dialer->reached);
    add_count(list, "result", "found", dialer->found);
    add_count(list, "result", "not_found", dialer->not_found);
    add_count(list, "result", "no_path", dialer->no_path);
    add_count(list, "result", "timed_out", dialer->timed_out);
    add_count(list, "result", "failed", dialer->failed);
    add_count(list, "result", "refused", dialer->refused);
    return list;
}

static json_t *dial_duration(const struct th_dialer_status *dialer)
{
    json_t *buckets = json_array();
    uint64_t count = 0;

    for (unsigned i = 0; i < TH_DIALER_TOOK_STEPS; i++) {
        count += dialer->took[i];
        json_array_append_new(buckets, json_pack("{s:I, s:I}", "up_to_ms",
                                                 (json_int_t)th_dialer_took_up_to[i], "count",
                                                 (json_int_t)count));
    }
    count += dialer->took[TH_DIALER_TOOK_STEPS];
    return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)count, "sum_ms",
                     (json_int_t)dialer->took_sum_ms, "buckets", buckets);
}

/* While one is started anew its name can be there twice; two samples of one name are an error. */
static bool has_newer(const struct th_server_look *rows, unsigned count, unsigned i)
{
    for (unsigned later = i + 1; later < count; later++)
        if (strcmp(rows[later].name, rows[i].name) == 0)
            return true;
    return false;
}

static json_t *servers(const struct th_server_look *rows, unsigned count)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        if (has_newer(rows, count, i))
            continue;
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:I, s:i}", "server", rows[i].name, "mailbox",
                                        (int)rows[i].mailbox, "longest_callback_us",
                                        (json_int_t)rows[i].longest_callback_us, "restarts",
                                        (int)rows[i].restarts));
    }
    return list;
}

json_t *th_look_metrics(const struct th_look *look, const struct th_server_look *rows,
                        unsigned count)
{
    const struct th_switch_status *s = look->status;
    const struct th_dialer_status *d = look->dialer;
    json_t *m = json_object();
    unsigned links = 0;

    for (unsigned i = 0; look->table && i < look->table->count; i++)
        links += look->table->link[i].is_up;
    th_json_put(m, "version", json_string(TH_VERSION));
    th_json_put(m, "links", th_json_number(look->table, links));
    th_json_put(m, "lines", th_json_number(s, s ? s->lines : 0));
    th_json_put(m, "states", states(look->bootstrap));
    th_json_put(m, "uptime_ms", json_integer((json_int_t)(look->now.mono - look->started_at)));
    th_json_put(m, "packets", s ? packets(s) : json_null());
    th_json_put(m, "bytes", s ? bytes(s) : json_null());
    th_json_put(m, "drops", drops(look));
    th_json_put(m, "dials", d ? dials(d) : json_null());
    th_json_put(m, "dials_running", th_json_number(d, d ? d->running : 0));
    th_json_put(m, "dial_duration", d ? dial_duration(d) : json_null());
    th_json_put(m, "servers", servers(rows, count));
    th_json_put(m, "udp_kernel_drops",
                th_json_number(s && s->has_kernel_drops, s ? s->kernel_drops : 0));
    return m;
}
