/*
 * thbench - takes the figures of speed and size that the project promises.
 *
 * Prints a table, or with --json one object a line. What could not be measured is said on stderr.
 */
#include "tools/bench/bench.h"
#include "tools/cli/cli.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUITES_MAX = 8 };

struct wanted {
    const char *suite[SUITES_MAX];
    unsigned count; /* 0: all */
};

static const struct th_cli_flag flags[] = {
    {"--json", NULL, NULL, "one JSON object a line", NULL, false},
    {"--rounds", "N", NULL, "rounds of each figure, 1 to 1000 (5)", NULL, false},
    {"--help", NULL, NULL, "print this and end", NULL, false},
    {"--version", NULL, NULL, "print the versions of program and libraries and end", NULL, false},
};

/* Each suite once: those of one suite stand together. */
static void fill(struct th_cli_offer *offer, const char *value, int count, char *const words[])
{
    const char *suite = "";

    (void)count, (void)words;
    if (strcmp(value, "SUITE") != 0)
        return;
    for (const struct th_bench_entry *entry = th_bench_entries; entry->suite; entry++) {
        if (strcmp(entry->suite, suite) != 0)
            th_cli_offer(offer, entry->suite, NULL);
        suite = entry->suite;
    }
}

static const struct th_cli_program table = {.name = "thbench",
                                            .params = "[SUITE...]",
                                            .flags = flags,
                                            .flag_count = sizeof flags / sizeof flags[0],
                                            .fill = fill};

static void print_help(void)
{
    const char *suite = "";

    printf("usage: thbench [SUITE...] [--json] [--rounds N]\n\n"
           "Measures this build beside references that are taken in the same run, in turns, and\n"
           "prints medians. A ratio above 1 is better than the reference. Use a release build on\n"
           "a quiet machine of at least 2 processors.\n\nSuites (all, unless some are named):\n");
    for (const struct th_bench_entry *entry = th_bench_entries; entry->suite; entry++) {
        printf("  %-10s %s\n", strcmp(suite, entry->suite) == 0 ? "" : entry->suite,
               entry->figures);
        suite = entry->suite;
    }
    puts("\nFlags:");
    th_cli_print_flags(stdout, &table, false);
    puts("\nThe goal is one of the ratio where there is a reference, else one of the value.\n"
         "Exit: 0 all figures were taken, 1 some could not be, 2 wrong flags.");
}

static int complain(const char *what, const char *word)
{
    th_bench_note("%s: %s; see thbench --help", word, what);
    return 2;
}

static bool is_suite(const char *word)
{
    for (const struct th_bench_entry *entry = th_bench_entries; entry->suite; entry++)
        if (strcmp(word, entry->suite) == 0)
            return true;
    return false;
}

static bool read_rounds(unsigned *rounds, const char *text)
{
    char *end;
    unsigned long value;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    value = strtoul(text, &end, 10);
    if (*end || value < 1 || value > TH_ROUNDS_MAX)
        return false;
    *rounds = (unsigned)value;
    return true;
}

/* Returns the exit code, or -1 to go on. */
static int read_arguments(struct th_bench *bench, struct wanted *wanted, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            th_cli_print_version(stdout, "thbench");
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0) {
            bench->is_json = true;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            if (!read_rounds(&bench->rounds, argv[++i]))
                return complain("wants a number from 1 to 1000", "--rounds");
        } else if (argv[i][0] == '-') {
            return complain("there is no such flag", argv[i]);
        } else if (!is_suite(argv[i])) {
            return complain("there is no such suite", argv[i]);
        } else if (wanted->count == SUITES_MAX) {
            return complain("too many suites", argv[i]);
        } else {
            wanted->suite[wanted->count++] = argv[i];
        }
    }
    return -1;
}

static bool is_wanted(const struct wanted *wanted, const char *suite)
{
    for (unsigned i = 0; i < wanted->count; i++)
        if (strcmp(wanted->suite[i], suite) == 0)
            return true;
    return wanted->count == 0;
}

/* The programs that are measured lie beside this one. */
static void find_folder(struct th_bench *bench)
{
    ssize_t len = readlink("/proc/self/exe", bench->folder, sizeof bench->folder - 1);

    bench->folder[len > 0 ? len : 0] = 0;
    char *slash = strrchr(bench->folder, '/');
    if (slash)
        *slash = 0;
}

int main(int argc, char **argv)
{
    struct th_bench bench = {.rounds = TH_ROUNDS_DEFAULT};
    struct wanted wanted = {0};
    bool is_whole = true;

    int code = th_cli_hidden(&table, argc, argv);
    if (code < 0)
        code = read_arguments(&bench, &wanted, argc, argv);
    if (code >= 0)
        return code;
    if (sodium_init() < 0)
        return complain("cannot start", "libsodium");
    find_folder(&bench);
    if (strcmp(TH_BUILD_TYPE, "Release") != 0)
        th_bench_note("this is no release build (cmake --preset release): take no figures from it");
    for (const struct th_bench_entry *entry = th_bench_entries; entry->suite; entry++)
        if (is_wanted(&wanted, entry->suite))
            is_whole &= entry->run(&bench);
    return is_whole ? 0 : 1;
}
