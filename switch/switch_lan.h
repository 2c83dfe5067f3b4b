/*
 * switch_lan.h - the switch's search on the networks that the machine is on: core/lan with its packets
 * and lines. Private to switch*.c.
 *
 * Floor:  3.
 * Thread: the switch's.
 */
#ifndef TH_SWITCH_SWITCH_LAN_H
#define TH_SWITCH_SWITCH_LAN_H

#include "switch/core/lan.h"
#include "switch/core/switchboard.h"
#include "switch/net.h"

struct th_switch_lan {
    struct th_lan lan;
    struct th_switchboard *board;
    struct th_net *net;
};

/* Everything is borrowed for its life. identity NULL: switched off. */
void th_switch_lan_init(struct th_switch_lan *l, const struct th_self *self,
                        const struct th_identity *identity, struct th_rng *rng,
                        struct th_switchboard *board, struct th_net *net);

/* What th_net_msg_lan brought. */
void th_switch_lan_on_batch(struct th_switch_lan *l, const struct th_self *self,
                            const struct th_datagrams *batch);

/* Takes a datagram that came to us alone, if it can only be of this; false: it is the switchboard's. */
bool th_switch_lan_takes(struct th_switch_lan *l, const struct th_self *self,
                         const struct th_datagram *datagram);

void th_switch_lan_tick(struct th_switch_lan *l, const struct th_self *self);

/* Adds what was dropped to the switch's counts, where these reasons are 0. */
void th_switch_lan_count(const struct th_switch_lan *l, struct th_drops *drops);

#endif
