/*
 * site.h - who may ask telehash-web for what: the rules about the headers of a request.
 *
 * A browser lets any page that somebody opens send requests to this machine. What keeps such a page
 * from reading ours: no answer has a header that would let it (CORS); a name that its owner points
 * at us (DNS rebinding) is not answered; what makes the node do something must come from our own page.
 *
 * Floor:  7 (app).
 * Thread: any.
 */
#ifndef TH_WEB_SITE_H
#define TH_WEB_SITE_H

#include "switch/wire/hashname.h"
#include "tools/app/openmetrics.h"

#include <stdbool.h>
#include <stddef.h>

enum { TH_WEB_NAMES_MAX = 16, TH_WEB_NAME_MAX = 254 };

/* Names under which we may be asked, as --host gives them; borrowed. */
struct th_web_names {
    unsigned count;
    const char *name[TH_WEB_NAMES_MAX];
};

/* Whether a Host header names us: any address (nobody but its owner can point that at us), localhost,
 * or one of the names; a port is allowed. NULL, no header, is nobody. */
bool th_web_is_our_host(const char *host, const struct th_web_names *names);

/* Whether it can be the name of a host at all: letters, digits, - and . */
bool th_web_is_name(const char *name);

/*
 * Whether a request that changes something comes from our own page, or from no page at all.
 * origin, fetch_site  the headers Origin and Sec-Fetch-Site; NULL: there is none.
 * host                the header Host, which was found to be ours.
 */
bool th_web_is_same_origin(const char *origin, const char *fetch_site, const char *host);

/* The format of metrics that an Accept header wants: OpenMetrics for who names it and does not like
 * plain text better. NULL: there is none. */
enum th_metrics_format th_web_metrics_format(const char *accept);

/* Reads {"hashname": 1 to 64 hex digits}, of which the digits are filled. */
bool th_web_read_seek(char hex[TH_HASHNAME_HEX + 1], const char *body, size_t len);

#endif
