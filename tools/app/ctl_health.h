/*
 * ctl_health.h - what thctl health prints.
 *
 * Floor:  7 (app).
 * Thread: one only.
 */
#ifndef TH_APP_CTL_HEALTH_H
#define TH_APP_CTL_HEALTH_H

#include "tools/app/ctl_text.h"

#include <jansson.h>

/* The result of the method `health`. */
void th_show_health(const json_t *result, const struct th_style *style);

#endif
