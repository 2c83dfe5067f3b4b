#include "tools/app/addresses.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- choosing ------------------------------------------------------------------------------------- */

static void add(struct th_paths *paths, const struct th_addr *addr)
{
    for (unsigned i = 0; i < paths->count; i++)
        if (th_addr_is_equal(&paths->addr[i], addr))
            return;
    if (paths->count < TH_PATHS_MAX)
        paths->addr[paths->count++] = *addr;
}

static void add_realm(struct th_paths *paths, enum th_realm realm, const struct th_addr *addrs,
                      unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (th_addr_realm(&addrs[i]) == realm)
            add(paths, &addrs[i]);
}

void th_addresses_choose(struct th_paths *out, const struct th_paths *advertised,
                         const struct th_addr *listen, unsigned listen_count,
                         const struct th_addr *observed, unsigned observed_count)
{
    *out = (struct th_paths){0};
    if (advertised->count > 0) {
        *out = *advertised;
        return;
    }
    add_realm(out, TH_REALM_PUBLIC, listen, listen_count);
    if (out->count == 0)
        add_realm(out, TH_REALM_PUBLIC, observed, observed_count);
    add_realm(out, TH_REALM_PRIVATE, listen, listen_count);
    if (out->count == 0)
        add_realm(out, TH_REALM_LINK, listen, listen_count);
    if (out->count == 0)
        add_realm(out, TH_REALM_LOOPBACK, listen, listen_count);
}

enum th_err th_addresses_entry(char **text, const struct th_identity *identity,
                               const struct th_paths *paths, const struct th_seed_host *hosts,
                               unsigned host_count)
{
    struct th_named_seed named = {.seed = {.id = identity->hashname,
                                           .parts = identity->parts,
                                           .key = identity->keys.pub,
                                           .paths = *paths}};
    char uri[TH_SEED_URI_MAX];

    for (unsigned i = 0; i < host_count; i++)
        named.host[named.host_count++] = hosts[i];
    th_seed_uri_write(uri, &named);
    return th_seeds_write_one(text, &named.seed, uri);
}

/* --- looking up ----------------------------------------------------------------------------------- */

static bool read_sockaddr(struct th_addr *out, const struct sockaddr *sa, uint16_t port)
{
    *out = (struct th_addr){.port = port};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        out->family = TH_FAMILY_IPV4;
        memcpy(out->ip, &in.sin_addr, 4);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        out->family = TH_FAMILY_IPV6;
        memcpy(out->ip, &in6.sin6_addr, 16);
        return true;
    }
    return false;
}

static enum th_err resolve_one(struct th_paths *out, const char *name, char say[TH_SAY_MAX])
{
    const char *colon = strrchr(name, ':'); /* th_config_read saw that it is there */
    unsigned port = (unsigned)strtoul(colon + 1, NULL, 10);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    char host[256];

    if ((size_t)(colon - name) >= sizeof host) {
        snprintf(say, TH_SAY_MAX, "--advertise %.100s…: the name is too long", name);
        return TH_INVALID;
    }
    memcpy(host, name, (size_t)(colon - name));
    host[colon - name] = '\0';
    int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed) {
        snprintf(say, TH_SAY_MAX,
                 "--advertise %.200s: %s; is the name right, and the resolver there?", name,
                 gai_strerror(failed));
        return TH_NOT_FOUND;
    }

    enum th_err e = TH_OK;
    for (const struct addrinfo *at = found; at && e == TH_OK; at = at->ai_next) {
        struct th_addr addr;

        if (!read_sockaddr(&addr, at->ai_addr, (uint16_t)port))
            continue;
        if (th_addr_realm(&addr) == TH_REALM_NONE || th_addr_realm(&addr) == TH_REALM_LINK) {
            snprintf(say, TH_SAY_MAX,
                     "--advertise %.200s: means an address that nobody could reach", name);
            e = TH_INVALID;
        } else {
            add(out, &addr);
        }
    }
    freeaddrinfo(found);
    return e;
}

enum th_err th_addresses_resolve(struct th_paths *out, bool *is_missing, const char *const *names,
                                 unsigned count, char say[TH_SAY_MAX])
{
    enum th_err worst = TH_OK;

    *out = (struct th_paths){0};
    for (unsigned i = 0; i < count; i++) {
        struct th_addr addr;

        is_missing[i] = false;
        if (th_addr_read(&addr, names[i], strlen(names[i]))) {
            add(out, &addr);
            continue;
        }
        enum th_err e = resolve_one(out, names[i], say);
        if (e != TH_OK && e != TH_NOT_FOUND)
            return e;
        is_missing[i] = e == TH_NOT_FOUND;
        worst = is_missing[i] ? e : worst;
    }
    return worst;
}

void th_addresses_look_up(struct th_paths *out, const struct th_seed_host *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;

    if (getaddrinfo(host->name, NULL, &hints, &found) != 0)
        return;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        struct th_addr addr;

        if (read_sockaddr(&addr, at->ai_addr, host->port) &&
            th_addr_realm(&addr) != TH_REALM_NONE && th_addr_realm(&addr) != TH_REALM_LINK)
            add(out, &addr);
    }
    freeaddrinfo(found);
}

/* --- our own -------------------------------------------------------------------------------------- */

static bool is_wildcard(const struct th_addr *addr)
{
    static const uint8_t none[16];

    return memcmp(addr->ip, none, sizeof none) == 0;
}

static unsigned add_interfaces(struct th_addr *out, unsigned count, unsigned max,
                               const struct th_addr *wildcard)
{
    struct ifaddrs *interfaces = NULL;

    if (getifaddrs(&interfaces) != 0)
        return count;
    for (const struct ifaddrs *at = interfaces; at && count < max; at = at->ifa_next) {
        struct th_addr addr;

        if (at->ifa_addr && read_sockaddr(&addr, at->ifa_addr, wildcard->port) &&
            addr.family == wildcard->family)
            out[count++] = addr;
    }
    freeifaddrs(interfaces);
    return count;
}

unsigned th_addresses_would_listen(struct th_addr *out, unsigned max, const struct th_addr *listen,
                                   unsigned listen_count)
{
    static const struct th_addr everywhere[] = {
        {.port = TH_PORT_DEFAULT, .family = TH_FAMILY_IPV4},
        {.port = TH_PORT_DEFAULT, .family = TH_FAMILY_IPV6},
    };
    unsigned count = 0;

    if (listen_count == 0) {
        listen = everywhere;
        listen_count = 2;
    }
    for (unsigned i = 0; i < listen_count && count < max; i++) {
        if (listen[i].port == 0)
            continue;
        if (is_wildcard(&listen[i]))
            count = add_interfaces(out, count, max, &listen[i]);
        else
            out[count++] = listen[i];
    }
    return count;
}
