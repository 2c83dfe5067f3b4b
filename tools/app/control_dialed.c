#include "tools/app/control_look.h"

const char *th_dial_word(enum th_err result)
{
    if (result == TH_OK)
        return "reached";
    if (result == TH_NOT_FOUND)
        return "not_found";
    if (result == TH_NO_PATH)
        return "no_path";
    if (result == TH_TIMED_OUT)
        return "timed_out";
    if (result == TH_NO_PERMISSION)
        return "not_allowed";
    if (result == TH_LIMIT || result == TH_FULL)
        return "busy";
    return "cancelled";
}

/* --- ways --------------------------------------------------------------------------------------------- */

static const char *outcome_word(const struct th_dial_way *way)
{
    if (way->outcome == TH_OK)
        return "reached";
    if (way->outcome == TH_REFUSED)
        return "refused";
    if (way->outcome == TH_TIMED_OUT)
        return "timed_out";
    if (way->has_via && (way->outcome == TH_NO_LINE || way->outcome == TH_NO_PATH))
        return "no_line"; /* to who was to introduce us */
    return way->outcome == TH_NO_PATH ? "no_address" : "failed";
}

/* line: of the target; NULL: not known. */
static json_t *way_row(const struct th_dial_way *way, const struct th_line_look *line)
{
    bool has_addr = way->outcome == TH_OK && line && line->has_addr && !line->has_middle;
    json_t *row = json_object();

    th_json_put(row, "kind", json_string(way->has_via ? "introduced" : "direct"));
    th_json_put(row, "via", way->has_via ? th_json_hex(&way->via) : json_null());
    th_json_put(row, "path", th_json_addr(has_addr, line ? &line->addr : NULL));
    th_json_put(row, "tries", json_integer(way->tries));
    th_json_put(row, "after_ms", json_integer((json_int_t)way->after_ms));
    th_json_put(row, "took_ms", json_integer((json_int_t)way->took_ms));
    th_json_put(row, "outcome", json_string(outcome_word(way)));
    th_json_put(row, "said", way->said[0] ? json_string(way->said) : json_null());
    return row;
}

/* The switch finds a node in the middle by itself, so nobody tried this way or measured it. */
static json_t *middle_row(const struct th_line_look *line)
{
    json_t *row = json_object();

    th_json_put(row, "kind", json_string(line->has_addr ? "bridge" : "relay"));
    th_json_put(row, "via", line->knows_middle ? th_json_hex(&line->middle) : json_null());
    th_json_put(row, "path", th_json_addr(line->has_addr, &line->addr));
    th_json_put(row, "tries", json_null());
    th_json_put(row, "after_ms", json_null());
    th_json_put(row, "took_ms", json_null());
    th_json_put(row, "outcome", json_string("reached"));
    th_json_put(row, "said", json_null());
    return row;
}

json_t *th_look_ways(const struct th_dialed *dialed, const struct th_line_look *line)
{
    json_t *ways = json_array();

    for (unsigned i = 0; i < dialed->way_count; i++)
        json_array_append_new(ways, way_row(&dialed->way[i], line));
    if (line && line->has_middle)
        json_array_append_new(ways, middle_row(line));
    return ways;
}

/* --- the whole of it ---------------------------------------------------------------------------------- */

static json_t *step_row(const struct th_dial_step *step)
{
    json_t *row = json_object();

    th_json_put(row, "path",
                th_json_number(step->path > 0, step->path)); /* null: before the paths */
    th_json_put(row, "asked", th_json_hex(&step->asked));
    th_json_put(row, "answered", json_boolean(step->answered));
    th_json_put(row, "rtt_ms", th_json_number(step->answered, step->rtt_ms));
    th_json_put(row, "entries", th_json_number(step->answered, step->entries));
    th_json_put(row, "via", step->has_via ? th_json_hex(&step->via) : json_null());
    th_json_put(row, "hop", json_integer(step->hop));
    /* Neither answered nor given up: the lookup had ended before. */
    th_json_put(row, "gave_up_ms",
                th_json_number(!step->answered && step->rtt_ms > 0, step->rtt_ms));
    return row;
}

/* What is known of who told of the target, and where it is said to be. */
static void put_told(json_t *result, const struct th_dialed *dialed)
{
    const struct th_told *told = NULL;

    for (unsigned i = 0; i < dialed->closest_count && told == NULL; i++)
        if (th_hashname_is_equal(&dialed->closest[i].id, &dialed->target))
            told = &dialed->closest[i];
    th_json_put(result, "told_by", told && told->has_via ? th_json_hex(&told->via) : json_null());
    th_json_put(result, "path", th_json_addr(told && told->has_addr, told ? &told->addr : NULL));
}

json_t *th_look_dialed(const struct th_dialed *dialed, const struct th_line_look *line)
{
    json_t *result = json_object(), *steps = json_array(), *closest = json_array();

    for (unsigned i = 0; i < dialed->step_count; i++)
        json_array_append_new(steps, step_row(&dialed->step[i]));
    for (unsigned i = 0; i < dialed->closest_count; i++)
        json_array_append_new(closest, th_json_hex(&dialed->closest[i].id));
    th_json_put(result, "target", th_json_hex(&dialed->target));
    th_json_put(result, "found", json_boolean(dialed->is_found));
    th_json_put(result, "took_ms", json_integer((json_int_t)dialed->took_ms));
    th_json_put(result, "asked", json_integer(dialed->asked));
    th_json_put(result, "hops", th_json_number(dialed->is_found, dialed->hops));
    th_json_put(result, "paths", json_integer(dialed->paths));
    th_json_put(result, "steps", steps);
    th_json_put(result, "closest", closest);
    th_json_put(result, "result", json_string(th_dial_word(dialed->result)));
    th_json_put(result, "line", json_boolean(dialed->has_line));
    put_told(result, dialed);
    th_json_put(result, "ways", th_look_ways(dialed, line));
    return result;
}
