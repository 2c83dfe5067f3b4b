/*
 * ctl_text.h - how thctl writes for people: aligned tables, units, short hashnames, colour.
 *
 * Floor:  7 (app).
 * Thread: one only.
 */
#ifndef TH_APP_CTL_TEXT_H
#define TH_APP_CTL_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TH_TABLE_COLUMNS_MAX = 16, TH_CELL_MAX = 192, TH_HEX_SHORT_MIN = 8 };

/* How to write. On a terminal hashnames are short (unless full) and colour is used (unless NO_COLOR
 * is set); elsewhere neither. Where the locale is one of UTF-8 pictures are drawn with its signs. */
struct th_style {
    FILE *out;
    bool is_short;
    bool is_coloured;
    bool is_utf8; /* lines and bars may be drawn; else with ASCII */
};

struct th_style th_style_of(FILE *out, bool is_full);

/* Sequences for the start and end of a colour; "" when there is none. */
const char *th_bold(const struct th_style *style);
const char *th_dim(const struct th_style *style);
const char *th_green(const struct th_style *style);
const char *th_red(const struct th_style *style);
const char *th_plain(const struct th_style *style);

/* A table that is filled cell by cell and printed when all widths are known. A zeroed one with its
 * columns named is empty. */
struct th_table {
    unsigned columns;
    const char *head[TH_TABLE_COLUMNS_MAX];
    bool is_right[TH_TABLE_COLUMNS_MAX]; /* numbers */
    unsigned cells, room;
    char (*cell)[TH_CELL_MAX]; /* row by row */
};

/* Adds a column; before the first cell. */
void th_table_column(struct th_table *table, const char *head, bool is_right);

/* Adds the next cell; a longer text is cut. Ends the process without memory, as this is no daemon. */
void th_table_cell(struct th_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints head and rows, two spaces apart, and frees the table. */
void th_table_print(struct th_table *table, const struct th_style *style);

/* "0.41 ms", "12 s", "3 min", "2 h 5 min", "4 d 2 h". */
const char *th_text_ms(char text[32], uint64_t ms);

/* "512 B", "1.5 kB", "3.2 MB". */
const char *th_text_bytes_count(char text[32], uint64_t bytes);

/*
 * How many digits tell these hashnames apart: at least TH_HEX_SHORT_MIN, 64 at most.
 * hex  hashnames of 64 digits; NULL ones are skipped; the same one may be there twice.
 */
unsigned th_hex_digits(const char *const *hex, unsigned count);

#endif
