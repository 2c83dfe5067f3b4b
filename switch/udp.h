/*
 * udp.h - net.h on real sockets: IPv4 and IPv6, batched both ways, on a uv loop.
 *
 * Floor:  3.
 * Thread: the loop's, where nothing else is said.
 * Limits: TH_UDP_LISTEN_MAX sockets; TH_UDP_BATCH datagrams a system call. What the kernel does not
 *         take at once is dropped, as networks do.
 */
#ifndef TH_SWITCH_UDP_H
#define TH_SWITCH_UDP_H

#include "switch/net.h"

#include <uv.h>

enum {
    TH_UDP_LISTEN_MAX = 8,
    TH_UDP_BATCH = 32,
    TH_UDP_RCVBUF_DEFAULT = 4 << 20,
    TH_UDP_LOOK_MS = 5000,  /* between two looks at the interfaces, for those that come or go */
    TH_UDP_AWAIT_MS = 1000, /* the same while an address that we are to listen on is not there */
    TH_UDP_COMPLAINT_MAX = 240
};

struct th_udp_config {
    unsigned listen_count;                    /* 1..TH_UDP_LISTEN_MAX */
    struct th_addr listen[TH_UDP_LISTEN_MAX]; /* port 0: one that the system chooses */
    unsigned missing_ok; /* bit i: leave listen[i] out when this machine lacks its family */
    bool is_patient;     /* an address that is not there yet is bound when it appears */
    bool loses_root; /* by then ports below 1024 are refused, so that those are not waited for */
    bool is_lan;     /* nodes of the same networks are asked for, and may ask (core/lan.h) */
    int rcvbuf;      /* bytes asked of the kernel; 0: TH_UDP_RCVBUF_DEFAULT */
    const struct th_log *log;
};

/*
 * Binds the sockets. Nothing is received before the switch opens the net; the loop is not touched
 * until then.
 *
 * complaint  filled on failure: which address, why, what to do.
 * Errors: TH_IN_USE, TH_NO_PERMISSION (now, or when the address appears), TH_NOT_FOUND (the address is not on this machine, unless it is
 *         waited for; its family is not), TH_IO, TH_NO_MEMORY.
 * Thread: any.
 */
TH_MUST enum th_err th_udp_new(struct th_net **out, uv_loop_t *loop,
                               const struct th_udp_config *config,
                               char complaint[TH_UDP_COMPLAINT_MAX]);

/* Closes the sockets; after the net's close, when the loop has ended or on its thread. Harmless for
 * NULL. */
void th_udp_free(struct th_net *net);

#endif
