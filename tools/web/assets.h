/*
 * assets.h - the files of the page (tools/web/page), built into the program by tools/web/embed.cmake.
 *
 * Floor:  7 (app).
 * Thread: any; constants.
 */
#ifndef TH_WEB_ASSETS_H
#define TH_WEB_ASSETS_H

#include <stddef.h>

struct th_web_asset {
    const char *path; /* as it is asked for */
    const char *type; /* Content-Type */
    const unsigned char *bytes;
    size_t len;
};

extern const struct th_web_asset th_web_assets[];
extern const size_t th_web_asset_count;

#endif
