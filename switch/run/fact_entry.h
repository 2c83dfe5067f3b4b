/*
 * fact_entry.h - what is so of one key, in few bytes: the key, unless it follows from a fact, and the
 * facts one behind the other.
 *
 *     for (size_t at = entry->key_len; at < entry->len; at = th_run_entry_next(entry, at))
 *         … th_run_entry_voice(entry, at)
 *
 * Floor:  1 (run); private to fact_keep.c.
 * Thread: the manager's place.
 */
#ifndef TH_RUN_FACT_ENTRY_H
#define TH_RUN_FACT_ENTRY_H

#include "switch/base/bytes.h"
#include "switch/run/fact.h"

/* An event that says something of a fact. */
struct th_fact_event {
    struct th_event event;
    th_pid announcer;            /* filled by th_notify; 0: no server, or one that it outlives */
    struct th_fact_event *newer; /* while it waits with its announcer */
    size_t size;                 /* of the body */
    _Alignas(uint64_t) uint8_t body[];
};

/* An announcer's facts of one kind: so a fact need not say more than a number. */
struct th_fact_voice {
    const struct th_fact_kind *fact;
    th_pid announcer; /* 0: no server, or one that has ended */
    unsigned count;   /* facts; 0: free */
};

enum {
    TH_VOICES_MAX = UINT8_MAX,
    TH_FACT_INSIDE = 56, /* bytes: a line with an IPv4 address, and its link */
    TH_FACT_HEAD_BYTES = 4
};

/* A zeroed one says nothing and holds no memory. */
struct th_fact_entry {
    uint64_t hash;   /* of the key */
    uint32_t order;  /* of beginning to be so; wraps */
    uint16_t len;    /* of the bytes: the key, then a head and what is written for each fact */
    uint8_t key_len; /* 0: it follows from a fact, or is none */
    union {
        uint8_t inside[TH_FACT_INSIDE];
        uint8_t *outside; /* more than fit inside */
    } bytes;
};

/* The fact behind the one at `at`; entry->len: that was the last. */
size_t th_run_entry_next(struct th_fact_entry *entry, size_t at);

/* Who says it, of what kind: the index of a voice. */
unsigned th_run_entry_voice(struct th_fact_entry *entry, size_t at);

/* Where the fact of an event stands; entry->len when it does not. */
size_t th_run_entry_find(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                         const struct th_event *event);

/* False: it is of another key. One that is not kept is known by its hash alone. */
bool th_run_entry_is_of(struct th_fact_entry *entry, const struct th_event *event);

/* A fact as it is to stand in an entry; without bytes: not at all. */
struct th_fact_written {
    size_t len;
    bool makes_key;
    uint8_t bytes[TH_FACT_HEAD_BYTES + TH_FACT_BODY_MAX];
};

/* Writes what an event says of a fact. */
void th_run_entry_write(struct th_fact_written *out, const struct th_fact_event *said,
                        unsigned voice);

/*
 * Puts a fact in the place of the one at `at` (entry->len: behind all), and the key before all when it
 * follows from none of them. Without a fact that always succeeds: what made the key is no shorter.
 * Errors: TH_NO_MEMORY, TH_LIMIT; nothing has changed then.
 */
TH_MUST enum th_err th_run_entry_put(struct th_fact_entry *entry,
                                     const struct th_fact_voice *voices, size_t at,
                                     const struct th_fact_written *fact, struct th_bytes key);

/* Reads the key, or makes it, which takes some microseconds. key: filled. */
void th_run_entry_key(struct th_fact_entry *entry, const struct th_fact_voice *voices,
                      uint8_t key[TH_FACT_KEY_MAX]);

/* Makes an event of the fact at `at`. key: its own. NULL without memory. */
TH_MUST struct th_event *th_run_entry_read(struct th_fact_entry *entry,
                                           const struct th_fact_voice *voices, size_t at,
                                           bool is_over, const uint8_t *key);

void th_run_entry_clear(struct th_fact_entry *entry);

#endif
