#include "switch/wire/bridge.h"

#include "switch/wire/json.h"

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
