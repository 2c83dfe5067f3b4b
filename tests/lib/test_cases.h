/*
 * test_cases.h - for runners of case files: counts cases, says each failure, reads hex.
 *
 *     test_case_begin(&run, "the good open");
 *     test_same(&run, "mac", mac, hex_of_the_file);
 *     test_case_end(&run);
 *
 * Not cmocka's asserts: one failure shall not hide the next.
 */
#ifndef TH_LIB_TEST_CASES_H
#define TH_LIB_TEST_CASES_H

#include "switch/base/bytes.h"

enum { TEST_BLOB_MAX = 4096 };

/* Bytes that were hex in a file. */
struct test_blob {
    uint8_t b[TEST_BLOB_MAX];
    size_t len;
};

/* One file being run. */
struct test_run {
    const char *folder;
    const char *file;
    const char *name; /* of the case */
    unsigned passed, failed;
    unsigned left;  /* cases that this runner cannot judge */
    bool is_failed; /* the case */
};

void test_case_begin(struct test_run *run, const char *name);
void test_case_end(struct test_run *run);

/* Fails the case, and says why, unless is_so. Returns is_so. */
bool test_expect(struct test_run *run, bool is_so, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads hex; fails the case when it is NULL, none or too long. */
struct test_blob test_hex(struct test_run *run, const char *hex);

struct th_bytes test_bytes(const struct test_blob *blob);

/* Reads hex of exactly len bytes; fails the case, and zeroes out, when it is not. */
void test_fixed(struct test_run *run, void *out, size_t len, const char *hex);

/* Fails the case when the bytes are not those of the hex. */
void test_same(struct test_run *run, const char *what, struct th_bytes got, const char *hex);

#endif
