/*
 * text.h - puts short texts together in a caller's buffer, JSON members above all.
 *
 * An overflow is remembered instead of returned at every call:
 *
 *     struct th_text t = th_text_in(buffer, sizeof buffer);
 *     th_text_put(&t, "\"seek\":\"%s\"", hex);
 *     if (t.is_cut) …
 *
 * Floor:  1 (wire).
 * Thread: the owner's.
 */
#ifndef TH_WIRE_TEXT_H
#define TH_WIRE_TEXT_H

#include "switch/base/bytes.h"

struct th_text {
    char *at; /* always ends with a 0 */
    size_t cap;
    size_t len;
    bool is_cut; /* something did not fit; what is there is whole calls only */
};

/* An empty text in a borrowed buffer of at least 1 byte. */
struct th_text th_text_in(char *buffer, size_t cap);

/* Appends as printf does; when it does not fit, appends nothing and sets is_cut. */
void th_text_put(struct th_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with characters as they are: ten times as fast as printf, for what every packet has. */
void th_text_add(struct th_text *text, const char *at, size_t len);

/* Appends a JSON string with its quotes, escaped as RFC 8259 section 7 wants. value is UTF-8. */
void th_text_put_json(struct th_text *text, const char *value);

/* What is there, as bytes. */
struct th_bytes th_text_bytes(const struct th_text *text);

#endif
