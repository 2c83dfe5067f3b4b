/*
 * ctl_screen.h - a terminal as lines and keys, by ncurses where that was there when this was built.
 *
 * Floor:  7 (app).
 * Thread: one only; one screen at a time.
 */
#ifndef TH_APP_CTL_SCREEN_H
#define TH_APP_CTL_SCREEN_H

#include "switch/base/check.h"

#include <stdbool.h>

enum th_screen_look { TH_SCREEN_PLAIN, TH_SCREEN_BOLD, TH_SCREEN_REVERSE };

/* Takes the terminal; false when there is none, or no ncurses. */
TH_MUST bool th_screen_open(void);

/* Gives it back as it was. Harmless when it was not taken. */
void th_screen_close(void);

/* Its size; both at least 1. */
void th_screen_size(int *lines, int *columns);

/* Writes one line, cut to the width, over what was there. What is drawn appears with the next key. */
void th_screen_line(int line, enum th_screen_look look, const char *text);

/* Waits for a key for so long. Returns enum th_top_key or a character; -1: none came, or only the size
 * changed. */
int th_screen_key(int timeout_ms);

#endif
