/*
 * fact.h - what is so: state that the event manager keeps.
 *
 * A fact has a kind and a key, some bytes that mean nothing to the manager ("line up", a hashname). An
 * event may say that a fact is so, or that it is over; the manager keeps what was said last that is so.
 * Whoever asks gets an event for each fact of his interest (without a number) and the number of the last event
 * that they include. It is exact, for the same server forwards and answers: whatever comes after the
 * answer is newer than it. So who has missed events, or has just begun, asks, takes the answer for the
 * whole truth, and goes on with events (picture.h does that). State is never lost.
 *
 * When the server that announced a fact ends, the manager announces that the fact is over, with the same
 * body: nothing is left of the dead. So an announcer need not clean up; the next one of its name begins
 * anew. (announcer.h is for announcers who may find the manager's mailbox full.)
 *
 * Floor:  1 (run).
 * Thread: any; events do not change.
 */
#ifndef TH_RUN_FACT_H
#define TH_RUN_FACT_H

#include "switch/run/event.h"

enum {
    TH_FACT_KEY_MAX = 40,
    TH_FACT_BODY_MAX = 1024,
    TH_FACTS_MAX =
        16384 /* of one manager, some 2 MiB; what finds no room makes answers not whole */
};

/* How bodies of a kind are kept in fewer bytes. */
struct th_fact_form {
    /* Writes what a body says besides its key: at most `size` bytes. Returns how many were written; 0:
     * this one cannot be written so, and is kept as it is. */
    size_t (*pack)(uint8_t *packed, const void *body, size_t size);

    /* Undoes it. body: zeros, filled but for the key. Returns its size. */
    size_t (*unpack)(void *body, const uint8_t *packed, size_t len);

    /* Makes the key, which follows from what was written, no fewer bytes than it; NULL: it does not
     * follow. */
    void (*make_key)(uint8_t *key, const uint8_t *packed, size_t len);
};

/* What facts of one kind have in common: a constant of who announces them. Kind and key name a fact;
 * the rest is of the event that says so. */
struct th_fact_kind {
    uint64_t kind;     /* one bit of th_interest.kinds; not always the event's own: a change is of
                          what is changed */
    uint64_t end_kind; /* of the event that says that its announcer has ended, and the fact with it;
                          0: the fact outlives its announcer */
    unsigned key_len;  /* bytes, at most TH_FACT_KEY_MAX; the body begins with the key */
    const struct th_fact_form *form; /* NULL: bodies are kept as they are */
};

/*
 * Makes an event that says something of a fact, with one holder. It is a state event without topic.
 *
 * kind     of the event, one bit.
 * fact     borrowed for ever.
 * is_over  it is so no more (whoever said that it was); false: it is so, with this body.
 * body     copied: size bytes, at most TH_FACT_BODY_MAX, which begin with the key.
 * Returns NULL without memory.
 */
TH_MUST struct th_event *th_fact_event_new(uint64_t kind, const struct th_fact_kind *fact,
                                           bool is_over, const void *body, size_t size);

/* True when both tell of the same fact. */
bool th_fact_is_same(const struct th_event *a, const struct th_event *b);

/* The answer: what is so. */
struct th_facts {
    uint64_t seq;      /* of the last event that is in it */
    bool is_whole;     /* false: some found no room; what is not here may be so all the same */
    uint64_t left_out; /* of this manager so far: what found no room */
    unsigned count;
    struct th_event
        *event[]; /* held; order in which they began to be so, those of one key together */
};

/* Call the manager with this, body struct th_interest (th_mem_copy'd): the facts whose kind is in its
 * `kinds`. The reply is a th_facts_msg with a struct th_facts as body. TH_NO_MEMORY. */
extern const struct th_msg_kind th_facts_ask_msg;
extern const struct th_msg_kind th_facts_msg;

#endif
