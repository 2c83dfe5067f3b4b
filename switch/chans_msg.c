#include "switch/chans.h"

#include "switch/base/mem.h"

#include <string.h>

void th_chan_put(uint8_t *bytes, struct th_bytes json, struct th_bytes body)
{
    if (json.len > 0)
        memcpy(bytes, json.at, json.len);
    if (body.len > 0)
        memcpy(bytes + json.len, body.at, body.len);
}

struct th_chan_open *th_chan_open_new(struct th_bytes json, struct th_bytes body)
{
    struct th_chan_open *open = th_mem_zalloc(1, sizeof *open + json.len + body.len);

    if (open == NULL)
        return NULL;
    open->json_len = json.len;
    open->body_len = body.len;
    th_chan_put(open->bytes, json, body);
    return open;
}

struct th_chan_send *th_chan_send_new(struct th_bytes json, struct th_bytes body)
{
    struct th_chan_send *send = th_mem_zalloc(1, sizeof *send + json.len + body.len);

    if (send == NULL)
        return NULL;
    send->json_len = json.len;
    send->body_len = body.len;
    th_chan_put(send->bytes, json, body);
    return send;
}
