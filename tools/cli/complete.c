#include "tools/cli/cli.h"

#include <string.h>

struct th_cli_offer {
    const struct th_cli_program *program;
    FILE *out;
    const char *typed; /* what the word begins with */
    const char *head;  /* "--level=", before each word that is offered; "" */
    int count;         /* of the words before it */
    char *const *words;
};

/* What the words so far are. */
struct said {
    const char *word[8]; /* those that are no flags; more are not looked at */
    unsigned count;
    const struct th_cli_flag *open; /* waits for its value */
};

void th_cli_offer(struct th_cli_offer *offer, const char *word, const char *about)
{
    if (strncmp(word, offer->typed, strlen(offer->typed)) != 0)
        return;
    fprintf(offer->out, "%s%s", offer->head, word);
    if (about && about[0])
        fprintf(offer->out, "\t%s", about);
    fputc('\n', offer->out);
}

/* --- values --------------------------------------------------------------------------------------- */

static void offer_words(struct th_cli_offer *offer, const char *words)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        char word[64];

        snprintf(word, sizeof word, "%.*s", (int)len, words);
        th_cli_offer(offer, word, NULL);
        words += len;
        words += strspn(words, " ");
    }
}

static void offer_value(struct th_cli_offer *offer, const char *value)
{
    const struct th_cli_program *program = offer->program;

    for (unsigned i = 0; i < program->choice_count; i++) {
        if (strcmp(program->choices[i].value, value) == 0) {
            offer_words(offer, program->choices[i].words);
            return;
        }
    }
    if (strcmp(value, "FILE") == 0 || strcmp(value, "PATH") == 0)
        fputs(":file\n", offer->out);
    else if (strcmp(value, "DIR") == 0)
        fputs(":folder\n", offer->out);
    else if (program->fill)
        program->fill(offer, value, offer->count, offer->words);
}

/* --- commands ------------------------------------------------------------------------------------- */

/* How many of the words said are the command's name: 0 when they are not its name. */
static unsigned name_words(const struct th_cli_command *command, const struct said *said)
{
    const char *space = strchr(command->name, ' ');
    size_t len = space ? (size_t)(space - command->name) : strlen(command->name);

    if (said->count == 0 || strlen(said->word[0]) != len ||
        strncmp(said->word[0], command->name, len) != 0)
        return 0;
    if (space == NULL)
        return 1;
    return said->count > 1 && strcmp(said->word[1], space + 1) == 0 ? 2 : 0;
}

static const struct th_cli_command *command_of(const struct th_cli_program *program,
                                               const struct said *said, unsigned *words)
{
    for (unsigned i = 0; i < program->command_count; i++)
        if ((*words = name_words(&program->commands[i], said)))
            return &program->commands[i];
    *words = 0;
    return NULL;
}

/* The first words of commands, or, after the first word of a group, the second ones. */
static void offer_commands(struct th_cli_offer *offer, const struct said *said)
{
    const struct th_cli_program *program = offer->program;
    const char *group = "";
    size_t group_len = 0;

    for (unsigned i = 0; i < program->command_count; i++) {
        const struct th_cli_command *command = &program->commands[i];
        const char *space = strchr(command->name, ' ');
        size_t len = space ? (size_t)(space - command->name) : 0;

        if (said->count == 1) {
            if (space && strlen(said->word[0]) == len &&
                strncmp(said->word[0], command->name, len) == 0)
                th_cli_offer(offer, space + 1, command->help);
        } else if (space == NULL) {
            if (strlen(command->name) != group_len || strncmp(command->name, group, group_len) != 0)
                th_cli_offer(offer, command->name, command->help);
        } else if (len != group_len || strncmp(command->name, group, len) != 0) {
            char word[TH_CLI_NAME_MAX];

            snprintf(word, sizeof word, "%.*s", (int)len, command->name);
            th_cli_offer(offer, word, NULL);
            group = command->name, group_len = len;
        }
    }
}

static void offer_flags(struct th_cli_offer *offer, const struct th_cli_command *command,
                        bool filters_only)
{
    const struct th_cli_program *program = offer->program;

    for (unsigned i = 0; i < program->flag_count; i++) {
        const struct th_cli_flag *flag = &program->flags[i];

        if (filters_only && !flag->is_filter)
            continue;
        if (flag->commands == NULL || (command && th_cli_goes_with(flag, command->name)))
            th_cli_offer(offer, flag->name, flag->help);
    }
}

static void offer_word(struct th_cli_offer *offer, const struct said *said)
{
    unsigned words;
    const struct th_cli_command *command = command_of(offer->program, said, &words);
    const char *params = command ? command->params : offer->program->params;
    char value[TH_CLI_NAME_MAX];

    if (offer->typed[0] == '-') {
        offer_flags(offer, command, false);
        return;
    }
    if (offer->program->command_count > 0 && said->count <= 1)
        offer_commands(offer, said);
    if (offer->program->command_count > 0 && command == NULL)
        return;
    if (!th_cli_param_at(value, params, said->count - words))
        return;
    if (strcmp(value, "FILTER") == 0)
        offer_flags(offer, command, true);
    else
        offer_value(offer, value);
}

/* --- the command line so far ---------------------------------------------------------------------- */

static void read_said(struct said *said, const struct th_cli_program *program, int count,
                      char *const words[])
{
    *said = (struct said){.count = 0};
    for (int i = 0; i < count; i++) {
        if (said->open) {
            said->open = NULL;
        } else if (words[i][0] == '-' && words[i][1]) {
            const struct th_cli_flag *flag =
                th_cli_flag_find(program->flags, program->flag_count, words[i]);
            said->open = flag && flag->value ? flag : NULL;
        } else if (said->count < sizeof said->word / sizeof said->word[0]) {
            said->word[said->count++] = words[i];
        }
    }
}

/* --flag=value in one word. */
static bool offer_joined(struct th_cli_offer *offer)
{
    static const char sign = '=';
    const char *at = strncmp(offer->typed, "--", 2) == 0 ? strchr(offer->typed, sign) : NULL;
    char name[TH_CLI_NAME_MAX], head[TH_CLI_NAME_MAX + 1];

    if (at == NULL || at - offer->typed >= TH_CLI_NAME_MAX)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(at - offer->typed), offer->typed);
    const struct th_cli_flag *flag =
        th_cli_flag_find(offer->program->flags, offer->program->flag_count, name);
    if (flag && flag->value) {
        snprintf(head, sizeof head, "%s=", name);
        offer->head = head;
        offer->typed = at + 1;
        offer_value(offer, flag->value);
        offer->head = "";
    }
    return true;
}

static int complete(const struct th_cli_program *program, int count, char *const words[])
{
    struct th_cli_offer offer = {.program = program,
                                 .out = stdout,
                                 .typed = count > 0 ? words[count - 1] : "",
                                 .head = "",
                                 .count = count > 0 ? count - 1 : 0,
                                 .words = words};
    struct said said;

    read_said(&said, program, offer.count, words);
    if (said.open)
        offer_value(&offer, said.open->value);
    else if (!offer_joined(&offer))
        offer_word(&offer, &said);
    return 0;
}

static int print_words(const struct th_cli_program *program)
{
    printf("program\t%s\t%s\n", program->name, program->params);
    for (unsigned i = 0; i < program->command_count; i++)
        printf("command\t%s\t%s\t%s\n", program->commands[i].name, program->commands[i].params,
               program->commands[i].help);
    for (unsigned i = 0; i < program->flag_count; i++) {
        const struct th_cli_flag *flag = &program->flags[i];

        printf("flag\t%s\t%s\t%s\t%s\n", flag->name, flag->value ? flag->value : "",
               flag->commands ? flag->commands : "", flag->help);
    }
    return 0;
}

int th_cli_hidden(const struct th_cli_program *program, int argc, char *const argv[])
{
    if (argc > 1 && strcmp(argv[1], "__complete") == 0)
        return complete(program, argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "__words") == 0)
        return print_words(program);
    return -1;
}
