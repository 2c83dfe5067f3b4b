#include "tests/lib/test_cases.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void test_case_begin(struct test_run *run, const char *name)
{
    run->name = name ? name : "(no name)";
    run->is_failed = false;
}

void test_case_end(struct test_run *run)
{
    if (run->is_failed)
        run->failed++;
    else
        run->passed++;
}

bool test_expect(struct test_run *run, bool is_so, const char *format, ...)
{
    va_list args;

    if (is_so)
        return true;
    run->is_failed = true;
    printf("  FAILED %s: %s: ", run->file, run->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return false;
}

struct test_blob test_hex(struct test_run *run, const char *hex)
{
    struct test_blob blob = {.len = hex ? strlen(hex) / 2 : 0};

    if (!test_expect(run, hex && blob.len <= TEST_BLOB_MAX, "a hex value is missing or too long") ||
        !test_expect(run, th_hex_read(blob.b, blob.len, hex, strlen(hex)), "no hex: %.40s", hex))
        blob.len = 0;
    return blob;
}

struct th_bytes test_bytes(const struct test_blob *blob)
{
    return (struct th_bytes){blob->b, blob->len};
}

void test_fixed(struct test_run *run, void *out, size_t len, const char *hex)
{
    struct test_blob blob = test_hex(run, hex);

    memset(out, 0, len);
    if (test_expect(run, blob.len == len, "a value has %zu bytes instead of %zu", blob.len, len))
        memcpy(out, blob.b, len);
}

void test_same(struct test_run *run, const char *what, struct th_bytes got, const char *hex)
{
    struct test_blob blob = test_hex(run, hex);

    test_expect(run, th_bytes_are_equal(got, test_bytes(&blob)),
                "%s: %zu bytes that are not the %zu known", what, got.len, blob.len);
}
