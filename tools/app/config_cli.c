/* What completion and pages want of the table of flags. */
#include "tools/app/config_table.h"

#include "tools/cli/cli.h"

enum { FLAGS_MAX = 64 };

static const struct th_cli_choice choices[] = {
    {"LEVEL", "error warn info debug"}, {"FORMAT", "text json"}, {"1", "1"}};

int th_config_hidden(int argc, char *const argv[])
{
    struct th_cli_flag flags[FLAGS_MAX];
    char names[FLAGS_MAX][TH_KEY_NAME_MAX + 2];

    TH_CHECK(th_config_key_count <= FLAGS_MAX);
    for (unsigned i = 0; i < th_config_key_count; i++) {
        const struct th_config_key *key = &th_config_keys[i];

        snprintf(names[i], sizeof names[i], "--%s", key->name);
        flags[i] = (struct th_cli_flag){.name = names[i], .value = key->value, .help = key->help};
    }
    struct th_cli_program table = {.name = "telehashd",
                                   .params = "",
                                   .flags = flags,
                                   .flag_count = th_config_key_count,
                                   .choices = choices,
                                   .choice_count = sizeof choices / sizeof choices[0]};
    return th_cli_hidden(&table, argc, argv);
}
