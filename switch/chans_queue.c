#include "switch/chans_inside.h"

#include "switch/base/mem.h"

#include <string.h>

/* turns */

static void put_peer_last(struct th_chans *chans, struct peer *peer)
{
    peer->next_ready = NULL;
    *(chans->last_ready ? &chans->last_ready->next_ready : &chans->first_ready) = peer;
    chans->last_ready = peer;
}

static void take_peer_off(struct th_chans *chans, struct peer *peer)
{
    struct peer *before = NULL;

    for (struct peer *at = chans->first_ready; at != peer; at = at->next_ready)
        before = at;
    *(before ? &before->next_ready : &chans->first_ready) = peer->next_ready;
    if (chans->last_ready == peer)
        chans->last_ready = before;
}

void th_chans_take_off_ready(struct th_chans *chans, struct chan *chan)
{
    struct peer *peer = chan->of;
    struct chan *before = NULL;

    if (!chan->is_ready)
        return;
    for (struct chan *at = peer->first_ready; at != chan; at = at->next_ready)
        before = at;
    *(before ? &before->next_ready : &peer->first_ready) = chan->next_ready;
    if (peer->last_ready == chan)
        peer->last_ready = before;
    chan->is_ready = false;
    if (peer->first_ready == NULL)
        take_peer_off(chans, peer);
}

void th_chans_make_ready(struct th_chans *chans, struct chan *chan)
{
    struct peer *peer = chan->of;

    if (chan->is_ready)
        return;
    if (peer->first_ready == NULL)
        put_peer_last(chans, peer);
    chan->is_ready = true;
    chan->next_ready = NULL;
    *(peer->last_ready ? &peer->last_ready->next_ready : &peer->first_ready) = chan;
    peer->last_ready = chan;
}

/* The channel whose turn it is, taken off. */
struct chan *th_chans_next_ready(struct th_chans *chans)
{
    struct peer *peer = chans->first_ready;
    struct chan *chan = peer->first_ready;

    th_chans_take_off_ready(chans, chan);
    if (peer->first_ready) {
        take_peer_off(chans, peer);
        put_peer_last(chans, peer);
    }
    return chan;
}

/* what waits */

static void count_dropped(struct th_chans *chans, struct chan *chan)
{
    chan->dropped++;
    th_switchboard_packet_dropped(chans->board);
}

/* Drops the oldest; but of a channel that the owner does not know yet the newest, for the first says what
 * it is about. */
static void drop_one(struct th_chans *chans, struct chan *chan)
{
    struct th_chan_item *before = NULL, *item = chan->oldest;

    for (; !chan->is_told && item->next; item = item->next)
        before = item;
    *(before ? &before->next : &chan->oldest) = item->next;
    if (item->next == NULL)
        chan->newest = before;
    chan->count--;
    chans->queued--;
    th_mem_free(item);
    count_dropped(chans, chan);
}

/* Room for one of a channel: at the cost of its own, or of the one that has most. */
static void make_room(struct th_chans *chans, struct chan *chan)
{
    struct chan *most = chan;

    if (chan->count < TH_CHAN_QUEUE_MAX && chans->queued < TH_CHANS_QUEUE_MAX)
        return;
    for (struct chan *at = chans->first; at && chan->count < TH_CHAN_QUEUE_MAX; at = at->next)
        if (at->count > most->count)
            most = at;
    drop_one(chans, most);
}

void th_chans_keep(struct th_chans *chans, struct chan *chan, const struct th_chanpkt *packet)
{
    struct th_bytes json = th_chanpkt_app(packet);
    struct th_chan_item *item = NULL;
    bool is_object = json.len == 0 || json.at[0] == '{'; /* the head around it was read */

    if (!is_object || json.len + packet->body.len > TH_PACKETS_LEN_MAX) {
        th_switchboard_packet_bad(chans->board);
        return;
    }
    if (!chan->is_told && chan->count == TH_CHAN_QUEUE_MAX) {
        count_dropped(chans, chan);
        return;
    }
    make_room(chans, chan);
    item = th_mem_zalloc(1, sizeof *item + json.len + packet->body.len);
    if (item == NULL) {
        count_dropped(chans, chan);
        return;
    }
    item->has_packet = true;
    item->json_len = json.len;
    item->body_len = packet->body.len;
    th_chan_put(item->bytes, json, packet->body);
    *(chan->newest ? &chan->newest->next : &chan->oldest) = item;
    chan->newest = item;
    chan->count++;
    chans->queued++;
}

/* The next thing to tell of a channel that is ready; NULL without memory. */
struct th_chan_item *th_chans_take_item(struct th_chans *chans, struct chan *chan)
{
    struct th_chan_item *item = chan->oldest;

    if (item) {
        chan->oldest = item->next;
        item->next = NULL;
        chan->count--;
        chans->queued--;
    } else if ((item = th_mem_zalloc(1, sizeof *item)) == NULL) {
        return NULL;
    }
    if (chan->oldest == NULL)
        chan->newest = NULL;
    item->chan = chan->number;
    item->dropped = chan->dropped;
    chan->dropped = 0;
    if (!chan->is_told) {
        item->is_first = true;
        item->from = chan->peer;
        memcpy(item->type, chan->type, sizeof item->type);
        chan->is_told = true;
        chans->untold--;
    }
    if (chan->is_over && chan->count == 0) {
        item->is_over = true;
        item->why = chan->why;
        memcpy(item->words, chan->words, sizeof item->words);
    }
    return item;
}
