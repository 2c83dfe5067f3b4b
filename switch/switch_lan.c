#include "switch/switch_lan.h"

void th_switch_lan_init(struct th_switch_lan *l, const struct th_self *self,
                        const struct th_identity *identity, struct th_rng *rng,
                        struct th_switchboard *board, struct th_net *net)
{
    l->board = board;
    l->net = net;
    th_lan_init(&l->lan, identity, rng, self->now);
}

static void open_line(struct th_switch_lan *l, const struct th_self *self,
                      const struct th_lan_action *action)
{
    struct th_paths paths = {.count = 1, .addr = {action->addr}};
    struct th_hashname id;

    th_hashname_of(&id, &action->parts);
    enum th_err err =
        th_switchboard_open(l->board, self->now, &id, &action->parts, &action->key, &paths);
    if (err == TH_NO_PERMISSION)
        th_drop_count(&l->lan.drops, TH_DROP_LAN_NOT_ALLOWED);
    TH_LOG(self->log, DEBUG, "switch", "lan found peer=%s open=\"%s\"", th_hashname_short(&id).hex,
           th_strerror(err));
}

static void carry_out(struct th_switch_lan *l, const struct th_self *self,
                      const struct th_lan_action *action)
{
    switch (action->kind) {
    case TH_LAN_ANNOUNCE:
        if (l->net->ops->announce)
            l->net->ops->announce(l->net, action->bytes);
        break;
    case TH_LAN_ANSWER:
        l->net->ops->send(l->net, &action->addr, action->bytes);
        break;
    case TH_LAN_OPEN:
        open_line(l, self, action);
        break;
    }
}

void th_switch_lan_on_batch(struct th_switch_lan *l, const struct th_self *self,
                            const struct th_datagrams *batch)
{
    struct th_lan_action action;

    th_lan_on_foreign(&l->lan, batch->foreign);
    for (unsigned i = 0; i < batch->count; i++)
        if (th_lan_on_datagram(&l->lan, self->now, &batch->datagram[i].from,
                               batch->datagram[i].bytes, &action))
            carry_out(l, self, &action);
}

bool th_switch_lan_takes(struct th_switch_lan *l, const struct th_self *self,
                         const struct th_datagram *datagram)
{
    struct th_packet packet;
    struct th_lan_action action;

    /* Nothing else in the clear is known. */
    if (l->lan.self == NULL || th_packet_split(&packet, datagram->bytes) != TH_DROP_NONE ||
        packet.kind != TH_PACKET_JSON)
        return false;
    if (th_lan_on_pong(&l->lan, self->now, &datagram->from, datagram->bytes, &action))
        carry_out(l, self, &action);
    return true;
}

void th_switch_lan_tick(struct th_switch_lan *l, const struct th_self *self)
{
    struct th_lan_action action;

    if (th_lan_tick(&l->lan, self->now, &action))
        carry_out(l, self, &action);
}

void th_switch_lan_count(const struct th_switch_lan *l, struct th_drops *drops)
{
    for (int why = TH_DROP_LAN_BAD; why <= TH_DROP_LAN_NOT_ALLOWED; why++)
        drops->n[why] = l->lan.drops.n[why];
}
