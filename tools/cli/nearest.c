#include "tools/cli/cli.h"

#include <string.h>

unsigned th_cli_distance(const char *a, size_t a_len, const char *b)
{
    unsigned row[TH_CLI_NAME_MAX + 1];
    size_t b_len = strlen(b);

    if (b_len > TH_CLI_NAME_MAX)
        return TH_CLI_FAR;
    for (unsigned k = 0; k <= b_len; k++)
        row[k] = k;
    for (size_t i = 0; i < a_len; i++) {
        unsigned corner = row[0];

        row[0] = (unsigned)i + 1;
        for (size_t k = 0; k < b_len; k++) {
            unsigned exchanged = corner + (a[i] != b[k]);
            unsigned least = row[k] < row[k + 1] ? row[k] + 1 : row[k + 1] + 1;

            corner = row[k + 1];
            row[k + 1] = exchanged < least ? exchanged : least;
        }
    }
    return row[b_len];
}

unsigned th_cli_near_max(size_t len)
{
    if (len < 3 || len >= TH_CLI_NAME_MAX)
        return 0;
    return len < 5 ? 2 : 3; /* more is another word */
}

const char *th_cli_nearest_command(const struct th_cli_program *program, const char *words)
{
    size_t len = strlen(words);
    unsigned least = th_cli_near_max(len);
    const char *nearest = NULL;

    for (unsigned i = 0; i < program->command_count; i++) {
        unsigned far = th_cli_distance(words, len, program->commands[i].name);

        if (far < least) {
            least = far;
            nearest = program->commands[i].name;
        }
    }
    return nearest;
}

const char *th_cli_nearest_flag(const struct th_cli_flag *flags, unsigned count, const char *name)
{
    size_t len = strlen(name);
    unsigned least = th_cli_near_max(len);
    const char *nearest = NULL;

    for (unsigned i = 0; i < count; i++) {
        unsigned far = th_cli_distance(name, len, flags[i].name);

        if (far < least && strncmp(flags[i].name, "--", 2) == 0) {
            least = far;
            nearest = flags[i].name;
        }
    }
    return nearest;
}
