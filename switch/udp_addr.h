/*
 * udp_addr.h - addresses as sockets have them.
 *
 * Floor:  3.
 * Thread: any.
 */
#ifndef TH_SWITCH_UDP_ADDR_H
#define TH_SWITCH_UDP_ADDR_H

#include "switch/wire/path.h"

#include <sys/socket.h>

/* Returns how much of out is filled. addr: of either family. */
socklen_t th_udp_to_sockaddr(struct sockaddr_storage *out, const struct th_addr *addr);

/* TH_FAMILY_NONE for a family that is none of ours; IPv4 in IPv6 is IPv4. */
void th_udp_from_sockaddr(struct th_addr *out, const struct sockaddr_storage *from);

#endif
