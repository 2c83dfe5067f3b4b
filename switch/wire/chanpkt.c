#include "switch/wire/chanpkt.h"

#include "switch/wire/json.h"

#include <string.h>

/* A missing one is fine, one that is no number of 32 bits is not. */
static bool read_optional_u32(bool *has, uint32_t *out, const json_t *value)
{
    if (value == NULL)
        return true;
    *has = th_json_u32(out, value);
    return *has;
}

static bool read_type(char type[TH_TYPE_MAX], const json_t *value)
{
    const char *text = th_json_text(value);

    if (value == NULL)
        return true;
    if (text == NULL || strlen(text) >= TH_TYPE_MAX)
        return false;
    memcpy(type, text, strlen(text) + 1);
    return true;
}

/* An error is one whatever its words are, so anything but false, null and "" closes. */
static void read_err(char err[TH_CHANNEL_ERR_MAX], const json_t *value)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "not a text";
    size_t len = strnlen(text, TH_CHANNEL_ERR_MAX - 1);

    if (value == NULL || json_is_null(value) || json_is_false(value))
        return;
    if (text[len] != 0)
        while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80) /* no half of a UTF-8 sequence */
            len--;
    memcpy(err, text, len);
    err[len] = 0;
}

static bool read_fields(struct th_chanpkt *out, const json_t *head)
{
    out->end = json_is_true(json_object_get(head, "end"));
    read_err(out->err, json_object_get(head, "err"));
    return th_json_u32(&out->c, json_object_get(head, "c")) && out->c != 0 &&
           read_type(out->type, json_object_get(head, "type")) &&
           read_optional_u32(&out->has_seq, &out->seq, json_object_get(head, "seq")) &&
           read_optional_u32(&out->has_ack, &out->ack, json_object_get(head, "ack"));
}

enum th_drop th_chanpkt_read(struct th_chanpkt *out, struct th_bytes plain)
{
    struct th_packet packet;
    enum th_drop why = th_packet_split(&packet, plain);

    if (why != TH_DROP_NONE)
        return why;
    if (packet.kind != TH_PACKET_JSON)
        return TH_DROP_CHANNEL_HEAD;
    json_t *head = th_json_read(packet.head, NULL);
    if (head == NULL)
        return TH_DROP_PACKET_JSON;

    struct th_chanpkt read = {.head = packet.head, .body = packet.body};
    bool is_good = read_fields(&read, head);
    if (is_good)
        *out = read;
    json_decref(head);
    return is_good ? TH_DROP_NONE : TH_DROP_CHANNEL_HEAD;
}

enum th_err th_chanpkt_write(uint8_t *out, size_t cap, size_t *len,
                             const struct th_chanpkt_out *packet)
{
    char head[TH_DATAGRAM_IN_MAX];
    struct th_text text = th_text_in(head, sizeof head);

    if (packet->fields.len >= sizeof head)
        return TH_TOO_BIG;
    th_text_put(&text, "{");
    if (packet->fields.len > 0)
        th_text_put(&text, "%.*s,", (int)packet->fields.len, (const char *)packet->fields.at);
    if (packet->type) {
        th_text_put(&text, "\"type\":");
        th_text_put_json(&text, packet->type);
        th_text_put(&text, ",");
    }
    th_text_put(&text, "\"c\":%u", packet->c);
    if (packet->err && packet->err[0]) {
        th_text_put(&text, ",\"err\":");
        th_text_put_json(&text, packet->err);
    }
    th_text_put(&text, packet->end ? ",\"end\":true}" : "}");
    if (text.is_cut)
        return TH_TOO_BIG;
    return th_packet_write(out, cap, len, th_text_bytes(&text), packet->body);
}
