#include "switch/wire/bridge.h"

#include "switch/wire/json.h"

#include <string.h>

void th_bridge_put(struct th_text *text, const struct th_bridge_head *head)
{
    char to[2 * TH_LINE_ID_BYTES + 1], from[2 * TH_LINE_ID_BYTES + 1];

    th_hex_write(to, head->to.b, sizeof head->to.b);
    th_hex_write(from, head->from.b, sizeof head->from.b);
    th_text_put(text, "\"to\":\"%s\",\"path\":", to);
    th_path_put(text, &head->addr);
    th_text_put(text, ",\"from\":\"%s\"", from);
}

enum th_drop th_bridge_read(struct th_bridge_head *out, struct th_bytes head)
{
    struct th_bridge_head bridge;
    json_t *json = th_json_read_object(head, NULL);
    bool is_good = th_json_line_id(&bridge.to, json_object_get(json, "to")) &&
                   th_json_line_id(&bridge.from, json_object_get(json, "from")) &&
                   th_json_path(&bridge.addr, json_object_get(json, "path"));

    if (is_good)
        *out = bridge;
    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_BRIDGE_BAD;
}

bool th_bridge_is_offered(struct th_bytes head)
{
    json_t *json = th_json_read_object(head, NULL);
    bool is_offered = json_is_true(json_object_get(json, "bridge"));

    json_decref(json);
    return is_offered;
}

unsigned th_bridge_family(uint8_t family)
{
    if (family == TH_FAMILY_IPV4)
        return TH_BRIDGES_IPV4;
    return family == TH_FAMILY_IPV6 ? TH_BRIDGES_IPV6 : 0;
}

void th_bridges_put(struct th_text *text, unsigned families)
{
    bool has_ipv4 = families & TH_BRIDGES_IPV4, has_ipv6 = families & TH_BRIDGES_IPV6;

    th_text_put(text, "\"bridges\":[%s%s%s]", has_ipv4 ? "\"ipv4\"" : "",
                has_ipv4 && has_ipv6 ? "," : "", has_ipv6 ? "\"ipv6\"" : "");
}

/* Most packets of a link, a keepalive each, say nothing of it and need no parser for that. */
static bool speaks_of_bridges(struct th_bytes head)
{
    return memmem(head.at, head.len, "\"bridge", strlen("\"bridge")) != NULL;
}

bool th_bridges_read(unsigned *families, struct th_bytes head)
{
    json_t *json = speaks_of_bridges(head) ? th_json_read_object(head, NULL) : NULL;
    json_t *list = json_object_get(json, "bridges"), *word;
    size_t i;

    if (list == NULL)
        list = json_object_get(json, "bridge");
    bool is_list = json_is_array(list);
    if (is_list)
        *families = 0;
    json_array_foreach(list, i, word)
    {
        const char *text = json_string_value(word);
        if (text && strcmp(text, "ipv4") == 0)
            *families |= TH_BRIDGES_IPV4;
        else if (text && strcmp(text, "ipv6") == 0)
            *families |= TH_BRIDGES_IPV6;
    }
    json_decref(json);
    return is_list;
}
