/*
 * congestion.h - how much may be on its way to one node, and how fast: the reliable channels of a line
 * share one of these, as they share the way.
 *
 *     if (th_congestion_may_send(&way, len, now))
 *         send(), th_congestion_on_sent(&way, len, now);
 *
 * The round trip is measured as in RFC 9002, 5. The window grows and shrinks as CUBIC (RFC 9438) wants;
 * slow start ends when the delay rises (HyStart++, RFC 9406), and packets are paced (RFC 9002, 7.7), so
 * that a queue on the way is seldom filled until it overflows. Steps are those of a TCP of 1460 bytes a
 * segment, whatever our packets have, so that we get what a TCP beside us gets.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's of the line.
 */
#ifndef TH_CORE_CONGESTION_H
#define TH_CORE_CONGESTION_H

#include "switch/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TH_WAY_STEP = 1460,                     /* bytes; a TCP's segment over Ethernet */
    TH_WAY_WINDOW_FIRST = 10 * TH_WAY_STEP, /* RFC 9002, 7.2 */
    TH_WAY_WINDOW_MIN = 2 * TH_WAY_STEP,
    TH_WAY_WINDOW_MAX = 8 << 20, /* more than credit allows on any line: 256 channels come first */
    TH_WAY_RTT_FIRST_MS = 333,   /* RFC 9002, 6.2.2 */
    TH_WAY_PACED_US = 2000       /* a shorter round trip is not paced: clocks tick in ms */
};

/* Where slow start is (RFC 9406). */
struct th_hystart {
    th_ms round_since; /* packets sent from here on end the round when they are acknowledged */
    uint32_t last_min_us, min_us; /* of the last round and of this one; UINT32_MAX none */
    uint32_t base_us;             /* of the round at which the delay had risen; 0: it has not */
    unsigned samples;             /* of this round */
    unsigned slower;              /* rounds since it had */
};

/* Embed by value. Read freely; write through the functions below. */
struct th_congestion {
    uint32_t srtt_us, rttvar_us, min_rtt_us; /* srtt 0: nothing measured */
    uint64_t window, threshold;              /* bytes; slow start below the threshold */
    uint64_t in_flight;                      /* bytes of channel packets */
    bool is_first_again; /* the first that was lost may be sent again before the window has room */
    th_ms full_at;    /* when the window, not the application, last held something back; 0 never */
    th_ms reduced_at; /* what was lost of packets sent by then is one event */
    th_ms epoch_at;   /* since when the window grows by CUBIC's curve; 0 not yet */
    uint64_t peak;    /* W_max: bytes at which something was lost */
    uint64_t reno;    /* W_est: what Reno would have by now */
    uint32_t to_peak_ms; /* K: how long the curve takes back to the peak */
    struct th_hystart hystart;
    int64_t allowance;   /* bytes that may leave now; below 0: a probe went beyond it */
    th_ms paced_at;      /* when it was right */
    uint64_t reductions; /* for looking */
};

/* rtt_ms: of the line's handshake, a first guess; 0 none. */
void th_congestion_init(struct th_congestion *way, uint32_t rtt_ms, struct th_now now);

/* Another address is in use: nothing is known of the way (RFC 9000, 9.4). */
void th_congestion_on_moved(struct th_congestion *way, struct th_now now);

/* Whether a packet may leave now. False is remembered: the window was full. */
bool th_congestion_may_send(struct th_congestion *way, uint64_t bytes, struct th_now now);

/* Whether what was lost may be sent again whatever is in flight: one packet, when the window was reduced, so
 * that who reads need not wait until enough else has arrived (RFC 6675, 5; RFC 9002, 7.3.2). Taken by asking. */
bool th_congestion_may_send_again(struct th_congestion *way);

/* When the pace allows the next packet; `now` when it does already or only the window is full. */
th_ms th_congestion_send_at(const struct th_congestion *way, struct th_now now);

/* A packet left, whether it was allowed or (a probe) not. */
void th_congestion_on_sent(struct th_congestion *way, uint64_t bytes, struct th_now now);

/* A round trip was measured. */
void th_congestion_on_rtt(struct th_congestion *way, th_ms rtt_ms, struct th_now now);

/*
 * Packets arrived; once for each acknowledgement that came.
 * fresh    bytes of those sent since the window was last reduced (reduced_at): it grows by these alone.
 * sent_at  of the one sent last.
 */
void th_congestion_on_acked(struct th_congestion *way, uint64_t bytes, uint64_t fresh,
                            th_ms sent_at, struct th_now now);

/* Packets were lost. sent_at: of the one sent last. */
void th_congestion_on_lost(struct th_congestion *way, uint64_t bytes, th_ms sent_at,
                           struct th_now now);

/* Nothing got through for several probes (RFC 9002, 7.6): begins from the smallest window. */
void th_congestion_on_outage(struct th_congestion *way, struct th_now now);

/* Packets are not waited for any more: their channel was closed. */
void th_congestion_on_gone(struct th_congestion *way, uint64_t bytes);

/* How long to wait for an acknowledgement before a probe (RFC 9002, 6.2.1).
 * delay_ms: for which the other side may keep it back. */
th_ms th_congestion_probe_ms(const struct th_congestion *way, th_ms delay_ms);

#endif
