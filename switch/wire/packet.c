#include "switch/wire/packet.h"

#include "switch/wire/json.h"

#include <string.h>

enum { LENGTH_BYTES = 2, HEAD_MAX = 65535 };

static enum th_packet_kind kind_of(size_t head_len)
{
    return head_len == 0 ? TH_PACKET_BODY : head_len == 1 ? TH_PACKET_BINARY : TH_PACKET_JSON;
}

enum th_drop th_packet_split(struct th_packet *packet, struct th_bytes bytes)
{
    if (bytes.len < LENGTH_BYTES)
        return TH_DROP_PACKET_SHORT;

    size_t head_len = (size_t)bytes.at[0] << 8 | bytes.at[1];
    size_t rest = bytes.len - LENGTH_BYTES;
    if (head_len > rest)
        return TH_DROP_PACKET_HEAD;

    const uint8_t *head = bytes.at + LENGTH_BYTES;
    *packet = (struct th_packet){
        .kind = kind_of(head_len),
        .head = {head, head_len},
        .body = {head + head_len, rest - head_len},
    };
    return TH_DROP_NONE;
}

enum th_drop th_packet_read(struct th_packet *packet, struct th_bytes bytes)
{
    struct th_packet split;
    enum th_drop why = th_packet_split(&split, bytes);

    if (why != TH_DROP_NONE)
        return why;
    if (split.kind == TH_PACKET_JSON) {
        json_t *json = th_json_read(split.head, NULL);
        if (json == NULL)
            return TH_DROP_PACKET_JSON;
        json_decref(json);
    }
    *packet = split;
    return TH_DROP_NONE;
}

enum th_err th_packet_write(uint8_t *out, size_t cap, size_t *len, struct th_bytes head,
                            struct th_bytes body)
{
    if (head.len > HEAD_MAX || cap < LENGTH_BYTES || head.len > cap - LENGTH_BYTES ||
        body.len > cap - LENGTH_BYTES - head.len)
        return TH_TOO_BIG;

    out[0] = (uint8_t)(head.len >> 8);
    out[1] = (uint8_t)head.len;
    if (head.len > 0)
        memcpy(out + LENGTH_BYTES, head.at, head.len);
    if (body.len > 0)
        memcpy(out + LENGTH_BYTES + head.len, body.at, body.len);
    *len = LENGTH_BYTES + head.len + body.len;
    return TH_OK;
}
