#include "switch/core/newcomers.h"

#include "switch/base/mem.h"

#include <string.h>

enum { ROOM_FIRST = 16, IPV4_BYTES = 3, IPV6_BYTES = 8 };

uint8_t th_newcomer_crowd(const uint8_t secret[TH_HASH_SECRET_BYTES], const struct th_addr *from)
{
    uint8_t network[1 + IPV6_BYTES] = {from->family};
    size_t len = from->family == TH_FAMILY_IPV6   ? IPV6_BYTES
                 : from->family == TH_FAMILY_IPV4 ? IPV4_BYTES
                                                  : 0;

    memcpy(network + 1, from->ip, len);
    return (uint8_t)(th_hash(secret, network, sizeof network) % TH_NEWCOMER_CROWDS);
}

enum th_err th_newcomers_add(struct th_newcomers *newcomers, struct th_line *line, uint8_t crowd)
{
    TH_CHECK(newcomers->count < TH_NEWCOMERS_MAX);
    if (newcomers->count == newcomers->room) {
        unsigned room = newcomers->room ? 2 * newcomers->room : ROOM_FIRST;
        void *grown = th_mem_resize(newcomers->newcomer, room, sizeof *newcomers->newcomer);
        if (grown == NULL)
            return TH_NO_MEMORY;
        newcomers->newcomer = grown;
        newcomers->room = room;
    }
    newcomers->newcomer[newcomers->count++] = (struct th_newcomer){line, crowd};
    newcomers->crowd[crowd]++;
    return TH_OK;
}

void th_newcomers_remove(struct th_newcomers *newcomers, const struct th_line *line)
{
    unsigned at = 0;

    while (at < newcomers->count && newcomers->newcomer[at].line != line)
        at++;
    TH_CHECK(at < newcomers->count);
    newcomers->crowd[newcomers->newcomer[at].crowd]--;
    newcomers->count--;
    memmove(&newcomers->newcomer[at], &newcomers->newcomer[at + 1],
            (newcomers->count - at) * sizeof *newcomers->newcomer);
}

struct th_line *th_newcomers_worst(const struct th_newcomers *newcomers)
{
    const struct th_newcomer *worst = &newcomers->newcomer[0];

    TH_CHECK(newcomers->count > 0);
    for (unsigned i = 1; i < newcomers->count; i++)
        if (newcomers->crowd[newcomers->newcomer[i].crowd] > newcomers->crowd[worst->crowd])
            worst = &newcomers->newcomer[i];
    return worst->line;
}

void th_newcomers_clear(struct th_newcomers *newcomers)
{
    th_mem_free(newcomers->newcomer);
    *newcomers = (struct th_newcomers){0};
}
