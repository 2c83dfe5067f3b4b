/*
 * channel.h - conversations on a line: their numbers, types, ends and silences.
 *
 * telehash.org v2/channels.md, protocol.md 5. Of two hashnames the lower opens channels with even
 * numbers from 2, the higher with odd ones from 1; numbers rise within a line, slightly out of order
 * is accepted, and a number that was used stays used until the line is replaced.
 *
 * Whoever is asked for `path` at an address shows by the number that its answer has that it reads what is
 * sent there; for that the number must be one that it could not guess. The first such request of a line
 * leaves out TH_CHANNELS_HIDDEN numbers, of which it and those after it take any; all other channels go on
 * above them, so that their numbers tell nothing. Who is asked accepts `path`, and nothing else, on
 * numbers that were left out.
 *
 * Floor:  2 (core), sans-I/O.
 * Thread: the owner's of its exchange.
 */
#ifndef TH_CORE_CHANNEL_H
#define TH_CORE_CHANNEL_H

#include "switch/base/clock.h"
#include "switch/base/rng.h"
#include "switch/core/reliable.h"
#include "switch/wire/chanpkt.h"

enum th_channel_type {
    TH_CHANNEL_SEEK,
    TH_CHANNEL_LINK,
    TH_CHANNEL_PATH,
    TH_CHANNEL_PEER,
    TH_CHANNEL_CONNECT,
    TH_CHANNEL_BRIDGE,
    TH_CHANNEL_OTHER, /* an application's; unknown to everybody here */
    TH_CHANNEL_TYPES
};

/* The type of a name; TH_CHANNEL_OTHER for one that the specification does not have. */
enum th_channel_type th_channel_type_of(const char *name);

/* The word of the specification; "other" for TH_CHANNEL_OTHER. */
const char *th_channel_type_name(enum th_channel_type type);

/* Silence after which a channel of this type is ended on our side: default 10 s, seek 3, path 10,
 * peer and connect 30, link 60 (protocol.md 5). Nothing is sent then. */
th_ms th_channel_silence_ms(enum th_channel_type type);

/* Its times are right for 34 years, as those of th_exchange_paths. */
struct th_channel {
    struct th_channel *next; /* of its line */
    uint64_t owner;          /* who of us opened it, 0 if they did; never looked into here */
    uint64_t tag;
    union {
        struct th_reliable *reliable; /* its own, of one that is_reliable … */
        struct {                      /* … and of the others */
            uint32_t silence_ms;      /* 49 days at most */
            uint16_t relay; /* the switchboard's: the place of its relay (relay.h) and 1; 0: none */
        };
    };
    uint32_t id;
    uint32_t rx_packets, tx_packets; /* for looking, may wrap; counted by who reads and writes */
    uint32_t opened_at_low, ends_at_low; /* th_channel_opened_at, th_channel_ends_at */
    uint8_t opened_at_high, ends_at_high;
    uint8_t type; /* enum th_channel_type */
    bool is_ours : 1;
    bool is_reliable : 1;
    bool wants_read : 1, wants_write : 1; /* streams.c: its owner is to be told when it can */
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct th_channel) == 56,
               "with malloc's own word it is 4 of its units");

static inline th_ms th_channel_opened_at(const struct th_channel *channel)
{
    return (th_ms)channel->opened_at_high << 32 | channel->opened_at_low;
}

/* Last traffic and the silence after it. */
static inline th_ms th_channel_ends_at(const struct th_channel *channel)
{
    return (th_ms)channel->ends_at_high << 32 | channel->ends_at_low;
}

enum {
    TH_CHANNELS_ENDED = 32,
    TH_CHANNELS_HIDDEN = 1 << 19,
    TH_CHANNELS_HIDDEN_ENDED =
        16 /* two for each address of a node: a peer answers each several times */
};

/* Of packets of applications, whose end may be lost: the newest that have ended, a ring. */
struct th_channels_ended {
    unsigned count;
    uint32_t id[TH_CHANNELS_ENDED];
};

/* Where numbers were left out. Of ours only hidden channels have them, the next TH_CHANNELS_HIDDEN of ours below
 * `to` (0: we left out none). Answers of one may come after the one that ended it: the newest that have
 * ended, a ring. Of theirs what came before is remembered as the highest are, for what comes late. */
struct th_channels_hidden {
    uint64_t before_used; /* bit i: before_last - 2i was used */
    uint32_t before_last; /* 0: they never left out any */
    uint32_t to;
    uint32_t count; /* that have ended */
    uint32_t room;
    uint32_t id[]; /* at most TH_CHANNELS_HIDDEN_ENDED */
};

/* The channels of one line. A zeroed one, once th_channels_init was called, holds no memory. */
struct th_channels {
    struct th_channel *first;          /* newest first */
    struct th_channels_ended *ended;   /* NULL: there was none, or no memory to remember it */
    struct th_channels_hidden *hidden; /* NULL: no numbers were left out, or the same */
    uint64_t theirs_used;              /* bit i: last_theirs - 2i was used */
    uint32_t last_ours;                /* highest number we used; 0 none */
    uint32_t last_theirs;              /* highest number they used; 0 none */
    uint32_t
        ended_said_at; /* the switchboard's: when the peer was last told of one, low bits; 0 never */
    uint16_t count;
    bool is_lower; /* our hashname is the lower of the two */
};

enum {
    TH_CHANNELS_MAX = 256,    /* open at once on one line, both sides' together */
    TH_CHANNELS_PATH_MAX = 16 /* more for `path`: a full line can still be challenged and answer */
};

void th_channels_init(struct th_channels *channels, bool is_lower);

/* Opens one of ours under the next number. NULL without memory, at the limit of its type, or when
 * the numbers are used up. */
TH_MUST struct th_channel *th_channels_open(struct th_channels *channels, enum th_channel_type type,
                                            th_ms silence_ms, struct th_now now);

/* Opens a `path` of ours under a number that nobody can guess who does not read it. NULL as above. */
TH_MUST struct th_channel *th_channels_open_hidden(struct th_channels *channels, th_ms silence_ms,
                                                   struct th_rng *rng, struct th_now now);

/* True for a number of ours that only a hidden channel has, or had, or none. */
bool th_channels_is_hidden(const struct th_channels *channels, uint32_t id);

/* True when it is none that a hidden channel has, or lately had: whoever sends on it has guessed. */
bool th_channels_is_guess(const struct th_channels *channels, uint32_t id);

/*
 * Opens one of theirs.
 * Drops: CHANNEL_PARITY, CHANNEL_CLOSED (the number was used, or is too far behind to know; where they left
 *        numbers out a `path` is accepted all the same), CHANNEL_LIMIT (also without memory).
 */
TH_MUST enum th_drop th_channels_accept(struct th_channels *channels, uint32_t id,
                                        enum th_channel_type type, struct th_now now,
                                        struct th_channel **out);

/* One of theirs was refused: its number counts as used. */
void th_channels_refuse(struct th_channels *channels, uint32_t id);

/* The open channel of a number; NULL when there is none. */
struct th_channel *th_channels_find(const struct th_channels *channels, uint32_t id);

/* True when a number was used on this line and its channel has ended, or it is too far behind to know. */
bool th_channels_was_used(const struct th_channels *channels, uint32_t id);

/* True when the channel of a number has ended lately, and carried packets of an application. */
bool th_channels_had_packets(const struct th_channels *channels, uint32_t id);

/* Notes traffic: puts its end off. */
void th_channel_touch(struct th_channel *channel, struct th_now now);

/* Sets when it ends if nothing comes. */
void th_channel_end_at(struct th_channel *channel, th_ms at);

/* From now on it is a reliable one; `reliable` is freed with it. */
void th_channel_make_reliable(struct th_channel *channel, struct th_reliable *reliable);

/* Takes it out and frees it, and what makes it reliable. */
void th_channels_close(struct th_channels *channels, struct th_channel *channel);

/* When the first of them ends; TH_NEVER without channels. */
th_ms th_channels_deadline(const struct th_channels *channels);

/* The channel that fell silent first, when that is due; else NULL. The caller closes it. */
struct th_channel *th_channels_expired(const struct th_channels *channels, struct th_now now);

/* Frees all; numbers begin anew. */
void th_channels_clear(struct th_channels *channels);

#endif
