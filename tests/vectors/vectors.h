/*
 * vectors.h - what the runners of vectors_test share.
 */
#ifndef TH_VECTORS_VECTORS_H
#define TH_VECTORS_VECTORS_H

#include "tests/lib/test_cases.h"

#include <jansson.h>

/* The value behind two keys, one in the other. */
const json_t *vectors_at(const json_t *json, const char *outer, const char *inner);

/* A string; NULL when there is none. */
const char *vectors_text(const json_t *json, const char *key);

json_int_t vectors_number(const json_t *json, const char *key, json_int_t missing);

/* Two nodes A and B, their opens and lines (vectors_cs3a.c). */
void vectors_cs3a(struct test_run *run, const json_t *json);

/* Packets for node B of such a file, good and bad. */
void vectors_cs3a_invalid(struct test_run *run, const json_t *json);

#endif
