#include "tools/app/ctl_reach.h"

#include "switch/wire/hashname.h"

#include <string.h>

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "-";
}

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static void show_row(const char *name, const char *text, const struct th_style *style)
{
    fprintf(style->out, "  %-10s%s\n", name, text);
}

static void show_list(const char *name, const json_t *list, const struct th_style *style)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        show_row(i == 0 ? name : "", json_string_value(json_array_get(list, i)), style);
}

static void show_seen(const json_t *seen, const struct th_style *style)
{
    char line[240], span[32];
    int digits = style->is_short ? TH_HEX_SHORT_MIN : TH_HASHNAME_HEX;

    for (size_t i = 0; i < json_array_size(seen); i++) {
        const json_t *row = json_array_get(seen, i);

        snprintf(line, sizeof line, "%s, by %.*s at %s, %s ago", text_of(row, "address"), digits,
                 text_of(row, "by"), text_of(row, "by_address"),
                 th_text_ms(span, (uint64_t)number_of(row, "ms_ago")));
        show_row(i == 0 ? "seen at" : "", line, style);
    }
}

static void show_stranger(const json_t *family, const struct th_style *style)
{
    const json_t *stranger = json_object_get(family, "stranger");
    char line[160], span[32];

    if (!json_is_object(stranger)) {
        show_row("stranger", "none has come so far", style);
        return;
    }
    snprintf(line, sizeof line, "one that was never sent to came in from %s, %s ago",
             text_of(stranger, "address"),
             th_text_ms(span, (uint64_t)number_of(stranger, "ms_ago")));
    show_row("stranger", line, style);
}

static void show_ports(const json_t *family, const struct th_style *style)
{
    const json_t *kept = json_object_get(family, "ports_preserved");

    if (json_is_boolean(kept))
        show_row("port", json_is_true(kept) ? "the same outside" : "another one outside", style);
}

static void show_family(const json_t *family, const struct th_style *style)
{
    const char *verdict = text_of(family, "verdict");
    const char *nat = json_string_value(json_object_get(family, "nat"));
    bool is_none = strcmp(verdict, "none") == 0;

    fprintf(style->out, "%s%s%s  %s%s%s%s%s\n", th_bold(style),
            strcmp(text_of(family, "family"), "ipv4") == 0 ? "IPv4" : "IPv6", th_plain(style),
            json_is_true(json_object_get(family, "by_strangers")) ? th_green(style) : "", verdict,
            nat ? ", " : "", nat ? nat : "", th_plain(style));
    show_row("", text_of(family, "text"), style);
    if (!is_none) {
        show_list("listens", json_object_get(family, "listen"), style);
        show_seen(json_object_get(family, "seen"), style);
        show_ports(family, style);
        show_stranger(family, style);
    }
    show_row("next", text_of(family, "next"), style);
    fputc('\n', style->out);
}

static void show_port_map(const json_t *map, const struct th_style *style)
{
    const char *state = text_of(map, "state");

    if (strcmp(state, "mapped") == 0)
        fprintf(style->out, "%-12s%s\n", "port map", text_of(map, "address"));
    else if (strcmp(state, "trying") == 0)
        fprintf(style->out, "%-12snone so far: %s\n", "port map", text_of(map, "why"));
    else
        fprintf(style->out, "%-12soff (telehashd --port-map)\n", "port map");
}

void th_show_reach(const json_t *result, const struct th_style *style)
{
    const json_t *families = json_object_get(result, "families");
    json_int_t direct = 0;

    for (size_t i = 0; i < json_array_size(families); i++) {
        show_family(json_array_get(families, i), style);
        direct += number_of(json_array_get(families, i), "direct_lines");
    }
    show_port_map(json_object_get(result, "port_map"), style);
    fprintf(style->out, "%-12s%lld direct, %lld by a bridge, %lld by a relay\n", "lines",
            (long long)direct, (long long)number_of(result, "bridged_lines"),
            (long long)number_of(result, "relayed_lines"));
}
