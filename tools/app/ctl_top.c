#include "tools/app/ctl_top.h"

#include "switch/wire/hashname.h"
#include "tools/app/ctl_screen.h"
#include "tools/app/top.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_CHARS = 512, HEAD_LINES = 3 };

/* One look at the daemon. */
struct sample {
    int64_t at_ms;
    json_t *health, *rows;
    char why_not[TH_SAY_MAX]; /* there are no rows */
};

struct screen {
    const struct th_ctl_run *run;
    struct th_top top;
    struct sample now, before;
    int digits;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void drop(struct sample *sample)
{
    json_decref(sample->health);
    json_decref(sample->rows);
    *sample = (struct sample){0};
}

/* `health` waits for nobody, nor does `servers`; others fail when their server hangs, and say so.
 * Returns 0, or the exit code when the daemon is not there any more. */
static int look(struct screen *s, char say[TH_SAY_MAX])
{
    const struct th_ctl_run *run = s->run;
    unsigned timeout_ms = run->args->timeout_ms;
    json_t *health = NULL, *rows = NULL;
    char why_not[TH_SAY_MAX] = "";

    int code = th_ctl_ask(run, "health", NULL, timeout_ms, &health, say);
    if (code)
        return code;
    int failed = th_ctl_ask(run, th_top_method(s->top.view), NULL, timeout_ms, &rows, why_not);
    drop(&s->before);
    s->before = s->now;
    s->now = (struct sample){.at_ms = now_ms(), .health = health, .rows = failed ? NULL : rows};
    snprintf(s->now.why_not, sizeof s->now.why_not, "%s", failed ? why_not : "");
    return 0;
}

/* --- lines ---------------------------------------------------------------------------------------- */

static const char *summary_of(const struct screen *s)
{
    const char *text = json_string_value(json_object_get(s->now.health, "summary"));

    return text ? text : "";
}

static void write_title(const struct screen *s, char *text, size_t room)
{
    bool is_well = json_is_true(json_object_get(s->now.health, "healthy"));

    snprintf(text, room, "telehashd pid %ld  %s%s", (long)s->run->ctl->pid,
             is_well ? "" : "NOT HEALTHY: ", summary_of(s));
}

static void write_views(const struct screen *s, const struct th_top_grid *grid, char *text,
                        size_t room)
{
    size_t len = 0;

    for (unsigned i = 0; i < TH_TOP_VIEWS && len < room; i++)
        len += (size_t)snprintf(text + len, room - len, i == s->top.view ? "[%u %s] " : " %u %s  ",
                                i + 1, th_top_view_name((enum th_top_view)i));
    if (len < room)
        len += (size_t)snprintf(text + len, room - len, " sorted by %s %s",
                                grid->head[s->top.sort[s->top.view]],
                                s->top.is_down[s->top.view] ? "down" : "up");
    if (len < room && s->top.is_typing)
        snprintf(text + len, room - len, "  filter: %s_", s->top.filter);
    else if (len < room && s->top.filter[0])
        snprintf(text + len, room - len, "  filter: %s (%u of %u)", s->top.filter, grid->rows,
                 grid->all_rows);
}

static bool make_grid(struct screen *s, struct th_top_grid *grid)
{
    return th_top_grid_make(grid, &s->top, s->now.rows, s->before.rows,
                            s->now.at_ms - s->before.at_ms, s->digits);
}

/* --- a screen ------------------------------------------------------------------------------------- */

static void draw(struct screen *s)
{
    char text[LINE_MAX_CHARS];
    struct th_top_grid grid;
    int lines, columns, line = 0;

    th_screen_size(&lines, &columns);
    (void)columns;
    bool has_grid = make_grid(s, &grid);
    unsigned room = lines > HEAD_LINES + 1 ? (unsigned)lines - HEAD_LINES - 1 : 0;
    if (s->top.first + room > grid.rows)
        s->top.first = grid.rows > room ? grid.rows - room : 0;
    write_title(s, text, sizeof text);
    th_screen_line(line++, TH_SCREEN_BOLD, text);
    write_views(s, &grid, text, sizeof text);
    th_screen_line(line++, TH_SCREEN_PLAIN, text);
    th_top_line(text, sizeof text, &grid, -1);
    th_screen_line(line++, TH_SCREEN_REVERSE, text);
    for (unsigned row = s->top.first; has_grid && row < grid.rows && line < lines - 1; row++) {
        th_top_line(text, sizeof text, &grid, (int)row);
        th_screen_line(line++, TH_SCREEN_PLAIN, text);
    }
    if (s->now.why_not[0] && line < lines - 1)
        th_screen_line(line++, TH_SCREEN_BOLD, s->now.why_not);
    while (line < lines - 1)
        th_screen_line(line++, TH_SCREEN_PLAIN, "");
    th_screen_line(lines - 1, TH_SCREEN_REVERSE,
                   "1-4 Tab: view   < >: sort by   r: turn round   /: filter   q: end");
    th_top_grid_clear(&grid);
}

/* Until the next look is due, or the end. Returns false for the end. */
static bool take_keys(struct screen *s, int64_t until)
{
    enum th_top_view view = s->top.view;

    for (int64_t left = until - now_ms(); left > 0; left = until - now_ms()) {
        draw(s);
        int key = th_screen_key((int)left);

        if (key >= 0 && !th_top_on_key(&s->top, key))
            return false;
        if (s->top.view == view)
            continue;
        /* What is there is of another view. */
        drop(&s->now);
        drop(&s->before);
        return true;
    }
    return true;
}

static int run_screen(struct screen *s, char say[TH_SAY_MAX])
{
    int code = 0;
    bool goes_on = true;

    while (goes_on && (code = look(s, say)) == 0)
        goes_on = take_keys(s, now_ms() + s->run->args->ping_interval_ms);
    th_screen_close();
    return code;
}

/* --- rounds of text ------------------------------------------------------------------------------- */

static void print_json(const struct screen *s)
{
    json_t *round = json_pack("{s:s, s:O?, s:O?}", "view", th_top_view_name(s->top.view), "health",
                              s->now.health, "rows", s->now.rows);

    (void)!th_ctl_print_json(s->run, round);
    json_decref(round);
}

static void print_text(struct screen *s)
{
    char text[LINE_MAX_CHARS];
    struct th_top_grid grid;
    FILE *out = s->run->style->out;

    if (!make_grid(s, &grid))
        return;
    write_title(s, text, sizeof text);
    fprintf(out, "%s\n", text);
    write_views(s, &grid, text, sizeof text);
    fprintf(out, "%s\n", text);
    for (int row = -1; row < (int)grid.rows; row++) {
        th_top_line(text, sizeof text, &grid, row);
        fprintf(out, "%s\n", text);
    }
    if (s->now.why_not[0])
        fprintf(out, "%s\n", s->now.why_not);
    fputc('\n', out);
    th_top_grid_clear(&grid);
}

static int run_plain(struct screen *s, json_int_t rounds, char say[TH_SAY_MAX])
{
    int code = 0;

    for (json_int_t i = 0; rounds == 0 || i < rounds; i++) {
        if (i > 0)
            poll(NULL, 0, (int)s->run->args->ping_interval_ms);
        code = look(s, say);
        if (code)
            break;
        if (s->run->args->is_json)
            print_json(s);
        else
            print_text(s);
        if (fflush(s->run->style->out) != 0)
            break; /* nobody reads it any more */
    }
    return code;
}

int th_ctl_top(const struct th_ctl_run *run, const char *view, char say[TH_SAY_MAX])
{
    struct screen s = {.run = run,
                       .digits = run->style->is_short ? TH_HEX_SHORT_MIN : TH_HASHNAME_HEX};
    json_int_t rounds = json_integer_value(json_object_get(run->args->log, "last"));
    bool is_plain = run->args->is_plain || run->args->is_json || rounds > 0 ||
                    !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
    unsigned at = 0;

    th_top_init(&s.top);
    while (view && at < TH_TOP_VIEWS && strcmp(th_top_view_name((enum th_top_view)at), view) != 0)
        at++;
    if (at == TH_TOP_VIEWS) {
        snprintf(say, TH_SAY_MAX,
                 "%.100s: is no view of top; there are peers, traffic, servers and "
                 "drops",
                 view);
        return 2;
    }
    s.top.view = (enum th_top_view)at;
    int code = is_plain || !th_screen_open() ? run_plain(&s, rounds, say) : run_screen(&s, say);
    drop(&s.now);
    drop(&s.before);
    return code;
}
