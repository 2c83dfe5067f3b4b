/*
 * bytes.h - borrowed runs of bytes, and their hexadecimal form.
 *
 * Floor:  0.
 * Thread: any.
 */
#ifndef TH_BASE_BYTES_H
#define TH_BASE_BYTES_H

#include "switch/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of somebody else's bytes. `at` may be NULL when `len` is 0. */
struct th_bytes {
    const uint8_t *at;
    size_t len;
};

/* A view of a C string without its end. */
struct th_bytes th_bytes_of(const char *text);

/* True when both have the same length and content. Not for secrets: it takes its time from them. */
bool th_bytes_are_equal(struct th_bytes a, struct th_bytes b);

/*
 * Writes lower-case hex and a closing 0.
 *
 * hex  filled; must hold 2 * len + 1 characters.
 */
void th_hex_write(char *hex, const uint8_t *bytes, size_t len);

/*
 * Reads exactly len bytes from 2 * len hex digits of either case.
 *
 * hex  borrowed; needs no closing 0.
 *
 * Returns false, with bytes untouched, when hex_len is not 2 * len or a character is no hex digit.
 */
TH_MUST bool th_hex_read(uint8_t *bytes, size_t len, const char *hex, size_t hex_len);

/* The value 0..15 of one hex digit of either case, or -1. */
int th_hex_digit(char c);

#endif
