/*
 * misuse_rows.h - the rows of the API's misuse table, and that every function has some.
 *
 *     misuse_begin();
 *     INVALID(th_node_listen, "no node", th_node_listen(NULL, "_a", on_incoming, NULL));
 *     misuse_check_whole();
 */
#ifndef TH_TESTS_MISUSE_ROWS_H
#define TH_TESTS_MISUSE_ROWS_H

#include "router/telehash.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test_cmocka.h"

enum { FUNCTIONS_MAX = 64, NAME_MAX_ = 48 };

/* The functions that have a row. */
static char seen[FUNCTIONS_MAX][NAME_MAX_];
static unsigned seen_count;

static inline int is_seen(const char *function)
{
    for (unsigned i = 0; i < seen_count; i++)
        if (strcmp(seen[i], function) == 0)
            return 1;
    return 0;
}

static inline void check_row(const char *function, const char *wrong, const char *call, int got,
                             int wanted)
{
    char begin[NAME_MAX_ + 1];

    snprintf(begin, sizeof begin, "%s(", function);
    if (strstr(call, begin) == NULL)
        fail_msg("the row of %s does not call it: %s", function, call);
    if (got != wanted)
        fail_msg("%s, %s: %d (%s) and not %d: %s", function, wrong, got,
                 th_strerror((enum th_err)got), wanted, call);
    if (!is_seen(function)) {
        assert_true(seen_count < FUNCTIONS_MAX);
        snprintf(seen[seen_count++], NAME_MAX_, "%s", function);
    }
}

/* One row: what is wrong, the call, and what it answers. */
#define ROW(function, wrong, call, answer)                                                         \
    check_row(#function, wrong, #call, (int)(call), (int)(answer))
#define INVALID(function, wrong, call) ROW(function, wrong, call, TH_INVALID)

/* It answers nothing, and does nothing. */
#define IGNORED(function, wrong, call) ROW(function, wrong, (call, TH_OK), TH_OK)

static inline void misuse_begin(void)
{
    seen_count = 0;
}

/* The name of the function that a line of telehash.h declares; false when it declares none. */
static inline int find_declared(const char *line, char name[NAME_MAX_])
{
    const char *end = strchr(line, '('), *begin = end;

    if (strncmp(line, "TH_API ", 7) != 0 || end == NULL)
        return 0;
    while (begin > line && begin[-1] != ' ' && begin[-1] != '*')
        begin--;
    snprintf(name, NAME_MAX_, "%.*s", (int)(end - begin), begin);
    return 1;
}

/* Fails when a function that telehash.h declares has no row. */
static inline void misuse_check_whole(void)
{
    FILE *header = fopen("router/telehash.h", "r");
    char line[256], name[NAME_MAX_];
    unsigned declared = 0;
    if (header == NULL)
        fail_msg("there is no router/telehash.h here: run this in the folder of the project");

    while (fgets(line, sizeof line, header)) {
        if (!find_declared(line, name))
            continue;
        declared++;
        if (!is_seen(name))
            fail_msg("%s has no row in the misuse table", name);
    }
    fclose(header);
    assert_int_equal(declared, seen_count);
    assert_true(declared >= 31);
}

#endif
