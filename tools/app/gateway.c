#include "tools/app/gateway.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#ifdef TH_HAS_NATPMP
#include <natpmp.h>
#endif
#ifdef TH_HAS_MINIUPNPC
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#endif

bool th_gateway_is_built(void)
{
#if defined TH_HAS_NATPMP || defined TH_HAS_MINIUPNPC
    return true;
#else
    return false;
#endif
}

const char *th_gateway_name(enum th_gateway_how how)
{
    switch (how) {
    case TH_GATEWAY_NONE:
        return "none";
    case TH_GATEWAY_NATPMP:
        return "NAT-PMP";
    case TH_GATEWAY_UPNP:
        return "UPnP";
    }
    return "?";
}

/* An outer address that others can use; a router behind another one says a private one. */
static bool set_addr(struct th_gateway_mapping *out, struct in_addr ip, uint16_t port)
{
    struct th_addr addr = {.family = TH_FAMILY_IPV4, .port = port};

    memcpy(addr.ip, &ip, sizeof ip);
    out->addr = addr;
    if (port != 0 && th_addr_realm(&addr) == TH_REALM_PUBLIC)
        return true;
    snprintf(out->why, sizeof out->why, "the router has no public address itself");
    return false;
}

/* --- NAT-PMP -------------------------------------------------------------------------------------- */

#ifdef TH_HAS_NATPMP
/* Waits for an answer, and asks again as RFC 6886 says, but not for its full two minutes. */
static int wait_answer(natpmp_t *natpmp, natpmpresp_t *answer)
{
    int waited_ms = 0, code;

    do {
        struct timeval left = {0};
        struct pollfd wait = {.fd = natpmp->s, .events = POLLIN};

        if (getnatpmprequesttimeout(natpmp, &left) != 0)
            return NATPMP_ERR_NOPENDINGREQ;
        int ms = (int)(left.tv_sec * 1000 + left.tv_usec / 1000);
        ms = ms < 1 ? 1 : ms;
        ms = ms > TH_GATEWAY_NATPMP_MS - waited_ms ? TH_GATEWAY_NATPMP_MS - waited_ms : ms;
        if (poll(&wait, 1, ms) == 0)
            waited_ms += ms;
        code = readnatpmpresponseorretry(natpmp, answer);
    } while (code == NATPMP_TRYAGAIN && waited_ms < TH_GATEWAY_NATPMP_MS);
    return code;
}

static bool map_natpmp(struct th_gateway_mapping *out, uint16_t port)
{
    natpmp_t natpmp;
    natpmpresp_t outer, mapped;
    int code = initnatpmp(&natpmp, 0, 0);

    if (code != 0) {
        snprintf(out->why, sizeof out->why, "there is no default route");
        return false;
    }
    sendpublicaddressrequest(&natpmp);
    code = wait_answer(&natpmp, &outer);
    closenatpmp(&natpmp);
    /* On a port of its own: a second answer to the first question would be taken for this one's. */
    if (code == 0)
        code = initnatpmp(&natpmp, 0, 0);
    if (code == 0) {
        sendnewportmappingrequest(&natpmp, NATPMP_PROTOCOL_UDP, port, port, TH_GATEWAY_LEASE_S);
        code = wait_answer(&natpmp, &mapped);
        closenatpmp(&natpmp);
    }
    if (code != 0 || outer.type != NATPMP_RESPTYPE_PUBLICADDRESS ||
        mapped.type != NATPMP_RESPTYPE_UDPPORTMAPPING ||
        mapped.pnu.newportmapping.privateport != port) {
        snprintf(out->why, sizeof out->why, "the router does not answer NAT-PMP");
        return false;
    }
    out->lease_s = mapped.pnu.newportmapping.lifetime;
    out->how = TH_GATEWAY_NATPMP;
    return set_addr(out, outer.pnu.publicaddress.addr, mapped.pnu.newportmapping.mappedpublicport);
}

static void unmap_natpmp(uint16_t port)
{
    natpmp_t natpmp;
    natpmpresp_t answer;

    if (initnatpmp(&natpmp, 0, 0) != 0)
        return;
    sendnewportmappingrequest(&natpmp, NATPMP_PROTOCOL_UDP, port, 0, 0);
    (void)wait_answer(&natpmp, &answer);
    closenatpmp(&natpmp);
}
#endif

/* --- UPnP ----------------------------------------------------------------------------------------- */

#ifdef TH_HAS_MINIUPNPC
/* Looks for a router and notes where to ask it. */
static bool find_router(struct th_gateway_mapping *out)
{
    struct UPNPUrls urls;
    struct IGDdatas data;
    int error = 0;
    struct UPNPDev *found =
        upnpDiscover(TH_GATEWAY_DISCOVER_MS, NULL, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error);
    /* 1: a router that is connected */
#if MINIUPNPC_API_VERSION >= 18
    char outer[TH_GATEWAY_IP_MAX];
    int which = found ? UPNP_GetValidIGD(found, &urls, &data, out->own_ip, sizeof out->own_ip,
                                         outer, sizeof outer)
                      : 0;
#else
    int which = found ? UPNP_GetValidIGD(found, &urls, &data, out->own_ip, sizeof out->own_ip) : 0;
#endif
    bool is_usable = false;

    freeUPNPDevlist(found);
    if (which == 1)
        is_usable = snprintf(out->control_url, sizeof out->control_url, "%s", urls.controlURL) <
                        TH_GATEWAY_TEXT_MAX &&
                    snprintf(out->service, sizeof out->service, "%s", data.first.servicetype) <
                        TH_GATEWAY_TEXT_MAX;
    if (which != 0)
        FreeUPNPUrls(&urls);
    return is_usable;
}

static int add_one(const struct th_gateway_mapping *router, uint16_t port, unsigned outer_port,
                   int lease_s)
{
    char inner[8], outer[8], lease[16];

    snprintf(inner, sizeof inner, "%u", port);
    snprintf(outer, sizeof outer, "%u", outer_port);
    snprintf(lease, sizeof lease, "%d", lease_s);
    return UPNP_AddPortMapping(router->control_url, router->service, outer, inner, router->own_ip,
                               "telehashd", "UDP", NULL, lease);
}

/* Maps the port to `first` outside, or to one of the next. Returns that one; 0: none. */
static uint16_t add_mapping(const struct th_gateway_mapping *router, uint16_t port, uint16_t first)
{
    enum { IS_TAKEN = 718, ONLY_PERMANENT = 725 }; /* of WANIPConnection:1 */

    for (unsigned i = 0; i < TH_GATEWAY_UPNP_TRIES && first + i <= UINT16_MAX; i++) {
        int code = add_one(router, port, first + i, TH_GATEWAY_LEASE_S);

        if (code == ONLY_PERMANENT)
            code = add_one(router, port, first + i, 0);
        if (code == UPNPCOMMAND_SUCCESS)
            return (uint16_t)(first + i);
        if (code != IS_TAKEN)
            return 0;
    }
    return 0;
}

/* Asks the router that was found. */
static bool ask_upnp(struct th_gateway_mapping *out, uint16_t port, uint16_t first)
{
    char outer[TH_GATEWAY_IP_MAX] = "";
    struct in_addr ip;
    uint16_t mapped = 0;

    if (UPNP_GetExternalIPAddress(out->control_url, out->service, outer) == UPNPCOMMAND_SUCCESS &&
        inet_pton(AF_INET, outer, &ip) == 1)
        mapped = add_mapping(out, port, first);
    if (mapped == 0) {
        snprintf(out->why, sizeof out->why, "the router refuses by UPnP");
        return false;
    }
    out->lease_s = TH_GATEWAY_LEASE_S;
    out->how = TH_GATEWAY_UPNP;
    return set_addr(out, ip, mapped);
}

static bool map_upnp(struct th_gateway_mapping *out, uint16_t port,
                     const struct th_gateway_mapping *before)
{
    if (before->how == TH_GATEWAY_UPNP) {
        *out = *before;
        out->how = TH_GATEWAY_NONE;
        if (ask_upnp(out, port, before->addr.port))
            return true;
    }
    if (find_router(out))
        return ask_upnp(out, port, port);
    snprintf(out->why, sizeof out->why, "no router answers NAT-PMP or UPnP");
    return false;
}

static void unmap_upnp(const struct th_gateway_mapping *mapping)
{
    char outer[8];

    snprintf(outer, sizeof outer, "%u", mapping->addr.port);
    UPNP_DeletePortMapping(mapping->control_url, mapping->service, outer, "UDP", NULL);
}
#endif

/* --- either --------------------------------------------------------------------------------------- */

void th_gateway_map(struct th_gateway_mapping *out, uint16_t port,
                    const struct th_gateway_mapping *before)
{
    bool is_mapped = false;

    *out = (struct th_gateway_mapping){.why = "it was built without"};
#ifdef TH_HAS_NATPMP
    if (before->how != TH_GATEWAY_UPNP)
        is_mapped = map_natpmp(out, port);
#endif
#ifdef TH_HAS_MINIUPNPC
    if (!is_mapped && out->how == TH_GATEWAY_NONE)
        is_mapped = map_upnp(out, port, before);
#endif
    (void)port, (void)before;
    if (!is_mapped && out->how != TH_GATEWAY_NONE)
        th_gateway_unmap(out, port); /* of no use */
    if (!is_mapped)
        out->how = TH_GATEWAY_NONE;
}

void th_gateway_unmap(const struct th_gateway_mapping *mapping, uint16_t port)
{
    (void)port;
    switch (mapping->how) {
    case TH_GATEWAY_NATPMP:
#ifdef TH_HAS_NATPMP
        unmap_natpmp(port);
#endif
        break;
    case TH_GATEWAY_UPNP:
#ifdef TH_HAS_MINIUPNPC
        unmap_upnp(mapping);
#endif
        break;
    case TH_GATEWAY_NONE:
        break;
    }
}
