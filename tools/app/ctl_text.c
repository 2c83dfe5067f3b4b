#include "tools/app/ctl_text.h"

#include "switch/base/mem.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct th_style th_style_of(FILE *out, bool is_full)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool is_utf8 = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    bool is_terminal = isatty(fileno(out)) == 1;

    return (struct th_style){
        .out = out,
        .is_short = is_terminal && !is_full,
        .is_coloured = is_terminal && (no_colour == NULL || no_colour[0] == '\0') && term &&
                       strcmp(term, "dumb") != 0,
        .is_utf8 = is_utf8,
    };
}

const char *th_bold(const struct th_style *style)
{
    return style->is_coloured ? "\033[1m" : "";
}

const char *th_dim(const struct th_style *style)
{
    return style->is_coloured ? "\033[2m" : "";
}

const char *th_green(const struct th_style *style)
{
    return style->is_coloured ? "\033[32m" : "";
}

const char *th_red(const struct th_style *style)
{
    return style->is_coloured ? "\033[31m" : "";
}

const char *th_plain(const struct th_style *style)
{
    return style->is_coloured ? "\033[0m" : "";
}

/* --- tables --------------------------------------------------------------------------------------- */

void th_table_column(struct th_table *table, const char *head, bool is_right)
{
    if (table->columns == TH_TABLE_COLUMNS_MAX)
        return;
    table->head[table->columns] = head;
    table->is_right[table->columns] = is_right;
    table->columns++;
}

void th_table_cell(struct th_table *table, const char *format, ...)
{
    va_list args;

    if (table->cells == table->room) {
        unsigned room = table->room ? table->room * 2 : 64;
        void *cell = th_mem_resize(table->cell, room, sizeof *table->cell);

        if (cell == NULL) {
            fputs("thctl: out of memory\n", stderr);
            exit(1);
        }
        table->cell = cell;
        table->room = room;
    }
    va_start(args, format);
    vsnprintf(table->cell[table->cells++], TH_CELL_MAX, format, args);
    va_end(args);
}

/* Columns that it takes: one for each character, and every one of ours is one wide. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_row(const struct th_table *table, const struct th_style *style,
                      const int width[TH_TABLE_COLUMNS_MAX],
                      const char *(*text)(const void *, unsigned), const void *row)
{
    for (unsigned i = 0; i < table->columns; i++) {
        bool is_last = i + 1 == table->columns;
        const char *cell = text(row, i);
        int gap = width[i] - width_of(cell);

        if (table->is_right[i])
            fprintf(style->out, "%*s%s%s", gap, "", cell, is_last ? "" : "  ");
        else
            fprintf(style->out, "%s%*s", cell, is_last ? 0 : gap + 2, "");
    }
}

static const char *head_text(const void *row, unsigned i)
{
    return ((const char *const *)row)[i];
}

static const char *cell_text(const void *row, unsigned i)
{
    return ((const char(*)[TH_CELL_MAX])row)[i];
}

void th_table_print(struct th_table *table, const struct th_style *style)
{
    int width[TH_TABLE_COLUMNS_MAX];

    for (unsigned i = 0; i < table->columns; i++) {
        width[i] = width_of(table->head[i]);
        for (unsigned at = i; at < table->cells; at += table->columns)
            if (width_of(table->cell[at]) > width[i])
                width[i] = width_of(table->cell[at]);
    }
    fputs(th_bold(style), style->out);
    print_row(table, style, width, head_text, table->head);
    fprintf(style->out, "%s\n", th_plain(style));
    for (unsigned at = 0; at + table->columns <= table->cells; at += table->columns) {
        print_row(table, style, width, cell_text, &table->cell[at]);
        fputc('\n', style->out);
    }
    th_mem_free(table->cell);
    table->cell = NULL;
    table->cells = table->room = 0;
}

/* --- values --------------------------------------------------------------------------------------- */

const char *th_text_ms(char text[32], uint64_t ms)
{
    unsigned long long s = ms / 1000;

    if (ms < 1000)
        snprintf(text, 32, "%llu ms", (unsigned long long)ms);
    else if (s < 60)
        snprintf(text, 32, "%llu s", s);
    else if (s < 3600)
        snprintf(text, 32, "%llu min", s / 60);
    else if (s < 86400)
        snprintf(text, 32, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else
        snprintf(text, 32, "%llu d %llu h", s / 86400, s % 86400 / 3600);
    return text;
}

const char *th_text_bytes_count(char text[32], uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t tenths = bytes / 100; /* of a kB */
    unsigned unit = 0;

    if (bytes < 1000) {
        snprintf(text, 32, "%u B", (unsigned)bytes);
        return text;
    }
    while (tenths >= 10000) {
        tenths /= 1000;
        unit++;
    }
    snprintf(text, 32, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
    return text;
}

unsigned th_hex_digits(const char *const *hex, unsigned count)
{
    unsigned digits = TH_HEX_SHORT_MIN;

    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; hex[i] && j < i; j++) {
            unsigned same = 0;

            while (hex[j] && same < 64 && hex[i][same] && hex[i][same] == hex[j][same])
                same++;
            if (same < 64 && same + 1 > digits)
                digits = same + 1;
        }
    return digits;
}
