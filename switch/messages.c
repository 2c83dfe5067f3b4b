/* The kinds of messages that the net sends, and the switch takes; the bodies of some. */
#include "switch/base/mem.h"
#include "switch/switch.h"

#include <string.h>

const struct th_msg_kind th_net_msg_datagrams = {"net.datagrams", th_mem_free};
const struct th_msg_kind th_net_msg_lan = {"net.lan", th_mem_free};
const struct th_msg_kind th_net_msg_moved = {"net.moved", NULL};
const struct th_msg_kind th_net_msg_too_big = {"net.too_big", th_mem_free};
const struct th_msg_kind th_switch_msg_open = {"switch.open", th_mem_free};
const struct th_msg_kind th_switch_msg_channel = {"switch.channel", th_mem_free};
const struct th_msg_kind th_switch_msg_send = {"switch.send", th_mem_free};
const struct th_msg_kind th_switch_msg_hand_on = {"switch.hand_on", th_mem_free};
const struct th_msg_kind th_switch_msg_result = {"switch.result", th_mem_free};
const struct th_msg_kind th_switch_msg_lines = {"switch.lines", th_mem_free};
const struct th_msg_kind th_switch_msg_channels = {"switch.channels", th_mem_free};
const struct th_msg_kind th_switch_msg_status = {"switch.status", th_mem_free};
const struct th_msg_kind th_switch_msg_mapped = {"switch.mapped", th_mem_free};
const struct th_msg_kind th_switch_msg_advertise = {"switch.advertise", th_mem_free};
const struct th_msg_kind th_switch_msg_punch = {"switch.punch", th_mem_free};

void th_switch_hand_on(struct th_switchboard *board, struct th_now now,
                       const struct th_switch_hand_on *hand_on)
{
    char fields[TH_FIELDS_MAX];
    struct th_text text = th_text_in(fields, sizeof fields);
    struct th_chanpkt_out refusal = {.c = hand_on->c, .err = hand_on->err, .end = true};
    struct th_see_entry host;

    if (th_switchboard_hand_on(board, now, &hand_on->who, hand_on->to, hand_on->count, &host)) {
        th_see_put(&text, &host, 1);
        refusal.fields = th_text_bytes(&text);
    }
    (void)!th_switchboard_send(board, now, &hand_on->who, &refusal); /* or it is lost */
}

struct th_switch_channel *th_switch_channel_new(const struct th_hashname *to,
                                                enum th_channel_type type, struct th_bytes fields,
                                                struct th_bytes body)
{
    struct th_switch_channel *open = th_mem_zalloc(1, sizeof *open + fields.len + body.len);

    if (open == NULL)
        return NULL;
    open->to = *to;
    open->type = type;
    open->fields_len = fields.len;
    open->body_len = body.len;
    if (fields.len > 0)
        memcpy(open->bytes, fields.at, fields.len);
    if (body.len > 0)
        memcpy(open->bytes + fields.len, body.at, body.len);
    return open;
}

struct th_switch_send *th_switch_send_new(const struct th_hashname *to, uint32_t c, bool is_ours,
                                          struct th_bytes fields, struct th_bytes body)
{
    struct th_switch_send *send = th_mem_zalloc(1, sizeof *send + fields.len + body.len);

    if (send == NULL)
        return NULL;
    send->to = *to;
    send->c = c;
    send->is_ours = is_ours;
    send->fields_len = fields.len;
    send->body_len = body.len;
    if (fields.len > 0)
        memcpy(send->bytes, fields.at, fields.len);
    if (body.len > 0)
        memcpy(send->bytes + fields.len, body.at, body.len);
    return send;
}
