/*
 * tally.h - what is counted while a run goes on, for the pictures of `thsim report`.
 *
 * It watches the world and changes nothing: a run has the same trace with and without it. Nothing in
 * it grows with the length of a run, and with its nodes only one byte each.
 *
 * Floor:  7 (sim).
 * Thread: one.
 * Limits: TH_TALLY_SLOTS_MAX pieces of time, whose length doubles when they do not suffice;
 *         TH_TALLY_NOTES_MAX notes.
 */
#ifndef TH_SIM_TALLY_H
#define TH_SIM_TALLY_H

#include "switch/core/channel.h"
#include "tools/sim/histogram.h"
#include "tools/sim/world.h"

#include <stdarg.h>

enum {
    TH_TALLY_SLOTS_MAX = 256,
    TH_TALLY_SLOT_MS = 1000, /* at first */
    TH_TALLY_NOTES_MAX = 64,
    TH_TALLY_NOTE_TEXT = 96
};

struct th_sim;

/* A piece of time. */
struct th_tally_slot {
    uint32_t sent, found, lost; /* lookups, by when they were made; lost: they prove nothing */
    uint32_t up, ready;         /* nodes: the fewest that there were meanwhile */
    uint64_t datagrams, bytes;  /* sent by all nodes */
};

/* What was done to the run, from a moment on for a while. */
struct th_tally_note {
    th_ms at, until; /* the same: it was done at once */
    char what[TH_TALLY_NOTE_TEXT];
};

struct th_sim_tally {
    const struct th_world *world;
    th_ms slot_ms;
    unsigned slot_count; /* that have begun */
    struct th_tally_slot slot[TH_TALLY_SLOTS_MAX];
    unsigned up, ready; /* nodes, now */
    unsigned room;
    bool *is_ready; /* by index of the node */
    /* Of datagrams that nodes sent; what others do to a run is not counted. */
    uint64_t datagrams[TH_DATAGRAM_SORTS], bytes[TH_DATAGRAM_SORTS];
    uint64_t ends[TH_FATES];            /* but SENT */
    uint64_t packets[TH_CHANNEL_TYPES]; /* of channels, that servers were told of */
    unsigned note_count;                /* also of those that are not kept */
    struct th_tally_note note[TH_TALLY_NOTES_MAX];
};

/* Begins. It watches the world when is_watching is set, whose nodes have not been started yet. */
void th_sim_tally_init(struct th_sim_tally *tally, struct th_world *world, bool is_watching);
void th_sim_tally_clear(struct th_sim_tally *tally);

/* A lookup was made now. */
void th_sim_tally_sent(struct th_sim_tally *tally);

/* One that was made at `sent_at` is over. is_lost: it proves nothing. */
void th_sim_tally_told(struct th_sim_tally *tally, th_ms sent_at, bool is_found, bool is_lost);

void th_sim_tally_note(struct th_sim_tally *tally, th_ms for_ms, const char *format, va_list args);

/* Writes members of the result's object, each with a comma after it: "histograms", "series",
 * "messages", "notes". How the nodes are is told as they are now. */
void th_sim_tally_write(const struct th_sim *sim, FILE *out);

#endif
