#include "switch/chans_inside.h"

#include "switch/base/mem.h"
#include "switch/switch.h"

#include <string.h>

static void drop_taken(void *body);

const struct th_msg_kind th_switch_msg_chan_listen = {"switch.chan_listen", th_mem_free};
const struct th_msg_kind th_switch_msg_chan_open = {"switch.chan_open", th_mem_free};
const struct th_msg_kind th_switch_msg_chan_send = {"switch.chan_send", th_mem_free};
const struct th_msg_kind th_switch_msg_chan_count = {"switch.chan_count", th_mem_free};
const struct th_msg_kind th_switch_msg_chan_take = {"switch.chan_take", NULL};
const struct th_msg_kind th_switch_msg_chan_taken = {"switch.chan_taken", drop_taken};

static void free_items(struct th_chan_item *item)
{
    while (item) {
        struct th_chan_item *next = item->next;
        th_mem_free(item);
        item = next;
    }
}

static void drop_taken(void *body)
{
    free_items(((struct th_chan_taken *)body)->first);
    th_mem_free(body);
}

/* answering; without memory for a body the answer has none */

static void answer(const struct th_self *self, const struct th_msg *msg, enum th_err err)
{
    struct th_switch_result *result = th_mem_zalloc(1, sizeof *result);

    if (result)
        result->err = err;
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_result, .body = result});
}

/* taken: given. */
static void answer_taken(const struct th_self *self, struct th_from to, struct th_chan_taken *taken)
{
    th_reply(self->host, to, (struct th_msg){.kind = &th_switch_msg_chan_taken, .body = taken});
}

/* channels */

static struct chan *find(struct th_chans *chans, th_chan_number number)
{
    struct th_index_node *node = th_index_find(&chans->by_number, number);

    return node ? TH_HEAP_OWNER(node, struct chan, by_number) : NULL;
}

/* One of theirs, of which more came before it had its number: the board's actions wait together. */
static struct chan *find_theirs(struct th_chans *chans, const struct th_hashname *peer, uint32_t c)
{
    struct chan *chan = chans->first; /* newest first, so it is near */

    while (chan && (chan->is_ours || chan->c != c || !th_hashname_is_equal(&chan->peer, peer)))
        chan = chan->next;
    return chan;
}

/* With one channel more. NULL without memory. */
static struct peer *hold_peer(struct th_chans *chans, const struct th_hashname *id)
{
    const struct chan *known = chans->first;

    while (known && !th_hashname_is_equal(&known->of->id, id))
        known = known->next;
    struct peer *peer = known ? known->of : th_mem_zalloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->id = *id;
    peer->chans++;
    return peer;
}

static void release_peer(struct peer *peer)
{
    if (--peer->chans == 0)
        th_mem_free(peer);
}

static struct chan *add(struct th_chans *chans, const struct th_hashname *peer, const char *type,
                        bool is_ours)
{
    struct chan *chan = chans->count < (is_ours ? TH_CHANS_MAX : TH_CHANS_THEIRS)
                            ? th_mem_zalloc(1, sizeof *chan)
                            : NULL;

    if (chan == NULL)
        return NULL;
    chan->number = ++chans->numbers;
    chan->of = hold_peer(chans, peer);
    if (chan->of == NULL ||
        th_index_add(&chans->by_number, &chan->by_number, chan->number) != TH_OK) {
        if (chan->of)
            release_peer(chan->of);
        th_mem_free(chan);
        return NULL;
    }
    chan->peer = *peer;
    strcpy(chan->type, type);
    chan->is_ours = chan->is_told = is_ours;
    chan->next = chans->first;
    if (chan->next)
        chan->next->before = chan;
    chans->first = chan;
    chans->count++;
    chans->untold += !is_ours;
    return chan;
}

static void free_chan(struct th_chans *chans, struct chan *chan)
{
    th_chans_take_off_ready(chans, chan);
    *(chan->before ? &chan->before->next : &chans->first) = chan->next;
    if (chan->next)
        chan->next->before = chan->before;
    th_index_remove(&chans->by_number, &chan->by_number);
    chans->count--;
    chans->untold -= !chan->is_told;
    chans->queued -= chan->count;
    free_items(chan->oldest);
    release_peer(chan->of);
    th_mem_free(chan);
}

/* Says err (or, with NULL, our end) to the other side. */
static void end_chan(struct th_chans *chans, const struct th_self *self, struct chan *chan,
                     const char *err)
{
    const struct th_chanpkt_out packet = {.c = chan->c, .err = err, .end = err == NULL};

    if (!chan->is_over &&
        th_switchboard_send(chans->board, self->now, &chan->peer, &packet) != TH_OK)
        chan->is_over = true; /* it has gone already */
    free_chan(chans, chan);
}

/* Tells the owner, if it asks, of a packet of each node in turn, and of each of its channels. */
static void go_on(struct th_chans *chans, const struct th_self *self)
{
    bool is_asked = chans->taker.ref != 0 && chans->first_ready;
    struct th_chan_taken *taken = is_asked ? th_mem_zalloc(1, sizeof *taken) : NULL;

    if (taken == NULL)
        return; /* without memory: with the next that comes */
    struct th_chan_item **last = &taken->first;
    for (unsigned i = 0; i < TH_CHANS_TAKE_MAX && chans->first_ready; i++) {
        struct chan *chan = th_chans_next_ready(chans);
        struct th_chan_item *item = th_chans_take_item(chans, chan);
        if (item == NULL) {
            th_chans_make_ready(chans, chan);
            break;
        }
        *last = item;
        last = &item->next;
        if (item->is_over)
            free_chan(chans, chan);
        else if (chan->count > 0 || chan->is_over)
            th_chans_make_ready(chans, chan);
    }
    if (taken->first == NULL) {
        th_mem_free(taken);
        return;
    }
    struct th_from to = chans->taker;
    chans->taker = (struct th_from){0};
    answer_taken(self, to, taken);
}

/* the board's side */

static struct chan *meet(struct th_chans *chans, const struct th_self *self,
                         const struct th_action *action)
{
    const struct th_chanpkt_out busy = {.c = action->channel.id, .err = "busy"};
    struct chan *chan = NULL;

    if (chans->owner && chans->untold < TH_CHANS_BACKLOG_MAX)
        chan = add(chans, &action->id, action->packet.type, false);
    if (chan == NULL) {
        th_switchboard_packet_dropped(chans->board);
        if (th_switchboard_send(chans->board, self->now, &action->id, &busy) != TH_OK)
            return NULL; /* its first packet was its last */
        return NULL;
    }
    chan->c = action->channel.id;
    th_switchboard_packets_adopt(chans->board, &chan->peer, chan->c, chans->owner, chan->number);
    return chan;
}

static void on_packet(struct th_chans *chans, struct chan *chan, const struct th_action *action)
{
    const struct th_chanpkt *packet = &action->packet;
    bool is_empty = packet->body.len == 0 && th_chanpkt_app(packet).len == 0;

    if (packet->err[0]) {
        bool is_refused = action->channel.is_ours && action->channel.rx_packets == 1;
        chan->is_over = true;
        chan->why = is_refused ? TH_REFUSED : TH_GONE;
        memcpy(chan->words, packet->err, sizeof chan->words);
        return;
    }
    chan->is_over = packet->end;
    if (!packet->end || !is_empty)
        th_chans_keep(chans, chan, packet);
}

void th_chans_on_action(struct th_chans *chans, const struct th_self *self,
                        const struct th_action *action)
{
    struct chan *chan;

    if (action->kind == TH_ACTION_PACKET && action->is_first)
        chan = meet(chans, self, action);
    else if (action->channel.tag == 0)
        chan = find_theirs(chans, &action->id, action->channel.id);
    else
        chan = find(chans, action->channel.tag);
    if (chan == NULL || chan->is_over)
        return;
    if (action->kind == TH_ACTION_PACKET) {
        chan->is_heard = true;
        on_packet(chans, chan, action);
    } else {
        chan->is_over = true;
        chan->why = action->why;
    }
    if (chan->count > 0 || chan->is_over || !chan->is_told)
        th_chans_make_ready(chans, chan);
    go_on(chans, self);
}

static void leave_type(struct th_chans *chans, const char *type)
{
    TH_CHECK(th_switchboard_serve_packets(chans->board, type, false) == TH_OK);
    TH_CHECK(th_served_set(&chans->types, type, false) == TH_OK);
}

void th_chans_on_down(struct th_chans *chans, const struct th_self *self, th_pid pid)
{
    char type[TH_TYPE_MAX];

    if (pid != chans->owner)
        return;
    chans->owner = 0;
    chans->taker = (struct th_from){0};
    while (chans->first)
        end_chan(chans, self, chans->first, "gone");
    while (chans->types.count > 0) {
        memcpy(type, chans->types.type[0], sizeof type);
        leave_type(chans, type);
    }
}

/* requests */

/* The caller is the owner, or becomes it. Errors: TH_IN_USE, TH_NO_MEMORY. */
static enum th_err be_owner(struct th_chans *chans, const struct th_self *self, th_pid pid)
{
    if (chans->owner == 0 && th_monitor(self, pid, &chans->monitor) != TH_OK)
        return TH_NO_MEMORY;
    if (chans->owner == 0)
        chans->owner = pid;
    return chans->owner == pid ? TH_OK : TH_IN_USE;
}

static void on_listen(struct th_chans *chans, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_pull_listen *ask = msg->body;
    enum th_err err = be_owner(chans, self, msg->from);

    if (err == TH_OK)
        err = th_served_set(&chans->types, ask->type, !ask->is_over);
    if (err == TH_OK)
        err = th_switchboard_serve_packets(chans->board, ask->type, !ask->is_over);
    if (err == TH_NO_MEMORY && !ask->is_over && th_served_has(&chans->types, ask->type))
        TH_CHECK(th_served_set(&chans->types, ask->type, false) == TH_OK);
    answer(self, msg, err);
}

/* The JSON as a member of the head; errors: TH_TOO_BIG. */
static enum th_err put_json(char room[TH_DATAGRAM_IN_MAX], struct th_bytes json,
                            struct th_bytes *fields)
{
    struct th_text text = th_text_in(room, TH_DATAGRAM_IN_MAX);

    if (json.len == 0)
        return TH_OK;
    th_text_add(&text, "\"_\":", 4);
    th_text_add(&text, (const char *)json.at, json.len);
    *fields = th_text_bytes(&text);
    return text.is_cut ? TH_TOO_BIG : TH_OK;
}

static enum th_err open_chan(struct th_chans *chans, const struct th_self *self,
                             const struct th_chan_open *ask, th_chan_number *number)
{
    char room[TH_DATAGRAM_IN_MAX];
    struct th_channel_request request = {.type = TH_CHANNEL_OTHER,
                                         .name = ask->type,
                                         .owner = chans->owner,
                                         .end = ask->end,
                                         .body = {ask->bytes + ask->json_len, ask->body_len}};

    if (!th_stream_type_is_valid(ask->type))
        return TH_INVALID;
    enum th_err err = put_json(room, (struct th_bytes){ask->bytes, ask->json_len}, &request.fields);
    if (err != TH_OK)
        return err;
    struct chan *chan = add(chans, &ask->to, ask->type, true);
    if (chan == NULL)
        return chans->count >= TH_CHANS_MAX ? TH_LIMIT : TH_NO_MEMORY;
    request.tag = chan->number;
    err = th_switchboard_channel(chans->board, self->now, &ask->to, &request, &chan->c);
    *number = chan->number;
    if (err != TH_OK)
        free_chan(chans, chan);
    return err;
}

static void on_open(struct th_chans *chans, const struct th_self *self, const struct th_msg *msg)
{
    struct th_pull_opened *opened = th_mem_zalloc(1, sizeof *opened);

    if (opened)
        opened->err = be_owner(chans, self, msg->from);
    if (opened && opened->err == TH_OK)
        opened->err = open_chan(chans, self, msg->body, &opened->stream);
    th_reply(self->host, th_from_of(msg),
             (struct th_msg){.kind = &th_switch_msg_opened, .body = opened});
}

static void on_send(struct th_chans *chans, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_chan_send *ask = msg->body;
    struct chan *chan = msg->from == chans->owner ? find(chans, ask->chan) : NULL;
    char room[TH_DATAGRAM_IN_MAX];

    if (chan == NULL)
        return;
    struct th_chanpkt_out packet = {.c = chan->c,
                                    .err = ask->err,
                                    .end = ask->end,
                                    .body = {ask->bytes + ask->json_len, ask->body_len}};
    bool is_last = ask->end || ask->err[0];
    if (chan->is_ours && !chan->is_heard && ask->err[0] == 0)
        packet.type = chan->type; /* those before may be lost: this one opens it then */
    enum th_err err = put_json(room, (struct th_bytes){ask->bytes, ask->json_len}, &packet.fields);
    if (err == TH_OK && !chan->is_over)
        err = th_switchboard_send(chans->board, self->now, &chan->peer, &packet);
    if (err == TH_TOO_BIG)
        th_switchboard_packet_dropped(chans->board);
    if (is_last && err != TH_TOO_BIG)
        free_chan(chans, chan);
    else if (is_last)
        end_chan(chans, self, chan, NULL);
}

static void on_count(struct th_chans *chans, const struct th_self *self, const struct th_msg *msg)
{
    const struct th_chan_count *ask = msg->body;

    th_switchboard_packets_unsent(chans->board, ask->refused);
    answer(self, msg, TH_OK);
}

static void on_take(struct th_chans *chans, const struct th_self *self, const struct th_msg *msg)
{
    bool has_any = chans->count > 0 || chans->types.count > 0;

    if (msg->from == chans->owner && has_any && chans->taker.ref == 0) {
        chans->taker = th_from_of(msg);
        go_on(chans, self);
        return;
    }
    struct th_chan_taken *taken = th_mem_zalloc(1, sizeof *taken);
    if (taken)
        taken->err = TH_INVALID;
    answer_taken(self, th_from_of(msg), taken);
}

bool th_chans_on_msg(struct th_chans *chans, const struct th_self *self, struct th_msg *msg)
{
    if (msg->kind == &th_switch_msg_chan_send)
        on_send(chans, self, msg);
    else if (msg->kind == &th_switch_msg_chan_count)
        on_count(chans, self, msg);
    else if (msg->kind == &th_switch_msg_chan_take)
        on_take(chans, self, msg);
    else if (msg->kind == &th_switch_msg_chan_open)
        on_open(chans, self, msg);
    else if (msg->kind == &th_switch_msg_chan_listen)
        on_listen(chans, self, msg);
    else
        return false;
    return true;
}

/* life */

struct th_chans *th_chans_new(struct th_switchboard *board)
{
    struct th_chans *chans = th_mem_zalloc(1, sizeof *chans);

    if (chans)
        chans->board = board;
    return chans;
}

void th_chans_free(struct th_chans *chans)
{
    while (chans->first)
        free_chan(chans, chans->first);
    th_served_clear(&chans->types);
    th_index_clear(&chans->by_number);
    th_mem_free(chans);
}
