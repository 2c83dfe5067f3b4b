/*
 * introduce.h - a node in the middle of others on a wire of boards.h, and one that asks it to be
 * introduced.
 */
#ifndef TH_TESTS_INTRODUCE_H
#define TH_TESTS_INTRODUCE_H

#include "tests/lib/boards.h"

/* 0 is in the middle; 1 asks for 2. */
static inline void star(struct wire *w)
{
    wire_init(w, 3);
    assert_int_equal(wire_open(w, 1, 0), TH_AGAIN);
    assert_int_equal(wire_open(w, 2, 0), TH_AGAIN);
    wire_settle(w);
    assert_int_equal(wire_lines(w, 0), 2);
}

static inline enum th_err ask(struct wire *w, int asker, int middle,
                              const struct th_hashname *target, const struct th_public_key *key)
{
    char fields[512];
    uint32_t c;
    struct th_text text = th_text_in(fields, sizeof fields);

    th_peer_put(&text, target, NULL, 0);
    struct th_channel_request request = {.type = TH_CHANNEL_PEER,
                                         .owner = 7,
                                         .fields = th_text_bytes(&text),
                                         .body = {key->b, sizeof key->b}};
    enum th_err err = th_switchboard_channel(w->board[asker], w->now, &w->identity[middle].hashname,
                                             &request, &c);
    wire_settle(w);
    return err;
}

static inline enum th_err introduce(struct wire *w, int asker, int middle, int target)
{
    return ask(w, asker, middle, &w->identity[target].hashname, &w->identity[asker].keys.pub);
}

#endif
