/*
 * exchange.h - one remote hashname: its keys, our half of the handshake, the peer's halves, its
 * addresses, its channels, and what waits for a line.
 *
 * Rules: protocol.md 3 and 4. We have one half (line id, key pair, sealed open); the peer's current
 * half makes the line. While the line lives, a changed open of the peer is only a pending half: it is
 * answered, the peer is challenged on the old line, and the new half takes over after silence there
 * and a packet that decrypts on the new one.
 *
 * Floor:  2 (core), sans-I/O; private to core.
 * Thread: the owner's.
 */
#ifndef TH_CORE_EXCHANGE_H
#define TH_CORE_EXCHANGE_H

#include "switch/base/hash.h"
#include "switch/core/paths.h"
#include "switch/wire/line.h"
#include "switch/wire/open.h"

enum {
    TH_PENDING_KEPT_MAX = 16,       /* packets kept on a half that is not confirmed */
    TH_CHALLENGES_MAX = 3,          /* at once, after 0.5 s and after 1.5 s */
    TH_CHALLENGE_SILENCE_MS = 3000, /* on the old line, before a pending half may take over */
    TH_PENDING_MS = 10000,          /* a pending half that nothing decrypted on is forgotten */
    TH_LINE_SILENCE_MS = 600000,    /* nothing decrypted for 10 min ends a line */
    TH_LINE_UNPROVEN_MS = 30000,    /* a line on which nothing ever decrypted */
    TH_LINE_DOUBT_MS = 10000,       /* silence after which a packet of ours wants an answer */
    TH_LINE_UNANSWERED_MS = 1500, /* after it, without one, the next packet takes the open along */
    TH_LINE_REOPEN_MS = 2000,     /* between two such opens */
    TH_LINE_STALE_MS = 60000,     /* silence after which any packet takes the open along */
    TH_OPEN_TRIES = 4,            /* at once and after 1, 3 and 7 s */
    TH_OPEN_GIVE_UP_MS = 4000,    /* after the last try */
    TH_OPEN_FRESH_MS = 10000,     /* an open of ours this old still excuses the peer's clock */
    TH_CLOCK_AHEAD_MS = 120000,   /* an open may be dated this far ahead of our clock */
    TH_ANSWER_QUIET_MS = 10000    /* a repeated open is not answered while the line is this alive */
};

/* The peer's half of a line. */
struct th_half {
    bool is_set;
    bool is_confirmed; /* something decrypted on it */
    struct th_line_id id;
    struct th_public_key line_key;
    int64_t at;
    struct th_line_keys keys;
    struct th_replay replay;
    th_ms since; /* when it was accepted */
    th_ms rx_at; /* when something last decrypted on it; 0 never */
};

/* A packet in memory of its own. */
struct th_kept {
    struct th_kept *next;
    struct th_addr from;
    size_t len;
    uint8_t bytes[];
};

/* A changed open, not yet believed. */
struct th_pending {
    struct th_half half;
    struct th_addr from;
    struct th_channels channels;              /* only `path` lives here */
    unsigned challenges;                      /* sent on the old line */
    uint32_t challenge_id[TH_CHALLENGES_MAX]; /* their channels there */
    th_ms challenge_at;                       /* when the next is due; TH_NEVER */
    th_ms probe_at;                           /* when the next `path` under the new keys may go */
    struct th_kept *kept;                     /* oldest first */
    unsigned kept_count;
};

struct th_exchange {
    UT_hash_handle by_id;  /* keyed by the hashname, with crypto_shorthash */
    UT_hash_handle by_own; /* keyed by our line id; only while has_own */
    struct th_heap_node due;

    struct th_hashname id;
    struct th_parts parts;
    struct th_public_key key;
    const struct th_cipher *cipher;
    th_ms used_at; /* last time anything happened to it, for eviction */

    /* our half */
    bool has_own;
    struct th_keypair own_keys;
    struct th_line_id own_id;
    int64_t own_at;  /* highest ever sent to this peer while we remember it */
    uint8_t *sealed; /* the cached open */
    size_t sealed_len;
    th_ms open_sent_at; /* 0 never */
    th_ms answered_at;  /* when we last answered a repeated open; 0 never */

    /* opening */
    bool is_opening; /* we want a line and send opens */
    unsigned open_tries;
    th_ms open_at;           /* next try or giving up */
    struct th_kept *waiting; /* channel packets for the line, oldest first */
    unsigned waiting_count;

    /* the line */
    struct th_half current;
    struct th_pending *pending;
    bool is_up; /* announced */
    th_ms up_since;
    th_ms unanswered_since; /* first packet that wants an answer and has none; 0 none */
    th_ms reopened_at;
    struct th_exchange_paths paths;
    struct th_channels channels;
    bool has_rtt;
    uint32_t rtt_ms;
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;

    /* what others may ask of us for it */
    struct th_limit introductions; /* addresses it may name in connects */
    bool has_introductions;
};

/* Zeroes and sets who it is. Key and parts may come later (cipher NULL until then). */
void th_exchange_init(struct th_exchange *ex, const struct th_hashname *self,
                      const struct th_hashname *id, struct th_now now);

/* Frees everything in it and wipes keys; it must be in no table and no heap. */
void th_exchange_clear(struct th_exchange *ex);

/* Takes a peer's open as a half: line keys are made. Errors: TH_INVALID, TH_NO_MEMORY; half is then
 * untouched. */
TH_MUST enum th_err th_half_set(struct th_half *half, const struct th_exchange *ex,
                                const struct th_open *open, struct th_now now);
void th_half_clear(struct th_half *half);

/*
 * Decrypts a line datagram on a half and notes its nonce.
 * plain  filled, at least datagram.len bytes. Drops: LINE_SHORT, LINE_CRYPT, LINE_REPLAY.
 */
TH_MUST enum th_drop th_half_unseal(struct th_half *half, const struct th_cipher *cipher,
                                    struct th_bytes datagram, struct th_now now, uint8_t *plain,
                                    size_t *plain_len);

/* Appends a copy to a list; false without memory. */
TH_MUST bool th_kept_append(struct th_kept **list, const struct th_addr *from,
                            struct th_bytes bytes);
void th_kept_free(struct th_kept **list);

/* Drops a pending half and what was kept for it; harmless without one. */
void th_exchange_forget_pending(struct th_exchange *ex);

/* True when a challenge of its pending half, which there is, went out on the old line. */
bool th_exchange_was_challenged(const struct th_exchange *ex);

/* When the old line will have been silent long enough for its pending half; there is one. */
th_ms th_exchange_silent_at(const struct th_exchange *ex);

/* The earliest moment at which something of it is due. */
th_ms th_exchange_deadline(const struct th_exchange *ex);

#endif
