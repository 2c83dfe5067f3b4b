#include "tools/app/ctl_screen.h"

#include "tools/app/top.h"

#ifdef TH_NCURSES

#define NCURSES_NOMACROS 1
#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>

bool th_screen_open(void)
{
    setlocale(LC_CTYPE, "");
    if (getenv("TERM") == NULL || newterm(NULL, stdout, stdin) == NULL)
        return false;
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    curs_set(0);
    set_escdelay(50);
    return true;
}

void th_screen_close(void)
{
    if (stdscr)
        endwin();
}

void th_screen_size(int *lines, int *columns)
{
    *lines = LINES > 0 ? LINES : 1;
    *columns = COLS > 0 ? COLS : 1;
}

void th_screen_line(int line, enum th_screen_look look, const char *text)
{
    static const attr_t looks[] = {
        [TH_SCREEN_PLAIN] = A_NORMAL, [TH_SCREEN_BOLD] = A_BOLD, [TH_SCREEN_REVERSE] = A_REVERSE};

    attrset((int)looks[look]);
    mvaddnstr(line, 0, text, COLS);
    clrtoeol();
    attrset(A_NORMAL);
}

int th_screen_key(int timeout_ms)
{
    timeout(timeout_ms < 1 ? 1 : timeout_ms);
    int key = getch();

    switch (key) {
    case KEY_LEFT:
        return TH_TOP_KEY_LEFT;
    case KEY_RIGHT:
        return TH_TOP_KEY_RIGHT;
    case KEY_UP:
        return TH_TOP_KEY_UP;
    case KEY_DOWN:
        return TH_TOP_KEY_DOWN;
    case KEY_ENTER:
    case '\r':
        return TH_TOP_KEY_ENTER;
    case KEY_BACKSPACE:
    case '\b':
        return TH_TOP_KEY_BACK;
    default:
        return key >= 0 && key < KEY_MIN ? key : -1;
    }
}

#else

bool th_screen_open(void)
{
    return false;
}

void th_screen_close(void) {}

void th_screen_size(int *lines, int *columns)
{
    *lines = *columns = 1;
}

void th_screen_line(int line, enum th_screen_look look, const char *text)
{
    (void)line, (void)look, (void)text;
}

int th_screen_key(int timeout_ms)
{
    (void)timeout_ms;
    return -1;
}

#endif
