#include "tools/app/ctl_health.h"

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "-";
}

static void show_yes_no(const char *name, bool is_so, const struct th_style *style)
{
    fprintf(style->out, "%-12s%s%s%s\n", name, is_so ? th_green(style) : th_red(style),
            is_so ? "yes" : "no", th_plain(style));
}

static void show_links(const json_t *result, const struct th_style *style)
{
    const json_t *links = json_object_get(result, "links");
    const json_t *heard = json_object_get(result, "heard_ms_ago");
    char span[32];

    if (!json_is_integer(links)) {
        fprintf(style->out, "%-12sunknown\n", "links");
    } else if (!json_is_integer(heard)) {
        fprintf(style->out, "%-12snone\n", "links");
    } else {
        fprintf(style->out, "%-12s%lld, %lld of them heard of late, the newest sign %s ago\n",
                "links", (long long)json_integer_value(links),
                (long long)json_integer_value(json_object_get(result, "links_heard")),
                th_text_ms(span, (uint64_t)json_integer_value(heard)));
    }
}

static void show_dials(const json_t *result, const struct th_style *style)
{
    const json_t *dials = json_object_get(result, "recent_dials");

    if (!json_is_integer(dials))
        fprintf(style->out, "%-12sunknown\n", "dials");
    else
        fprintf(style->out, "%-12s%lld lately, %lld failed\n", "dials",
                (long long)json_integer_value(dials),
                (long long)json_integer_value(json_object_get(result, "recent_dials_failed")));
}

void th_show_health(const json_t *result, const struct th_style *style)
{
    const json_t *reasons = json_object_get(result, "reasons");
    json_int_t left_out = json_integer_value(json_object_get(result, "reasons_left_out"));

    show_yes_no("alive", json_is_true(json_object_get(result, "alive")), style);
    show_yes_no("healthy", json_is_true(json_object_get(result, "healthy")), style);
    fprintf(style->out, "%-12s%s\n", "state", text_of(result, "state"));
    show_links(result, style);
    show_dials(result, style);
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *reason = json_array_get(reasons, i);

        fprintf(style->out, "\n%s%s%s\n    %s\n", th_bold(style), text_of(reason, "text"),
                th_plain(style), text_of(reason, "next"));
    }
    if (left_out > 0)
        fprintf(style->out, "\nand %lld more\n", (long long)left_out);
}
