/*
 * ctl_reach.h - what thctl reach prints.
 *
 * Floor:  7 (app).
 * Thread: one only.
 */
#ifndef TH_APP_CTL_REACH_H
#define TH_APP_CTL_REACH_H

#include "tools/app/ctl_text.h"

#include <jansson.h>

/* The result of the method `reach`. */
void th_show_reach(const json_t *result, const struct th_style *style);

#endif
