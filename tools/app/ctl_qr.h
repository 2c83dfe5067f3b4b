/*
 * ctl_qr.h - a text as a QR code in a terminal.
 *
 * libqrencode makes the code. It is loaded when one is asked for, so that thctl needs it neither to be
 * installed nor to run.
 *
 * Floor:  7 (app).
 * Thread: one that may block.
 */
#ifndef TH_APP_CTL_QR_H
#define TH_APP_CTL_QR_H

#include "switch/base/check.h"
#include "tools/app/config.h"

#include <stdio.h>

/*
 * Prints the code, two of its rows a line, dark on light whatever the terminal's colours.
 * say     filled on failure. Errors: TH_NOT_FOUND (no libqrencode), TH_TOO_BIG.
 */
TH_MUST enum th_err th_qr_print(FILE *out, const char *text, char say[TH_SAY_MAX]);

#endif
