#include "switch/wire/lan.h"

#include "switch/wire/json.h"

#include <sodium.h>
#include <string.h>

static size_t write_packet(uint8_t out[TH_LAN_PACKET_MAX], const struct th_text *head,
                           struct th_bytes body)
{
    size_t len = 0;

    TH_CHECK(th_packet_write(out, TH_LAN_PACKET_MAX, &len, th_text_bytes(head), body) == TH_OK);
    return len;
}

static void trace_write(char hex[2 * TH_LAN_TRACE_BYTES + 1],
                        const uint8_t trace[TH_LAN_TRACE_BYTES])
{
    sodium_bin2hex(hex, 2 * TH_LAN_TRACE_BYTES + 1, trace, TH_LAN_TRACE_BYTES);
}

size_t th_lan_ping_write(uint8_t out[TH_LAN_PACKET_MAX], const struct th_identity *self,
                         const uint8_t trace[TH_LAN_TRACE_BYTES])
{
    char head[TH_LAN_PACKET_MAX], hex[2 * TH_LAN_TRACE_BYTES + 1];
    struct th_text text = th_text_in(head, sizeof head);

    trace_write(hex, trace);
    th_text_put(&text, "{\"type\":\"ping\",\"trace\":\"%s\",\"%02x\":true}", hex,
                self->cipher->csid);
    return write_packet(out, &text, (struct th_bytes){0});
}

size_t th_lan_pong_write(uint8_t out[TH_LAN_PACKET_MAX], const struct th_identity *self,
                         const char *trace)
{
    char head[TH_LAN_PACKET_MAX];
    struct th_text text = th_text_in(head, sizeof head);

    th_text_put(&text, "{\"type\":\"pong\",\"trace\":\"%s\",\"from\":", trace);
    th_parts_put(&text, &self->parts);
    th_text_put(&text, "}");
    return write_packet(out, &text, (struct th_bytes){self->keys.pub.b, sizeof self->keys.pub.b});
}

bool th_lan_is_trace(const char *text, const uint8_t trace[TH_LAN_TRACE_BYTES])
{
    char hex[2 * TH_LAN_TRACE_BYTES + 1];

    trace_write(hex, trace);
    return strcmp(text, hex) == 0;
}

/* Hex digits, for they are sent back as they are. */
static bool read_trace(char out[TH_LAN_TRACE_MAX + 1], const json_t *value)
{
    const char *text = th_json_text(value);
    size_t len = text ? strlen(text) : 0;

    if (len == 0 || len > TH_LAN_TRACE_MAX || strspn(text, "0123456789abcdefABCDEF") != len)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool read_head(struct th_lan_packet *out, uint8_t csid, const json_t *head,
                      struct th_bytes body)
{
    const char *type = th_json_text(json_object_get(head, "type"));
    char name[3];

    if (type == NULL || !read_trace(out->trace, json_object_get(head, "trace")))
        return false;
    if (strcmp(type, "ping") == 0) {
        snprintf(name, sizeof name, "%02x", csid);
        out->kind = TH_LAN_PING;
        out->has_csid = json_is_true(json_object_get(head, name));
        return true;
    }
    out->kind = TH_LAN_PONG;
    if (strcmp(type, "pong") != 0 || body.len != sizeof out->key.b ||
        !th_json_parts(&out->parts, json_object_get(head, "from")))
        return false;
    memcpy(out->key.b, body.at, body.len);
    return true;
}

enum th_drop th_lan_read(struct th_lan_packet *out, uint8_t csid, struct th_bytes bytes)
{
    struct th_lan_packet read = {0};
    struct th_packet packet;

    if (th_packet_split(&packet, bytes) != TH_DROP_NONE || packet.kind != TH_PACKET_JSON)
        return TH_DROP_LAN_BAD;
    json_t *head = th_json_read_object(packet.head, NULL);
    bool is_good = head && read_head(&read, csid, head, packet.body);
    json_decref(head);
    if (!is_good)
        return TH_DROP_LAN_BAD;
    *out = read;
    return TH_DROP_NONE;
}
