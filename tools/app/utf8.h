/*
 * utf8.h - texts of the system made fit for JSON: a name of a file is any bytes, and JSON is UTF-8.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_APP_UTF8_H
#define TH_APP_UTF8_H

#include <stdbool.h>

/*
 * Makes a text UTF-8 in place; it grows no longer. Each byte that is none becomes '?'.
 * is_cut  its end is where room ended: half a character there is left out.
 */
void th_utf8_mend(char *text, bool is_cut);

#endif
