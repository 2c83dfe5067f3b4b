#include "tools/cli/cli.h"

#include <string.h>

enum { COLUMNS_MAX = 100, NAME_COLUMNS = 16, COMMAND_COLUMNS = 34 };

/* --- the table ------------------------------------------------------------------------------------ */

const struct th_cli_flag *th_cli_flag_find(const struct th_cli_flag *flags, unsigned count,
                                           const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
    return NULL;
}

bool th_cli_goes_with(const struct th_cli_flag *flag, const char *command)
{
    size_t len = strlen(command);

    if (flag->commands == NULL)
        return true;
    for (const char *at = flag->commands; *at;) {
        size_t n = strcspn(at, ",");

        if (n == len && strncmp(at, command, n) == 0)
            return true;
        at += n;
        at += strspn(at, ", ");
    }
    return false;
}

/* The next word of params from *at on, with its length; NULL when there is none. */
static const char *next_param(const char **at, size_t *len)
{
    const char *word = *at + strspn(*at, " ");

    *len = strcspn(word, " ");
    *at = word + *len;
    return *len ? word : NULL;
}

static bool is_repeated(const char *word, size_t len)
{
    len -= len > 0 && word[len - 1] == ']';
    return len > 3 && strncmp(word + len - 3, "...", 3) == 0;
}

void th_cli_params_count(const char *params, unsigned *least, unsigned *most)
{
    const char *word;
    size_t len;

    *least = *most = 0;
    while ((word = next_param(&params, &len))) {
        if (strncmp(word, "[FILTER", 7) == 0)
            continue; /* those are flags */
        *least += word[0] != '[';
        *most = is_repeated(word, len) ? (unsigned)-1 : *most + 1;
    }
}

bool th_cli_param_at(char name[TH_CLI_NAME_MAX], const char *params, unsigned at)
{
    const char *word, *last = NULL;
    size_t len, last_len = 0;

    for (unsigned i = 0; (word = next_param(&params, &len)); i++) {
        last = word, last_len = len;
        if (i == at)
            break;
    }
    if (last == NULL || (word == NULL && !is_repeated(last, last_len)))
        return false;
    last += last[0] == '[';
    snprintf(name, TH_CLI_NAME_MAX, "%.*s", (int)strcspn(last, " ].,"), last);
    return true;
}

/* --- help ----------------------------------------------------------------------------------------- */

/* What must stay in one line: a word, or all that is in brackets. */
static unsigned unit_len(const char *text)
{
    size_t len = strcspn(text, " ");

    if (text[0] == '[' && text[strcspn(text, "]")] == ']')
        len = strcspn(text, "]") + 1;
    return (unsigned)len;
}

/* Writes text where the cursor is, in `column`, and goes on in lines that begin in `indent`. */
static void print_wrapped(FILE *out, unsigned indent, unsigned column, const char *text)
{
    for (const char *space = ""; *text; space = " ") {
        unsigned len = unit_len(text);

        if (*space && column + 1 + len > COLUMNS_MAX) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            space = "";
        }
        column += (unsigned)fprintf(out, "%s%.*s", space, (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* A name and what is said of it, which begins in a line of its own when the name is long. */
static void print_entry(FILE *out, const char *name, unsigned columns, const char *help)
{
    if (strlen(name) > columns) {
        fputs("  ", out);
        print_wrapped(out, 6, 2, name);
        fprintf(out, "%*s", (int)columns + 3, "");
    } else {
        fprintf(out, "  %-*s ", (int)columns, name);
    }
    print_wrapped(out, columns + 3, columns + 3, help);
}

static void write_flag(char text[64], const struct th_cli_flag *flag)
{
    snprintf(text, 64, "%s%s%s", flag->name, flag->value ? " " : "",
             flag->value ? flag->value : "");
}

enum { USAGE_MAX = 512 };

static void write_usage(char usage[USAGE_MAX], const struct th_cli_program *program,
                        const struct th_cli_command *command)
{
    size_t len = (size_t)snprintf(usage, USAGE_MAX, "%s%s%s", command->name,
                                  command->params[0] ? " " : "", command->params);
    char text[64];

    for (unsigned k = 0; k < program->flag_count && len < USAGE_MAX; k++) {
        const struct th_cli_flag *flag = &program->flags[k];

        if (!flag->commands || flag->is_filter || !th_cli_goes_with(flag, command->name))
            continue;
        write_flag(text, flag);
        len += (size_t)snprintf(usage + len, USAGE_MAX - len, " [%s]", text);
    }
}

void th_cli_print_commands(FILE *out, const struct th_cli_program *program)
{
    for (unsigned i = 0; i < program->command_count; i++) {
        char usage[USAGE_MAX];

        write_usage(usage, program, &program->commands[i]);
        print_entry(out, usage, COMMAND_COLUMNS, program->commands[i].help);
    }
}

void th_cli_print_command(FILE *out, const struct th_cli_program *program,
                          const struct th_cli_command *command)
{
    char usage[USAGE_MAX], name[64];
    bool has_flags = false;

    write_usage(usage, program, command);
    fprintf(out, "%s ", program->name);
    print_wrapped(out, 8, (unsigned)strlen(program->name) + 1, usage);
    fputs("    ", out);
    print_wrapped(out, 4, 4, command->help);
    for (unsigned i = 0; i < program->flag_count; i++) {
        const struct th_cli_flag *flag = &program->flags[i];

        if (!flag->commands || !th_cli_goes_with(flag, command->name))
            continue;
        if (!has_flags)
            fputc('\n', out);
        has_flags = true;
        write_flag(name, flag);
        print_entry(out, name, NAME_COLUMNS, flag->help);
    }
}

void th_cli_print_flags(FILE *out, const struct th_cli_program *program, bool filters)
{
    for (unsigned i = 0; i < program->flag_count; i++) {
        const struct th_cli_flag *flag = &program->flags[i];
        char name[64], help[512];
        bool is_named = flag->commands && !flag->is_filter;

        if (flag->is_filter != filters)
            continue;
        write_flag(name, flag);
        snprintf(help, sizeof help, "%s%s%s%s", is_named ? "with " : "",
                 is_named ? flag->commands : "", is_named ? ": " : "", flag->help);
        print_entry(out, name, NAME_COLUMNS, help);
    }
}
