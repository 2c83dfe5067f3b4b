/*
 * udp_lan.h - the socket on which nodes of the same network ask for each other: TH_LAN_PORT, by broadcast
 * and by the group 239.42.42.42, IPv4. Private to switch/udp*.
 *
 * What comes in is handed on only when it was sent to a broadcast address or the group, by an address
 * within a network of the interface that it came through; the rest is counted. So neither a router nor who
 * writes a wrong sender into a packet for this machine gets an answer out of it.
 *
 * Floor:  3.
 * Thread: the loop's.
 * Limits: TH_UDP_NETWORKS_MAX networks; a batch of TH_UDP_BATCH datagrams a turn.
 */
#ifndef TH_SWITCH_UDP_LAN_H
#define TH_SWITCH_UDP_LAN_H

#include "switch/net.h"

#include <uv.h>

enum { TH_UDP_NETWORKS_MAX = 16 };

struct th_udp_lan;

/* Makes one; nothing is bound yet. NULL without memory. loop, log: borrowed. */
TH_MUST struct th_udp_lan *th_udp_lan_new(uv_loop_t *loop, const struct th_log *log);

/* Begins to receive for a server. A port that somebody has is said once and tried again by look. */
void th_udp_lan_open(struct th_udp_lan *lan, struct th_host *host, th_pid receiver);

/* Looks at the interfaces, for those that came or went: joins the group there. */
void th_udp_lan_look(struct th_udp_lan *lan);

/* Sends to everybody on each network, from a socket that is bound to an address (or to all). */
void th_udp_lan_announce(struct th_udp_lan *lan, int fd, const struct th_addr *bound,
                         struct th_bytes bytes);

/* Stops receiving; open may be called again. */
void th_udp_lan_close(struct th_udp_lan *lan);

/* After close, when the loop has ended or on its thread. NULL is welcome. */
void th_udp_lan_free(struct th_udp_lan *lan);

#endif
