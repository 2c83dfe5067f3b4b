/*
 * top.h - what thctl top shows: rows of one view, with rates from two looks, sorted and filtered; and what
 * keys do to that.
 *
 * Pure: what the daemon answered goes in, cells come out. Drawing is ctl_top.h's.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_TOP_H
#define TH_APP_TOP_H

#include "switch/base/check.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { TH_TOP_COLUMNS_MAX = 10, TH_TOP_CELL_MAX = 80, TH_TOP_FILTER_MAX = 32 };

enum th_top_view { TH_TOP_PEERS, TH_TOP_TRAFFIC, TH_TOP_SERVERS, TH_TOP_DROPS, TH_TOP_VIEWS };

/* What is wanted. */
struct th_top {
    enum th_top_view view;
    unsigned sort[TH_TOP_VIEWS];    /* which column */
    bool is_down[TH_TOP_VIEWS];     /* the greatest first */
    char filter[TH_TOP_FILTER_MAX]; /* rows with this in a cell, in upper or lower case; "" all */
    bool is_typing;                 /* keys go to the filter */
    unsigned first;                 /* the first row that is shown */
};

void th_top_init(struct th_top *top);

/* "peers", "traffic", "servers", "drops"; and the method that answers with its rows. */
const char *th_top_view_name(enum th_top_view view);
const char *th_top_method(enum th_top_view view);

/* Keys that are no character. */
enum th_top_key {
    TH_TOP_KEY_ENTER = '\n',
    TH_TOP_KEY_ESCAPE = 27,
    TH_TOP_KEY_BACK = 127,
    TH_TOP_KEY_LEFT = 0x1000,
    TH_TOP_KEY_RIGHT,
    TH_TOP_KEY_UP,
    TH_TOP_KEY_DOWN
};

/* A key was pressed. Returns false when it means the end. */
bool th_top_on_key(struct th_top *top, int key);

struct th_top_cell {
    char text[TH_TOP_CELL_MAX];
    bool is_number;
    double value; /* of a number; unknown ones have none and are shown as - */
};

struct th_top_grid {
    unsigned columns, rows, all_rows; /* all_rows: before the filter */
    const char *head[TH_TOP_COLUMNS_MAX];
    bool is_right[TH_TOP_COLUMNS_MAX];
    struct th_top_cell *cell; /* row by row */
};

/*
 * Makes the rows of the view.
 *
 * now     the daemon's answer.
 * before  the one before; NULL: there is none, and rates are unknown.
 * passed_ms  between the two.
 * digits  of hashnames.
 * out     ends with th_top_grid_clear, whatever is returned. Errors: false, without memory.
 */
TH_MUST bool th_top_grid_make(struct th_top_grid *out, const struct th_top *top, const json_t *now,
                              const json_t *before, int64_t passed_ms, int digits);
void th_top_grid_clear(struct th_top_grid *grid);

/* A line of it as text, cut to so many characters: row, or the heads for -1. */
void th_top_line(char *text, size_t room, const struct th_top_grid *grid, int row);

#endif
