/*
 * ctl_show.h - the daemon's answers as text for people.
 *
 * Floor:  7 (app).
 * Thread: one only.
 */
#ifndef TH_APP_CTL_SHOW_H
#define TH_APP_CTL_SHOW_H

#include "tools/app/ctl_text.h"

#include <jansson.h>

/* Each prints the result of the method of that name. A key that is missing prints as unknown. */
void th_show_status(const json_t *result, const struct th_style *style);
void th_show_peers(const json_t *result, const struct th_style *style);
void th_show_lines(const json_t *result, const struct th_style *style);
void th_show_channels(const json_t *result, const struct th_style *style);
void th_show_drops(const json_t *result, const struct th_style *style);
void th_show_servers(const json_t *result, const struct th_style *style);
void th_show_connect(const json_t *result, const struct th_style *style);

/* The whole trace of a lookup: who was asked, how near it is, what it answered, who had told of it. */
void th_show_seek(const json_t *result, const struct th_style *style);

/* The ways that a dial tried, below what is already printed; nothing when it had to try none.
 * digits: of hashnames. */
void th_show_ways(const json_t *result, int digits, const struct th_style *style);

/* One probe of a ping; sequence from 1. */
void th_show_ping_probe(const json_t *result, unsigned sequence, const struct th_style *style);

/* What many probes come to. */
struct th_ping_sum {
    unsigned sent, received;
    double least_ms, most_ms, sum_ms;
};
void th_show_ping_sum(const struct th_ping_sum *sum, const char *hex, const struct th_style *style);

/* A hashname as it is shown: short on a terminal. */
const char *th_show_hex(char text[72], const char *hex, const struct th_style *style);

/* The words of a dial's result: "not_found" becomes "not found". */
const char *th_show_dial_result(const char *word);

#endif
