/*
 * faults.h - what goes wrong in a run besides what its scenario does, and what else makes it another
 * run: numbers with names, as text.
 *
 *     loss=50,delay=20,nat=300
 *
 * is the last part of a replay token. What is not named has its usual value.
 *
 * Floor:  7 (sim).
 * Thread: any.
 */
#ifndef TH_SIM_FAULTS_H
#define TH_SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TH_FAULTS_TEXT_MAX = 320 };

struct th_faults {
    uint32_t rtt;     /* ms, median of round trips (80) */
    uint32_t jitter;  /* percent of the way (5) */
    uint32_t loss;    /* per mille of datagrams, as the next three (0, as all that follow) */
    uint32_t dup;     /* sent twice */
    uint32_t reorder; /* overtaken */
    uint32_t corrupt; /* damaged */
    uint32_t rate;    /* bytes a second that a node can send; 0: any */
    uint32_t delay;   /* ms, longest between a message and the server's turn */
    uint32_t stall;   /* ms, longest that a server is kept from running, one turn in 1000 */
    uint32_t nat;     /* per mille of the nodes that are behind a NAT, of all kinds */
    uint32_t skew;    /* ms, longest by which a clock is wrong, either way */
    uint32_t null;    /* 1: without secrets (cipher_null.h), and many times faster (0) */
    uint32_t liars;   /* per mille of all nodes that lie, where the scenario has such (200) */
    uint32_t dead;  /* per mille of all nodes that die at once, where the scenario has such (200) */
    uint32_t seeds; /* nodes that the others know at first (1) */
    uint32_t lookups; /* to be made in each phase that has some (1000) */
    uint32_t bytes;   /* of the largest transfer, where the scenario has such (2000000) */
    uint32_t within;  /* ms in which the nodes start, where all are new; 0: all at once (0) */
    uint32_t idle;    /* s, after which nodes end a line that nobody uses; 0: as a daemon (0) */
    uint32_t k;       /* links that nodes want in each bucket; 0: as a daemon (0) */
    uint32_t length;  /* ms of virtual time; 0: the scenario's own */
    uint32_t rest;    /* minutes at most until tables are full, at the end; 0: nobody waits (70) */
};

/* How a fault is called and what it may be; the list ends with name NULL. */
struct th_fault_kind {
    const char *name;
    size_t offset; /* of its uint32_t in struct th_faults */
    uint32_t usual, max;
    const char *meaning;
};
extern const struct th_fault_kind th_fault_kinds[];

void th_faults_init(struct th_faults *faults);

/* The value of one kind, for loops over all. */
uint32_t *th_fault_of(struct th_faults *faults, const struct th_fault_kind *kind);

/* Reads "name=number,…" over the usual values; "" is none. False for anything else, with the part
 * that is wrong copied to wrong (TH_FAULTS_TEXT_MAX). */
bool th_faults_read(struct th_faults *faults, const char *text, char *wrong);

/* Writes those that are not as usual; "" when all are. */
void th_faults_write(const struct th_faults *faults, char text[TH_FAULTS_TEXT_MAX]);

#endif
