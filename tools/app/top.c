#include "tools/app/top.h"

#include "switch/base/mem.h"
#include "tools/app/ctl_text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- columns -------------------------------------------------------------------------------------- */

enum kind {
    TEXT,
    HEX,
    YES,
    NUMBER,
    MS,
    US,
    BYTES,
    RATE,      /* of a counter, each second */
    BYTES_RATE /* the same of bytes */
};

struct column {
    const char *head, *key;
    enum kind kind;
};

static const struct view {
    const char *name, *method, *id,
        *id2; /* id: the members that tell rows apart; id2 may be NULL */
    unsigned sort;
    bool is_down;
    struct column column[TH_TOP_COLUMNS_MAX];
} views[TH_TOP_VIEWS] = {
    [TH_TOP_PEERS] = {"peers",
                      "peers",
                      "hashname",
                      NULL,
                      0,
                      false,
                      {{"HASHNAME", "hashname", HEX},
                       {"LINK", "direction", TEXT},
                       {"SEED", "seed", YES},
                       {"RTT", "rtt_ms", MS},
                       {"LINE AGE", "line_age_ms", MS},
                       {"HEARD", "last_rx_ms_ago", MS},
                       {"RX/s", "rx_bytes", BYTES_RATE},
                       {"TX/s", "tx_bytes", BYTES_RATE},
                       {"PATH", "path", TEXT}}},
    [TH_TOP_TRAFFIC] = {"traffic",
                        "peers",
                        "hashname",
                        NULL,
                        1,
                        true,
                        {{"HASHNAME", "hashname", HEX},
                         {"RX/s", "rx_bytes", BYTES_RATE},
                         {"TX/s", "tx_bytes", BYTES_RATE},
                         {"RX PACKETS/s", "rx_packets", RATE},
                         {"TX PACKETS/s", "tx_packets", RATE},
                         {"RX", "rx_bytes", BYTES},
                         {"TX", "tx_bytes", BYTES},
                         {"RX PACKETS", "rx_packets", NUMBER},
                         {"TX PACKETS", "tx_packets", NUMBER},
                         {"PATH", "path", TEXT}}},
    [TH_TOP_SERVERS] = {"servers",
                        "servers",
                        "name",
                        NULL,
                        7,
                        true,
                        {{"SERVER", "name", TEXT},
                         {"STATE", "state", TEXT},
                         {"DOING", "doing", TEXT},
                         {"FOR", "doing_ms", MS},
                         {"MAILBOX", "mailbox", NUMBER},
                         {"PEAK", "mailbox_peak", NUMBER},
                         {"REFUSED", "refused", NUMBER},
                         {"MESSAGES/s", "messages", RATE},
                         {"LONGEST", "longest_callback_us", US},
                         {"RESTARTS", "restarts", NUMBER}}},
    [TH_TOP_DROPS] = {"drops",
                      "drops",
                      "reason",
                      "server",
                      1,
                      true,
                      {{"REASON", "reason", TEXT},
                       {"COUNT", "count", NUMBER},
                       {"/s", "count", RATE},
                       {"SERVER", "server", TEXT},
                       {"MEANING", "meaning", TEXT}}},
};

static unsigned columns_of(const struct view *view)
{
    unsigned count = 0;

    while (count < TH_TOP_COLUMNS_MAX && view->column[count].head)
        count++;
    return count;
}

const char *th_top_view_name(enum th_top_view view)
{
    return views[view].name;
}

const char *th_top_method(enum th_top_view view)
{
    return views[view].method;
}

void th_top_init(struct th_top *top)
{
    *top = (struct th_top){0};
    for (unsigned i = 0; i < TH_TOP_VIEWS; i++) {
        top->sort[i] = views[i].sort;
        top->is_down[i] = views[i].is_down;
    }
}

/* --- keys ----------------------------------------------------------------------------------------- */

static void type(struct th_top *top, int key)
{
    size_t len = strlen(top->filter);

    if (key == TH_TOP_KEY_ENTER) {
        top->is_typing = false;
    } else if (key == TH_TOP_KEY_ESCAPE) {
        top->is_typing = false;
        top->filter[0] = '\0';
    } else if (key == TH_TOP_KEY_BACK && len > 0) {
        top->filter[len - 1] = '\0';
    } else if (key >= ' ' && key < 127 && len + 1 < sizeof top->filter) {
        top->filter[len] = (char)key;
        top->filter[len + 1] = '\0';
    }
    top->first = 0;
}

static void show(struct th_top *top, enum th_top_view view)
{
    top->view = view;
    top->first = 0;
}

bool th_top_on_key(struct th_top *top, int key)
{
    unsigned columns = columns_of(&views[top->view]);
    unsigned *sort = &top->sort[top->view];

    if (top->is_typing) {
        type(top, key);
    } else if (key == 'q') {
        return false;
    } else if (key >= '1' && key < '1' + (int)TH_TOP_VIEWS) {
        show(top, (enum th_top_view)(key - '1'));
    } else if (key == '\t') {
        show(top, (enum th_top_view)((top->view + 1) % TH_TOP_VIEWS));
    } else if (key == '>' || key == TH_TOP_KEY_RIGHT) {
        *sort = (*sort + 1) % columns;
    } else if (key == '<' || key == TH_TOP_KEY_LEFT) {
        *sort = (*sort + columns - 1) % columns;
    } else if (key == 'r') {
        top->is_down[top->view] = !top->is_down[top->view];
    } else if (key == '/') {
        top->is_typing = true;
        top->filter[0] = '\0';
    } else if (key == TH_TOP_KEY_ESCAPE) {
        top->filter[0] = '\0';
    } else if (key == TH_TOP_KEY_DOWN) {
        top->first++;
    } else if (key == TH_TOP_KEY_UP && top->first > 0) {
        top->first--;
    }
    return true;
}

/* --- cells ---------------------------------------------------------------------------------------- */

static const char *member(const json_t *row, const char *key)
{
    const char *text = key ? json_string_value(json_object_get(row, key)) : NULL;

    return text ? text : "";
}

static const json_t *find_before(const json_t *before, const struct view *view, const json_t *row)
{
    const json_t *other;
    size_t i;

    json_array_foreach(before, i, other)
    {
        if (strcmp(member(other, view->id), member(row, view->id)) == 0 &&
            strcmp(member(other, view->id2), member(row, view->id2)) == 0)
            return other;
    }
    return NULL;
}

/* What a counter grew by in a second; false when nobody knows, or it began anew. */
static bool rate_of(double *rate, const json_t *now, const json_t *before, const char *key,
                    int64_t passed_ms)
{
    const json_t *a = json_object_get(now, key), *b = json_object_get(before, key);

    if (!json_is_integer(a) || !json_is_integer(b) || passed_ms <= 0 ||
        json_integer_value(a) < json_integer_value(b))
        return false;
    *rate = (double)(json_integer_value(a) - json_integer_value(b)) * 1000 / (double)passed_ms;
    return true;
}

static void write_number(struct th_top_cell *cell, enum kind kind)
{
    uint64_t whole = (uint64_t)(cell->value + 0.5);
    char text[32];

    cell->is_number = true;
    if (kind == NUMBER)
        snprintf(cell->text, sizeof cell->text, "%llu", (unsigned long long)whole);
    else if (kind == US)
        snprintf(cell->text, sizeof cell->text, "%.2f ms", cell->value / 1000);
    else if (kind == RATE)
        snprintf(cell->text, sizeof cell->text, "%.1f", cell->value);
    else if (kind == MS)
        snprintf(cell->text, sizeof cell->text, "%s",
                 whole == 0 ? "< 1 ms" : th_text_ms(text, whole));
    else
        snprintf(cell->text, sizeof cell->text, "%s", th_text_bytes_count(text, whole));
}

static void fill(struct th_top_cell *cell, const struct column *column, const json_t *row,
                 const json_t *before, int64_t passed_ms, int digits)
{
    const json_t *value = json_object_get(row, column->key);
    bool is_rate = column->kind == RATE || column->kind == BYTES_RATE;

    strcpy(cell->text, "-");
    if (is_rate) {
        if (rate_of(&cell->value, row, before, column->key, passed_ms))
            write_number(cell, column->kind);
    } else if (column->kind == HEX) {
        snprintf(cell->text, sizeof cell->text, "%.*s", digits, member(row, column->key));
    } else if (json_is_boolean(value)) {
        strcpy(cell->text, json_is_true(value) ? "yes" : "no");
    } else if (json_is_string(value)) {
        snprintf(cell->text, sizeof cell->text, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        cell->value = (double)json_integer_value(value);
        write_number(cell, column->kind);
    }
}

static bool has_text(const struct th_top_cell *cells, unsigned columns, const char *filter)
{
    if (filter[0] == '\0')
        return true;
    for (unsigned i = 0; i < columns; i++)
        if (strcasestr(cells[i].text, filter))
            return true;
    return false;
}

/* --- order ---------------------------------------------------------------------------------------- */

/* Unknown ones come last, whichever way. */
static int compare(const struct th_top_cell *a, const struct th_top_cell *b, bool is_down)
{
    bool is_a = a->is_number || strcmp(a->text, "-") != 0;
    bool is_b = b->is_number || strcmp(b->text, "-") != 0;
    int order;

    if (!is_a || !is_b)
        return (int)is_b - (int)is_a;
    if (a->is_number && b->is_number)
        order = a->value < b->value ? -1 : a->value > b->value;
    else
        order = strcasecmp(a->text, b->text);
    return is_down ? -order : order;
}

/* By insertion: some hundred rows that hardly change their order, and equal ones keep theirs. */
static void sort_rows(struct th_top_grid *grid, unsigned column, bool is_down)
{
    const size_t size = grid->columns * sizeof *grid->cell;
    struct th_top_cell moved[TH_TOP_COLUMNS_MAX];

    for (unsigned i = 1; i < grid->rows; i++) {
        unsigned at = i;

        memcpy(moved, &grid->cell[i * grid->columns], size);
        while (at > 0 && compare(&grid->cell[(at - 1) * grid->columns + column], &moved[column],
                                 is_down) > 0) {
            memcpy(&grid->cell[at * grid->columns], &grid->cell[(at - 1) * grid->columns], size);
            at--;
        }
        memcpy(&grid->cell[at * grid->columns], moved, size);
    }
}

bool th_top_grid_make(struct th_top_grid *out, const struct th_top *top, const json_t *now,
                      const json_t *before, int64_t passed_ms, int digits)
{
    const struct view *view = &views[top->view];
    const json_t *row;
    size_t i;

    *out = (struct th_top_grid){.columns = columns_of(view)};
    for (unsigned c = 0; c < out->columns; c++) {
        out->head[c] = view->column[c].head;
        out->is_right[c] = view->column[c].kind >= NUMBER;
    }
    out->all_rows = (unsigned)json_array_size(now);
    out->cell = th_mem_zalloc((size_t)out->all_rows * out->columns + 1, sizeof *out->cell);
    if (out->cell == NULL)
        return false;
    json_array_foreach(now, i, row)
    {
        const json_t *was = find_before(before, view, row);
        struct th_top_cell *cells = &out->cell[out->rows * out->columns];

        memset(cells, 0, out->columns * sizeof *cells);
        for (unsigned c = 0; c < out->columns; c++)
            fill(&cells[c], &view->column[c], row, was, passed_ms, digits);
        out->rows += has_text(cells, out->columns, top->filter);
    }
    sort_rows(out, top->sort[top->view], top->is_down[top->view]);
    return true;
}

void th_top_grid_clear(struct th_top_grid *grid)
{
    th_mem_free(grid->cell);
    *grid = (struct th_top_grid){0};
}

/* --- lines ---------------------------------------------------------------------------------------- */

static int width_of(const struct th_top_grid *grid, unsigned column)
{
    size_t width = strlen(grid->head[column]);

    for (unsigned row = 0; row < grid->rows; row++) {
        size_t len = strlen(grid->cell[row * grid->columns + column].text);
        width = len > width ? len : width;
    }
    return (int)width;
}

void th_top_line(char *text, size_t room, const struct th_top_grid *grid, int row)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned c = 0; c < grid->columns && len < room; c++) {
        const char *cell =
            row < 0 ? grid->head[c] : grid->cell[(unsigned)row * grid->columns + c].text;
        bool is_last = c + 1 == grid->columns;
        int width = is_last && !grid->is_right[c] ? 0 : width_of(grid, c);

        len += (size_t)snprintf(text + len, room - len, grid->is_right[c] ? "%*s%s" : "%-*s%s",
                                width, cell, is_last ? "" : "  ");
    }
}
