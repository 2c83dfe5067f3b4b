#include "switch/wire/path.h"

#include "switch/wire/json.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool th_addr_is_equal(const struct th_addr *a, const struct th_addr *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static enum th_realm realm_of_ipv4(const uint8_t ip[4])
{
    if (ip[0] == 0 || ip[0] >= 224) /* "this" network; multicast, reserved, broadcast */
        return TH_REALM_NONE;
    if (ip[0] == 127)
        return TH_REALM_LOOPBACK;
    if (ip[0] == 169 && ip[1] == 254)
        return TH_REALM_LINK;
    if (ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) ||
        (ip[0] == 100 && ip[1] >> 6 == 1))
        return TH_REALM_PRIVATE;
    return TH_REALM_PUBLIC;
}

static enum th_realm realm_of_ipv6(const uint8_t ip[16])
{
    static const uint8_t zeros[15];

    if (memcmp(ip, zeros, sizeof zeros) == 0 && ip[15] <= 1)
        return ip[15] == 1 ? TH_REALM_LOOPBACK : TH_REALM_NONE;
    if (memcmp(ip, mapped, sizeof mapped) == 0)
        return realm_of_ipv4(ip + sizeof mapped);
    if (ip[0] == 0xff)
        return TH_REALM_NONE;
    if (ip[0] == 0xfe && ip[1] >> 6 == 2)
        return TH_REALM_LINK;
    return ip[0] >> 1 == 0xfc >> 1 ? TH_REALM_PRIVATE : TH_REALM_PUBLIC;
}

enum th_realm th_addr_realm(const struct th_addr *a)
{
    if (a->family == TH_FAMILY_IPV4)
        return realm_of_ipv4(a->ip);
    return a->family == TH_FAMILY_IPV6 ? realm_of_ipv6(a->ip) : TH_REALM_NONE;
}

void th_addr_unmap(struct th_addr *a)
{
    if (a->family != TH_FAMILY_IPV6 || memcmp(a->ip, mapped, sizeof mapped) != 0)
        return;
    memmove(a->ip, a->ip + sizeof mapped, 4);
    memset(a->ip + 4, 0, sizeof a->ip - 4);
    a->family = TH_FAMILY_IPV4;
}

void th_addr_write_ip(char text[TH_ADDR_TEXT_MAX], const struct th_addr *a)
{
    int family = a->family == TH_FAMILY_IPV6 ? AF_INET6 : AF_INET;

    TH_CHECK(inet_ntop(family, a->ip, text, TH_ADDR_TEXT_MAX) != NULL);
}

void th_addr_write(char text[TH_ADDR_TEXT_MAX], const struct th_addr *a)
{
    struct th_text out = th_text_in(text, TH_ADDR_TEXT_MAX);
    char ip[TH_ADDR_TEXT_MAX];

    th_addr_write_ip(ip, a);
    th_text_put(&out, a->family == TH_FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", ip, (unsigned)a->port);
}

/* Decimal 0..65535 as it is written: digits only, no zero in front. */
static bool read_port(uint16_t *out, const char *text, size_t len)
{
    uint32_t port = 0;

    if (len < 1 || len > 5 || (text[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = 10 * port + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

static bool read_ip(struct th_addr *out, int family, const char *text, size_t len)
{
    char ip[TH_ADDR_TEXT_MAX];
    struct th_addr addr = {.family = family == AF_INET6 ? TH_FAMILY_IPV6 : TH_FAMILY_IPV4};

    if (len >= sizeof ip || memchr(text, 0, len) != NULL)
        return false;
    memcpy(ip, text, len);
    ip[len] = 0;
    if (inet_pton(family, ip, addr.ip) != 1)
        return false;
    *out = addr;
    return true;
}

bool th_addr_read(struct th_addr *out, const char *text, size_t len)
{
    const char *colon = len > 0 ? memrchr(text, ':', len) : NULL;
    struct th_addr addr;
    uint16_t port;

    if (colon == NULL || !read_port(&port, colon + 1, len - (size_t)(colon + 1 - text)))
        return false;

    size_t ip_len = (size_t)(colon - text);
    bool is_ip = ip_len >= 2 && text[0] == '[' && text[ip_len - 1] == ']'
                     ? read_ip(&addr, AF_INET6, text + 1, ip_len - 2)
                     : read_ip(&addr, AF_INET, text, ip_len);
    if (!is_ip)
        return false;
    addr.port = port;
    *out = addr;
    return true;
}

bool th_addr_read_ip(struct th_addr *out, const char *ip, uint16_t port)
{
    int family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    struct th_addr addr;

    if (!read_ip(&addr, family, ip, strlen(ip)))
        return false;
    addr.port = port;
    *out = addr;
    return true;
}

void th_path_put(struct th_text *text, const struct th_addr *a)
{
    char ip[TH_ADDR_TEXT_MAX];

    th_addr_write_ip(ip, a);
    th_text_put(text, "{\"type\":\"%s\",\"ip\":\"%s\",\"port\":%u}",
                a->family == TH_FAMILY_IPV6 ? "ipv6" : "ipv4", ip, (unsigned)a->port);
}

void th_paths_add(struct th_paths *to, const struct th_paths *from)
{
    for (unsigned i = 0; i < from->count; i++) {
        unsigned k = 0;

        while (k < to->count && !th_addr_is_equal(&to->addr[k], &from->addr[i]))
            k++;
        if (k == to->count && k < TH_PATHS_MAX)
            to->addr[to->count++] = from->addr[i];
    }
}

void th_paths_put(struct th_text *text, const struct th_addr *addrs, unsigned count)
{
    th_text_put(text, "\"paths\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            th_text_put(text, ",");
        th_path_put(text, &addrs[i]);
    }
    th_text_put(text, "]");
}

enum th_drop th_path_read(struct th_path_head *out, struct th_bytes head)
{
    struct th_path_head path = {0};
    json_t *json = th_json_read_object(head, NULL);
    bool is_good = json && th_json_paths(&path.paths, json_object_get(json, "paths"));

    if (is_good) {
        path.has_seen = th_json_path(&path.seen, json_object_get(json, "path"));
        *out = path;
    }
    json_decref(json);
    return is_good ? TH_DROP_NONE : TH_DROP_PATH_BAD;
}

void th_path_put_seen(struct th_text *text, const struct th_addr *seen)
{
    th_text_put(text, "\"path\":");
    th_path_put(text, seen);
}
