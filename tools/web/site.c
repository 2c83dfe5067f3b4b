#include "tools/web/site.h"

#include "switch/wire/path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Host ----------------------------------------------------------------------------------------- */

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len <= 5 && text[len] == '\0';
}

static bool is_address(const char *text)
{
    struct th_addr addr;

    return th_addr_read_ip(&addr, text, 0);
}

/* Takes the host off a Host header, without brackets and port. */
static bool take_host(char out[TH_WEB_NAME_MAX], bool *is_bracketed, const char *host)
{
    const char *end;

    *is_bracketed = host[0] == '[';
    if (*is_bracketed)
        end = strchr(++host, ']');
    else
        end = host + strcspn(host, ":");
    if (end == NULL || end == host || end - host >= TH_WEB_NAME_MAX)
        return false;
    memcpy(out, host, (size_t)(end - host));
    out[end - host] = '\0';
    end += *is_bracketed;
    return *end == '\0' || (*end == ':' && is_port(end + 1));
}

bool th_web_is_our_host(const char *host, const struct th_web_names *names)
{
    char name[TH_WEB_NAME_MAX];
    bool is_bracketed;

    if (host == NULL || !take_host(name, &is_bracketed, host))
        return false;
    if (is_bracketed || is_address(name))
        return is_address(name);
    if (strcasecmp(name, "localhost") == 0)
        return true;
    for (unsigned i = 0; i < names->count; i++)
        if (strcasecmp(name, names->name[i]) == 0)
            return true;
    return false;
}

bool th_web_is_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= TH_WEB_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '.')
            return false;
    return true;
}

/* --- Origin --------------------------------------------------------------------------------------- */

bool th_web_is_same_origin(const char *origin, const char *fetch_site, const char *host)
{
    if (fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
        return false;
    if (origin == NULL)
        return true; /* a browser sends it with every POST: this is none */
    /* Behind a proxy the browser's scheme is another one than ours. */
    if (strncmp(origin, "http://", 7) == 0)
        return strcasecmp(origin + 7, host) == 0;
    return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

/* --- Accept --------------------------------------------------------------------------------------- */

/* How much an Accept header wants a type, in thousandths; 0 when it does not name it. */
static int wish(const char *accept, const char *type)
{
    size_t type_len = strlen(type);
    int most = 0;

    for (const char *at = accept; *at;) {
        size_t len = strcspn(at, ",");
        const char *item = at + strspn(at, " \t");

        if (strncasecmp(item, type, type_len) == 0 && strchr(" \t;,", item[type_len])) {
            char text[128];
            int q = 1000;

            snprintf(text, sizeof text, "%.*s", (int)(at + len - item), item);
            const char *said = strstr(text, "q=");
            if (said)
                q = (int)(strtod(said + 2, NULL) * 1000);
            most = q > most ? q : most;
        }
        at += len;
        at += *at == ',';
    }
    return most;
}

enum th_metrics_format th_web_metrics_format(const char *accept)
{
    int openmetrics = accept ? wish(accept, "application/openmetrics-text") : 0;

    if (openmetrics > 0 && openmetrics >= wish(accept, "text/plain"))
        return TH_METRICS_OPENMETRICS;
    return TH_METRICS_TEXT;
}

/* --- seek ----------------------------------------------------------------------------------------- */

bool th_web_read_seek(char hex[TH_HASHNAME_HEX + 1], const char *body, size_t len)
{
    struct th_prefix prefix;
    json_t *said = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(said, "hashname"));
    bool is_good = text && th_prefix_read(&prefix, text, strlen(text));

    if (is_good)
        snprintf(hex, TH_HASHNAME_HEX + 1, "%s", text);
    json_decref(said);
    return is_good;
}
