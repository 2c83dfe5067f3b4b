#include "switch/wire/chanpkt.h"

#include "switch/wire/head.h"
#include "switch/wire/json.h"

#include <string.h>

/* A missing one is fine, one that is no number of 32 bits is not. */
static bool read_optional_u32(bool *has, uint32_t *out, struct th_value value)
{
    *has = value.kind == TH_VALUE_NUMBER;
    *out = value.number;
    return *has || value.kind == TH_VALUE_NONE;
}

static bool read_type(char type[TH_TYPE_MAX], struct th_value value)
{
    if (value.kind == TH_VALUE_NONE)
        return true;
    if (!th_value_is_text(&value) || value.text.len >= TH_TYPE_MAX)
        return false;
    memcpy(type, value.text.at, value.text.len);
    return true;
}

/* An error is one whatever its words are, so anything but false, null and "" closes. */
static void read_err(char err[TH_CHANNEL_ERR_MAX], struct th_value value)
{
    struct th_bytes text = value.kind == TH_VALUE_TEXT ? value.text : th_bytes_of("not a text");
    size_t len = 0;

    if (value.kind == TH_VALUE_NONE || value.kind == TH_VALUE_NULL || value.kind == TH_VALUE_FALSE)
        return;
    while (len < text.len && len < TH_CHANNEL_ERR_MAX - 1 && text.at[len] != 0)
        len++;
    if (len < text.len && text.at[len] != 0)
        while (len > 0 && (text.at[len] & 0xc0) == 0x80) /* no half of a UTF-8 sequence */
            len--;
    memcpy(err, text.at, len);
}

static bool read_fields(struct th_chanpkt *out, const struct th_head *head)
{
    struct th_value c = th_head_get(head, "c");

    out->c = c.number;
    out->end = th_head_get(head, "end").kind == TH_VALUE_TRUE;
    read_err(out->err, th_head_get(head, "err"));
    return c.kind == TH_VALUE_NUMBER && out->c != 0 &&
           read_type(out->type, th_head_get(head, "type")) &&
           read_optional_u32(&out->has_seq, &out->seq, th_head_get(head, "seq")) &&
           read_optional_u32(&out->has_ack, &out->ack, th_head_get(head, "ack"));
}

enum th_drop th_chanpkt_read(struct th_chanpkt *out, struct th_bytes plain)
{
    struct th_packet packet;
    struct th_head head;
    enum th_drop why = th_packet_split(&packet, plain);

    if (why != TH_DROP_NONE)
        return why;
    if (packet.kind != TH_PACKET_JSON)
        return TH_DROP_CHANNEL_HEAD;
    if (!th_head_read(&head, packet.head))
        return TH_DROP_PACKET_JSON;

    struct th_chanpkt read = {.head = packet.head, .body = packet.body};
    bool is_good = read_fields(&read, &head);
    if (is_good)
        *out = read;
    th_head_clear(&head);
    return is_good ? TH_DROP_NONE : TH_DROP_CHANNEL_HEAD;
}

/* A head is walked through that was read before, so it is well-formed; the bounds are kept all the same. */
struct walk {
    const uint8_t *at, *end;
};

static void skip_space(struct walk *walk)
{
    while (walk->at < walk->end && strchr(" \t\r\n", *walk->at) && *walk->at)
        walk->at++;
}

static void skip_text(struct walk *walk)
{
    for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
        if (*walk->at == '\\')
            walk->at++;
    walk->at++;
}

/* To the comma or brace behind a value. */
static void skip_value(struct walk *walk)
{
    unsigned depth = 0;

    while (walk->at < walk->end) {
        uint8_t ch = *walk->at;
        if (depth == 0 && (ch == ',' || ch == '}'))
            return;
        if (ch == '"') {
            skip_text(walk);
            continue;
        }
        depth += ch == '{' || ch == '[';
        depth -= ch == '}' || ch == ']';
        walk->at++;
    }
}

struct th_bytes th_chanpkt_app(const struct th_chanpkt *packet)
{
    struct walk walk = {packet->head.at, packet->head.at + packet->head.len};
    struct th_bytes found = {0};

    skip_space(&walk);
    for (walk.at++; walk.at < walk.end;) {
        skip_space(&walk);
        const uint8_t *name = walk.at;
        skip_text(&walk);
        bool is_ours = walk.at - name == 3 && name[1] == '_';
        skip_space(&walk);
        walk.at++; /* the colon */
        skip_space(&walk);
        const uint8_t *value = walk.at;
        skip_value(&walk);
        if (walk.at >= walk.end)
            break;
        if (is_ours) /* of two the last one counts, as elsewhere */
            found = (struct th_bytes){value, (size_t)(walk.at - value)};
        walk.at++;
    }
    while (found.len > 0 && strchr(" \t\r\n", found.at[found.len - 1]))
        found.len--;
    return found;
}

bool th_chanpkt_is_object(struct th_bytes text)
{
    json_t *json = th_json_read_object(text, NULL);

    json_decref(json);
    return json != NULL;
}

enum th_err th_chanpkt_write(uint8_t *out, size_t cap, size_t *len,
                             const struct th_chanpkt_out *packet)
{
    char head[TH_DATAGRAM_IN_MAX];
    struct th_text text = th_text_in(head, sizeof head);

    if (packet->fields.len >= sizeof head)
        return TH_TOO_BIG;
    th_text_add(&text, "{", 1);
    if (packet->fields.len > 0) {
        th_text_add(&text, (const char *)packet->fields.at, packet->fields.len);
        th_text_add(&text, ",", 1);
    }
    if (packet->type) {
        th_text_add(&text, "\"type\":", 7);
        th_text_put_json(&text, packet->type);
        th_text_add(&text, ",", 1);
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
